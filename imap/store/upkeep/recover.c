/*
 * recover.c - what a dead process or a power cut left unfinished
 *
 * Two cases use one set of functions.
 *
 * Warm: a writer was killed after its frame was in the log and before it had
 * changed the files.  The page cache is whole, so message files are there as
 * he made them.  The header's dirty_lsn says where to look.
 *
 * Cold: nobody has the store open; after a power cut any page that was not
 * flushed since the checkpoint may be old, and any name may be missing.
 * Everything changed since then is in the log as absolute states, so putting
 * it all back, in order, makes the files right; sums are made anew.
 *
 * A crash during recovery is harmless: it is done again.
 */
#include "imap/store/upkeep/recover.h"

#include "imap/store/upkeep/annotated.h"
#include "imap/store/list/mbdir.h"
#include "imap/store/list/quota.h"
#include "imap/store/upkeep/stale.h"
#include "imap/disk/history.h"
#include "imap/disk/rec.h"
#include "imap/disk/seen.h"
#include "imap/disk/spool.h"
#include "imap/disk/wal.h"
#include "imap/disk/header.h"
#include "imap/disk/witness.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	HEADER_ARENA = 256 * 1024,
	ENTRY_ARENA = 256 * 1024,
	OPEN_MAX = 64,			/* mailboxes open at once while replaying */
	REPLAY_TRIES = 2,
	REPLAY_PAUSE_MS = 100,
};

/* One frame's view of the blobs that it carries. */
struct carried {
	struct rec_blob *blob;
	size_t n, size;
};

struct applier {
	struct store *s;
	struct partition *part;
	struct carried carried;
	struct history_list history;	/* of the mailbox's records so far in this frame */
	bool cold;
	enum err err;			/* the first failure */
};

static void
carry(struct carried *c, const struct rec_blob *b)
{
	if (c->n == c->size) {
		c->size = c->size == 0 ? 8 : c->size * 2;
		c->blob = mem_grow(c->blob, c->size * sizeof(*c->blob));
	}
	c->blob[c->n++] = *b;
}

static const struct rec_blob *
carried_find(const struct carried *c, const struct id128 *id)
{
	for (size_t i = 0; i < c->n; i++)
		if (id128_eq(&c->blob[i].id, id))
			return &c->blob[i];
	return NULL;
}

/* --- one mailbox's records --- */

/* From the mailbox that it was copied from, which the log restored before. */
static enum err
restore_copy(struct applier *a, int todir, const struct rec_message *m)
{
	struct arena *arena = arena_new(ENTRY_ARENA);
	struct mbentry *e;
	char name[SPOOL_NAME];
	bool copied;
	int dirfd;
	enum err err = mblist_lookup_id(a->s, arena, &m->from_mailbox, &e);

	if (err == OK)
		err = mblist_open_dir(a->s, e, &dirfd);
	if (err == OK) {
		spool_name(m->from_uid, name);
		err = spool_link(dirfd, name, todir, m->r.uid, SPOOL_REPLACE,
		    &copied);
		close(dirfd);
	}
	arena_free(arena);
	return err;
}

struct search {
	int dirfd;
	const struct rec_message *m;
	enum err err;
};

static bool
find_bytes(void *ctx, uint64_t lsn, struct str frame)
{
	struct search *s = ctx;
	struct rec r;

	(void)lsn;
	if (!rec_first(&frame))
		return false;
	while (rec_next(&frame, &r)) {
		if (r.type != REC_BLOB || !id128_eq(&r.blob.id, &s->m->r.blob))
			continue;
		s->err = spool_write(s->dirfd, s->m->r.uid, r.blob.bytes,
		    SPOOL_REPLACE);
		return false;
	}
	return true;
}

/*
 * A copy of what is gone: its mailbox was deleted or moved just before the
 * cut.  The bytes have the same id wherever they are.
 */
static enum err
restore_bytes(struct applier *a, int dirfd, const struct rec_message *m)
{
	struct search s = { .dirfd = dirfd, .m = m, .err = ERR_NOTFOUND };
	char name[SPOOL_NAME];
	bool copied;
	enum err e;

	spool_stage_name(&m->r.blob, name);
	if (faccessat(a->part->stagefd, name, F_OK, 0) == 0)
		return spool_link(a->part->stagefd, name, dirfd, m->r.uid, SPOOL_REPLACE,
		    &copied);
	e = wal_scan(a->part->wal, wal_checkpoint_lsn(a->part->wal), find_bytes, &s);
	return e == OK ? s.err : e;
}

