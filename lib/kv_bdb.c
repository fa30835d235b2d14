/*
 * kv_bdb.c - ordered key-value databases in Berkeley DB 5.3
 *
 * In DIR: NAME, the B-tree; log.*, Berkeley DB's log, which is what a commit
 * writes; __db.*, its regions: cache, log buffer and tables, mapped by all
 * processes; kv.room.*, room for the next of them (kv_room.h); kv.state, ours
 * (kv_state.h); kv.new until the first of all is done.
 *
 * The problem.  Whoever is killed inside Berkeley DB, even a reader, leaves
 * mutexes locked and tables half changed in the regions, and everybody else
 * waits for ever or works on with them.  Its own remedy (DB_REGISTER, failchk)
 * needs every process to ask at the right time, and to end when told.
 *
 * The answer.  One process at a time is inside, and it is always known whether
 * somebody died there:
 *
 *  1. Every call into Berkeley DB is made with the environment's lock, which
 *     is flock(2): the kernel releases it when its owner dies.
 *  2. page->inside is set after the lock was taken and cleared before it is
 *     released.  So who takes the lock and finds it set knows that the last
 *     owner died inside, and that nobody is inside now: he deletes the
 *     regions and runs Berkeley DB's recovery, which makes new ones from the
 *     log and the B-tree, without the transactions that were not committed.
 *     If he dies at that, the flag is still set for the next.
 *  3. Recovery adds one to page->epoch.  Who takes the lock and finds another
 *     epoch than that of his handles abandons them and joins the environment
 *     anew, before he calls anything else.
 *  4. The first to have it open, after everybody closed it, died, or the
 *     machine was restarted, does not believe the page and recovers always.
 *     "First" is who can get the second lock, that all who have it open
 *     share; it is asked for only with the first lock held.
 *  5. What cannot be explained otherwise (Berkeley DB panics, its tables are
 *     full of the leavings of the dead) is mended in the same way, once a
 *     call, by the process that meets it.
 *
 * A flush that failed.  The kernel takes the pages for clean then, whatever the
 * disk holds; recovery would find them in the page cache and build on them.  So
 * after any failure in there (page->doubtful) it is preceded by writing the
 * log files and the B-tree once more, as they are read, and flushing that.
 * Either way the log is whole up to some record, and nobody had been told of
 * those behind it.
 *
 * A commit is written to the log file before kv_commit() returns (WRITE_NOSYNC
 * at least), so neither a kill nor a recovery loses it; it is flushed too if
 * KV_DURABLE.  Log buffers that exist only in the regions hold nothing that
 * anybody was told of.
 *
 * Since entry is exclusive, Berkeley DB's own locking is left out
 * (no DB_INIT_LOCK): no lock tables, no deadlocks.
 *
 * Abandoning.  The old regions are deleted files that only processes like us
 * still have mapped; their mutexes may be locked for ever and their cache must
 * not be written to the B-tree.  So the old handles are told to ignore
 * mutexes and that the environment has panicked, in their own mapping: then
 * closing them closes their files and does nothing else.  What they leak
 * (the mapping, which all share, and 50 KB) is the price of one kill inside.
 *
 * kv_changes() is counted up before the commit, with the lock held: a reader
 * who took the number before waits for the lock until the commit is done and
 * then keeps the new value under the old number, which is harmless; the other
 * way round, an old value under the new number, cannot be.
 *
 * A page is 4096 bytes because a write of that size is not cut in two by a
 * kill; checksums find the one that a power cut has torn, which becomes
 * ERR_CORRUPT.
 */
#include "lib/kv.h"
#include "lib/file.h"
#include "lib/kv_file.h"
#include "lib/kv_room.h"
#include "lib/kv_state.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <db.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NEW_MARK	"kv.new"

