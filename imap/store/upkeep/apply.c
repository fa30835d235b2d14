/* apply.c - change records into a mailbox's files */
#include "imap/store/upkeep/apply.h"

#include "imap/disk/header.h"
#include "imap/disk/seen.h"
#include "imap/store/upkeep/annotated.h"
#include "lib/log.h"

#include <inttypes.h>

enum { HEADER_ARENA = 256 * 1024 };

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
	/* A kill leaves the page cache whole, and so the files that he made. */
	e = a->cold ? restore_file(&a->restore, ix->dirfd, m) : OK;
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

void
apply_note(struct applier *a, const struct rec *r)
{
	if (r->type == REC_MESSAGE)
		history_note_record(&a->history, &r->message.r);
	else if (r->type == REC_FLAGS)
		history_note(&a->history, r->flags.modseq, r->flags.flags & REC_EXPUNGED ?
		    HISTORY_EXPUNGED : HISTORY_CHANGED, r->flags.uid);
}

enum err
apply_record(struct applier *a, struct index *ix, const struct rec *r)
{
	switch (r->type) {
	case REC_HEAD:
		apply_history(a, ix, r->head.highestmodseq);
		apply_head(ix, &r->head);
		return OK;
	case REC_MESSAGE:
		return apply_message(a, ix, &r->message);
	case REC_FLAGS:
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
bool
apply_bad_record(const struct partition *part, uint64_t lsn)
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

void
apply_settle(struct index *ix)
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
