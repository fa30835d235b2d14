/* test_wal.c - imap/disk/wal.h: frames survive, halves do not, groups share a flush */
#include "imap/disk/wal.h"

#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static int logdir;

/* Stands before libc's: fails for the file "attach" if so told. */
static bool attach_fails;

int
flock(int fd, int how)
{
	char link[64], path[256];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	if (attach_fails && how == (LOCK_EX | LOCK_NB) && strstr(path, "/attach") != NULL) {
		errno = ENOLCK;
		return -1;
	}
	return (int)syscall(SYS_flock, fd, how);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_wal.XXXXXX");
	assert_non_null(mkdtemp(dir));
	logdir = open(dir, O_RDONLY | O_DIRECTORY);
	return logdir < 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	close(logdir);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static struct wal *
open_wal(bool expect_cold)
{
	struct wal *w;
	bool cold;

	assert_int_equal(wal_open(logdir, dir, &w, &cold), OK);
	assert_int_equal(cold, expect_cold);
	if (cold) {
		assert_int_equal(wal_resume(w), OK);
		wal_ready(w);
	}
	return w;
}

static uint64_t
append(struct wal *w, const char *text)
{
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
	uint64_t start, end;

	assert_int_equal(wal_append(w, &iov, 1, &start, &end), OK);
	assert_int_equal(wal_flush(w, end), OK);
	return start;
}

/* Else a log that nobody has replayed would be taken for one that is in use. */
static void
who_cannot_know_whether_he_is_first_fails(void **state)
{
	struct wal *w;
	bool cold;

	(void)state;
	w = open_wal(true);
	append(w, "one");
	wal_close(w);
	attach_fails = true;
	assert_int_equal(wal_open(logdir, dir, &w, &cold), ERR_IO);
	attach_fails = false;
	wal_close(open_wal(true));
}

struct found {
	char text[4096];
	int n;
};

static bool
collect(void *ctx, uint64_t lsn, struct str payload)
{
	struct found *f = ctx;

	(void)lsn;
	f->n++;
	if (strlen(f->text) + payload.n + 2 < sizeof(f->text)) {
		strncat(f->text, payload.p, payload.n);
		strncat(f->text, ",", 1 + 1);
	}
	return true;
}

static struct found
scan(struct wal *w)
{
	struct found f = { "", 0 };

	assert_int_equal(wal_scan(w, wal_checkpoint_lsn(w), collect, &f), OK);
	return f;
}

static void
frames_are_found_after_reopening(void **state)
{
	struct wal *w = open_wal(true);

	(void)state;
	append(w, "one");
	append(w, "two");
	wal_close(w);
	w = open_wal(true);
	assert_string_equal(scan(w).text, "one,two,");
	append(w, "three");
	assert_string_equal(scan(w).text, "one,two,three,");
	wal_close(w);
}

static void
second_opener_is_not_cold(void **state)
{
	struct wal *a = open_wal(true), *b = open_wal(false);

	(void)state;
	append(a, "from a");
	append(b, "from b");
	append(a, "again a");
	assert_string_equal(scan(b).text, "from a,from b,again a,");
	wal_close(a);
	wal_close(b);
}

static void
segment_path(uint64_t lsn, char path[128])
{
	snprintf(path, 128, "%s/%016llx.log", dir,
	    (unsigned long long)(lsn - lsn % WAL_SEGMENT));
}

static void
damaged_frame_ends_the_log(void **state)
{
	struct wal *w = open_wal(true);
	char path[128];
	uint64_t lsn;
	bool cold;
	int fd;

	(void)state;
	append(w, "good");
	lsn = append(w, "torn by a power cut");
	append(w, "never reached the disk before it");
	wal_close(w);
	segment_path(lsn, path);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, "X", 1, (off_t)(lsn % WAL_SEGMENT) + 30), 1);
	close(fd);
	assert_int_equal(wal_open(logdir, dir, &w, &cold), OK);
	assert_true(cold);
	assert_string_equal(scan(w).text, "good,");
	assert_int_equal(wal_resume(w), OK);
	wal_ready(w);
	/* A shorter frame must not make the old third one valid again. */
	append(w, "new");
	wal_close(w);
	w = open_wal(true);
	assert_string_equal(scan(w).text, "new,");
	wal_close(w);
}

/*
 * Indexes may know the LSNs of the frames behind a rotten one: none of them is
 * given again, whatever the log holds or its checkpoint says.
 */
