/*
 * test_index_race.c - cyrus.index in use by a writer and readers at once
 *
 * The writer changes all records and appends one, again and again, so that
 * after each change every record has the same modseq and flags and the
 * header's sums are those of them.  What readers get without a lock must be
 * the state after some change.
 */
#include "imap/disk/index.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { RECORDS = 40, LOOKS = 60000, SIZE = 7 };

static char dir[64];
static bool is_expunging;		/* every other change expunges all */

static struct index *
open_index(void)
{
	struct index *ix;
	int fd = open(dir, O_RDONLY | O_DIRECTORY);

	assert_true(fd >= 0);
	assert_int_equal(index_open(fd, "race", &ix), OK);
	return ix;
}

static int
setup(void **state)
{
	struct id128 id = { { 1 } };
	int fd;
	(void)state;

	snprintf(dir, sizeof(dir), "/tmp/test_index.XXXXXX");
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(index_create(fd, &id, 5, false), OK);
	close(fd);
	return 0;
}

static int
teardown(void **state)
{
	char command[128];
	(void)state;

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static struct index_record
record(uint32_t uid, uint64_t modseq)
{
	return (struct index_record){ .uid = uid, .modseq = modseq, .size = SIZE,
	    .flags = (modseq & 1) == 0 ? 0 :
	    is_expunging ? REC_EXPUNGED : MSG_SEEN | MSG_FLAGGED,
	    .keywords = { modseq, ~modseq }, .changed = (int64_t)modseq };
}

/* Round MODSEQ: all records are of it, and there is one more until RECORDS. */
static void
change_all(struct index *ix, uint64_t modseq)
{
	uint32_t n = ix->h->records + (ix->h->records < RECORDS);

	if (index_lock(ix) != OK)
		_exit(1);		/* a failed test has removed it */
	assert_int_equal(index_reserve(ix, 1), OK);
	index_write_begin(ix);
	for (uint32_t uid = 1; uid <= n; uid++) {
		struct index_record r = record(uid, modseq);

		index_put(ix, &r);
	}
	index_write_end(ix);
	index_unlock(ix);
}

static pid_t
start_writer(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	struct index *ix = open_index();
	for (uint64_t modseq = 2; access(dir, F_OK) == 0; modseq++)
		change_all(ix, modseq);
	_exit(1);
}

static void
stop_writer(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void
check_header(const struct index_header *h)
{
	bool odd = (h->highestmodseq & 1) != 0;

	assert_int_equal(h->exists, h->records);
	assert_int_equal(h->last_uid, h->records);
	assert_int_equal(h->bytes, (uint64_t)h->records * SIZE);
	assert_int_equal(h->flagged, h->highestmodseq > 1 && odd ? h->records : 0);
	assert_int_equal(h->unseen, odd ? 0 : h->records);
}

static void
readers_see_whole_states(void **state)
{
	struct index *ix = open_index();
	uint64_t last = 0;
	int changes = 0;
	(void)state;

	change_all(ix, 2);
	pid_t writer = start_writer();
	for (int i = 0; i < LOOKS || changes < 100; i++) {
		struct index_header h;
		struct index_record r, want;
		enum err e = index_snapshot(ix, &h);

		if (e == ERR_BUSY)	/* another has the processor */
			continue;
		assert_int_equal(e, OK);
		check_header(&h);
		assert_true(h.highestmodseq >= last);
		changes += h.highestmodseq != last;
		last = h.highestmodseq;
		e = index_get(ix, (uint32_t)i % h.records, &r);
		if (e == ERR_BUSY)
			continue;
		assert_int_equal(e, OK);
		assert_true(r.modseq >= last);
		want = record((uint32_t)i % h.records + 1, r.modseq);
		want.crc = r.crc;
		assert_memory_equal(&r, &want, sizeof(r));
	}
	stop_writer(writer);
	index_close(ix);
}

/* Sums for quotas, read by a process that has no index open. */
static void
usage_is_of_one_state(void **state)
{
	struct index *ix = open_index();
	int fd = open(dir, O_RDONLY | O_DIRECTORY), sure = 0;
	(void)state;

	for (int i = 0; i < RECORDS; i++)
		change_all(ix, 2);
	is_expunging = true;
	pid_t writer = start_writer();
	is_expunging = false;
	while (sure < 2000) {
		struct index_usage u;
		bool in_commit;

		assert_int_equal(index_usage(fd, &u, &in_commit), OK);
		if (in_commit)
			continue;
		sure++;
		assert_true(u.messages == 0 || u.messages == RECORDS);
		assert_int_equal(u.bytes, u.messages * SIZE);
	}
	stop_writer(writer);
	close(fd);
	index_close(ix);
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Its writer died inside: readers are told so soon, not that it is damaged. */
static void
dead_writer_is_busy(void **state)
{
	struct index *ix = open_index(), *writer = open_index();
	struct index_header h;
	struct index_record r;
	(void)state;

	change_all(ix, 2);
	assert_int_equal(index_lock(writer), OK);
	index_write_begin(writer);
	memset((char *)writer->h + INDEX_HEADER_SIZE + 8, 0xff, 20);
	writer->locked = false;		/* closed as by its death */
	int64_t before = now_ms();
	assert_int_equal(index_get(ix, 0, &r), ERR_BUSY);
	assert_int_equal(index_snapshot(ix, &h), ERR_BUSY);
	assert_true(now_ms() - before < 30000);
	index_close(writer);
	index_close(ix);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(readers_see_whole_states, setup, teardown),
		cmocka_unit_test_setup_teardown(usage_is_of_one_state, setup, teardown),
		cmocka_unit_test_setup_teardown(dead_writer_is_busy, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
