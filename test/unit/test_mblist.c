/* test_mblist.c - the list of mailboxes: names, rights, directories, rebuilding */
#include "test/unit/store_fixture.h"

#include "imap/disk/header.h"
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

static struct mbentry *
lookup(const char *name)
{
	struct mbentry *e;

	assert_int_equal(mblist_lookup(f.s, f.arena, str_c(name), &e), OK);
	return e;
}

static bool
is_there(const char *name)
{
	struct mbentry *e;
	enum err err = mblist_lookup(f.s, f.arena, str_c(name), &e);

	assert_true(err == OK || err == ERR_NOTFOUND);
	return err == OK;
}

/* --- what must be true of every mailbox, whenever nobody is at work --- */

struct survey {
	int mailboxes;
	struct buf names;
};

static bool
survey_one(void *ctx, const struct mbentry *e)
{
	struct survey *v = ctx;
	struct mailbox_header h;
	struct id128 id;
	uint32_t uidvalidity;
	struct mbentry *by_id;
	char path[700];
	struct stat st;
	int fd;

	v->mailboxes++;
	buf_printf(&v->names, "%s ", e->name);
	assert_int_equal(mblist_open_dir(f.s, e, &fd), OK);
	assert_int_equal(index_identity(fd, &id, &uidvalidity), OK);
	assert_true(id128_eq(&id, &e->id));
	assert_int_equal(uidvalidity, e->uidvalidity);
	assert_int_equal(header_read(fd, f.arena, &h), OK);
	assert_string_equal(h.name, e->name);
	assert_string_equal(h.acl, e->acl);
	assert_true(id128_eq(&h.id, &e->id));
	assert_int_equal(h.uidvalidity, e->uidvalidity);
	assert_int_equal(h.quotaroot == NULL, e->quotaroot == NULL);
	if (h.quotaroot != NULL)
		assert_string_equal(h.quotaroot, e->quotaroot);
	close(fd);
	snprintf(path, sizeof(path), "%s/%s/cyrus.index",
	    strcmp(e->partition, "second") == 0 ? f.spool2 : f.spool, e->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(mblist_lookup_id(f.s, f.arena, &e->id, &by_id), OK);
	assert_string_equal(by_id->name, e->name);
	return true;
}

static void
expect_names(const char *names)
{
	struct survey v = { .names = BUF_INIT };

	assert_int_equal(mblist_walk(f.s, STR(""), survey_one, &v), OK);
	assert_string_equal(v.names.p, names);
	buf_free(&v.names);
}

static void
expect_dir(const char *name, const char *dir)
{
	assert_string_equal(lookup(name)->dir, dir);
}

static bool
exists(const char *root, const char *path)
{
	char full[700];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	return access(full, F_OK) == 0;
}

/* --- tests --- */

static void
create_takes_over_from_the_parent(void **state)
{
	struct mblist_create c = { .name = STR("user.joe.second"), .partition = "second",
	    .acl = "anyone\tlr\t", .specialuse = "\\Drafts" };
	struct mbentry *e, *child;

	(void)state;
	fixture_create(&f, "user.joe");
	e = lookup("user.joe");
	assert_string_equal(e->acl, "joe\tlrswipkxtean\t");
	assert_string_equal(e->partition, "default");
	assert_string_equal(e->dir, "user/joe");
	assert_null(e->quotaroot);
	assert_int_equal(mblist_create(f.s, &c), OK);
	fixture_create(&f, "user.joe.second.third");
	child = lookup("user.joe.second.third");
	assert_string_equal(child->acl, "anyone\tlr\t");
	assert_string_equal(child->partition, "second");
	assert_string_equal(lookup("user.joe.second")->specialuse, "\\Drafts");
	assert_null(child->specialuse);
	fixture_create(&f, "board");
	assert_string_equal(lookup("board")->acl, "anyone\tlrs\t");
	assert_int_equal(mblist_create(f.s, &c), ERR_EXISTS);
	c.name = STR("a.b");
	c.partition = "nowhere";
	assert_int_equal(mblist_create(f.s, &c), ERR_NOTFOUND);
	c.name = STR("a..b");
	assert_int_equal(mblist_create(f.s, &c), ERR_NAME);
	expect_names("board user.joe user.joe.second user.joe.second.third ");
	fixture_reopen(&f);
	expect_names("board user.joe user.joe.second user.joe.second.third ");
}

static void
uidvalidity_always_rises(void **state)
{
	uint32_t last = 0;

	(void)state;
	for (int i = 0; i < 5; i++) {
		fixture_create(&f, "board");
		assert_true(lookup("board")->uidvalidity > last);
		last = lookup("board")->uidvalidity;
		assert_int_equal(mblist_delete(f.s, STR("board"), true), OK);
		assert_false(is_there("board"));
		assert_false(exists(f.spool, "board"));
	}
}

static bool
stop_after_two(void *ctx, const struct mbentry *e)
{
	(void)e;
	return ++*(int *)ctx < 2;
}

static void
walks_and_parents(void **state)
{
	struct mbentry *e;
	bool has;
	int n = 0;

	(void)state;
	fixture_create(&f, "a.b-c");
	fixture_create(&f, "a.b.c");
	fixture_create(&f, "a");
	fixture_create(&f, "a.b");
	fixture_create(&f, "ab");
	expect_names("a a.b a.b.c a.b-c ab ");
	assert_int_equal(mblist_walk(f.s, STR("a.b"), stop_after_two, &n), OK);
	assert_int_equal(n, 2);
	assert_int_equal(mblist_has_children(f.s, STR("a.b"), &has), OK);
	assert_true(has);
	assert_int_equal(mblist_has_children(f.s, STR("ab"), &has), OK);
	assert_false(has);
	assert_int_equal(mblist_parent(f.s, f.arena, STR("a.b.x.y.z"), &e), OK);
	assert_string_equal(e->name, "a.b");
	assert_int_equal(mblist_parent(f.s, f.arena, STR("b.x"), &e), ERR_NOTFOUND);
	assert_int_equal(mblist_parent(f.s, f.arena, STR("a"), &e), ERR_NOTFOUND);
}

static void
rename_takes_the_tree_along(void **state)
{
	struct mbox *m;
	struct id128 id;

	(void)state;
	fixture_create(&f, "user.joe");
	fixture_create(&f, "user.joe.work");
	fixture_create(&f, "user.joe.work.old");
	fixture_create(&f, "user.joe2");
	id = lookup("user.joe.work")->id;
	m = fixture_mbox(&f, "user.joe.work", "joe", 0);
	fixture_append(m, f.s, "before");
	assert_int_equal(mblist_rename(f.s, STR("user.joe"), STR("user.jim"), NULL), OK);
	expect_names("user.jim user.jim.work user.jim.work.old user.joe2 ");
	expect_dir("user.jim.work.old", "user/jim/work/old");
	assert_false(exists(f.spool, "user/joe"));
	assert_true(id128_eq(&id, &lookup("user.jim.work")->id));
	/* Whoever had it open goes on. */
	assert_int_equal(fixture_append(m, f.s, "after"), 2);
	mbox_close(m);
	m = fixture_mbox(&f, "user.jim.work", "jim", 0);
	assert_int_equal(mbox_count(m), 2);
	fixture_expect_body(m, 2, "after");
	mbox_close(m);
	fixture_reopen(&f);
	expect_names("user.jim user.jim.work user.jim.work.old user.joe2 ");
}

static void
rename_refuses(void **state)
{
	(void)state;
	fixture_create(&f, "a");
	fixture_create(&f, "a.x");
	fixture_create(&f, "b.x");
	assert_int_equal(mblist_rename(f.s, STR("a"), STR("b"), NULL), ERR_EXISTS);
	assert_int_equal(mblist_rename(f.s, STR("a"), STR("a.b"), NULL), ERR_NAME);
	assert_int_equal(mblist_rename(f.s, STR("a"), STR("c/"), NULL), ERR_NAME);
	assert_int_equal(mblist_rename(f.s, STR("z"), STR("c"), NULL), ERR_NOTFOUND);
	assert_int_equal(mblist_rename(f.s, STR("a.b"), STR("c"), NULL), ERR_NOTFOUND);
	assert_int_equal(mblist_rename(f.s, STR("a"), STR("c"), "nowhere"), ERR_NOTFOUND);
	expect_names("a a.x b.x ");
}

/* The place that the name would have is taken, or is inside what moves. */
static void
rename_finds_a_place(void **state)
{
	(void)state;
	fixture_create(&f, "a");
	fixture_create(&f, "b.x");
	assert_int_equal(mblist_rename(f.s, STR("a"), STR("b"), NULL), OK);
	expect_names("b b.x ");
	expect_dir("b", "b%~2");
	assert_int_equal(mblist_rename(f.s, STR("b.x"), STR("b.y"), NULL), OK);
	expect_dir("b.y", "b/y");
	fixture_create(&f, "c.d");
	fixture_create(&f, "c.d.e");
	assert_int_equal(mblist_rename(f.s, STR("c.d"), STR("c"), NULL), OK);
	expect_names("b b.y c c.e ");
	assert_true(exists(f.spool, "b/y/cyrus.index"));
}

static void
rename_of_what_is_only_above(void **state)
{
	(void)state;
	fixture_create(&f, "a.b.c");
	fixture_create(&f, "a.b.d.e");
	fixture_create(&f, "a.x");
	assert_int_equal(mblist_rename(f.s, STR("a.b"), STR("z"), "default"), ERR_NOTFOUND);
	assert_int_equal(mblist_rename(f.s, STR("a.b"), STR("z"), NULL), OK);
	expect_names("a.x z.c z.d.e ");
	fixture_reopen(&f);
	expect_names("a.x z.c z.d.e ");
	/* No mailbox takes the place of what is above; a name is free or not. */
	fixture_create(&f, "y");
	assert_int_equal(mblist_rename(f.s, STR("z"), STR("y"), NULL), ERR_EXISTS);
	assert_int_equal(mblist_rename(f.s, STR("z"), STR("a.x"), NULL), ERR_EXISTS);
	expect_names("a.x y z.c z.d.e ");
}

static void
delayed_deletion_keeps_everything(void **state)
{
	struct mbox *m;
	struct survey v = { .names = BUF_INIT };

	(void)state;
	f.params.delete_delayed = true;
	fixture_reopen(&f);
	fixture_create(&f, "user.joe");
	fixture_create(&f, "user.joe.work");
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	fixture_append(m, f.s, "kept");
	mbox_close(m);
	/* Its child stays, and stays in its own place. */
	assert_int_equal(mblist_delete(f.s, STR("user.joe"), false), OK);
	assert_false(is_there("user.joe"));
	expect_dir("user.joe.work", "user/joe/work");
	fixture_create(&f, "user.joe");
	expect_dir("user.joe", "user/joe");
	assert_int_equal(mblist_delete_tree(f.s, STR("user.joe"), false), OK);
	assert_int_equal(mblist_walk(f.s, STR("DELETED.user.joe."), survey_one, &v), OK);
	assert_int_equal(v.mailboxes, 3);
	assert_false(exists(f.spool, "user"));
	/* What is deleted there is gone. */
	assert_int_equal(mblist_delete_tree(f.s, STR("DELETED"), false), OK);
	expect_names("");
	assert_false(exists(f.spool, "DELETED"));
	buf_free(&v.names);
}

static void
deletion_tells_sessions(void **state)
{
	struct mbox_update u;
	struct mbox *m;

	(void)state;
	fixture_create(&f, "user.joe");
	fixture_create(&f, "user.joe.work");
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	fixture_append(m, f.s, "lost");
	assert_int_equal(mblist_delete(f.s, STR("user.joe"), true), OK);
	assert_int_equal(mbox_refresh(m, f.arena, 0, &u), OK);
	assert_true(u.deleted);
	mbox_close(m);
	expect_names("user.joe.work ");
	assert_int_equal(mblist_delete(f.s, STR("user.joe"), true), ERR_NOTFOUND);
	assert_int_equal(mblist_delete_tree(f.s, STR("user.joe"), true), OK);
	expect_names("");
	assert_false(exists(f.spool, "user"));
}

static void
partition_moves(void **state)
{
	struct mbox *m;

	(void)state;
	fixture_create(&f, "user.joe");
	fixture_create(&f, "user.joe.work");
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	fixture_append(m, f.s, "one");
	fixture_append(m, f.s, "two");
	assert_int_equal(mblist_rename(f.s, STR("user.joe"), STR("user.joe"), "second"), OK);
	mbox_close(m);
	assert_string_equal(lookup("user.joe")->partition, "second");
	assert_string_equal(lookup("user.joe.work")->partition, "default");
	assert_false(exists(f.spool, "user/joe/cyrus.index"));
	expect_names("user.joe user.joe.work ");
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 2);
	fixture_expect_body(m, 1, "one");
	assert_int_equal(fixture_append(m, f.s, "three"), 3);
	mbox_close(m);
	/* And back, with another name, and through a replay of both logs. */
	assert_int_equal(mblist_rename(f.s, STR("user.joe"), STR("user.jim"), "default"), OK);
	expect_names("user.jim user.jim.work ");
	fixture_reopen(&f);
	expect_names("user.jim user.jim.work ");
	m = fixture_mbox(&f, "user.jim", "jim", 0);
	assert_int_equal(mbox_count(m), 3);
	fixture_expect_body(m, 3, "three");
	assert_int_equal(fixture_append(m, f.s, "four"), 4);
	mbox_close(m);
	fixture_check_sums(&f, "user.jim");
	assert_false(exists(f.spool2, "user"));
}

