/*
 * test_kv_state.c - how long a process waits for the lock of an environment
 *
 * The C library's flock(2), timer and clock are ours here: others have the lock
 * for as many waits as a test says, and half a minute goes by at once.
 */
#include "lib/kv.h"
#include "lib/kv_state.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { FOREVER = 1000000, PATIENCE = 10 };

static char dir[64], path[96];

/* The others: they have the lock for so many waits of ours, of which so many see a turn. */
static struct {
	int waits, turns;
	int waited;			/* how often we have */
	int64_t clock_ms;		/* that went by meanwhile */
	_Atomic uint64_t *page_turns;
	struct itimerval timer;
} others;

int
setitimer(__itimer_which_t which, const struct itimerval *new, struct itimerval *old)
{
	(void)which;
	if (old != NULL)
		*old = others.timer;
	others.timer = *new;
	return 0;
}

int
clock_gettime(clockid_t clock, struct timespec *t)
{
	long result = syscall(SYS_clock_gettime, clock, t);
	t->tv_sec += others.clock_ms / 1000;
	return (int)result;
}

/* A wait ends with the lock, or with the timer's signal. */
static int
wait_for_others(void)
{
	assert_true(others.timer.it_value.tv_sec > 0);
	others.waited++;
	others.waits--;
	if (others.turns > 0) {
		others.turns--;
		atomic_fetch_add(others.page_turns, 1);
	}
	others.clock_ms += others.timer.it_value.tv_sec * 1000;
	errno = EINTR;
	return -1;
}

int
flock(int fd, int how)
{
	(void)fd;
	if (how == LOCK_UN || others.waits == 0)
		return 0;
	if (how != (LOCK_EX | LOCK_NB))
		return wait_for_others();
	errno = EWOULDBLOCK;
	return -1;
}

/* What another one has of the page, which has it for ever. */
static struct kv_state other;

static int
set_up(void **state)
{
	(void)state;
	log_open("test_kv_state", "/dev/null", 0);
	snprintf(dir, sizeof(dir), "/tmp/test_kv_state.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/kv.state", dir);
	assert_int_equal(kv_state_open(dir, true, &other), OK);
	others.page_turns = &other.page->turns;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	kv_state_close(&other);
	unlink(path);
	return rmdir(dir);
}

static void
set_others(int waits, int turns)
{
	others.waits = waits;
	others.turns = turns;
	others.waited = 0;
	others.clock_ms = 0;
}

/* Nobody has a turn: the one inside hangs, and it is no use to wait longer. */
static void
test_one_that_hangs(void **state)
{
	(void)state;
	struct kv_state s;
	set_others(0, 0);
	assert_int_equal(kv_state_open(dir, false, &s), OK);
	kv_state_unlock(&s);
	set_others(FOREVER, 0);
	assert_int_equal(kv_state_lock(&s), ERR_BUSY);
	assert_false(s.is_locked);
	assert_int_equal(others.waited, 1);
	assert_int_equal(others.clock_ms, KV_WAIT_MS);
	/* A turn in the first wait, none in the second. */
	set_others(FOREVER, 1);
	assert_int_equal(kv_state_lock(&s), ERR_BUSY);
	assert_int_equal(others.waited, 2);
	set_others(0, 0);
	kv_state_close(&s);
}

/* A long queue moves: it is waited for, but not for ever. */
static void
test_long_queue(void **state)
{
	(void)state;
	struct kv_state s;
	set_others(0, 0);
	assert_int_equal(kv_state_open(dir, false, &s), OK);
	kv_state_unlock(&s);
	set_others(FOREVER, FOREVER);
	assert_int_equal(kv_state_lock(&s), ERR_BUSY);
	assert_int_equal(others.waited, PATIENCE);
	assert_int_equal(others.clock_ms, PATIENCE * KV_WAIT_MS);
	set_others(PATIENCE - 1, FOREVER);
	uint64_t before = atomic_load(others.page_turns);
	assert_int_equal(kv_state_lock(&s), OK);
	assert_true(s.is_locked);
	assert_int_equal(others.waited, PATIENCE - 1);
	/* And this was a turn, for those who wait for us. */
	assert_int_equal(atomic_load(others.page_turns), before + PATIENCE);
	set_others(0, 0);
	kv_state_close(&s);
}

/* Who opens it sees the turns as well, though he has no page yet. */
static void
test_opening_in_a_long_queue(void **state)
{
	(void)state;
	struct kv_state s;
	set_others(3, FOREVER);
	assert_int_equal(kv_state_open(dir, false, &s), OK);
	assert_int_equal(others.waited, 3);
	kv_state_close(&s);
	set_others(FOREVER, FOREVER);
	assert_int_equal(kv_state_open(dir, false, &s), ERR_BUSY);
	assert_int_equal(others.waited, PATIENCE);
	set_others(FOREVER, 0);
	assert_int_equal(kv_state_open(dir, false, &s), ERR_BUSY);
	assert_int_equal(others.waited, 1);
	set_others(0, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_that_hangs), cmocka_unit_test(test_long_queue),
		cmocka_unit_test(test_opening_in_a_long_queue),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
