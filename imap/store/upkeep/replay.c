/*
 * replay.c - what a power cut left unfinished
 *
 * Nobody has the store open; any page that was not flushed since the checkpoint
 * may be old, and any name may be missing.  Everything changed since then is in
 * the log as absolute states, so putting it all back, in order, makes the files
 * right; sums are made anew.
 *
 * What the log does not know of goes last, when all of it has been put back: a
 * file above the last UID may be a later frame's, and one that is marked as
 * gone the original of a later frame's copy.  There may be more mailboxes than can
 * be open at once; those that had to be closed before are opened again for it.
 *
 * A crash during the replay is harmless: it is done again.
 */
#include "imap/store/upkeep/replay.h"

#include "imap/disk/spool.h"
#include "imap/disk/wal.h"
#include "imap/disk/witness.h"
#include "imap/store/list/mbdir.h"
#include "imap/store/list/quota.h"
#include "imap/store/upkeep/apply.h"
#include "imap/store/upkeep/stale.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	ENTRY_ARENA = 256 * 1024,
	OPEN_MAX = 64,			/* mailboxes open at once while replaying */
	REPLAY_TRIES = 2,
	RECORD_TRIES = 5,
	REPLAY_PAUSE_MS = 100,
	REPLAY_PAUSES = 50,		/* in all: a disk that fails is not waited for */
};

struct replaying {
	struct id128 id;
	struct index *ix;		/* NULL: gone or damaged */
	int dirfd;			/* of a damaged one; else -1 */
	char *quotaroot;
};

struct replay {
	struct applier a;
	struct replaying open[OPEN_MAX];
	size_t n;
	bool is_over;			/* all frames have been put back */
	struct id128 *early;		/* mailboxes that were closed before */
	size_t earlies, early_size;
	uint64_t frames;
	unsigned pauses;
};

/* Each root once, when none of its mailboxes is locked by us any more. */
static void
replay_count(struct replay *r, size_t i)
{
	const char *root = r->open[i].quotaroot;
	uint64_t was, is;

	for (size_t k = 0; root != NULL && k < i; k++)
		if (r->open[k].quotaroot != NULL && strcmp(r->open[k].quotaroot, root) == 0)
			return;
	if (root != NULL && quota_recount(r->a.restore.s, str_c(root), true, &was, &is) != OK)
		log_warning("quota root %s: not counted anew; run quota -f", root);
}

/*
 * A mark may have reached the disk before the removal of its file did.  Were it
 * left, reconstruct would take the file for a message that somebody restored.
 */
static void
remove_reclaimed(struct index *ix)
{
	const uint32_t gone = REC_EXPUNGED | REC_RECLAIMED;
	char name[SPOOL_NAME];

	for (uint32_t i = 0; i < ix->h->records; i++) {
		const struct index_record *r = index_peek(ix, i);

		if ((r->flags & gone) != gone || !index_record_valid(r))
			continue;
		spool_name(r->uid, name);
		if (file_unlink(ix->dirfd, name) == ERR_IO)
			log_warning("%s/%s: an expunged message's file could not be "
			    "removed", ix->name, name);
	}
}

static void
note_early(struct replay *r, const struct id128 *id)
{
	if (r->earlies == r->early_size) {
		r->early_size = r->early_size == 0 ? OPEN_MAX : r->early_size * 2;
		r->early = mem_grow(r->early, r->early_size * sizeof(*r->early));
	}
	r->early[r->earlies++] = *id;
}

static void
replay_close_one(struct replay *r, const struct replaying *m)
{
	apply_settle(m->ix);
	stale_raise(m->ix);
	if (!r->is_over) {
		note_early(r, &m->id);
		return;
	}
	remove_reclaimed(m->ix);
	stale_remove_unwritten(m->ix);
	history_mend(m->ix);
}

