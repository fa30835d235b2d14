/* test_ranked.c - cyrus.sort of real mailboxes: who gets it, and where none may appear */
#include "imap/store/mbox/ranked.h"

#include "imap/store/check.h"
#include "lib/file.h"
#include "test/unit/store_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { KEYS = 5 };
static const struct ranks_by subject = { 'S', 'u' }, from = { 'F', 'u' };

static const char *
path_of(const char *dir)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s/" RANKS_FILE, f.spool, dir);
	return path;
}

static bool
is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

/* Nothing but the lock of checkpoints is in stage/. */
static void
expect_clean_stage(void)
{
	const struct dirent *de;
	char path[120];
	DIR *d;

	snprintf(path, sizeof(path), "%s/stage", f.spool);
	d = opendir(path);
	assert_non_null(d);
	while ((de = readdir(d)) != NULL)
		assert_true(de->d_name[0] == '.' || strcmp(de->d_name, "checkpoint.lock") == 0);
	closedir(d);
}

/* Of UIDs 1 to 3. */
static void
keep(struct mbox *m, struct ranks_by by, uint32_t first)
{
	struct ranks r;

	ranks_new(&r, 3);
	for (uint32_t i = 0; i < 3; i++) {
		r.uid[i] = i + 1;
		r.rank[i] = first + i;
	}
	r.highest = first + 2;
	ranked_keep(m, KEYS, by, &r);
	assert_int_equal(r.n, 0);
	assert_true(ranked_waits(m));
}

/* The rank of UID 1; 0: nothing of use is there. */
static uint32_t
first_rank(struct mbox *m, struct ranks_by by)
{
	struct ranks r;
	uint32_t rank;

	if (ranked_read(m, KEYS, by, &r) != OK)
		return 0;
	rank = r.rank[0];
	ranks_free(&r);
	return rank;
}

static struct mbox *
open_with_mail(const char *name)
{
	struct mbox *m = fixture_mbox(&f, name, "joe", 0);

	for (int i = 0; i < 3; i++)
		fixture_append(m, f.s, "text");
	return m;
}

static void
test_kept(void **state)
{
	struct mbox *m = open_with_mail("user.joe");
	struct mbox *other = fixture_mbox(&f, "user.joe", "jane", MBOX_READONLY);
	struct ranks r;

	(void)state;
	assert_false(ranked_waits(m));
	ranked_write(m);
	assert_false(is_there(path_of("user/joe")));
	keep(m, subject, 7);
	assert_int_equal(first_rank(m, subject), 0);		/* not before it is written */
	keep(m, from, 5);
	keep(m, subject, 4);
	ranked_write(m);
	assert_false(ranked_waits(m));
	assert_int_equal(first_rank(other, subject), 4);
	assert_int_equal(first_rank(other, from), 5);
	assert_int_equal(ranked_read(other, KEYS + 1, from, &r), ERR_NOTFOUND);
	/* Who only reads has found it out, too. */
	keep(other, from, 9);
	ranked_write(other);
	assert_int_equal(first_rank(m, subject), 4);
	assert_int_equal(first_rank(m, from), 9);
	expect_clean_stage();
	/* What waits when the mailbox is closed is lost. */
	keep(m, from, 1);
	mbox_close(m);
	assert_int_equal(first_rank(other, from), 9);
	mbox_close(other);
}

/* More than can wait, and more than a table can have. */
static void
test_limits(void **state)
{
	struct mbox *m = open_with_mail("user.joe");
	struct ranks r;

	(void)state;
	for (int i = 0; i <= RANKED_KEPT; i++)
		keep(m, (struct ranks_by){ (char)('a' + i), 'u' }, 1);
	ranks_new(&r, 1);
	r.highest = RANKS_MAX + 1U;
	ranked_keep(m, KEYS, (struct ranks_by){ 'a', 'u' }, &r);
	ranked_write(m);
	for (int i = 0; i <= RANKED_KEPT; i++)
		assert_int_equal(first_rank(m, (struct ranks_by){ (char)('a' + i), 'u' }),
		    i < RANKED_KEPT);
	mbox_close(m);
}

