/*
 * grammar_annotate.h - annotations of messages in the arguments of commands
 * (RFC 5257 section 5)
 *
 * "Invalid entry or attribute names result in a BAD response in any IMAP commands
 * where they are used" (section 3.2).  Entry names are case-sensitive.
 */
#ifndef IMAP_IMAPD_PROTO_GRAMMAR_ANNOTATE_H
#define IMAP_IMAPD_PROTO_GRAMMAR_ANNOTATE_H

#include "imap/imapd/proto/fetch_req.h"

/* struct str: an entry, without and with wildcards */
bool rule_annotation_entry(struct parser *p, void *to);
bool rule_annotation_match(struct parser *p, void *to);

/* struct annotation_query: "(" entries SP attribs ")" */
bool rule_annotation_query(struct parser *p, void *to);

/* struct annotation_set: "(" entry-att *(SP entry-att) ")" */
bool rule_annotation_set(struct parser *p, void *to);

/* unsigned, enum annotation_attrib: "value" / "value.priv" / "value.shared" */
bool rule_att_search(struct parser *p, void *to);
/* the same, "value.priv" / "value.shared" */
bool rule_att_sort(struct parser *p, void *to);

/* struct str: nstring / literal8 */
bool rule_annotation_value(struct parser *p, void *to);

/* The N numbers at PART of the body part that an entry is about; 0: of none. */
size_t annotation_part(struct str entry, uint32_t part[SECTION_MAX_DEPTH]);

#endif
