/*
 * parse_flags.h - flags in commands (RFC 9051 section 9)
 */
#ifndef IMAP_IMAPD_PROTO_PARSE_FLAGS_H
#define IMAP_IMAPD_PROTO_PARSE_FLAGS_H

#include "imap/imapd/proto/parse.h"

enum { PARSE_MAX_FLAGS = 256 };		/* keywords in one list */

/* System flags as the bits of enum msg_flags, the rest as keywords. */
struct flag_list {
	uint32_t system;
	struct str *keyword;
	size_t count;
};
/* flag: \Recent and unknown \flags are not accepted (BAD). */
bool parse_flag_list(struct parser *p, struct flag_list *flags);	/* "(" ... ")" */
bool parse_flags(struct parser *p, struct flag_list *flags);	/* also without "()": STORE */
bool parse_flag_keyword(struct parser *p, struct str *keyword);

#endif
