/* test_kv.c - ordered key-value databases: what is put in is there, in order, with limits */
#include "test/unit/kv_fixture.h"

#include "lib/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static void
test_open(void **state)
{
	(void)state;
	struct kv *kv;
	assert_int_equal(kv_open(kv_dir, "test.db", 0, &kv), ERR_NOTFOUND);
	assert_null(kv);
	kv = kv_must_open(KV_CREATE);
	kv_put_one(kv, "a", "1");
	struct kv *other = kv_must_open(0);
	kv_expect(other, "a", "1");
	kv_close(kv);
	kv_expect(other, "a", "1");
	kv_close(other);
	kv = kv_must_open(0);
	kv_expect(kv, "a", "1");
	kv_close(kv);
	kv_close(NULL);
	assert_int_equal(kv_open(kv_dir, "other.db", 0, &kv), ERR_NOTFOUND);
}

static void
test_get_put_del(void **state)
{
	(void)state;
	struct kv *kv = kv_must_open(KV_CREATE | KV_DURABLE), *other = kv_must_open(0);
	struct kv_txn *txn;
	struct buf b = BUF_INIT;

	kv_expect(kv, "k", NULL);
	kv_put_one(kv, "k", "");
	kv_expect(other, "k", "");
	kv_put_one(kv, "k", "v");
	kv_expect(other, "k", "v");
	buf_adds(&b, "before ");
	assert_int_equal(kv_get(kv, STR("k"), &b), OK);
	assert_string_equal(b.p, "before v");

	assert_int_equal(kv_begin(kv, &txn), OK);
	assert_int_equal(kv_del(txn, STR("k")), OK);
	assert_int_equal(kv_del(txn, STR("k")), ERR_NOTFOUND);
	assert_int_equal(kv_txn_get(txn, STR("k"), NULL), ERR_NOTFOUND);
	assert_int_equal(kv_put(txn, STR("l"), STR("w")), OK);
	buf_reset(&b);
	assert_int_equal(kv_txn_get(txn, STR("l"), &b), OK);
	assert_string_equal(b.p, "w");
	kv_expect(kv, "l", "w");		/* the same handle reads within it */
	kv_abort(txn);
	kv_expect(other, "k", "v");
	kv_expect(kv, "l", NULL);
	kv_abort(NULL);
	buf_free(&b);
	kv_close(other);
	kv_close(kv);
}

static void
test_limits(void **state)
{
	(void)state;
	struct kv *kv = kv_must_open(KV_CREATE);
	struct kv_txn *txn;
	struct buf key = BUF_INIT, value = BUF_INIT, b = BUF_INIT;

	memset(buf_reserve(&key, KV_KEY_MAX + 1), 'k', KV_KEY_MAX + 1);
	key.n = KV_KEY_MAX;
	memset(buf_reserve(&value, KV_VALUE_MAX + 1), 'v', KV_VALUE_MAX + 1);
	value.n = KV_VALUE_MAX;
	assert_int_equal(kv_begin(kv, &txn), OK);
	assert_int_equal(kv_put(txn, buf_str(&key), buf_str(&value)), OK);
	assert_int_equal(kv_put(txn, STR("\0\xff"), STR("\0\n\0")), OK);
	key.n++;
	assert_int_equal(kv_put(txn, buf_str(&key), STR("")), ERR_LIMIT);
	assert_int_equal(kv_put(txn, STR(""), STR("")), ERR_LIMIT);
	value.n++;
	assert_int_equal(kv_put(txn, STR("x"), buf_str(&value)), ERR_LIMIT);
	assert_int_equal(kv_del(txn, STR("")), ERR_NOTFOUND);
	assert_int_equal(kv_commit(txn), OK);

	key.n = KV_KEY_MAX;
	value.n = KV_VALUE_MAX;
	assert_int_equal(kv_get(kv, buf_str(&key), &b), OK);
	assert_true(str_eq(buf_str(&b), buf_str(&value)));
	buf_reset(&b);
	assert_int_equal(kv_get(kv, STR("\0\xff"), &b), OK);
	assert_true(str_eq(buf_str(&b), STR("\0\n\0")));
	assert_int_equal(kv_get(kv, STR("\0"), &b), ERR_NOTFOUND);
	assert_int_equal(kv_get(kv, STR(""), &b), ERR_NOTFOUND);
	buf_free(&key);
	buf_free(&value);
	buf_free(&b);
	kv_close(kv);
}