static void
replay_close_all(struct replay *r)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->open[i].ix != NULL)
			replay_close_one(r, &r->open[i]);
		index_close(r->open[i].ix);
		if (r->open[i].dirfd >= 0)
			close(r->open[i].dirfd);
	}
	for (size_t i = 0; i < r->n; i++)
		replay_count(r, i);
	for (size_t i = 0; i < r->n; i++)
		free(r->open[i].quotaroot);
	r->n = 0;
}

struct added {
	const struct id128 *id;
	uint32_t above, below;		/* UIDs between these */
	uint32_t count;
};

static bool
count_added(void *ctx, uint64_t lsn, struct str frame)
{
	struct added *a = ctx;
	struct rec r;
	bool ours = false;

	(void)lsn;
	if (!rec_first(&frame))
		return false;
	while (rec_next(&frame, &r)) {
		if (r.type == REC_MAILBOX || r.type == REC_BAD)
			ours = r.type == REC_MAILBOX && id128_eq(&r.mailbox, a->id);
		else if (ours && r.type == REC_MESSAGE)
			a->count += r.message.r.uid > a->above && r.message.r.uid < a->below;
	}
	return true;
}

/*
 * Records out of order are what a power cut leaves of a page that was not
 * flushed, and a count for which the file is too short what it leaves when the
 * header reached the disk before the file's size did; then the log has all of
 * them, and index_trim() may forget them.  If it has not, a sector has rotted,
 * and the good ones behind it are to be kept.  If there are none, and the sums
 * are not valid, it may be the count that has rotted.
 */
static enum err
check_order(struct replay *r, struct index *ix)
{
	uint32_t n = index_ordered(ix), next = n, room = index_room(ix);
	struct added a = { .id = &ix->h->id, .below = UINT32_MAX };
	enum err e;

	if (n == ix->h->records)
		return OK;
	a.above = n > 0 ? index_peek(ix, n - 1)->uid : 0;
	while (next < ix->h->records && next < room && a.below == UINT32_MAX) {
		const struct index_record *at = index_peek(ix, next);

		if (index_record_valid(at) && at->uid > a.above)
			a.below = at->uid;
		else
			next++;
	}
	if (a.below == UINT32_MAX)
		next = ix->h->records;
	e = wal_scan(r->a.restore.part->wal, wal_checkpoint_lsn(r->a.restore.part->wal), count_added, &a);
	if (e != OK || a.count >= next - n)
		return e;
	if (a.below == UINT32_MAX && !index_sums_valid(ix->h)) {
		log_err("mailbox %s: cyrus.index counts %u records and has %u; the count is "
		    "damaged, or some are lost: run reconstruct", ix->name,
		    ix->h->records, n);
		return OK;
	}
	log_err("%s/cyrus.index: record %u is damaged; run reconstruct", ix->name, n);
	return ERR_CORRUPT;
}

/*
 * What can be done for a mailbox whose index cannot be used: its messages'
 * files are put back, and reconstruct finds them.
 */
static void
open_files_only(struct replay *r, struct replaying *m, const struct mbentry *e)
{
	if (file_open_dir(r->a.restore.part->dirfd, e->dir, &m->dirfd) != OK)
		m->dirfd = -1;
	log_err("mailbox %s: damaged; only its messages' files are put back; run reconstruct",
	    e->name);
}

/*
 * Is the error the affair of one mailbox's file, and not of the disk (full) or
 * of us (who lack memory or descriptors)?  If writes fail, the checkpoint that
 * follows a replay will, too.
 */
static bool
is_of_one(enum err e)
{
	return e == ERR_CORRUPT || e == ERR_NOTFOUND || e == ERR_LIMIT ||
	    (e == ERR_IO && errno != EMFILE && errno != ENFILE && errno != ENOMEM);
}

/*
 * A power cut leaves words of several states, none above what was given; rot
 * leaves anything.  All changes since the checkpoint are put back after this.
 */
