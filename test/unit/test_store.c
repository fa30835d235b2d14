/* test_store.c - mailboxes, views, transactions, and what a crash leaves of them */
#include "test/unit/store_fixture.h"

#include "imap/disk/index.h"
#include "imap/store/upkeep/reclaim.h"
#include "lib/buf.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static int
setup(void **state)
{
	(void)fixture_setup(state);
	fixture_create(&f, "user.joe.work");
	return 0;
}

static void
store_flags(struct mbox *m, uint32_t uid, enum store_op op, uint32_t flags)
{
	struct store_params_flags p = { .op = op, .flags = flags, .mask = MSG_SYSTEM_FLAGS };

	fixture_store(m, uid, &p);
}

static void
expunge(struct mbox *m)
{
	struct txn *t = txn_begin(m);

	txn_expunge(t, NULL, 0, false);
	assert_int_equal(txn_commit(t), OK);
	txn_abort(t);
}

static struct mbox_update
refresh(struct mbox *m, unsigned flags)
{
	struct mbox_update u;

	assert_int_equal(mbox_refresh(m, f.arena, flags, &u), OK);
	return u;
}

static void
appended_message_comes_back(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct message msg;
	struct str item;

	(void)state;
	assert_int_equal(mbox_count(m), 0);
	assert_int_equal(fixture_append(m, f.s, "one"), 1);
	assert_int_equal(fixture_append(m, f.s, "two"), 2);
	assert_true(refresh(m, 0).exists_changed);
	assert_int_equal(mbox_count(m), 2);
	assert_int_equal(mbox_recent(m), 2);
	fixture_expect_body(m, 1, "one");
	fixture_expect_body(m, 2, "two");
	assert_int_equal(mbox_message(m, 2, &msg), OK);
	assert_int_equal(msg.uid, 2);
	assert_true(msg.recent);
	assert_int_equal(mbox_cache(m, 2, CACHE_ENVELOPE, &item), OK);
	assert_non_null(memmem(item.p, item.n, "\"two\"", 5));
	assert_int_equal(mbox_cache(m, 2, CACHE_HEADERS, &item), OK);
	assert_non_null(memmem(item.p, item.n, "Subject: two\r\n", 14));
	mbox_close(m);
	fixture_check_sums(&f, "user.joe");
}

static void
sessions_see_each_other(void **state)
{
	struct mbox *a = fixture_mbox(&f, "user.joe", "joe", 0);
	struct mbox *b = fixture_mbox(&f, "user.joe", "joe", 0);
	struct mbox_update u;
	struct message msg;

	(void)state;
	for (int i = 0; i < 5; i++)
		fixture_append(a, f.s, "x");
	assert_true(refresh(b, 0).exists_changed);
	assert_int_equal(mbox_recent(b), 5);
	refresh(a, 0);
	/* Each message is \Recent in one session only. */
	assert_int_equal(mbox_recent(a), 0);
	store_flags(a, 2, STORE_ADD, MSG_DELETED);
	store_flags(a, 4, STORE_ADD, MSG_FLAGGED);
	/* Who changed it is not told of it. */
	assert_int_equal(refresh(a, 0).changed_count, 0);
	u = refresh(b, 0);
	assert_int_equal(u.changed_count, 2);
	assert_int_equal(u.changed[0], 2);
	assert_int_equal(u.changed[1], 4);
	expunge(a);
	/* B may not be told yet: the message stays and can be read. */
	u = refresh(b, MBOX_NO_EXPUNGES);
	assert_int_equal(u.expunged_count, 0);
	assert_int_equal(mbox_count(b), 5);
	assert_int_equal(mbox_message(b, 2, &msg), OK);
	assert_true(msg.expunged);
	fixture_expect_body(b, 2, "x");
	u = refresh(b, 0);
	assert_int_equal(u.expunged_count, 1);
	assert_int_equal(u.expunged[0], 2);
	assert_int_equal(u.expunged_uid[0], 2);
	assert_int_equal(mbox_count(b), 4);
	assert_int_equal(mbox_uid(b, 2), 3);
	assert_int_equal(mbox_seq_from_uid(b, 2), 2);
	assert_int_equal(mbox_seq_from_uid(b, 6), 5);
	mbox_close(a);
	mbox_close(b);
	fixture_check_sums(&f, "user.joe");
}

