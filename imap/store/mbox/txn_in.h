/* txn_in.h - the inside of a transaction, for txn.c, plan*.c, commit*.c */
#ifndef IMAP_STORE_MBOX_TXN_IN_H
#define IMAP_STORE_MBOX_TXN_IN_H

#include "imap/store/mbox/mbox_in.h"
#include "imap/store/mbox/target.h"
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

/*
 * Works out what T does to TG's mailbox, which is locked, on top of what TG
 * holds already.  MOVE: the same messages are expunged elsewhere in the same
 * commit.  On error TG is as before, but for keyword names.
 */
enum err plan_txn(struct target *tg, struct txn *t, bool move) MUST_CHECK;

#endif
