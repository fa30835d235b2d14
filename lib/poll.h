/*
 * poll.h - an event loop: descriptors, timers, signals
 *
 * For the programs that serve many at once (master, idled).  Everything runs
 * in one thread, one callback at a time; a callback may add and remove
 * anything, itself included, and what it removed is not called any more, even
 * if it was ready already.
 *
 * Ownership.  The loop closes no descriptor of its callers: remove first,
 * then close.  CTX must live until the thing is removed.
 *
 * Time is CLOCK_MONOTONIC in milliseconds; poll_now() is taken once a round.
 */
#ifndef LIB_POLL_H
#define LIB_POLL_H

#include <stdbool.h>
#include <stdint.h>

struct poll;
struct poll_timer;

/* READY is POLLIN, POLLOUT, POLLHUP, POLLERR as in poll(2). */
typedef void (*poll_fd_fn)(void *ctx, int fd, short ready);
typedef void (*poll_timer_fn)(void *ctx);
typedef void (*poll_signal_fn)(void *ctx, int signo);

/* Failures of the system at these end the process, with a log line; but what
 * the kernel has no memory to watch is tried again until it has. */
struct poll *poll_new(void);
void poll_free(struct poll *p);

/* Watches FD for EVENTS (POLLIN, POLLOUT; 0: only hang-up); again to change. */
void poll_watch(struct poll *p, int fd, short events, poll_fd_fn fn, void *ctx);

/*
 * For POLLIN on a socket that several processes watch: one of them is woken for
 * what comes, not all.
 */
void poll_watch_exclusive(struct poll *p, int fd, poll_fd_fn fn, void *ctx);
void poll_unwatch(struct poll *p, int fd);	/* unknown is allowed */

/*
 * Calls FN once, DELAY_MS from now.  The timer is gone when it is called or
 * cancelled; keep no pointer to it after that.
 */
struct poll_timer *poll_after(struct poll *p, int64_t delay_ms, poll_timer_fn fn, void *ctx);
void poll_cancel(struct poll *p, struct poll_timer *t);	/* NULL is allowed */

/*
 * Blocks SIGNO and has FN called for it from the loop.  A child must unblock
 * what it inherits: poll_child().
 */
void poll_signal(struct poll *p, int signo, poll_signal_fn fn, void *ctx);
void poll_child(const struct poll *p);

/* Runs until poll_stop(). */
void poll_run(struct poll *p);
void poll_stop(struct poll *p);

int64_t poll_now(const struct poll *p);
/* The same clock, read anew. */
int64_t poll_clock(void);

#endif
