/*
 * quota.c - quota roots: limits, usage, counting
 *
 * Limits are in mailboxes.db; usage is cached in quota/ROOT (quotafile.h).
 *
 * Counting anew while mail comes in.  A commit notes in the index that it is
 * going on, changes the cached sum, changes the index, and takes the note away.
 * So a mailbox without that note is in both or in neither, and needs no lock to
 * be read; and if no sum was changed between the first mailbox and the end
 * (quotafile.changes), the total of what was read is right at the end, too.
 * Otherwise, or if a note does not go away, it is counted once more.
 *
 * A root that gets mail all the time would never be counted so.  But the commit
 * keeps the sum's lock until its index is changed, too (quota_add() to
 * quota_added()).  Who counts under that lock, the last time, holds up the mail
 * and finds no mailbox in between: with the note its sum is still to be changed,
 * after the count, and its index says what was before.  Or its writer was killed:
 * then who takes the mailbox's lock next repairs the index and counts once more.
 *
 * What if the file is taken away and made again while somebody counts?  Another
 * one begins at another number of changes, so he sees it; one that is missing,
 * or damaged, is made before the first mailbox is read.
 */
#include "imap/store/list/quota.h"

#include "imap/disk/index.h"
#include "imap/store/list/mbdb.h"
#include "imap/store/list/mbname.h"
#include "imap/store/list/quotafile.h"
#include "lib/lock.h"
#include "lib/log.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

enum {
	COUNT_TRIES = 4,		/* the last under the sum's lock */
	BUSY_MS = 20,
	STEP_MS = 2,
};

static enum err
read_limits(struct store *s, struct str root, struct quota_limits *l)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	enum err e;

	mbdb_name_key(&key, MBDB_QUOTA, root);
	e = mbdb_get(s, buf_str(&key), &value);
	if (e == OK && !mbdb_get_limits(buf_str(&value), l)) {
		log_err("mailboxes.db: quota root %.*s cannot be read; set it again",
		    STR_ARG(root));
		e = ERR_CORRUPT;
	}
	buf_free(&key);
	buf_free(&value);
	return e;
}

enum err
quota_root_of(struct store *s, struct arena *arena, struct str name, const char **root)
{
	struct buf key = BUF_INIT;
	enum err e;

	do {
		buf_reset(&key);
		mbdb_name_key(&key, MBDB_QUOTA, name);
		e = mbdb_get(s, buf_str(&key), NULL);
	} while (e == ERR_NOTFOUND && mbname_up(&name));
	buf_free(&key);
	if (e != OK)
		return e;
	*root = arena_copy(arena, name.p, name.n);
	return *root != NULL ? OK : ERR_LIMIT;
}

/* --- counting --- */

struct count {
	struct store *s;
	struct str root;
	struct index_usage sum;
	int wait_ms;			/* for the end of a mailbox's commit */
	bool is_locked;			/* the sum; no commit goes on beside us */
	bool is_sure;			/* none was read in the middle of one */
	enum err err;
	bool is_whole;			/* all mailboxes were asked */
};

static enum err
read_usage_of(struct count *c, int dirfd, struct index_usage *u)
{
	bool in_commit;
	enum err e;

	for (int waited = 0;; waited += STEP_MS) {
		e = index_usage(dirfd, u, &in_commit);
		if (e != OK || !in_commit || c->is_locked)
			return e;
		if (lock_shared(dirfd, LOCK_MAILBOX, 0) == OK) {
			e = index_usage(dirfd, u, &in_commit);
			lock_release(dirfd, LOCK_MAILBOX);
			return e;
		}
		if (waited >= c->wait_ms)
			break;
		(void)poll(NULL, 0, STEP_MS);
	}
	/* Whoever counts in the middle of his own repair or commit knows what he does. */
	if (!lock_is_ours(dirfd))
		c->is_sure = false;
	return OK;
}

/* Where it is now: it has gone to another partition since it was listed. */
static enum err
open_moved(struct count *c, const struct mbentry *was, int *dirfd)
{
	struct arena *arena = arena_new(MBDB_ARENA);
	struct mbentry *now;
	enum err e = mblist_lookup_id(c->s, arena, &was->id, &now);

	if (e == OK)
		e = mblist_open_dir(c->s, now, dirfd);
	arena_free(arena);
	/* Moved again; to leave it out would make the sum too small for good. */
	return e == ERR_STALE ? ERR_BUSY : e;
}

static enum err
usage_of(struct count *c, const struct mbentry *e, struct index_usage *u)
{
	enum err err;
	int dirfd;

	err = mblist_open_dir(c->s, e, &dirfd);
	if (err == ERR_STALE)
		err = open_moved(c, e, &dirfd);
	if (err != OK)
		return err;
	err = read_usage_of(c, dirfd, u);
	/* What is left out stays out of the sum: so look twice. */
	if (err == ERR_CORRUPT)
		err = read_usage_of(c, dirfd, u);
	close(dirfd);
	return err;
}