enum {
	CACHE_SIZE = 2 << 20,
	CACHE_FILE_SIZE = CACHE_SIZE / 4 * 5 + (64 << 10),
	LOG_FILE_SIZE = 1 << 20,
	LOG_BUFFER_SIZE = 128 << 10,
	CHECKPOINT_KB = 4096,		/* of log: bounds the time of a recovery */
	CHECKPOINT_LOOK = 16,		/* commits, by whomever, between two looks */
	DB_PAGE_SIZE = 4096,
	VALUE_GUESS = 512,
	BATCH_FIRST = 8 << 10,		/* of kv_walk(): most walks are short */
	BATCH = 64 << 10,
	COMPLAINTS_MAX = 8,		/* a full disk makes it say thousands */
};

struct kv_txn {
	struct kv *kv;
	DB_TXN *handle;			/* NULL: none is open */
	enum err failed;
};

struct kv {
	char *dir;			/* absolute: we may chdir(2) */
	char *name;
	unsigned flags;
	pid_t pid;
	struct kv_state state;
	uint64_t epoch;			/* of the handles */
	DB_ENV *env;			/* NULL: none */
	DB *db;
	bool may_create;		/* only while kv_open() runs */
	bool is_alone;			/* the same; nobody else has it open */
	bool is_quiet;
	bool saw_full;			/* it complained about a full disk */
	bool saw_lack;			/* of memory or descriptors: that passes */
	time_t complained;
	int complaints;			/* in the minute since then */
	struct kv_txn txn;
};

#ifdef __SANITIZE_ADDRESS__
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);

/* What abandon() leaks is meant to be leaked. */
const char *
__lsan_default_suppressions(void)
{
	return "leak:libdb-5.3.so";
}

const char *
__lsan_default_options(void)
{
	return "print_suppressions=0";
}
#endif

/* Berkeley DB's own words; after a panic they are all there is to learn. */
static void
on_message(const DB_ENV *env, const char *prefix, const char *text)
{
	struct kv *kv = env->app_private;
	(void)prefix;

	if (kv->state.page != NULL)
		atomic_store(&kv->state.page->doubtful, 1);
	if (strstr(text, strerror(ENOSPC)) != NULL || strstr(text, strerror(EDQUOT)) != NULL
	    || strstr(text, strerror(EFBIG)) != NULL)
		kv->saw_full = true;
	if (strstr(text, strerror(ENOMEM)) != NULL || strstr(text, strerror(EMFILE)) != NULL
	    || strstr(text, strerror(ENFILE)) != NULL)
		kv->saw_lack = true;
	time_t now = time(NULL);
	if (now - kv->complained >= 60) {
		kv->complained = now;
		kv->complaints = 0;
	}
	if (!kv->is_quiet && kv->complaints++ < COMPLAINTS_MAX)
		log_err("DBERROR: %s/%s: %s", kv->dir, kv->name, text);
}

/* The code for what Berkeley DB returned, logged with WHAT we wanted. */
static enum err
failed(struct kv *kv, int ret, const char *what)
{
	if (ret == 0)
		return OK;
	if (ret == DB_NOTFOUND || ret == DB_KEYEMPTY)
		return ERR_NOTFOUND;
	bool is_full = kv->saw_full || ret == ENOSPC || ret == EDQUOT || ret == EFBIG;
	kv->saw_full = false;
	log_err("DBERROR: %s/%s: %s: %s", kv->dir, kv->name, what,
	    is_full ? "no room on the disk" : db_strerror(ret));
	return is_full ? ERR_NOSPACE : ERR_IO;
}

/* Does RET mean that the environment cannot be used as it is? */
static bool
is_broken(int ret)
{
	return ret != 0 && ret != DB_NOTFOUND && ret != DB_KEYEMPTY
	    && ret != DB_BUFFER_SMALL;
}

