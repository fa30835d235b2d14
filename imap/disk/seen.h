/*
 * seen.h - cyrus.seen: \Seen of users who do not own the mailbox
 *
 * One line a user, TAB between the fields: user, last UID that was given as
 * \Recent, time of the last change, set of seen UIDs, CRC-32C of what is
 * before it in hex.  A damaged line is dropped when the file is next written.
 */
#ifndef IMAP_DISK_SEEN_H
#define IMAP_DISK_SEEN_H

#include "imap/disk/rec.h"
#include "imap/disk/uidset.h"
#include "lib/err.h"

/* The user's set; an empty one and 0 if he has none.  ERR_IO. */
enum err seen_read(int dirfd, struct str user, struct uidset *set, uint32_t *recent_uid) MUST_CHECK;

/*
 * Replacing a user's line in two steps, under the mailbox's lock:
 * seen_prepare() writes the new file beside the old one and may fail;
 * seen_apply() gives it the name.  seen_cancel() removes it again.
 */
enum err seen_prepare(int dirfd, const struct rec_seen *line) MUST_CHECK;
enum err seen_apply(int dirfd) MUST_CHECK;
void seen_cancel(int dirfd);

#endif
