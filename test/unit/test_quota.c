/* test_quota.c - quota roots: whose they are, what is used, limits */
#include "test/unit/store_fixture.h"

#include "imap/disk/index.h"
#include "imap/store/list/mbdb.h"
#include "imap/store/list/quota.h"
#include "imap/store/list/quotafile.h"
#include "lib/crc.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMITS(kb, count)	(&(struct quota_limits){ (kb), (count), -1, -1 })
#define CHANGE(octets, count)	(&(struct quota_change){ (octets), (count), 0 })

static void (*at_read)(void);		/* what somebody else does just before */
static const char *read_of = "";
static int sum_reads;			/* of quota/ROOT */
static pid_t slow;			/* killed when somebody waits for it */

/* Instead of the C library's. */
ssize_t
pread(int fd, void *p, size_t n, off_t off)
{
	void (*then)(void) = at_read;
	char link[64], path[400];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[len > 0 ? len : 0] = '\0';
	sum_reads += strstr(path, "/quota/") != NULL;
	if (then != NULL && strstr(path, read_of) != NULL) {
		at_read = NULL;
		then();
	}
	return syscall(SYS_pread64, fd, p, n, off);
}

/* The same. */
int
flock(int fd, int how)
{
	int r = (int)syscall(SYS_flock, fd, how);
	pid_t pid = slow;

	if (r == 0 || pid == 0 || errno != EWOULDBLOCK)
		return r;
	slow = 0;
	kill(pid, SIGKILL);
	return (int)syscall(SYS_flock, fd, how & ~LOCK_NB);
}

static int
setup(void **state)
{
	(void)fixture_setup(state);
	fixture_create(&f, "user.joe.work");
	fixture_create(&f, "user.joe.work.old");
	fixture_create(&f, "user.joe2");
	return 0;
}

static void
append(const char *name, int n)
{
	struct mbox *m = fixture_mbox(&f, name, "joe", 0);

	for (int i = 0; i < n; i++)
		fixture_append(m, f.s, "text");
	mbox_close(m);
}

/* Each message of fixture_append() with this text. */
static uint64_t
message_size(void)
{
	struct blob *b = fixture_blob(f.s, "text");
	uint64_t n = blob_size(b);

	blob_free(b);
	return n;
}

static void
expect_root(const char *name, const char *root)
{
	struct mbentry *e;

	assert_int_equal(mblist_lookup(f.s, f.arena, str_c(name), &e), OK);
	assert_int_equal(e->quotaroot == NULL, root == NULL);
	if (root != NULL)
		assert_string_equal(e->quotaroot, root);
}

static bool
add_to_sum(const struct quota_change *c)
{
	int held;
	bool ok = quota_add(f.s, STR("user.joe"), c, &held);

	quota_added(held);
	return ok;
}

static enum err
get_note(void)
{
	struct buf note = BUF_INIT;
	enum err e = mbpending_get_sum(f.s, STR("user.joe"), &note);

	buf_free(&note);
	return e;
}

/* In another process. */
static pid_t
start(void (*fn)(void))
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	at_read = NULL;
	if (store_open(&f.params, &f.s) != OK)
		_exit(1);
	fn();
	store_close(f.s);
	_exit(0);
}

