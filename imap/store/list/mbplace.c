/*
 * mbplace.c - moving directories to where their mailboxes' names say
 *
 * One move:
 *   1. choose a free directory, make those above it, flushed;
 *   2. transaction: 'M' says from where to where;
 *   3. rename(2); flush both parents;
 *   4. transaction: all entries at or below the old place get the new one,
 *      'M' goes;
 *   5. remove the old parents if they are empty.
 * Killed before 3: mbplace_finish() does the rest.  Between 3 and 4:
 * mblist_open_dir() finds the directory by 'M', and mbplace_finish() sees by
 * the id in the directory which of the two it is.
 */
#include "imap/store/list/mbplace.h"

#include "imap/store/list/mbdir.h"
#include "imap/store/list/mbname.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- step 4 --- */

struct moving {
	struct store *s;
	struct kv_txn *txn;
	struct arena *arena;
	const struct mbmove *m;
	size_t prefix;			/* length of the directory's key */
	enum err err;
};

static enum err
move_entry(struct moving *mv, const struct id128 *id)
{
	struct buf to = BUF_INIT;
	struct mbentry *e;
	enum err err = mblist_lookup_id(mv->s, mv->arena, id, &e);

	if (err == OK && mbmove_apply(mv->m, e->partition, str_c(e->dir), &to)) {
		err = mbdb_remove(mv->txn, e);
		e->dir = to.p;
		if (err == OK)
			err = mbdb_put(mv->txn, e);
		if (err == OK && !mbdir_is_canonical(mv->s, str_c(e->name), buf_str(&to)))
			err = mbpending_add(mv->txn, PENDING_PLACE, id, NULL, NULL);
	}
	buf_free(&to);
	return err;
}

static bool
move_pair(void *ctx, struct str key, struct str value)
{
	struct moving *mv = ctx;
	struct id128 id;

	/* "a/b" is in "a", "ab" is not; 1 stands for '/' in keys. */
	if (value.n != sizeof(id.b) || (key.n > mv->prefix && key.p[mv->prefix] != '\1'))
		return true;
	memcpy(id.b, value.p, sizeof(id.b));
	mv->err = move_entry(mv, &id);
	return mv->err == OK;
}

static enum err
update_entries(struct store *s, struct arena *arena, const struct mbmove *m)
{
	struct moving mv = { .s = s, .arena = arena, .m = m };
	struct buf key = BUF_INIT;
	enum err e = mbdb_begin(s, &mv.txn);

	if (e != OK)
		return e;
	mbdb_dir_key(&key, m->partition, str_c(m->from));
	mv.prefix = key.n;
	e = kv_txn_walk(mv.txn, buf_str(&key), buf_str(&key), move_pair, &mv);
	if (e == OK)
		e = mv.err;
	if (e == OK)
		e = kv_del(mv.txn, STR("M"));
	buf_free(&key);
	return mbdb_end(s, mv.txn, e);
}

static enum err
give_up(struct store *s, const struct mbmove *m)
{
	struct kv_txn *txn;
	enum err e = mbdb_begin(s, &txn);

	log_warning("%s stays where it is: %s is not free", m->from, m->to);
	return e == OK ? mbdb_end(s, txn, kv_del(txn, STR("M"))) : e;
}

/* --- step 3 --- */

static bool
is_at(struct partition *part, const char *dir, const struct id128 *id)
{
	struct id128 found;
	bool is = false;
	int fd;

	if (file_open_dir(part->dirfd, dir, &fd) != OK)
		return false;
	is = mbdir_identity(fd, &found) == OK && id128_eq(&found, id);
	close(fd);
	return is;
}