struct seen {
	struct buf text;
	int stop_after;		/* 0: never */
	int n;
	struct kv *kv;		/* to be used within the walk, or NULL */
};

static bool
see(void *ctx, struct str key, struct str value)
{
	struct seen *s = ctx;
	buf_add_str(&s->text, key);
	buf_addc(&s->text, '=');
	buf_printf(&s->text, "%zu ", value.n);
	if (s->kv != NULL) {
		struct buf b = BUF_INIT;
		assert_int_equal(kv_get(s->kv, key, &b), OK);
		assert_true(str_eq(buf_str(&b), value));
		buf_free(&b);
		kv_put_one(s->kv, "zz", "written during a walk");
	}
	return ++s->n != s->stop_after;
}

static void
test_walk(void **state)
{
	(void)state;
	static const struct {
		const char *prefix, *from, *want;
		int stop_after;
	} rows[] = {
		{ "", "", "a=1 a.=2 a.b=3 a.c=1 b=0 ", 0 },
		{ "a", "", "a=1 a.=2 a.b=3 a.c=1 ", 0 },
		{ "a.", "", "a.=2 a.b=3 a.c=1 ", 0 },
		{ "a.", "a.a", "a.b=3 a.c=1 ", 0 },
		{ "a.", "a.b", "a.b=3 a.c=1 ", 0 },
		{ "a.", "a.", "a.=2 a.b=3 a.c=1 ", 0 },
		{ "a.", "A", "a.=2 a.b=3 a.c=1 ", 0 },
		{ "a.", "b", "", 0 },
		{ "a.", "a", "a.=2 ", 1 },
		{ "c", "", "", 0 },
		{ "a.b", "", "a.b=3 ", 0 },
		{ "", "a.c", "a.c=1 b=0 ", 0 },
	};
	struct kv *kv = kv_must_open(KV_CREATE);
	struct kv_txn *txn;

	kv_put_one(kv, "b", "");
	kv_put_one(kv, "a.c", "3");
	kv_put_one(kv, "a.b", "333");
	kv_put_one(kv, "a", "1");
	kv_put_one(kv, "a.", "22");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seen s = { BUF_INIT, rows[i].stop_after, 0, NULL };
		assert_int_equal(kv_walk(kv, str_c(rows[i].prefix), str_c(rows[i].from),
		    see, &s), OK);
		assert_string_equal(s.text.p, rows[i].want);
		buf_reset(&s.text);
		s.n = 0;
		assert_int_equal(kv_begin(kv, &txn), OK);
		assert_int_equal(kv_txn_walk(txn, str_c(rows[i].prefix),
		    str_c(rows[i].from), see, &s), OK);
		kv_abort(txn);
		assert_string_equal(s.text.p, rows[i].want);
		buf_free(&s.text);
	}
	struct seen s = { BUF_INIT, 0, 0, kv };
	assert_int_equal(kv_walk(kv, STR("a"), STR(""), see, &s), OK);
	assert_int_equal(s.n, 4);
	kv_expect(kv, "zz", "written during a walk");
	buf_free(&s.text);
	kv_close(kv);
}

struct count {
	uint64_t next;
	size_t bytes;
};

static bool
count_one(void *ctx, struct str key, struct str value)
{
	struct count *c = ctx;
	char want[32];
	snprintf(want, sizeof(want), "m%08llu", (unsigned long long)c->next++);
	assert_true(str_eq(key, str_c(want)));
	c->bytes += value.n;
	return true;
}