static void
no_place_is_given_twice(void **state)
{
	struct wal *w = open_wal(true);
	char path[128];
	uint64_t first, last, next;
	int fd;

	(void)state;
	first = append(w, "rotten");
	append(w, "whole, but behind it");
	last = append(w, "and so is this");
	wal_close(w);
	segment_path(first, path);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, "X", 1, (off_t)(first % WAL_SEGMENT) + 26), 1);
	close(fd);
	w = open_wal(true);
	assert_string_equal(scan(w).text, "");
	next = append(w, "new");
	assert_true(next > last);
	wal_close(w);
	w = open_wal(true);
	assert_string_equal(scan(w).text, "new,");
	wal_close(w);
}

/* Cut off or removed: the log goes on in a segment of full length. */
static void
a_lost_segment_is_made_again(void **state)
{
	struct stat st;
	char path[128];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct wal *w = open_wal(true);

		segment_path(append(w, "a commit"), path);
		assert_int_equal(wal_checkpoint_set(w, wal_mark(w)), OK);
		wal_close(w);
		assert_int_equal(i == 0 ? unlink(path) : truncate(path, i == 1 ? 0 : 100), 0);
		w = open_wal(true);
		segment_path(append(w, "another"), path);
		assert_string_equal(scan(w).text, "another,");
		wal_close(w);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, WAL_SEGMENT);
	}
}

/* A new frame of exactly the old one's length: what followed it is no longer chained. */
static void
old_frames_behind_the_tail_stay_dead(void **state)
{
	struct wal *w = open_wal(true);
	uint64_t lsn;
	char path[128];
	int fd;

	(void)state;
	lsn = append(w, "aaaa");
	append(w, "bbbb");
	wal_close(w);
	segment_path(lsn, path);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, "X", 1, (off_t)(lsn % WAL_SEGMENT) + 25), 1);
	close(fd);
	w = open_wal(true);
	append(w, "cccc");
	wal_close(w);
	w = open_wal(true);
	assert_string_equal(scan(w).text, "cccc,");
	wal_close(w);
}

static void
checkpoint_lets_frames_go(void **state)
{
	struct wal *w = open_wal(true);

	(void)state;
	append(w, "old");
	assert_int_equal(wal_checkpoint_set(w, wal_mark(w)), OK);
	append(w, "young");
	wal_close(w);
	w = open_wal(true);
	assert_string_equal(scan(w).text, "young,");
	wal_close(w);
}

static void
frames_cross_segments_and_segments_are_reused(void **state)
{
	static char big[3000000];
	struct wal *w = open_wal(true);
	struct iovec iov = { big, sizeof(big) };
	uint64_t start, end;
	struct found f;

	(void)state;
	for (int round = 0; round < 3; round++) {
		memset(big, 'a' + round, sizeof(big));
		for (int i = 0; i < 8; i++)
			assert_int_equal(wal_append(w, &iov, 1, &start, &end), OK);
		assert_int_equal(wal_flush(w, end), OK);
		f = scan(w);
		assert_int_equal(f.n, 8);
		wal_close(w);
		w = open_wal(true);
		assert_int_equal(scan(w).n, 8);
		assert_int_equal(wal_checkpoint_set(w, wal_mark(w)), OK);
	}
	wal_close(w);
}

/* --- flushes that fail --- */

static int failing;		/* so many of the next flushes */