static void
rights_of_owner_and_others(void **state)
{
	struct identity joe = { .userid = "joe" }, jim = { .userid = "jim" };

	(void)state;
	fixture_create(&f, "user.joe.x");
	assert_int_equal(mblist_set_acl(f.s, STR("user.joe.x"), STR("jim\tlr\t")), OK);
	assert_int_equal(mblist_rights(lookup("user.joe.x"), &joe),
	    ACL_LOOKUP | ACL_CREATE | ACL_DELETEMBOX | ACL_ADMIN);
	assert_int_equal(mblist_rights(lookup("user.joe.x"), &jim), ACL_LOOKUP | ACL_READ);
	assert_int_equal(mblist_change_acl(f.s, STR("user.joe.x"), STR("jim"), '+',
	    ACL_SEEN), OK);
	assert_int_equal(mblist_rights(lookup("user.joe.x"), &jim),
	    ACL_LOOKUP | ACL_READ | ACL_SEEN);
	assert_int_equal(mblist_change_acl(f.s, STR("user.joe.x"), STR("jim"), '=', 0), OK);
	assert_string_equal(lookup("user.joe.x")->acl, "");
	assert_int_equal(mblist_set_acl(f.s, STR("user.joe.x"), STR("a\tl\t\nid\tx")),
	    ERR_SYNTAX);
	assert_int_equal(mblist_set_acl(f.s, STR("none"), STR("")), ERR_NOTFOUND);
	assert_int_equal(mblist_set_specialuse(f.s, STR("user.joe.x"), "\\Sent"), OK);
	assert_string_equal(lookup("user.joe.x")->specialuse, "\\Sent");
	expect_names("user.joe.x ");
	/* One of each for one owner. */
	struct mblist_create c = { .name = STR("user.joe.y"), .specialuse = "\\Junk \\Sent" };
	assert_int_equal(mblist_create(f.s, &c), ERR_DENIED);
	expect_names("user.joe.x ");
	c.specialuse = "\\Junk \\Send";
	assert_int_equal(mblist_create(f.s, &c), OK);
	assert_int_equal(mblist_set_specialuse(f.s, STR("user.joe.x"), "\\Junk"), ERR_DENIED);
	assert_int_equal(mblist_set_specialuse(f.s, STR("user.joe.y"), "\\Junk"), OK);
	assert_int_equal(mblist_set_specialuse(f.s, STR("user.joe.y"), NULL), OK);
	assert_int_equal(mblist_set_specialuse(f.s, STR("user.joe.x"), "\\Sent \\Junk"), OK);
	c.name = STR("user.jim.x");
	assert_int_equal(mblist_create(f.s, &c), OK);
}

