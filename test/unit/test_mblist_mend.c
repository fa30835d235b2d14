/* test_mblist_mend.c - the list of mailboxes and its folders: rebuilding, leftovers, damage */
#include "test/unit/list_fixture.h"

#include "imap/disk/index.h"
#include "imap/store/check.h"
#include "imap/store/list/mbdb.h"
#include "imap/store/list/mbdir.h"
#include "imap/store/list/quota.h"
#include "lib/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMITS(kb, count)	(&(struct quota_limits){ (kb), (count), -1, -1 })
#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, fixture_setup_empty, fixture_teardown)

static void
rebuilt_from_the_spool(void **state)
{
	char command[600];
	struct mbentry *e;
	struct quota q;

	(void)state;
	fixture_create(&f, "user.joe");
	fixture_create(&f, "user.joe.work");
	fixture_create(&f, "board.news");
	assert_int_equal(quota_set(f.s, STR("user.joe"), LIMITS(1000, QUOTA_UNLIMITED)), OK);
	assert_int_equal(mblist_change_acl(f.s, STR("board.news"), STR("joe"), '=', ACL_ALL), OK);
	assert_int_equal(mblist_rename(f.s, STR("user.joe.work"), STR("user.joe.play"), NULL), OK);
	/* A second one of a name, and a second one of an id. */
	fixture_create(&f, "user.jim");
	snprintf(command, sizeof(command), "cd %s && cp -r user/joe/play user/joe/copy && "
	    "cp user/joe/cyrus.header user/jim/cyrus.header && "
	    "sed -i '/^crc/d' user/jim/cyrus.header && rm -rf %s/db", f.spool, f.config);
	assert_int_equal(system(command), 0);
	store_close(f.s);
	/* jim's header is damaged: his place and his index say who he is. */
	assert_int_equal(store_open(&f.params, &f.s), OK);
	list_expect("board.news user.jim user.joe user.joe.play ");
	assert_string_equal(list_lookup("user.jim")->acl, "jim\tlrswipkxtean\t");
	e = list_lookup("user.joe.play");
	assert_string_equal(e->quotaroot, "user.joe");
	assert_string_equal(e->dir, "user/joe/play");
	assert_int_equal(quota_get(f.s, f.arena, STR("user.joe"), &q), OK);
	assert_int_equal(q.limit.kb, 1000);
	assert_string_equal(list_lookup("board.news")->acl, "anyone\tlrs\tjoe\tlrswipkxtean\t");
}

static void
two_of_one_name_are_both_kept(void **state)
{
	struct mailbox_header h;
	struct list_survey v = { .names = BUF_INIT };
	char command[400];
	int fd;

	(void)state;
	fixture_create(&f, "a");
	fixture_create(&f, "b");
	assert_int_equal(mblist_open_dir(f.s, list_lookup("b"), &fd), OK);
	assert_int_equal(header_read(fd, f.arena, &h), OK);
	h.name = "a";
	assert_int_equal(header_write(fd, &h, true), OK);
	close(fd);
	store_close(f.s);
	snprintf(command, sizeof(command), "rm -rf %s/db", f.config);
	assert_int_equal(system(command), 0);
	assert_int_equal(store_open(&f.params, &f.s), OK);
	list_expect_dir("a", "a");
	assert_int_equal(mblist_walk(f.s, STR("a-recovered-"), list_survey_one, &v), OK);
	assert_int_equal(v.mailboxes, 1);
	buf_free(&v.names);
}

static void
leftovers_do_no_harm(void **state)
{
	char command[600];

	(void)state;
	/* What somebody else has put there is not touched. */
	snprintf(command, sizeof(command), "mkdir -p %s/a && echo x > %s/a/notes", f.spool,
	    f.spool);
	assert_int_equal(system(command), 0);
	fixture_create(&f, "a");
	list_expect_dir("a", "a%~2");
	assert_true(list_exists(f.spool, "a/notes"));
	/* What a killed creation has left is cleared away. */
	fixture_create(&f, "b");
	snprintf(command, sizeof(command), "cd %s && cp -r b save", f.spool);
	assert_int_equal(system(command), 0);
	assert_int_equal(mblist_delete(f.s, STR("b"), true), OK);
	snprintf(command, sizeof(command), "cd %s && mv save b", f.spool);
	assert_int_equal(system(command), 0);
	fixture_create(&f, "b");
	list_expect_dir("b", "b");
	list_expect("a b ");
}

/* A kill between rename(2) and the entries' correction. */
static void
moved_directory_is_found(void **state)
{
	struct buf value = BUF_INIT;
	struct mbmove m = { .partition = "default", .from = "a", .to = "z" };
	struct kv_txn *txn;
	char command[400];
	int fd;

	(void)state;
	fixture_create(&f, "a");
	fixture_create(&f, "a.b");
	m.id = list_lookup("a")->id;
	mbmove_encode(&value, &m);
	assert_int_equal(mbdb_begin(f.s, &txn), OK);
	assert_int_equal(mbdb_end(f.s, txn, kv_put(txn, STR("M"), buf_str(&value))), OK);
	snprintf(command, sizeof(command), "mv %s/a %s/z", f.spool, f.spool);
	assert_int_equal(system(command), 0);
	assert_int_equal(mblist_open_dir(f.s, list_lookup("a.b"), &fd), OK);
	close(fd);
	/* The next change of names finishes it. */
	fixture_create(&f, "c");
	list_expect("a a.b c ");
	assert_int_equal(kv_get(f.s->mailboxes, STR("M"), NULL), ERR_NOTFOUND);
	list_expect_dir("a.b", "a/b");
	buf_free(&value);
}