static void
abandon(struct kv *kv)
{
	if (kv->env == NULL)
		return;
	kv->is_quiet = true;		/* it complains of open files */
	(void)kv->env->set_flags(kv->env, DB_NOLOCKING, 1);
	(void)kv->env->set_flags(kv->env, DB_PANIC_ENVIRONMENT, 1);
	if (kv->db != NULL)
		(void)kv->db->close(kv->db, DB_NOSYNC);
	(void)kv->env->close(kv->env, 0);
	kv->is_quiet = false;
	kv->saw_full = false;
	kv->env = NULL;
	kv->db = NULL;
}

static void
detach(struct kv *kv)
{
	if (kv->db != NULL)
		(void)kv->db->close(kv->db, DB_NOSYNC);
	if (kv->env != NULL)
		(void)kv->env->close(kv->env, 0);
	kv->db = NULL;
	kv->env = NULL;
}

static bool
starts(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

static int
open_env(struct kv *kv, u_int32_t how)
{
	DB_ENV *env;
	int ret;

	if ((ret = db_env_set_func_open(kv_file_open)) != 0
	    || (ret = db_env_create(&env, 0)) != 0)
		return ret;
	kv->env = env;
	env->app_private = kv;
	env->set_errcall(env, on_message);
	if ((ret = env->set_cachesize(env, 0, CACHE_SIZE, 1)) != 0
	    || (ret = env->set_lg_max(env, LOG_FILE_SIZE)) != 0
	    || (ret = env->set_lg_bsize(env, LOG_BUFFER_SIZE)) != 0
	    || (ret = env->log_set_config(env, DB_LOG_AUTO_REMOVE, 1)) != 0
	    /* Regions are files too: room is taken when they are made. */
	    || (ret = env->set_flags(env, DB_REGION_INIT, 1)) != 0)
		return ret;
	return env->open(env, kv->dir,
	    how | DB_INIT_MPOOL | DB_INIT_LOG | DB_INIT_TXN, 0640);
}

static int
open_db(struct kv *kv)
{
	int ret;

	if ((ret = db_create(&kv->db, kv->env, 0)) != 0)
		return ret;
	if ((ret = kv->db->set_pagesize(kv->db, DB_PAGE_SIZE)) != 0
	    || (ret = kv->db->set_flags(kv->db, DB_CHKSUM)) != 0)
		return ret;
	return kv->db->open(kv->db, NULL, kv->name, NULL, DB_BTREE,
	    DB_AUTO_COMMIT | (kv->may_create ? DB_CREATE : 0), 0640);
}

/*
 * Removes the regions: nobody is inside, and whoever has them mapped will not
 * look at them again; if nobody can have, their room is kept.  ALL: also the
 * log and the B-tree.  Tells if there is a log: *has_log.
 */
static enum err
remove_files(struct kv *kv, bool all, bool *has_log)
{
	const struct dirent *f;
	DIR *d;
	enum err e = file_dir_open(kv->state.dir_fd, kv->dir, &d);

	*has_log = false;
	if (e != OK)
		return e;
	while ((e = file_dir_next(d, kv->dir, &f)) == OK && f != NULL) {
		bool is_log = starts(f->d_name, "log.");
		if (kv->is_alone && kv_room_is_region(f->d_name)
		    && kv_room_save(kv->state.dir_fd, f->d_name))
			continue;
		if (starts(f->d_name, "__db.")
		    || (all && (is_log || strcmp(f->d_name, kv->name) == 0)))
			e = file_unlink(kv->state.dir_fd, f->d_name);
		else if (is_log)
			*has_log = true;
		if (e != OK)
			break;
	}
	closedir(d);
	return e;
}

/*
 * A B-tree without the log that belongs to it: Berkeley DB would take it,
 * start a log with lower numbers than the pages bear, and then believe at the
 * next recovery that the pages are newer than what it has to put there.
 */
static bool
has_content(struct kv *kv)
{
	struct stat st;

	return fstatat(kv->state.dir_fd, kv->name, &st, 0) == 0 && st.st_size > 0;
}

static enum err
damaged(struct kv *kv, const char *why)
{
	log_crit("DBERROR: %s/%s: the database is damaged and cannot be recovered: %s",
	    kv->dir, kv->name, why);
	atomic_store(&kv->state.page->damaged, 1);
	return ERR_CORRUPT;
}

/*
 * Not every state in which a power cut leaves a B-tree that is just being made
 * can be recovered.  So a mark stands in the directory until that is done and
 * flushed; up to then nobody has been told of anything and all is made anew.
 */
static enum err
look_for_mark(struct kv *kv, bool *is_new)
{
	int fd = kv->state.dir_fd;

	*is_new = faccessat(fd, NEW_MARK, F_OK, 0) == 0;
	if (*is_new || !kv->may_create || has_content(kv))
		return OK;
	*is_new = true;
	return file_replace(fd, NEW_MARK, "", 0, 0640, true);
}

static enum err
finish_creation(struct kv *kv)
{
	enum err e = failed(kv, kv->env->txn_checkpoint(kv->env, 0, 0, DB_FORCE),
	    "checkpoint");
	if (e == OK)
		e = file_fsync_dir(kv->state.dir_fd, ".");
	if (e == OK)
		e = file_unlink(kv->state.dir_fd, NEW_MARK);
	if (e == OK)
		e = file_fsync_dir(kv->state.dir_fd, ".");
	return e;
}

/*
 * What a failed recovery means.  An error number is the system's and may be
 * gone tomorrow; all else, and what these two tell, lies in the files.
 */
static enum err
recovery_failed(struct kv *kv, int ret)
{
	bool is_system = kv->saw_full || kv->saw_lack
	    || (ret > 0 && ret != EINVAL && ret != ENOENT);

	return is_system ? failed(kv, ret, "recovery")
	    : damaged(kv, db_strerror(ret));
}

/*
 * Room for transactions that make room, when the disk will be full: behind the
 * ends of the log's file and the B-tree, where nobody else can take it.  Is
 * there some?
 */
static bool
reserve(struct kv *kv)
{
	DB_LOG_STAT *st;
	char name[32];

	if (kv->env->log_stat(kv->env, &st, 0) != 0)
		return false;
	snprintf(name, sizeof(name), "log.%010u", (unsigned)st->st_cur_file);
	free(st);
	if (kv_state_has_room(&kv->state))
		kv_room_keep(kv->state.dir_fd);
	(void)kv_state_reserve(&kv->state, kv->name, LOG_FILE_SIZE / 4);
	return kv_state_reserve(&kv->state, name, LOG_FILE_SIZE / 2);
}

/* With the lock.  If it fails, page->inside stays set: the next one tries. */
static enum err
recover(struct kv *kv)
{
	struct kv_page *page = kv->state.page;

	atomic_store(&page->inside, kv->pid);
	abandon(kv);
	kv->saw_lack = false;
	atomic_fetch_add(&page->epoch, 1);
	atomic_fetch_add(&page->changes, 1);
	bool is_new, has_log;
	enum err e = look_for_mark(kv, &is_new);
	if (e == OK)
		e = remove_files(kv, is_new, &has_log);
	if (e != OK)
		return e;
	if (!has_log && has_content(kv))
		return damaged(kv, "its log files are missing");
	if (atomic_load(&page->doubtful) != 0)
		e = kv_state_rewrite(&kv->state, kv->name);
	if (e != OK)
		return e;
	atomic_store(&page->doubtful, 0);
	int ret = open_env(kv, DB_CREATE | DB_RECOVER);
	if (ret == 0)
		ret = open_db(kv);
	if (ret != 0)
		e = recovery_failed(kv, ret);
	else if (is_new)
		e = finish_creation(kv);
	if (e != OK) {
		abandon(kv);
		return e;
	}
	if (!kv_room_fill_cache(kv->state.dir_fd, CACHE_FILE_SIZE))
		log_warning("%s/%s: its cache stays small until the disk has room",
		    kv->dir, kv->name);
	(void)reserve(kv);
	kv->epoch = atomic_load(&page->epoch);
	atomic_store(&page->damaged, 0);
	return OK;
}

/* With the lock: makes handles that fit the environment as it is now. */
static enum err
join(struct kv *kv)
{
	int ret;

	abandon(kv);
	if ((ret = open_env(kv, 0)) == 0 && (ret = open_db(kv)) == 0) {
		kv->epoch = atomic_load(&kv->state.page->epoch);
		return OK;
	}
	log_warning("DBERROR: %s/%s: cannot join the environment (%s): recovering it",
	    kv->dir, kv->name, db_strerror(ret));
	return recover(kv);
}

/* Releases the lock and leaves the mending to the next one who takes it. */
static void
leave_broken(struct kv *kv)
{
	kv_state_unlock(&kv->state);
}

static void
leave(struct kv *kv)
{
	atomic_store(&kv->state.page->inside, 0);
	kv_state_unlock(&kv->state);
}

/* With the lock: makes the environment fit for use. */
static enum err
settle(struct kv *kv)
{
	struct kv_page *page = kv->state.page;
	pid_t dead = atomic_load(&page->inside);

	if (dead != 0) {
		log_notice("%s/%s: process %d died inside, recovering", kv->dir,
		    kv->name, (int)dead);
		return recover(kv);
	}
	atomic_store(&page->inside, kv->pid);
	if (kv->epoch != atomic_load(&page->epoch) || kv->db == NULL)
		return join(kv);
	return OK;
}

static enum err
enter(struct kv *kv)
{
	ensure(kv->txn.handle == NULL);
	ensure(kv->pid == getpid());
	enum err e = kv_state_lock(&kv->state);
	if (e != OK)
		return e;
	e = settle(kv);
	if (e != OK)
		leave_broken(kv);
	return e;
}

/*
 * After a read that returned RET: leaves, or mends what is broken and says
 * that the read is to be tried again.  *tries is 0 at first.
 */
static bool
leave_or_retry(struct kv *kv, int ret, int *tries, enum err *e)
{
	*e = OK;
	if (!is_broken(ret)) {
		leave(kv);
		return false;
	}
	*e = failed(kv, ret, "read");
	if (++*tries == 1) {
		*e = recover(kv);
		if (*e == OK)
			return true;
	} else if (ret == DB_RUNRECOVERY && !kv->saw_lack) {
		*e = damaged(kv, "fails again after a recovery");
	}
	leave_broken(kv);
	return false;
}

static enum err
open_first(struct kv *kv)
{
	enum err e = kv_state_open(kv->dir, true, &kv->state);
	if (e != OK)
		return e;
	/* Asked again with the lock: kv_reset() may have been faster. */
	kv->is_alone = kv_state_attach(&kv->state);
	kv->may_create = (kv->flags & KV_CREATE) != 0;
	e = kv->is_alone ? recover(kv) : settle(kv);
	kv->may_create = kv->is_alone = false;
	if (e != OK)
		leave_broken(kv);
	else
		leave(kv);
	return e;
}

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
		e = open_first(kv);
	if (e != OK) {
		kv_free(kv);
		return e;
	}
	*out = kv;
	return OK;
}

