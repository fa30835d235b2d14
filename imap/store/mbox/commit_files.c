/*
 * commit_files.c - step 1 of a commit: all that can fail for lack of room
 *
 * Nothing here is seen by anybody before the log says so: files under names
 * that no record has yet, entries of cyrus.cache that no record points to, a
 * new cyrus.seen beside the old one.  Killed here, they are left; the mark that
 * was set before says so, and the next one with the lock removes them (stale.c).
 * A file that is there already is not touched: ERR_EXISTS.
 */
#include "imap/store/mbox/commit_in.h"

#include "imap/disk/seen.h"
#include "imap/disk/spool.h"
#include "imap/disk/wal.h"
#include "imap/store/mbox/blob_in.h"
#include "lib/file.h"
#include "lib/log.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

const struct new_message *
commit_written_before(struct commit *c, const struct target *tg, const struct new_message *n,
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
	enum err e = spool_link(dirfd, name, tg->ix->dirfd, n->r.uid, SPOOL_NEW,
	    &copied);

	return e == OK && copied ? flush_file(tg, n->r.uid) : e;
}

/*
 * A large message that an earlier commit took.  A checkpoint after that one
 * takes its stage file away, so neither we nor replay may count on it.
 */
static enum err
write_again(struct target *tg, struct new_message *n)
{
	enum err e = spool_write(tg->ix->dirfd, n->r.uid, blob_bytes(n->blob), SPOOL_NEW);

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

	other = commit_written_before(c, tg, n, &dirfd);
	if (other != NULL) {
		n->source = other->source;
		spool_name(other->r.uid, name);
		e = link_from(tg, n, dirfd, name);
		/* Replay cannot make this link again either. */
		return e == OK && n->source == SOURCE_COPY ? flush_file(tg, n->r.uid) : e;
	}
	if (n->blob->fd < 0) {
		n->source = SOURCE_INLINE;
		return spool_write(tg->ix->dirfd, n->r.uid, blob_bytes(n->blob), SPOOL_NEW);
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
	e = spool_write(tg->ix->dirfd, n->r.uid, blob_bytes(n->blob), SPOOL_NEW);
	return e == OK ? flush_file(tg, n->r.uid) : e;
}

/*
 * Then the original may go before a checkpoint has flushed the copy: it is
 * expunged (reclaim.c), or all of its mailbox goes (mbpending.c).  To be asked
 * after the link has been made.
 */
static bool
may_go(const struct new_message *n)
{
	return (index_peek(n->from, n->from_recno)->flags & REC_EXPUNGED) != 0 ||
	    (index_state(n->from) & INDEX_DELETED) != 0;
}

static enum err
write_copy(struct target *tg, struct new_message *n)
{
	char name[SPOOL_NAME];
	enum err e;

	spool_name(n->from_uid, name);
	if (n->from_part == tg->part) {
		e = link_from(tg, n, n->from->dirfd, name);
		return e == OK && may_go(n) ? flush_file(tg, n->r.uid) : e;
	}
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

/*
 * Looked for before the mark says that files up to there are ours: killed
 * between the mark and the first ERR_EXISTS, we would let the next one remove a
 * message that somebody has put back.
 */
static enum err
look_for_others(const struct target *tg)
{
	enum err e = OK;

	for (size_t i = 0; e == OK && i < tg->new_n; i++)
		e = spool_is_free(tg->ix->dirfd, tg->new[i].r.uid);
	return e;
}

/* The mapped header may be another one after index_reserve(). */
static void
mark(struct target *tg)
{
	struct index_header *h = tg->ix->h;

	h->writing_lsn = wal_tail(tg->part->wal);
	/* Killed in between: no mark, and no file yet. */
	atomic_thread_fence(memory_order_release);
	h->writing_uid = tg->last_uid;
}

static enum err
write_files(struct commit *c, struct target *tg)
{
	enum err e = tg->new_n > 0 ? wal_reserve(tg->part->wal) : OK;

	if (e == OK)
		e = index_reserve(tg->ix, (uint32_t)tg->new_n);
	if (e == OK)
		e = look_for_others(tg);
	if (e == OK && tg->new_n > 0)
		mark(tg);
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
	if (e == OK && tg->annot_changes > 0)
		e = annots_prepare(tg->ix->dirfd, ANNOTS_FILE, &tg->annots);
	return e;
}

void
commit_undo_files(struct target *tg)
{
	char name[SPOOL_NAME];
	bool all = true;

	for (size_t i = 0; i < tg->new_n; i++) {
		if (!tg->new[i].written)
			continue;
		tg->new[i].written = false;
		spool_name(tg->new[i].r.uid, name);
		if (file_unlink(tg->ix->dirfd, name) == OK)
			continue;
		log_warning("%s/%s: left behind by a failed commit", tg->ix->name, name);
		all = false;
	}
	/* Else the next one tries. */
	if (all)
		tg->ix->h->writing_uid = 0;
	if (tg->seen_changed)
		seen_cancel(tg->ix->dirfd);
	if (tg->annot_changes > 0)
		annots_cancel(tg->ix->dirfd, ANNOTS_FILE);
}

enum err
commit_write_files(struct commit *c, struct target *tg)
{
	enum err e = write_files(c, tg);

	if (e == OK)
		e = write_names(tg);
	if (e != OK)
		commit_undo_files(tg);
	return e;
}