static void
missing_directory_is_said(void **state)
{
	char command[400];
	int fd;

	(void)state;
	fixture_create(&f, "a");
	snprintf(command, sizeof(command), "rm -rf %s/a", f.spool);
	assert_int_equal(system(command), 0);
	assert_int_equal(mblist_open_dir(f.s, list_lookup("a"), &fd), ERR_CORRUPT);
	assert_int_equal(mblist_delete(f.s, STR("a"), true), OK);
	list_expect("");
}

/*
 * The list was lost and whoever began to build it anew has died: nobody hears
 * that a mailbox does not exist, and the next worker with time builds it.
 */
static void
builder_of_the_list_dies(void **state)
{
	char dir[300], command[400];
	struct mbentry *e;
	struct kv *kv;

	(void)state;
	fixture_create(&f, "user.joe");
	snprintf(dir, sizeof(dir), "%s/db", f.config);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(kv_open(dir, "mailboxes.db", KV_CREATE | KV_DURABLE, &kv), OK);
	kv_close(kv);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &e), ERR_BUSY);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.jim"), &e), ERR_BUSY);
	store_maintain(f.s);
	assert_true(list_has("user.joe"));
	assert_false(list_has("user.jim"));
	assert_int_equal(mblist_rename(f.s, STR("user.joe"), STR("user.jim"), NULL), OK);
	list_expect("user.jim ");
}

/* A tool that walks the list meets names that have been deleted since. */
static void
repair_does_not_bring_back(void **state)
{
	const struct check_params p = { .dry_run = false };
	struct check_result r;
	struct mbentry *e;

	(void)state;
	fixture_create(&f, "a");
	fixture_create(&f, "b");
	e = list_lookup("a");
	assert_int_equal(mblist_delete(f.s, STR("a"), true), OK);
	assert_int_equal(check_mailbox(f.s, e, &p, &r), ERR_STALE);
	assert_false(list_exists(f.spool, "a"));
	e = list_lookup("b");
	assert_int_equal(mblist_rename(f.s, STR("b"), STR("c"), NULL), OK);
	assert_int_equal(check_mailbox(f.s, e, &p, &r), ERR_STALE);
	assert_false(list_exists(f.spool, "b"));
	assert_int_equal(check_mailbox(f.s, list_lookup("c"), &p, &r), OK);
	list_expect("c ");
}

/* ... and such as have other rights by now. */
static void
repair_does_not_bring_rights_back(void **state)
{
	const struct check_params p = { .dry_run = false };
	struct check_result r;
	struct mbentry *e;

	(void)state;
	fixture_create(&f, "a");
	assert_int_equal(mblist_set_acl(f.s, STR("a"), STR("joe\tlr\t")), OK);
	e = list_lookup("a");
	assert_int_equal(mblist_set_acl(f.s, STR("a"), STR("ann\tlr\t")), OK);
	assert_int_equal(check_mailbox(f.s, e, &p, &r), OK);
	list_expect("a ");		/* and the header is what the list says */
}

/* Writes into mailboxes.db what nobody of us would; a NULL value deletes. */
static void
damage_list(const char *key, const char *value)
{
	struct kv_txn *txn;

	assert_int_equal(mbdb_begin(f.s, &txn), OK);
	if (value != NULL)
		assert_int_equal(kv_put(txn, str_c(key), str_c(value)), OK);
	else
		assert_int_equal(kv_del(txn, str_c(key)), OK);
	assert_int_equal(kv_commit(txn), OK);
}

/* A value that nobody has written: nobody hears that there is no such mailbox. */
static void
damaged_entry_builds_the_list_anew(void **state)
{
	struct list_survey v = { .names = BUF_INIT };
	struct mbentry *e;

	(void)state;
	fixture_create(&f, "user.joe");
	fixture_create(&f, "user.ann");
	damage_list("Nuser\1joe", "");
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &e), ERR_BUSY);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.ann"), &e), ERR_BUSY);
	mblist_maintain(f.s);
	list_expect("user.ann user.joe ");
	damage_list("Nuser\1joe", "\1too short");
	assert_int_equal(mblist_walk(f.s, STR(""), list_survey_one, &v), ERR_BUSY);
	buf_free(&v.names);
	fixture_reopen(&f);
	list_expect("user.ann user.joe ");
}