static int
open_dir(const char *dir)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", f.spool, dir);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	return fd;
}

/* Nobody is waited for, and nothing is left; later it is written, but not much later. */
static void
test_locked(void **state)
{
	struct mbox *m = open_with_mail("user.joe");
	int fd = open_dir("user/joe"), tries;

	(void)state;
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	keep(m, subject, 1);
	ranked_write(m);
	assert_true(ranked_waits(m));
	assert_int_equal(first_rank(m, subject), 0);
	expect_clean_stage();
	assert_int_equal(flock(fd, LOCK_UN), 0);
	ranked_write(m);
	assert_false(ranked_waits(m));
	assert_int_equal(first_rank(m, subject), 1);

	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	keep(m, subject, 2);
	for (tries = 0; ranked_waits(m); tries++)
		ranked_write(m);
	assert_in_range(tries, 2, 20);
	close(fd);
	assert_int_equal(first_rank(m, subject), 1);
	expect_clean_stage();
	mbox_close(m);
}

/* Nothing is put where a mailbox was, nor into one that was made in its place. */
static void
test_deleted(void **state)
{
	struct mbox *m = open_with_mail("user.joe"), *other;

	(void)state;
	keep(m, subject, 1);
	assert_int_equal(mblist_delete(f.s, STR("user.joe"), true), OK);
	assert_false(is_there(path_of("user/joe/..")));
	ranked_write(m);
	assert_false(ranked_waits(m));
	assert_false(is_there(path_of("user")));
	keep(m, subject, 2);
	fixture_create(&f, "user.joe");
	ranked_write(m);
	assert_false(ranked_waits(m));
	assert_false(is_there(path_of("user/joe")));
	mbox_close(m);
	expect_clean_stage();

	/* With others below it its directory stays. */
	fixture_create(&f, "user.joe.sub");
	m = open_with_mail("user.joe");
	keep(m, subject, 3);
	ranked_write(m);
	assert_true(is_there(path_of("user/joe")));
	keep(m, subject, 4);
	assert_int_equal(mblist_delete(f.s, STR("user.joe"), true), OK);
	assert_false(is_there(path_of("user/joe")));
	ranked_write(m);
	assert_false(is_there(path_of("user/joe")));
	keep(m, subject, 5);
	fixture_create(&f, "user.joe");
	other = open_with_mail("user.joe");
	ranked_write(m);
	assert_false(is_there(path_of("user/joe")));
	assert_int_equal(first_rank(other, subject), 0);
	mbox_close(other);
	mbox_close(m);
	expect_clean_stage();
}

/* It goes where the mailbox goes, but for another partition: there it is made anew. */
static void
test_renamed(void **state)
{
	struct mbox *m = open_with_mail("user.joe"), *other;

	(void)state;
	keep(m, subject, 1);
	ranked_write(m);
	assert_int_equal(mblist_rename(f.s, STR("user.joe"), STR("user.jim"), NULL), OK);
	assert_true(is_there(path_of("user/jim")));
	assert_int_equal(first_rank(m, subject), 1);
	keep(m, from, 2);
	ranked_write(m);
	assert_int_equal(first_rank(m, from), 2);
	keep(m, from, 3);
	assert_int_equal(mblist_rename(f.s, STR("user.jim"), STR("user.jim"), "second"), OK);
	ranked_write(m);
	assert_false(is_there(path_of("user/jim")));
	other = fixture_mbox(&f, "user.jim", "joe", 0);
	assert_int_equal(first_rank(other, subject), 0);
	keep(other, subject, 4);
	ranked_write(other);
	assert_int_equal(first_rank(other, subject), 4);
	mbox_close(m);
	mbox_close(other);
	expect_clean_stage();
}

