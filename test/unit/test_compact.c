/* test_compact.c - an index that is written anew while sessions have it open */
#include "test/unit/store_fixture.h"

#include "imap/disk/index.h"
#include "imap/store/mbox/changes.h"
#include "imap/store/upkeep/reclaim.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 400, KNOWN = 8000, ROUNDS = 10 };

static struct index_header
header(void)
{
	struct index_header h;
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/user/joe", f.spool);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	assert_int_equal(index_header_read(fd, &h), OK);
	close(fd);
	return h;
}

static uint32_t
records(void)
{
	return header().records;
}

/* COUNT messages in one commit; each has its UID as its text. */
static void
append_many(struct mbox *m, uint32_t count)
{
	struct blob *b[MANY];
	struct append_params p = { .flags = 0 };
	uint32_t next = header().last_uid + 1;
	struct txn *t = txn_begin(m);

	assert_true(count <= MANY);
	for (uint32_t i = 0; i < count; i++) {
		char text[32];

		snprintf(text, sizeof(text), "number %u", next + i);
		b[i] = fixture_blob(f.s, text);
		txn_append(t, b[i], &p);
	}
	assert_int_equal(txn_commit(t), OK);
	assert_int_equal(txn_result(t)->new_uids[0], next);
	txn_abort(t);
	for (uint32_t i = 0; i < count; i++)
		blob_free(b[i]);
}

static void
expunge(struct mbox *m, const uint32_t *uids, size_t n)
{
	struct txn *t = txn_begin(m);

	txn_expunge(t, uids, n, true);
	assert_int_equal(txn_commit(t), OK);
	txn_abort(t);
}

static void
forget_look(const char *dir)
{
	struct index *ix;
	int fd = open(dir, O_RDONLY | O_DIRECTORY);

	assert_int_equal(index_open(fd, "user.joe", &ix), OK);
	assert_int_equal(index_lock(ix), OK);
	index_write_begin(ix);
	ix->h->looked = 0;
	index_write_end(ix);
	index_close(ix);
}

static void
compact(void)
{
	struct arena *a = arena_new(100000);
	struct mbentry *e;
	uint32_t n;

	assert_int_equal(mblist_lookup(f.s, a, STR("user.joe"), &e), OK);
	assert_int_equal(store_checkpoint(f.s), OK);
	assert_int_equal(reclaim_mailbox(f.s, e, time(NULL), &n), OK);
	arena_free(a);
}

/* A client: what its session has told it. */
struct client {
	struct mbox *m;
	uint32_t uid[KNOWN];
	uint32_t n;
};

static void
client_open(struct client *c)
{
	c->m = fixture_mbox(&f, "user.joe", "joe", 0);
	c->n = mbox_count(c->m);
	for (uint32_t i = 0; i < c->n; i++)
		c->uid[i] = mbox_uid(c->m, i + 1);
}

static void
client_refresh(struct client *c, unsigned flags)
{
	struct arena *a = arena_new(1 << 20);
	struct mbox_update u;

	assert_int_equal(mbox_refresh(c->m, a, flags, &u), OK);
	assert_true(u.expunged_count == 0 || flags == 0);
	for (size_t i = 0; i < u.expunged_count; i++) {
		uint32_t at = u.expunged[i];

		assert_in_range(at, 1, c->n);
		assert_int_equal(c->uid[at - 1], u.expunged_uid[i]);
		memmove(&c->uid[at - 1], &c->uid[at], (c->n - at) * sizeof(c->uid[0]));
		c->n--;
	}
	for (; c->n < mbox_count(c->m); c->n++) {
		assert_true(u.exists_changed);
		assert_true(c->n < KNOWN);
		c->uid[c->n] = mbox_uid(c->m, c->n + 1);
		assert_true(c->n == 0 || c->uid[c->n] > c->uid[c->n - 1]);
	}
	arena_free(a);
}