/* A silent change of my own must not hide somebody else's. */
static void
own_change_does_not_hide_a_foreign_one(void **state)
{
	struct mbox *a = fixture_mbox(&f, "user.joe", "joe", 0);
	struct mbox *b = fixture_mbox(&f, "user.joe", "joe", 0);
	struct mbox_update u;

	(void)state;
	fixture_append(a, f.s, "x");
	refresh(a, 0);
	refresh(b, 0);
	store_flags(b, 1, STORE_ADD, MSG_FLAGGED);
	store_flags(a, 1, STORE_ADD, MSG_SEEN);
	u = refresh(a, 0);
	assert_int_equal(u.changed_count, 1);
	mbox_close(a);
	mbox_close(b);
}

static void
keywords_are_shared_and_survive(void **state)
{
	struct mbox *a = fixture_mbox(&f, "user.joe", "joe", 0), *b;
	struct str names[2] = { STR("$Forwarded"), STR("work") };
	struct store_params_flags p = { .op = STORE_ADD, .keywords = { names, 2 } };
	struct txn *t;
	struct message msg;
	uint32_t uid = fixture_append(a, f.s, "x");

	(void)state;
	t = txn_begin(a);
	txn_store(t, &uid, 1, &p);
	assert_int_equal(txn_commit(t), OK);
	txn_abort(t);
	b = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_string_equal(mbox_keyword(b, 0), "$Forwarded");
	assert_string_equal(mbox_keyword(b, 1), "work");
	assert_null(mbox_keyword(b, 2));
	assert_int_equal(mbox_message(b, 1, &msg), OK);
	assert_int_equal(msg.keywords.w[0], 3);
	mbox_close(a);
	mbox_close(b);
}

static void
copy_and_move(void **state)
{
	struct mbox *a = fixture_mbox(&f, "user.joe", "joe", 0);
	struct mbox *w = fixture_mbox(&f, "user.joe.work", "joe", MBOX_PEEK);
	uint32_t uids[2] = { 1, 3 };
	struct txn *t[2];
	struct mbox *check;

	(void)state;
	fixture_append(a, f.s, "one");
	fixture_append(a, f.s, "two");
	fixture_append(a, f.s, "three");
	store_flags(a, 3, STORE_ADD, MSG_SEEN);
	refresh(a, 0);
	t[0] = txn_begin(w);
	txn_copy(t[0], a, uids, 2);
	assert_int_equal(txn_commit(t[0]), OK);
	assert_int_equal(txn_result(t[0])->new_count, 2);
	assert_int_equal(txn_result(t[0])->source_uids[1], 3);
	txn_abort(t[0]);
	t[0] = txn_begin(w);
	txn_copy(t[0], a, uids, 1);
	t[1] = txn_begin(a);
	txn_expunge(t[1], uids, 1, true);
	assert_int_equal(txn_commit_all(t, 2, true), OK);
	txn_abort(t[0]);
	txn_abort(t[1]);
	refresh(a, 0);
	assert_int_equal(mbox_count(a), 2);
	check = fixture_mbox(&f, "user.joe.work", "joe", 0);
	assert_int_equal(mbox_count(check), 3);
	fixture_expect_body(check, 1, "one");
	fixture_expect_body(check, 2, "three");
	fixture_expect_body(check, 3, "one");
	assert_int_equal(mbox_first_unseen(check), 1);
	mbox_close(check);
	mbox_close(a);
	mbox_close(w);
	fixture_check_sums(&f, "user.joe");
	fixture_check_sums(&f, "user.joe.work");
}

