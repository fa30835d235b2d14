/*
 * commit.c - from a plan to the disk
 *
 * Steps, for all mailboxes of the commit together:
 *  0. lock them in the order of their ids; plan (plan.c).
 *  1. Make what can fail: message files under their names, cache entries,
 *     room in the indexes, new keyword names, the new cyrus.seen under a
 *     temporary name.  A failure undoes it; nothing has changed.
 *  2. Note in each index header where the log stood (dirty_lsn), append one
 *     frame per partition, flush it.  From the return of wal_flush() on the
 *     commit is durable.
 *  3. Quota sums; put the records into the indexes, clear dirty_lsn, unlock.
 *  4. Tell: notices.
 *
 * Killed in 1: files without a record are left; the next commit that gets
 * these UIDs replaces them.  In 2, frame not complete: the same.  Frame
 * complete or between 2 and 3: whoever locks the mailbox next finds dirty_lsn
 * and does step 3 (recover.c).  Power cut before the flush: as if nothing had
 * been; after it: replay does 1 and 3 from the log.
 * wal_flush() fails: nobody knows; dirty_lsn stays, the caller hears ERR_IO,
 * and the log takes no more until a restart has found out.
 */
#include "imap/store/txn_in.h"

#include "imap/store/blob_in.h"
#include "imap/store/quota.h"
#include "imap/store/reclaim.h"
#include "imap/store/recover.h"
#include "imap/disk/seen.h"
#include "imap/disk/spool.h"
#include "imap/disk/wal.h"
#include "lib/file.h"
#include "lib/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ENTRY_ARENA = 2 << 20 };

struct commit {
	struct store *s;
	struct txn **txn;
	size_t txns;
	struct target *target;		/* by mailbox id */
	size_t targets;
	bool move;
};

/* --- step 0 --- */

static int
by_id(const void *a, const void *b)
{
	const struct target *x = a, *y = b;

	return memcmp(x->ix->h->id.b, y->ix->h->id.b, sizeof(x->ix->h->id.b));
}

static struct target *
target_of(struct commit *c, const struct txn *t)
{
	for (size_t i = 0; i < c->targets; i++)
		if (id128_eq(&c->target[i].m->entry->id, &t->m->entry->id))
			return &c->target[i];
	return NULL;
}

static void
collect_targets(struct commit *c)
{
	for (size_t i = 0; i < c->txns; i++) {
		struct mbox *m = c->txn[i]->m;

		c->txn[i]->err = m->flags & MBOX_READONLY ? ERR_READONLY : c->txn[i]->err;
		if (c->txn[i]->err != OK || target_of(c, c->txn[i]) != NULL)
			continue;
		c->target[c->targets++] = (struct target){ .s = c->s, .part = m->part,
		    .ix = m->ix, .m = m, .seen = UIDSET_INIT };
	}
	qsort(c->target, c->targets, sizeof(*c->target), by_id);
}

static enum err
lock_target(struct commit *c, struct target *tg)
{
	enum err e = mailbox_lock(c->s, tg->part, tg->ix, tg->m->entry);

	/* Replaced meanwhile, perhaps more than once: its new file is the mailbox now. */
	for (int i = 0; i < REOPEN_TRIES && e == ERR_STALE &&
	    (tg->ix->h->state & INDEX_DELETED) == 0; i++) {
		e = mbox_reopen(tg->m);
		tg->ix = tg->m->ix;
		if (e != OK)
			return e;
		e = mailbox_lock(c->s, tg->part, tg->ix, tg->m->entry);
	}
	if (e == OK) {
		tg->locked = true;
		tg->last_uid = tg->ix->h->last_uid;
		tg->before = tg->ix->h->highestmodseq;
	}
	return e;
}

