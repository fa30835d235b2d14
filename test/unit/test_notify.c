/*
 * test_notify.c - the hub of idled, and its clients
 *
 * The hub runs in a process of its own, as idled does, so that the clients
 * can be what they are: straight-line code.
 */
#include "imap/idled/hub.h"
#include "imap/server/notify.h"
#include "lib/log.h"
#include "lib/net.h"
#include "lib/poll.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

static char dir[64], path[80];
static pid_t hub_pid;

static const struct id128 a = { "mailbox a" }, b = { "mailbox b" };

static void
run_hub(int listen_fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	struct poll *poll = poll_new();
	(void)hub_new(poll, listen_fd);
	poll_run(poll);
}

static void
start_hub(void)
{
	int fd;
	assert_int_equal(net_listen_unix(path, 0600, 1024, &fd), OK);
	hub_pid = fork();
	assert_true(hub_pid >= 0);
	if (hub_pid == 0)
		run_hub(fd);
	close(fd);
}

static void
kill_hub(void)
{
	int status;
	assert_int_equal(kill(hub_pid, SIGKILL), 0);
	assert_int_equal(waitpid(hub_pid, &status, 0), hub_pid);
}

static int
setup(void **state)
{
	(void)state;
	log_open("test_notify", "/dev/null", 0);
	snprintf(dir, sizeof(dir), "/tmp/test_notify.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/idle", dir);
	start_hub();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	kill_hub();
	unlink(path);
	return rmdir(dir);
}

static int64_t
now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
expect_notice(struct notify *n)
{
	struct pollfd p = { .fd = notify_fd(n), .events = POLLIN };
	assert_true(p.fd >= 0);
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	assert_true(notify_drain(n));
}

/* Watches, and waits until that is in force. */
static struct notify *
watcher(const struct id128 *id)
{
	struct notify *n = notify_open(path);
	assert_int_equal(notify_watch(n, id), OK);
	expect_notice(n);
	assert_false(notify_drain(n));
	return n;
}

/* Everything that N said before has been heard; it has read all notices. */
static void
settle(struct notify *n)
{
	struct id128 own = id128_new();
	assert_int_equal(notify_watch(n, &own), OK);
	expect_notice(n);
	notify_unwatch(n, &own);
}

static void
test_publish(void **state)
{
	(void)state;
	struct notify *w = watcher(&a), *w2 = watcher(&a), *other = watcher(&b);
	struct notify *p = notify_open(path);

	notify_publish(p, &a);
	expect_notice(w);
	expect_notice(w2);
	settle(p);
	assert_false(notify_drain(other));
	notify_publish(w, &a);		/* not to oneself */
	expect_notice(w2);
	settle(p);
	assert_false(notify_drain(w));
	notify_unwatch(w, &a);
	notify_unwatch(w, &b);
	settle(w);
	notify_publish(p, &a);
	expect_notice(w2);
	assert_false(notify_drain(w));
	notify_close(w2);
	notify_publish(p, &a);		/* to nobody */
	settle(p);
	notify_close(w);
	notify_close(other);
	notify_close(p);
	notify_close(NULL);
}

static void
test_limit(void **state)
{
	(void)state;
	struct notify *w = notify_open(path), *p = notify_open(path);
	static struct id128 ids[NOTIFY_WATCH_MAX + 1];
	struct id128 id;

	for (int i = 0; i <= NOTIFY_WATCH_MAX; i++)
		ids[i] = id128_new();
	assert_int_equal(notify_watch(w, &ids[0]), OK);
	expect_notice(w);
	assert_int_equal(notify_watch(w, &ids[0]), OK);
	assert_false(notify_drain(w));
	assert_int_equal(notify_watch_set(w, ids, NOTIFY_WATCH_MAX), OK);
	assert_false(notify_drain(w));		/* it is in force */
	assert_int_equal(notify_watch(w, &ids[NOTIFY_WATCH_MAX]), ERR_LIMIT);
	assert_int_equal(notify_watch_set(w, ids, NOTIFY_WATCH_MAX + 1), ERR_LIMIT);
	notify_publish(p, &ids[0]);
	settle(p);
	assert_int_equal(notify_next(w, &id), NOTIFY_ONE);
	assert_memory_equal(&id, &ids[0], sizeof(id));
	assert_int_equal(notify_next(w, &id), NOTIFY_NOTHING);
	notify_unwatch(w, &ids[0]);
	settle(w);
	notify_publish(p, &ids[0]);
	settle(p);
	assert_false(notify_drain(w));
	notify_publish(p, &ids[NOTIFY_WATCH_MAX - 1]);
	expect_notice(w);
	notify_close(w);
	notify_close(p);
}

