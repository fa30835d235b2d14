/* test_store_rot.c - files that are not what was written last, and what prevents that */
#include "test/unit/store_fixture.h"

#include "imap/disk/index.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct fixture f;

static int
setup(void **state)
{
	(void)state;
	fixture_open(&f);
	fixture_create(&f, "user.joe");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fixture_close(&f);
	return 0;
}

static void
shell(const char *fmt, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	assert_int_equal(system(command), 0);
}

/* --- a mailbox that is copied to another partition --- */

/* The names that came into the directory, in order; a letter before each. */
static void
read_events(int fd, char *log, size_t size)
{
	char bytes[16384] __attribute__((aligned(8)));
	ssize_t n = read(fd, bytes, sizeof(bytes));

	log[0] = '\0';
	assert_true(n > 0);
	for (ssize_t at = 0; at < n; ) {
		const struct inotify_event *ev = (const struct inotify_event *)(bytes + at);
		size_t have = strlen(log);

		snprintf(log + have, size - have, "%c%s ", ev->mask & IN_CREATE ? '+' :
		    ev->mask & IN_CLOSE_WRITE ? '.' : '>', ev->name);
		at += (ssize_t)sizeof(*ev) + ev->len;
	}
}

/* A cut in the middle of it leaves nothing that looks whole. */
static void
index_of_a_copy_comes_last(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	int fd = inotify_init1(IN_CLOEXEC);
	char log[4096], to[160];
	const char *at;

	(void)state;
	for (int i = 0; i < 10; i++)
		fixture_append(m, f.s, "text");
	mbox_close(m);
	shell("mkdir -p %s/user/joe", f.spool2);
	snprintf(to, sizeof(to), "%s/user/joe", f.spool2);
	assert_true(inotify_add_watch(fd, to,
	    IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO) >= 0);
	assert_int_equal(mblist_rename(f.s, STR("user.joe"), STR("user.joe"), "second"), OK);
	read_events(fd, log, sizeof(log));
	close(fd);
	assert_null(strstr(log, "+cyrus.index "));
	at = strstr(log, ">cyrus.index ");
	assert_non_null(at);
	assert_non_null(strstr(log, ".10. "));
	assert_non_null(strstr(log, ".cyrus.header "));
	/* Behind it only what is done with a mailbox. */
	assert_null(strstr(at, ". "));
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 10);
	fixture_expect_body(m, 10, "text");
	mbox_close(m);
	fixture_check_sums(&f, "user.joe");
}

/* --- the header's sums --- */

static int
open_file(const char *name)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/user/joe/%s", f.spool, name);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	return fd;
}

static void
set_flags(struct mbox *m, uint32_t uid, uint32_t flags)
{
	struct store_params_flags p = { .op = STORE_ADD, .flags = flags };
	struct txn *t = txn_begin(m);

	txn_store(t, &uid, 1, &p);
	assert_int_equal(txn_commit(t), OK);
	txn_abort(t);
}

struct word {
	size_t at, n;
	uint64_t value;
};
#define WORD(field, value) \
	{ offsetof(struct index_header, field), sizeof(((struct index_header *)0)->field), value }

static const struct word words[] = {
	WORD(records, 0), WORD(records, 2), WORD(records, 100), WORD(records, UINT32_MAX),
	WORD(exists, 0), WORD(exists, 1000000), WORD(unseen, 77), WORD(deleted, 77),
	WORD(answered, 77), WORD(flagged, 77), WORD(bytes, 0), WORD(bytes, UINT64_MAX),
	WORD(last_uid, 0), WORD(last_uid, 3), WORD(last_uid, UINT32_MAX),
	WORD(highestmodseq, 0), WORD(highestmodseq, 3), WORD(highestmodseq, UINT64_MAX),
	WORD(changed_modseq, UINT64_MAX), WORD(keywords_changed, 1), WORD(seen_changed, UINT64_MAX),
	WORD(reclaimed_modseq, UINT64_MAX), WORD(applied_lsn, UINT64_MAX),
	WORD(sums_crc, 1),
};

static void
damage_word(const struct word *w)
{
	int fd = open_file("cyrus.index");

	assert_int_equal(pwrite(fd, &w->value, w->n, (off_t)w->at), w->n);
	close(fd);
}

static void
expect_right(struct mbox *m, uint32_t uidnext, uint64_t modseq)
{
	struct mbox_status st;

	assert_int_equal(mbox_status(m, &st), OK);
	assert_int_equal(st.exists, 5);
	assert_int_equal(st.unseen, 4);
	assert_int_equal(st.deleted, 1);
	assert_int_equal(st.uidnext, uidnext);
	assert_true(st.highestmodseq >= modseq && st.highestmodseq < modseq + 100);
	fixture_check_sums(&f, "user.joe");
}

static void
fill_five(struct mbox *m)
{
	for (int i = 0; i < 5; i++)
		fixture_append(m, f.s, "text");
	set_flags(m, 2, MSG_SEEN);
	set_flags(m, 3, MSG_DELETED);
}

/* Whoever meets it first, reader or writer, in a session that goes on or in a new one. */
static void
damaged_sums_are_mended(const struct word *w, bool with_log)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0), *other;
	struct mbox_status st;
	struct mbox_update u;

	fill_five(m);
	if (!with_log)
		assert_int_equal(store_checkpoint(f.s), OK);
	assert_int_equal(mbox_status(m, &st), OK);
	damage_word(w);
	expect_right(m, 6, st.highestmodseq);
	damage_word(w);
	assert_int_equal(fixture_append(m, f.s, "six"), 6);
	damage_word(w);
	assert_int_equal(mbox_refresh(m, f.arena, 0, &u), OK);
	assert_int_equal(mbox_count(m), 6);
	fixture_expect_body(m, 6, "six");
	damage_word(w);
	other = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(other), 6);
	assert_int_equal(mbox_uidnext(other), 7);
	mbox_close(other);
	mbox_close(m);
	/* While the server is stopped. */
	damage_word(w);
	fixture_reopen(&f);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(fixture_append(m, f.s, "seven"), 7);
	mbox_close(m);
	fixture_check_sums(&f, "user.joe");
}

static void
each_damaged_word_is_mended(void **state)
{
	for (size_t i = 0; i < 2 * sizeof(words) / sizeof(words[0]); i++) {
		setup(state);
		damaged_sums_are_mended(&words[i / 2], i % 2 == 0);
		teardown(state);
	}
}

/* Nothing but the witness in cyrus.header knows which UIDs were given. */
static void
witness_knows_the_last_uid(void **state)
{
	const struct word none = WORD(records, 0), low = WORD(last_uid, 0);
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);

	(void)state;
	fill_five(m);
	mbox_close(m);
	assert_int_equal(store_checkpoint(f.s), OK);
	store_close(f.s);
	damage_word(&none);
	damage_word(&low);
	shell("truncate -s %d %s/user/joe/cyrus.index", INDEX_HEADER_SIZE, f.spool);
	assert_int_equal(store_open(&f.params, &f.s), OK);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 0);
	assert_int_equal(mbox_uidnext(m), 6);
	assert_true(mbox_highestmodseq(m) >= 7);
	mbox_close(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_damaged_word_is_mended),
		cmocka_unit_test_setup_teardown(witness_knows_the_last_uid, setup, teardown),
		cmocka_unit_test_setup_teardown(index_of_a_copy_comes_last, setup, teardown),
	};

	return cmocka_run_group_tests_name("store rot", tests, NULL, NULL);
}