/* The copies of this process must not outlive what another one changes. */
static void
copies_follow_other_processes(void **state)
{
	int status, i;
	pid_t pid;

	(void)state;
	fixture_create(&f, "a");
	for (i = 0; i < 3; i++) {
		assert_false(is_there("b"));
		assert_true(is_there("a"));
		assert_true(is_there("a"));
		pid = fork();
		if (pid == 0) {
			struct store *s;

			if (store_open(&f.params, &s) != OK ||
			    mblist_rename(s, STR("a"), STR("b"), NULL) != OK)
				_exit(1);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_true(is_there("b"));
		assert_false(is_there("a"));
		assert_int_equal(mblist_rename(f.s, STR("b"), STR("a"), NULL), OK);
	}
}

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
	expect_names("board.news user.jim user.joe user.joe.play ");
	assert_string_equal(lookup("user.jim")->acl, "jim\tlrswipkxtean\t");
	e = lookup("user.joe.play");
	assert_string_equal(e->quotaroot, "user.joe");
	assert_string_equal(e->dir, "user/joe/play");
	assert_int_equal(quota_get(f.s, f.arena, STR("user.joe"), &q), OK);
	assert_int_equal(q.limit.kb, 1000);
	assert_string_equal(lookup("board.news")->acl, "anyone\tlrs\tjoe\tlrswipkxtean\t");
}