void
kv_close(struct kv *kv)
{
	if (kv == NULL)
		return;
	if (kv->txn.handle != NULL)
		kv_abort(&kv->txn);
	if (kv->env != NULL && kv->pid == getpid()
	    && kv_state_lock(&kv->state) == OK) {
		struct kv_page *page = kv->state.page;
		if (atomic_load(&page->inside) == 0
		    && kv->epoch == atomic_load(&page->epoch)) {
			atomic_store(&page->inside, kv->pid);
			detach(kv);
			atomic_store(&page->inside, 0);
		}
		kv_state_unlock(&kv->state);
	}
	abandon(kv);
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
		buf_printf(&to, "%s.damaged-%lld", dir, (long long)time(NULL));
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
	enum err e = enter(kv);
	if (e != OK)
		return e;
	do {
		ret = get_once(kv, NULL, key, value, &n);
	} while (leave_or_retry(kv, ret, &tries, &e));
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
	enum err e = failed(txn->kv,
	    get_once(txn->kv, txn->handle, key, value, &n), "read");
	if (e == OK)
		grow(value, n);
	else if (e != ERR_NOTFOUND)
		txn->failed = e;
	return e;
}

/* A walk's place and what it has read ahead. */
struct walk {
	struct str prefix;
	struct buf next;		/* the first key not read yet */
	DBT batch;			/* pairs, as DB_MULTIPLE_KEY packs them */
	bool is_done;
};

