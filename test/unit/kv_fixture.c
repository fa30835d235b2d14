/* kv_fixture.c - a key-value database in a temporary directory */
#include "test/unit/kv_fixture.h"

#include "lib/buf.h"
#include "lib/log.h"

#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

char kv_dir[128];
static char top[64];

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st; (void)type; (void)f;
	return remove(path);
}

int
kv_remove_tree(const char *path)
{
	return nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int
kv_fixture_setup(void **state)
{
	(void)state;
	log_open("test_kv", "/dev/null", 0);
	snprintf(top, sizeof(top), "/tmp/test_kv.XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(kv_dir, sizeof(kv_dir), "%s/db", top);
	return 0;
}

int
kv_fixture_teardown(void **state)
{
	(void)state;
	return kv_remove_tree(top);
}

struct kv *
kv_must_open(unsigned flags)
{
	struct kv *kv = NULL;
	assert_int_equal(kv_open(kv_dir, "test.db", flags, &kv), OK);
	assert_non_null(kv);
	return kv;
}

void
kv_put_one(struct kv *kv, const char *key, const char *value)
{
	struct kv_txn *txn;
	assert_int_equal(kv_begin(kv, &txn), OK);
	assert_int_equal(kv_put(txn, str_c(key), str_c(value)), OK);
	assert_int_equal(kv_commit(txn), OK);
}

void
kv_expect(struct kv *kv, const char *key, const char *value)
{
	struct buf b = BUF_INIT;
	enum err e = kv_get(kv, str_c(key), &b);
	assert_int_equal(e, value != NULL ? OK : ERR_NOTFOUND);
	assert_string_equal(b.p, value != NULL ? value : "");
	assert_int_equal(kv_get(kv, str_c(key), NULL), e);
	buf_free(&b);
}

void
kv_die_inside(bool in_txn)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct kv *kv;
		struct kv_txn *txn;
		if (kv_open(kv_dir, "test.db", 0, &kv) != OK
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
