/*
 * watched.h - the mailboxes that a session watches, and what its client knows of
 * them (RFC 5465)
 *
 * The list is what the client has been told, or has done itself; what has happened
 * is found by making it once more and comparing.  So nothing is queued for a client
 * that does not read, and a notice that was missed is made up for by looking.
 *
 * Limits: as many mailboxes as notifymailboxes says, WATCHED_MAX at most; about 150
 * bytes each, with their names.
 */
#ifndef IMAP_IMAPD_SESSION_WATCHED_H
#define IMAP_IMAPD_SESSION_WATCHED_H

#include "imap/imapd/session/scope.h"
#include "imap/imapd/session/told_notes.h"
#include "imap/server/notify.h"

enum { WATCHED_MAX = NOTIFY_WATCH_MAX * 3 / 4 };	/* the rest is for topics */

struct known {				/* of a mailbox's messages */
	uint32_t messages, uidnext, uidvalidity, unseen;
	uint64_t modseq;		/* ... and all changes up to it are the client's own */
};

struct watched {
	struct str name;		/* internal; the list's */
	struct id128 id;
	unsigned events;		/* what is asked for, whether it may be told or not */
	bool may_read;			/* without the r right nothing is told but LIST */
	bool lost;			/* its l right is gone: only that it may come back */
	bool noselect;
	bool subscribed;
	unsigned facts;			/* enum scope_fact */
	bool is_snapshot;		/* see scope.h */
	uint32_t uidvalidity;		/* by the list of mailboxes */
	uint32_t use;			/* a digest of its special use */
	bool fresh;			/* the client knows nothing of its messages */
	bool dirty;			/* it is to be looked at */
	struct known known;
	struct told_notes notes;
};

struct watched_list {
	struct arena *arena;
	struct watched *v;		/* in hierarchical order */
	size_t n, size;
	struct watched **by_id;		/* sorted */
	struct str *subscribed;		/* names, if one of the filters is SUBSCRIBED */
	size_t subscriptions;
};

/* How many there may be. */
size_t watched_max(const struct session *s);

/*
 * What there is now, nothing known of any.  Only what the user may know of.
 * ERR_LIMIT: too many; ERR_BUSY ...: the list of mailboxes could not be read.
 */
enum err watched_read(struct session *s, const struct scope *scope,
    struct watched_list *list) MUST_CHECK;
void watched_free(struct watched_list *list);

/* NULL: it is not in the list. */
struct watched *watched_find(const struct watched_list *list, struct str name);
struct watched *watched_find_id(const struct watched_list *list, const struct id128 *id);

/* TO gets what FROM knows; FROM is spent. */
void watched_carry(struct watched *to, struct watched *from);

/*
 * Adds a copy of FROM; watched_sort() before anything is looked for.  False: there is
 * no room.
 */
bool watched_add(struct watched_list *list, struct watched *from);
void watched_sort(struct watched_list *list);

/*
 * The session's own doing: NAME, with TREE also all below it, is as it is now, and
 * the client knows.  An error: the list should be read anew, perhaps for the room that
 * names take that are gone.
 */
enum err watched_relearn(struct session *s, const struct scope *scope,
    struct watched_list *list, struct str name, bool tree) MUST_CHECK;

/* FROM and all below it have other names now. */
enum err watched_rename(struct watched_list *list, struct str from, struct str to) MUST_CHECK;

/* May the mailbox's events be told, but for LIST? */
bool watched_is_open(const struct watched *w);

#endif