static unsigned
open_files(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
expect_exists(const char *name, enum err expected, uint32_t exists)
{
	struct mbentry *e;
	struct mbox_status st;
	struct mbox *m;

	assert_int_equal(mblist_lookup(f.s, f.arena, str_c(name), &e), OK);
	assert_int_equal(mbox_open(f.s, e, "joe", MBOX_PEEK | MBOX_READONLY, &m), expected);
	if (expected != OK)
		return;
	assert_int_equal(mbox_status(m, &st), OK);
	assert_int_equal(st.exists, exists);
	mbox_close(m);
}

/* What stays open behind a closed mailbox is never taken for what it is no more. */
static void
spare_indexes(void **state)
{
	const char *dir = f.spool;
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);

	(void)state;
	fixture_shell("cp -a %s/user/joe/cyrus.index %s/old", dir, dir);
	expect_exists("user.joe", OK, 0);
	fixture_append(m, f.s, "one");
	mbox_close(m);
	unsigned files = open_files();
	for (int i = 0; i < 100; i++) {
		expect_exists("user.joe", OK, 1);
		m = fixture_mbox(&f, "user.joe", "joe", 0);
		assert_int_equal(mbox_count(m), 1);
		mbox_close(m);
	}
	assert_true(open_files() <= files);
	for (int i = 0; i < 20; i++) {
		char name[32];
		snprintf(name, sizeof(name), "user.joe.n%d", i);
		fixture_create(&f, name);
		expect_exists(name, OK, 0);
	}
	assert_true(open_files() <= files + 2 * 16);

	expect_exists("user.joe", OK, 1);
	fixture_shell("mv %s/old %s/user/joe/cyrus.index", dir, dir);	/* from a backup */
	expect_exists("user.joe", OK, 0);
	fixture_shell("truncate -s 0 %s/user/joe/cyrus.index", dir);
	expect_exists("user.joe", ERR_CORRUPT, 0);
}

/* MOVE into the mailbox itself: new UIDs, the old ones gone. */
static void
move_within_one_mailbox(void **state)
{
	struct mbox *a = fixture_mbox(&f, "user.joe", "joe", 0);
	struct mbox *b = fixture_mbox(&f, "user.joe", "joe", MBOX_PEEK);
	uint32_t uid = fixture_append(a, f.s, "one");
	struct txn *t[2];

	(void)state;
	refresh(a, 0);
	t[0] = txn_begin(b);
	txn_copy(t[0], a, &uid, 1);
	t[1] = txn_begin(a);
	txn_expunge(t[1], &uid, 1, true);
	assert_int_equal(txn_commit_all(t, 2, true), OK);
	txn_abort(t[0]);
	txn_abort(t[1]);
	refresh(a, 0);
	assert_int_equal(mbox_count(a), 1);
	assert_int_equal(mbox_uid(a, 1), 2);
	fixture_expect_body(a, 1, "one");
	mbox_close(a);
	mbox_close(b);
	fixture_check_sums(&f, "user.joe");
}

static void
other_users_have_their_own_seen(void **state)
{
	struct mbox *a = fixture_mbox(&f, "user.joe", "joe", 0);
	struct mbox *other = fixture_mbox(&f, "user.joe", "ann", 0);
	struct message msg;

	(void)state;
	fixture_append(a, f.s, "x");
	refresh(a, 0);
	refresh(other, 0);
	store_flags(other, 1, STORE_ADD, MSG_SEEN);
	assert_int_equal(mbox_message(other, 1, &msg), OK);
	assert_true(msg.flags & MSG_SEEN);
	refresh(a, 0);
	assert_int_equal(mbox_message(a, 1, &msg), OK);
	assert_false(msg.flags & MSG_SEEN);
	mbox_close(other);
	other = fixture_mbox(&f, "user.joe", "ann", 0);
	assert_int_equal(mbox_message(other, 1, &msg), OK);
	assert_true(msg.flags & MSG_SEEN);
	assert_int_equal(mbox_first_unseen(other), 0);
	mbox_close(other);
	mbox_close(a);
}