static void
await(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
expect_used(const char *root, uint64_t messages)
{
	uint64_t was, is;
	struct quota q;

	assert_int_equal(quota_get(f.s, f.arena, str_c(root), &q), OK);
	assert_int_equal(q.used_messages, messages);
	assert_int_equal(q.used_bytes, messages * message_size());
	assert_int_equal(quota_recount(f.s, str_c(root), false, &was, &is), OK);
	assert_int_equal(was, is);
}

static void
usage_follows(void **state)
{
	(void)state;
	append("user.joe", 2);
	assert_int_equal(quota_set(f.s, STR("user.joe"), LIMITS(100, QUOTA_UNLIMITED)), OK);
	expect_root("user.joe.work.old", "user.joe");
	expect_root("user.joe2", NULL);
	expect_used("user.joe", 2);
	append("user.joe.work", 3);
	expect_used("user.joe", 5);
	fixture_create(&f, "user.joe.new");
	expect_root("user.joe.new", "user.joe");
	append("user.joe.new", 1);
	expect_used("user.joe", 6);
	assert_int_equal(mblist_delete(f.s, STR("user.joe.work"), true), OK);
	expect_used("user.joe", 3);
	fixture_reopen(&f);
	expect_used("user.joe", 3);
}

static void
roots_nest(void **state)
{
	const char *root;

	(void)state;
	append("user.joe", 1);
	append("user.joe.work", 2);
	append("user.joe.work.old", 4);
	assert_int_equal(quota_set(f.s, STR("user.joe.work"), LIMITS(100, QUOTA_UNLIMITED)), OK);
	assert_int_equal(quota_set(f.s, STR("user.joe"), LIMITS(100, QUOTA_UNLIMITED)), OK);
	expect_root("user.joe", "user.joe");
	expect_root("user.joe.work.old", "user.joe.work");
	expect_used("user.joe", 1);
	expect_used("user.joe.work", 6);
	assert_int_equal(quota_root_of(f.s, f.arena, STR("user.joe.work.x.y"), &root), OK);
	assert_string_equal(root, "user.joe.work");
	assert_int_equal(quota_root_of(f.s, f.arena, STR("user.joe2"), &root), ERR_NOTFOUND);
	assert_int_equal(quota_remove(f.s, STR("user.joe.work")), OK);
	expect_root("user.joe.work.old", "user.joe");
	expect_used("user.joe", 7);
	assert_int_equal(quota_remove(f.s, STR("user.joe")), OK);
	expect_root("user.joe", NULL);
	assert_int_equal(quota_remove(f.s, STR("user.joe")), ERR_NOTFOUND);
}

static void
limits_are_kept(void **state)
{
	const struct str root = STR("user.joe");

	(void)state;
	assert_int_equal(quota_set(f.s, root, LIMITS(0, QUOTA_UNLIMITED)), OK);
	assert_int_equal(quota_check(f.s, root, CHANGE(1, 1), true), ERR_QUOTA);
	assert_int_equal(quota_check(f.s, root, CHANGE(0, 0), true), OK);
	assert_int_equal(quota_set(f.s, root, LIMITS(1, QUOTA_UNLIMITED)), OK);
	/* One may overshoot. */
	assert_int_equal(quota_check(f.s, root, CHANGE(5000, 1), true), OK);
	assert_int_equal(quota_check(f.s, root, CHANGE(5000, 1), false), ERR_QUOTA);
	assert_int_equal(quota_check(f.s, root, CHANGE(100, 1), false), OK);
	add_to_sum(CHANGE(5000, 1));
	assert_int_equal(quota_check(f.s, root, CHANGE(1, 1), true), ERR_QUOTA);
	add_to_sum(CHANGE(-4000, 0));
	assert_int_equal(quota_check(f.s, root, CHANGE(1, 1), true), OK);
	assert_int_equal(quota_set(f.s, root, LIMITS(QUOTA_UNLIMITED, 1)), OK);
	assert_int_equal(quota_check(f.s, root, CHANGE(1, 1), true), OK);
	append("user.joe", 1);
	assert_int_equal(quota_check(f.s, root, CHANGE(1, 1), true), ERR_QUOTA);
	assert_int_equal(quota_check(f.s, STR("no.such.root"), CHANGE(1, 1), true), OK);
	assert_int_equal(quota_set(f.s, STR("a..b"), LIMITS(1, 1)), ERR_NAME);
}

static void
sum_repairs_itself(void **state)
{
	static const char *const damages[] = {
		"rm", "echo >", "sed -i 's/9/8/g; s/1/2/g'", "truncate -s 50",
	};
	char command[200];
	uint64_t was, is;

	(void)state;
	assert_int_equal(quota_set(f.s, STR("user.joe"), LIMITS(100, QUOTA_UNLIMITED)), OK);
	append("user.joe", 3);
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		snprintf(command, sizeof(command), "%s %s/quota/user.joe", damages[i], f.config);
		assert_int_equal(system(command), 0);
		expect_used("user.joe", 3);
		assert_int_equal(system(command), 0);
		append("user.joe", 1);
		expect_used("user.joe", 4);
		assert_int_equal(mblist_delete(f.s, STR("user.joe"), true), OK);
		fixture_create(&f, "user.joe");
		append("user.joe", 3);
	}
	add_to_sum(CHANGE(77, 1));
	assert_int_equal(quota_recount(f.s, STR("user.joe"), true, &was, &is), OK);
	assert_int_equal(was, is + 77);
	expect_used("user.joe", 3);
	/* A sum that would become negative was wrong. */
	add_to_sum(CHANGE(0, -2));
	add_to_sum(CHANGE(0, -2));
	assert_int_equal(quota_recount(f.s, STR("user.joe"), true, &was, &is), OK);
	expect_used("user.joe", 3);
}

