/* test_annot.c - annotations: the file, changes, copies, crashes, reconstruct */
#include "test/unit/store_fixture.h"

#include "imap/disk/annot.h"
#include "imap/store/check.h"
#include "imap/store/list/quota.h"
#include "imap/store/names/notes.h"
#include "imap/store/upkeep/reclaim.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int
setup(void **state)
{
	(void)fixture_setup(state);
	fixture_create(&f, "user.joe.b");
	return 0;
}

static const struct str none = { NULL, 0 };

static enum err
annotate(const char *name, uint32_t uid, const char *entry, const char *owner, struct str value,
    size_t max)
{
	struct annotate_params p = { str_c(entry), str_c(owner), value, max };
	struct mbox *m = fixture_mbox(&f, name, "joe", 0);
	struct txn *t = txn_begin(m);
	enum err e;

	txn_annotate(t, uid > 0 ? &uid : NULL, uid > 0, &p);
	e = txn_commit(t);
	txn_abort(t);
	mbox_close(m);
	return e;
}

static void
set(const char *name, uint32_t uid, const char *entry, const char *owner, const char *value)
{
	assert_int_equal(annotate(name, uid, entry, owner, str_c(value), 0), OK);
}

static void
expect(const char *name, uint32_t uid, const char *entry, const char *owner, const char *value)
{
	struct mbox *m = fixture_mbox(&f, name, "joe", MBOX_PEEK | MBOX_READONLY);
	const struct annots *a;
	const struct annot *one;

	assert_int_equal(mbox_annots(m, &a), OK);
	one = annots_find(a, uid, str_c(entry), str_c(owner));
	if (value == NULL) {
		assert_null(one);
	} else {
		assert_non_null(one);
		assert_int_equal(one->value.n, strlen(value));
		assert_memory_equal(one->value.p, value, strlen(value));
	}
	mbox_close(m);
}

static void
expect_used(uint64_t octets)
{
	struct quota q;
	uint64_t was, is;

	assert_int_equal(quota_get(f.s, f.arena, STR("user.joe"), &q), OK);
	assert_int_equal(q.used_annotation, octets);
	/* And so it is counted. */
	assert_int_equal(quota_recount(f.s, STR("user.joe"), true, &was, &is), OK);
	assert_int_equal(quota_get(f.s, f.arena, STR("user.joe"), &q), OK);
	assert_int_equal(q.used_annotation, octets);
}

static void
limit(int64_t kb)
{
	struct quota_limits l = QUOTA_NO_LIMITS;

	l.annotation_kb = kb;
	assert_int_equal(quota_set(f.s, STR("user.joe"), &l), OK);
}

static void
path_of(char path[150], const char *box, const char *file)
{
	snprintf(path, 150, "%s/user/joe%s/%s", f.spool, box, file);
}

static uint32_t
append(const char *name, const char *text)
{
	struct mbox *m = fixture_mbox(&f, name, "joe", 0);
	uint32_t uid = fixture_append(m, f.s, text);

	mbox_close(m);
	return uid;
}

/* --- the file --- */

static void
bytes_come_back(void **state)
{
	const char odd[] = "tab\t lf\r\n % \x7f \xff nul\0 end";
	struct annots a = ANNOTS_INIT, b = ANNOTS_INIT;
	struct annot one = { .uid = 7, .modseq = UINT64_MAX, .owner = STR("joe"),
	    .entry = STR("/a\tb"), .value = { odd, sizeof(odd) - 1 } };
	int fd = open(f.dir, O_RDONLY | O_DIRECTORY);

	(void)state;
	annots_put(&a, &one);
	one.uid = 0;
	one.owner = STR("");
	one.value = STR("");
	annots_put(&a, &one);
	assert_int_equal(annots_prepare(fd, "x", &a), OK);
	assert_int_equal(annots_apply(fd, "x"), OK);
	assert_int_equal(annots_read(fd, "x", &b), OK);
	assert_int_equal(b.n, 2);
	assert_int_equal(b.v[0].uid, 0);
	assert_int_equal(b.v[0].value.n, 0);
	assert_non_null(b.v[0].value.p);
	assert_int_equal(b.v[1].modseq, UINT64_MAX);
	assert_memory_equal(b.v[1].value.p, odd, sizeof(odd) - 1);
	annots_free(&a);
	annots_free(&b);
	close(fd);
}

static void
a_damaged_line_goes_alone(void **state)
{
	char path[150];
	int fd;

	(void)state;
	set("user.joe", 0, "/a", "", "one");
	set("user.joe", 0, "/b", "", "two");
	path_of(path, "", ANNOTS_FILE);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, "9", 1, 0), 1);
	close(fd);
	expect("user.joe", 0, "/a", "", NULL);
	expect("user.joe", 0, "/b", "", "two");
}

