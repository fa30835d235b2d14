/*
 * quota.h - quota roots
 *
 * A quota root is a name; every mailbox belongs to the longest root that is
 * its own name or an ancestor's, or to none.  Usage is the sum of what the
 * index headers of its mailboxes say; quota/ROOT in the configuration
 * directory is a cache of that sum with the limit (line 1 usage in bytes,
 * line 2 limit in kilobytes), corrected by itself.
 */
#ifndef IMAP_STORE_QUOTA_H
#define IMAP_STORE_QUOTA_H

#include "imap/store/store.h"
#include "lib/arena.h"
#include "lib/err.h"

#define QUOTA_UNLIMITED	(-1)

struct quota {
	const char *root;
	uint64_t used_bytes;
	uint64_t used_messages;
	int64_t limit_kb;		/* STORAGE, in 1024 octets, or QUOTA_UNLIMITED */
	int64_t limit_messages;		/* MESSAGE, or QUOTA_UNLIMITED */
};

/* ERR_NOTFOUND: no such root. */
enum err quota_get(struct store *s, struct arena *arena, struct str root, struct quota *q) MUST_CHECK;

/* The root that the mailbox NAME (existing or not) belongs to; ERR_NOTFOUND. */
enum err quota_root_of(struct store *s, struct arena *arena, struct str name, const char **root) MUST_CHECK;

/* Makes the root if needed and moves the mailboxes below it to it. */
enum err quota_set(struct store *s, struct str root, int64_t limit_kb, int64_t limit_messages) MUST_CHECK;

/* Takes the root away; its mailboxes fall to the next one above, if any. */
enum err quota_remove(struct store *s, struct str root) MUST_CHECK;

/* May BYTES and MESSAGES be added?  ERR_QUOTA.  One message may overshoot:
 * the answer is no only if the root is at or over its limit already. */
enum err quota_check(struct store *s, struct str root, uint64_t bytes, uint64_t messages) MUST_CHECK;

/*
 * Adds to the cached usage, with the mailbox's lock and before its index says
 * so.  False: it could not be written, and whoever looks next counts anew; if
 * that was before the index says so, it has to be done once more afterwards.
 */
bool quota_add(struct store *s, struct str root, int64_t bytes, int64_t messages);

/* Sums the index headers anew; *was and *is in bytes.  FIX writes it; if that
 * fails, whoever looks next counts.  ERR_BUSY: a mailbox stays locked by another
 * process, so *is is about right only. */
enum err quota_recount(struct store *s, struct str root, bool fix, uint64_t *was, uint64_t *is) MUST_CHECK;

/*
 * Looks whether each mailbox whose name starts with PREFIX has the root that
 * it should have, and says which have not; FIX gives it to them.
 */
typedef void (*quota_report_fn)(void *ctx, const char *mailbox, const char *was,
    const char *is);	/* roots; NULL: none */
enum err quota_repair_roots(struct store *s, struct str prefix, bool fix,
    quota_report_fn report, void *ctx) MUST_CHECK;

typedef bool (*quota_each_fn)(void *ctx, const struct quota *q);
enum err quota_walk(struct store *s, struct str prefix, quota_each_fn each, void *ctx) MUST_CHECK;

#endif