/* The view is what the client was told; what exists can be read. */
static void
client_check(struct client *c)
{
	assert_int_equal(mbox_count(c->m), c->n);
	for (uint32_t seq = 1; seq <= c->n; seq++) {
		struct message msg;
		struct str item;
		char text[32];

		assert_int_equal(mbox_uid(c->m, seq), c->uid[seq - 1]);
		assert_int_equal(mbox_seq_from_uid(c->m, c->uid[seq - 1]), seq);
		assert_int_equal(mbox_message(c->m, seq, &msg), OK);
		assert_int_equal(msg.uid, c->uid[seq - 1]);
		if (msg.expunged || seq % 16 != 0)
			continue;
		snprintf(text, sizeof(text), "number %u", msg.uid);
		fixture_expect_body(c->m, seq, text);
		assert_int_equal(mbox_cache(c->m, seq, CACHE_ENVELOPE, &item), OK);
		assert_non_null(memmem(item.p, item.n, text, strlen(text)));
	}
}

static size_t
every(uint32_t step, uint32_t *uids)
{
	size_t n = 0;

	for (uint32_t uid = 1; uid <= MANY; uid++)
		if (uid % step != 1)
			uids[n++] = uid;
	return n;
}

static void
sessions_keep_their_view(void **state)
{
	static struct client a, b, lazy;
	uint32_t uids[MANY];
	struct mbox_changes c;
	size_t n = every(4, uids);
	uint64_t before;

	(void)state;
	client_open(&a);
	append_many(a.m, MANY);
	client_refresh(&a, 0);
	client_open(&b);
	client_open(&lazy);
	before = mbox_highestmodseq(b.m);
	expunge(a.m, uids, n);
	client_refresh(&b, MBOX_NO_EXPUNGES);
	compact();
	assert_int_equal(records(), MANY - n);
	/* One goes over with expunges, one without, one not yet. */
	client_refresh(&a, 0);
	assert_int_equal(a.n, MANY - n);
	client_refresh(&b, MBOX_NO_EXPUNGES);
	assert_int_equal(b.n, MANY);
	assert_int_equal(mbox_highestmodseq(b.m), before);
	client_check(&a);
	client_check(&b);
	client_check(&lazy);
	append_many(a.m, 250);
	client_refresh(&b, MBOX_NO_EXPUNGES);
	assert_int_equal(b.n, MANY + 250);
	client_check(&b);
	/* Again, so B has messages that are in no file for the second time. */
	for (size_t i = 0; i < 240; i++)
		uids[i] = MANY + 1 + (uint32_t)i;
	client_refresh(&a, 0);
	expunge(a.m, uids, 240);
	compact();
	assert_int_equal(records(), MANY - n + 10);
	client_refresh(&b, MBOX_NO_EXPUNGES);
	client_check(&b);
	client_refresh(&b, 0);
	assert_int_equal(b.n, MANY - n + 10);
	assert_int_equal(mbox_changes_since(b.m, f.arena, before, NULL, &c), OK);
	assert_true(c.exact);
	assert_int_equal(c.changed_count, 10);
	client_refresh(&lazy, 0);
	assert_int_equal(lazy.n, MANY - n + 10);
	client_check(&lazy);
	mbox_close(a.m);
	mbox_close(b.m);
	mbox_close(lazy.m);
	fixture_check_sums(&f, "user.joe");
}

/* Who has not noticed yet can write, deliver, ask for STATUS. */
static void
a_session_writes_without_a_refresh(void **state)
{
	static struct client a, b;
	struct mbox *lmtp = fixture_mbox(&f, "user.joe", "joe", MBOX_PEEK);
	uint32_t uids[MANY];
	struct mbox_status st;
	size_t n = every(2, uids);

	(void)state;
	client_open(&a);
	append_many(a.m, MANY);
	client_refresh(&a, 0);
	client_open(&b);
	expunge(a.m, uids, n);
	compact();
	assert_int_equal(mbox_status(b.m, &st), OK);
	assert_int_equal(st.exists, MANY - n);
	assert_int_equal(fixture_append(lmtp, f.s, "number 401"), MANY + 1);
	/* One that is there and one that is gone. */
	expunge(b.m, (uint32_t[]){ 1, 2 }, 2);
	client_check(&b);
	client_refresh(&b, 0);
	assert_int_equal(b.n, MANY - n);
	client_check(&b);
	mbox_close(lmtp);
	mbox_close(a.m);
	mbox_close(b.m);
	fixture_reopen(&f);
	client_open(&a);
	assert_int_equal(a.n, MANY - n);
	client_check(&a);
	mbox_close(a.m);
}

