/*
 * kv_state.c - who is inside a database environment?
 *
 * The "attached" lock is no lock in the sense of lib/lock.h: nobody ever
 * waits for it, so it has no rank.  It is only asked for, and changed from
 * exclusive to shared (two steps in Linux), by the one who has the other lock;
 * so no second process can believe to be the first in between.
 *
 * The page is written, not just made by ftruncate(2), before it is mapped: a
 * store into a hole on a full disk would be a SIGBUS.
 */
#include "lib/kv_state.h"
#include "lib/file.h"
#include "lib/kv.h"
#include "lib/lock.h"
#include "lib/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define STATE_FILE	"kv.state"

enum {
	PAGE_SIZE = 4096,
	PATIENCE = 10,		/* times KV_WAIT_MS, in a long queue */
	RESERVE_MIN = 64 << 10,
	ROOM_MIN = 4 << 20,	/* a log file, a checkpoint, the regions */
};

static const uint64_t page_magic = UINT64_C(0x6368617061726b31);	/* "chapark1" */

static_assert(sizeof(struct kv_page) <= PAGE_SIZE, "kv_page fits a page");

/*
 * Counting starts at the time of day: who has kept .changes from an
 * environment that is gone must not meet the same number again.
 */
static enum err
page_init(struct kv_state *s)
{
	char zero[PAGE_SIZE] = { 0 };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	struct kv_page first = {
		.magic = page_magic,
		.epoch = 1,
		.changes = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec,
		.inside = getpid(),	/* nobody knows: recover */
	};
	memcpy(zero, &first, sizeof(first));
	return file_write_at(s->fd, STATE_FILE, zero, sizeof(zero), 0);
}

static enum err
page_map(struct kv_state *s)
{
	uint64_t size;

	enum err e = file_size(s->fd, STATE_FILE, &size);
	if (e == OK && size != PAGE_SIZE)
		e = page_init(s);
	if (e != OK)
		return e;
	void *p = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (p == MAP_FAILED) {
		log_io(STATE_FILE, "mmap");
		return ERR_IO;
	}
	s->page = p;
	if (s->page->magic != page_magic)
		return page_init(s);
	return OK;
}

/* ERR_STALE: the lock's file was deleted or moved away while we waited. */
static enum err
look_again(const struct kv_state *s)
{
	struct stat st;

	if (fstat(s->fd, &st) != 0) {
		log_io(STATE_FILE, "fstat");
		return ERR_IO;
	}
	return st.st_nlink == 0
	    || (s->page != NULL && atomic_load(&s->page->moved) != 0) ? ERR_STALE : OK;
}

static bool
is_at(const struct kv_state *s, const char *dir)
{
	struct stat mine, there;

	return fstat(s->dir_fd, &mine) == 0 && stat(dir, &there) == 0 &&
	    mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
}

static enum err
open_once(const char *dir, bool create, struct kv_state *s)
{
	*s = (struct kv_state){ .dir_fd = -1, .fd = -1 };
	enum err e = file_open_dir(AT_FDCWD, dir, &s->dir_fd);
	if (e == OK)
		e = file_open(s->dir_fd, STATE_FILE,
		    O_RDWR | (create ? O_CREAT : 0), 0640, &s->fd);
	if (e == OK)
		e = kv_state_lock(s);
	if (e == OK)
		e = page_map(s);
	if (e == OK)
		atomic_fetch_add(&s->page->turns, 1);
	/* Whoever says so moves it before he lets go of the lock, unless the power goes. */
	if (e == OK && atomic_load(&s->page->moved) != 0 && is_at(s, dir))
		atomic_store(&s->page->moved, 0);
	if (e == OK)		/* moved?  Now that we have the page */
		e = look_again(s);
	if (e != OK)
		kv_state_close(s);
	return e;
}

enum err
kv_state_open(const char *dir, bool create, struct kv_state *s)
{
	enum err e = ERR_STALE;

	/* Moved away while we waited for its lock: the new one is at the path. */
	for (int i = 0; i < 3 && e == ERR_STALE; i++)
		e = open_once(dir, create, s);
	return e;
}

void
kv_state_close(struct kv_state *s)
{
	if (s->page != NULL)
		munmap(s->page, PAGE_SIZE);
	kv_state_unlock(s);
	if (s->fd >= 0)
		close(s->fd);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	*s = (struct kv_state){ .dir_fd = -1, .fd = -1 };
}

/* He who opens has no mapping yet. */
static uint64_t
turns(const struct kv_state *s)
{
	uint64_t n = 0;

	if (s->page != NULL)
		return atomic_load(&s->page->turns);
	if (pread(s->fd, &n, sizeof(n), offsetof(struct kv_page, turns)) != sizeof(n))
		return 0;
	return n;
}