static void
walk_start(struct walk *w, struct str prefix, struct str from)
{
	*w = (struct walk){ .prefix = prefix, .next = BUF_INIT };
	size_t n = prefix.n < from.n ? prefix.n : from.n;
	int c = n > 0 ? memcmp(from.p, prefix.p, n) : 0;
	buf_add_str(&w->next, c > 0 || (c == 0 && from.n > prefix.n) ? from : prefix);
	w->batch.flags = DB_DBT_USERMEM;
	w->batch.ulen = BATCH_FIRST;
	w->batch.data = mem_get(w->batch.ulen);
}

static void
walk_end(struct walk *w)
{
	free(w->batch.data);
	buf_free(&w->next);
}

static void
walk_grow(struct walk *w, size_t size)
{
	free(w->batch.data);
	w->batch.ulen = (u_int32_t)((size + 1023) / 1024 * 1024);
	w->batch.data = mem_get(w->batch.ulen);
}

static int
read_batch(struct kv *kv, DB_TXN *txn, struct walk *w)
{
	DBT key = { .data = w->next.p, .size = (u_int32_t)w->next.n };
	DBC *cursor;
	int ret, end;

	if ((ret = kv->db->cursor(kv->db, txn, &cursor, 0)) != 0)
		return ret;
	while ((ret = cursor->get(cursor, &key, &w->batch,
	    DB_SET_RANGE | DB_MULTIPLE_KEY)) == DB_BUFFER_SMALL)
		walk_grow(w, w->batch.size > w->batch.ulen
		    ? w->batch.size : w->batch.ulen * 2);
	end = cursor->close(cursor);
	return ret != 0 ? ret : end;
}

