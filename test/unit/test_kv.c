/*
 * test_kv.c - ordered key-value databases
 *
 * Two handles in one process stand for two processes: they share nothing but
 * the files.  What kills do is test/crash/kv_kill.c's.
 */
#include "lib/buf.h"
#include "lib/file.h"
#include "lib/kv.h"
#include "lib/kv_state.h"
#include "lib/log.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char top[64], dir[128];

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st; (void)type; (void)f;
	return remove(path);
}

static int
setup(void **state)
{
	(void)state;
	log_open("test_kv", "/dev/null", 0);
	snprintf(top, sizeof(top), "/tmp/test_kv.XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/db", top);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct kv *
must_open(unsigned flags)
{
	struct kv *kv = NULL;
	assert_int_equal(kv_open(dir, "test.db", flags, &kv), OK);
	assert_non_null(kv);
	return kv;
}

static void
put_one(struct kv *kv, const char *key, const char *value)
{
	struct kv_txn *txn;
	assert_int_equal(kv_begin(kv, &txn), OK);
	assert_int_equal(kv_put(txn, str_c(key), str_c(value)), OK);
	assert_int_equal(kv_commit(txn), OK);
}

static void
expect(struct kv *kv, const char *key, const char *value)
{
	struct buf b = BUF_INIT;
	enum err e = kv_get(kv, str_c(key), &b);
	assert_int_equal(e, value != NULL ? OK : ERR_NOTFOUND);
	assert_string_equal(b.p, value != NULL ? value : "");
	assert_int_equal(kv_get(kv, str_c(key), NULL), e);
	buf_free(&b);
}

static void
test_open(void **state)
{
	(void)state;
	struct kv *kv;
	assert_int_equal(kv_open(dir, "test.db", 0, &kv), ERR_NOTFOUND);
	assert_null(kv);
	kv = must_open(KV_CREATE);
	put_one(kv, "a", "1");
	struct kv *other = must_open(0);
	expect(other, "a", "1");
	kv_close(kv);
	expect(other, "a", "1");
	kv_close(other);
	kv = must_open(0);
	expect(kv, "a", "1");
	kv_close(kv);
	kv_close(NULL);
	assert_int_equal(kv_open(dir, "other.db", 0, &kv), ERR_NOTFOUND);
}

/* Stands before libc's: fails for the database's directory if so told. */
static bool attach_fails;

int
flock(int fd, int how)
{
	struct stat st;

	if (attach_fails && how == (LOCK_EX | LOCK_NB) && fstat(fd, &st) == 0
	    && S_ISDIR(st.st_mode)) {
		errno = ENOLCK;
		return -1;
	}
	return (int)syscall(SYS_flock, fd, how);
}

/* Else regions of a machine's last life would be joined, not recovered. */
static void
test_who_cannot_know_whether_he_is_first(void **state)
{
	(void)state;
	struct kv *kv = must_open(KV_CREATE);
	kv_close(kv);
	attach_fails = true;
	assert_int_equal(kv_open(dir, "test.db", 0, &kv), ERR_IO);
	attach_fails = false;
	kv_close(must_open(0));
}

static int fails_in;		/* calls; 0: never */

/* In the C library's place, for libdb too. */
struct dirent *readdir(DIR *d) __attribute__((visibility("default")));
struct dirent *
readdir(DIR *d)
{
	static struct dirent *(*real)(DIR *);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "readdir");
	if (fails_in > 0 && --fails_in == 0) {
		errno = EIO;
		return NULL;
	}
	return real(d);
}

/* A folder that cannot be read to its end does not lack what was not seen. */
static void
test_unread_folder(void **state)
{
	(void)state;
	struct kv *kv = must_open(KV_CREATE);
	int refused = 0;

	put_one(kv, "a", "1");
	kv_close(kv);
	for (int n = 1; n < 60; n++) {
		fails_in = n;
		enum err e = kv_open(dir, "test.db", 0, &kv);
		fails_in = 0;
		refused += e != OK;
		kv = e == OK ? kv : must_open(0);
		expect(kv, "a", "1");
		put_one(kv, "a", "1");
		kv_close(kv);
	}
	assert_true(refused > 0);
}

static void
test_get_put_del(void **state)
{
	(void)state;
	struct kv *kv = must_open(KV_CREATE | KV_DURABLE), *other = must_open(0);
	struct kv_txn *txn;
	struct buf b = BUF_INIT;

	expect(kv, "k", NULL);
	put_one(kv, "k", "");
	expect(other, "k", "");
	put_one(kv, "k", "v");
	expect(other, "k", "v");
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
	expect(kv, "l", "w");		/* the same handle reads within it */
	kv_abort(txn);
	expect(other, "k", "v");
	expect(kv, "l", NULL);
	kv_abort(NULL);
	buf_free(&b);
	kv_close(other);
	kv_close(kv);
}

