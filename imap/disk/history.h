/*
 * history.h - cyrus.history: which UIDs were changed or expunged at which modseq
 *
 * What a client that was away has to be told is read off the end of this file,
 * so it costs by what has changed; and what was expunged is in here for ever,
 * also when the tombstones are not in cyrus.index any more.
 *
 * It follows from the index, but for dropped tombstones: a lost or damaged
 * one is made anew from the records, and remembers nothing of what was dropped
 * before.  A reader hears how far back it may be asked (struct history_answer)
 * and gets no wrong answer from a file that is old, damaged, or another
 * mailbox's.
 *
 * Writers hold the mailbox's lock.  Readers take none: they look at the
 * index's header first, and what was in the file then stays in it.
 */
#ifndef IMAP_DISK_HISTORY_H
#define IMAP_DISK_HISTORY_H

#include "imap/disk/history_pack.h"
#include "imap/disk/index.h"
#include "imap/disk/uidset.h"
#include "lib/err.h"

/* Entries in rising modseqs; {0} is an empty one. */
struct history_list {
	struct history_entry *e;
	size_t n, size;
};

void history_note(struct history_list *l, uint64_t modseq, enum history_kind kind, uint32_t uid);
/* That the record is as it is. */
void history_note_record(struct history_list *l, const struct index_record *r);
void history_free(struct history_list *l);

/*
 * The list of one commit, which is durable and not yet in the index.  Cannot
 * fail: what could not be written is made up for by a later one, and readers
 * look into the index meanwhile.  True: history_tidy() should be called.
 */
bool history_append(struct index *ix, uint64_t modseq, const struct history_list *l);

/* The same for a commit that may be in the file already, or in part; in the
 * order of the log. */
void history_redo(struct index *ix, uint64_t modseq, const struct history_list *l);

/* Before that, after a power cut: forgets what did not reach the disk whole. */
void history_trim(struct index *ix);

/* Makes it whole: at the end of a replay, under the lock. */
void history_mend(struct index *ix);

/* What is in it was given: the index's highest modseq is no lower from now on. */
void history_raise_modseq(struct index *ix);

/* ERR_CORRUPT: a part of it is damaged; ERR_NOTFOUND: there is none, or another
 * mailbox's. */
enum err history_check(struct index *ix) MUST_CHECK;

/*
 * Makes it whole, short and durable, with the directory's other entries.  OK:
 * the tombstones of the index may be dropped.
 */
enum err history_settle(struct index *ix) MUST_CHECK;

/* Makes it short, if it is long. */
enum err history_tidy(struct index *ix) MUST_CHECK;

struct history_answer {
	uint64_t from;			/* all expunges above this modseq are known */
	uint64_t changed_from;		/* all changes above this modseq are */
	uint64_t upto;			/* up to this one */
	struct uidset expunged, changed;
};

/*
 * What happened after SINCE in the mailbox whose directory is DIRFD and whose
 * index's header was H.  A message may be in both sets.  ERR_NOTFOUND: there is no
 * file, or it is damaged or another mailbox's.
 */
enum err history_since(int dirfd, const struct index_header *h, uint64_t since,
    struct history_answer *a) MUST_CHECK;
void history_answer_free(struct history_answer *a);

#endif