static bool
count_one(void *ctx, const struct mbentry *e)
{
	struct count *c = ctx;
	struct index_usage u;
	enum err err;

	if (e->quotaroot == NULL || !str_eq(str_c(e->quotaroot), c->root))
		return true;
	err = usage_of(c, e, &u);
	if (err == OK) {
		c->sum.bytes += u.bytes;
		c->sum.messages += u.messages;
		c->sum.annotation += u.annotation;
	} else if (err == ERR_CORRUPT) {
		log_warning("quota root %s: mailbox %s is damaged and not counted",
		    e->quotaroot, e->name);
	} else if (err != ERR_NOTFOUND) {
		c->err = err;
	}
	return c->err == OK;
}

/* Makes one whose sum is not known. */
static enum err
make_file(int fd, const struct quota_limits *limit, struct quotafile *q)
{
	*q = (struct quotafile){ .bytes = QUOTAFILE_UNKNOWN, .limit = *limit,
	    .changes = quotafile_first_change() };
	return quotafile_write(fd, q);
}

/* Locked; *q is what is in it, made if that cannot be read. */
static enum err
lock_file(struct store *s, struct str root, const struct quota_limits *limit, int *fd,
    struct quotafile *q)
{
	enum err e = quotafile_lock(s, root, true, fd);

	if (e != OK)
		return e;
	e = quotafile_read(*fd, q);
	if (e == ERR_CORRUPT && (e = make_file(*fd, limit, q)) == OK)
		e = quotafile_read(*fd, q);
	if (e == ERR_STALE)
		e = OK;
	if (e != OK)
		quotafile_unlock(*fd);
	return e;
}

/* What the changes are counted from. */
static enum err
begin_count(struct store *s, struct str root, const struct quota_limits *limit, bool fix,
    struct quotafile *was)
{
	enum err e;
	int fd;

	memset(was, 0, sizeof(*was));
	e = quotafile_peek(s, root, was);
	if (e == OK || e == ERR_STALE)
		return OK;
	if (e != ERR_NOTFOUND && e != ERR_CORRUPT)
		return e;
	memset(was, 0, sizeof(*was));
	if (!fix)
		return OK;
	e = lock_file(s, root, limit, &fd, was);
	if (e == OK)
		quotafile_unlock(fd);
	return e;
}

static enum err
count_all(struct store *s, struct str root, struct count *c)
{
	enum err e = mblist_walk(s, root, count_one, c);

	if (e == OK)
		e = c->err;
	c->is_whole = e == OK;
	return e;
}

static enum err
write_sum(struct store *s, struct str root, int fd, const struct count *c,
    struct quotafile *now)
{
	enum err e = read_limits(s, root, &now->limit);

	now->bytes = c->sum.bytes;
	now->messages = c->sum.messages;
	now->annotation = c->sum.annotation;
	return e == OK ? quotafile_write(fd, now) : e;
}

/* *settled: nobody changed the sum meanwhile, so it was written. */
static enum err
count_beside_others(struct store *s, struct str root, const struct quota_limits *limit,
    bool fix, struct quotafile *was, struct count *c, bool *settled)
{
	struct quotafile now = { 0 };
	enum err e = begin_count(s, root, limit, fix, was);
	int fd;

	if (e == OK)
		e = count_all(s, root, c);
	if (e != OK || !c->is_sure)
		return e;
	e = quotafile_lock(s, root, false, &fd);
	if (e == ERR_NOTFOUND) {	/* nor may it be made: see begin_count() */
		*settled = !fix && was->changes == 0;
		return OK;
	}
	if (e != OK)
		return e;
	e = quotafile_read(fd, &now);
	*settled = (e == OK || e == ERR_STALE) && now.changes == was->changes;
	e = e == ERR_IO ? e : OK;
	if (e == OK && *settled && fix)
		e = write_sum(s, root, fd, c, &now);
	quotafile_unlock(fd);
	return e;
}

static enum err
count_locked(struct store *s, struct str root, const struct quota_limits *limit, bool fix,
    struct quotafile *was, struct count *c)
{
	struct quotafile now;
	enum err e;
	int fd;

	e = lock_file(s, root, limit, &fd, &now);
	if (e != OK)
		return e;
	*was = now;
	*c = (struct count){ .s = s, .root = root, .is_sure = true, .is_locked = true };
	e = count_all(s, root, c);
	if (e == OK && fix)
		e = write_sum(s, root, fd, c, &now);
	quotafile_unlock(fd);
	return e;
}

