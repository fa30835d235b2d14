/* test_changes.c - what is told to a client that knows a mailbox as of some modseq */
#include "test/unit/store_fixture.h"

#include "imap/disk/index.h"
#include "imap/store/mbox/changes.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { MESSAGES = 60, STEPS = 250 };

/* What a client that was there all the time knows. */
struct model {
	uint64_t changed[MESSAGES * 4];		/* by UID: modseq of the last change */
	uint64_t expunged[MESSAGES * 4];	/* 0: exists */
	uint32_t last_uid;
	uint64_t modseq;
};
static struct model model;

static int
setup(void **state)
{
	memset(&model, 0, sizeof(model));
	return fixture_setup(state);
}

static void
refresh(struct mbox *m, unsigned flags, struct mbox_update *u)
{
	assert_int_equal(mbox_refresh(m, f.arena, flags, u), OK);
}

static void
append(struct mbox *m)
{
	uint32_t uid = fixture_append(m, f.s, "x");
	struct mbox_update u;

	assert_int_equal(uid, ++model.last_uid);
	refresh(m, 0, &u);
	assert_true(mbox_highestmodseq(m) > model.modseq);
	model.changed[uid] = model.modseq = mbox_highestmodseq(m);
}

static void
toggle(struct mbox *m, const uint32_t *uids, size_t n, uint32_t flags, enum store_op op)
{
	struct store_params_flags p = { .op = op, .flags = flags, .mask = MSG_SYSTEM_FLAGS };
	struct txn *t = txn_begin(m);
	uint64_t modseq;

	txn_store(t, uids, n, &p);
	assert_int_equal(txn_commit(t), OK);
	modseq = txn_result(t)->modseq;
	txn_abort(t);
	if (modseq == 0)
		return;
	assert_true(modseq > model.modseq);
	model.modseq = modseq;
	for (size_t i = 0; i < n; i++) {
		struct message msg;
		uint32_t seq = mbox_seq_from_uid(m, uids[i]);

		if (mbox_uid(m, seq) != uids[i])
			continue;
		assert_int_equal(mbox_message(m, seq, &msg), OK);
		if (msg.modseq == modseq)
			model.changed[uids[i]] = modseq;
	}
}

static void
expunge(struct mbox *m, const uint32_t *uids, size_t n)
{
	struct txn *t = txn_begin(m);
	struct mbox_update u;
	uint64_t modseq;

	txn_expunge(t, uids, n, true);
	assert_int_equal(txn_commit(t), OK);
	modseq = txn_result(t)->modseq;
	for (size_t i = 0; i < txn_result(t)->expunged_count; i++)
		model.expunged[txn_result(t)->expunged[i]] = modseq;
	if (modseq != 0) {
		assert_true(modseq > model.modseq);
		model.modseq = modseq;
	}
	refresh(m, 0, &u);
	assert_int_equal(u.expunged_count, txn_result(t)->expunged_count);
	for (size_t i = 0; i < u.expunged_count; i++) {
		assert_int_equal(u.expunged_uid[i], txn_result(t)->expunged[i]);
		assert_int_equal(u.expunged_modseq[i], modseq);
	}
	txn_abort(t);
}

/* What is not exact tells of too many UIDs, never of too few or of one that is there. */
static bool
expect_some(struct mbox *m, uint64_t since)
{
	const struct arena_mark start = arena_mark(f.arena);
	struct mbox_changes c;
	size_t at = 0, k = 0;

	assert_int_equal(mbox_changes_since(m, f.arena, since, NULL, &c), OK);
	for (size_t i = 1; i < c.expunged_count; i++)
		assert_true(c.expunged[i].first > c.expunged[i - 1].last + 1);
	for (uint32_t uid = 1; uid <= model.last_uid; uid++) {
		bool told = false;

		while (k < c.expunged_count && c.expunged[k].last < uid)
			k++;
		told = k < c.expunged_count && c.expunged[k].first <= uid;
		if (c.exact)
			assert_int_equal(told, model.expunged[uid] > since);
		else
			assert_int_equal(told, model.expunged[uid] > 0);
		if (model.expunged[uid] != 0 || model.changed[uid] <= since)
			continue;
		assert_true(at < c.changed_count);
		assert_int_equal(mbox_uid(m, c.changed[at++]), uid);
	}
	assert_int_equal(at, c.changed_count);
	arena_rewind(f.arena, start);
	return c.exact;
}

static void
expect(struct mbox *m, uint64_t since)
{
	assert_true(expect_some(m, since));
}