/* --- changes --- */

static void
values_change(void **state)
{
	uint32_t uid = append("user.joe", "x");

	(void)state;
	set("user.joe", 0, "/comment", "", "shared");
	set("user.joe", 0, "/comment", "joe", "joe's");
	set("user.joe", uid, "/comment", "", "the message's");
	expect("user.joe", 0, "/comment", "", "shared");
	expect("user.joe", 0, "/comment", "joe", "joe's");
	expect("user.joe", uid, "/comment", "", "the message's");
	expect("user.joe", uid, "/comment", "joe", NULL);
	set("user.joe", 0, "/comment", "", "other");
	expect("user.joe", 0, "/comment", "", "other");
	assert_int_equal(annotate("user.joe", 0, "/comment", "", none, 0), OK);
	expect("user.joe", 0, "/comment", "", NULL);
	expect("user.joe", 0, "/comment", "joe", "joe's");
	/* Of a message that is not there. */
	set("user.joe", 99, "/comment", "", "nobody's");
	expect("user.joe", 99, "/comment", "", NULL);
}

static void
at_most_so_many(void **state)
{
	(void)state;
	assert_int_equal(annotate("user.joe", 0, "/a", "", STR("1"), 2), OK);
	assert_int_equal(annotate("user.joe", 0, "/b", "", STR("1"), 2), OK);
	assert_int_equal(annotate("user.joe", 0, "/c", "", STR("1"), 2), ERR_LIMIT);
	assert_int_equal(annotate("user.joe", 0, "/c", "joe", STR("1"), 2), OK);
	assert_int_equal(annotate("user.joe", 0, "/b", "", STR("2"), 2), OK);
	expect("user.joe", 0, "/b", "", "2");
	expect("user.joe", 0, "/c", "", NULL);
}

static void
usage_is_the_sum(void **state)
{
	uint32_t uid = append("user.joe", "x");
	struct mbox *m;
	struct txn *t;

	(void)state;
	limit(1);
	set("user.joe", 0, "/ab", "", "12345");
	set("user.joe", uid, "/ab", "joe", "1");
	expect_used(3 + 5 + 3 + 1);
	set("user.joe", 0, "/ab", "", "1");
	expect_used(3 + 1 + 3 + 1);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	t = txn_begin(m);
	txn_expunge(t, &uid, 1, true);
	assert_int_equal(txn_commit(t), OK);
	txn_abort(t);
	mbox_close(m);
	expect_used(3 + 1);
	char big[2000];
	memset(big, 'x', sizeof(big));
	assert_int_equal(annotate("user.joe", 0, "/b", "", (struct str){ big, 1000 }, 0), OK);
	assert_int_equal(annotate("user.joe", 0, "/c", "", (struct str){ big, 20 }, 0), ERR_QUOTA);
	expect("user.joe", 0, "/c", "", NULL);
	assert_int_equal(annotate("user.joe", 0, "/b", "", none, 0), OK);
	set("user.joe", 0, "/c", "", "x");
	expect_used(3 + 1 + 2 + 1);
}

static void
copies_take_them_along(void **state)
{
	struct mbox *from, *to;
	uint32_t uid = append("user.joe", "x"), new;
	struct txn *t;

	(void)state;
	limit(QUOTA_UNLIMITED);
	set("user.joe", uid, "/c", "", "shared");
	set("user.joe", uid, "/c", "joe", "joe's");
	set("user.joe", uid, "/c", "jim", "jim's");
	from = fixture_mbox(&f, "user.joe", "joe", 0);
	to = fixture_mbox(&f, "user.joe.b", "joe", MBOX_PEEK);
	t = txn_begin(to);
	txn_copy(t, from, &uid, 1);
	assert_int_equal(txn_commit(t), OK);
	new = txn_result(t)->new_uids[0];
	txn_abort(t);
	mbox_close(from);
	mbox_close(to);
	expect("user.joe.b", new, "/c", "", "shared");
	expect("user.joe.b", new, "/c", "joe", "joe's");
	expect("user.joe.b", new, "/c", "jim", NULL);
	/* A rename and another partition change nothing. */
	assert_int_equal(mblist_rename(f.s, STR("user.joe.b"), STR("user.joe.c"), NULL), OK);
	expect("user.joe.c", new, "/c", "", "shared");
	assert_int_equal(mblist_rename(f.s, STR("user.joe.c"), STR("user.joe.c"), "second"), OK);
	expect("user.joe.c", new, "/c", "", "shared");
	expect_used(2 * (2 + 6 + 2 + 5) + 2 + 5);
}