/* Hands out what was read and moves w->next past it. */
static void
give_batch(struct walk *w, kv_each_fn each, void *ctx)
{
	void *place, *key = NULL, *value = NULL;
	size_t key_n = 0, value_n = 0;
	struct str last = { NULL, 0 };

	DB_MULTIPLE_INIT(place, &w->batch);
	while (!w->is_done) {
		/* NOLINTNEXTLINE(clang-analyzer-core.*): the batch was filled by read_batch() */
		DB_MULTIPLE_KEY_NEXT(place, &w->batch, key, key_n, value, value_n);
		if (place == NULL)
			break;
		last = (struct str){ key, key_n };
		if (key_n < w->prefix.n
		    || memcmp(key, w->prefix.p, w->prefix.n) != 0
		    || !each(ctx, last, (struct str){ value, value_n }))
			w->is_done = true;
	}
	if (last.p == NULL)
		w->is_done = true;
	if (w->is_done)
		return;
	buf_reset(&w->next);
	buf_add_str(&w->next, last);
	buf_addc(&w->next, '\0');	/* the least key that is greater */
	if (w->batch.ulen < BATCH)
		walk_grow(w, BATCH);
}

enum err
kv_walk(struct kv *kv, struct str prefix, struct str from, kv_each_fn each, void *ctx)
{
	struct walk w;
	enum err e = OK;

	if (kv->txn.handle != NULL)
		return kv_txn_walk(&kv->txn, prefix, from, each, ctx);
	walk_start(&w, prefix, from);
	while (!w.is_done && e == OK) {
		int ret = 0, tries = 0;
		e = enter(kv);
		if (e != OK)
			break;
		do {
			ret = read_batch(kv, NULL, &w);
		} while (leave_or_retry(kv, ret, &tries, &e));
		if (ret == DB_NOTFOUND)
			break;
		if (e == OK)
			give_batch(&w, each, ctx);
	}
	walk_end(&w);
	return e;
}

