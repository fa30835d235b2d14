/*
 * kv_env.c - an environment of Berkeley DB 5.3 that survives everybody in it
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
 * mutexes and that the environment has panicked, which is a word in those
 * regions: then closing them closes their files and does nothing else.  What they leak
 * (the mapping, which all share, and 50 KB) is the price of one kill inside.
 *
 * kv_changes() is counted up before the commit, with the lock held: a reader
 * who took the number before waits for the lock until the commit is done and
 * then keeps the new value under the old number, which is harmless; the other
 * way round, an old value under the new number, cannot be.
 *
 * A log that has rotted is taken for one that ends there.  So each durable
 * commit writes its number into the tree, and after its flush into kv.state,
 * which is not flushed: after a kill or a power cut that may say less than the
 * tree (a torn pair says nothing), but never more, unless commits are missing.
 *
 * A page of zeros is taken for one that was never written; looking for a key
 * there may never end.  A power cut leaves some, too, which a recovery makes
 * anew from the log.  So if there is one before a recovery, all pages are looked
 * at after it, before any key.  What it has made of a page of which the log has
 * only a part, only those can tell who know what should be there: kv_condemn().
 *
 * A page is 4096 bytes because a write of that size is not cut in two by a
 * kill; checksums find the one that a power cut has torn, which becomes
 * ERR_CORRUPT.
 */
#include "lib/kv_env.h"
#include "lib/file.h"
#include "lib/kv_file.h"
#include "lib/kv_room.h"
#include "lib/kv_tree.h"
#include "lib/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_MARK	"kv.new"

enum {
	CACHE_SIZE = 2 << 20,
	CACHE_FILE_SIZE = CACHE_SIZE / 4 * 5 + (64 << 10),
	LOG_FILE_SIZE = 1 << 20,
	LOG_BUFFER_SIZE = 128 << 10,
	DB_PAGE_SIZE = 4096,
	COMPLAINTS_MAX = 8,		/* a full disk makes it say thousands */
};

#ifdef __SANITIZE_ADDRESS__
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);

/* What kv_env_abandon() leaks is meant to be leaked. */
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
enum err
kv_env_failed(struct kv *kv, int ret, const char *what)
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

void
kv_env_abandon(struct kv *kv)
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