/* A note says that a copy was being made; who is to decide cannot read the entry. */
static void
what_cannot_be_looked_up_is_not_removed(void **state)
{
	struct mbentry *e;
	struct kv_txn *txn;
	struct mbox *m;

	(void)state;
	fixture_create(&f, "user.joe");
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	fixture_append(m, f.s, "one");
	mbox_close(m);
	e = list_lookup("user.joe");
	assert_int_equal(mbdb_begin(f.s, &txn), OK);
	assert_int_equal(mbpending_add(txn, PENDING_COPY, &e->id, e->partition, e->dir), OK);
	assert_int_equal(kv_commit(txn), OK);
	damage_list("Nuser\1joe", "\2 of a later version");
	fixture_create(&f, "user.ann");
	assert_true(list_exists(f.spool, "user/joe/1."));
	assert_true(list_exists(f.spool, "user/joe/cyrus.header"));

	/* Readable again: it lies there, so the note is wrong. */
	assert_int_equal(mbdb_begin(f.s, &txn), OK);
	assert_int_equal(mbdb_put(txn, e), OK);
	assert_int_equal(kv_commit(txn), OK);
	fixture_create(&f, "user.eve");
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	fixture_expect_body(m, 1, "one");
	mbox_close(m);
}

/* Parts of an entry are gone; each part alone is sound. */
static void
reconstruct_mends_half_an_entry(void **state)
{
	bool was_damaged;
	struct buf key = BUF_INIT;

	(void)state;
	fixture_create(&f, "user.joe");
	fixture_create(&f, "user.ann");
	assert_int_equal(mblist_mend(f.s, &was_damaged), OK);
	assert_false(was_damaged);
	mbdb_id_key(&key, MBDB_ID, &list_lookup("user.joe")->id);
	struct kv_txn *txn;
	assert_int_equal(mbdb_begin(f.s, &txn), OK);
	assert_int_equal(kv_del(txn, buf_str(&key)), OK);
	assert_int_equal(kv_commit(txn), OK);
	buf_free(&key);
	assert_int_equal(mblist_mend(f.s, &was_damaged), OK);
	assert_true(was_damaged);
	list_expect("user.ann user.joe ");
	damage_list("Nuser\1ann", NULL);
	assert_int_equal(mblist_mend(f.s, &was_damaged), OK);
	assert_true(was_damaged);
	list_expect("user.ann user.joe ");
	assert_int_equal(mblist_mend(f.s, &was_damaged), OK);
	assert_false(was_damaged);
}

/* Takes the list's folder away, again and again, as who has found it damaged. */
static void
move_away(int rounds)
{
	char from[128], to[160];

	snprintf(from, sizeof(from), "%s/db", f.config);
	for (int i = 0; i < rounds; i++) {
		snprintf(to, sizeof(to), "%s.away-%d", from, i);
		for (int tries = 0; rename(from, to) != 0 && tries < 1000; tries++)
			usleep(100);
		usleep(200);
	}
}

/* That the folder is not there is no list without mailboxes, nor the end of a process. */
static void
opened_while_others_move_it_away(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	fixture_create(&f, "user.joe");
	store_close(f.s);
	f.s = NULL;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		move_away(100);
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct store *s;

		if (store_open(&f.params, &s) == OK)
			store_close(s);
	}
	assert_int_equal(status, 0);
	assert_int_equal(store_open(&f.params, &f.s), OK);
	list_expect("user.joe ");
}

struct long_walk {
	struct buf names;
	bool is_moved;
};

/* At the first name another process finds the list damaged, and builds it anew. */
static bool
mend_beside(void *ctx, const struct mbentry *e)
{
	struct long_walk *w = ctx;
	struct store *other;

	buf_printf(&w->names, "%s ", e->name);
	if (!w->is_moved) {
		w->is_moved = true;
		assert_int_equal(store_open(&f.params, &other), OK);
		mbdb_condemn(other, "test");
		store_maintain(other);
		store_close(other);
	}
	return true;
}

/* More than is read at once; nobody hears of a mailbox twice, nor counts it so. */
static void
list_is_made_anew_under_a_walk(void **state)
{
	struct long_walk w = { .names = BUF_INIT };
	struct buf acl = BUF_INIT;

	(void)state;
	for (int i = 0; i < 100; i++)
		buf_printf(&acl, "somebody-with-a-long-name-%d\tlr\t", i);
	for (char name[] = "a"; name[0] < 'g'; name[0]++) {
		fixture_create(&f, name);
		assert_int_equal(mblist_set_acl(f.s, str_c(name), buf_str(&acl)), OK);
	}
	assert_int_equal(mblist_walk(f.s, STR(""), mend_beside, &w), OK);
	assert_string_equal(w.names.p, "a b c d e f ");
	buf_free(&w.names);
	buf_free(&acl);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rebuilt_from_the_spool),
		TEST(two_of_one_name_are_both_kept),
		TEST(leftovers_do_no_harm),
		TEST(moved_directory_is_found),
		TEST(missing_directory_is_said),
		TEST(builder_of_the_list_dies),
		TEST(repair_does_not_bring_back),
		TEST(repair_does_not_bring_rights_back),
		TEST(damaged_entry_builds_the_list_anew),
		TEST(what_cannot_be_looked_up_is_not_removed),
		TEST(reconstruct_mends_half_an_entry),
		TEST(opened_while_others_move_it_away),
		TEST(list_is_made_anew_under_a_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
