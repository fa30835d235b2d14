/*
 * witness.h - a second place that knows how far a mailbox has come
 *
 * cyrus.index says which UIDs and modseqs were given.  Should it be put back
 * from a backup, or rot, it says less than was true, and nothing in it tells.
 * So every checkpoint writes both numbers behind the text of cyrus.header as
 * well, before it lets go of the log.  What was given later is in the log; so
 * an index that knows less than witness and log together is an old one.
 *
 * Two lines of WITNESS_LINE bytes behind the header's checksum:
 *
 *	last TAB UID (10 digits) TAB modseq (20 digits) TAB CRC LF
 *
 * The CRC (8 hex digits) is of the mailbox's id and the line before it, so
 * another mailbox's header is no witness.  The line that says less is written
 * over, in place and not flushed: a torn one leaves the other.
 */
#ifndef IMAP_DISK_WITNESS_H
#define IMAP_DISK_WITNESS_H

#include "imap/disk/id128.h"
#include "lib/buf.h"
#include "lib/err.h"

enum { WITNESS_LINE = 46 };

struct witness {
	uint32_t last_uid;
	uint64_t modseq;
};

/* Where the header's text with its checksum ends; 0: nowhere. */
size_t witness_place(struct str file);

/* Two lines for a file that is written whole. */
void witness_format(struct buf *b, const struct id128 *id, const struct witness *w);

/* What cyrus.header of the directory says; zeros and ERR_NOTFOUND if nothing. */
enum err witness_read(int dirfd, const struct id128 *id, struct witness *w) MUST_CHECK;

/*
 * Raises what it says, under the mailbox's lock.  ERR_NOTFOUND: there is no
 * room for it; the next header_write() makes some.
 */
enum err witness_raise(int dirfd, const struct id128 *id, const struct witness *w) MUST_CHECK;

#endif
