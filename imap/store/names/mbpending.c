/*
 * mbpending.c - what a change of names has left to be done to files
 *
 * Keys: 'P', kind, then the mailbox's id, or the quota root's name for a sum.
 * Those of COPY and REAP end with partition and directory, which are the value,
 * too (notes of older releases have them only there).  All steps can be done again:
 *   COPY    unless the list says that the mailbox, or by now another one, lies
 *           there, what is in that directory is a mailbox, or the copy of one,
 *           that was not finished: remove it.
 *   HEADER  read the entry, write the header.
 *   PLACE   the same, then move the directory (mbplace.h).
 *   REAP    if the directory still has this id, and the list does not say that
 *           the mailbox lies there: mark the index, so that sessions notice,
 *           remove the files, the directory.
 *   SUM     count; or remove the file of a root that is gone.
 */
#include "imap/store/names/mbpending.h"

#include "imap/store/upkeep/checkpoint.h"
#include "imap/disk/index.h"
#include "imap/store/list/mbdir.h"
#include "imap/store/list/mbname.h"
#include "imap/store/list/mbplace.h"
#include "imap/store/list/quota.h"
#include "imap/store/list/quotafile.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	NAMES_LOCK_MS = 120000,
	LIST_ARENA = 1 << 30,		/* a bound, not what is taken */
	ROUNDS = 10,
};

/* --- the lock --- */

enum err
names_lock(struct store *s)
{
	enum err e = lock_exclusive(s->names_fd, LOCK_NAMES, NAMES_LOCK_MS);

	if (e == OK)
		mbpending_run(s);
	return e;
}

void
names_unlock(struct store *s)
{
	lock_release(s->names_fd, LOCK_NAMES);
}

/* --- the list --- */

/*
 * A directory that is on its way ('M': somebody was killed, or the disk full, between
 * rename(2) and the entries) is found at either end by who finishes the move, which
 * corrects entries, and this one is gone or speaks of another place by then.  So
 * there is a note for each end; at one of them there will be nothing.
 */
enum err
mbpending_add_reap(struct store *s, struct kv_txn *txn, const struct mbentry *e)
{
	struct arena *arena = arena_new(MBDB_ARENA);
	struct buf to = BUF_INIT;
	struct mbmove m;
	enum err err = mbmove_read(s, arena, &m);
	bool moves = err == OK && mbmove_apply(&m, e->partition, str_c(e->dir), &to);

	if (err == OK || err == ERR_NOTFOUND)
		err = mbpending_add(txn, PENDING_REAP, &e->id, e->partition, e->dir);
	if (err == OK && moves)
		err = mbpending_add(txn, PENDING_REAP, &e->id, e->partition, to.p);
	buf_free(&to);
	arena_free(arena);
	return err;
}

struct item {
	struct item *next;
	struct str key;
	enum mbpending_kind kind;
	struct id128 id;
	const char *root;
	const char *partition, *dir;
	bool done;
};

struct list {
	struct arena *arena;
	struct item *first, **last;
	size_t count, reaps;
	bool may_reap;
};

static bool
collect(void *ctx, struct str key, struct str value)
{
	struct list *l = ctx;
	struct item *it = arena_new_obj(l->arena, struct item);

	if (it == NULL)
		return false;
	it->key = (struct str){ arena_copy(l->arena, key.p, key.n), key.n };
	it->kind = (enum mbpending_kind)it->key.p[1];
	if (it->kind == PENDING_SUM)
		it->root = it->key.p + 2;
	else if (key.n >= 2 + sizeof(it->id.b) &&
	    mbdb_get_string(&value, l->arena, &it->partition) &&
	    mbdb_get_string(&value, l->arena, &it->dir))
		memcpy(it->id.b, it->key.p + 2, sizeof(it->id.b));
	else
		log_err("mailboxes.db: a note of pending work cannot be read; it is dropped");
	*l->last = it;
	l->last = &it->next;
	l->count++;
	l->reaps += it->kind == PENDING_REAP;
	return true;
}

