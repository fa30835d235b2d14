/* test_mbox_entry.c - an open mailbox whose entry in the list changes, or goes */
#include "test/unit/store_fixture.h"

#include "imap/store/check.h"
#include "imap/store/list/mbdb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int
setup(void **state)
{
	if (fixture_setup_empty(state) != 0)
		return -1;
	f.params.delete_delayed = true;
	fixture_reopen(&f);
	fixture_create(&f, "user.joe");
	fixture_create(&f, "user.joe.a");
	return 0;
}

/* Appends to M without looking whether it may. */
static enum err
append(struct mbox *m)
{
	struct append_params p = { .flags = 0 };
	struct blob *b = fixture_blob(f.s, "late");
	struct txn *t = txn_begin(m);
	enum err e;

	txn_append(t, b, &p);
	e = txn_commit(t);
	txn_abort(t);
	blob_free(b);
	return e;
}

static enum err
flag(struct mbox *m, uint32_t uid)
{
	static const struct store_params_flags flagged = { .op = STORE_ADD, .flags = MSG_FLAGGED };
	struct txn *t = txn_begin(m);
	enum err e;

	txn_store(t, &uid, 1, &flagged);
	e = txn_commit(t);
	txn_abort(t);
	return e;
}

static bool
kept(void *ctx, const struct mbentry *e)
{
	snprintf(ctx, 200, "%s", e->name);
	return true;
}

static void
follows_its_id(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe.a", "joe", 0);

	(void)state;
	assert_int_equal(mblist_rename(f.s, STR("user.joe.a"), STR("user.joe.b"), NULL), OK);
	fixture_create(&f, "user.joe.a");
	assert_string_equal(mbox_entry(m)->name, "user.joe.a");
	assert_true(mbox_lookup(m));
	assert_string_equal(mbox_entry(m)->name, "user.joe.b");
	assert_int_equal(append(m), OK);
	assert_int_equal(mblist_set_acl(f.s, STR("user.joe.b"), STR("jim\tlr\t")), OK);
	assert_true(mbox_lookup(m));
	assert_string_equal(mbox_entry(m)->acl, "jim\tlr\t");
	mbox_close(m);
	m = fixture_mbox(&f, "user.joe.a", "joe", 0);
	assert_int_equal(mbox_count(m), 0);
	mbox_close(m);
}

/* Nobody hears OK for what nobody would find. */
static void
takes_nothing_once_deleted(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe.a", "joe", 0);
	struct mbox *target = fixture_mbox(&f, "user.joe.a", "joe", MBOX_PEEK);
	uint32_t uid = fixture_append(m, f.s, "one");
	struct arena *arena = arena_new(100000);
	struct mbox_update u;
	char name[200] = "";

	(void)state;
	assert_int_equal(mblist_delete(f.s, STR("user.joe.a"), false), OK);
	assert_int_equal(append(target), ERR_STALE);
	assert_int_equal(flag(m, uid), ERR_STALE);
	assert_false(mbox_lookup(m));
	assert_int_equal(mbox_refresh(m, arena, 0, &u), OK);
	assert_true(u.deleted);
	mbox_close(target);
	mbox_close(m);

	/* Who opens what is kept may work in it, and sees that nothing came. */
	assert_int_equal(mblist_walk(f.s, STR("DELETED"), kept, name), OK);
	m = fixture_mbox(&f, name, "cyrus", 0);
	assert_int_equal(mbox_count(m), 1);
	assert_true(mbox_lookup(m));
	assert_int_equal(flag(m, uid), OK);
	assert_int_equal(mblist_delete(f.s, str_c(name), false), OK);
	assert_false(mbox_lookup(m));
	mbox_close(m);
	arena_free(arena);
}

/* Renamed back before anybody has noticed. */
static void
lives_again(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe.a", "joe", 0);
	char name[200] = "";

	(void)state;
	assert_int_equal(mblist_delete(f.s, STR("user.joe.a"), false), OK);
	assert_int_equal(mblist_walk(f.s, STR("DELETED"), kept, name), OK);
	assert_false(mbox_lookup(m));
	assert_int_equal(mblist_rename(f.s, str_c(name), STR("user.joe.c"), NULL), OK);
	assert_true(mbox_lookup(m));
	assert_int_equal(append(m), OK);
	mbox_close(m);
}