static void
some_uids(uint32_t *uids, size_t *n)
{
	uint32_t uid = 1 + (uint32_t)rand() % (model.last_uid + 1);

	*n = 0;
	for (size_t want = 1 + (size_t)rand() % 5; *n < want && uid <= model.last_uid;
	    uid += 1 + (uint32_t)rand() % 3)
		uids[(*n)++] = uid;
}

static void
live(struct mbox *m, int steps)
{
	for (int i = 0; i < steps; i++) {
		uint32_t uids[8];
		size_t n;

		some_uids(uids, &n);
		if (i < 10 || (rand() % 4 == 0 && model.last_uid < MESSAGES * 3))
			append(m);
		else if (rand() % 3 == 0)
			expunge(m, uids, n);
		else
			toggle(m, uids, n, MSG_FLAGGED, rand() % 2 ? STORE_ADD : STORE_REMOVE);
	}
}

static void
all_past_states_get_exact_answers(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct mbox *later;

	(void)state;
	srand(7);
	live(m, STEPS);
	for (uint64_t since = 0; since <= model.modseq; since++)
		expect(m, since);
	mbox_close(m);
	fixture_reopen(&f);
	later = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_highestmodseq(later), model.modseq);
	for (uint64_t since = 0; since <= model.modseq; since++)
		expect(later, since);
	mbox_close(later);
}

/* As if all tombstones had been dropped from the index: it may not be asked. */
static void
forget_tombstones(uint64_t modseq)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/user/joe/cyrus.index", f.spool);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &modseq, sizeof(modseq),
	    offsetof(struct index_header, reclaimed_modseq)), sizeof(modseq));
	close(fd);
}

static void
the_history_alone_knows_it(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);

	(void)state;
	srand(8);
	live(m, STEPS);
	forget_tombstones(model.modseq);
	for (uint64_t since = 0; since <= model.modseq; since++)
		expect(m, since);
	append(m);
	expect(m, 0);
	mbox_close(m);
	/* Replay finds all of it in the file. */
	fixture_reopen(&f);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	for (uint64_t since = 0; since <= model.modseq; since++)
		expect(m, since);
	mbox_close(m);
}

static void
open_history(char path[128], int *fd, struct stat *st)
{
	snprintf(path, 128, "%s/user/joe/cyrus.history", f.spool);
	*fd = open(path, O_RDWR);
	assert_true(*fd >= 0);
	assert_int_equal(fstat(*fd, st), 0);
}

static void
damage_never_gives_a_wrong_answer(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	unsigned inexact = 0, exact = 0;
	char path[128], byte, bad;
	struct stat st;
	int fd;

	(void)state;
	srand(9);
	live(m, STEPS / 2);
	open_history(path, &fd, &st);
	for (int dropped = 0; dropped < 2; dropped++) {
		for (off_t at = 0; at < st.st_size; at++) {
			assert_int_equal(pread(fd, &byte, 1, at), 1);
			bad = (char)(byte ^ 1 << rand() % 8);
			assert_int_equal(pwrite(fd, &bad, 1, at), 1);
			for (uint64_t since = 0; since < model.modseq; since += 17)
				if (expect_some(m, since))
					exact++;
				else
					inexact++;
			assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		}
		/* With all tombstones there, nothing is lost. */
		assert_true(dropped == (inexact > 0));
		assert_true(exact > 0);
		forget_tombstones(model.modseq);
	}
	close(fd);
	mbox_close(m);
}

static void
a_lost_or_old_history_is_made_up_for(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	char path[128], *bytes;
	struct stat st;
	uint64_t before;
	int fd;

	(void)state;
	srand(10);
	live(m, 50);
	open_history(path, &fd, &st);
	bytes = malloc((size_t)st.st_size);
	assert_int_equal(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
	close(fd);
	live(m, 50);
	assert_int_equal(unlink(path), 0);
	expect(m, 0);
	append(m);
	/* An old one: what is missing is in the index. */
	fd = open(path, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, bytes, (size_t)st.st_size), st.st_size);
	expect(m, 0);
	append(m);
	forget_tombstones(model.modseq);
	expect(m, 0);
	/* And one that nothing can make up for. */
	assert_int_equal(ftruncate(fd, st.st_size), 0);
	close(fd);
	assert_false(expect_some(m, 0));
	before = model.modseq;
	append(m);
	assert_false(expect_some(m, before - 1));
	expect(m, before);
	free(bytes);
	mbox_close(m);
}

