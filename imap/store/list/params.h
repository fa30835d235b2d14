/*
 * params.h - what the store is told when it is opened (store.h)
 *
 * All that it knows of options.  It is kept by pointers: what they point to
 * outlives the store.
 */
#ifndef IMAP_STORE_LIST_PARAMS_H
#define IMAP_STORE_LIST_PARAMS_H

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
	/*
	 * Told after each commit, never before: the mailbox, or a topic (topic.h).  Must
	 * not block.  May be NULL.
	 */
	void (*publish)(void *ctx, const struct id128 *id);
	void *publish_ctx;
};

const struct store_params *store_params_of(const struct store *s);

#endif