/* Locks and plans; errors go to the transactions, or with ATOMIC to all. */
static enum err
plan_all(struct commit *c, bool atomic)
{
	struct target *tg;
	enum err e = OK;

	for (size_t i = 0; i < c->targets && (e == OK || !atomic); i++) {
		e = lock_target(c, &c->target[i]);
		for (size_t k = 0; e != OK && k < c->txns; k++)
			if (c->txn[k]->err == OK && target_of(c, c->txn[k]) == &c->target[i])
				c->txn[k]->err = e;
	}
	for (size_t k = 0; k < c->txns; k++) {
		tg = target_of(c, c->txn[k]);
		if (c->txn[k]->err == OK)
			c->txn[k]->err = plan_txn(tg, c->txn[k], c->move);
		if (c->txn[k]->err != OK && (atomic || (tg != NULL && tg->changed_n > 0)))
			return c->txn[k]->err;
	}
	return OK;
}

/* --- step 1: message files --- */

/* Has an earlier message of this commit put the blob on this partition? */
static const struct new_message *
written_before(struct commit *c, const struct target *tg, const struct new_message *n,
    int *dirfd)
{
	for (size_t i = 0; i < c->targets; i++) {
		const struct target *o = &c->target[i];

		if (o->part != tg->part)
			continue;
		for (size_t k = 0; k < o->new_n; k++) {
			if (&o->new[k] == n)
				return NULL;
			if (o->new[k].blob == n->blob && o->new[k].written) {
				*dirfd = o->ix->dirfd;
				return &o->new[k];
			}
		}
	}
	return NULL;
}

/* A file that the log does not hold must be on the disk before the log says so. */
static enum err
flush_file(struct target *tg, uint32_t uid)
{
	char name[SPOOL_NAME];
	enum err e;
	int fd;

	spool_name(uid, name);
	e = file_open(tg->ix->dirfd, name, O_RDONLY, 0, &fd);
	if (e != OK)
		return e;
	e = file_fsync(fd, name);
	close(fd);
	return e == OK ? file_fsync_dir(tg->ix->dirfd, ".") : e;
}

static enum err
link_from(struct target *tg, struct new_message *n, int dirfd, const char *name)
{
	bool copied;
	enum err e = spool_link(dirfd, name, tg->ix->dirfd, n->r.uid, &copied);

	return e == OK && copied ? flush_file(tg, n->r.uid) : e;
}

/*
 * A large message that an earlier commit took.  A checkpoint after that one
 * takes its stage file away, so neither we nor replay may count on it.
 */
static enum err
write_again(struct target *tg, struct new_message *n)
{
	enum err e = spool_write(tg->ix->dirfd, n->r.uid, blob_bytes(n->blob));

	n->source = SOURCE_COPY;
	return e == OK ? flush_file(tg, n->r.uid) : e;
}

static enum err
write_blob(struct commit *c, struct target *tg, struct new_message *n)
{
	const struct new_message *other;
	char name[SPOOL_NAME];
	int dirfd = -1;
	enum err e;

	other = written_before(c, tg, n, &dirfd);
	if (other != NULL) {
		n->source = other->source;
		spool_name(other->r.uid, name);
		e = link_from(tg, n, dirfd, name);
		/* Replay cannot make this link again either. */
		return e == OK && n->source == SOURCE_COPY ? flush_file(tg, n->r.uid) : e;
	}
	if (n->blob->fd < 0) {
		n->source = SOURCE_INLINE;
		return spool_write(tg->ix->dirfd, n->r.uid, blob_bytes(n->blob));
	}
	if (n->blob->committed)
		return write_again(tg, n);
	if (n->blob->part == tg->part) {
		n->source = SOURCE_STAGE;
		spool_stage_name(&n->blob->id, name);
		return link_from(tg, n, tg->part->stagefd, name);
	}
	/* A large message for another partition than the one it was staged on. */
	n->source = SOURCE_COPY;
	e = spool_write(tg->ix->dirfd, n->r.uid, blob_bytes(n->blob));
	return e == OK ? flush_file(tg, n->r.uid) : e;
}

static enum err
write_copy(struct target *tg, struct new_message *n)
{
	char name[SPOOL_NAME];
	enum err e;

	spool_name(n->from_uid, name);
	if (n->from_part == tg->part)
		return link_from(tg, n, n->from->dirfd, name);
	/* Another log: replay cannot count on the original being there. */
	e = spool_copy(n->from->dirfd, name, tg->ix->dirfd, n->r.uid);
	return e == OK ? flush_file(tg, n->r.uid) : e;
}

