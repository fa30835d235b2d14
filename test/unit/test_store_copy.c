/* test_store_copy.c - COPY from a mailbox that others write to, and what a frame holds of a copy */
#include "test/unit/store_fixture.h"

#include "imap/disk/index.h"
#include "imap/store/list/local.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	TRIES = 6000,			/* of POLL_MS: a minute, on a busy machine */
	POLL_MS = 10,
};

static int
setup(void **state)
{
	(void)fixture_setup(state);
	fixture_create(&f, "user.joe.work");
	return 0;
}

static int
open_dir(const char *mailbox)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", f.spool, mailbox);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static struct index *
open_index(const char *mailbox)
{
	struct index *ix;

	assert_int_equal(index_open(open_dir(mailbox), mailbox, &ix), OK);
	return ix;
}

/* Does PID wait for a file lock? */
static bool
waits(pid_t pid)
{
	char line[256];
	int waiter;
	bool found = false;
	FILE *locks = fopen("/proc/locks", "re");

	while (locks != NULL && !found && fgets(line, sizeof(line), locks) != NULL) {
		const char *arrow = strstr(line, "-> FLOCK");

		found = arrow != NULL && sscanf(arrow, "-> FLOCK ADVISORY WRITE %d", &waiter) == 1 &&
		    waiter == pid;
	}
	if (locks != NULL)
		fclose(locks);
	return found;
}

/*
 * A writer inside of user.joe, in a process of its own, until PARENT waits for
 * it.  It ends with 0 if the mailbox TARGET can be locked then.
 */
static pid_t
fork_writer(pid_t parent, const char *target)
{
	int ready[2], fd;
	struct index *ix;
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	if ((pid = fork()) != 0) {
		close(ready[1]);
		assert_int_equal(read(ready[0], &c, 1), 1);
		close(ready[0]);
		return pid;
	}
	ix = open_index("user/joe");
	fd = open_dir(target);
	if (index_lock(ix) != OK)
		_exit(1);
	index_write_begin(ix);
	if (write(ready[1], "", 1) != 1)
		_exit(2);
	/* Seen once is enough: the list may change while it is read. */
	bool seen = waits(parent);
	for (int i = 0; i < TRIES && !seen; i++) {
		(void)poll(NULL, 0, POLL_MS);
		seen = waits(parent);
	}
	int status = !seen ? 3 : flock(fd, LOCK_EX | LOCK_NB) != 0 ? 4 : 0;
	(void)flock(fd, LOCK_UN);
	index_write_end(ix);
	index_unlock(ix);
	_exit(status);
}

static enum err
copy_first(struct mbox *from, struct mbox *to)
{
	struct txn *t = txn_begin(to);
	uint32_t uid = mbox_uid(from, 1);
	enum err e;

	txn_copy(t, from, &uid, 1);
	e = txn_commit(t);
	txn_abort(t);
	return e;
}

static void
expect_copies(uint32_t n)
{
	struct mbox *m = fixture_mbox(&f, "user.joe.work", "joe", 0);

	assert_int_equal(mbox_count(m), n);
	for (uint32_t seq = 1; seq <= n; seq++)
		fixture_expect_body(m, seq, "one");
	mbox_close(m);
}

/* Somebody else, who is in no hurry, writes to the source: nobody waits for the target. */
static void
source_is_waited_for_without_the_targets_lock(void **state)
{
	struct mbox *from = fixture_mbox(&f, "user.joe", "joe", 0), *to;
	int status;
	pid_t pid;

	(void)state;
	fixture_append(from, f.s, "one");
	mbox_close(from);
	from = fixture_mbox(&f, "user.joe", "joe", 0);
	to = fixture_mbox(&f, "user.joe.work", "joe", MBOX_PEEK);
	pid = fork_writer(getpid(), "user/joe/work");
	assert_int_equal(copy_first(from, to), OK);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	mbox_close(from);
	mbox_close(to);
	expect_copies(1);
}

/* A writer that was killed inside is no reason to refuse a copy. */
static void
source_of_a_dead_writer(void **state)
{
	struct mbox *from = fixture_mbox(&f, "user.joe", "joe", 0), *to;
	struct index *ix = open_index("user/joe");

	(void)state;
	fixture_append(from, f.s, "one");
	mbox_close(from);
	from = fixture_mbox(&f, "user.joe", "joe", 0);
	to = fixture_mbox(&f, "user.joe.work", "joe", MBOX_PEEK);
	ix->h->seq++;
	assert_int_equal(copy_first(from, to), OK);
	ix->h->seq++;
	assert_int_equal(copy_first(from, to), OK);
	assert_int_equal(ix->h->seq & 1, 0);
	index_close(ix);
	mbox_close(from);
	mbox_close(to);
	expect_copies(2);
}

/* The old file of a compaction whose writer died before he could mark it, and into itself. */
static void
source_that_was_replaced_in_silence(void **state)
{
	struct mbox *from = fixture_mbox(&f, "user.joe", "joe", 0), *to;
	struct index *ix;

	(void)state;
	fixture_append(from, f.s, "one");
	mbox_close(from);
	from = fixture_mbox(&f, "user.joe", "joe", 0);
	ix = open_index("user/joe");
	ix->h->seq++;
	fixture_shell("cd %s/user/joe && cp cyrus.index x && mv x cyrus.index", f.spool);
	index_close(ix);
	to = fixture_mbox(&f, "user.joe", "joe", MBOX_PEEK);
	assert_int_equal(copy_first(from, to), OK);
	mbox_close(to);
	to = fixture_mbox(&f, "user.joe.work", "joe", MBOX_PEEK);
	assert_int_equal(copy_first(from, to), OK);
	mbox_close(to);
	mbox_close(from);
	expect_copies(1);
	from = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(from), 2);
	fixture_expect_body(from, 2, "one");
	mbox_close(from);
	fixture_check_sums(&f, "user.joe");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(source_is_waited_for_without_the_targets_lock, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(source_of_a_dead_writer, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(source_that_was_replaced_in_silence, setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