static void
what_is_still_in_the_view_has_not_vanished(void **state)
{
	struct mbox *a = fixture_mbox(&f, "user.joe", "joe", 0), *b;
	uint32_t uids[] = { 2, 3 };
	struct mbox_changes c;
	struct mbox_update u;
	uint64_t before;

	(void)state;
	for (int i = 0; i < 5; i++)
		append(a);
	b = fixture_mbox(&f, "user.joe", "joe", 0);
	before = mbox_highestmodseq(b);
	expunge(a, uids, 2);
	refresh(b, MBOX_NO_EXPUNGES, &u);
	/* It may not say that it knows what it has not been told. */
	assert_int_equal(mbox_highestmodseq(b), before);
	assert_int_equal(mbox_changes_since(b, f.arena, 0, NULL, &c), OK);
	assert_int_equal(c.expunged_count, 0);
	assert_int_equal(c.changed_count, 3);
	refresh(b, 0, &u);
	assert_int_equal(u.expunged_count, 2);
	assert_int_equal(mbox_highestmodseq(b), model.modseq);
	assert_int_equal(mbox_changes_since(b, f.arena, before, NULL, &c), OK);
	assert_int_equal(c.expunged_count, 1);
	assert_int_equal(c.expunged[0].first, 2);
	assert_int_equal(c.expunged[0].last, 3);
	assert_int_equal(c.changed_count, 0);
	mbox_close(a);
	mbox_close(b);
}

static void
expunged_within_known_uids(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	uint32_t uids[] = { 2, 3, 4, 7, 9 };
	struct uidset within = UIDSET_INIT;
	struct mbox_changes c;

	(void)state;
	for (int i = 0; i < 10; i++)
		append(m);
	expunge(m, uids, 5);
	assert_true(uidset_parse(&within, str_c("1:2,4:5,7:8,10:20")));
	assert_int_equal(mbox_changes_since(m, f.arena, 0, &within, &c), OK);
	assert_int_equal(c.expunged_count, 3);
	assert_int_equal(c.expunged[0].last, 2);
	assert_int_equal(c.expunged[1].first, 4);
	assert_int_equal(c.expunged[1].last, 4);
	assert_int_equal(c.expunged[2].first, 7);
	uidset_free(&within);
	mbox_close(m);
}

static void
unchangedsince_is_checked_at_the_commit(void **state)
{
	struct mbox *a = fixture_mbox(&f, "user.joe", "joe", 0), *b;
	uint32_t uids[] = { 1, 2, 3 }, two = 2;
	struct store_params_flags p = { .op = STORE_ADD, .flags = MSG_FLAGGED,
	    .has_unchangedsince = true };
	struct txn *t;

	(void)state;
	for (int i = 0; i < 3; i++)
		append(a);
	b = fixture_mbox(&f, "user.joe", "joe", 0);
	p.unchangedsince = mbox_highestmodseq(b);
	t = txn_begin(b);
	txn_store(t, uids, 3, &p);
	toggle(a, &two, 1, MSG_ANSWERED, STORE_ADD);
	assert_int_equal(txn_commit(t), OK);
	assert_int_equal(txn_result(t)->modified_count, 1);
	assert_int_equal(txn_result(t)->modified[0], 2);
	assert_true(txn_result(t)->modseq > model.modseq);
	txn_abort(t);
	mbox_close(a);
	mbox_close(b);
}

/* RFC 7162 section 3.1: a modseq is of the message, whoever's \Seen it was. */
static void
somebody_elses_seen_has_a_modseq(void **state)
{
	struct mbox *a = fixture_mbox(&f, "user.joe", "joe", 0), *b;
	struct mbox_changes c;
	struct mbox_update u;
	uint64_t before;
	uint32_t two = 2;
	struct message msg;

	(void)state;
	for (int i = 0; i < 3; i++)
		append(a);
	before = mbox_highestmodseq(a);
	b = fixture_mbox(&f, "user.joe", "ann", 0);
	toggle(b, &two, 1, MSG_SEEN, STORE_ADD);
	refresh(a, 0, &u);
	assert_int_equal(mbox_changes_since(a, f.arena, before, NULL, &c), OK);
	assert_int_equal(c.changed_count, 1);
	assert_int_equal(c.changed[0], 2);
	assert_int_equal(mbox_message(a, 2, &msg), OK);
	assert_int_equal(msg.flags & MSG_SEEN, 0);
	assert_int_equal(msg.modseq, model.modseq);
	mbox_close(a);
	mbox_close(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_past_states_get_exact_answers, setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(the_history_alone_knows_it, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(damage_never_gives_a_wrong_answer, setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(a_lost_or_old_history_is_made_up_for, setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(what_is_still_in_the_view_has_not_vanished,
		    setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(expunged_within_known_uids, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(unchangedsince_is_checked_at_the_commit, setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(somebody_elses_seen_has_a_modseq, setup,
		    fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