static enum err
restore_file(struct applier *a, int dirfd, const struct rec_message *m)
{
	const struct rec_blob *b;
	char name[SPOOL_NAME];
	bool copied;
	enum err e;
	bool is_there;

	if (!a->cold)
		return OK;
	spool_forget(dirfd, m->r.uid);
	/* One that cannot be read is written anew, or that fails too. */
	if (spool_verify(dirfd, m->r.uid, m->r.size, m->r.guid, &is_there) == OK &&
	    is_there)
		return OK;
	switch (m->source) {
	case SOURCE_INLINE:
		b = carried_find(&a->carried, &m->r.blob);
		return b != NULL ? spool_write(dirfd, m->r.uid, b->bytes, SPOOL_REPLACE) :
		    ERR_CORRUPT;
	case SOURCE_STAGE:
		spool_stage_name(&m->r.blob, name);
		return spool_link(a->part->stagefd, name, dirfd, m->r.uid, SPOOL_REPLACE,
		    &copied);
	case SOURCE_COPY:
		e = restore_copy(a, dirfd, m);
		return e == ERR_NOTFOUND ? restore_bytes(a, dirfd, m) : e;
	}
	return ERR_CORRUPT;
}

/*
 * Is the record number AT that of UID, and MODSEQ no news to it?  What is not
 * in the log, that its file was reclaimed, would be forgotten.  After a power
 * cut only part of a record may be as new as its modseq.
 */
static bool
knows(const struct applier *a, struct index *ix, uint32_t at, uint32_t uid, uint64_t modseq)
{
	const struct index_record *r = index_peek(ix, at);

	return !a->cold && at < ix->h->records && r->uid == uid && r->modseq >= modseq &&
	    index_record_valid(r);
}

static enum err
apply_message(struct applier *a, struct index *ix, const struct rec_message *m)
{
	struct index_record r = m->r;
	const struct index_record *old;
	uint32_t at = index_find(ix, ix->h->records, r.uid);
	enum err e;

	if (knows(a, ix, at, r.uid, r.modseq))
		return OK;
	e = restore_file(a, ix->dirfd, m);

	if (e == ERR_NOTFOUND || e == ERR_CORRUPT) {
		/* A later record may say that it was expunged and reclaimed. */
		log_err("%s: message %u could not be restored: %s", ix->name, r.uid,
		    err_text(e));
		e = OK;
	}
	if (e == OK)
		e = index_reserve(ix, 1);
	if (e != OK)
		return e;
	/* The cache checks itself: keep the place if the record has one. */
	old = index_peek(ix, at);
	if (at < ix->h->records && old->uid == r.uid && index_record_valid(old)) {
		r.cache_offset = old->cache_offset;
		r.cache_len = old->cache_len;
	}
	index_put(ix, &r);
	return OK;
}

static enum err
apply_flags(struct applier *a, struct index *ix, const struct rec_flags *f)
{
	uint32_t at = index_find(ix, ix->h->records, f->uid);
	struct index_record r;

	if (knows(a, ix, at, f->uid, f->modseq) || at == ix->h->records || index_peek(ix, at)->uid != f->uid)
		return OK;	/* dropped by a later compaction */
	r = *index_peek(ix, at);
	r.flags = f->flags;
	r.keywords[0] = f->keywords[0];
	r.keywords[1] = f->keywords[1];
	r.modseq = f->modseq;
	r.changed = f->changed;
	index_put(ix, &r);
	return OK;
}

static enum err
apply_keyword(struct index *ix, const struct rec_keyword *k)
{
	struct arena *arena = arena_new(HEADER_ARENA);
	struct mailbox_header h;
	enum err e = header_read(ix->dirfd, arena, &h);

	if (e == OK && (h.keyword[k->number] == NULL ||
	    !str_eq(str_c(h.keyword[k->number]), k->name))) {
		h.keyword[k->number] = arena_copy(arena, k->name.p, k->name.n);
		e = header_write(ix->dirfd, &h, true);
	}
	arena_free(arena);
	ix->h->keywords_changed = ix->h->highestmodseq + 1;
	return e;
}

static enum err
apply_seen(struct index *ix, const struct rec_seen *s)
{
	enum err e = seen_prepare(ix->dirfd, s);

	ix->h->seen_changed = ix->h->highestmodseq + 1;
	return e == OK ? seen_apply(ix->dirfd) : e;
}

/* Or it was made after the checkpoint, and a power cut has taken its name. */
static void
miss_annots(const struct index *ix, const struct annots *a)
{
	if (a->missing && ix->h->annotation > 0)
		log_warning("mailbox %s: %s is missing; what the log does not hold of it is lost",
		    ix->name, ANNOTS_FILE);
}

