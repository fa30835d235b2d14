/*
 * header.h - cyrus.header: a mailbox's own copy of what mailboxes.db knows
 *
 * Small, written whole by way of a temporary file; together with cyrus.index
 * and the message files it is enough to rebuild everything else.  Format:
 * doc/formats.md.  Written under the mailbox's lock only.
 */
#ifndef IMAP_DISK_HEADER_H
#define IMAP_DISK_HEADER_H

#include "imap/disk/message.h"
#include "imap/disk/id128.h"
#include "lib/arena.h"
#include "lib/err.h"

struct mailbox_header {
	const char *name;
	struct id128 id;
	uint32_t uidvalidity;
	unsigned flags;			/* enum mbentry_flags */
	const char *acl;
	const char *quotaroot;		/* NULL: none */
	const char *specialuse;		/* NULL: none */
	const char *keyword[MBOX_KEYWORDS];	/* NULL: free */
};

/* Replaces cyrus.header in the directory; DURABLE as in file_replace(). */
enum err header_write(int dirfd, const struct mailbox_header *h, bool durable) MUST_CHECK;

/* ERR_NOTFOUND, ERR_CORRUPT (checksum, syntax; logged). */
enum err header_read(int dirfd, struct arena *arena, struct mailbox_header *h) MUST_CHECK;

#endif