static void
renames_take_roots_along(void **state)
{
	struct quota q;
	char path[150];

	(void)state;
	assert_int_equal(quota_set(f.s, STR("user.joe"), LIMITS(100, 7)), OK);
	append("user.joe.work", 2);
	assert_int_equal(mblist_rename(f.s, STR("user.joe"), STR("user.jim"), NULL), OK);
	expect_root("user.jim.work.old", "user.jim");
	expect_used("user.jim", 2);
	assert_int_equal(quota_get(f.s, f.arena, STR("user.jim"), &q), OK);
	assert_int_equal(q.limit.kb, 100);
	assert_int_equal(q.limit.messages, 7);
	assert_int_equal(quota_get(f.s, f.arena, STR("user.joe"), &q), ERR_NOTFOUND);
	snprintf(path, sizeof(path), "%s/quota/user.joe", f.config);
	assert_int_equal(access(path, F_OK), -1);
	/* From one root to another, and out of all. */
	assert_int_equal(quota_set(f.s, STR("user.joe2"), LIMITS(1, 1)), OK);
	assert_int_equal(mblist_rename(f.s, STR("user.jim.work"), STR("user.joe2.work"), NULL), OK);
	expect_used("user.joe2", 2);
	expect_used("user.jim", 0);
	assert_int_equal(mblist_rename(f.s, STR("user.joe2.work"), STR("work"), NULL), OK);
	expect_root("work", NULL);
	expect_used("user.joe2", 0);
	/* The root goes with its last mailbox. */
	assert_int_equal(mblist_delete(f.s, STR("user.joe2"), true), OK);
	assert_int_equal(quota_get(f.s, f.arena, STR("user.joe2"), &q), ERR_NOTFOUND);
}

static bool
list_root(void *ctx, const struct quota *q)
{
	buf_printf(ctx, "%s ", q->root);
	return true;
}

static void
note_sum(void)
{
	struct kv_txn *txn;

	assert_int_equal(mbdb_begin(f.s, &txn), OK);
	assert_int_equal(mbpending_add_sum(txn, "user.joe"), OK);
	assert_int_equal(kv_commit(txn), OK);
}

static void
spoil_sum(void)
{
	struct quotafile q;
	int fd;

	assert_int_equal(quotafile_lock(f.s, STR("user.joe"), false, &fd), OK);
	assert_int_equal(quotafile_read(fd, &q), OK);
	q.messages = 77;
	assert_int_equal(quotafile_write(fd, &q), OK);
	quotafile_unlock(fd);
}

/* Killed between the transaction and the counting, as one whose list is all that was written. */
static void
what_is_pending_is_counted(void **state)
{
	struct quota q;

	(void)state;
	assert_int_equal(quota_set(f.s, STR("user.joe"), LIMITS(100, 7)), OK);
	append("user.joe.work", 2);
	expect_used("user.joe", 2);
	spoil_sum();
	note_sum();
	assert_int_equal(quota_check(f.s, STR("user.joe"), CHANGE(1, 1), false), OK);
	/* Once, and not by all who come after. */
	assert_int_equal(get_note(), ERR_NOTFOUND);
	expect_used("user.joe", 2);
	/* Another change, while it is counted: to be counted again. */
	note_sum();
	read_of = "/user/joe/cyrus.index";
	at_read = note_sum;
	assert_int_equal(quota_get(f.s, f.arena, STR("user.joe"), &q), OK);
	assert_null(at_read);
	assert_int_equal(get_note(), OK);
	spoil_sum();
	assert_int_equal(mblist_recover(f.s), OK);
	assert_int_equal(get_note(), ERR_NOTFOUND);
	expect_used("user.joe", 2);
}

