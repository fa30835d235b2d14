/*
 * parse_date.h - dates in commands (RFC 9051 section 9)
 */
#ifndef IMAP_IMAPD_PROTO_PARSE_DATE_H
#define IMAP_IMAPD_PROTO_PARSE_DATE_H

#include "imap/imapd/proto/parse.h"

/* date-time: a quoted INTERNALDATE. */
struct date_time {
	int64_t seconds;		/* since 1970 */
	int32_t zone_minutes;
};
bool parse_date_time(struct parser *p, struct date_time *t);

/* date (SEARCH): days since 1970-01-01. */
bool parse_date(struct parser *p, int64_t *days);

#endif