static enum err
write_cache(struct target *tg, struct new_message *n)
{
	struct index_record src;
	struct str entry;
	enum err e = OK;

	n->r.cache_offset = n->r.cache_len = 0;
	if (n->blob != NULL) {
		entry = buf_str(&n->blob->cache);
	} else {
		if (index_get(n->from, n->from_recno, &src) != OK || src.cache_len == 0 ||
		    index_cache_get(n->from, src.cache_offset, src.cache_len, &entry) != OK)
			return OK;	/* made when somebody asks */
	}
	e = index_cache_add(tg->ix, entry, &n->r.cache_offset);
	if (e == OK)
		n->r.cache_len = (uint32_t)entry.n;
	return e;
}

static enum err
write_files(struct commit *c, struct target *tg)
{
	enum err e = index_reserve(tg->ix, (uint32_t)tg->new_n);

	for (size_t i = 0; e == OK && i < tg->new_n; i++) {
		struct new_message *n = &tg->new[i];

		e = n->blob != NULL ? write_blob(c, tg, n) : write_copy(tg, n);
		n->written = e == OK;
		if (e == OK)
			e = write_cache(tg, n);
	}
	return e;
}

static enum err
write_names(struct target *tg)
{
	struct buf uids = BUF_INIT;
	struct rec_seen line;
	enum err e = OK;

	/* Durable: later commits count on the names and do not log them again. */
	if (tg->keywords_changed)
		e = header_write(tg->ix->dirfd, &tg->header, true);
	if (e == OK && tg->seen_changed) {
		uidset_format(&tg->seen, &uids);
		line = (struct rec_seen){ .user = str_c(tg->seen_of->userid),
		    .recent_uid = tg->seen_of->seen_recent, .changed = time(NULL),
		    .uids = buf_str(&uids) };
		e = seen_prepare(tg->ix->dirfd, &line);
		buf_free(&uids);
	}
	return e;
}

static void
undo_files(struct target *tg)
{
	char name[SPOOL_NAME];

	for (size_t i = 0; i < tg->new_n; i++) {
		if (!tg->new[i].written)
			continue;
		spool_name(tg->new[i].r.uid, name);
		if (file_unlink(tg->ix->dirfd, name) != OK)
			log_warning("%s/%s: left behind by a failed commit", tg->ix->name, name);
	}
	if (tg->seen_changed)
		seen_cancel(tg->ix->dirfd);
}

/* --- step 2: the log --- */

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
		f->splice = realloc(f->splice, f->size * sizeof(*f->splice));
		ensure(f->splice != NULL);
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
	rec_add_head(&f->b, &head);
}

static bool
has_work(const struct target *tg)
{
	return tg->locked && (tg->new_n > 0 || tg->changed_n > 0 || tg->seen_changed ||
	    tg->keywords_changed);
}

static void
frame_build(struct commit *c, const struct partition *part, struct frame *f)
{
	rec_begin(&f->b, time(NULL));
	for (size_t i = 0; i < c->targets; i++) {
		struct target *tg = &c->target[i];
		int dirfd;

		for (size_t k = 0; tg->part == part && k < tg->new_n; k++)
			if (tg->new[k].source == SOURCE_INLINE &&
			    written_before(c, tg, &tg->new[k], &dirfd) == NULL)
				frame_blob(f, tg->new[k].blob);
	}
	for (size_t i = 0; i < c->targets; i++)
		if (c->target[i].part == part && has_work(&c->target[i]))
			frame_target(f, &c->target[i]);
}