enum err
kv_txn_walk(struct kv_txn *txn, struct str prefix, struct str from,
    kv_each_fn each, void *ctx)
{
	struct walk w;

	if (txn->failed != OK)
		return txn->failed;
	walk_start(&w, prefix, from);
	while (!w.is_done && txn->failed == OK) {
		int ret = read_batch(txn->kv, txn->handle, &w);
		if (ret == DB_NOTFOUND)
			break;
		txn->failed = failed(txn->kv, ret, "read");
		if (txn->failed == OK)
			give_batch(&w, each, ctx);
	}
	walk_end(&w);
	return txn->failed;
}

static enum err
begin(struct kv *kv, struct kv_txn **out, bool is_small)
{
	*out = NULL;
	bool is_full = !kv_state_has_room(&kv->state);
	enum err e = is_full && !is_small ? ERR_NOSPACE : enter(kv);
	if (e == OK && is_full && !reserve(kv)) {
		leave(kv);
		e = ERR_NOSPACE;
	}
	if (e == ERR_NOSPACE && is_full)
		log_err("DBERROR: %s/%s: no room on the disk", kv->dir, kv->name);
	if (e != OK)
		return e;
	int ret = kv->env->txn_begin(kv->env, NULL, &kv->txn.handle, 0);
	if (ret != 0) {		/* the leavings of the dead: see 5 above */
		kv->txn.handle = NULL;
		e = failed(kv, ret, "begin");
		if (e == ERR_IO && (e = recover(kv)) == OK)
			e = failed(kv, kv->env->txn_begin(kv->env, NULL,
			    &kv->txn.handle, 0), "begin");
	}
	if (e != OK) {
		kv->txn.handle = NULL;
		leave_broken(kv);
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
		txn->failed = failed(txn->kv,
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
	enum err e = failed(txn->kv, db->del(db, txn->handle, &k, 0), "delete");
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
	(void)reserve(kv);
	return failed(kv, kv->env->txn_checkpoint(kv->env, CHECKPOINT_KB, 0, 0),
	    "checkpoint") == OK;
}

enum err
kv_commit(struct kv_txn *txn)
{
	struct kv *kv = txn->kv;
	DB_TXN *handle = txn->handle;
	bool is_durable = (kv->flags & KV_DURABLE) != 0;

	if (txn->failed != OK) {
		enum err e = txn->failed;
		kv_abort(txn);
		return e;
	}
	atomic_fetch_add(&kv->state.page->changes, 1);
	txn->handle = NULL;
	enum err e = failed(kv, handle->commit(handle,
	    is_durable ? DB_TXN_SYNC : DB_TXN_WRITE_NOSYNC), "commit");
	if (e == OK && checkpoint_if_due(kv))
		leave(kv);
	else
		leave_broken(kv);
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
	if (failed(kv, handle->abort(handle), "abort") == OK && txn->failed == OK)
		leave(kv);
	else
		leave_broken(kv);
}

uint64_t
kv_changes(const struct kv *kv)
{
	return atomic_load_explicit(&kv->state.page->changes, memory_order_acquire);
}

enum err
kv_checkpoint(struct kv *kv)
{
	enum err e = enter(kv);
	if (e != OK)
		return e;
	e = failed(kv, kv->env->txn_checkpoint(kv->env, 0, 0, DB_FORCE), "checkpoint");
	if (e == OK)
		leave(kv);
	else
		leave_broken(kv);
	return e;
}