/* What clients that were away must hear, as of any time, after everything is gone. */
static void
expunges_are_known_for_ever(void **state)
{
	static uint64_t expunged[KNOWN];
	static struct client a;
	struct mbox_changes c;
	uint64_t last;

	(void)state;
	client_open(&a);
	for (int round = 0; round < 3; round++) {
		append_many(a.m, MANY);
		client_refresh(&a, 0);
		for (int i = 0; i < 60; i++) {
			uint32_t uids[6], at = (uint32_t)rand() % (a.n - 6);

			memcpy(uids, &a.uid[at], sizeof(uids));
			expunge(a.m, uids, 6);
			client_refresh(&a, 0);
			for (int k = 0; k < 6; k++)
				expunged[uids[k]] = mbox_highestmodseq(a.m);
		}
		compact();
		mbox_close(a.m);
		fixture_reopen(&f);
		client_open(&a);
	}
	assert_int_equal(records(), a.n);
	last = mbox_highestmodseq(a.m);
	for (uint64_t since = 0; since <= last; since += 11) {
		const struct arena_mark start = arena_mark(f.arena);
		size_t k = 0;

		assert_int_equal(mbox_changes_since(a.m, f.arena, since, NULL, &c), OK);
		assert_true(c.exact);
		for (uint32_t uid = 1; uid <= 3 * MANY; uid++) {
			while (k < c.expunged_count && c.expunged[k].last < uid)
				k++;
			assert_int_equal(k < c.expunged_count && c.expunged[k].first <= uid,
			    expunged[uid] > since);
		}
		arena_rewind(f.arena, start);
	}
	mbox_close(a.m);
}

/* What was expunged since the last checkpoint may be in a log that is replayed. */
static void
nothing_that_a_replay_may_meet_is_left_out(void **state)
{
	static struct client a;
	struct arena *arena = arena_new(100000);
	struct mbentry *e;
	uint32_t uids[MANY], n;

	(void)state;
	client_open(&a);
	append_many(a.m, MANY);
	assert_int_equal(store_checkpoint(f.s), OK);
	expunge(a.m, uids, every(2, uids));
	assert_int_equal(mblist_lookup(f.s, arena, STR("user.joe"), &e), OK);
	assert_int_equal(reclaim_mailbox(f.s, e, time(NULL), &n), OK);
	assert_int_equal(n, 0);
	assert_int_equal(records(), MANY);
	mbox_close(a.m);
	arena_free(arena);
	fixture_reopen(&f);
	compact();
	assert_int_equal(records(), MANY / 2);
}

/* Killed after the rename, before the old file says so; and not even that it began. */
static void
a_successor_that_was_not_announced(void **state)
{
	static struct client a, b;
	struct mbox *writer;
	char path[300];
	struct index *ix;
	int fd;

	(void)state;
	client_open(&a);
	append_many(a.m, 20);
	client_refresh(&a, 0);
	client_open(&b);
	snprintf(path, sizeof(path), "%s/user/joe", f.spool);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(index_open(fd, "user.joe", &ix), OK);
	snprintf(path, sizeof(path), "cd %s/user/joe && cp cyrus.index x && mv x cyrus.index",
	    f.spool);
	ix->h->seq++;
	assert_int_equal(system(path), 0);
	index_close(ix);
	/* The copy has the odd number, too: whoever locks it mends it. */
	writer = fixture_mbox(&f, "user.joe", "joe", MBOX_PEEK);
	append_many(writer, 1);
	expunge(writer, (uint32_t[]){ 3 }, 1);
	client_check(&b);
	client_refresh(&a, MBOX_NO_EXPUNGES);
	assert_int_equal(a.n, 21);
	client_check(&a);
	client_refresh(&b, 0);
	assert_int_equal(b.n, 20);
	client_check(&b);
	mbox_close(writer);
	mbox_close(a.m);
	mbox_close(b.m);
}

