/* txn_in.h - the inside of a transaction, for txn.c, plan.c, commit.c */
#ifndef IMAP_STORE_MBOX_TXN_IN_H
#define IMAP_STORE_MBOX_TXN_IN_H

#include "imap/store/mbox/mbox_in.h"
#include "imap/disk/rec.h"
#include "imap/store/list/quota.h"
#include "imap/store/mbox/txn.h"
#include "lib/arena.h"

enum intent_type {
	INTENT_APPEND, INTENT_STORE, INTENT_EXPUNGE, INTENT_COPY, INTENT_ANNOTATE
};

struct intent {
	enum intent_type type;
	struct intent *next;
	struct blob *blob;		/* append */
	struct append_params append;
	struct store_params_flags store;
	bool any;			/* expunge */
	struct mbox *from;		/* copy */
	struct annotate_list annotate;
	const uint32_t *uids;		/* NULL: all */
	size_t n;
};

/* UIDs in growing order of arrival; a small vector on malloc. */
struct uidvec {
	uint32_t *v;
	size_t n, size;
};

struct txn {
	struct mbox *m;
	struct arena *arena;
	struct intent *first, **last;
	bool ignore_quota, may_overshoot;
	bool must_exist;		/* what is expunged */
	uint32_t dropped;		/* flags that copies lose, */
	bool drops_keywords;		/*   keywords too */
	unsigned copied;		/* enum copied_annots */
	bool moves;			/* what it copies goes there */
	struct txn_guard guard;
	bool skipped;
	enum err err;
	struct uidvec new_uids, source_uids, modified, expunged;
	struct txn_result result;
};

/* A message that the commit adds. */
struct new_message {
	struct index_record r;
	struct blob *blob;		/* its bytes, or */
	struct index *from;		/*   those of message from_uid of this index */
	struct partition *from_part;
	uint32_t from_uid, from_recno;
	enum rec_source source;
	bool written;			/* its file has been made */
};

/* What a commit does to one mailbox. */
struct target {
	struct store *s;
	struct partition *part;
	struct index *ix;
	struct mbox *m;			/* of the first transaction that names it */
	bool locked;
	uint32_t last_uid;
	uint64_t before;		/* the highest modseq when it was locked */
	uint64_t modseq;		/* of this commit; 0: nothing changes */

	struct new_message *new;
	size_t new_n, new_size;
	struct index_record *changed;	/* whole new records, by rising UID */
	size_t changed_n, changed_size;

	struct arena *arena;		/* header and keyword names */
	struct mailbox_header header;
	bool header_read;
	bool keyword_new[MBOX_KEYWORDS];
	bool keywords_changed;

	struct mbox *seen_of;		/* whose private \Seen changes */
	struct uidset seen;
	bool seen_changed;

	struct annots annots;		/* all of the mailbox's, with what changes */
	bool annots_read;
	struct annot *annot_change;	/* for the log; texts in the transactions' arenas */
	size_t annot_changes, annot_size;

	bool expunges;
	struct quota_change usage;	/* change of what exists */
	uint64_t lsn;
	bool applied;			/* durable, and in the index */
	enum err err;			/* why nothing of it was done */
};

/*
 * Works out what T does to TG's mailbox, which is locked, on top of what TG
 * holds already.  MOVE: the same messages are expunged elsewhere in the same
 * commit.  On error TG is as before, but for keyword names.
 */
enum err plan_txn(struct target *tg, struct txn *t, bool move) MUST_CHECK;
void target_free(struct target *tg);

#endif
