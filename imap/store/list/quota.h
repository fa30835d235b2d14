/*
 * quota.h - quota roots
 *
 * A quota root is a name; every mailbox belongs to the longest root that is
 * its own name or an ancestor's, or to none.  Usage is the sum of what the
 * index headers of its mailboxes say; quota/ROOT in the configuration
 * directory is a cache of that sum with the limits (line 1 usage in bytes,
 * line 2 limit in kilobytes), corrected by itself.  How many mailboxes there
 * are is asked of the list each time.
 */
#ifndef IMAP_STORE_LIST_QUOTA_H
#define IMAP_STORE_LIST_QUOTA_H

#include "imap/store/list/params.h"
#include "lib/arena.h"
#include "lib/err.h"

#define QUOTA_UNLIMITED	(-1)

/* The resources of RFC 9208, each limited or QUOTA_UNLIMITED. */
struct quota_limits {
	int64_t kb;			/* STORAGE, in 1024 octets */
	int64_t messages;		/* MESSAGE */
	int64_t mailboxes;		/* MAILBOX */
	int64_t annotation_kb;		/* ANNOTATION-STORAGE, in 1024 octets */
};
#define QUOTA_NO_LIMITS	((struct quota_limits){ QUOTA_UNLIMITED, QUOTA_UNLIMITED, \
			    QUOTA_UNLIMITED, QUOTA_UNLIMITED })

struct quota {
	const char *root;
	uint64_t used_bytes;
	uint64_t used_messages;
	uint64_t used_mailboxes;	/* counted if it is limited, else 0 */
	uint64_t used_annotation;	/* octets */
	struct quota_limits limit;
};

/* ERR_NOTFOUND: no such root. */
enum err quota_get(struct store *s, struct arena *arena, struct str root, struct quota *q) MUST_CHECK;

/* The root that the mailbox NAME (existing or not) belongs to; ERR_NOTFOUND. */
enum err quota_root_of(struct store *s, struct arena *arena, struct str name, const char **root) MUST_CHECK;

/* Makes the root if needed and moves the mailboxes below it to it. */
enum err quota_set(struct store *s, struct str root, const struct quota_limits *l) MUST_CHECK;

/* Takes the root away; its mailboxes fall to the next one above, if any. */
enum err quota_remove(struct store *s, struct str root) MUST_CHECK;

/* What a change adds to, or takes from, a root's usage. */
struct quota_change {
	int64_t bytes, messages;
	int64_t annotation;		/* octets of annotations */
};

/*
 * May that be added?  ERR_QUOTA.  MAY_OVERSHOOT, as delivery does: the answer is
 * no only if the root is at its limit already.
 */
enum err quota_check(struct store *s, struct str root, const struct quota_change *c,
    bool may_overshoot) MUST_CHECK;

/* May the mailbox NAME be made?  ERR_QUOTA. */
enum err quota_check_mailbox(struct store *s, struct str name) MUST_CHECK;

/*
 * Adds to the cached usage, with the mailbox's lock and before its index says
 * so.  False: it could not be written, and whoever looks next counts anew; if
 * that was before the index says so, it has to be done once more afterwards.
 * HELD is the sum's lock: quota_added() when the index says so, before any lock of
 * another mailbox or sum is waited for.
 */
bool quota_add(struct store *s, struct str root, const struct quota_change *c, int *held);
void quota_added(int held);

/* Sums the index headers anew; *was and *is in bytes.  FIX writes it; if that
 * fails, whoever looks next counts.  ERR_BUSY: another process has the sum's lock
 * and does not let go, so *is is about right only. */
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