static void
walks(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(quota_set(f.s, STR("user.joe2"), LIMITS(1, 1)), OK);
	assert_int_equal(quota_set(f.s, STR("user.joe.work"), LIMITS(1, 1)), OK);
	assert_int_equal(quota_set(f.s, STR("user.joe"), LIMITS(1, 1)), OK);
	assert_int_equal(quota_walk(f.s, STR("user.joe"), list_root, &b), OK);
	assert_string_equal(b.p, "user.joe user.joe.work user.joe2 ");
	buf_free(&b);
}

/* Deliveries in other processes while the root is counted again and again. */
static void
counting_and_adding_at_once(void **state)
{
	enum { WRITERS = 3, EACH = 60 };
	static const char *const boxes[] = { "user.joe", "user.joe.work", "user.joe.work.old" };
	pid_t pid[WRITERS];
	uint64_t was, is;
	int status;

	(void)state;
	assert_int_equal(quota_set(f.s, STR("user.joe"), LIMITS(100000, QUOTA_UNLIMITED)), OK);
	for (int i = 0; i < WRITERS; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			struct fixture mine = f;

			if (store_open(&f.params, &mine.s) != OK)
				_exit(1);
			f.s = mine.s;
			append(boxes[i], EACH);
			store_close(f.s);
			_exit(0);
		}
	}
	/* ERR_BUSY: a writer was not let run for long in the midst of a commit. */
	for (int i = 0; i < 50; i++) {
		enum err e = quota_recount(f.s, STR("user.joe"), true, &was, &is);

		assert_true(e == OK || e == ERR_BUSY);
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	expect_used("user.joe", (uint64_t)WRITERS * EACH);
}

/*
 * A writer that is held up between the sum and its index: no count may take
 * the one for the other.  The last one waits for it.
 */
