/*
 * section.h - "[...]" and "<...>" of FETCH (RFC 9051 section 9, section)
 */
#ifndef IMAP_IMAPD_PROTO_SECTION_H
#define IMAP_IMAPD_PROTO_SECTION_H

#include "imap/imapd/proto/fetch_req.h"

/* section ["<" number "." nz-number ">"] and its label, behind BODY. */
bool rule_body_section(struct parser *p, void *to);	/* struct fetch_section */

/* "[" [section-part] "]", with "<...>" behind BINARY, without behind BINARY.SIZE. */
bool rule_binary_section(struct parser *p, void *to);
bool rule_binary_size_section(struct parser *p, void *to);

/* TEXT, all of it, as what stands between the brackets of BODY[]; no label. */
bool parse_section_spec(struct parser *p, struct fetch_section *s);

#endif
