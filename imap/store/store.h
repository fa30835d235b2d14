/*
 * store.h - the mail store of one server
 *
 * The store is the only code that opens a file of the spool or a database of
 * the configuration directory.  It knows mailboxes, messages, flags, rights
 * and quotas; it knows no protocol and reads no options: what it must know is
 * in struct store_params.
 *
 * Names are internal names: components joined by '.', "user.johndoe.drafts",
 * UTF-8 in normalization form C.  A '.' within a component is kept as '^'.
 *
 * Acknowledged means durable: a function that changes something returns OK
 * only after the change has been flushed.  See doc/architecture.md, commit.
 *
 * One struct store a process; mailboxes are opened in it (mbox.h).  Not for
 * several threads.
 */
#ifndef IMAP_STORE_STORE_H
#define IMAP_STORE_STORE_H

#include "imap/disk/id128.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

struct store_partition {
	const char *name;
	const char *path;
};

struct store_params {
	const char *config_dir;
	const struct store_partition *partitions;
	size_t partition_count;
	const char *default_partition;
	bool expunge_delayed;		/* expunged messages stay until cyr_expire */
	int64_t expunge_grace;		/* else for so many seconds, if a session has them */
	bool delete_delayed;		/* deleted mailboxes move below deleted_prefix */
	const char *deleted_prefix;	/* "DELETED" */
	const char *default_acl;	/* stored form, for mailboxes without a parent */
	bool hash_spool;		/* hashimapspool: user/j/johndoe */
	/* Told after each commit, never before; must not block.  May be NULL. */
	void (*publish)(void *ctx, const struct id128 *mailbox);
	void *publish_ctx;
};

/*
 * Opens the store.  The first process that opens it after a stop or a crash
 * replays the logs; nobody waits for a person.  Missing directories below the
 * configuration directory and the partitions are made; a missing partition
 * itself is ERR_NOTFOUND (a file system that is not mounted must not be taken
 * for an empty one).  PARAMS and what it points to must outlive the store.
 */
enum err store_open(const struct store_params *params, struct store **s) MUST_CHECK;
void store_close(struct store *s);

const struct store_params *store_params_of(const struct store *s);

/* Flushes all partitions and databases and lets the logs go (ctl_cyrusdb -c). */
enum err store_checkpoint(struct store *s) MUST_CHECK;

/*
 * For workers between two commands: does what is due (a checkpoint when a log
 * has grown, unless another process is at it; compaction of mailboxes from which
 * this process has seen much expunged).  Returns at once when nothing is.
 */
void store_maintain(struct store *s);

#endif