static void
counting_beside_a_slow_writer(void **state)
{
	uint64_t was, is;
	int ready[2];
	char byte;

	(void)state;
	assert_int_equal(quota_set(f.s, STR("user.joe"), LIMITS(100000, QUOTA_UNLIMITED)), OK);
	append("user.joe", 2);
	expect_used("user.joe", 2);
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct mbentry *e;
		struct index *ix;
		int fd, held;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (store_open(&f.params, &f.s) != OK ||
		    mblist_lookup(f.s, f.arena, STR("user.joe"), &e) != OK ||
		    mblist_open_dir(f.s, e, &fd) != OK || index_open(fd, "user.joe", &ix) != OK ||
		    index_lock(ix) != OK)
			_exit(1);
		ix->h->dirty_lsn = 1;
		if (!quota_add(f.s, STR("user.joe"), CHANGE(12345, 1), &held) ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	slow = pid;
	assert_int_equal(quota_recount(f.s, STR("user.joe"), true, &was, &is), OK);
	assert_int_equal(slow, 0);
	assert_int_equal(is, 2 * message_size());
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	/* He was killed: the next writer repairs, and all is as it was. */
	append("user.joe", 1);
	expect_used("user.joe", 3);
	close(ready[0]);
	close(ready[1]);
}

static pid_t held_up[8];
static int held_ups, mails;

static void
mail(void)
{
	append("user.joe", 1);
}

/* For a mailbox that has been counted; not waited for if a count holds it up. */
static void
mail_comes_in(void)
{
	pid_t pid = start(mail);
	int fd = openat(f.s->config_fd, "quota/user.joe", O_RDONLY | O_CLOEXEC);

	mails++;
	if (fd >= 0 && syscall(SYS_flock, fd, LOCK_SH | LOCK_NB) != 0) {
		assert_true(held_ups < 8);
		held_up[held_ups++] = pid;
	} else {
		if (fd >= 0)
			syscall(SYS_flock, fd, LOCK_UN);
		await(pid);
	}
	if (fd >= 0)
		close(fd);
	at_read = mail_comes_in;
}

/* No count ends without a change meanwhile; the sum is right all the same. */
static void
busy_root_is_counted(void **state)
{
	uint64_t was, is;

	(void)state;
	assert_int_equal(quota_set(f.s, STR("user.joe"), LIMITS(100000, QUOTA_UNLIMITED)), OK);
	held_ups = mails = 0;
	read_of = "/user/joe/work/cyrus.index";
	at_read = mail_comes_in;
	assert_int_equal(quota_recount(f.s, STR("user.joe"), true, &was, &is), OK);
	at_read = NULL;
	while (held_ups > 0)
		await(held_up[--held_ups]);
	assert_true(mails > 1);
	expect_used("user.joe", (uint64_t)mails);
}

static void
mail_and_a_new_file(void)
{
	uint64_t was, is;

	mail();
	if (quotafile_remove(f.s, STR("user.joe")) != OK ||
	    quota_recount(f.s, STR("user.joe"), true, &was, &is) != OK)
		_exit(1);
}

static void
mail_and_no_file(void)
{
	mail();
	if (quotafile_remove(f.s, STR("user.joe")) != OK)
		_exit(1);
}

static void
new_file_comes(void)
{
	await(start(mail_and_a_new_file));
}

static void
file_goes(void)
{
	await(start(mail_and_no_file));
}

/* A file with as many changes is not the same file. */
static void
file_made_again_is_another(void **state)
{
	static void (*const what[])(void) = { new_file_comes, file_goes };
	uint64_t was, is, n = 0;

	(void)state;
	assert_int_equal(quota_set(f.s, STR("user.joe"), LIMITS(100000, QUOTA_UNLIMITED)), OK);
	read_of = "/user/joe/work/cyrus.index";
	for (int missing = 0; missing < 2; missing++) {
		for (size_t i = 0; i < 2; i++) {
			assert_int_equal(quotafile_remove(f.s, STR("user.joe")), OK);
			if (!missing)
				assert_int_equal(quota_recount(f.s, STR("user.joe"), true, &was,
				    &is), OK);
			at_read = what[i];
			assert_int_equal(quota_recount(f.s, STR("user.joe"), true, &was, &is), OK);
			assert_null(at_read);
			expect_used("user.joe", ++n);
		}
	}
}

/* Nobody waits for a file to become whole that nobody writes. */
static void
damage_costs_no_wait(void **state)
{
	struct quotafile q;

	(void)state;
	assert_int_equal(quota_set(f.s, STR("user.joe"), LIMITS(100, QUOTA_UNLIMITED)), OK);
	append("user.joe", 2);
	fixture_shell("echo > %s/quota/user.joe", f.config);
	sum_reads = 0;
	assert_int_equal(quota_check(f.s, STR("user.joe"), CHANGE(1, 1), false), OK);
	assert_in_range(sum_reads, 1, 40);
	assert_int_equal(quotafile_peek(f.s, STR("user.joe"), &q), OK);
	assert_int_equal(q.messages, 2);
	assert_int_equal(q.limit.kb, 100);
}

/* Without the lock, beside somebody who writes all the time. */
static void
peeks_see_no_half(void **state)
{
	struct quotafile q = { .limit = QUOTA_NO_LIMITS };
	int fd;

	(void)state;
	assert_int_equal(quotafile_lock(f.s, STR("user.joe"), true, &fd), OK);
	assert_int_equal(quotafile_write(fd, &q), OK);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (quotafile_write(fd, &q) == OK)
			q.changes = q.bytes += UINT64_C(0x1111111111111);
		_exit(1);
	}
	for (int i = 0; i < 20000; i++)
		assert_int_equal(quotafile_peek(f.s, STR("user.joe"), &q), OK);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	quotafile_unlock(fd);
}

