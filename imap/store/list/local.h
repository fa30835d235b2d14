/*
 * local.h - the inside of struct store, for the files of imap/store/ only
 *
 * The local engine: partitions with their logs, the databases, descriptors.
 * Opened by store.c; everything here lives as long as the store.
 */
#ifndef IMAP_STORE_LIST_LOCAL_H
#define IMAP_STORE_LIST_LOCAL_H

#include "imap/store/list/params.h"
#include "lib/kv.h"

struct index;
struct mblist_cache;
struct wal;

enum {
	SPARES = 16,
	UNTIDY = 16,			/* more are noted again by their next commit */
};

struct spare {				/* spare.c's own */
	struct index *ix;
	struct id128 id;		/* the mailbox's */
};

struct partition {
	const char *name;
	const char *path;
	int dirfd;			/* the partition's root */
	int stagefd;			/* its stage directory */
	int walfd;			/* its log's directory */
	struct wal *wal;
};

struct store {
	struct store_params params;
	int config_fd;			/* the configuration directory */
	struct kv *mailboxes;		/* db/mailboxes.db */
	struct kv *delivered;		/* deliver.db; NULL until first used */
	int names_fd;			/* LOCK_NAMES */
	struct partition *part;
	size_t parts;
	struct mblist_cache *cache;	/* mblist.c's own, may be NULL */
	bool list_missing;		/* somebody died building it anew */
	struct spare spare[SPARES];	/* the latest first */
	size_t spares;
	struct id128 untidy[UNTIDY];	/* reclaim.c's own: mailboxes to look through */
	size_t untidies;
	bool first;			/* this process replayed a log */
};

/* NULL if there is no such partition. */
struct partition *store_partition_of(struct store *s, const char *name);

#endif