static enum err
apply_annots(struct index *ix, struct str changes)
{
	struct annots a = ANNOTS_INIT;
	struct annot c;
	enum err e = annots_read(ix->dirfd, ANNOTS_FILE, &a);

	if (e == OK)
		miss_annots(ix, &a);
	while (e == OK && rec_annot_next(&changes, &c))
		annots_put(&a, &c);
	if (e == OK)
		e = annots_prepare(ix->dirfd, ANNOTS_FILE, &a);
	ix->h->annotations_changed = ix->h->highestmodseq + 1;
	annots_free(&a);
	return e == OK ? annots_apply(ix->dirfd, ANNOTS_FILE) : e;
}

static void
apply_head(struct index *ix, const struct rec_head *head)
{
	struct index_header *h = ix->h;

	if (head->last_uid > h->last_uid)
		h->last_uid = head->last_uid;
	if (head->recent_uid > h->recent_uid)
		h->recent_uid = head->recent_uid;
	if (head->highestmodseq > h->highestmodseq)
		h->highestmodseq = head->highestmodseq;
}

/* The head is a mailbox's last record in a frame. */
static void
apply_history(struct applier *a, struct index *ix, uint64_t modseq)
{
	if (modseq != 0)
		history_redo(ix, modseq, &a->history);
	a->history.n = 0;
}

static void
note_flags(struct applier *a, const struct rec_flags *f)
{
	history_note(&a->history, f->modseq,
	    f->flags & REC_EXPUNGED ? HISTORY_EXPUNGED : HISTORY_CHANGED, f->uid);
}

static enum err
apply_record(struct applier *a, struct index *ix, const struct rec *r)
{
	switch (r->type) {
	case REC_HEAD:
		apply_history(a, ix, r->head.highestmodseq);
		apply_head(ix, &r->head);
		return OK;
	case REC_MESSAGE:
		history_note_record(&a->history, &r->message.r);
		return apply_message(a, ix, &r->message);
	case REC_FLAGS:
		note_flags(a, &r->flags);
		return apply_flags(a, ix, &r->flags);
	case REC_KEYWORD:
		return apply_keyword(ix, &r->keyword);
	case REC_SEEN:
		return apply_seen(ix, &r->seen);
	case REC_ANNOTS:
		return apply_annots(ix, r->annots);
	case REC_MAILBOX:
	case REC_BLOB:
	case REC_BAD:
		break;
	}
	return OK;
}

/* The checksum says that a writer meant it, so he erred.  All else is kept. */
static bool
bad_record(const struct partition *part, uint64_t lsn)
{
	log_err("%s/wal: frame %" PRIu64 " holds a record that cannot be read; it is "
	    "left out, so run reconstruct on the mailboxes of this partition",
	    part->path, lsn);
	return false;
}

