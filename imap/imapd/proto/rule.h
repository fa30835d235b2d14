/*
 * rule.h - the leaves of the grammar, as the rows of step.h want them
 *
 * Each is the rule of the same name in parse.h (RFC 9051 section 9); behind it
 * the type of the field.
 */
#ifndef IMAP_IMAPD_PROTO_RULE_H
#define IMAP_IMAPD_PROTO_RULE_H

#include "imap/imapd/proto/parse.h"

bool rule_atom(struct parser *p, void *to);		/* struct str */
bool rule_astring(struct parser *p, void *to);		/* struct str */
bool rule_string(struct parser *p, void *to);		/* struct str */
bool rule_nstring(struct parser *p, void *to);		/* struct str, NIL: .p is NULL */
bool rule_mailbox(struct parser *p, void *to);		/* struct str, as sent */
bool rule_list_mailbox(struct parser *p, void *to);	/* struct str */
bool rule_number(struct parser *p, void *to);		/* uint32_t */
bool rule_nz_number(struct parser *p, void *to);	/* uint32_t */
bool rule_number64(struct parser *p, void *to);		/* uint64_t */
bool rule_objectid(struct parser *p, void *to);		/* struct str (RFC 8474) */
/* uint64_t, up to 2^63 - 1: mod-sequence-value (not 0), mod-sequence-valzer (RFC 7162) */
bool rule_modseq(struct parser *p, void *to);
bool rule_modseq_or_0(struct parser *p, void *to);
bool rule_sequence_set(struct parser *p, void *to);	/* struct sequence_set */
bool rule_partial_range(struct parser *p, void *to);	/* struct partial_range, all 0 */
bool rule_known_set(struct parser *p, void *to);	/* the same without "*" */
bool rule_flag_list(struct parser *p, void *to);	/* struct flag_list: "(" ... ")" */
bool rule_flags(struct parser *p, void *to);		/* struct flag_list, also bare */
bool rule_flag_keyword(struct parser *p, void *to);	/* struct str */
bool rule_date(struct parser *p, void *to);		/* int64_t, days since 1970 */
bool rule_date_time(struct parser *p, void *to);	/* struct date_time */
bool rule_message(struct parser *p, void *to);		/* struct message_literal * */

#endif
