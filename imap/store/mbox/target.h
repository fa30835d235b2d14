/*
 * target.h - what a commit does to one mailbox
 *
 * Planning fills it under the mailbox's lock and changes nothing else; the steps
 * of the commit carry it out.
 */
#ifndef IMAP_STORE_MBOX_TARGET_H
#define IMAP_STORE_MBOX_TARGET_H

#include "imap/disk/rec.h"
#include "imap/store/list/quota.h"
#include "imap/store/mbox/mbox_in.h"
#include "imap/store/mbox/txn.h"

/* UIDs in growing order of arrival; a small vector on malloc. */
struct uidvec {
	uint32_t *v;
	size_t n, size;
};

void uidvec_add(struct uidvec *u, uint32_t uid);

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

void target_free(struct target *tg);

/* An empty one more; borrowed until the next. */
struct new_message *target_add_new(struct target *tg);

/* The record of UID as it is after what TG holds; ERR_NOTFOUND: gone. */
enum err target_current(struct target *tg, uint32_t uid, struct index_record *r) MUST_CHECK;
void target_put_changed(struct target *tg, const struct index_record *r);

/* The modseq of this commit, which changes something now. */
uint64_t target_modseq(struct target *tg);

/*
 * Was R changed by somebody else since the session of M was told?  Then its own
 * commit must not hide that.
 */
void target_note_foreign(struct mbox *m, const struct index_record *r);

/* The number of the keyword NAME; with CREATE it gets a free one, or ERR_LIMIT. */
enum err target_keyword(struct target *tg, struct str name, bool create,
    unsigned *number) MUST_CHECK;
enum err target_keyword_bits(struct target *tg, const struct flag_names *names, bool create,
    uint64_t w[2]) MUST_CHECK;

/* TG->seen is the private \Seen of M's user; then whether UID is in it. */
enum err target_open_seen(struct target *tg, struct mbox *m) MUST_CHECK;
enum err target_set_seen(struct target *tg, struct mbox *m, uint32_t uid, bool seen) MUST_CHECK;

#endif