/* Another mailbox's file, an older index, damage: as if it were not there. */
static void
test_not_ours(void **state)
{
	struct mbox *m = open_with_mail("user.joe"), *other;

	(void)state;
	keep(m, subject, 1);
	ranked_write(m);
	fixture_create(&f, "user.jane");
	other = open_with_mail("user.jane");
	fixture_shell("cp %s %s/user/jane/", path_of("user/joe"), f.spool);
	assert_int_equal(first_rank(other, subject), 0);
	keep(other, subject, 2);
	ranked_write(other);
	assert_int_equal(first_rank(other, subject), 2);
	mbox_close(other);

	fixture_shell("printf x | dd of=%s bs=1 seek=70 conv=notrunc 2>/dev/null", path_of("user/joe"));
	assert_int_equal(first_rank(m, subject), 0);
	keep(m, subject, 3);
	ranked_write(m);
	assert_int_equal(first_rank(m, subject), 3);
	fixture_shell(": >%s", path_of("user/joe"));
	assert_int_equal(first_rank(m, subject), 0);
	fixture_shell("rm %s; mkdir %s", path_of("user/joe"), path_of("user/joe"));
	assert_int_equal(first_rank(m, subject), 0);
	keep(m, subject, 3);
	ranked_write(m);
	assert_false(ranked_waits(m));
	assert_int_equal(first_rank(m, subject), 0);
	expect_clean_stage();
	fixture_shell("rmdir %s", path_of("user/joe"));
	mbox_close(m);
}

/* The file knows of a UID that the index has never given. */
static void
test_older_index(void **state)
{
	struct mbox *m = open_with_mail("user.joe");
	struct ranks r;

	(void)state;
	keep(m, subject, 1);
	ranked_write(m);
	assert_int_equal(first_rank(m, subject), 1);
	ranks_new(&r, 1);
	r.uid[0] = 4;
	r.rank[0] = r.highest = 1;
	ranked_keep(m, KEYS, subject, &r);
	ranked_write(m);
	assert_int_equal(first_rank(m, subject), 0);
	fixture_append(m, f.s, "now there is one");
	assert_int_equal(first_rank(m, subject), 1);
	mbox_close(m);
}

/* Who mends a mailbox does not know what of it was sorted by. */
static void
test_reconstructed(void **state)
{
	struct mbox *m = open_with_mail("user.joe");
	struct check_params p = { .dry_run = true };
	struct check_result result;
	struct mbentry *e;

	(void)state;
	keep(m, subject, 1);
	ranked_write(m);
	keep(m, subject, 2);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &e), OK);
	fixture_shell("rm %s/user/joe/2.", f.spool);
	assert_int_equal(check_mailbox(f.s, e, &p, &result), OK);
	assert_true(is_there(path_of("user/joe")));
	p.dry_run = false;
	assert_int_equal(check_mailbox(f.s, e, &p, &result), OK);
	assert_true(result.changed);
	assert_false(is_there(path_of("user/joe")));
	ranked_write(m);
	assert_false(is_there(path_of("user/joe")));
	mbox_close(m);
	/* Who finds nothing wrong lets it be. */
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	keep(m, subject, 1);
	ranked_write(m);
	assert_int_equal(check_mailbox(f.s, e, &p, &result), OK);
	assert_int_equal(first_rank(m, subject), 1);
	mbox_close(m);
}

/* Who is killed before the file has its name leaves it where checkpoints look. */
static void
test_killed(void **state)
{
	char name[] = "00112233445566778899aabbccddeeff", path[200];
	int stage = open_dir("stage"), fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/stage/%s", f.spool, name);
	assert_true(file_try_make(stage, name, "chaparso", 8, 0600, &fd));
	assert_int_equal(store_checkpoint(f.s), OK);
	assert_true(is_there(path));		/* he lives */
	close(fd);
	assert_int_equal(store_checkpoint(f.s), OK);
	assert_false(is_there(path));
	close(stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_limits, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_locked, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_deleted, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_renamed, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_not_ours, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_older_index, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_reconstructed, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_killed, fixture_setup, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
