/* text_parts.h - the texts that fuzz_text reads beside those of lib/ */
#ifndef TEST_FUZZ_TEXT_PARTS_H
#define TEST_FUZZ_TEXT_PARTS_H

#include "lib/str.h"

void fuzz_mailbox_name(struct str s);	/* STYLE NAME */
void fuzz_imap_url(struct str s);
void fuzz_pattern(struct str s);	/* PATTERN LF NAME */
void fuzz_cyrus_conf(struct str s);
void fuzz_schedule(struct str s);	/* CRONTAB LF AT */
void fuzz_transfer(struct str s);	/* PIECES ENCODING LF BODY */
void fuzz_json(struct str s);
void fuzz_lmtp_path(struct str s);
void fuzz_message(struct str s);	/* between our processes: fields.h */
void fuzz_proxy(struct str s);		/* a PROXY header; a list of networks */
void fuzz_oauth(struct str s);		/* what a client says, a set of keys, a token */
void fuzz_date(struct str s);		/* eight bytes of time, two of zone, a date */

#endif