static void
large_message_is_staged(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct append_params p = { .flags = MSG_SEEN };
	static char line[1000];
	struct blob *b;
	struct txn *t;
	struct str bytes;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	assert_int_equal(blob_new(f.s, NULL, &b), OK);
	assert_int_equal(blob_write(b, "A: b\r\n\r\n", 8), OK);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(blob_write(b, line, sizeof(line)), OK);
	assert_int_equal(blob_finish(b), OK);
	t = txn_begin(m);
	txn_append(t, b, &p);
	assert_int_equal(txn_commit(t), OK);
	txn_abort(t);
	blob_free(b);
	mbox_close(m);
	fixture_reopen(&f);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_body(m, 1, &bytes), OK);
	assert_int_equal(bytes.n, 1000008);
	mbox_close(m);
}

/* A missing cache entry is made, but not kept, while somebody else writes. */
static void
reader_does_not_wait_for_a_writer(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	char path[160];
	struct str bytes;
	int ready[2], go[2], status;
	pid_t pid;
	char c;

	(void)state;
	fixture_append(m, f.s, "one");
	snprintf(path, sizeof(path), "%s/user/joe", f.spool);
	fixture_shell("rm %s/cyrus.cache", path);
	mbox_close(m);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	if ((pid = fork()) == 0) {
		int fd = open(path, O_RDONLY);

		if (flock(fd, LOCK_EX) != 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		/* If the reader waits, then for us. */
		_exit(poll(&(struct pollfd){ .fd = go[0], .events = POLLIN }, 1, 5000) == 1 ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(mbox_cache(m, 1, CACHE_ENVELOPE, &bytes), OK);
	assert_int_equal(write(go[1], "g", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	mbox_close(m);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
}

/* --- room given back --- */

static uint32_t
records_of(struct fixture *fx, const char *dir)
{
	struct index_header h;
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fx->spool, dir);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	assert_int_equal(index_header_read(fd, &h), OK);
	close(fd);
	return h.records;
}

static uint32_t
reclaim(const char *name)
{
	struct arena *a = arena_new(100000);
	struct mbentry *e;
	uint32_t n;

	assert_int_equal(mblist_lookup(f.s, a, str_c(name), &e), OK);
	assert_int_equal(store_checkpoint(f.s), OK);
	assert_int_equal(reclaim_mailbox(f.s, e, time(NULL), &n), OK);
	arena_free(a);
	return n;
}

enum { MANY = 400, LEFT = 100 };

/* MANY messages of which every fourth is left, and not the last. */
static void
expunge_most(struct mbox *m)
{
	uint32_t uids[MANY], n = 0;

	for (uint32_t uid = 1; uid <= MANY; uid++) {
		char text[32];

		snprintf(text, sizeof(text), "number %u", uid);
		assert_int_equal(fixture_append(m, f.s, text), uid);
		if (uid % (MANY / LEFT) != 1)
			uids[n++] = uid;
	}
	(void)refresh(m, 0);
	for (uint32_t i = 0; i < n; i++)
		store_flags(m, uids[i], STORE_ADD, MSG_DELETED);
	expunge(m);
}

static void
expect_left(uint32_t more)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct str envelope;

	assert_int_equal(mbox_count(m), LEFT + more);
	for (uint32_t seq = 1; seq <= LEFT; seq++) {
		char text[32];

		uint32_t uid = (seq - 1) * (MANY / LEFT) + 1;

		snprintf(text, sizeof(text), "number %u", uid);
		assert_int_equal(mbox_uid(m, seq), uid);
		fixture_expect_body(m, seq, text);
		assert_int_equal(mbox_cache(m, seq, CACHE_ENVELOPE, &envelope), OK);
		assert_non_null(memmem(envelope.p, envelope.n, text, strlen(text)));
	}
	assert_int_equal(mbox_uidnext(m), MANY + more + 1);
	mbox_close(m);
	fixture_check_sums(&f, "user.joe");
}

static void
tombstones_are_dropped(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);

	(void)state;
	expunge_most(m);
	/* Whoever has a view (test_compact.c). */
	(void)reclaim("user.joe");
	assert_int_equal(records_of(&f, "user/joe"), LEFT);
	mbox_close(m);
	expect_left(0);
	/* Neither replay nor the next messages bring them back. */
	fixture_reopen(&f);
	assert_int_equal(records_of(&f, "user/joe"), LEFT);
	expect_left(0);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(fixture_append(m, f.s, "next"), MANY + 1);
	mbox_close(m);
	expect_left(1);
	fixture_reopen(&f);
	expect_left(1);
}

/* A session without a view, as lmtpd's, goes on with the new file. */
static void
delivery_goes_on_after_a_compaction(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct mbox *lmtp = fixture_mbox(&f, "user.joe", "joe", MBOX_PEEK);

	(void)state;
	expunge_most(m);
	mbox_close(m);
	(void)reclaim("user.joe");
	assert_int_equal(records_of(&f, "user/joe"), LEFT);
	assert_int_equal(fixture_append(lmtp, f.s, "next"), MANY + 1);
	mbox_close(lmtp);
	expect_left(1);
}

/* In another process; its exit status says whether all went well. */
static pid_t
fork_reclaim(const char *name)
{
	pid_t pid = fork();
	struct mbentry *e;
	struct store *s;
	uint32_t n;

	if (pid != 0)
		return pid;
	if (store_open(&f.params, &s) != OK ||
	    mblist_lookup(s, arena_new(100000), str_c(name), &e) != OK)
		_exit(2);
	_exit(reclaim_mailbox(s, e, time(NULL), &n) == OK ? 0 : 1);
}

static bool
has_open(pid_t pid, const char *file)
{
	for (int fd = 0; fd < 64; fd++) {
		char link[64], path[300];
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, fd);
		n = readlink(link, path, sizeof(path) - 1);
		path[n > 0 ? n : 0] = '\0';
		if (strstr(path, file) != NULL)
			return true;
	}
	return false;
}

/* Cron's cyr_expire and the administrator's: the second finds a new index. */
static void
two_reclaim_at_once(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	char path[160];
	pid_t pid[2];
	int fd, status;

	(void)state;
	expunge_most(m);
	mbox_close(m);
	fixture_reopen(&f);
	snprintf(path, sizeof(path), "%s/user/joe", f.spool);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	for (int i = 0; i < 2; i++) {
		pid[i] = fork_reclaim("user.joe");
		while (!has_open(pid[i], "joe/cyrus.index") &&
		    waitpid(pid[i], &status, WNOHANG) == 0)
			(void)poll(NULL, 0, 2);
	}
	assert_int_equal(flock(fd, LOCK_UN), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	close(fd);
	assert_int_equal(records_of(&f, "user/joe"), LEFT);
	expect_left(0);
}

/* Listed, then moved to another partition: reclaimed there. */
static void
reclaims_what_was_moved(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct arena *a = arena_new(100000);
	struct mbentry *e;
	uint32_t n = 0;

	(void)state;
	expunge_most(m);
	mbox_close(m);
	assert_int_equal(mblist_lookup(f.s, a, STR("user.joe"), &e), OK);
	assert_int_equal(mblist_rename(f.s, STR("user.joe"), STR("user.joe"),
	    f.part[1].name), OK);
	assert_int_equal(reclaim_mailbox(f.s, e, time(NULL), &n), OK);
	arena_free(a);
	expect_left(0);
}

/* --- crashes --- */

/*
 * A power cut: nothing written since the last checkpoint has reached the disk
 * but the log, which was flushed.
 */
static void
power_cut_loses_nothing_acknowledged(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0), *w;
	struct str kw = STR("$Label1");
	struct store_params_flags add = { .op = STORE_ADD, .keywords = { &kw, 1 } };
	uint32_t uid = 2;
	struct txn *t;
	struct message msg;

	(void)state;
	fixture_append(m, f.s, "before");
	assert_int_equal(store_checkpoint(f.s), OK);
	fixture_shell("cp -a %s/user %s/saved", f.spool, f.dir);
	fixture_append(m, f.s, "two");
	fixture_append(m, f.s, "three");
	fixture_append(m, f.s, "four");
	refresh(m, 0);
	store_flags(m, 1, STORE_ADD, MSG_FLAGGED | MSG_SEEN);
	store_flags(m, 3, STORE_ADD, MSG_DELETED);
	t = txn_begin(m);
	txn_store(t, &uid, 1, &add);
	assert_int_equal(txn_commit(t), OK);
	txn_abort(t);
	expunge(m);
	w = fixture_mbox(&f, "user.joe.work", "joe", MBOX_PEEK);
	t = txn_begin(w);
	txn_copy(t, m, &uid, 1);
	assert_int_equal(txn_commit(t), OK);
	txn_abort(t);
	mbox_close(w);
	mbox_close(m);
	store_close(f.s);
	fixture_shell("rm -rf %s/user && cp -a %s/saved %s/user", f.spool, f.dir, f.spool);
	assert_int_equal(store_open(&f.params, &f.s), OK);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 3);
	fixture_expect_body(m, 1, "before");
	fixture_expect_body(m, 2, "two");
	fixture_expect_body(m, 3, "four");
	assert_int_equal(mbox_message(m, 1, &msg), OK);
	assert_int_equal(msg.flags, MSG_FLAGGED | MSG_SEEN);
	assert_int_equal(mbox_message(m, 2, &msg), OK);
	assert_int_equal(msg.keywords.w[0], 1);
	assert_string_equal(mbox_keyword(m, 0), "$Label1");
	assert_int_equal(fixture_append(m, f.s, "five"), 5);
	mbox_close(m);
	w = fixture_mbox(&f, "user.joe.work", "joe", 0);
	assert_int_equal(mbox_count(w), 1);
	fixture_expect_body(w, 1, "two");
	mbox_close(w);
	fixture_check_sums(&f, "user.joe");
	fixture_check_sums(&f, "user.joe.work");
}

