/* lock.c - advisory locks between processes */
#include "lib/lock.h"

#include "lib/lock_holder.h"
#include "lib/log.h"
#include "lib/process.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum {
	RANKS = LOCK_KV + 1,
	LONG_MS = 1000,			/* a wait worth a word about who was in the way */
	MAX_OWN = 64,			/* mailboxes locked at once that we can tell of */
};

static int own[MAX_OWN];		/* descriptors of mailboxes that we have locked */
static int owns;

#ifdef CHAPAR_DEBUG
static int held[RANKS];

static void
note_taken(enum lock_rank rank)
{
	for (int r = (int)rank + 1; r < RANKS; r++)
		assert(held[r] == 0);
	assert(held[rank] == 0 || rank == LOCK_MAILBOX || rank == LOCK_NAMES);
	held[rank]++;
}

static void
note_released(enum lock_rank rank)
{
	assert(held[rank] > 0);
	held[rank]--;
}
#else
static void
note_taken(enum lock_rank rank)
{
	(void)rank;
}

static void
note_released(enum lock_rank rank)
{
	(void)rank;
}
#endif

/* Only there to make flock() return EINTR. */
static void
on_alarm(int sig)
{
	(void)sig;
}

/*
 * flock() has no deadline, so a timer interrupts it; it goes on ticking, for
 * the first tick may come before flock() sleeps.  Processes that wait for
 * locks use SIGALRM for nothing else.
 */
static void
timer_set(int ms, struct sigaction *old)
{
	struct itimerval t = {
		.it_value = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 },
		.it_interval = { .tv_usec = ms > 0 ? 50000 : 0 },
	};
	struct sigaction sa = { .sa_handler = on_alarm };

	if (ms > 0) {
		sigemptyset(&sa.sa_mask);
		sigaction(SIGALRM, &sa, old);
		setitimer(ITIMER_REAL, &t, NULL);
	} else {
		setitimer(ITIMER_REAL, &t, NULL);
		sigaction(SIGALRM, old, NULL);
	}
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static enum err
failed(void)
{
	log_io("lock", "flock");
	return ERR_IO;
}

static void
name_holder(int fd, int waited_ms)
{
	char link[32], path[256], name[32];
	pid_t holder;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	if (!lock_holder_find(fd, &holder))
		return;
	process_name(holder, name);
	log_warning("%s: waited %d s for its lock, which pid %d (%s) holds%s", path,
	    waited_ms / 1000, (int)holder, name,
	    process_is_stopped(holder) ? " and is stopped" : "");
}

static enum err
wait_for(int fd, int how, int timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;
	struct sigaction old;
	enum err e = OK;

	timer_set(timeout_ms, &old);
	while (flock(fd, how) != 0) {
		if (errno != EINTR)
			e = failed();
		else if (now_ms() >= end)
			e = ERR_BUSY;
		else
			continue;
		break;
	}
	timer_set(0, &old);
	if (e == ERR_BUSY && timeout_ms >= LONG_MS)
		name_holder(fd, timeout_ms);
	return e;
}

static enum err
take(int fd, int how, int timeout_ms)
{
	if (flock(fd, how | LOCK_NB) == 0)
		return OK;
	if (errno != EWOULDBLOCK && errno != EINTR)
		return failed();
	if (timeout_ms == 0)
		return ERR_BUSY;
	if (timeout_ms > 0)
		return wait_for(fd, how, timeout_ms);
	while (flock(fd, how) != 0)
		if (errno != EINTR)
			return failed();
	return OK;
}

enum err
lock_exclusive(int fd, enum lock_rank rank, int timeout_ms)
{
	enum err e = take(fd, LOCK_EX, timeout_ms);

	if (e != OK)
		return e;
	note_taken(rank);
	if (rank == LOCK_MAILBOX && owns < MAX_OWN)
		own[owns++] = fd;
	return OK;
}

enum err
lock_shared(int fd, enum lock_rank rank, int timeout_ms)
{
	enum err e = take(fd, LOCK_SH, timeout_ms);

	if (e == OK)
		note_taken(rank);
	return e;
}

void
lock_release(int fd, enum lock_rank rank)
{
	/* All others would wait for ever; the kernel releases it if we end. */
	while (flock(fd, LOCK_UN) != 0)
		if (errno != EINTR)
			log_fatal(EX_TEMPFAIL, "cannot release a lock: %m");
	note_released(rank);
	for (int i = 0; rank == LOCK_MAILBOX && i < owns; i++) {
		if (own[i] == fd) {
			own[i] = own[--owns];
			break;
		}
	}
}

bool
lock_is_ours(int fd)
{
	struct stat a, b;

	if (fstat(fd, &a) != 0)
		return false;
	for (int i = 0; i < owns; i++)
		if (fstat(own[i], &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
			return true;
	return false;
}

enum err
lock_in_use(int fd)
{
	return take(fd, LOCK_SH, -1);
}
