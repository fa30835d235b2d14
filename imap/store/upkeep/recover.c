/*
 * recover.c - what a dead writer left unfinished
 *
 * He was killed after his frame was in the log and before he had changed the
 * files.  The page cache is whole, so message files are there as he made them.
 * The header's dirty_lsn says where to look.
 *
 * A crash during recovery is harmless: it is done again.
 */
#include "imap/store/upkeep/recover.h"

#include "imap/disk/spool.h"
#include "imap/disk/wal.h"
#include "imap/disk/witness.h"
#include "imap/store/list/quota.h"
#include "imap/store/upkeep/apply.h"
#include "imap/store/upkeep/stale.h"
#include "lib/log.h"

struct warm {
	struct applier a;
	struct index *ix;
};

static bool
warm_frame(void *ctx, uint64_t lsn, struct str frame)
{
	struct warm *w = ctx;
	struct rec r;
	bool ours = false;

	if (lsn < w->ix->h->applied_lsn || lsn < w->ix->h->base_lsn || !rec_first(&frame))
		return true;
	w->a.history.n = 0;
	while (w->a.err == OK && rec_next(&frame, &r)) {
		if (r.type == REC_MAILBOX) {
			ours = id128_eq(&r.mailbox, &w->ix->h->id);
		} else if (r.type == REC_BAD) {
			ours = apply_bad_record(w->a.restore.part, lsn);
		} else if (ours) {
			apply_note(&w->a, &r);
			w->a.err = apply_record(&w->a, w->ix, &r);
		}
	}
	if (w->a.err == OK)
		w->ix->h->applied_lsn = lsn;
	return w->a.err == OK;
}

/*
 * After a power cut dirty_lsn may be a place that the log never reached, and
 * where no frame begins by now; and a checkpoint may free it while we read, if
 * no frame there is of this mailbox.  From the checkpoint on is always right:
 * frames that are applied again change nothing.
 *
 * A note before the checkpoint does not say that there is nothing to do.  Its
 * writer may have waited for his turn to append, a checkpoint have had its mark in
 * between, and his frame stand behind that.
 */
static enum err
scan_warm(struct warm *w, uint64_t from)
{
	struct wal *wal = w->a.restore.part->wal;
	uint64_t checkpoint = wal_checkpoint_lsn(wal), was = checkpoint;
	enum err e;

	e = wal_scan(wal, from < checkpoint ? checkpoint : from, warm_frame, w);
	while (e == ERR_CORRUPT && w->a.err == OK) {
		e = wal_scan(wal, checkpoint, warm_frame, w);
		checkpoint = wal_checkpoint_lsn(wal);
		if (checkpoint == was)
			break;
		was = checkpoint;
	}
	return e;
}

static enum err
repair(struct store *s, struct partition *part, struct index *ix)
{
	struct warm w = { .a.restore = { .s = s, .part = part }, .ix = ix };
	uint64_t from = ix->h->dirty_lsn, tail = wal_tail(part->wal);
	enum err e;

	/* An index that was put back may have the mark of a commit that was finished. */
	if (from == 0 && ix->h->writing_uid != 0)
		from = ix->h->writing_lsn;
	index_write_begin(ix);
	if (from == 0) {
		apply_settle(ix);
		stale_remove_unwritten(ix);
		return OK;
	}
	/* Its frame may not be flushed; from now on others will build on it. */
	e = wal_flush(part->wal, tail);
	if (e == OK)
		e = scan_warm(&w, from);
	if (e == OK)
		e = w.a.err;
	if (e == OK) {
		apply_settle(ix);
		stale_remove_unwritten(ix);
	} else {
		index_write_end(ix);
	}
	history_free(&w.a.history);
	return e;
}

/*
 * Bit rot in the header.  What the log has must come to what the records say,
 * and the note of that is made first: killed anywhere here, the next one finds
 * the sums damaged, or has the log to look through.  After a power cut replay
 * does the latter.  Nothing here takes room on the disk.
 */
static enum err
mend(struct partition *part, struct index *ix)
{
	struct index_header *h = ix->h;
	struct witness known;
	enum err e;

	if (witness_read(ix->dirfd, &h->id, &known) != OK)
		log_warning("mailbox %s: cyrus.header does not say which UIDs were given",
		    ix->name);
	if (h->dirty_lsn == 0)
		h->dirty_lsn = wal_checkpoint_lsn(part->wal);
	e = index_mend(ix, &known);
	log_err("mailbox %s: the sums in cyrus.index are damaged%s", ix->name,
	    e == OK ? "; they are made anew" : ", and records, too; run reconstruct");
	if (e == OK) {
		/* It may have been any number: nobody is to miss an expunge. */
		index_write_begin(ix);
		history_raise_modseq(ix);
		h->reclaimed_modseq = h->highestmodseq;
		index_write_end(ix);
	}
	return e;
}

/* Busy: whoever looks at the sum next counts it. */
static void
count_root(struct store *s, const struct mbentry *entry)
{
	uint64_t was, is;
	enum err e = OK;

	if (entry->quotaroot != NULL)
		e = quota_recount(s, str_c(entry->quotaroot), true, &was, &is);
	if (e != OK && e != ERR_BUSY)
		log_warning("quota root %s: not counted anew; run quota -f",
		    entry->quotaroot);
}

/* With the lock, which a failure releases. */
static enum err
make_whole(struct store *s, struct partition *part, struct index *ix,
    const struct mbentry *entry)
{
	enum err e = index_sums_valid(ix->h) ? OK : mend(part, ix);

	if (e == OK)
		e = index_check_room(ix);
	if (e != OK || !index_needs_repair(ix)) {
		if (e != OK)
			index_unlock(ix);
		return e;
	}
	log_notice("mailbox %s: finishing what a writer left that died", ix->name);
	e = repair(s, part, ix);
	if (e != OK) {
		index_unlock(ix);
		return e;
	}
	spool_sweep(ix->dirfd);
	count_root(s, entry);
	return OK;
}

/*
 * The note that the log is to be looked through is made first; whoever comes
 * after a kill does so, too, and meets the same file again.
 */
enum err
mailbox_catch_up(struct store *s, struct partition *part, struct index *ix,
    const struct mbentry *entry)
{
	struct index_header *h = ix->h;
	uint32_t last = h->last_uid;
	bool is_old = stale_is_old(ix);
	enum err e;

	h->dirty_lsn = wal_checkpoint_lsn(part->wal);
	index_write_begin(ix);
	h->applied_lsn = 0;
	index_write_end(ix);
	e = repair(s, part, ix);
	if (e != OK)
		return e;
	if (h->last_uid > last)
		log_err("mailbox %s: cyrus.index was older than the mailbox; the log has "
		    "brought it from UID %u to %u; run reconstruct", ix->name, last, h->last_uid);
	stale_raise(ix);
	count_root(s, entry);
	return stale_pass_over(ix, !is_old && h->last_uid == last);
}

enum err
mailbox_lock(struct store *s, struct partition *part, struct index *ix,
    const struct mbentry *entry)
{
	enum err e = index_lock(ix);

	return e == OK ? make_whole(s, part, ix, entry) : e;
}

void
mailbox_look_after(struct store *s, struct partition *part, struct index *ix,
    const struct mbentry *entry)
{
	if (!index_needs_repair(ix) || index_lock_if_free(ix) != OK)
		return;
	if (make_whole(s, part, ix, entry) == OK)
		index_unlock(ix);
}