static enum err
frame_append(struct partition *part, const struct frame *f, uint64_t *start, uint64_t *end)
{
	struct iovec *iov = calloc(2 * f->n + 1, sizeof(*iov));
	size_t at = 0;
	int n = 0;
	enum err e;

	ensure(iov != NULL);
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

/* Marks the headers, appends and flushes.  *appended: undoing is too late. */
static enum err
log_partition(struct commit *c, struct partition *part, bool *appended)
{
	struct frame f = { .b = BUF_INIT };
	uint64_t start = 0, end = 0;
	enum err e;

	*appended = false;
	frame_build(c, part, &f);
	for (size_t i = 0; i < c->targets; i++)
		if (c->target[i].part == part && has_work(&c->target[i]))
			c->target[i].ix->h->dirty_lsn = wal_tail(part->wal);
	e = frame_append(part, &f, &start, &end);
	if (e == OK) {
		*appended = true;
		e = wal_flush(part->wal, end);
	}
	for (size_t i = 0; i < c->targets; i++) {
		struct target *tg = &c->target[i];

		if (tg->part != part || !has_work(tg))
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

/* --- steps 3 and 4 --- */

/*
 * Before the index changes: killed in between, dirty_lsn has the next writer
 * count anew.  The root is what the list says now: it may have changed since
 * the mailbox was opened.
 */
static void
add_usage(struct target *tg)
{
	struct arena *arena = arena_new(ENTRY_ARENA);
	const char *root = tg->m->entry->quotaroot;
	struct mbentry *e;

	if (tg->bytes != 0 || tg->messages != 0) {
		if (mblist_lookup_id(tg->s, arena, &tg->m->entry->id, &e) == OK)
			root = e->quotaroot;
		if (root != NULL)
			quota_add(tg->s, str_c(root), tg->bytes, tg->messages);
	}
	arena_free(arena);
}

static void
apply(struct target *tg)
{
	struct index *ix = tg->ix;
	struct index_header *h = ix->h;
	bool whole = true;

	add_usage(tg);
	index_write_begin(ix);
	for (size_t i = 0; i < tg->new_n; i++)
		index_put(ix, &tg->new[i].r);
	for (size_t i = 0; i < tg->changed_n; i++)
		index_put(ix, &tg->changed[i]);
	if (tg->modseq > h->highestmodseq)
		h->highestmodseq = tg->modseq;
	if (tg->new_n > 0)
		h->last_append = time(NULL);
	if (tg->keywords_changed)
		h->keywords_changed = h->highestmodseq;
	if (tg->seen_changed) {
		whole = seen_apply(ix->dirfd) == OK;
		h->seen_changed = h->highestmodseq;
	}
	h->applied_lsn = tg->lsn;
	/* If not, the log still has it: the next writer tries again. */
	if (whole)
		h->dirty_lsn = 0;
	index_write_end(ix);
}

/* The session that made the commit need not be told of it. */
static void
note_own(struct commit *c, struct target *tg)
{
	for (size_t i = 0; i < c->txns; i++) {
		struct mbox *m = c->txn[i]->m;

		if (c->txn[i]->err != OK || target_of(c, c->txn[i]) != tg)
			continue;
		if (tg->changed_n > 0 || tg->seen_changed)
			uidset_add(&m->own, (uint32_t)tg->modseq, (uint32_t)tg->modseq);
		if (m->private_seen && tg->seen_of == m && tg->seen_changed) {
			uidset_copy(&m->seen, &tg->seen);
			m->seen_loaded = tg->ix->h->seen_changed + 1;
		}
		m->cached.valid = false;
		/* Nobody else came between: the view need not look at all of it. */
		if (tg->before == m->told && tg->new_n == 0 && !tg->expunges &&
		    !tg->keywords_changed && m->ix == tg->ix && m->known == tg->ix->h->records) {
			m->told = tg->modseq;
			m->own.n = 0;
			m->h = *tg->ix->h;
		}
	}
}

static void
set_result(struct target *tg, struct txn *t)
{
	t->result = (struct txn_result){
		.uidvalidity = tg->ix->h->uidvalidity,
		.new_uids = t->new_uids.v,
		.source_uids = t->source_uids.v,
		.new_count = t->new_uids.n,
		.modified = t->modified.v,
		.modified_count = t->modified.n,
		.expunged = t->expunged.v,
		.expunged_count = t->expunged.n,
		.modseq = tg->modseq,
	};
}

static void
finish(struct commit *c)
{
	for (size_t i = 0; i < c->targets; i++) {
		struct target *tg = &c->target[i];

		if (!has_work(tg))
			continue;
		note_own(c, tg);
		/* expunge_mode immediate: unless a session still shows them. */
		if (tg->expunges && !c->s->params.expunge_delayed &&
		    reclaim_alone(tg->ix))
			reclaim_files(tg->ix, INT64_MAX);
	}
	for (size_t i = 0; i < c->txns; i++) {
		struct txn *t = c->txn[i];

		if (t->err != OK)
			continue;
		set_result(target_of(c, t), t);
		if (t->guard.done != NULL && t->new_uids.n > 0)
			t->guard.done(t->guard.ctx, t->new_uids.v[0]);
	}
}

static void
unlock_all(struct commit *c)
{
	for (size_t i = c->targets; i > 0; i--)
		if (c->target[i - 1].locked)
			index_unlock(c->target[i - 1].ix);
}

static void
publish_all(struct commit *c)
{
	for (size_t i = 0; i < c->targets; i++)
		if (has_work(&c->target[i]) && c->s->params.publish != NULL)
			c->s->params.publish(c->s->params.publish_ctx,
			    &c->target[i].ix->h->id);
}

/*
 * Writes, logs and applies what the plan says, partition by partition in the
 * order of the transactions: of a move between partitions the copy is durable
 * before the original goes.
 */
static enum err
carry_out(struct commit *c)
{
	enum err e = OK;
	size_t i;

	for (i = 0; e == OK && i < c->targets; i++) {
		if (!has_work(&c->target[i]))
			continue;
		e = write_files(c, &c->target[i]);
		if (e == OK)
			e = write_names(&c->target[i]);
	}
	for (size_t k = 0; e != OK && k < i; k++)
		undo_files(&c->target[k]);
	for (size_t k = 0; e == OK && k < c->txns; k++) {
		struct target *tg = c->txn[k]->err == OK ? target_of(c, c->txn[k]) : NULL;
		bool appended;

		if (tg == NULL || !has_work(tg) || tg->lsn != 0)
			continue;
		e = log_partition(c, tg->part, &appended);
		for (size_t j = 0; j < c->targets; j++) {
			struct target *o = &c->target[j];

			if (o->part != tg->part || !has_work(o))
				continue;
			if (e == OK)
				apply(o);
			else if (!appended)
				undo_files(o);
		}
		/* What was meant for logs that we did not come to. */
		for (size_t j = 0; e != OK && j < c->targets; j++)
			if (c->target[j].part != tg->part && has_work(&c->target[j]) &&
			    c->target[j].lsn == 0)
				undo_files(&c->target[j]);
	}
	return e;
}

static bool
is_move(struct txn **t, size_t n)
{
	return n == 2 && t[0]->first != NULL && t[0]->first->type == INTENT_COPY &&
	    t[1]->first != NULL && t[1]->first->type == INTENT_EXPUNGE;
}

enum err
txn_commit_all(struct txn **t, size_t n, bool atomic)
{
	struct commit c = { .s = t[0]->m->store, .txn = t, .txns = n };
	enum err e;

	c.target = calloc(n, sizeof(*c.target));
	ensure(c.target != NULL);
	c.move = atomic && is_move(t, n);
	collect_targets(&c);
	e = plan_all(&c, atomic);
	if (e == OK)
		e = carry_out(&c);
	if (e == OK)
		finish(&c);
	unlock_all(&c);
	if (e == OK)
		publish_all(&c);
	for (size_t i = 0; i < n && e != OK; i++)
		if (t[i]->err == OK)
			t[i]->err = e;
	for (size_t i = 0; i < c.targets; i++)
		target_free(&c.target[i]);
	free(c.target);
	return e;
}

enum err
txn_commit(struct txn *t)
{
	return txn_commit_all(&t, 1, true);
}
