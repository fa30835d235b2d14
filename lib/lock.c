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
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
	RANKS = LOCK_KV + 1,
	TICK_MS = 50,
	WAIT_LOOK_MS = 400,		/* before anybody asks who has it */
	LOOK_AGAIN_MS = 1000,
	STOPPED_MS = 200,		/* a stopped one gets so long to be continued */
};

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
timer_start(int ms, struct sigaction *old)
{
	int first = ms < WAIT_LOOK_MS ? ms : WAIT_LOOK_MS;
	struct itimerval t = {
		.it_value = { .tv_sec = first / 1000, .tv_usec = first % 1000 * 1000 },
		.it_interval = { .tv_usec = TICK_MS * 1000 },
	};
	struct sigaction sa = { .sa_handler = on_alarm };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGALRM, &sa, old);
	setitimer(ITIMER_REAL, &t, NULL);
}

static void
timer_stop(const struct sigaction *old)
{
	struct itimerval t = { .it_value = { 0 } };

	setitimer(ITIMER_REAL, &t, NULL);
	sigaction(SIGALRM, old, NULL);
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

/* A wait that has become a long one. */
struct wait {
	int fd;
	int64_t since, end, next_look;
	struct lock_holder seen;	/* at the last look */
};

static void
look_for_holder(struct wait *w, int64_t now)
{
	struct lock_holder h;
	bool found = lock_holder_find(w->fd, &h) && h.is_stopped;

	if (found && w->seen.is_stopped && w->seen.pid == h.pid && !process_keep_stopped())
		lock_holder_kill(w->fd, &h);
	/* Soon again, if there is one to be killed then; else it would cost too much. */
	w->seen = found ? h : (struct lock_holder){ .pid = 0 };
	w->next_look = now + (found ? STOPPED_MS : LOOK_AGAIN_MS);
}

static enum err
give_up(const struct wait *w)
{
	struct lock_holder h;
	char link[32], path[256], name[32];
	ssize_t n;

	if (w->end - w->since < WAIT_LOOK_MS)
		return ERR_BUSY;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", w->fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	if (lock_holder_find(w->fd, &h)) {
		process_name(h.pid, name);
		log_warning("%s: waited %d s for its lock, which pid %d (%s) holds%s", path,
		    (int)((w->end - w->since) / 1000), (int)h.pid, name,
		    h.is_stopped ? " and is stopped" : "");
	}
	return ERR_BUSY;
}

static enum err
wait_for(int fd, int how, int timeout_ms)
{
	struct wait w = { .fd = fd, .since = now_ms() };
	struct sigaction old;
	enum err e = OK;

	w.end = timeout_ms < 0 ? INT64_MAX : w.since + timeout_ms;
	w.next_look = w.since + WAIT_LOOK_MS;
	timer_start(timeout_ms < 0 ? WAIT_LOOK_MS : timeout_ms, &old);
	while (flock(fd, how) != 0) {
		int64_t now = now_ms();

		if (errno != EINTR)
			e = failed();
		else if (now >= w.end)
			e = give_up(&w);
		else if (now >= w.next_look)
			look_for_holder(&w, now);
		if (e != OK)
			break;
	}
	timer_stop(&old);
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
	return wait_for(fd, how, timeout_ms);
}

enum err
lock_exclusive(int fd, enum lock_rank rank, int timeout_ms)
{
	enum err e = take(fd, LOCK_EX, timeout_ms);

	if (e == OK)
		note_taken(rank);
	return e;
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
	flock(fd, LOCK_UN);
	note_released(rank);
}

enum err
lock_in_use(int fd)
{
	return take(fd, LOCK_SH, -1);
}