static void
the_server_has_some(void **state)
{
	struct annotate_params p[2] = {
		{ STR("/comment"), STR(""), STR("for all"), 2 },
		{ STR("/comment"), STR("joe"), STR("joe's"), 2 },
	};
	struct annots a = ANNOTS_INIT;

	(void)state;
	assert_int_equal(notes_change(f.s, p, 2), OK);
	assert_int_equal(notes_read(f.s, STR(""), &a), OK);
	assert_int_equal(notes_read(f.s, STR("joe"), &a), OK);
	assert_int_equal(a.n, 2);
	annots_free(&a);
	/* All or none. */
	p[0].value = none;
	p[1].entry = STR("/a");
	p[1].max = 1;
	assert_int_equal(notes_change(f.s, p, 2), ERR_LIMIT);
	assert_int_equal(notes_read(f.s, STR(""), &a), OK);
	assert_int_equal(a.n, 1);
	p[1].max = 0;
	assert_int_equal(notes_change(f.s, p, 2), OK);
	assert_int_equal(notes_rename(f.s, STR("joe"), STR("jim")), OK);
	assert_int_equal(notes_rename(f.s, STR("nobody"), STR("jim")), OK);
	annots_free(&a);
	assert_int_equal(notes_read(f.s, STR(""), &a), OK);
	assert_int_equal(notes_read(f.s, STR("joe"), &a), OK);
	assert_int_equal(a.n, 0);
	assert_int_equal(notes_read(f.s, STR("jim"), &a), OK);
	assert_int_equal(a.n, 2);
	annots_free(&a);
}

/* --- crashes --- */

/* The log has them: without the file they are there again. */
static void
replay_puts_them_back(void **state)
{
	uint32_t uid = append("user.joe", "x");
	char path[150];

	(void)state;
	limit(QUOTA_UNLIMITED);
	set("user.joe", 0, "/a", "", "gone");
	set("user.joe", 0, "/b", "joe", "stays");
	set("user.joe", uid, "/b", "", "stays, too");
	assert_int_equal(annotate("user.joe", 0, "/a", "", none, 0), OK);
	path_of(path, "", ANNOTS_FILE);
	assert_int_equal(unlink(path), 0);
	fixture_reopen(&f);
	expect("user.joe", 0, "/a", "", NULL);
	expect("user.joe", 0, "/b", "joe", "stays");
	expect("user.joe", uid, "/b", "", "stays, too");
	expect_used(2 + 5 + 2 + 10);
}

static void
reconstruct_counts_them(void **state)
{
	struct check_params p = { 0 };
	struct check_result r;
	struct mbentry *e;
	char path[150];

	(void)state;
	limit(QUOTA_UNLIMITED);
	set("user.joe", 0, "/a", "", "value");
	assert_int_equal(store_checkpoint(f.s), OK);
	path_of(path, "", "cyrus.index");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &e), OK);
	assert_int_equal(check_mailbox(f.s, e, &p, &r), OK);
	expect("user.joe", 0, "/a", "", "value");
	expect_used(2 + 5);
}

/* What a writer left that was killed before its frame was in the log. */
static void
leftovers_go(void **state)
{
	struct mbentry *e;
	char path[150];
	uint32_t n;
	int fd;

	(void)state;
	path_of(path, "", "cyrus.annotations.NEW");
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &e), OK);
	assert_int_equal(reclaim_mailbox(f.s, e, INT64_MAX, &n), OK);
	assert_int_equal(access(path, F_OK), -1);
}

/* Those of an expunged message go with its file. */
static void
expire_sweeps(void **state)
{
	uint32_t uid = append("user.joe", "x"), n;
	struct mbentry *e;
	struct mbox *m;
	struct txn *t;
	const struct annots *a;

	(void)state;
	set("user.joe", uid, "/b", "", "x");
	set("user.joe", 0, "/b", "", "y");
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	t = txn_begin(m);
	txn_expunge(t, &uid, 1, true);
	assert_int_equal(txn_commit(t), OK);
	txn_abort(t);
	mbox_close(m);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &e), OK);
	assert_int_equal(store_checkpoint(f.s), OK);
	assert_int_equal(reclaim_mailbox(f.s, e, INT64_MAX, &n), OK);
	m = fixture_mbox(&f, "user.joe", "joe", MBOX_PEEK | MBOX_READONLY);
	assert_int_equal(mbox_annots(m, &a), OK);
	assert_int_equal(a->n, 1);
	assert_int_equal(a->v[0].uid, 0);
	mbox_close(m);
}