/* A sum that nobody could write is wrong: the next one to look at it counts. */
static void
distrust(struct store *s, struct str root)
{
	if (quotafile_remove(s, root) != OK)
		log_warning("quota root %.*s: usage is not up to date; run quota -f",
		    STR_ARG(root));
}

/* After ERR_BUSY C holds what was counted, about right, if it is whole. */
static enum err
recount(struct store *s, struct str root, bool fix, struct quotafile *was, struct count *c)
{
	bool settled = false;
	struct quota_limits limit;
	enum err e = read_limits(s, root, &limit);

	for (int try = 1; e == OK && !settled && try < COUNT_TRIES; try++) {
		*c = (struct count){ .s = s, .root = root, .is_sure = true,
		    .wait_ms = BUSY_MS << (try - 1) };
		e = count_beside_others(s, root, &limit, fix, was, c, &settled);
	}
	if (e == OK && !settled)
		e = count_locked(s, root, &limit, fix, was, c);
	if (was->bytes == QUOTAFILE_UNKNOWN)
		was->bytes = 0;
	if (e != OK && e != ERR_NOTFOUND && fix)
		distrust(s, root);
	return e;
}

enum err
quota_recount(struct store *s, struct str root, bool fix, uint64_t *was, uint64_t *is)
{
	struct quotafile before = { 0 };
	struct count c = { .s = s };
	enum err e = recount(s, root, fix, &before, &c);

	*was = before.bytes;
	*is = c.sum.bytes;
	return e;
}

/* --- usage --- */

/*
 * A change of names, a deletion say, is done for everybody once it is in the
 * list; its sum is counted after that, much later if its process was killed.  The
 * first who needs the sum does it, so that nobody else has to.
 */
static enum err
count_now(struct store *s, struct str root, const struct buf *pending, struct quotafile *f)
{
	struct quotafile was = { 0 };
	struct count c = { .is_whole = false };
	enum err e = recount(s, root, true, &was, &c);

	if (e == OK && pending != NULL && (quotafile_flush(s, root) != OK ||
	    mbpending_remove_sum(s, root, buf_str(pending)) != OK))
		log_warning("quota root %.*s: counted, but the next one counts it, too",
		    STR_ARG(root));
	if (e != OK && !(e == ERR_BUSY && c.is_whole))
		return e;
	f->bytes = c.sum.bytes;
	f->messages = c.sum.messages;
	f->annotation = c.sum.annotation;
	return OK;
}

static enum err
read_usage(struct store *s, struct str root, struct quotafile *f)
{
	struct buf pending = BUF_INIT;
	enum err e = mbpending_get_sum(s, root, &pending);

	if (e == OK) {
		e = count_now(s, root, &pending, f);
	} else if (e == ERR_NOTFOUND) {
		e = quotafile_peek(s, root, f);
		if (e == ERR_NOTFOUND || e == ERR_CORRUPT || e == ERR_STALE)
			e = count_now(s, root, NULL, f);
	}
	buf_free(&pending);
	return e;
}

struct mailboxes {
	struct str root;
	uint64_t n;
};

static bool
count_mailbox(void *ctx, const struct mbentry *e)
{
	struct mailboxes *m = ctx;

	m->n += e->quotaroot != NULL && str_eq(str_c(e->quotaroot), m->root);
	return true;
}

/* The list says so itself: no mailbox is opened, and no sum can be wrong. */
static enum err
count_mailboxes(struct store *s, struct str root, uint64_t *n)
{
	struct mailboxes m = { .root = root };
	enum err e = mblist_walk(s, root, count_mailbox, &m);

	*n = m.n;
	return e;
}

enum err
quota_get(struct store *s, struct arena *arena, struct str root, struct quota *q)
{
	struct quotafile f;
	enum err e = read_limits(s, root, &q->limit);

	if (e == OK)
		e = read_usage(s, root, &f);
	q->used_mailboxes = 0;
	if (e == OK && q->limit.mailboxes >= 0)
		e = count_mailboxes(s, root, &q->used_mailboxes);
	if (e != OK)
		return e;
	q->used_bytes = f.bytes;
	q->used_messages = f.messages;
	q->used_annotation = f.annotation;
	q->root = arena_copy(arena, root.p, root.n);
	return q->root != NULL ? OK : ERR_LIMIT;
}

static bool
is_too_much(uint64_t used, int64_t more, int64_t limit, bool may_overshoot)
{
	if (more <= 0 || limit < 0)
		return false;
	return may_overshoot ? used >= (uint64_t)limit :
	    used > (uint64_t)limit || (uint64_t)more > (uint64_t)limit - used;
}

/* KiB to octets; as many as there can be, if it is more. */
static int64_t
octets(int64_t kb)
{
	return kb < 0 ? kb : kb > INT64_MAX / 1024 ? INT64_MAX : kb * 1024;
}