/* No cyr_expire, a session that never leaves: the files stay small. */
static void
workers_keep_a_mailbox_small(void **state)
{
	static struct client a, weeks;
	char path[200];
	struct stat st;

	(void)state;
	fixture_close(&f);
	fixture_open(&f);
	f.params.expunge_delayed = false;
	f.params.expunge_grace = 0;
	fixture_reopen(&f);
	fixture_create(&f, "user.joe");
	client_open(&a);
	client_open(&weeks);
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t uids[MANY];

		append_many(a.m, MANY);
		client_refresh(&a, 0);
		assert_int_equal(a.n, MANY);
		memcpy(uids, a.uid, sizeof(uids));
		expunge(a.m, uids, MANY);
		client_refresh(&a, 0);
		assert_int_equal(store_checkpoint(f.s), OK);
		/* As if the minute between two looks were over. */
		snprintf(path, sizeof(path), "%s/user/joe", f.spool);
		forget_look(path);
		append_many(a.m, 1);
		client_refresh(&a, 0);
		uids[0] = a.uid[0];
		expunge(a.m, uids, 1);
		client_refresh(&a, 0);
		store_maintain(f.s);
		assert_true(records() < MANY);
		if (round % 3 == 0)
			client_refresh(&weeks, 0);
		client_check(&weeks);
	}
	snprintf(path, sizeof(path), "%s/user/joe/cyrus.index", f.spool);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < 2 * MANY * INDEX_RECORD_SIZE);
	snprintf(path, sizeof(path), "%s/user/joe/cyrus.cache", f.spool);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < MANY * 2048);
	client_refresh(&weeks, 0);
	assert_int_equal(weeks.n, 0);
	mbox_close(a.m);
	mbox_close(weeks.m);
}

/* Another process writes, expunges and compacts; here a session follows it. */
static void
a_reader_beside_a_compacting_writer(void **state)
{
	static struct client a, b, writer;
	int status;
	pid_t pid;

	(void)state;
	client_open(&a);
	client_open(&b);
	pid = fork();
	if (pid == 0) {
		assert_int_equal(store_open(&f.params, &f.s), OK);
		client_open(&writer);
		for (int round = 0; round < ROUNDS; round++) {
			append_many(writer.m, 300);
			client_refresh(&writer, 0);
			expunge(writer.m, writer.uid + round, 260);
			compact();
			client_refresh(&writer, 0);
		}
		_exit(writer.n == ROUNDS * 40 ? 0 : 1);
	}
	for (int i = 0; waitpid(pid, &status, WNOHANG) == 0; i++) {
		client_refresh(&a, i % 4 != 0 ? 0 : MBOX_NO_EXPUNGES);
		client_refresh(&b, i % 64 != 0 ? MBOX_NO_EXPUNGES : 0);
		(void)poll(NULL, 0, 1);
	}
	assert_int_equal(status, 0);
	client_refresh(&a, 0);
	client_refresh(&b, 0);
	assert_int_equal(a.n, ROUNDS * 40);
	assert_int_equal(b.n, ROUNDS * 40);
	client_check(&a);
	client_check(&b);
	mbox_close(a.m);
	mbox_close(b.m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sessions_keep_their_view, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_session_writes_without_a_refresh, fixture_setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(expunges_are_known_for_ever, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(nothing_that_a_replay_may_meet_is_left_out, fixture_setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(a_successor_that_was_not_announced, fixture_setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(workers_keep_a_mailbox_small, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_reader_beside_a_compacting_writer, fixture_setup,
		    fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
