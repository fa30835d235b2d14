/* test_kv_damage.c - ordered key-value databases: files that are not what was written */
#include "test/unit/kv_fixture.h"

#include "lib/buf.h"
#include "lib/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void
write_junk(const char *name, off_t at)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/%s", kv_dir, name);
	int fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	for (int i = 0; i < 400; i++)
		assert_int_equal(pwrite(fd, "JUNKJUNKJUNK", 12, at + 12 * i), 12);
	close(fd);
}

static void
test_damaged_page(void **state)
{
	(void)state;
	struct kv *kv = kv_must_open(KV_CREATE), *other;
	kv_put_one(kv, "a", "1");
	assert_int_equal(kv_checkpoint(kv), OK);
	other = kv_must_open(0);
	assert_int_equal(kv_reset(kv_dir, "test.db"), OK);	/* nothing is wrong */
	kv_expect(kv, "a", "1");
	kv_die_inside(true);		/* so that the cache goes */
	write_junk("test.db", 4096);
	enum err e = kv_get(kv, STR("a"), NULL);
	assert_int_equal(e, ERR_CORRUPT);
	assert_int_equal(kv_get(kv, STR("a"), NULL), ERR_CORRUPT);
	kv_close(kv);
	uint64_t changes = kv_changes(other);
	assert_int_equal(kv_reset(kv_dir, "test.db"), OK);
	assert_int_not_equal(kv_changes(other), changes);
	assert_int_equal(kv_get(other, STR("a"), NULL), ERR_STALE);
	assert_int_equal(kv_reset(kv_dir, "test.db"), OK);
	kv = kv_must_open(KV_CREATE);
	assert_int_equal(kv_get(other, STR("a"), NULL), ERR_STALE);
	kv_close(other);
	kv_expect(kv, "a", NULL);
	kv_put_one(kv, "a", "2");
	kv_close(kv);
}

static void
test_damaged_log(void **state)
{
	(void)state;
	struct kv *kv = kv_must_open(KV_CREATE);
	for (int i = 0; i < 100; i++)
		kv_put_one(kv, "a", "1");
	assert_int_equal(kv_checkpoint(kv), OK);
	kv_put_one(kv, "b", "1");
	kv_close(kv);
	write_junk("log.0000000001", 0);
	assert_int_equal(kv_open(kv_dir, "test.db", KV_CREATE, &kv), ERR_CORRUPT);
	assert_null(kv);
	assert_int_equal(kv_reset(kv_dir, "test.db"), OK);
	kv = kv_must_open(KV_CREATE);
	kv_expect(kv, "b", NULL);
	kv_close(kv);
}

