/* The event loop: order of timers, removal while ready, signals. */
#include "lib/poll.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct poll *loop;
static char order[16];
static size_t n;

/* A context that is the letter to write down. */
static void *
letter(char c)
{
	static char all[128];
	all[(int)c] = c;
	return &all[(int)c];
}

static void
mark(void *ctx)
{
	order[n++] = *(const char *)ctx;
	if (order[n - 1] == 'z')
		poll_stop(loop);
}

static void
mark_and_start_again(void *ctx)
{
	mark(ctx);
	poll_after(loop, 0, mark, letter('2'));
}

static void
test_timers(void **state)
{
	(void)state;
	loop = poll_new();
	n = 0;
	poll_after(loop, 60, mark, letter('z'));
	poll_after(loop, 20, mark, letter('b'));
	poll_after(loop, 0, mark_and_start_again, letter('1'));
	struct poll_timer *never = poll_after(loop, 30, mark, letter('x'));
	poll_after(loop, 20, mark, letter('c'));
	poll_after(loop, 40, mark, letter('d'));
	poll_cancel(loop, never);
	poll_cancel(loop, NULL);
	poll_run(loop);
	assert_int_equal(n, 6);
	assert_memory_equal(order, "12bcdz", 6);
	poll_free(loop);
}

static int ends[2][2];
static int called;

/* Both are ready in the same round; the first called removes the other. */
static void
remove_other(void *ctx, int fd, short ready)
{
	(void)ctx;
	assert_int_equal(ready & POLLIN, POLLIN);
	called++;
	poll_unwatch(loop, fd == ends[0][0] ? ends[1][0] : ends[0][0]);
	poll_after(loop, 10, mark, letter('z'));
	poll_unwatch(loop, fd);
}

static void
test_removed_while_ready(void **state)
{
	(void)state;
	loop = poll_new();
	called = 0;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe(ends[i]), 0);
		assert_int_equal(write(ends[i][1], "x", 1), 1);
		poll_watch(loop, ends[i][0], POLLIN, remove_other, NULL);
	}
	poll_unwatch(loop, 12345);
	poll_run(loop);
	assert_int_equal(called, 1);
	poll_free(loop);
	for (int i = 0; i < 2; i++) {
		close(ends[i][0]);
		close(ends[i][1]);
	}
}

static void
on_hang_up(void *ctx, int fd, short ready)
{
	(void)ctx;
	assert_true(ready & POLLHUP);
	poll_unwatch(loop, fd);
	poll_stop(loop);
}

static void
test_hang_up(void **state)
{
	(void)state;
	loop = poll_new();
	assert_int_equal(pipe(ends[0]), 0);
	poll_watch(loop, ends[0][0], 0, on_hang_up, NULL);
	close(ends[0][1]);
	poll_run(loop);
	close(ends[0][0]);
	poll_free(loop);
}

static void
on_signal(void *ctx, int signo)
{
	(void)ctx;
	order[n++] = signo == SIGUSR1 ? 'u' : 'h';
	if (n == 2)
		poll_stop(loop);
}

static void
test_signals(void **state)
{
	(void)state;
	loop = poll_new();
	n = 0;
	signal(SIGHUP, SIG_IGN);
	poll_signal(loop, SIGUSR1, on_signal, NULL);
	poll_signal(loop, SIGHUP, on_signal, NULL);
	/* Sent before the loop waits: nothing is lost. */
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGHUP);
	poll_run(loop);
	assert_int_equal(n, 2);
	assert_non_null(memchr(order, 'u', 2));
	assert_non_null(memchr(order, 'h', 2));
	poll_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_removed_while_ready),
		cmocka_unit_test(test_hang_up),
		cmocka_unit_test(test_signals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
