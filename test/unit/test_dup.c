/* test_dup.c - deliver.db: remembers deliveries, forgets old ones */
#include "test/unit/store_fixture.h"

#include "imap/store/list/dup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static int64_t
when(struct str msgid, const struct id128 *id)
{
	int64_t t;

	assert_int_equal(dup_check(f.s, msgid, id, &t), OK);
	return t;
}

static void
remembers(void **state)
{
	struct id128 a = id128_new(), b = id128_new();
	char longer[3000], other[3000];

	(void)state;
	memset(longer, 'x', sizeof(longer));
	memset(other, 'x', sizeof(other));
	other[2999] = 'y';
	assert_int_equal(when(STR("<1@x>"), &a), 0);
	dup_mark(f.s, STR("<1@x>"), &a, 1000, 5);
	assert_int_equal(when(STR("<1@x>"), &a), 1000);
	assert_int_equal(when(STR("<1@x>"), &b), 0);
	assert_int_equal(when(STR("<2@x>"), &a), 0);
	dup_mark(f.s, (struct str){ longer, sizeof(longer) }, &a, 2000, 6);
	assert_int_equal(when((struct str){ longer, sizeof(longer) }, &a), 2000);
	assert_int_equal(when((struct str){ other, sizeof(other) }, &a), 0);
	fixture_reopen(&f);
	assert_int_equal(when(STR("<1@x>"), &a), 1000);
}

static void
forgets(void **state)
{
	struct id128 id = id128_new();
	uint64_t removed;
	char msgid[40];
	int64_t now = time(NULL);

	(void)state;
	for (int i = 0; i < 1300; i++) {
		snprintf(msgid, sizeof(msgid), "<%d@x>", i);
		dup_mark(f.s, str_c(msgid), &id, now - (i % 2) * 1000, 1);
	}
	assert_int_equal(dup_prune(f.s, 500, &removed), OK);
	assert_int_equal(removed, 650);
	assert_int_equal(when(STR("<0@x>"), &id), now);
	assert_int_equal(when(STR("<1@x>"), &id), 0);
	assert_int_equal(when(STR("<1299@x>"), &id), 0);
	assert_int_equal(dup_prune(f.s, 500, &removed), OK);
	assert_int_equal(removed, 0);
	assert_int_equal(dup_prune(f.s, -1, &removed), OK);
	assert_int_equal(removed, 650);
}

static off_t
file_length(void)
{
	char path[160];
	struct stat st;

	snprintf(path, sizeof(path), "%s/deliver/deliver.db", f.config);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* Every day some come and some are too old: the file does not grow. */
static void
stays_small(void **state)
{
	struct id128 id = id128_new();
	int64_t now = time(NULL);
	uint64_t removed;
	char msgid[80];
	off_t most;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		snprintf(msgid, sizeof(msgid), "<%d.%x@host.example.org>", i, i * 2654435761U);
		dup_mark(f.s, str_c(msgid), &id, now - (i % 10 == 0 ? 0 : 1000), 1);
	}
	/* Its pages are written by a checkpoint. */
	fixture_reopen(&f);
	assert_int_equal(when(STR("<0.0@host.example.org>"), &id), now);
	most = file_length();
	assert_int_equal(dup_prune(f.s, 500, &removed), OK);
	assert_int_equal(removed, 2700);
	assert_int_equal(when(STR("<0.0@host.example.org>"), &id), now);
	assert_true(file_length() < most / 3);
	for (int i = 0; i < 3000; i += 10) {
		snprintf(msgid, sizeof(msgid), "<%d.%x@host.example.org>", i, i * 2654435761U);
		assert_int_equal(when(str_c(msgid), &id), now);
	}
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, fixture_setup_empty, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(remembers),
		TEST(forgets),
		TEST(stays_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
