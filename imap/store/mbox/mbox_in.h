/*
 * mbox_in.h - the inside of an open mailbox, for mbox.c, view.c, txn.c, commit.c
 *
 * The view is a list of record numbers.  While no message before the last one
 * known is a tombstone the list is the identity and `map` is NULL, so that
 * opening a large mailbox costs the same as a small one.  A number with the bit
 * GHOST is one in `ghost`: its record has been left out of the index (compact.c)
 * before the session could be told of the expunge.
 */
#ifndef IMAP_STORE_MBOX_MBOX_IN_H
#define IMAP_STORE_MBOX_MBOX_IN_H

#include "imap/disk/header.h"
#include "imap/disk/index.h"
#include "imap/disk/ranks.h"
#include "imap/store/list/local.h"
#include "imap/store/list/mbdir.h"
#include "imap/store/mbox/mbox.h"
#include "imap/store/mbox/ranked.h"
#include "imap/disk/uidset.h"
#include "lib/buf.h"

static const uint32_t GHOST = (uint32_t)1 << 31;

struct cached_entry {
	uint32_t recno;
	struct str entry;		/* checked */
	bool valid;
};

struct mbox {
	struct store *store;
	struct partition *part;
	struct arena *arena;		/* userid, the entry it was opened with */
	struct mbentry *entry;
	struct arena *entry_arena;	/* of a newer one, or NULL */
	uint64_t list_changes;		/* kv_changes() when it was looked up, */
	bool looked_up;			/*   if it was */
	bool deleted;			/* since it was opened */
	bool moved;			/* to another partition; what is open is its old place */
	bool was_kept;			/* it had been then, and is kept for a while */
	const char *userid;
	unsigned flags;			/* MBOX_* */
	struct index *ix;
	struct index_header h;		/* what the view is based on */

	uint32_t *map;			/* record numbers; NULL: 0..count-1 */
	size_t map_size;
	uint32_t count;
	uint32_t known;			/* records the view has looked at */
	uint32_t last_uid;		/* the highest that was given when the view was made */
	bool hidden;			/* tombstones may be in the view */
	bool stale;			/* m->h is of a new file, which was not looked through */
	struct index_record *ghost;	/* of the view, and not in the index any more */
	uint32_t ghosts;
	uint64_t told;			/* modseq up to which changes are told */

	struct uidset recents;		/* given to this session */
	uint32_t recent;		/* how many of them are in the view */

	struct uidset own;		/* modseqs (low 32 bits) of own commits since */
	struct uidset force;		/* UIDs to be told although own commits hid them */

	bool private_seen;		/* \Seen is in cyrus.seen, not in the index */
	struct uidset seen;
	uint32_t seen_recent;
	uint64_t seen_loaded;		/* h.seen_changed + 1 when it was read; 0: not yet */

	struct annots annots;
	uint64_t annots_loaded;		/* h.annotations_changed + 1 when it was read */
	bool watches;			/* annotations of messages, see annotwatch.h: */
	struct annots watched;		/*   what the session knows of them, */
	uint64_t watched_changed;	/*   as of this h.annotations_changed */

	struct arena *keyword_arena;
	struct mailbox_header keywords;
	uint64_t keywords_loaded;	/* h.keywords_changed + 1 when read; 0: not yet */

	struct buf body;		/* a small message's bytes */
	struct str body_map;		/* a large one's */
	struct buf cache_made;		/* an entry that was made anew */
	struct cached_entry cached;

	struct ranks_table ranking[RANKED_KEPT];	/* ranked.c's own: to be written */
	size_t rankings;
	uint32_t ranking_keys;
	unsigned ranking_tries;
};

/* A copy of E in A, or NULL. */
struct mbentry *mbox_copy_entry(struct arena *a, const struct mbentry *e);
/* Is it of those whose \Seen is in the index? */
bool mbox_is_owner(const struct mbentry *e, const char *userid);
/* Is it one that has been deleted, and is kept for a while (delete_delayed)? */
bool mbox_is_kept(const struct store *s, const struct mbentry *e);

/* Record number of SEQ, which must be in 1..count. */
uint32_t view_recno(const struct mbox *m, uint32_t seq);
/* Its record, without checks: for scans that look at one field. */
const struct index_record *view_peek(const struct mbox *m, uint32_t seq);
/*
 * Opens m->ix where the list says that it is now, which is not where it was.
 * ERR_STALE: it says the same as before; ERR_NOTFOUND.  On an error M stays as
 * it was, else its old index is closed.
 */
enum err mbox_move_along(struct mbox *m) MUST_CHECK;
/* Builds the view from m->h; claims \Recent unless read-only. */
enum err view_build(struct mbox *m) MUST_CHECK;
/* Opens m->ix in the entry's directory, wherever that is now. */
enum err mbox_open_index(struct mbox *m) MUST_CHECK;
/* A fresh snapshot in *h; repairs what a dead writer left. */
enum err mbox_snapshot(struct mbox *m, struct index_header *h) MUST_CHECK;
/* index_get(), and the same. */
enum err mbox_record(struct mbox *m, uint32_t recno, struct index_record *r) MUST_CHECK;
/* Reads the user's \Seen set again if it has changed. */
enum err mbox_load_seen(struct mbox *m, const struct index_header *h) MUST_CHECK;
/* The same as of now, without a snapshot: other sessions of the user change it. */
enum err mbox_refresh_seen(struct mbox *m) MUST_CHECK;
/* mbox_annots() that takes no lock: ERR_BUSY while a writer is, or died, inside. */
enum err mbox_annots_now(struct mbox *m, const struct annots **a) MUST_CHECK;
/* The keywords' names as of now. */
enum err mbox_load_keywords(struct mbox *m, uint64_t changed) MUST_CHECK;
/*
 * The index was replaced: opens the new one and finds the view's messages in
 * it.  The view stays as it is: of those that are not there it has copies of
 * the records, as of messages that were expunged and not told of yet.
 */
enum err mbox_reopen(struct mbox *m) MUST_CHECK;

#endif
