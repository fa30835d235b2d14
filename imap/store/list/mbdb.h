/*
 * mbdb.h - mailboxes.db: its records, and this process's copies of them
 *
 * Keys (doc/formats.md has the values):
 *   N name          the mailbox's entry
 *   I id            its name
 *   D partition, 0, directory     its id: no two mailboxes have one directory
 *   Q name          the limits of the quota root
 *   P id, kind      work on files that a change of names has left to do
 *   M               the directory that is being moved; one at a time
 *   V               the highest UIDVALIDITY given so far
 *   F               the list is whole; missing while it is being rebuilt
 *
 * Whoever writes holds LOCK_NAMES (mbpending.h), so what he has read stays so
 * until he has written.  Readers take no lock of ours.
 */
#ifndef IMAP_STORE_LIST_MBDB_H
#define IMAP_STORE_LIST_MBDB_H

#include "imap/store/list/local.h"
#include "imap/store/list/mblist.h"
#include "imap/store/list/quota.h"
#include "lib/buf.h"

enum mbdb_kind {
	MBDB_NAME = 'N', MBDB_ID = 'I', MBDB_DIR = 'D', MBDB_QUOTA = 'Q',
	MBDB_PENDING = 'P', MBDB_MOVE = 'M', MBDB_UIDVALIDITY = 'V', MBDB_WHOLE = 'F',
};

enum {
	/* Enough for any one entry: values are bounded by KV_VALUE_MAX. */
	MBDB_ARENA = 2 << 20,
};

/* Opens the environment, moving a damaged one away; no rebuilding. */
enum err mbdb_open(struct store *s, const char *dir) MUST_CHECK;

/*
 * Opens the environment once more, if it is another one by now, and puts a
 * handle in the place of the one that is there, which is returned.
 */
enum err mbdb_open_again(struct store *s, struct kv **kv) MUST_CHECK;
struct kv *mbdb_swap(struct store *s, struct kv *kv);
void mbdb_close(struct store *s);

/* As kv_get(), from this process's copy if that still holds. */
enum err mbdb_get(struct store *s, struct str key, struct buf *value) MUST_CHECK;
/* As kv_walk() and kv_begin(); joins the new environment after ERR_STALE. */
enum err mbdb_walk(struct store *s, struct str prefix, kv_each_fn each, void *ctx) MUST_CHECK;
enum err mbdb_begin(struct store *s, struct kv_txn **txn) MUST_CHECK;
/* For what makes room: a full disk does not stop it. */
enum err mbdb_begin_small(struct store *s, struct kv_txn **txn) MUST_CHECK;

/*
 * The database holds what nobody has written.  From here on it is not there, to
 * everybody (ERR_BUSY), until mblist_maintain() or the next to open the store
 * has built it anew.
 */
void mbdb_condemn(struct store *s, const char *why);

/* Keys. */
void mbdb_name_key(struct buf *key, enum mbdb_kind kind, struct str name);
void mbdb_id_key(struct buf *key, enum mbdb_kind kind, const struct id128 *id);
void mbdb_dir_key(struct buf *key, const char *partition, struct str dir);

/* Values.  A NULL string is kept as such. */
void mbdb_add_string(struct buf *b, const char *s);
/* False if *b does not begin with one or the arena is full. */
bool mbdb_get_string(struct str *b, struct arena *arena, const char **s);

/* The limits of a quota root. */
void mbdb_add_limits(struct buf *value, const struct quota_limits *l);
bool mbdb_get_limits(struct str value, struct quota_limits *l);

/* The longest quota root at or above NAME within the transaction; ERR_NOTFOUND. */
enum err mbdb_root_of(struct kv_txn *txn, struct str name, struct str *root) MUST_CHECK;

/* An entry that no version of this program has written? */
bool mbdb_is_damaged(struct str value);

/* An entry without its name; ERR_CORRUPT (logged), ERR_LIMIT. */
enum err mbdb_decode(struct arena *arena, struct str name, struct str value,
    struct mbentry **e) MUST_CHECK;

/*
 * Puts E under its name, id and directory; removes those of E.  A rename
 * removes the old entry and puts the new one.
 */
enum err mbdb_put(struct kv_txn *txn, const struct mbentry *e) MUST_CHECK;
enum err mbdb_remove(struct kv_txn *txn, const struct mbentry *e) MUST_CHECK;

/* What a change leaves to be done to files: see mbpending.h. */
enum mbpending_kind {		/* in the order in which they are done */
	PENDING_COPY = 'C',	/* a mailbox, or its copy for a partition, was begun here */
	PENDING_HEADER = 'H',	/* cyrus.header must be made to say what the list says */
	PENDING_PLACE = 'R',	/* that, and the directory may move to its canonical place */
	PENDING_REAP = 'X',	/* the files of a deleted (or moved) mailbox must go */
	PENDING_SUM = 'Z',	/* a quota root must be counted */
};

/*
 * PARTITION and DIR are for COPY and REAP, and part of the key: as long as no round
 * can be finished one mailbox may leave several places behind it.  Else NULL.
 */
enum err mbpending_add(struct kv_txn *txn, enum mbpending_kind kind,
    const struct id128 *id, const char *partition, const char *dir) MUST_CHECK;
enum err mbpending_remove(struct kv_txn *txn, enum mbpending_kind kind,
    const struct id128 *id, const char *partition, const char *dir) MUST_CHECK;
enum err mbpending_add_sum(struct kv_txn *txn, const char *quotaroot) MUST_CHECK;
/*
 * OK: the sum in its file is not to be believed, and *note is appended which note says
 * so; ERR_NOTFOUND: nothing is pending.
 */
enum err mbpending_get_sum(struct store *s, struct str quotaroot, struct buf *note) MUST_CHECK;
/* It has been counted since NOTE was read.  A newer note stays. */
enum err mbpending_remove_sum(struct store *s, struct str quotaroot, struct str note) MUST_CHECK;

/*
 * WANTED, or if that is 0 the time, but above all that were given before.  ERR_LIMIT:
 * it is so high that there would be none for later mailboxes.
 * mbdb_note_uidvalidity(), with the entry: later ones will be above USED.
 */
enum err mbdb_new_uidvalidity(struct store *s, uint32_t wanted, uint32_t *given) MUST_CHECK;
enum err mbdb_note_uidvalidity(struct kv_txn *txn, uint32_t used) MUST_CHECK;

/* Commits, or aborts if E is not OK; the first error comes back. */
enum err mbdb_end(struct store *s, struct kv_txn *txn, enum err e) MUST_CHECK;

#endif
