/*
 * kv_bdb.c - ordered key-value databases in Berkeley DB 5.3
 *
 * See kv_env.c for what lies in the directory, and for how it is entered.
 */
#include "lib/kv_env.h"
#include "lib/file.h"
#include "lib/kv_tree.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CHECKPOINT_KB = 4096,		/* of log: bounds the time of a recovery */
	CHECKPOINT_LOOK = 16,		/* commits, by whomever, between two looks */
	VALUE_GUESS = 512,
	COMPACT_PAGES = 256,		/* that one transaction of kv_compact() may set free */
	COMPACT_PASSES = 8,
};

static enum err
prepare_dir(struct kv *kv, const char *dir)
{
	enum err e = OK;

	if ((kv->flags & KV_CREATE) != 0)
		e = file_mkdirs(AT_FDCWD, dir, 0750);
	if (e != OK)
		return e;
	kv->dir = realpath(dir, NULL);
	if (kv->dir == NULL) {
		e = file_err(errno);
		if (e != ERR_NOTFOUND)
			log_io(dir, "realpath");
		return e;
	}
	if ((kv->flags & KV_CREATE) != 0)
		return OK;
	struct buf path = BUF_INIT;
	buf_printf(&path, "%s/%s", kv->dir, kv->name);
	if (access(path.p, F_OK) != 0)
		e = ERR_NOTFOUND;
	buf_free(&path);
	return e;
}

static void
kv_free(struct kv *kv)
{
	kv_state_close(&kv->state);
	free(kv->dir);
	free(kv->name);
	free(kv);
}

enum err
kv_open(const char *dir, const char *name, unsigned flags, struct kv **out)
{
	struct kv *kv = mem_zero(1, sizeof(*kv));

	*out = NULL;
	kv->flags = flags;
	kv->pid = getpid();
	kv->state = (struct kv_state){ .dir_fd = -1, .fd = -1 };
	kv->name = mem_copy(name);
	kv->txn.kv = kv;
	enum err e = prepare_dir(kv, dir);
	if (e == OK)
		e = kv_env_open(kv);
	if (e != OK) {
		kv_free(kv);
		return e;
	}
	*out = kv;
	return OK;
}

/*
 * Closes the handles; false if others work with their regions and we may not:
 * they are our parent's, or the lock was not to be had.
 */
static bool
close_handles(struct kv *kv)
{
	struct kv_page *page = kv->state.page;

	if (kv->env == NULL || kv->epoch != atomic_load(&page->epoch))
		return true;
	if (kv->pid != getpid() || kv_state_lock(&kv->state) != OK)
		return false;
	if (atomic_load(&page->inside) == 0 && kv->epoch == atomic_load(&page->epoch)) {
		atomic_store(&page->inside, kv->pid);
		kv_env_detach(kv);
		atomic_store(&page->inside, 0);
	} else {
		kv_env_abandon(kv);
	}
	kv_state_unlock(&kv->state);
	return true;
}

void
kv_close(struct kv *kv)
{
	if (kv == NULL)
		return;
	if (kv->txn.handle != NULL)
		kv_abort(&kv->txn);
	/* To abandon what is in use would panic it for all; the process's end closes it. */
	if (close_handles(kv))
		kv_env_abandon(kv);
	kv_free(kv);
}

enum err
kv_reset(const char *dir, const char *name)
{
	struct kv_state state;

	enum err e = kv_state_open(dir, false, &state);
	if (e == ERR_NOTFOUND)
		return OK;
	if (e != OK)
		return e;
	if (atomic_load(&state.page->damaged) != 0) {
		struct buf to = BUF_INIT;
		long long when = time(NULL);
		do {		/* twice within a second */
			buf_reset(&to);
			buf_printf(&to, "%s.damaged-%lld", dir, when++);
		} while (faccessat(AT_FDCWD, to.p, F_OK, 0) == 0);
		atomic_store(&state.page->moved, 1);
		atomic_fetch_add(&state.page->changes, 1);
		e = file_rename(AT_FDCWD, dir, AT_FDCWD, to.p);
		if (e == OK)
			log_crit("DBERROR: %s/%s: damaged, moved to %s", dir, name, to.p);
		else
			atomic_store(&state.page->moved, 0);
		buf_free(&to);
	}
	kv_state_close(&state);
	return e;
}

void
kv_condemn(struct kv *kv, const char *why)
{
	bool is_inside = kv->txn.handle != NULL;

	if (!is_inside && kv_state_lock(&kv->state) != OK)
		return;
	kv_env_condemn(kv, why);
	if (!is_inside)
		kv_state_unlock(&kv->state);
}

enum err
kv_verify(struct kv *kv)
{
	enum err e = kv_env_enter(kv);

	if (e != OK)
		return e;
	e = kv_env_verify(kv);
	if (e == OK)
		kv_env_leave(kv);
	else
		kv_env_leave_broken(kv);
	return e;
}