static void
two_of_one_name_are_both_kept(void **state)
{
	struct mailbox_header h;
	struct survey v = { .names = BUF_INIT };
	char command[400];
	int fd;

	(void)state;
	fixture_create(&f, "a");
	fixture_create(&f, "b");
	assert_int_equal(mblist_open_dir(f.s, lookup("b"), &fd), OK);
	assert_int_equal(header_read(fd, f.arena, &h), OK);
	h.name = "a";
	assert_int_equal(header_write(fd, &h, true), OK);
	close(fd);
	store_close(f.s);
	snprintf(command, sizeof(command), "rm -rf %s/db", f.config);
	assert_int_equal(system(command), 0);
	assert_int_equal(store_open(&f.params, &f.s), OK);
	expect_dir("a", "a");
	assert_int_equal(mblist_walk(f.s, STR("a-recovered-"), survey_one, &v), OK);
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
	expect_dir("a", "a%~2");
	assert_true(exists(f.spool, "a/notes"));
	/* What a killed creation has left is cleared away. */
	fixture_create(&f, "b");
	snprintf(command, sizeof(command), "cd %s && cp -r b save", f.spool);
	assert_int_equal(system(command), 0);
	assert_int_equal(mblist_delete(f.s, STR("b"), true), OK);
	snprintf(command, sizeof(command), "cd %s && mv save b", f.spool);
	assert_int_equal(system(command), 0);
	fixture_create(&f, "b");
	expect_dir("b", "b");
	expect_names("a b ");
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
	m.id = lookup("a")->id;
	mbmove_encode(&value, &m);
	assert_int_equal(mbdb_begin(f.s, &txn), OK);
	assert_int_equal(mbdb_end(f.s, txn, kv_put(txn, STR("M"), buf_str(&value))), OK);
	snprintf(command, sizeof(command), "mv %s/a %s/z", f.spool, f.spool);
	assert_int_equal(system(command), 0);
	assert_int_equal(mblist_open_dir(f.s, lookup("a.b"), &fd), OK);
	close(fd);
	/* The next change of names finishes it. */
	fixture_create(&f, "c");
	expect_names("a a.b c ");
	assert_int_equal(kv_get(f.s->mailboxes, STR("M"), NULL), ERR_NOTFOUND);
	expect_dir("a.b", "a/b");
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
	assert_int_equal(mblist_open_dir(f.s, lookup("a"), &fd), ERR_CORRUPT);
	assert_int_equal(mblist_delete(f.s, STR("a"), true), OK);
	expect_names("");
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
	assert_true(is_there("user.joe"));
	assert_false(is_there("user.jim"));
	assert_int_equal(mblist_rename(f.s, STR("user.joe"), STR("user.jim"), NULL), OK);
	expect_names("user.jim ");
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
	e = lookup("a");
	assert_int_equal(mblist_delete(f.s, STR("a"), true), OK);
	assert_int_equal(check_mailbox(f.s, e, &p, &r), ERR_STALE);
	assert_false(exists(f.spool, "a"));
	e = lookup("b");
	assert_int_equal(mblist_rename(f.s, STR("b"), STR("c"), NULL), OK);
	assert_int_equal(check_mailbox(f.s, e, &p, &r), ERR_STALE);
	assert_false(exists(f.spool, "b"));
	assert_int_equal(check_mailbox(f.s, lookup("c"), &p, &r), OK);
	expect_names("c ");
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
	e = lookup("a");
	assert_int_equal(mblist_set_acl(f.s, STR("a"), STR("ann\tlr\t")), OK);
	assert_int_equal(check_mailbox(f.s, e, &p, &r), OK);
	expect_names("a ");		/* and the header is what the list says */
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, fixture_setup_empty, fixture_teardown)

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
	struct survey v = { .names = BUF_INIT };
	struct mbentry *e;

	(void)state;
	fixture_create(&f, "user.joe");
	fixture_create(&f, "user.ann");
	damage_list("Nuser\1joe", "");
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &e), ERR_BUSY);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.ann"), &e), ERR_BUSY);
	mblist_maintain(f.s);
	expect_names("user.ann user.joe ");
	damage_list("Nuser\1joe", "\1too short");
	assert_int_equal(mblist_walk(f.s, STR(""), survey_one, &v), ERR_BUSY);
	buf_free(&v.names);
	fixture_reopen(&f);
	expect_names("user.ann user.joe ");
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
	e = lookup("user.joe");
	assert_int_equal(mbdb_begin(f.s, &txn), OK);
	assert_int_equal(mbpending_add(txn, PENDING_COPY, &e->id, e->partition, e->dir), OK);
	assert_int_equal(kv_commit(txn), OK);
	damage_list("Nuser\1joe", "\2 of a later version");
	fixture_create(&f, "user.ann");
	assert_true(exists(f.spool, "user/joe/1."));
	assert_true(exists(f.spool, "user/joe/cyrus.header"));

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
	mbdb_id_key(&key, MBDB_ID, &lookup("user.joe")->id);
	struct kv_txn *txn;
	assert_int_equal(mbdb_begin(f.s, &txn), OK);
	assert_int_equal(kv_del(txn, buf_str(&key)), OK);
	assert_int_equal(kv_commit(txn), OK);
	buf_free(&key);
	assert_int_equal(mblist_mend(f.s, &was_damaged), OK);
	assert_true(was_damaged);
	expect_names("user.ann user.joe ");
	damage_list("Nuser\1ann", NULL);
	assert_int_equal(mblist_mend(f.s, &was_damaged), OK);
	assert_true(was_damaged);
	expect_names("user.ann user.joe ");
	assert_int_equal(mblist_mend(f.s, &was_damaged), OK);
	assert_false(was_damaged);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(create_takes_over_from_the_parent),
		TEST(uidvalidity_always_rises),
		TEST(walks_and_parents),
		TEST(rename_takes_the_tree_along),
		TEST(rename_refuses),
		TEST(rename_finds_a_place),
		TEST(rename_of_what_is_only_above),
		TEST(delayed_deletion_keeps_everything),
		TEST(deletion_tells_sessions),
		TEST(partition_moves),
		TEST(rights_of_owner_and_others),
		TEST(copies_follow_other_processes),
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
