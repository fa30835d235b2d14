/*
 * format.h - flags and dates as IMAP writes them
 *
 * Written by hand: these are made for every message of a list.
 */
#ifndef IMAP_IMAPD_PROTO_FORMAT_H
#define IMAP_IMAPD_PROTO_FORMAT_H

#include "imap/store/mbox/mbox.h"
#include "lib/buf.h"

#include <stdint.h>

/*
 * "(\Recent \Seen $Work)": the flags of MSG, a message of M.  Of its keywords
 * those that the client was TOLD of, see session.h.
 */
void format_flags(struct mbox *m, const struct message *msg, const struct keywords *told,
    struct buf *out);

/* The day that was formatted last; zeroed before the first use. */
struct format_day {
	int64_t day;			/* since 1970-01-01 */
	char text[12];			/* " 7-Feb-1994"; empty: none yet */
};

/* date-time: "\" 7-Feb-1994 21:52:25 -0800\"" */
void format_date_time(struct format_day *last, int64_t seconds, int zone_minutes,
    struct buf *out);

#endif