static void
mend_cold(struct index *ix)
{
	struct witness known = { 0 };

	if (index_sums_valid(ix->h))
		return;
	log_notice("mailbox %s: the sums in cyrus.index are made anew", ix->name);
	if (witness_read(ix->dirfd, &ix->h->id, &known) == ERR_IO)
		log_warning("mailbox %s: cyrus.header cannot be read; run reconstruct", ix->name);
	index_mend_cold(ix, &known);
	history_raise_modseq(ix);
}

/* Before another try; false: that has been long enough. */
static bool
replay_pause(struct replay *r)
{
	const struct timespec pause = { .tv_nsec = REPLAY_PAUSE_MS * 1000000L };

	if (r->pauses == REPLAY_PAUSES)
		return false;
	r->pauses++;
	(void)nanosleep(&pause, NULL);
	return true;
}

/*
 * An error that passes must not cost a mailbox what the log holds for it: the
 * checkpoint after the replay lets that go.  So it is tried again, and what is
 * not the affair of this mailbox ends the replay, until somebody opens the
 * store again.
 */
static enum err
replay_open_index(struct replay *r, struct replaying *m, const struct mbentry *e)
{
	enum err err;

	for (int tries = 1; ; tries++) {
		err = mblist_open_index(r->a.restore.s, e, &m->ix);
		if (err == OK)
			err = index_read_through(m->ix);
		if (err == OK)
			err = index_lock(m->ix);
		if (err == OK) {
			mend_cold(m->ix);
			err = check_order(r, m->ix);
		}
		if (err == OK)
			return OK;
		index_close(m->ix);
		m->ix = NULL;
		if ((err != ERR_IO && err != ERR_CORRUPT) || tries == REPLAY_TRIES ||
		    !replay_pause(r))
			return err;
	}
}

static void
replay_open(struct replay *r, struct replaying *m)
{
	struct arena *arena = arena_new(ENTRY_ARENA);
	struct mbentry *e;
	enum err err = mblist_lookup_id(r->a.restore.s, arena, &m->id, &e);

	/*
	 * Moved to another partition: this log is not its log any more.  But the
	 * sum that its commits have changed may not have reached the disk.
	 */
	if (err == OK && strcmp(e->partition, r->a.restore.part->name) != 0) {
		if (e->quotaroot != NULL)
			m->quotaroot = mem_copy(e->quotaroot);
		err = ERR_NOTFOUND;
	}
	if (err != OK) {
		if (err != ERR_NOTFOUND)
			r->a.err = err;
		arena_free(arena);
		return;
	}
	err = replay_open_index(r, m, e);
	if (err == OK) {
		index_write_begin(m->ix);
		index_trim(m->ix);
		history_trim(m->ix);
		if (e->quotaroot != NULL)
			m->quotaroot = mem_copy(e->quotaroot);
	} else if (err != ERR_NOTFOUND && err != ERR_STALE && is_of_one(err)) {
		open_files_only(r, m, e);
	} else if (err != ERR_NOTFOUND && err != ERR_STALE) {
		log_err("mailbox %s cannot be opened for the replay of the log: %s; the "
		    "store stays closed until it can", e->name, err_text(err));
		r->a.err = err;
	}
	arena_free(arena);
}

static struct replaying *
replay_find(struct replay *r, const struct id128 *id)
{
	struct replaying *m;

	for (size_t i = 0; i < r->n; i++)
		if (id128_eq(&r->open[i].id, id))
			return &r->open[i];
	if (r->n == OPEN_MAX)
		replay_close_all(r);
	m = &r->open[r->n++];
	*m = (struct replaying){ .id = *id, .dirfd = -1 };
	replay_open(r, m);
	return m;
}

/*
 * A damaged file of one mailbox keeps nobody else from their mail: it is told,
 * and reconstruct mends it.  A disk that is full or fails is another matter.
 */