enum err
quota_check(struct store *s, struct str root, const struct quota_change *c, bool may_overshoot)
{
	struct quotafile f;
	struct quota_limits l;
	enum err e = read_limits(s, root, &l);

	/* A root that was taken away since the mailbox was opened limits nothing. */
	if (e == ERR_NOTFOUND ||
	    (e == OK && l.kb < 0 && l.messages < 0 && l.annotation_kb < 0))
		return OK;
	if (e == OK)
		e = read_usage(s, root, &f);
	if (e != OK)
		return e;
	if (is_too_much(f.bytes, c->bytes, octets(l.kb), may_overshoot) ||
	    is_too_much(f.messages, c->messages, l.messages, may_overshoot) ||
	    is_too_much(f.annotation, c->annotation, octets(l.annotation_kb), may_overshoot))
		return ERR_QUOTA;
	return OK;
}

enum err
quota_check_mailbox(struct store *s, struct str name)
{
	struct arena *arena = arena_new(MBDB_ARENA);
	struct quota_limits l;
	const char *root;
	uint64_t n;
	enum err e = quota_root_of(s, arena, name, &root);

	if (e == OK)
		e = read_limits(s, str_c(root), &l);
	if (e == OK && l.mailboxes >= 0) {
		e = count_mailboxes(s, str_c(root), &n);
		if (e == OK && n >= (uint64_t)l.mailboxes)
			e = ERR_QUOTA;
	}
	arena_free(arena);
	return e == ERR_NOTFOUND ? OK : e;
}

/* False if the sum cannot be right: it has to be counted. */
static bool
add_signed(uint64_t *sum, int64_t change)
{
	if (change < 0 && *sum < (uint64_t)0 - (uint64_t)change)
		return false;
	*sum += (uint64_t)change;
	return true;
}

/* OK: *held is its lock. */
static enum err
add(struct store *s, struct str root, const struct quota_change *c, int *held)
{
	struct quotafile f;
	enum err e, told;
	int fd;

	e = quotafile_lock(s, root, false, &fd);
	if (e != OK)
		return e;
	e = quotafile_read(fd, &f);
	if (e == OK && !(add_signed(&f.bytes, c->bytes) &&
	    add_signed(&f.messages, c->messages) &&
	    add_signed(&f.annotation, c->annotation)))
		e = ERR_CORRUPT;
	/* Not known yet: who is counting must see that there was a change. */
	told = e == OK || e == ERR_STALE ? quotafile_write(fd, &f) : OK;
	if (e == OK || told != OK)
		e = told;
	if (e == OK)
		*held = fd;
	else
		quotafile_unlock(fd);
	return e;
}

bool
quota_add(struct store *s, struct str root, const struct quota_change *c, int *held)
{
	uint64_t was, is;
	enum err e;

	*held = -1;
	e = add(s, root, c, held);
	if (e == ERR_NOTFOUND || e == ERR_CORRUPT || e == ERR_STALE) {
		e = quota_recount(s, root, true, &was, &is);
		if (e == OK)
			e = add(s, root, c, held);
	}
	/* ERR_NOTFOUND: there is no such root any more. */
	if (e == OK || e == ERR_NOTFOUND)
		return true;
	distrust(s, root);
	return false;
}

void
quota_added(int held)
{
	if (held >= 0)
		quotafile_unlock(held);
}

/* --- walking --- */

struct walk {
	struct store *s;
	struct arena *arena;
	quota_each_fn each;
	void *ctx;
	enum err err;
};

static bool
walk_pair(void *ctx, struct str key, struct str value)
{
	struct walk *w = ctx;
	struct arena_mark mark = arena_mark(w->arena);
	struct buf root = BUF_INIT;
	struct quota q;
	bool go_on = true;
	enum err e;

	(void)value;
	mbname_from_key(&root, (struct str){ key.p + 1, key.n - 1 });
	e = quota_get(w->s, w->arena, buf_str(&root), &q);
	if (e == OK)
		go_on = w->each(w->ctx, &q);
	else if (e != ERR_NOTFOUND && w->err == OK)
		w->err = e;
	buf_free(&root);
	arena_rewind(w->arena, mark);
	return go_on;
}

enum err
quota_walk(struct store *s, struct str prefix, quota_each_fn each, void *ctx)
{
	struct walk w = { .s = s, .arena = arena_new(MBDB_ARENA), .each = each, .ctx = ctx };
	struct buf key = BUF_INIT;
	enum err e;

	mbdb_name_key(&key, MBDB_QUOTA, prefix);
	e = mbdb_walk(s, buf_str(&key), walk_pair, &w);
	buf_free(&key);
	arena_free(w.arena);
	return e != OK ? e : w.err;
}