static void
test_limits(void **state)
{
	(void)state;
	struct kv *kv = must_open(KV_CREATE);
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
		put_one(s->kv, "zz", "written during a walk");
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
	struct kv *kv = must_open(KV_CREATE);
	struct kv_txn *txn;

	put_one(kv, "b", "");
	put_one(kv, "a.c", "3");
	put_one(kv, "a.b", "333");
	put_one(kv, "a", "1");
	put_one(kv, "a.", "22");
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
	expect(kv, "zz", "written during a walk");
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
	struct kv *kv = must_open(KV_CREATE);
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
	struct kv *kv = must_open(KV_CREATE), *other = must_open(0);
	uint64_t before = kv_changes(kv);
	assert_int_equal(kv_changes(other), before);
	expect(kv, "a", NULL);
	assert_int_equal(kv_changes(kv), before);
	put_one(other, "a", "1");
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
		snprintf(path, sizeof(path), "%s/log.%010d", dir, i);
		n += access(path, F_OK) == 0;
	}
	return n;
}

static void
test_checkpoint(void **state)
{
	(void)state;
	struct kv *kv = must_open(KV_CREATE);
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

/* Who stops while he is inside, as a kill does; in a transaction or not. */
static void
die_inside(bool in_txn)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct kv *kv;
		struct kv_txn *txn;
		if (kv_open(dir, "test.db", 0, &kv) != OK
		    || kv_begin(kv, &txn) != OK
		    || kv_put(txn, STR("dead"), STR("1")) != OK)
			_exit(1);
		if (!in_txn && kv_commit(txn) != OK)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void
test_death(void **state)
{
	(void)state;
	struct kv *kv = must_open(KV_CREATE), *other = must_open(0);
	put_one(kv, "a", "1");
	die_inside(true);
	expect(kv, "dead", NULL);
	expect(other, "dead", NULL);	/* who did not recover has to join anew */
	put_one(other, "b", "2");
	expect(kv, "b", "2");
	die_inside(false);
	expect(kv, "dead", "1");
	die_inside(true);
	kv_close(kv);			/* with stale handles */
	expect(other, "b", "2");
	kv_close(other);
}

static uint64_t
epoch(void)
{
	struct kv_state st;

	assert_int_equal(kv_state_open(dir, false, &st), OK);
	uint64_t n = atomic_load(&st.page->epoch);
	kv_state_close(&st);
	return n;
}

/* A child that closes its parent's handles leaves what others work with alone. */
static void
test_close_of_anothers(void **state)
{
	(void)state;
	struct kv *kv = must_open(KV_CREATE), *other = must_open(0);
	uint64_t was = epoch();
	int status;

	put_one(kv, "a", "1");
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		kv_close(kv);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	expect(kv, "a", "1");
	put_one(other, "b", "2");
	expect(kv, "b", "2");
	assert_int_equal(epoch(), was);		/* nobody had to recover */
	kv_close(kv);
	kv_close(other);
}

static void
write_junk(const char *name, off_t at)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
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
	struct kv *kv = must_open(KV_CREATE), *other;
	put_one(kv, "a", "1");
	assert_int_equal(kv_checkpoint(kv), OK);
	other = must_open(0);
	assert_int_equal(kv_reset(dir, "test.db"), OK);	/* nothing is wrong */
	expect(kv, "a", "1");
	die_inside(true);		/* so that the cache goes */
	write_junk("test.db", 4096);
	enum err e = kv_get(kv, STR("a"), NULL);
	assert_int_equal(e, ERR_CORRUPT);
	assert_int_equal(kv_get(kv, STR("a"), NULL), ERR_CORRUPT);
	kv_close(kv);
	uint64_t changes = kv_changes(other);
	assert_int_equal(kv_reset(dir, "test.db"), OK);
	assert_int_not_equal(kv_changes(other), changes);
	assert_int_equal(kv_get(other, STR("a"), NULL), ERR_STALE);
	assert_int_equal(kv_reset(dir, "test.db"), OK);
	kv = must_open(KV_CREATE);
	assert_int_equal(kv_get(other, STR("a"), NULL), ERR_STALE);
	kv_close(other);
	expect(kv, "a", NULL);
	put_one(kv, "a", "2");
	kv_close(kv);
}

static void
test_damaged_log(void **state)
{
	(void)state;
	struct kv *kv = must_open(KV_CREATE);
	for (int i = 0; i < 100; i++)
		put_one(kv, "a", "1");
	assert_int_equal(kv_checkpoint(kv), OK);
	put_one(kv, "b", "1");
	kv_close(kv);
	write_junk("log.0000000001", 0);
	assert_int_equal(kv_open(dir, "test.db", KV_CREATE, &kv), ERR_CORRUPT);
	assert_null(kv);
	assert_int_equal(kv_reset(dir, "test.db"), OK);
	kv = must_open(KV_CREATE);
	expect(kv, "b", NULL);
	kv_close(kv);
}