/* Random work until killed; each acknowledged append's text goes to the pipe. */
static void
work_until_killed(int out, unsigned seed)
{
	struct store *s;
	struct mbentry *e;
	struct mbox *m;
	struct arena *a = arena_new(64 << 20);
	struct mbox_update u;
	char text[32];

	srandom(seed);
	if (store_open(&f.params, &s) != OK ||
	    mblist_lookup(s, a, STR("user.joe"), &e) != OK ||
	    mbox_open(s, e, "joe", 0, &m) != OK)
		_exit(2);
	for (unsigned n = 0;; n++) {
		uint32_t uid;

		snprintf(text, sizeof(text), "%08u-%06u", seed, n);
		fixture_append(m, s, text);
		if (write(out, text, 16) != 16)
			_exit(3);
		if (mbox_refresh(m, a, 0, &u) != OK)
			_exit(4);
		uid = mbox_uid(m, (uint32_t)random() % mbox_count(m) + 1);
		store_flags(m, uid, random() % 2 ? STORE_ADD : STORE_REMOVE, MSG_FLAGGED);
	}
}

static void
kills_lose_nothing_acknowledged(void **state)
{
	struct buf all = BUF_INIT, got = BUF_INIT;
	struct mbox *m;
	char ack[17] = "";
	int p[2], acked = 0, written;

	(void)state;
	assert_int_equal(pipe(p), 0);
	fcntl(p[0], F_SETPIPE_SZ, 1 << 20);
	for (unsigned round = 0; round < 25; round++) {
		pid_t pid[3];

		for (unsigned i = 0; i < 3; i++) {
			pid[i] = fork();
			if (pid[i] == 0)
				work_until_killed(p[1], round * 3 + i);
		}
		/* A busy machine may not let them get so far. */
		do {
			usleep((useconds_t)(random() % 30000) + 3000);
			assert_int_equal(ioctl(p[0], FIONREAD, &written), 0);
		} while (written < (int)(round + 1) * 3 * 16);
		for (int i = 0; i < 3; i++)
			kill(pid[i], SIGKILL);
		for (int i = 0; i < 3; i++) {
			int status;

			waitpid(pid[i], &status, 0);
			assert_true(WIFSIGNALED(status));
		}
		if (round % 5 == 4)
			fixture_reopen(&f);
	}
	close(p[1]);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	for (uint32_t seq = 1; seq <= mbox_count(m); seq++) {
		struct str bytes;

		assert_int_equal(mbox_body(m, seq, &bytes), OK);
		buf_add_str(&all, bytes);
	}
	while (read(p[0], ack, 16) == 16) {
		acked++;
		buf_reset(&got);
		buf_printf(&got, "Subject: %s\r\n", ack);
		assert_non_null(memmem(all.p, all.n, got.p, got.n));
	}
	assert_true(acked > 50);
	mbox_close(m);
	close(p[0]);
	fixture_check_sums(&f, "user.joe");
	buf_free(&all);
	buf_free(&got);
}