/* More watchers than the first table has buckets. */
static void
test_many(void **state)
{
	(void)state;
	enum { N = 40, EACH = 63 };
	struct notify *w[N], *p = notify_open(path);
	struct id128 ids[N][EACH];

	for (int i = 0; i < N; i++) {
		w[i] = notify_open(path);
		for (int k = 0; k < EACH; k++) {
			ids[i][k] = id128_new();
			assert_int_equal(notify_watch(w[i], &ids[i][k]), OK);
			expect_notice(w[i]);
		}
		assert_false(notify_drain(w[i]));
	}
	for (int i = 0; i < N; i += 2)
		notify_close(w[i]);
	for (int i = 1; i < N; i += 2) {
		notify_publish(p, &ids[i][i]);
		expect_notice(w[i]);
	}
	for (int i = 1; i < N; i += 2)
		notify_close(w[i]);
	notify_close(p);
}

/* A set in the place of another: what is in both stays, what was sent is kept. */
static void
test_sets(void **state)
{
	(void)state;
	enum { N = 6000, HALF = N / 2 };
	static struct id128 ids[2 * N];
	struct notify *w = notify_open(path), *p = notify_open(path);
	struct id128 id;

	for (int i = 0; i < N; i++)
		ids[i] = ids[2 * N - 1 - i] = id128_new();
	assert_int_equal(notify_watch_set(w, ids, 2 * N), OK);	/* each twice */
	for (int i = 0; i < 50; i++)
		notify_publish(p, &ids[HALF + i]);
	settle(p);
	assert_int_equal(notify_watch_set(w, ids + HALF, N), OK);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(notify_next(w, &id), NOTIFY_ONE);
		assert_memory_equal(&id, &ids[HALF + i], sizeof(id));
	}
	assert_int_equal(notify_next(w, &id), NOTIFY_NOTHING);
	notify_publish(p, &ids[0]);
	notify_publish(p, &ids[HALF]);
	notify_publish(p, &ids[N - 1]);
	settle(p);
	assert_int_equal(notify_next(w, &id), NOTIFY_ONE);
	assert_memory_equal(&id, &ids[HALF], sizeof(id));
	assert_int_equal(notify_next(w, &id), NOTIFY_ONE);
	assert_memory_equal(&id, &ids[N - 1], sizeof(id));
	assert_int_equal(notify_watch_set(w, NULL, 0), OK);
	notify_publish(p, &ids[HALF]);
	settle(p);
	assert_int_equal(notify_next(w, &id), NOTIFY_NOTHING);

	kill_hub();
	assert_int_equal(notify_watch_set(w, ids, N), OK);	/* without it */
	assert_int_equal(notify_next(w, &id), NOTIFY_ALL);
	assert_int_equal(notify_fd(w), -1);
	start_hub();
	int64_t end = now_us() + PATIENCE_MS * 1000;
	while (notify_fd(w) < 0 && now_us() < end)
		poll(NULL, 0, 10);
	expect_notice(w);
	notify_close(w);
	notify_close(p);
}

static void
expect_all(struct notify *n)
{
	struct pollfd p = { .fd = notify_fd(n), .events = POLLIN };
	struct id128 id;

	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	assert_int_equal(notify_next(n, &id), NOTIFY_ALL);
}

/* Who has not read what was sent him hears that there was more. */
static void
test_loss(void **state)
{
	(void)state;
	struct notify *w = watcher(&a), *p = notify_open(path);
	struct id128 id;
	enum notify_news news = NOTIFY_NOTHING;
	unsigned n = 0;
	int64_t end = now_us() + PATIENCE_MS * 1000;

	for (int i = 0; i < 5000; i++) {
		notify_publish(p, i % 2 ? &a : &b);	/* none is like the one before */
		if (i % 100 == 0)
			settle(p);
	}
	settle(p);
	while (news != NOTIFY_ALL && now_us() < end) {
		news = notify_next(w, &id);
		n += news == NOTIFY_ONE;
	}
	assert_int_equal(news, NOTIFY_ALL);
	assert_in_range(n, 1, 2499);
	notify_publish(p, &a);
	settle(p);
	assert_int_equal(notify_next(w, &id), NOTIFY_ONE);
	notify_close(w);
	notify_close(p);
}

