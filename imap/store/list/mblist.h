/*
 * mblist.h - mailboxes.db: which mailboxes there are
 *
 * The list maps a name to a mailbox: its id, partition, directory, ACL, quota
 * root.  Every cyrus.header repeats this, so that the list can be rebuilt from
 * the spool.  No rights are checked here; callers ask mblist_rights() first.
 *
 * A change of names is one database transaction: after a crash it has
 * happened wholly or not at all.  Directories follow (see mblist.c).
 */
#ifndef IMAP_STORE_LIST_MBLIST_H
#define IMAP_STORE_LIST_MBLIST_H

#include "imap/store/list/params.h"
#include "lib/acl.h"
#include "lib/arena.h"
#include "lib/err.h"

enum mbentry_flags {
	MB_NOSELECT = 1,		/* a place in the hierarchy without mail */
};

struct mbentry {
	const char *name;
	struct id128 id;
	const char *partition;
	const char *dir;		/* below the partition's path */
	uint32_t uidvalidity;
	unsigned flags;
	const char *acl;		/* stored form, see lib/acl.h */
	const char *quotaroot;		/* NULL: none */
	const char *specialuse;		/* "\\Drafts ..." or NULL */
};

/* ERR_NOTFOUND, or the entry in ARENA. */
enum err mblist_lookup(struct store *s, struct arena *arena, struct str name,
    struct mbentry **e) MUST_CHECK;
enum err mblist_lookup_id(struct store *s, struct arena *arena,
    const struct id128 *id, struct mbentry **e) MUST_CHECK;

/*
 * Walks the entries named PREFIX or anything that starts with it ("" is all),
 * in hierarchical order: a mailbox, then everything below it, then its next
 * sibling.  *E is valid during the call only.  EACH returns false to stop.
 */
typedef bool (*mblist_each_fn)(void *ctx, const struct mbentry *e);
enum err mblist_walk(struct store *s, struct str prefix, mblist_each_fn each, void *ctx) MUST_CHECK;

/* Is there anything below NAME? */
enum err mblist_has_children(struct store *s, struct str name, bool *has) MUST_CHECK;

/* The closest existing ancestor; ERR_NOTFOUND if there is none. */
enum err mblist_parent(struct store *s, struct arena *arena, struct str name,
    struct mbentry **e) MUST_CHECK;

/*
 * Is it a possible internal name?  ERR_NAME: empty, empty component, control
 * characters, not NFC UTF-8, component or whole too long.
 */
enum err mblist_check_name(struct str name) MUST_CHECK;

struct mblist_create {
	struct str name;
	const char *partition;		/* NULL: the parent's, else the default */
	const char *acl;		/* NULL: the parent's; user.X: X has all; else default_acl */
	const char *specialuse;		/* NULL: none */
	uint32_t uidvalidity;		/* 0: choose; else see mblist_highest_uidvalidity() */
};
/*
 * The highest UIDVALIDITY that was ever given here.  Under one that is not above it
 * a mailbox of the same name may have been, and given other messages the same UIDs.
 */
enum err mblist_highest_uidvalidity(struct store *s, uint32_t *highest) MUST_CHECK;
/*
 * ERR_EXISTS, ERR_NAME, ERR_NOTFOUND (partition), ERR_QUOTA (too many mailboxes),
 * ERR_DENIED (the owner has another mailbox of this special use), ERR_LIMIT (a
 * UIDVALIDITY above which there would be none for later mailboxes).
 */
enum err mblist_create(struct store *s, const struct mblist_create *c) MUST_CHECK;

/*
 * Deletes one mailbox (its children stay), or with delete_delayed renames it
 * to DELETED.name.HEXTIME unless NOW.
 */
enum err mblist_delete(struct store *s, struct str name, bool now) MUST_CHECK;
/* NAME and everything below, in one step. */
enum err mblist_delete_tree(struct store *s, struct str name, bool now) MUST_CHECK;

/*
 * Renames FROM and everything below it to TO...; one transaction.  FROM need
 * not be a mailbox if any is below it; else ERR_NOTFOUND.  ids,
 * UIDs, flags, ACLs stay; UIDVALIDITY stays.  PARTITION (NULL: stay) moves
 * FROM itself to another partition; TO may equal FROM then.  ERR_EXISTS if TO
 * or any target below it is there.  Renaming user.X (an INBOX) by its owner
 * is the caller's affair (RFC 3501 6.3.5: messages move, INBOX stays); here
 * it is a rename like any other.
 */
enum err mblist_rename(struct store *s, struct str from, struct str to,
    const char *partition) MUST_CHECK;

enum err mblist_set_acl(struct store *s, struct str name, struct str acl) MUST_CHECK;
/* Reads, applies acl_change() and writes in one transaction. */
enum err mblist_change_acl(struct store *s, struct str name, struct str identifier,
    char mode, rights_t rights) MUST_CHECK;
/* For a mailbox of which it is not known any more which UIDs were given. */
enum err mblist_renew_uidvalidity(struct store *s, struct str name,
    uint32_t *given) MUST_CHECK;
/* USE: words separated by one blank, NULL: none.  ERR_DENIED as above. */
enum err mblist_set_specialuse(struct store *s, struct str name, const char *use) MUST_CHECK;

/*
 * Looks through the whole spool for mailboxes that the list does not have and
 * that are WANTED (NULL: all), calls EACH, and with ADD puts them into it:
 * restored from a backup, or lost.  One whose name another mailbox has by now
 * is called NAME-recovered-ID; WANTED is asked about the old name.
 */
enum err mblist_adopt(struct store *s, mblist_each_fn wanted, bool add, mblist_each_fn each,
    void *ctx) MUST_CHECK;

/*
 * Looks whether mailboxes.db is what was written, all of it; if not, builds it
 * anew from the spool and says so.
 */
enum err mblist_mend(struct store *s, bool *was_damaged) MUST_CHECK;

/*
 * For the store: opens mailboxes.db in the environment DIR (rebuilding it from
 * the spool when it is missing or beyond recovery); finishes what renames and
 * deletions of dead processes left; closes it.
 */
enum err mblist_open(struct store *s, const char *dir) MUST_CHECK;
enum err mblist_recover(struct store *s) MUST_CHECK;

/*
 * Between two commands, with no lock held: if a list that was to be built anew
 * is not whole, because its builder died, builds it.
 */
void mblist_maintain(struct store *s);

void mblist_close(struct store *s);

/*
 * Opens the mailbox's directory wherever it is at the moment, also while a
 * rename is moving it, and makes sure by the id in cyrus.index that it is E's.
 * *dirfd is the caller's to close.  ERR_NOTFOUND: deleted; ERR_CORRUPT.
 */
enum err mblist_open_dir(struct store *s, const struct mbentry *e, int *dirfd) MUST_CHECK;

/*
 * What WHO may do with E: the ACL, and for the owner of user.X... always l, k,
 * x and a besides (RFC 4314: the owner cannot lock himself out).
 */
rights_t mblist_rights(const struct mbentry *e, const struct identity *who);

/* The X of user.X...; {NULL, 0} if the mailbox belongs to nobody. */
struct str mblist_owner(struct str name);

#endif