/* Takes off what is done. */
static enum err
take_off(struct store *s, const struct list *l)
{
	struct kv_txn *txn;
	enum err e = mbdb_begin_small(s, &txn);

	if (e != OK)
		return e;
	for (const struct item *it = l->first; e == OK && it != NULL; it = it->next) {
		if (!it->done)
			continue;
		e = kv_del(txn, it->key);
		if (e == ERR_NOTFOUND)
			e = OK;
	}
	return mbdb_end(s, txn, e);
}

/* --- the work --- */

/* Does the list say that the mailbox itself lies in the place of the note? */
static enum err
lies_there(struct store *s, const struct item *it, bool *is)
{
	struct arena *arena = arena_new(MBDB_ARENA);
	struct mbentry *e;
	enum err err = mblist_lookup_id(s, arena, &it->id, &e);

	*is = err == OK && strcmp(e->partition, it->partition) == 0 &&
	    strcmp(e->dir, it->dir) == 0;
	arena_free(arena);
	return err == ERR_NOTFOUND ? OK : err;
}

/*
 * Opens the directory if it is (still) the mailbox's, and no more than that: the
 * note may be old, and the mailbox have come back to a place that was empty already.
 */
static enum err
open_old(struct store *s, const struct item *it, struct partition **part, int *dirfd)
{
	struct id128 id;
	bool lies;
	enum err e;

	*part = store_partition_of(s, it->partition);
	if (*part == NULL || it->dir == NULL)
		return ERR_NOTFOUND;
	e = lies_there(s, it, &lies);
	if (e != OK || lies)
		return e != OK ? e : ERR_NOTFOUND;
	e = file_open_dir((*part)->dirfd, it->dir, dirfd);
	if (e != OK)
		return e;
	e = mbdir_identity(*dirfd, &id);
	if (e == OK && !id128_eq(&id, &it->id))
		e = ERR_NOTFOUND;
	if (e != OK)
		close(*dirfd);
	return e == ERR_CORRUPT ? ERR_NOTFOUND : e;
}

static void
mark(const struct partition *part, const struct item *it, int dirfd)
{
	if (index_mark(dirfd, INDEX_DELETED) == ERR_IO)
		log_warning("%s/%s: sessions are not told that it is gone", part->path, it->dir);
}

/*
 * Before the flush that comes before the removal: a session that copies from it
 * has made its links before that flush, or sees the mark and flushes them itself
 * (commit_files.c).  No replay could make them from what is gone.
 */
static void
mark_all(struct store *s, const struct list *l)
{
	struct partition *part;
	int dirfd;

	for (const struct item *it = l->first; it != NULL; it = it->next) {
		if (it->kind != PENDING_REAP || open_old(s, it, &part, &dirfd) != OK)
			continue;
		if (lock_exclusive(dirfd, LOCK_MAILBOX, MAILBOX_LOCK_MS) == OK) {
			mark(part, it, dirfd);
			lock_release(dirfd, LOCK_MAILBOX);
		}
		close(dirfd);
	}
}

static enum err
reap(struct store *s, const struct item *it)
{
	struct partition *part;
	enum err e;
	int dirfd;

	e = open_old(s, it, &part, &dirfd);
	if (e != OK)
		return e == ERR_NOTFOUND ? OK : e;
	e = lock_exclusive(dirfd, LOCK_MAILBOX, MAILBOX_LOCK_MS);
	if (e == OK) {
		mark(part, it, dirfd);
		mbdir_empty(dirfd, it->dir);
		lock_release(dirfd, LOCK_MAILBOX);
		mbdir_prune(part, it->dir);
		if (s->params.publish != NULL)
			s->params.publish(s->params.publish_ctx, &it->id);
	}
	close(dirfd);
	return e;
}

static enum err
drop_copy(struct store *s, const struct item *it)
{
	struct partition *part = store_partition_of(s, it->partition);
	bool lies;
	enum err err;
	int dirfd;

	if (part == NULL || it->dir == NULL)
		return OK;
	err = lies_there(s, it, &lies);
	/* Who cannot know whether it is the mailbox itself removes nothing. */
	if (err != OK || lies)
		return err;
	/*
	 * The note may be old: as long as no round could be finished (the list was
	 * busy) others have gone on making mailboxes.
	 */
	err = mbdir_look_in_list(s, it->partition, str_c(it->dir));
	if (err != OK)
		return err == ERR_EXISTS ? OK : err;
	/* Not by the id in it: its index may not be there yet. */
	err = file_open_dir(part->dirfd, it->dir, &dirfd);
	if (err != OK)
		return err == ERR_NOTFOUND ? OK : err;
	mbdir_empty(dirfd, it->dir);
	close(dirfd);
	mbdir_prune(part, it->dir);
	return OK;
}