static enum err
replay_record(struct replay *rp, struct index *ix, const struct rec *r)
{
	enum err e;

	apply_note(&rp->a, r);
	e = apply_record(&rp->a, ix, r);
	/* As in replay_open_index(). */
	for (int tries = 1; e == ERR_IO && is_of_one(e) && tries < RECORD_TRIES; tries++) {
		if (!replay_pause(rp))
			break;
		e = apply_record(&rp->a, ix, r);
	}
	if (e == OK || !is_of_one(e))
		return e;
	log_err("%s: a change could not be put back (%s); run reconstruct", ix->name,
	    err_text(e));
	return OK;
}

/* Into a damaged mailbox. */
static enum err
replay_message_file(struct replay *rp, const struct replaying *m, const struct rec *r)
{
	bool is_file = r->type == REC_MESSAGE && m->dirfd >= 0;
	enum err e = is_file ? restore_file(&rp->a.restore, m->dirfd, &r->message) : OK;

	if (e == ERR_IO && is_file && is_of_one(e) && replay_pause(rp))
		e = restore_file(&rp->a.restore, m->dirfd, &r->message);
	return is_of_one(e) ? OK : e;
}

static bool
replay_frame(void *ctx, uint64_t lsn, struct str frame)
{
	struct replay *rp = ctx;
	struct replaying *m = NULL;
	struct index *ix = NULL;
	struct rec r;

	if (!rec_first(&frame)) {
		log_err("%s/wal: frame %" PRIu64 " is of a version that this program "
		    "does not know; start the version that wrote it, and stop it in "
		    "peace before an older one", rp->a.restore.part->path, lsn);
		rp->a.err = ERR_CORRUPT;
		return false;
	}
	rp->frames++;
	rp->a.restore.carried.n = 0;
	rp->a.history.n = 0;
	while (rp->a.err == OK && rec_next(&frame, &r)) {
		if (r.type == REC_BLOB) {
			restore_carry(&rp->a.restore.carried, &r.blob);
		} else if (r.type == REC_MAILBOX) {
			rp->a.history.n = 0;
			m = replay_find(rp, &r.mailbox);
			ix = m->ix;
			if (ix != NULL && lsn < ix->h->base_lsn)
				ix = NULL;
			if (ix != NULL)
				ix->h->applied_lsn = lsn;
		} else if (r.type == REC_BAD) {
			apply_bad_record(rp->a.restore.part, lsn);
			ix = NULL;
			m = NULL;
		} else if (ix != NULL) {
			rp->a.err = replay_record(rp, ix, &r);
		} else if (m != NULL) {
			rp->a.err = replay_message_file(rp, m, &r);
		}
	}
	return rp->a.err == OK;
}

static int
id_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct id128));
}

static void
replay_end(struct replay *r)
{
	r->is_over = true;
	replay_close_all(r);
	if (r->earlies > 0)
		qsort(r->early, r->earlies, sizeof(*r->early), id_cmp);
	for (size_t i = 0; r->a.err == OK && i < r->earlies; i++)
		(void)replay_find(r, &r->early[i]);
	replay_close_all(r);
}

enum err
replay_partition(struct store *s, struct partition *part)
{
	struct replay *r = mem_zero(1, sizeof(*r));
	uint64_t from = wal_checkpoint_lsn(part->wal), tail = wal_tail(part->wal);
	enum err e = OK;

	r->a = (struct applier){ .restore = { .s = s, .part = part }, .cold = true };
	if (from < tail)
		e = wal_scan(part->wal, from, replay_frame, r);
	if (e == OK && r->a.err == OK)
		replay_end(r);
	else
		replay_close_all(r);
	if (e == OK)
		e = r->a.err;
	if (r->frames > 0)
		log_notice("partition %s: replayed %" PRIu64 " commits of the log",
		    part->name, r->frames);
	free(r->a.restore.carried.blob);
	free(r->early);
	history_free(&r->a.history);
	free(r);
	return e;
}