static void
test_log_deleted(void **state)
{
	(void)state;
	struct kv *kv = kv_must_open(KV_CREATE);
	for (int i = 0; i < 100; i++)
		kv_put_one(kv, "a", "1");
	assert_int_equal(kv_checkpoint(kv), OK);
	kv_close(kv);
	char path[160];
	snprintf(path, sizeof(path), "%s/log.0000000001", kv_dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(kv_open(kv_dir, "test.db", KV_CREATE, &kv), ERR_CORRUPT);
	assert_int_equal(kv_reset(kv_dir, "test.db"), OK);
	kv_close(kv_must_open(KV_CREATE));
}

/*
 * Rot in what no checkpoint has covered: the log is taken for one that ends
 * there, but the commits are counted elsewhere, too.
 */
static void
test_commits_missing(void **state)
{
	(void)state;
	char path[160], zeros[512] = { 0 };
	struct kv *kv = kv_must_open(KV_CREATE | KV_DURABLE);
	kv_put_one(kv, "a", "1");
	assert_int_equal(kv_checkpoint(kv), OK);
	snprintf(path, sizeof(path), "%s/log.0000000001", kv_dir);
	int fd = open(path, O_RDWR);
	kv_put_one(kv, "a", "2");
	kv_close(kv);
	/* A start is no damage.  What follows its recovery is only in the log. */
	kv = kv_must_open(KV_DURABLE);
	kv_put_one(kv, "b", "2");
	kv_close(kv);
	kv = kv_must_open(KV_DURABLE);
	kv_expect(kv, "b", "2");
	for (int i = 0; i < 50; i++)
		kv_put_one(kv, "b", "3");
	kv_close(kv);
	/* What follows the last record is room that was kept. */
	struct buf log = BUF_INIT;
	assert_int_equal(file_slurp(AT_FDCWD, path, 2 << 20, &log), OK);
	off_t size = (off_t)log.n;
	while (size > 0 && log.p[size - 1] == '\0')
		size--;
	buf_free(&log);
	size = size / 512 * 512 - 2048;
	assert_int_equal(pwrite(fd, zeros, sizeof(zeros), size), sizeof(zeros));
	close(fd);
	assert_int_equal(kv_open(kv_dir, "test.db", KV_CREATE | KV_DURABLE, &kv), ERR_CORRUPT);
	assert_int_equal(kv_open(kv_dir, "test.db", KV_CREATE | KV_DURABLE, &kv), ERR_CORRUPT);
	assert_int_equal(kv_reset(kv_dir, "test.db"), OK);
	kv = kv_must_open(KV_CREATE | KV_DURABLE);
	kv_expect(kv, "a", NULL);
	kv_put_one(kv, "a", "1");
	kv_close(kv);
	kv_close(kv_must_open(KV_DURABLE));
}

enum { MANY = 1000 };

static bool
count_pair(void *ctx, struct str key, struct str value)
{
	(void)key; (void)value;
	++*(int *)ctx;
	return true;
}

/* All of them, or the database is told to be damaged. */
static void
zeroed_page(off_t at)
{
	char path[160], zeros[4096] = { 0 }, key[200];
	struct kv *kv = kv_must_open(KV_CREATE | KV_DURABLE);
	struct kv_txn *txn;
	int n = 0;
	assert_int_equal(kv_begin(kv, &txn), OK);
	for (int i = 0; i < MANY; i++) {
		snprintf(key, sizeof(key), "%0150d", i);
		assert_int_equal(kv_put(txn, str_c(key), STR("1")), OK);
	}
	assert_int_equal(kv_commit(txn), OK);
	assert_int_equal(kv_verify(kv), OK);
	assert_int_equal(kv_checkpoint(kv), OK);
	kv_put_one(kv, "x", "1");
	kv_close(kv);
	snprintf(path, sizeof(path), "%s/test.db", kv_dir);
	int fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, zeros, sizeof(zeros), at), sizeof(zeros));
	close(fd);
	enum err e = kv_open(kv_dir, "test.db", KV_DURABLE, &kv);
	bool is_open = e == OK;
	if (e == OK)
		e = kv_verify(kv);
	if (e == OK)
		e = kv_walk(kv, STR(""), STR(""), count_pair, &n);
	if (e == OK)
		assert_int_equal(n, MANY + 1);
	else
		assert_int_equal(e, ERR_CORRUPT);
	if (is_open)
		kv_close(kv);
	if (e != OK)	/* and that stays so */
		assert_int_equal(kv_open(kv_dir, "test.db", KV_DURABLE, &kv), ERR_CORRUPT);
}

static void
test_zeroed_pages(void **state)
{
	int found = 0;
	for (off_t page = 0; page < 60; page++) {
		kv_fixture_setup(state);
		zeroed_page(page * 4096);
		found++;
		kv_fixture_teardown(state);
	}
	assert_int_equal(found, 60);
}

/* Who knows what the values mean finds them wrong. */
static void
test_condemned(void **state)
{
	(void)state;
	struct kv *kv = kv_must_open(KV_CREATE | KV_DURABLE), *other = kv_must_open(0);
	struct kv_txn *txn;
	kv_put_one(kv, "a", "1");
	kv_condemn(kv, "a test");
	assert_int_equal(kv_get(other, STR("a"), NULL), ERR_CORRUPT);
	assert_int_equal(kv_get(kv, STR("a"), NULL), ERR_CORRUPT);
	kv_close(kv);
	assert_int_equal(kv_open(kv_dir, "test.db", KV_CREATE | KV_DURABLE, &kv), ERR_CORRUPT);
	assert_int_equal(kv_reset(kv_dir, "test.db"), OK);
	assert_int_equal(kv_get(other, STR("a"), NULL), ERR_STALE);
	kv_close(other);
	/* In the middle of a transaction. */
	kv = kv_must_open(KV_CREATE | KV_DURABLE);
	assert_int_equal(kv_begin(kv, &txn), OK);
	kv_condemn(kv, "a test");
	kv_abort(txn);
	assert_int_equal(kv_get(kv, STR("a"), NULL), ERR_CORRUPT);
	kv_close(kv);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, kv_fixture_setup, kv_fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_damaged_page),
		T(test_damaged_log),
		T(test_commits_missing),
		cmocka_unit_test(test_zeroed_pages),
		T(test_condemned),
		T(test_log_deleted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