/* More commits than any cut leaves: nothing in a replay may wait for itself. */
static void
many_commits_are_replayed(void **state)
{
	enum { N = 500 };
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);

	(void)state;
	assert_int_equal(store_checkpoint(f.s), OK);
	for (int i = 0; i < N; i++)
		fixture_append(m, f.s, "again");
	mbox_close(m);
	fixture_reopen(&f);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), N);
	fixture_expect_body(m, N, "again");
	mbox_close(m);
	fixture_check_sums(&f, "user.joe");
}

static void
store_keyword(struct mbox *m, uint32_t uid, const char *name)
{
	struct str names[1] = { str_c(name) };
	struct store_params_flags p = { .op = STORE_ADD, .keywords = { names, 1 } };

	fixture_store(m, uid, &p);
}

/* A replay must not say that names or \Seen are newer than they are. */
static void
changes_after_a_replay_are_news(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0), *a, *b;
	struct message msg;

	(void)state;
	fixture_append(m, f.s, "one");
	fixture_append(m, f.s, "two");
	store_keyword(m, 1, "first");
	mbox_close(m);
	a = fixture_mbox(&f, "user.joe", "ann", 0);
	store_flags(a, 1, STORE_ADD, MSG_SEEN);
	mbox_close(a);

	fixture_reopen(&f);
	a = fixture_mbox(&f, "user.joe", "ann", 0);
	b = fixture_mbox(&f, "user.joe", "ann", 0);
	store_flags(b, 2, STORE_ADD, MSG_SEEN);
	refresh(a, 0);
	assert_int_equal(mbox_message(a, 2, &msg), OK);
	assert_true(msg.flags & MSG_SEEN);
	mbox_close(a);
	mbox_close(b);

	fixture_reopen(&f);
	a = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_string_equal(mbox_keyword(a, 0), "first");
	store_keyword(a, 2, "second");
	refresh(a, 0);
	assert_string_equal(mbox_keyword(a, 1), "second");
	mbox_close(a);
}

static int
lowest_free_descriptor(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

static void
closing_leaves_no_descriptor(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	int before;

	(void)state;
	fixture_append(m, f.s, "one");
	mbox_close(m);
	fixture_reopen(&f);
	fixture_reopen(&f);		/* the first one had a log to replay */
	before = lowest_free_descriptor();
	fixture_reopen(&f);
	assert_int_equal(lowest_free_descriptor(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(appended_message_comes_back, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(sessions_see_each_other, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(own_change_does_not_hide_a_foreign_one, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(keywords_are_shared_and_survive, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(copy_and_move, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(spare_indexes, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(move_within_one_mailbox, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(other_users_have_their_own_seen, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(large_message_is_staged, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(reader_does_not_wait_for_a_writer, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(tombstones_are_dropped, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(delivery_goes_on_after_a_compaction, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(two_reclaim_at_once, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(reclaims_what_was_moved, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(power_cut_loses_nothing_acknowledged, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(many_commits_are_replayed, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(changes_after_a_replay_are_news, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(closing_leaves_no_descriptor, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(kills_lose_nothing_acknowledged, setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