static enum err
carry_out(struct store *s, struct arena *arena, const struct mbmove *m)
{
	struct partition *part = store_partition_of(s, m->partition);
	enum err e = OK;

	if (part == NULL)
		return give_up(s, m);
	if (!is_at(part, m->to, &m->id)) {
		e = file_rename(part->dirfd, m->from, part->dirfd, m->to);
		if (e == ERR_EXISTS || e == ERR_NOTFOUND)
			return give_up(s, m);
	}
	if (e == OK)
		e = mbdir_flush_above(part, m->to);
	if (e == OK)
		e = mbdir_flush_above(part, m->from);
	if (e == OK)
		e = update_entries(s, arena, m);
	if (e == OK) {
		const char *slash = strrchr(m->from, '/');

		if (slash != NULL)
			mbdir_prune(part, arena_copy(arena, m->from, (size_t)(slash - m->from)));
	}
	return e;
}

enum err
mbplace_finish(struct store *s)
{
	struct arena *arena = arena_new(MBDB_ARENA);
	struct mbmove m;
	enum err e = mbmove_read(s, arena, &m);

	if (e == OK)
		e = carry_out(s, arena, &m);
	else if (e == ERR_NOTFOUND)
		e = OK;
	arena_free(arena);
	return e;
}

/* --- steps 1 and 2 --- */

static enum err
announce(struct store *s, const struct mbmove *m)
{
	struct buf value = BUF_INIT;
	struct kv_txn *txn;
	enum err e = mbdb_begin(s, &txn);

	if (e != OK)
		return e;
	mbmove_encode(&value, m);
	e = mbdb_end(s, txn, kv_put(txn, STR("M"), buf_str(&value)));
	buf_free(&value);
	return e;
}

static enum err
make_parent(struct partition *part, const char *dir)
{
	struct buf parent = BUF_INIT;
	const char *slash = strrchr(dir, '/');
	enum err e = OK;

	if (slash != NULL) {
		buf_add(&parent, dir, (size_t)(slash - dir));
		e = mbdir_make(part, parent.p, NULL);
	}
	buf_free(&parent);
	return e;
}

static enum err
place(struct store *s, struct arena *arena, const struct id128 *id)
{
	struct partition *part = NULL;
	struct buf to = BUF_INIT;
	struct mbmove m = { .id = *id };
	struct mbentry *e;
	enum err err = mblist_lookup_id(s, arena, id, &e);

	if (err == OK)
		part = store_partition_of(s, e->partition);
	if (err != OK || part == NULL ||
	    mbdir_is_canonical(s, str_c(e->name), str_c(e->dir)))
		return err == ERR_NOTFOUND ? OK : err;
	err = mbdir_choose(s, part, str_c(e->name), true, &to);
	if (err == OK)
		err = make_parent(part, to.p);
	m.partition = e->partition;
	m.from = e->dir;
	m.to = to.p;
	if (err == OK)
		err = announce(s, &m);
	if (err == OK)
		err = carry_out(s, arena, &m);
	buf_free(&to);
	return err;
}

/* --- several --- */

struct named_id {
	struct id128 id;
	size_t len;			/* of its name */
};

static int
shorter_first(const void *a, const void *b)
{
	const struct named_id *x = a, *y = b;

	return (x->len > y->len) - (x->len < y->len);
}

/* What is above goes first and takes along what is below. */
enum err
mbplace_all(struct store *s, const struct id128 *ids, size_t n)
{
	struct arena *arena = arena_new(MBDB_ARENA);
	struct arena_mark mark = arena_mark(arena);
	struct named_id *v = mem_zero(n + 1, sizeof(*v));
	struct mbentry *e;
	enum err err = OK;

	for (size_t i = 0; i < n; i++) {
		v[i].id = ids[i];
		if (mblist_lookup_id(s, arena, &ids[i], &e) == OK)
			v[i].len = strlen(e->name);
		arena_rewind(arena, mark);
	}
	qsort(v, n, sizeof(*v), shorter_first);
	for (size_t i = 0; err == OK && i < n; i++) {
		err = place(s, arena, &v[i].id);
		arena_rewind(arena, mark);
	}
	free(v);
	arena_free(arena);
	return err;
}
