/*
 * spool.h - message files: DIRECTORY/UID. and the partition's stage directory
 */
#ifndef IMAP_DISK_SPOOL_H
#define IMAP_DISK_SPOOL_H

#include "imap/disk/id128.h"
#include "lib/err.h"

enum { SPOOL_NAME = 40 };

/* "17." */
void spool_name(uint32_t uid, char name[SPOOL_NAME]);
/* UID of such a name, 0 if it is none. */
uint32_t spool_uid(const char *name);
/* The stage file's name: the blob's id in hex. */
void spool_stage_name(const struct id128 *blob, char name[SPOOL_NAME]);

/* ERR_EXISTS: there is a file of that UID. */
enum err spool_is_free(int dirfd, uint32_t uid) MUST_CHECK;

/* What if there is a file of that UID? */
enum spool_over {
	SPOOL_NEW,			/* ERR_EXISTS, for it may be a message */
	SPOOL_REPLACE,			/* the log says that it should be this one */
};

/*
 * Writes a message file with these bytes, unflushed; what is replaced is
 * unlinked, never written into: it may be a link to another message.
 */
enum err spool_write(int dirfd, uint32_t uid, struct str bytes, enum spool_over over) MUST_CHECK;

/*
 * Makes DIRFD/UID. another name of FROMDIR/FROM.  When that has as many links as
 * it may have, or lies on another file system, it is copied (unflushed) and
 * *copied set.
 */
enum err spool_link(int fromdir, const char *from, int dirfd, uint32_t uid,
    enum spool_over over, bool *copied) MUST_CHECK;

/* The same bytes in a new file, unflushed; ERR_EXISTS. */
enum err spool_copy(int fromdir, const char *from, int dirfd, uint32_t uid) MUST_CHECK;

/* The highest UID of the directory's files up to MAX; 0 if there is none. */
enum err spool_highest(int dirfd, const char *path, uint32_t max, uint32_t *uid) MUST_CHECK;

/*
 * Is it what a power cut leaves of a file that nobody flushed: empty, or with
 * a sector of zeros, which no message has?  False, too, if it cannot be said.
 */
bool spool_is_torn(int dirfd, uint32_t uid);

/* Its bytes are read from the disk next, see file_forget(). */
void spool_forget(int dirfd, uint32_t uid);

/* Does DIRFD/UID. exist with these bytes (by size and SHA-256)?  ERR_IO: it
 * cannot be said. */
enum err spool_verify(int dirfd, uint32_t uid, uint64_t size, const uint8_t guid[32],
    bool *same) MUST_CHECK;

/*
 * Removes the temporary files that killed writers left in a mailbox's
 * directory.  With the mailbox's lock, when no commit is to be finished.
 */
void spool_sweep(int dirfd);

#endif