int
fdatasync(int fd)
{
	if (failing > 0) {
		failing--;
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static uint64_t
append_only(struct wal *w, const char *text)
{
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
	uint64_t start, end;

	assert_int_equal(wal_append(w, &iov, 1, &start, &end), OK);
	return end;
}

static void
frames_of_a_failed_flush_are_void(void **state)
{
	struct wal *a = open_wal(true), *b = open_wal(false);
	uint64_t flushed, first, second;
	bool undone;

	(void)state;
	flushed = append_only(b, "kept");
	append(a, "too");
	first = append_only(a, "first");
	second = append_only(b, "second");
	failing = 1;
	assert_int_equal(wal_commit(a, first, &undone), ERR_IO);
	assert_true(undone);
	assert_int_equal(wal_commit(b, second, &undone), ERR_IO);
	assert_true(undone);
	assert_string_equal(scan(a).text, "kept,too,");
	/* Nor is anything found from the place on where one of them began. */
	assert_int_equal(wal_scan(a, first, collect, &(struct found){ "", 0 }), ERR_CORRUPT);
	assert_int_equal(wal_commit(a, append_only(a, "next"), &undone), OK);
	assert_string_equal(scan(b).text, "kept,too,next,");
	/* Flushed by somebody else before. */
	second = append_only(b, "last");
	append(a, "very last");
	first = append_only(a, "void");
	failing = 1;
	assert_int_equal(wal_commit(a, first, &undone), ERR_IO);
	assert_int_equal(wal_commit(b, second, &undone), OK);
	assert_false(undone);
	assert_true(flushed < second);
	wal_close(a);
	wal_close(b);
	a = open_wal(true);
	assert_string_equal(scan(a).text, "kept,too,next,last,very last,");
	wal_close(a);
}

static void
log_that_cannot_be_flushed_waits(void **state)
{
	struct wal *w = open_wal(true);
	struct iovec iov = { (void *)(uintptr_t)"x", 1 };
	uint64_t start, end;
	bool undone;

	(void)state;
	append(w, "kept");
	end = append_only(w, "doubtful");
	failing = 3;
	assert_int_equal(wal_commit(w, end, &undone), ERR_UNKNOWN);
	assert_false(undone);
	assert_int_equal(wal_append(w, &iov, 1, &start, &end), ERR_IO);
	assert_int_equal(failing, 0);
	append(w, "next");
	assert_string_equal(scan(w).text, "kept,next,");
	/* What nobody has settled a restart finds, or finds to be void. */
	end = append_only(w, "doubtful again");
	failing = 2;
	assert_int_equal(wal_commit(w, end, &undone), ERR_UNKNOWN);
	wal_close(w);
	w = open_wal(true);
	append(w, "end");
	assert_string_equal(scan(w).text, "kept,next,end,");
	wal_close(w);
}

static void
void_frame_may_cross_segments(void **state)
{
	static char big[3000000];
	struct wal *w = open_wal(true);
	struct iovec iov = { big, sizeof(big) };
	uint64_t start, end;
	bool undone;

	(void)state;
	append(w, "kept");
	for (int i = 0; i < 4; i++)
		assert_int_equal(wal_append(w, &iov, 1, &start, &end), OK);
	failing = 1;
	assert_int_equal(wal_commit(w, end, &undone), ERR_IO);
	append(w, "next");
	wal_close(w);
	w = open_wal(true);
	assert_string_equal(scan(w).text, "kept,next,");
	wal_close(w);
}

/* Writers killed at random: the log stays usable, what was acknowledged is there. */
static void
killed_writers_leave_a_good_log(void **state)
{
	struct wal *w = open_wal(true);
	int pipefd[2], acked = 0;
	char byte;

	(void)state;
	assert_int_equal(pipe(pipefd), 0);
	for (int round = 0; round < 40; round++) {
		pid_t pid[3];

		for (int i = 0; i < 3; i++) {
			pid[i] = fork();
			if (pid[i] != 0)
				continue;
			struct wal *mine;
			bool cold;

			if (wal_open(logdir, dir, &mine, &cold) != OK || cold)
				_exit(1);
			for (;;) {
				append(mine, "x");
				if (write(pipefd[1], "x", 1) != 1)
					_exit(1);
			}
		}
		/* On a busy machine the first takes its time. */
		assert_int_equal(read(pipefd[0], &byte, 1), 1);
		acked++;
		usleep((useconds_t)(random() % 8000) + 500);
		for (int i = 0; i < 3; i++)
			kill(pid[i], SIGKILL);
		for (int i = 0; i < 3; i++)
			waitpid(pid[i], NULL, 0);
	}
	close(pipefd[1]);
	while (read(pipefd[0], &byte, 1) == 1)
		acked++;
	close(pipefd[0]);
	append(w, "end");
	wal_close(w);
	w = open_wal(true);
	assert_true(acked > 0);
	assert_true(scan(w).n >= acked + 1);
	/* At most one frame a killed process was not acknowledged. */
	assert_true(scan(w).n <= acked + 1 + 120);
	wal_close(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames_are_found_after_reopening, setup, teardown),
		cmocka_unit_test_setup_teardown(second_opener_is_not_cold, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_frame_ends_the_log, setup, teardown),
		cmocka_unit_test_setup_teardown(no_place_is_given_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_segment_is_made_again, setup, teardown),
		cmocka_unit_test_setup_teardown(old_frames_behind_the_tail_stay_dead, setup, teardown),
		cmocka_unit_test_setup_teardown(checkpoint_lets_frames_go, setup, teardown),
		cmocka_unit_test_setup_teardown(frames_cross_segments_and_segments_are_reused, setup, teardown),
		cmocka_unit_test_setup_teardown(frames_of_a_failed_flush_are_void, setup, teardown),
		cmocka_unit_test_setup_teardown(log_that_cannot_be_flushed_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(void_frame_may_cross_segments, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_writers_leave_a_good_log, setup, teardown),
		cmocka_unit_test_setup_teardown(who_cannot_know_whether_he_is_first_fails, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
