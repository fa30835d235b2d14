/*
 * txn.h - changes of a mailbox
 *
 * A transaction collects intentions ("append this", "add \Seen to those") and
 * applies them to the mailbox's state of the moment of commit, all or none.
 * Nothing is locked before txn_commit().  OK from txn_commit() means durable.
 *
 * txn_commit_all() commits several transactions together with one flush:
 * those on one partition are one step also for a crash.  A MOVE is the copy's
 * transaction and the expunge's, in that order.
 */
#ifndef IMAP_STORE_MBOX_TXN_H
#define IMAP_STORE_MBOX_TXN_H

#include "imap/disk/annot.h"
#include "imap/store/mbox/blob.h"
#include "imap/store/mbox/mbox.h"
#include "lib/err.h"

struct txn;

struct txn *txn_begin(struct mbox *m);
void txn_abort(struct txn *t);		/* NULL allowed; also ends a committed one */

/* Keyword names as the client wrote them; compared without regard to case. */
struct flag_names {
	const struct str *name;
	size_t count;
};

/* Annotations that are changed together, of each message all of them or none. */
struct annotate_list {
	const struct annotate_params *one;
	size_t n;
	bool has_unchangedsince;	/* RFC 7162: as in struct store_params_flags */
	uint64_t unchangedsince;
};

struct append_params {
	bool has_date;			/* internaldate counts; else it is now */
	int64_t internaldate;
	int32_t zone_minutes;
	uint32_t flags;			/* MSG_* */
	struct flag_names keywords;
	const struct annotate_params *annotate;	/* what it comes with */
	size_t annotates;
};

/* The blob must live until after the commit, and so must what is in P->annotate,
 * whose max nobody looks at. */
void txn_append(struct txn *t, struct blob *b, const struct append_params *p);

enum store_op { STORE_SET, STORE_ADD, STORE_REMOVE };

/* What a message's flags were at the modseq that a STORE names, if that is known. */
struct store_known {
	bool is;
	uint32_t flags;			/* \Seen as the user has it */
	struct keywords keywords;
};

struct store_params_flags {
	enum store_op op;
	uint32_t flags;			/* MSG_* */
	struct flag_names keywords;
	bool has_unchangedsince;
	uint64_t unchangedsince;	/* RFC 7162 */
	/*
	 * One for each UID, or NULL; borrowed until the commit.  A message that has
	 * been changed since, but not in those of its flags that STORE_ADD or
	 * STORE_REMOVE is about, is changed all the same (section 3.1.12).
	 */
	const struct store_known *known;
	uint32_t mask;			/* STORE_SET: system flags that may change at all */
	bool keep_keywords;		/* STORE_SET: leave keywords alone (no w right) */
};
/* UIDs rising; those that are gone are skipped. */
void txn_store(struct txn *t, const uint32_t *uids, size_t n, const struct store_params_flags *p);

/* Of UIDS (NULL: of all messages in the view) those that are \Deleted now;
 * with ANY also those that are not (MOVE). */
void txn_expunge(struct txn *t, const uint32_t *uids, size_t n, bool any);

/* A message to be expunged that is gone already is an error, ERR_NOTFOUND. */
void txn_must_exist(struct txn *t);

/* Copies messages of FROM with flags, dates, (the user's) \Seen, and annotations:
 * the shared ones and the user's own (RFC 5257 section 4.6). */
void txn_copy(struct txn *t, struct mbox *from, const uint32_t *uids, size_t n);

/* Which annotations copies arrive with; at first COPY_SHARED | COPY_OWN. */
enum copied_annots { COPY_SHARED = 1, COPY_OWN = 2, COPY_OTHERS = 4 };
void txn_copied_annots(struct txn *t, unsigned which);

/* Copies arrive without these flags, and without keywords if KEYWORDS: for a
 * user who may not set them there. */
void txn_drop_flags(struct txn *t, uint32_t flags, bool keywords);

/*
 * Changes an annotation of the mailbox (UIDS NULL) or of messages, those that
 * are gone excepted, whose modseqs grow with it.
 */
void txn_annotate(struct txn *t, const uint32_t *uids, size_t n,
    const struct annotate_params *p);
void txn_annotate_list(struct txn *t, const uint32_t *uids, size_t n,
    const struct annotate_list *l);

/* Delivery: the message that passes the limit still gets in, as in Cyrus. */
void txn_may_overshoot(struct txn *t);

/* Delivery over quota: "deliver -q". */
void txn_ignore_quota(struct txn *t);

/*
 * For duplicate suppression: both are called under the mailbox's lock, SKIP
 * before anything is planned (true: the transaction does nothing, and its
 * result has no new messages), DONE when it is durable.  So of two deliveries
 * of one message at the same time only one gets in.
 */
struct txn_guard {
	bool (*skip)(void *ctx);
	void (*done)(void *ctx, uint32_t uid);
	void *ctx;
};
void txn_set_guard(struct txn *t, const struct txn_guard *g);

struct txn_result {
	uint32_t uidvalidity;
	const uint32_t *new_uids;	/* of appends and copies, in order */
	const uint32_t *source_uids;	/* of copies, same order; 0 for appends */
	size_t new_count;
	const uint32_t *modified;	/* UIDs that failed UNCHANGEDSINCE, rising */
	size_t modified_count;
	const uint32_t *expunged;	/* UIDs, rising */
	size_t expunged_count;
	uint64_t modseq;		/* 0: nothing had to be changed */
};

/*
 * ERR_QUOTA, ERR_NOSPACE, ERR_LIMIT (too many keywords, no UIDs left),
 * ERR_STALE (mailbox deleted, or moved to another partition and not a MBOX_PEEK,
 * see mbox_lookup(); or it has another UIDVALIDITY by now, and the transaction is
 * about messages by their UIDs, or not on a MBOX_PEEK), ERR_NOTFOUND (a copied message's file is gone),
 * ERR_BUSY, ERR_IO: nothing has changed.  The result is valid until
 * txn_abort().
 */
enum err txn_commit(struct txn *t) MUST_CHECK;

/*
 * All in one.  What a transaction cannot do (its quota, its mailbox gone, its
 * partition full) is in txn_error() of each and keeps out only that one; the
 * first error is returned.  With ATOMIC it fails all.  Yet of a move between
 * two partitions the copies stay if the log of the originals fails: ERR_NOSPACE
 * or ERR_IO then does not say that nothing has changed.
 */
enum err txn_commit_all(struct txn **t, size_t n, bool atomic) MUST_CHECK;
enum err txn_error(const struct txn *t);
const struct txn_result *txn_result(const struct txn *t);

#endif