void
kv_env_detach(struct kv *kv)
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
	    || (ret = db_env_set_func_dirlist(kv_file_names)) != 0
	    || (ret = db_env_set_func_dirfree(kv_file_names_free)) != 0
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
damaged(struct kv *kv, enum kv_damage how, const char *why)
{
	log_crit("DBERROR: %s/%s: the database is damaged and cannot be recovered: %s",
	    kv->dir, kv->name, why);
	atomic_store(&kv->state.page->damaged, (uint32_t)how);
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
	enum err e = kv_env_failed(kv, kv->env->txn_checkpoint(kv->env, 0, 0, DB_FORCE),
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

	return is_system ? kv_env_failed(kv, ret, "recovery")
	    : damaged(kv, KV_NOT_RECOVERED, db_strerror(ret));
}

/*
 * Room for transactions that make room, when the disk will be full: behind the
 * ends of the log's file and the B-tree, where nobody else can take it.  Is
 * there some?
 */
bool
kv_env_reserve(struct kv *kv)
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
void
kv_env_condemn(struct kv *kv, const char *why)
{
	if (atomic_load(&kv->state.page->damaged) != KV_CONDEMNED)
		(void)damaged(kv, KV_CONDEMNED, why);
	atomic_fetch_add(&kv->state.page->changes, 1);
}

/* What is only in the cache is written first. */
enum err
kv_env_verify(struct kv *kv)
{
	struct buf path = BUF_INIT;
	enum err e = kv_env_failed(kv, kv->env->txn_checkpoint(kv->env, 0, 0, DB_FORCE),
	    "checkpoint");

	buf_printf(&path, "%s/%s", kv->dir, kv->name);
	int ret = e == OK ? kv_tree_verify(path.p) : 0;
	buf_free(&path);
	if (ret < 0 || ret == EINVAL)
		return damaged(kv, KV_CONDEMNED, "pages of it are not what was written");
	return ret != 0 ? kv_env_failed(kv, ret, "verify") : e;
}

/* After a recovery: are all commits there of which somebody was told? */
static enum err
count_commits(struct kv *kv)
{
	uint64_t n, noted = kv_state_commits(&kv->state);
	int ret = kv_tree_get_commits(kv->db, &n);

	if (ret != 0)
		return recovery_failed(kv, ret);
	if (n < noted)
		return damaged(kv, KV_CONDEMNED, "the last commits are missing");
	kv_state_note_commits(&kv->state, n);
	return OK;
}

enum err
kv_env_recover(struct kv *kv)
{
	struct kv_page *page = kv->state.page;

	if (atomic_load(&page->damaged) == KV_CONDEMNED)
		return ERR_CORRUPT;
	atomic_store(&page->inside, kv->pid);
	kv_env_abandon(kv);
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
		return damaged(kv, KV_NOT_RECOVERED, "its log files are missing");
	if (atomic_load(&page->doubtful) != 0)
		e = kv_state_rewrite(&kv->state, kv->name);
	if (e != OK)
		return e;
	atomic_store(&page->doubtful, 0);
	bool is_suspect = kv_state_has_empty_page(&kv->state, kv->name, DB_PAGE_SIZE);
	int ret = open_env(kv, DB_CREATE | DB_RECOVER);
	if (ret == 0)
		ret = open_db(kv);
	if (ret != 0)
		e = recovery_failed(kv, ret);
	else if (is_new)
		e = finish_creation(kv);
	if (e == OK && is_suspect && !is_new)
		e = kv_env_verify(kv);
	if (e == OK && is_new)
		kv_state_note_commits(&kv->state, 0);
	else if (e == OK && (kv->flags & KV_DURABLE) != 0)
		e = count_commits(kv);
	if (e != OK) {
		kv_env_abandon(kv);
		return e;
	}
	if (!kv_room_fill_cache(kv->state.dir_fd, CACHE_FILE_SIZE))
		log_warning("%s/%s: its cache stays small until the disk has room",
		    kv->dir, kv->name);
	(void)kv_env_reserve(kv);
	kv->epoch = atomic_load(&page->epoch);
	atomic_store(&page->damaged, KV_WHOLE);
	return OK;
}

/* With the lock: makes handles that fit the environment as it is now. */
static enum err
join(struct kv *kv)
{
	int ret;

	kv_env_abandon(kv);
	if ((ret = open_env(kv, 0)) == 0 && (ret = open_db(kv)) == 0) {
		kv->epoch = atomic_load(&kv->state.page->epoch);
		return OK;
	}
	log_warning("DBERROR: %s/%s: cannot join the environment (%s): recovering it",
	    kv->dir, kv->name, db_strerror(ret));
	return kv_env_recover(kv);
}

/* Releases the lock and leaves the mending to the next one who takes it. */
void
kv_env_leave_broken(struct kv *kv)
{
	kv_state_unlock(&kv->state);
}

void
kv_env_leave(struct kv *kv)
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

	if (atomic_load(&page->damaged) == KV_CONDEMNED)
		return ERR_CORRUPT;
	if (dead != 0) {
		log_notice("%s/%s: process %d died inside, recovering", kv->dir,
		    kv->name, (int)dead);
		return kv_env_recover(kv);
	}
	atomic_store(&page->inside, kv->pid);
	if (kv->epoch != atomic_load(&page->epoch) || kv->db == NULL)
		return join(kv);
	return OK;
}

enum err
kv_env_enter(struct kv *kv)
{
	ensure(kv->txn.handle == NULL);
	ensure(kv->pid == getpid());
	enum err e = kv_state_lock(&kv->state);
	if (e != OK)
		return e;
	e = settle(kv);
	if (e != OK)
		kv_env_leave_broken(kv);
	return e;
}

/*
 * After a read that returned RET: leaves, or mends what is broken and says
 * that the read is to be tried again.  *tries is 0 at first.
 */
bool
kv_env_leave_or_retry(struct kv *kv, int ret, int *tries, enum err *e)
{
	*e = OK;
	if (!is_broken(ret)) {
		kv_env_leave(kv);
		return false;
	}
	*e = kv_env_failed(kv, ret, "read");
	if (++*tries == 1) {
		*e = kv_env_recover(kv);
		if (*e == OK)
			return true;
	} else if (!kv->saw_lack && *e != ERR_NOSPACE && (ret < 0 || ret == EINVAL)) {
		*e = damaged(kv, KV_CONDEMNED, "fails again after a recovery");
	}
	kv_env_leave_broken(kv);
	return false;
}

enum err
kv_env_open(struct kv *kv)
{
	enum err e = kv_state_open(kv->dir, true, &kv->state);
	if (e != OK)
		return e;
	/* Asked again with the lock: kv_reset() may have been faster. */
	e = kv_state_attach(&kv->state, &kv->is_alone);
	kv->may_create = (kv->flags & KV_CREATE) != 0;
	if (e == OK)
		e = kv->is_alone ? kv_env_recover(kv) : settle(kv);
	kv->may_create = kv->is_alone = false;
	if (e != OK)
		kv_env_leave_broken(kv);
	else
		kv_env_leave(kv);
	return e;
}