static uint64_t
lower(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What annotations take, anew. */
static void
recount_annots(struct index *ix)
{
	struct annots a = ANNOTS_INIT;
	struct index_header *h = ix->h;

	/* None has ever been: the file need not be looked for. */
	if (h->annotations_changed == 0)
		return;
	h->annotations_changed = lower(h->annotations_changed, h->highestmodseq);
	if (annots_read(ix->dirfd, ANNOTS_FILE, &a) == OK) {
		miss_annots(ix, &a);
		h->annotation = annotated_usage(ix, &a);
	}
	annots_free(&a);
}

/*
 * The repaired state is whole: sums, no dirt, readers may come in.  A frame
 * that had been applied before has not moved the highest modseq: the next
 * commit's must be news to who has read the names and \Seen as of now.
 */
static void
settle(struct index *ix)
{
	struct index_header *h = ix->h;

	index_write_begin(ix);
	index_recount(ix);
	recount_annots(ix);
	h->changed_modseq = h->highestmodseq;
	h->keywords_changed = lower(h->keywords_changed, h->highestmodseq);
	h->seen_changed = lower(h->seen_changed, h->highestmodseq);
	h->dirty_lsn = 0;
	index_write_end(ix);
}

/* --- warm: the next writer of one mailbox --- */

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
		if (r.type == REC_MAILBOX)
			ours = id128_eq(&r.mailbox, &w->ix->h->id);
		else if (r.type == REC_BAD)
			ours = bad_record(w->a.part, lsn);
		else if (ours)
			w->a.err = apply_record(&w->a, w->ix, &r);
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
 */
static enum err
scan_warm(struct warm *w, uint64_t from)
{
	struct wal *wal = w->a.part->wal;
	uint64_t checkpoint = wal_checkpoint_lsn(wal), was = checkpoint;
	enum err e;

	if (from < checkpoint)
		return OK;
	e = wal_scan(wal, from, warm_frame, w);
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
	struct warm w = { .a = { .s = s, .part = part }, .ix = ix };
	uint64_t from = ix->h->dirty_lsn, tail = wal_tail(part->wal);
	enum err e;

	/* An index that was put back may have the mark of a commit that was finished. */
	if (from == 0 && ix->h->writing_uid != 0)
		from = ix->h->writing_lsn;
	index_write_begin(ix);
	if (from == 0) {
		settle(ix);
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
		settle(ix);
		stale_remove_unwritten(ix);
	} else {
		index_write_end(ix);
	}
	history_free(&w.a.history);
	return e;
}

/* What is in the history was given. */
static void
raise_modseq(struct index *ix)
{
	uint64_t last = history_last(ix);

	if (last > ix->h->highestmodseq)
		ix->h->highestmodseq = last;
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
		raise_modseq(ix);
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
	return stale_pass_over(ix);
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

/* --- cold: the whole log --- */

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
	uint64_t frames;
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
	if (root != NULL && quota_recount(r->a.s, str_c(root), true, &was, &is) != OK)
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
replay_close_all(struct replay *r)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->open[i].ix != NULL) {
			remove_reclaimed(r->open[i].ix);
			settle(r->open[i].ix);
			stale_raise(r->open[i].ix);
			stale_remove_unwritten(r->open[i].ix);
			history_mend(r->open[i].ix);
		}
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
	e = wal_scan(r->a.part->wal, wal_checkpoint_lsn(r->a.part->wal), count_added, &a);
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
	if (file_open_dir(r->a.part->dirfd, e->dir, &m->dirfd) != OK)
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
	raise_modseq(ix);
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
	const struct timespec pause = { .tv_nsec = REPLAY_PAUSE_MS * 1000000L };
	enum err err;

	for (int tries = 1; ; tries++) {
		err = mblist_open_index(r->a.s, e, &m->ix);
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
		if ((err != ERR_IO && err != ERR_CORRUPT) || tries == REPLAY_TRIES)
			return err;
		(void)nanosleep(&pause, NULL);
	}
}

static void
replay_open(struct replay *r, struct replaying *m)
{
	struct arena *arena = arena_new(ENTRY_ARENA);
	struct mbentry *e;
	enum err err = mblist_lookup_id(r->a.s, arena, &m->id, &e);

	/*
	 * Moved to another partition: this log is not its log any more.  But the
	 * sum that its commits have changed may not have reached the disk.
	 */
	if (err == OK && strcmp(e->partition, r->a.part->name) != 0) {
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
	enum err e = apply_record(&rp->a, ix, r);

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
	enum err e = r->type == REC_MESSAGE && m->dirfd >= 0 ?
	    restore_file(&rp->a, m->dirfd, &r->message) : OK;

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
		    "peace before an older one", rp->a.part->path, lsn);
		rp->a.err = ERR_CORRUPT;
		return false;
	}
	rp->frames++;
	rp->a.carried.n = 0;
	rp->a.history.n = 0;
	while (rp->a.err == OK && rec_next(&frame, &r)) {
		if (r.type == REC_BLOB) {
			carry(&rp->a.carried, &r.blob);
		} else if (r.type == REC_MAILBOX) {
			rp->a.history.n = 0;
			m = replay_find(rp, &r.mailbox);
			ix = m->ix;
			if (ix != NULL && lsn < ix->h->base_lsn)
				ix = NULL;
			if (ix != NULL)
				ix->h->applied_lsn = lsn;
		} else if (r.type == REC_BAD) {
			bad_record(rp->a.part, lsn);
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

enum err
recover_replay(struct store *s, struct partition *part)
{
	struct replay *r = mem_zero(1, sizeof(*r));
	uint64_t from = wal_checkpoint_lsn(part->wal), tail = wal_tail(part->wal);
	enum err e = OK;

	r->a = (struct applier){ .s = s, .part = part, .cold = true };
	if (from < tail)
		e = wal_scan(part->wal, from, replay_frame, r);
	replay_close_all(r);
	if (e == OK)
		e = r->a.err;
	if (r->frames > 0)
		log_notice("partition %s: replayed %" PRIu64 " commits of the log",
		    part->name, r->frames);
	free(r->a.carried.blob);
	history_free(&r->a.history);
	free(r);
	return e;
}
