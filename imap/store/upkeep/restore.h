/*
 * restore.h - a message's file, made again from the log
 *
 * After a power cut any file that was not flushed may be gone, torn or old.  Where
 * its bytes are is what the record of the message says: in the same frame, in the
 * stage, or in the mailbox that it was copied from.
 */
#ifndef IMAP_STORE_UPKEEP_RESTORE_H
#define IMAP_STORE_UPKEEP_RESTORE_H

#include "imap/disk/rec.h"
#include "imap/store/list/local.h"

/* One frame's view of the blobs that it carries; zeroed at first. */
struct carried {
	struct rec_blob *blob;
	size_t n, size;
};

struct restorer {
	struct store *s;
	struct partition *part;
	struct carried carried;		/* emptied at each frame */
};

void restore_carry(struct carried *c, const struct rec_blob *b);

/*
 * Makes the file of M in the directory whole, if it is not.  ERR_NOTFOUND,
 * ERR_CORRUPT: its bytes are nowhere, as after an expunge that the log has, too.
 */
enum err restore_file(const struct restorer *r, int dirfd, const struct rec_message *m) MUST_CHECK;

#endif