/* RFC 9208 5.3: MAILBOX "MUST be an exact number". */
static void
mailboxes_are_counted(void **state)
{
	struct mblist_create c = { .name = STR("user.joe.new") };
	struct quota_limits l = QUOTA_NO_LIMITS;
	struct quota q;

	(void)state;
	l.mailboxes = 4;
	assert_int_equal(quota_set(f.s, STR("user.joe"), &l), OK);
	assert_int_equal(quota_get(f.s, f.arena, STR("user.joe"), &q), OK);
	assert_int_equal(q.used_mailboxes, 3);
	assert_int_equal(mblist_create(f.s, &c), OK);
	c.name = STR("user.joe.newer");
	assert_int_equal(mblist_create(f.s, &c), ERR_QUOTA);
	assert_int_equal(mblist_delete(f.s, STR("user.joe.new"), true), OK);
	assert_int_equal(mblist_create(f.s, &c), OK);
	assert_int_equal(quota_get(f.s, f.arena, STR("user.joe"), &q), OK);
	assert_int_equal(q.used_mailboxes, 4);
}

/* What version 0.1 wrote: its limits are good. */
static void
old_files_are_read(void **state)
{
	char text[200];
	struct quotafile q;
	int n, fd;

	(void)state;
	n = snprintf(text, sizeof(text), "%20d\n%20d\n%20d %20d\n%20d ", 77, 100, 3, -1, 9);
	snprintf(text + n, sizeof(text) - (size_t)n, "%08x\n", crc32c(0, text, (size_t)n));
	assert_int_equal(quotafile_lock(f.s, STR("user.joe"), true, &fd), OK);
	assert_int_equal(write(fd, text, strlen(text)), 114);
	assert_int_equal(quotafile_read(fd, &q), OK);
	assert_int_equal(q.bytes, 77);
	assert_int_equal(q.limit.kb, 100);
	assert_int_equal(q.messages, 3);
	assert_int_equal(q.limit.mailboxes, QUOTA_UNLIMITED);
	q.limit.mailboxes = 5;
	assert_int_equal(quotafile_write(fd, &q), OK);
	memset(&q, 0, sizeof(q));
	assert_int_equal(quotafile_read(fd, &q), OK);
	assert_int_equal(q.limit.mailboxes, 5);
	assert_int_equal(q.limit.annotation_kb, QUOTA_UNLIMITED);
	assert_int_equal(q.changes, 10);
	quotafile_unlock(fd);
}

static void
move_work(void)
{
	assert_int_equal(mblist_rename(f.s, STR("user.joe.work"), STR("user.joe.work"),
	    "second"), OK);
}

/* It goes to another partition after it was listed and before it is looked into. */
static void
moved_while_it_is_counted(void **state)
{
	uint64_t was, is;
	struct quota q;

	(void)state;
	assert_int_equal(quota_set(f.s, STR("user.joe"), LIMITS(1000, -1)), OK);
	append("user.joe", 1);
	append("user.joe.work", 2);
	read_of = "/user/joe/cyrus.index";
	at_read = move_work;
	assert_int_equal(quota_recount(f.s, STR("user.joe"), true, &was, &is), OK);
	assert_null(at_read);
	assert_int_equal(is, 3 * message_size());
	assert_int_equal(quota_get(f.s, f.arena, STR("user.joe"), &q), OK);
	assert_int_equal(q.used_messages, 3);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(usage_follows),
		TEST(roots_nest),
		TEST(limits_are_kept),
		TEST(sum_repairs_itself),
		TEST(renames_take_roots_along),
		TEST(what_is_pending_is_counted),
		TEST(walks),
		TEST(counting_and_adding_at_once),
		TEST(counting_beside_a_slow_writer),
		TEST(busy_root_is_counted),
		TEST(file_made_again_is_another),
		TEST(damage_costs_no_wait),
		TEST(peeks_see_no_half),
		TEST(mailboxes_are_counted),
		TEST(old_files_are_read),
		TEST(moved_while_it_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