/* Appends to VALUE, which grows to fit; *n bytes of it are new. */
static int
get_once(struct kv *kv, DB_TXN *txn, struct str key, struct buf *value, size_t *n)
{
	DBT k = { .data = (void *)key.p, .size = (u_int32_t)key.n };
	DBT v = { .flags = DB_DBT_USERMEM };
	int ret;

	*n = 0;
	if (value == NULL) {
		v.flags |= DB_DBT_PARTIAL;
		return kv->db->get(kv->db, txn, &k, &v, 0);
	}
	v.ulen = VALUE_GUESS;
	v.data = buf_reserve(value, v.ulen);
	ret = kv->db->get(kv->db, txn, &k, &v, 0);
	if (ret == DB_BUFFER_SMALL) {
		v.ulen = v.size;
		v.data = buf_reserve(value, v.ulen);
		ret = kv->db->get(kv->db, txn, &k, &v, 0);
	}
	if (ret == 0)
		*n = v.size;
	return ret;
}

static void
grow(struct buf *value, size_t n)
{
	if (value == NULL)
		return;
	value->n += n;
	value->p[value->n] = '\0';
}

enum err
kv_get(struct kv *kv, struct str key, struct buf *value)
{
	int ret, tries = 0;
	size_t n;

	if (kv->txn.handle != NULL)
		return kv_txn_get(&kv->txn, key, value);
	if (key.n == 0 || key.n > KV_KEY_MAX)
		return ERR_NOTFOUND;
	enum err e = kv_env_enter(kv);
	if (e != OK)
		return e;
	do {
		ret = get_once(kv, NULL, key, value, &n);
	} while (kv_env_leave_or_retry(kv, ret, &tries, &e));
	if (e != OK)
		return e;
	if (ret != 0)
		return ERR_NOTFOUND;
	grow(value, n);
	return OK;
}

enum err
kv_txn_get(struct kv_txn *txn, struct str key, struct buf *value)
{
	size_t n;

	if (key.n == 0 || key.n > KV_KEY_MAX)
		return ERR_NOTFOUND;
	if (txn->failed != OK)
		return txn->failed;
	enum err e = kv_env_failed(txn->kv,
	    get_once(txn->kv, txn->handle, key, value, &n), "read");
	if (e == OK)
		grow(value, n);
	else if (e != ERR_NOTFOUND)
		txn->failed = e;
	return e;
}

static enum err
begin(struct kv *kv, struct kv_txn **out, bool is_small)
{
	*out = NULL;
	bool is_full = !kv_state_has_room(&kv->state);
	enum err e = is_full && !is_small ? ERR_NOSPACE : kv_env_enter(kv);
	if (e == OK && is_full && !kv_env_reserve(kv)) {
		kv_env_leave(kv);
		e = ERR_NOSPACE;
	}
	if (e == ERR_NOSPACE && is_full)
		log_err("DBERROR: %s/%s: no room on the disk", kv->dir, kv->name);
	if (e != OK)
		return e;
	int ret = kv->env->txn_begin(kv->env, NULL, &kv->txn.handle, 0);
	if (ret != 0) {		/* the leavings of the dead: see 5 above */
		kv->txn.handle = NULL;
		e = kv_env_failed(kv, ret, "begin");
		if (e == ERR_IO && (e = kv_env_recover(kv)) == OK)
			e = kv_env_failed(kv, kv->env->txn_begin(kv->env, NULL,
			    &kv->txn.handle, 0), "begin");
	}
	if (e != OK) {
		kv->txn.handle = NULL;
		kv_env_leave_broken(kv);
		return e;
	}
	kv->txn.failed = OK;
	*out = &kv->txn;
	return OK;
}

enum err
kv_begin(struct kv *kv, struct kv_txn **out)
{
	return begin(kv, out, false);
}

enum err
kv_begin_small(struct kv *kv, struct kv_txn **out)
{
	return begin(kv, out, true);
}

enum err
kv_put(struct kv_txn *txn, struct str key, struct str value)
{
	DBT k = { .data = (void *)key.p, .size = (u_int32_t)key.n };
	DBT v = { .data = (void *)value.p, .size = (u_int32_t)value.n };
	DB *db = txn->kv->db;

	if (key.n == 0 || key.n > KV_KEY_MAX || value.n > KV_VALUE_MAX)
		return ERR_LIMIT;
	if (txn->failed == OK)
		txn->failed = kv_env_failed(txn->kv,
		    db->put(db, txn->handle, &k, &v, 0), "write");
	return txn->failed;
}