/* Who goes without a word may have had something to say. */
static void
test_farewell(void **state)
{
	(void)state;
	struct notify *w = watcher(&a), *p = notify_open(path);
	struct id128 id;
	int fd;

	settle(p);
	notify_close(p);
	settle(w);
	assert_int_equal(notify_next(w, &id), NOTIFY_NOTHING);
	for (int i = 0; i < 3; i++) {	/* at once, and again after a pause */
		assert_int_equal(net_connect(path, 1000, &fd), OK);
		close(fd);
		expect_all(w);
	}
	notify_close(w);
}

static void
test_without_idled(void **state)
{
	(void)state;
	struct notify *n = watcher(&a), *p = notify_open(path);

	notify_publish(p, &b);
	kill_hub();
	expect_notice(n);		/* the end is worth a look */
	assert_int_equal(notify_fd(n), -1);
	assert_false(notify_drain(n));
	notify_publish(p, &a);
	notify_publish(p, &a);
	start_hub();
	int64_t end = now_us() + PATIENCE_MS * 1000;
	while (notify_fd(n) < 0 && now_us() < end)
		poll(NULL, 0, 10);
	expect_notice(n);		/* its watch is there again */
	notify_publish(p, &a);
	expect_notice(n);
	notify_close(n);
	notify_close(p);

	n = notify_open("/a/path/that/is/longer/than/the/address/of/a/socket/can/be/"
	    "which/on/linux/is/one/hundred/and/eight/bytes/with/the/final/nul");
	notify_publish(n, &a);
	assert_int_equal(notify_watch(n, &a), OK);
	assert_int_equal(notify_fd(n), -1);
	notify_close(n);
}

/* Who could not publish a moment ago tries again at once: nobody else will tell. */
static void
test_idled_comes_back(void **state)
{
	(void)state;
	struct notify *p = notify_open(path);

	kill_hub();
	notify_publish(p, &a);
	start_hub();
	struct notify *n = watcher(&a);
	notify_publish(p, &a);
	expect_notice(n);
	notify_close(n);
	notify_close(p);
}

/* Who does not read, who says nonsense, who says half of it: alone suffer. */
static void
test_bad_clients(void **state)
{
	(void)state;
	struct notify *deaf = watcher(&a), *w = watcher(&a), *p = notify_open(path);
	int fd;

	for (int i = 0; i < 20000; i++) {
		notify_publish(p, &a);
		if (i % 100 == 0)
			settle(p);
	}
	expect_notice(w);
	assert_int_equal(net_connect(path, 1000, &fd), OK);
	assert_int_equal(send(fd, "p234567", 7, MSG_NOSIGNAL), 7);
	settle(p);
	assert_int_equal(send(fd, "GET / HTTP/1.0\r\n", 16, MSG_NOSIGNAL), 16);
	close(fd);
	assert_int_equal(net_connect(path, 1000, &fd), OK);
	assert_int_equal(send(fd, "GET / HTTP/1.0\r\n\r\n    ", 22, MSG_NOSIGNAL), 22);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
	char byte;
	assert_true(recv(fd, &byte, 1, MSG_DONTWAIT) <= 0);
	close(fd);
	settle(w);
	notify_drain(w);
	notify_publish(p, &a);
	expect_notice(w);
	expect_notice(deaf);
	notify_close(deaf);
	notify_close(w);
	notify_close(p);
}

static int
compare(const void *x, const void *y)
{
	int64_t d = *(const int64_t *)x - *(const int64_t *)y;
	return d < 0 ? -1 : d > 0;
}

static void
test_latency(void **state)
{
	(void)state;
	enum { N = 501 };
	int64_t took[N];
	struct notify *w = watcher(&a), *p = notify_open(path);

	for (int i = 0; i < N; i++) {
		int64_t start = now_us();
		notify_publish(p, &a);
		expect_notice(w);
		took[i] = now_us() - start;
	}
	qsort(took, N, sizeof(took[0]), compare);
	print_message("median latency of a notice: %lld us\n", (long long)took[N / 2]);
	assert_in_range(took[N / 2], 0, 50000);	/* on a machine busy with else */
	notify_close(w);
	notify_close(p);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_publish),
		T(test_limit),
		T(test_many),
		T(test_sets),
		T(test_loss),
		T(test_farewell),
		T(test_without_idled),
		T(test_idled_comes_back),
		T(test_bad_clients),
		T(test_latency),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