enum err
kv_state_lock(struct kv_state *s)
{
	uint64_t before;
	enum err e;

	/* In a long queue, which knows no order, somebody is unlucky; but it moves. */
	for (int i = 0; i < PATIENCE; i++) {
		before = turns(s);
		e = lock_exclusive(s->fd, LOCK_KV, KV_WAIT_MS);
		if (e != ERR_BUSY || turns(s) == before)
			break;
	}
	if (e != OK)
		return e;
	s->is_locked = true;
	if (s->page != NULL)
		atomic_fetch_add(&s->page->turns, 1);
	e = look_again(s);
	if (e != OK)
		kv_state_unlock(s);
	return e;
}

void
kv_state_unlock(struct kv_state *s)
{
	if (s->is_locked)
		lock_release(s->fd, LOCK_KV);
	s->is_locked = false;
}

static int
flock_dir(struct kv_state *s, int how)
{
	int ret;

	do
		ret = flock(s->dir_fd, how | LOCK_NB);
	while (ret != 0 && errno == EINTR);
	return ret;
}

enum err
kv_state_attach(struct kv_state *s, bool *first)
{
	*first = flock_dir(s, LOCK_EX) == 0;
	/* Another one's lock, or a failure that would be taken for one. */
	if ((*first || errno == EWOULDBLOCK) && flock_dir(s, LOCK_SH) == 0)
		return OK;
	log_io("database directory", "flock");
	return ERR_IO;
}

void
kv_state_note_commits(struct kv_state *s, uint64_t n)
{
	atomic_store(&s->page->commits, n);
	atomic_store(&s->page->not_commits, ~n);
}

uint64_t
kv_state_commits(const struct kv_state *s)
{
	uint64_t n = atomic_load(&s->page->commits);

	return n == ~atomic_load(&s->page->not_commits) ? n : 0;
}

static enum err
rewrite_file(int dir_fd, const char *name)
{
	char bytes[64 << 10];
	uint64_t size, part;
	enum err e;
	int fd;

	e = file_open(dir_fd, name, O_RDWR, 0, &fd);
	if (e != OK)
		return e;
	e = file_size(fd, name, &size);
	for (uint64_t at = 0; e == OK && at < size; at += part) {
		part = size - at < sizeof(bytes) ? size - at : sizeof(bytes);
		e = file_read_at(fd, name, bytes, (size_t)part, at);
		if (e == OK)
			e = file_write_at(fd, name, bytes, (size_t)part, at);
	}
	if (e == OK)
		e = file_fsync(fd, name);
	close(fd);
	return e;
}

enum err
kv_state_rewrite(const struct kv_state *s, const char *name)
{
	const struct dirent *f;
	DIR *d;
	enum err e = file_dir_open(s->dir_fd, name, &d);

	if (e != OK)
		return e;
	while ((e = file_dir_next(d, name, &f)) == OK && f != NULL) {
		if (strncmp(f->d_name, "log.", 4) == 0 || strcmp(f->d_name, name) == 0)
			e = rewrite_file(s->dir_fd, f->d_name);
		if (e != OK)
			break;
	}
	closedir(d);
	return e;
}

/* The first bytes of a page say where it belongs and are never all 0. */
static bool
has_empty_page(int fd, const char *name, size_t size)
{
	static const char zeros[16];
	char bytes[64 << 10];
	uint64_t end, n;

	if (file_size(fd, name, &end) != OK)
		return true;
	for (uint64_t at = 0; at < end; at += n) {
		n = end - at < sizeof(bytes) ? end - at : sizeof(bytes);
		if (file_read_at(fd, name, bytes, (size_t)n, at) != OK)
			return true;
		for (size_t i = 0; i + size <= n; i += size)
			if (memcmp(bytes + i, zeros, sizeof(zeros)) == 0)
				return true;
	}
	return false;
}

bool
kv_state_has_empty_page(const struct kv_state *s, const char *name, size_t size)
{
	bool has;
	int fd;

	enum err e = file_open(s->dir_fd, name, O_RDONLY, 0, &fd);
	if (e != OK)
		return e != ERR_NOTFOUND;
	has = has_empty_page(fd, name, size);
	close(fd);
	return has;
}

bool
kv_state_has_room(const struct kv_state *s)
{
	struct statvfs v;

	return fstatvfs(s->dir_fd, &v) != 0
	    || (uint64_t)v.f_bavail * v.f_frsize >= ROOM_MIN;
}

bool
kv_state_reserve(const struct kv_state *s, const char *name, uint64_t more)
{
	bool has_some = false;
	struct stat st;
	int fd;

	if (file_open(s->dir_fd, name, O_RDWR, 0, &fd) != OK)
		return false;
	if (fstat(fd, &st) == 0) {
		if (kv_state_has_room(s) && !file_reserve(fd, (uint64_t)st.st_size + more))
			log_debug("%s: no room for later", name);
		has_some = fstat(fd, &st) == 0 &&
		    (uint64_t)st.st_blocks * 512 >= (uint64_t)st.st_size + RESERVE_MIN;
	}
	close(fd);
	return has_some;
}