enum err
kv_del(struct kv_txn *txn, struct str key)
{
	DBT k = { .data = (void *)key.p, .size = (u_int32_t)key.n };
	DB *db = txn->kv->db;

	if (key.n == 0 || key.n > KV_KEY_MAX)
		return ERR_NOTFOUND;
	if (txn->failed != OK)
		return txn->failed;
	enum err e = kv_env_failed(txn->kv, db->del(db, txn->handle, &k, 0), "delete");
	if (e != ERR_NOTFOUND)
		txn->failed = e;
	return e;
}

/*
 * A failure concerns the next one who enters, not what has been committed.
 * Berkeley DB searches the log for files it can remove even when it finds that
 * nothing is due: that costs more than a small commit.
 */
static bool
checkpoint_if_due(struct kv *kv)
{
	if (kv_changes(kv) % CHECKPOINT_LOOK != 0)
		return true;
	(void)kv_env_reserve(kv);
	return kv_env_failed(kv, kv->env->txn_checkpoint(kv->env, CHECKPOINT_KB, 0, 0),
	    "checkpoint") == OK;
}

enum err
kv_commit(struct kv_txn *txn)
{
	struct kv *kv = txn->kv;
	DB_TXN *handle = txn->handle;
	bool is_durable = (kv->flags & KV_DURABLE) != 0;
	uint64_t n = kv_state_commits(&kv->state) + 1;

	if (atomic_load(&kv->state.page->damaged) == KV_CONDEMNED)
		txn->failed = ERR_CORRUPT;
	if (txn->failed == OK && is_durable)
		txn->failed = kv_env_failed(kv, kv_tree_put_commits(kv->db, handle, n), "write");
	if (txn->failed != OK) {
		enum err e = txn->failed;
		kv_abort(txn);
		return e;
	}
	atomic_fetch_add(&kv->state.page->changes, 1);
	txn->handle = NULL;
	enum err e = kv_env_failed(kv, handle->commit(handle,
	    is_durable ? DB_TXN_SYNC : DB_TXN_WRITE_NOSYNC), "commit");
	if (e == OK && is_durable)
		kv_state_note_commits(&kv->state, n);
	if (e == OK && checkpoint_if_due(kv))
		kv_env_leave(kv);
	else
		kv_env_leave_broken(kv);
	return e;
}

void
kv_abort(struct kv_txn *txn)
{
	if (txn == NULL)
		return;
	struct kv *kv = txn->kv;
	DB_TXN *handle = txn->handle;

	txn->handle = NULL;
	if (kv_env_failed(kv, handle->abort(handle), "abort") == OK && txn->failed == OK)
		kv_env_leave(kv);
	else
		kv_env_leave_broken(kv);
}

uint64_t
kv_changes(const struct kv *kv)
{
	return atomic_load_explicit(&kv->state.page->changes, memory_order_acquire);
}

enum err
kv_checkpoint(struct kv *kv)
{
	enum err e = kv_env_enter(kv);
	if (e != OK)
		return e;
	e = kv_env_failed(kv, kv->env->txn_checkpoint(kv->env, 0, 0, DB_FORCE), "checkpoint");
	if (e == OK)
		kv_env_leave(kv);
	else
		kv_env_leave_broken(kv);
	return e;
}

/*
 * One transaction: some pages from NEXT on, which then is where to go on; none:
 * the end.  Berkeley DB gives a place to go on at the end, too; but it stops
 * before only if it has set as many pages free as it may.
 */
static enum err
compact_some(struct kv *kv, struct buf *next, uint32_t *truncated)
{
	DBT from = { .data = next->p, .size = (u_int32_t)next->n };
	DBT end = { .flags = DB_DBT_MALLOC };
	DB_COMPACT c = { .compact_pages = COMPACT_PAGES };
	struct kv_txn *txn;
	enum err e = kv_begin(kv, &txn);

	if (e != OK)
		return e;
	txn->failed = kv_env_failed(kv, kv->db->compact(kv->db, txn->handle,
	    next->n > 0 ? &from : NULL, NULL, &c, DB_FREE_SPACE, &end), "compact");
	buf_reset(next);
	*truncated += c.compact_pages_truncated;
	if (txn->failed == OK && c.compact_pages_free > 0 && end.size > 0)
		buf_add(next, end.data, end.size);
	free(end.data);
	return kv_commit(txn);
}

enum err
kv_compact(struct kv *kv)
{
	struct buf next = BUF_INIT;
	uint32_t truncated;
	enum err e = OK;

	/* Pages that one pass sets free in the middle are where the next one moves others to. */
	for (int pass = 0; e == OK && pass < COMPACT_PASSES; pass++) {
		truncated = 0;
		do {
			e = compact_some(kv, &next, &truncated);
		} while (e == OK && next.n > 0);
		if (truncated == 0)
			break;
	}
	buf_free(&next);
	return e;
}