static enum err
sync_header(struct store *s, struct arena *arena, const struct item *it)
{
	struct mbentry *e;
	enum err err = mblist_lookup_id(s, arena, &it->id, &e);

	if (err == OK)
		err = mbdir_sync_header(s, e);
	/* Gone or lost, which was logged: doing it again would not help. */
	return err == ERR_NOTFOUND || err == ERR_CORRUPT ? OK : err;
}

static enum err
sum(struct store *s, struct str root)
{
	uint64_t was, is;
	enum err e = quota_recount(s, root, true, &was, &is);

	if (e == ERR_NOTFOUND)
		return quotafile_remove(s, root);
	return e == OK ? quotafile_flush(s, root) : e;
}

static enum err
do_one(struct store *s, struct arena *arena, const struct item *it)
{
	switch (it->kind) {
	case PENDING_COPY:
		return drop_copy(s, it);
	case PENDING_HEADER:
	case PENDING_PLACE:
		return sync_header(s, arena, it);
	case PENDING_REAP:
		return reap(s, it);
	case PENDING_SUM:
		return sum(s, str_c(it->root));
	}
	return OK;
}

/*
 * Before files go that others' records in the log may be restored from: all
 * commits are brought into the files, and to the disk.
 */
static enum err
quiesce_all(struct store *s)
{
	enum err e = OK;

	for (size_t i = 0; e == OK && i < s->parts; i++)
		e = checkpoint_and_flush(s, &s->part[i]);
	return e;
}

static enum err
place_all(struct store *s, const struct list *l)
{
	struct id128 *ids = mem_zero(l->count + 1, sizeof(*ids));
	size_t n = 0;
	enum err e;

	for (const struct item *it = l->first; it != NULL; it = it->next)
		if (it->kind == PENDING_PLACE && it->done)
			ids[n++] = it->id;
	e = mbplace_all(s, ids, n);
	free(ids);
	return e;
}

/*
 * A partition that cannot be flushed (until a restart) keeps what is deleted from
 * going, and nothing else: rights and limits must not wait for that.
 */
static void
prepare_reaping(struct store *s, struct list *l)
{
	enum err e;

	if (l->reaps == 0 || !l->may_reap)
		return;
	mark_all(s, l);
	e = quiesce_all(s);
	if (e == OK)
		return;
	log_err("the files of deleted mailboxes stay for now (%s); the next change of names "
	    "tries again", err_text(e));
	l->may_reap = false;
}

/* One round; false if there was nothing to do or nothing more can be done. */
static bool
run_round(struct store *s, struct list *l)
{
	enum err e = mbplace_finish(s);
	size_t done = 0;

	if (e == OK)
		e = mbdb_walk(s, STR("P"), collect, l);
	if (e == OK)
		prepare_reaping(s, l);
	for (struct item *it = l->first; e == OK && it != NULL; it = it->next) {
		struct arena_mark mark = arena_mark(l->arena);

		if (it->kind == PENDING_REAP && !l->may_reap)
			continue;
		it->done = do_one(s, l->arena, it) == OK;
		done += it->done;
		arena_rewind(l->arena, mark);
	}
	if (e == OK)
		e = place_all(s, l);
	if (e == OK && done > 0)
		e = take_off(s, l);
	if (e != OK)
		log_err("changes of mailbox names are not finished (%s); the next change "
		    "tries again", err_text(e));
	return e == OK && done > 0;
}

void
mbpending_run(struct store *s)
{
	bool may_reap = true;

	for (int i = 0; i < ROUNDS; i++) {
		struct list l = { .arena = arena_new(LIST_ARENA), .may_reap = may_reap };
		bool more;

		l.last = &l.first;
		more = run_round(s, &l);
		may_reap = l.may_reap;
		arena_free(l.arena);
		if (!more)
			return;
	}
}
