/*
 * The page: MAGIC, a sequence number that is odd while the writer is at work
 * (a sequence lock), the period, and the keys, the current one first.
 *
 * CLOCK_BOOTTIME runs on while the machine sleeps: a key's age is that of the
 * secrets it protects.
 */
#include "lib/tickets.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum {
	MAGIC = 0x4b544843,	/* "CHTK" */
	KEYS = 2,
	TRIES = 1000,		/* the writer takes a microsecond */
	SLACK_MS = 60 * 1000,	/* by which it may come too late */
};

struct page {
	uint32_t magic;
	_Atomic uint32_t seq;
	int64_t period_ms;
	struct ticket_key keys[KEYS];
};

struct tickets {
	struct page *page;
	int fd;			/* of the writer's, for readers; else -1 */
};

static int64_t
now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	/* Never 0, which says that there is no key. */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + 1;
}

/* --- writer --- */

static void
make_key(struct ticket_key *key, int64_t now)
{
	/* Up to 256 bytes come whole (random(4)). */
	ensure(getrandom(key, sizeof(*key), 0) == sizeof(*key));
	key->born = now;
}

int64_t
tickets_rotate(struct tickets *t)
{
	struct page *p = t->page;
	int64_t now = now_ms(), age = now - p->keys[0].born;
	if (p->keys[0].born != 0 && age < p->period_ms)
		return p->period_ms - age;
	struct ticket_key fresh;
	make_key(&fresh, now);
	atomic_fetch_add_explicit(&p->seq, 1, memory_order_acq_rel);
	atomic_thread_fence(memory_order_seq_cst);
	if (age < 2 * p->period_ms)
		p->keys[1] = p->keys[0];
	else
		explicit_bzero(&p->keys[1], sizeof(p->keys[1]));
	p->keys[0] = fresh;
	atomic_thread_fence(memory_order_seq_cst);
	atomic_fetch_add_explicit(&p->seq, 1, memory_order_acq_rel);
	explicit_bzero(&fresh, sizeof(fresh));
	return p->period_ms;
}

/* The same memory, but open for reading only. */
static int
read_only(int fd)
{
	char path[40];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

enum err
tickets_new(int64_t lifetime, struct tickets **t)
{
	*t = NULL;
	int fd = memfd_create("chapar-tickets", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *page = MAP_FAILED;
	static const struct page empty;
	if (fd >= 0 && write(fd, &empty, sizeof(empty)) == sizeof(empty))
		page = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, 0);
	int reader = -1;
	if (page != MAP_FAILED && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW
	    | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) == 0)
		reader = read_only(fd);
	if (reader < 0) {
		log_err("TLS: no memory for session tickets: %m");
		if (page != MAP_FAILED)
			munmap(page, sizeof(struct page));
		if (fd >= 0)
			close(fd);
		return ERR_IO;
	}
	close(fd);
	/* Neither into a core dump nor to the swap. */
	(void)madvise(page, sizeof(struct page), MADV_DONTDUMP);
	(void)mlock(page, sizeof(struct page));
	*t = mem_zero(1, sizeof(**t));
	(*t)->page = page;
	(*t)->fd = reader;
	int64_t period = lifetime / 2 > TICKET_PERIOD_MAX ? TICKET_PERIOD_MAX : lifetime / 2;
	(*t)->page->magic = MAGIC;
	(*t)->page->period_ms = (period > 0 ? period : 1) * 1000;
	(void)tickets_rotate(*t);
	return OK;
}

int
tickets_fd(const struct tickets *t)
{
	return t->fd;
}

/* --- readers --- */

enum err
tickets_open(int fd, struct tickets **t)
{
	*t = NULL;
	/* What cannot shrink is safe to look at. */
	int seals = fcntl(fd, F_GET_SEALS);
	off_t size = lseek(fd, 0, SEEK_END);
	struct page *page = MAP_FAILED;
	if (seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && size == sizeof(*page))
		page = mmap(NULL, sizeof(*page), PROT_READ, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED || page->magic != MAGIC || page->period_ms <= 0) {
		if (page != MAP_FAILED)
			munmap(page, sizeof(*page));
		log_err("TLS: descriptor %d holds no keys of session tickets", fd);
		return ERR_CORRUPT;
	}
	(void)madvise(page, sizeof(*page), MADV_DONTDUMP);
	*t = mem_zero(1, sizeof(**t));
	(*t)->page = page;
	(*t)->fd = -1;
	return OK;
}

void
tickets_close(struct tickets *t)
{
	if (t == NULL)
		return;
	if (t->fd >= 0) {
		explicit_bzero(t->page->keys, sizeof(t->page->keys));
		close(t->fd);
	}
	munmap(t->page, sizeof(*t->page));
	free(t);
}

/* A copy of the keys that is of one piece. */
static bool
read_keys(struct tickets *t, struct ticket_key keys[KEYS])
{
	struct page *p = t->page;
	if (t->fd >= 0)
		(void)tickets_rotate(t);
	for (int i = 0; i < TRIES; i++) {
		uint32_t before = atomic_load_explicit(&p->seq, memory_order_acquire);
		if ((before & 1) != 0)
			continue;
		memcpy(keys, p->keys, sizeof(p->keys));
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&p->seq, memory_order_relaxed) == before)
			return true;
	}
	return false;
}

/* May the key still be used, if N periods is its life? */
static bool
is_alive(const struct tickets *t, const struct ticket_key *key, int n)
{
	return key->born != 0 && now_ms() - key->born < n * t->page->period_ms + SLACK_MS;
}

bool
tickets_current(struct tickets *t, struct ticket_key *key)
{
	struct ticket_key keys[KEYS];
	bool found = read_keys(t, keys) && is_alive(t, &keys[0], 1);
	if (found)
		*key = keys[0];
	explicit_bzero(keys, sizeof(keys));
	return found;
}

bool
tickets_find(struct tickets *t, const uint8_t name[TICKET_NAME], struct ticket_key *key,
    bool *is_current)
{
	struct ticket_key keys[KEYS];
	bool found = false;
	*is_current = false;
	if (read_keys(t, keys))
		for (int i = 0; i < KEYS && !found; i++)
			if (is_alive(t, &keys[i], 2)
			    && memcmp(keys[i].name, name, TICKET_NAME) == 0) {
				*key = keys[i];
				*is_current = i == 0;
				found = true;
			}
	explicit_bzero(keys, sizeof(keys));
	return found;
}

void
tickets_inherit(struct tickets *t, int fd)
{
	struct tickets *former;
	struct ticket_key keys[KEYS];
	if (tickets_open(fd, &former) != OK)
		return;
	if (read_keys(former, keys))
		memcpy(t->page->keys, keys, sizeof(keys));
	explicit_bzero(keys, sizeof(keys));
	tickets_close(former);
	(void)tickets_rotate(t);
}
