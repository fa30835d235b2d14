/*
 * unexpunge.h - bringing back messages that were expunged
 *
 * With expunge_delayed an expunged message's file stays until cyr_expire takes
 * it.  A message that is brought back is a new message of the same bytes, date,
 * flags and annotations: its old UID was gone for clients and stays gone.
 */
#ifndef IMAP_STORE_UNEXPUNGE_H
#define IMAP_STORE_UNEXPUNGE_H

#include "imap/store/list/mblist.h"
#include "imap/store/store.h"
#include "lib/err.h"

struct expunged {
	uint32_t uid;
	uint32_t flags;			/* MSG_* when it went */
	int64_t sent, received, when;	/* unix seconds */
	struct str bytes;		/* during the call only */
};

/* Those whose file is there, by rising UID.  EACH returns false to stop. */
typedef bool (*expunged_each_fn)(void *ctx, const struct expunged *m);
enum err expunged_walk(struct store *s, const struct mbentry *e, expunged_each_fn each,
    void *ctx) MUST_CHECK;

struct unexpunge {
	const uint32_t *uids;		/* rising */
	size_t n;
	bool undelete;			/* without \Deleted */
	uint32_t flags;			/* MSG_* to add */
	const char *keyword;		/* to add, or NULL */
};

/*
 * Quotas do not count: it had room before.  NEW_UIDS, room for N, has for each
 * the new UID, or 0 for one that is not there to be brought back.  After an
 * error those that have a new UID are back.
 */
enum err unexpunge(struct store *s, const struct mbentry *e, const struct unexpunge *u,
    uint32_t *new_uids) MUST_CHECK;

#endif