/* Many batches, and single values larger than a batch. */
static void
test_long_walk(void **state)
{
	(void)state;
	enum { N = 20000 };
	struct kv *kv = kv_must_open(KV_CREATE);
	struct kv_txn *txn;
	struct buf v = BUF_INIT;
	size_t bytes = 0;

	memset(buf_reserve(&v, 300000), 'x', 300000);
	assert_int_equal(kv_begin(kv, &txn), OK);
	for (unsigned i = 0; i < N; i++) {
		char key[32];
		snprintf(key, sizeof(key), "m%08u", i);
		v.n = i % 5000 == 77 ? 300000 - i : i % 100;
		bytes += v.n;
		assert_int_equal(kv_put(txn, str_c(key), buf_str(&v)), OK);
	}
	struct count c = { 0, 0 };
	assert_int_equal(kv_txn_walk(txn, STR("m"), STR(""), count_one, &c), OK);
	assert_int_equal(c.next, N);
	assert_int_equal(kv_commit(txn), OK);
	c = (struct count){ 0, 0 };
	assert_int_equal(kv_walk(kv, STR("m"), STR(""), count_one, &c), OK);
	assert_int_equal(c.next, N);
	assert_int_equal(c.bytes, bytes);
	buf_free(&v);
	kv_close(kv);
}

static void
test_changes(void **state)
{
	(void)state;
	struct kv *kv = kv_must_open(KV_CREATE), *other = kv_must_open(0);
	uint64_t before = kv_changes(kv);
	assert_int_equal(kv_changes(other), before);
	kv_expect(kv, "a", NULL);
	assert_int_equal(kv_changes(kv), before);
	kv_put_one(other, "a", "1");
	assert_int_not_equal(kv_changes(kv), before);
	assert_int_equal(kv_changes(kv), kv_changes(other));
	kv_close(kv);
	kv_close(other);
}

static size_t
log_files(void)
{
	size_t n = 0;
	for (int i = 1; i < 100; i++) {
		char path[160];
		snprintf(path, sizeof(path), "%s/log.%010d", kv_dir, i);
		n += access(path, F_OK) == 0;
	}
	return n;
}

static void
test_checkpoint(void **state)
{
	(void)state;
	struct kv *kv = kv_must_open(KV_CREATE);
	struct buf v = BUF_INIT;

	memset(buf_reserve(&v, 100000), 'x', 100000);
	v.n = 100000;
	for (int i = 0; i < 300; i++) {		/* 30 MB of log */
		struct kv_txn *txn;
		assert_int_equal(kv_begin(kv, &txn), OK);
		assert_int_equal(kv_put(txn, STR("k"), buf_str(&v)), OK);
		assert_int_equal(kv_commit(txn), OK);
	}
	assert_in_range(log_files(), 1, 16);
	assert_int_equal(kv_checkpoint(kv), OK);
	assert_in_range(log_files(), 1, 3);
	buf_free(&v);
	kv_close(kv);
}

/* The disk is full, as far as a file size limit can play that. */
static void
test_full(void **state)
{
	(void)state;
	struct kv *kv = kv_must_open(KV_CREATE);
	struct rlimit old, low = { 0, RLIM_INFINITY };
	struct buf v = BUF_INIT;
	enum err e = OK;

	kv_put_one(kv, "a", "1");
	assert_int_equal(kv_checkpoint(kv), OK);
	memset(buf_reserve(&v, 60000), 'x', 60000);
	v.n = 60000;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low.rlim_cur = 300000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	char key[16] = "k000";
	int done = 0;
	for (int i = 0; i < 20 && e == OK; i++) {
		struct kv_txn *txn;
		snprintf(key, sizeof(key), "k%03d", i);
		assert_int_equal(kv_begin(kv, &txn), OK);
		e = kv_put(txn, str_c(key), buf_str(&v));
		enum err c = kv_commit(txn);
		e = e != OK ? e : c;
		done += e == OK;
	}
	assert_int_equal(e, ERR_NOSPACE);
	assert_int_not_equal(kv_get(kv, STR("a"), NULL), ERR_CORRUPT);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	kv_expect(kv, "a", "1");
	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof(key), "k%03d", i);
		assert_int_equal(kv_get(kv, str_c(key), NULL), i < done ? OK : ERR_NOTFOUND);
	}
	kv_put_one(kv, "b", "2");
	kv_expect(kv, "b", "2");
	buf_free(&v);
	kv_close(kv);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, kv_fixture_setup, kv_fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_open),
		T(test_get_put_del),
		T(test_limits),
		T(test_walk),
		T(test_long_walk),
		T(test_changes),
		T(test_checkpoint),
		T(test_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
