/* commit_log.c - step 2 of a commit: change records into the log */
#include "imap/store/mbox/commit_in.h"

#include "imap/disk/wal.h"
#include "imap/store/mbox/blob_in.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <time.h>

/* A frame whose blobs' bytes are not copied but stand between its pieces. */
struct frame {
	struct buf b;
	struct splice {
		size_t at;		/* in b */
		struct str bytes;
	} *splice;
	size_t n, size;
};

static void
frame_blob(struct frame *f, const struct blob *b)
{
	struct str bytes = blob_bytes(b);

	rec_add_blob_head(&f->b, &b->id, bytes.n);
	if (f->n == f->size) {
		f->size = f->size == 0 ? 8 : f->size * 2;
		f->splice = mem_grow(f->splice, f->size * sizeof(*f->splice));
	}
	f->splice[f->n++] = (struct splice){ f->b.n, bytes };
}

static void
frame_message(struct frame *f, const struct new_message *n)
{
	struct rec_message m = { .r = n->r, .source = n->source, .from_uid = n->from_uid };

	if (n->from != NULL)
		m.from_mailbox = n->from->h->id;
	rec_add_message(&f->b, &m);
}

static void
frame_target(struct frame *f, struct target *tg)
{
	struct rec_head head = { .last_uid = tg->last_uid,
	    .recent_uid = tg->ix->h->recent_uid, .highestmodseq = tg->modseq };

	rec_add_mailbox(&f->b, &tg->ix->h->id);
	for (unsigned i = 0; i < MBOX_KEYWORDS; i++) {
		struct rec_keyword k = { .number = (uint8_t)i };

		if (!tg->keyword_new[i])
			continue;
		k.name = str_c(tg->header.keyword[i]);
		rec_add_keyword(&f->b, &k);
	}
	for (size_t i = 0; i < tg->new_n; i++)
		frame_message(f, &tg->new[i]);
	for (size_t i = 0; i < tg->changed_n; i++) {
		const struct index_record *r = &tg->changed[i];
		struct rec_flags flags = { .uid = r->uid, .flags = r->flags,
		    .keywords = { r->keywords[0], r->keywords[1] },
		    .modseq = r->modseq, .changed = r->changed };

		rec_add_flags(&f->b, &flags);
	}
	if (tg->seen_changed) {
		struct buf uids = BUF_INIT;
		struct rec_seen seen = { .user = str_c(tg->seen_of->userid),
		    .recent_uid = tg->seen_of->seen_recent, .changed = time(NULL) };

		uidset_format(&tg->seen, &uids);
		seen.uids = buf_str(&uids);
		rec_add_seen(&f->b, &seen);
		buf_free(&uids);
	}
	if (tg->annot_changes > 0)
		rec_add_annots(&f->b, tg->annot_change, tg->annot_changes);
	rec_add_head(&f->b, &head);
}

bool
commit_has_work(const struct target *tg)
{
	return tg->locked && tg->err == OK && (tg->new_n > 0 || tg->changed_n > 0 || tg->seen_changed ||
	    tg->keywords_changed || tg->annot_changes > 0);
}

static void
frame_build(struct commit *c, const struct partition *part, struct frame *f)
{
	rec_begin(&f->b, time(NULL));
	for (size_t i = 0; i < c->targets; i++) {
		struct target *tg = &c->target[i];
		int dirfd;

		/* Of a mailbox that gets nothing the blob's place may not be known. */
		for (size_t k = 0; tg->part == part && commit_has_work(tg) && k < tg->new_n; k++)
			if (tg->new[k].source == SOURCE_INLINE &&
			    commit_written_before(c, tg, &tg->new[k], &dirfd) == NULL)
				frame_blob(f, tg->new[k].blob);
	}
	for (size_t i = 0; i < c->targets; i++)
		if (c->target[i].part == part && commit_has_work(&c->target[i]))
			frame_target(f, &c->target[i]);
}

static enum err
frame_append(struct partition *part, const struct frame *f, uint64_t *start, uint64_t *end)
{
	struct iovec *iov = mem_zero(2 * f->n + 1, sizeof(*iov));
	size_t at = 0;
	int n = 0;
	enum err e;

	for (size_t i = 0; i < f->n; i++) {
		iov[n++] = (struct iovec){ f->b.p + at, f->splice[i].at - at };
		iov[n++] = (struct iovec){ (void *)(uintptr_t)f->splice[i].bytes.p,
		    f->splice[i].bytes.n };
		at = f->splice[i].at;
	}
	iov[n++] = (struct iovec){ f->b.p + at, f->b.n - at };
	e = wal_append(part->wal, iov, n, start, end);
	free(iov);
	return e;
}

enum err
commit_log(struct commit *c, struct partition *part, bool *appended)
{
	struct frame f = { .b = BUF_INIT };
	uint64_t start = 0, end = 0;
	enum err e;

	*appended = false;
	frame_build(c, part, &f);
	for (size_t i = 0; i < c->targets; i++)
		if (c->target[i].part == part && commit_has_work(&c->target[i]))
			c->target[i].ix->h->dirty_lsn = wal_tail(part->wal);
	e = frame_append(part, &f, &start, &end);
	if (e == OK) {
		bool undone;

		e = wal_commit(part->wal, end, &undone);
		*appended = !undone;
	}
	for (size_t i = 0; i < c->targets; i++) {
		struct target *tg = &c->target[i];

		if (tg->part != part || !commit_has_work(tg))
			continue;
		tg->lsn = start;
		if (!*appended)
			tg->ix->h->dirty_lsn = 0;
		for (size_t k = 0; *appended && k < tg->new_n; k++)
			if (tg->new[k].blob != NULL && tg->new[k].source == SOURCE_STAGE)
				tg->new[k].blob->committed = true;
	}
	buf_free(&f.b);
	free(f.splice);
	return e;
}