/* --- what RFC 5257 needs --- */

static void
patterns(void **state)
{
	static const struct {
		const char *pattern, *entry;
		bool matches;
	} rows[] = {
		{ "/comment", "/comment", true }, { "/comment", "/Comment", false },
		{ "/comment", "/comment/x", false }, { "*", "/a", true }, { "%", "/a", false },
		{ "/%", "/a", true }, { "/%", "/a/b", false }, { "/*", "/a/b", true },
		{ "/*", "/", false }, { "/a*", "/a", false }, { "/a*", "/ab", true },
		{ "/%b", "/b", false }, { "/%b", "/ab", true }, { "/%b", "/bb", true },
		{ "/%/%", "/a/b", true }, { "/%/%", "/a/b/c", false }, { "/*/%", "/a/b/c", true },
		{ "/*a%", "/ba/ab", true }, { "/*a%/%b", "/xax/ab", true }, { "**", "/", false },
		{ "**", "/a", true }, { "%%", "/a", false }, { "/%%", "/a", false },
		{ "/%%", "/ab", true }, { "/*x*y", "/axbxcy", true }, { "/*x%y", "/ax/bxcy", true },
		{ "/*x%y", "/ax/bxc/y", false }, { "", "", true }, { "", "/", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (annot_matches(str_c(rows[i].pattern), str_c(rows[i].entry)) != rows[i].matches)
			fail_msg("%s and %s", rows[i].pattern, rows[i].entry);
}

static enum err
annotate_all(uint32_t uid, const struct annotate_params *p, size_t n, uint64_t unchangedsince,
    size_t *modified)
{
	struct annotate_list l = { .one = p, .n = n, .has_unchangedsince = unchangedsince > 0,
	    .unchangedsince = unchangedsince };
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct txn *t = txn_begin(m);
	enum err e;

	txn_annotate_list(t, &uid, 1, &l);
	e = txn_commit(t);
	*modified = e == OK ? txn_result(t)->modified_count : 0;
	txn_abort(t);
	mbox_close(m);
	return e;
}

static void
lists_are_all_or_none(void **state)
{
	uint32_t uid = append("user.joe", "Subject: x\r\n\r\nbody\r\n");
	struct annotate_params p[] = {
		{ STR("/a"), STR(""), STR("1"), 2 }, { STR("/b"), STR("joe"), STR("2"), 2 },
		{ STR("/c"), STR(""), STR("3"), 2 }, { STR("/d"), STR(""), STR("4"), 2 },
	};
	size_t modified;

	(void)state;
	/* The last one is one too many of those that are shared. */
	assert_int_equal(annotate_all(uid, p, 4, 0, &modified), ERR_LIMIT);
	expect("user.joe", uid, "/a", "", NULL);
	assert_int_equal(annotate_all(uid, p, 3, 0, &modified), OK);
	expect("user.joe", uid, "/a", "", "1");
	expect("user.joe", uid, "/b", "joe", "2");
	expect("user.joe", uid, "/c", "", "3");
	/* It was changed since; both of a list count as one change. */
	p[0].value = p[1].value = STR("new");
	assert_int_equal(annotate_all(uid, p, 2, 2, &modified), OK);
	assert_int_equal(modified, 1);
	expect("user.joe", uid, "/a", "", "1");
	assert_int_equal(annotate_all(uid, p, 2, 3, &modified), OK);
	assert_int_equal(modified, 0);
	expect("user.joe", uid, "/a", "", "new");
	expect("user.joe", uid, "/b", "joe", "new");
}

static void
copy(unsigned which, uint32_t uid)
{
	struct mbox *from = fixture_mbox(&f, "user.joe", "joe", 0);
	struct mbox *to = fixture_mbox(&f, "user.joe.b", "joe", MBOX_PEEK);
	struct txn *t = txn_begin(to);

	txn_copied_annots(t, which);
	txn_copy(t, from, &uid, 1);
	assert_int_equal(txn_commit(t), OK);
	txn_abort(t);
	mbox_close(to);
	mbox_close(from);
}

static void
copies_have_what_may_be_there(void **state)
{
	uint32_t uid = append("user.joe", "Subject: x\r\n\r\nbody\r\n");

	(void)state;
	set("user.joe", uid, "/comment", "", "ours");
	set("user.joe", uid, "/comment", "joe", "mine");
	set("user.joe", uid, "/comment", "ann", "hers");
	for (unsigned which = 0; which < 8; which++) {
		copy(which, uid);
		expect("user.joe.b", which + 1, "/comment", "", which & COPY_SHARED ? "ours" : NULL);
		expect("user.joe.b", which + 1, "/comment", "joe", which & COPY_OWN ? "mine" : NULL);
		expect("user.joe.b", which + 1, "/comment", "ann", which & COPY_OTHERS ? "hers" : NULL);
	}
}

/* What a watching session is told, as "1/comment 2/x". */
static void
expect_told(struct mbox *m, const char *want)
{
	struct buf told = BUF_INIT;
	struct mbox_update u;

	assert_int_equal(mbox_refresh(m, f.arena, 0, &u), OK);
	for (size_t i = 0; i < u.annot_count; i++)
		buf_printf(&told, "%s%u%.*s", i > 0 ? " " : "", u.annot[i].seq,
		    STR_ARG(u.annot[i].entry));
	assert_string_equal(told.p != NULL ? told.p : "", want);
	buf_free(&told);
}

static void
who_watches_is_told(void **state)
{
	const char *text = "Subject: x\r\n\r\nbody\r\n";
	uint32_t one = append("user.joe", text), two = append("user.joe", text);
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct txn *t;

	(void)state;
	set("user.joe", one, "/comment", "", "before");
	assert_int_equal(mbox_watch_annots(m), OK);
	set("user.joe", one, "/comment", "", "1");
	set("user.joe", two, "/comment", "joe", "2");
	set("user.joe", two, "/comment", "", "2");
	set("user.joe", two, "/x", "ann", "not ours");
	set("user.joe", 0, "/x", "", "of the mailbox");
	expect_told(m, "1/comment 2/comment");
	expect_told(m, "");
	/* Taken away; its own change is not told. */
	assert_int_equal(annotate("user.joe", one, "/comment", "", none, 0), OK);
	t = txn_begin(m);
	txn_annotate(t, &two, 1, &(struct annotate_params){ STR("/own"), STR(""), STR("v"), 0 });
	assert_int_equal(txn_commit(t), OK);
	txn_abort(t);
	expect_told(m, "1/comment");
	/* Of what is new it knew nothing before. */
	set("user.joe", append("user.joe", text), "/comment", "", "3");
	set("user.joe", two, "/own", "", "w");
	expect_told(m, "2/own");
	set("user.joe", 3, "/comment", "", "4");
	expect_told(m, "3/comment");
	mbox_close(m);
}

static void
expunge(const char *name, uint32_t uid)
{
	struct mbox *m = fixture_mbox(&f, name, "joe", 0);
	struct txn *t = txn_begin(m);

	txn_expunge(t, &uid, 1, true);
	assert_int_equal(txn_commit(t), OK);
	txn_abort(t);
	mbox_close(m);
}

/* A refresh that fails has removed nothing that it did not tell of. */
static void
expunges_are_told_though_a_refresh_fails(void **state)
{
	const char *text = "Subject: x\r\n\r\nbody\r\n";
	uint32_t one = append("user.joe", text), two = append("user.joe", text);
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct mbox_update u;

	(void)state;
	set("user.joe", two, "/comment", "", "before");
	assert_int_equal(mbox_watch_annots(m), OK);
	set("user.joe", two, "/comment", "", "after");
	expunge("user.joe", one);
	fixture_shell("cd %s/user/joe && mv cyrus.annotations away && mkdir cyrus.annotations",
	    f.spool);
	assert_int_not_equal(mbox_refresh(m, f.arena, 0, &u), OK);
	assert_int_equal(mbox_count(m), 2);
	assert_int_equal(mbox_uid(m, 1), one);
	fixture_shell("cd %s/user/joe && rmdir cyrus.annotations && mv away cyrus.annotations",
	    f.spool);
	assert_int_equal(mbox_refresh(m, f.arena, 0, &u), OK);
	assert_int_equal(u.expunged_count, 1);
	assert_int_equal(u.expunged_uid[0], one);
	assert_int_equal(u.annot_count, 1);
	assert_int_equal(u.annot[0].seq, 1);
	mbox_close(m);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_come_back),
		TEST(a_damaged_line_goes_alone),
		TEST(values_change),
		TEST(at_most_so_many),
		TEST(usage_is_the_sum),
		TEST(copies_take_them_along),
		TEST(the_server_has_some),
		TEST(replay_puts_them_back),
		TEST(reconstruct_counts_them),
		TEST(leftovers_go),
		TEST(expire_sweeps),
		cmocka_unit_test(patterns), TEST(lists_are_all_or_none),
		TEST(copies_have_what_may_be_there), TEST(who_watches_is_told),
		TEST(expunges_are_told_though_a_refresh_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