static void
test_log_deleted(void **state)
{
	(void)state;
	struct kv *kv = must_open(KV_CREATE);
	for (int i = 0; i < 100; i++)
		put_one(kv, "a", "1");
	assert_int_equal(kv_checkpoint(kv), OK);
	kv_close(kv);
	char path[160];
	snprintf(path, sizeof(path), "%s/log.0000000001", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(kv_open(dir, "test.db", KV_CREATE, &kv), ERR_CORRUPT);
	assert_int_equal(kv_reset(dir, "test.db"), OK);
	kv_close(must_open(KV_CREATE));
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
	struct kv *kv = must_open(KV_CREATE | KV_DURABLE);
	put_one(kv, "a", "1");
	assert_int_equal(kv_checkpoint(kv), OK);
	snprintf(path, sizeof(path), "%s/log.0000000001", dir);
	int fd = open(path, O_RDWR);
	put_one(kv, "a", "2");
	kv_close(kv);
	/* A start is no damage.  What follows its recovery is only in the log. */
	kv = must_open(KV_DURABLE);
	put_one(kv, "b", "2");
	kv_close(kv);
	kv = must_open(KV_DURABLE);
	expect(kv, "b", "2");
	for (int i = 0; i < 50; i++)
		put_one(kv, "b", "3");
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
	assert_int_equal(kv_open(dir, "test.db", KV_CREATE | KV_DURABLE, &kv), ERR_CORRUPT);
	assert_int_equal(kv_open(dir, "test.db", KV_CREATE | KV_DURABLE, &kv), ERR_CORRUPT);
	assert_int_equal(kv_reset(dir, "test.db"), OK);
	kv = must_open(KV_CREATE | KV_DURABLE);
	expect(kv, "a", NULL);
	put_one(kv, "a", "1");
	kv_close(kv);
	kv_close(must_open(KV_DURABLE));
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
	struct kv *kv = must_open(KV_CREATE | KV_DURABLE);
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
	put_one(kv, "x", "1");
	kv_close(kv);
	snprintf(path, sizeof(path), "%s/test.db", dir);
	int fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, zeros, sizeof(zeros), at), sizeof(zeros));
	close(fd);
	enum err e = kv_open(dir, "test.db", KV_DURABLE, &kv);
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
		assert_int_equal(kv_open(dir, "test.db", KV_DURABLE, &kv), ERR_CORRUPT);
}

static void
test_zeroed_pages(void **state)
{
	int found = 0;
	for (off_t page = 0; page < 60; page++) {
		setup(state);
		zeroed_page(page * 4096);
		found++;
		teardown(state);
	}
	assert_int_equal(found, 60);
}

/* Who knows what the values mean finds them wrong. */
static void
test_condemned(void **state)
{
	(void)state;
	struct kv *kv = must_open(KV_CREATE | KV_DURABLE), *other = must_open(0);
	struct kv_txn *txn;
	put_one(kv, "a", "1");
	kv_condemn(kv, "a test");
	assert_int_equal(kv_get(other, STR("a"), NULL), ERR_CORRUPT);
	assert_int_equal(kv_get(kv, STR("a"), NULL), ERR_CORRUPT);
	kv_close(kv);
	assert_int_equal(kv_open(dir, "test.db", KV_CREATE | KV_DURABLE, &kv), ERR_CORRUPT);
	assert_int_equal(kv_reset(dir, "test.db"), OK);
	assert_int_equal(kv_get(other, STR("a"), NULL), ERR_STALE);
	kv_close(other);
	/* In the middle of a transaction. */
	kv = must_open(KV_CREATE | KV_DURABLE);
	assert_int_equal(kv_begin(kv, &txn), OK);
	kv_condemn(kv, "a test");
	kv_abort(txn);
	assert_int_equal(kv_get(kv, STR("a"), NULL), ERR_CORRUPT);
	kv_close(kv);
}

/* What an administrator does who knows Cyrus: deletes the lot while we run. */
static void
test_deleted(void **state)
{
	(void)state;
	struct kv *kv = must_open(KV_CREATE);
	put_one(kv, "a", "1");
	assert_int_equal(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	assert_int_equal(kv_get(kv, STR("a"), NULL), ERR_STALE);
	struct kv *other = must_open(KV_CREATE);
	assert_int_equal(kv_get(kv, STR("a"), NULL), ERR_STALE);
	put_one(other, "a", "2");
	kv_close(kv);
	kv_close(other);
}

/* The disk is full, as far as a file size limit can play that. */
static void
test_full(void **state)
{
	(void)state;
	struct kv *kv = must_open(KV_CREATE);
	struct rlimit old, low = { 0, RLIM_INFINITY };
	struct buf v = BUF_INIT;
	enum err e = OK;

	put_one(kv, "a", "1");
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
	expect(kv, "a", "1");
	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof(key), "k%03d", i);
		assert_int_equal(kv_get(kv, str_c(key), NULL), i < done ? OK : ERR_NOTFOUND);
	}
	put_one(kv, "b", "2");
	expect(kv, "b", "2");
	buf_free(&v);
	kv_close(kv);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_open),
		T(test_unread_folder),
		T(test_get_put_del),
		T(test_limits),
		T(test_walk),
		T(test_long_walk),
		T(test_changes),
		T(test_checkpoint),
		T(test_death),
		T(test_damaged_page),
		T(test_damaged_log),
		T(test_commits_missing),
		T(test_close_of_anothers),
		cmocka_unit_test(test_zeroed_pages),
		T(test_condemned),
		T(test_log_deleted),
		T(test_deleted),
		T(test_who_cannot_know_whether_he_is_first),
		T(test_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