/* Mail that was on its way meanwhile, and who looked the name up just before. */
static void
mail_goes_where_it_was_moved(void **state)
{
	struct arena *arena = arena_new(100000);
	struct mbox *m = fixture_mbox(&f, "user.joe.a", "joe", 0);
	struct mbox *target = fixture_mbox(&f, "user.joe.a", "joe", MBOX_PEEK), *late;
	struct mbentry *e;
	struct mbox_update u;

	(void)state;
	fixture_append(m, f.s, "one");
	assert_int_equal(mblist_lookup(f.s, arena, STR("user.joe.a"), &e), OK);
	assert_int_equal(mblist_rename(f.s, STR("user.joe.a"), STR("user.joe.a"), "second"), OK);
	assert_int_equal(append(target), OK);
	assert_string_equal(mbox_entry(target)->partition, "second");
	assert_int_equal(mbox_open(f.s, e, "joe", 0, &late), OK);
	assert_int_equal(mbox_count(late), 2);
	assert_int_equal(append(late), OK);
	mbox_close(late);

	/* Who shows its messages to somebody has the old files. */
	assert_int_equal(append(m), ERR_STALE);
	assert_int_equal(mbox_refresh(m, arena, 0, &u), OK);
	assert_true(u.deleted);
	assert_true(mbox_lookup(m));
	mbox_close(m);

	/* And once more, with another name, and the target as it is. */
	assert_int_equal(mblist_rename(f.s, STR("user.joe.a"), STR("user.joe.b"), NULL), OK);
	assert_int_equal(mblist_rename(f.s, STR("user.joe.b"), STR("user.joe.b"), "default"), OK);
	assert_int_equal(append(target), OK);
	mbox_close(target);
	m = fixture_mbox(&f, "user.joe.b", "joe", 0);
	assert_int_equal(mbox_count(m), 4);
	mbox_close(m);
	arena_free(arena);
}

/* Who moved it was killed before he could say so in the old files. */
static void
takes_nothing_where_it_is_no_more(void **state)
{
	struct arena *arena = arena_new(100000);
	struct mbox *m = fixture_mbox(&f, "user.joe.a", "joe", 0);
	struct mbentry *e, now;
	struct mbox_update u;
	struct kv_txn *txn;

	(void)state;
	assert_int_equal(mblist_lookup(f.s, arena, STR("user.joe.a"), &e), OK);
	now = *e;
	now.partition = "second";
	assert_int_equal(mbdb_begin(f.s, &txn), OK);
	assert_int_equal(mbdb_remove(txn, e), OK);
	assert_int_equal(mbdb_put(txn, &now), OK);
	assert_int_equal(mbdb_end(f.s, txn, OK), OK);
	assert_int_equal(append(m), ERR_STALE);
	assert_int_equal(mbox_refresh(m, arena, 0, &u), OK);
	assert_true(u.deleted);
	mbox_close(m);
	arena_free(arena);
}

/*
 * reconstruct has given the mailbox a new UIDVALIDITY while mail waited for its
 * lock: that is for the mailbox still, but what is said of messages is not.
 */
static void
mail_does_not_mind_a_new_uidvalidity(void **state)
{
	const struct check_params renew = { .renew = true };
	struct mbox *m = fixture_mbox(&f, "user.joe.a", "joe", 0);
	struct mbox *target = fixture_mbox(&f, "user.joe.a", "joe", MBOX_PEEK);
	struct mbox *purger = fixture_mbox(&f, "user.joe.a", "joe", MBOX_PEEK);
	uint32_t uid = fixture_append(m, f.s, "one"), was = mbox_uidvalidity(m);
	struct check_result r;
	struct mbentry *e;
	struct mbox *now;

	(void)state;
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe.a"), &e), OK);
	assert_int_equal(check_mailbox(f.s, e, &renew, &r), OK);
	assert_int_equal(append(target), OK);
	assert_int_equal(flag(purger, uid), ERR_STALE);
	assert_int_equal(flag(m, uid), ERR_STALE);
	mbox_close(target);
	mbox_close(purger);
	mbox_close(m);
	now = fixture_mbox(&f, "user.joe.a", "joe", 0);
	assert_int_equal(mbox_count(now), 2);
	assert_true(mbox_uidvalidity(now) > was);
	mbox_close(now);
}

/* Mail for it waits until somebody has put that right. */
static void
partition_is_not_configured(void **state)
{
	struct mbentry *e;
	struct mbox *m;

	(void)state;
	assert_int_equal(mblist_rename(f.s, STR("user.joe.a"), STR("user.joe.a"), "second"), OK);
	f.params.partition_count = 1;
	fixture_reopen(&f);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe.a"), &e), OK);
	assert_int_equal(mbox_open(f.s, e, "joe", MBOX_PEEK, &m), ERR_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(follows_its_id, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(takes_nothing_once_deleted, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(lives_again, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(mail_goes_where_it_was_moved, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(takes_nothing_where_it_is_no_more, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(mail_does_not_mind_a_new_uidvalidity, setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(partition_is_not_configured, setup, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
