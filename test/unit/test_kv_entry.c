/*
 * test_kv_entry.c - ordered key-value databases: who is inside, who was, who is the first
 *
 * What kills do anywhere else is test/crash/kv_kill.c's.
 */
#include "test/unit/kv_fixture.h"

#include "lib/kv_state.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

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
	struct kv *kv = kv_must_open(KV_CREATE);
	kv_close(kv);
	attach_fails = true;
	assert_int_equal(kv_open(kv_dir, "test.db", 0, &kv), ERR_IO);
	attach_fails = false;
	kv_close(kv_must_open(0));
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
	struct kv *kv = kv_must_open(KV_CREATE);
	int refused = 0;

	kv_put_one(kv, "a", "1");
	kv_close(kv);
	for (int n = 1; n < 60; n++) {
		fails_in = n;
		enum err e = kv_open(kv_dir, "test.db", 0, &kv);
		fails_in = 0;
		refused += e != OK;
		kv = e == OK ? kv : kv_must_open(0);
		kv_expect(kv, "a", "1");
		kv_put_one(kv, "a", "1");
		kv_close(kv);
	}
	assert_true(refused > 0);
}

static void
test_death(void **state)
{
	(void)state;
	struct kv *kv = kv_must_open(KV_CREATE), *other = kv_must_open(0);
	kv_put_one(kv, "a", "1");
	kv_die_inside(true);
	kv_expect(kv, "dead", NULL);
	kv_expect(other, "dead", NULL);	/* who did not recover has to join anew */
	kv_put_one(other, "b", "2");
	kv_expect(kv, "b", "2");
	kv_die_inside(false);
	kv_expect(kv, "dead", "1");
	kv_die_inside(true);
	kv_close(kv);			/* with stale handles */
	kv_expect(other, "b", "2");
	kv_close(other);
}

static uint64_t
epoch(void)
{
	struct kv_state st;

	assert_int_equal(kv_state_open(kv_dir, false, &st), OK);
	uint64_t n = atomic_load(&st.page->epoch);
	kv_state_close(&st);
	return n;
}

/* A child that closes its parent's handles leaves what others work with alone. */
static void
test_close_of_anothers(void **state)
{
	(void)state;
	struct kv *kv = kv_must_open(KV_CREATE), *other = kv_must_open(0);
	uint64_t was = epoch();
	int status;

	kv_put_one(kv, "a", "1");
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		kv_close(kv);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	kv_expect(kv, "a", "1");
	kv_put_one(other, "b", "2");
	kv_expect(kv, "b", "2");
	assert_int_equal(epoch(), was);		/* nobody had to recover */
	kv_close(kv);
	kv_close(other);
}

/* What an administrator does who knows Cyrus: deletes the lot while we run. */
static void
test_deleted(void **state)
{
	(void)state;
	struct kv *kv = kv_must_open(KV_CREATE);
	kv_put_one(kv, "a", "1");
	assert_int_equal(kv_remove_tree(kv_dir), 0);
	assert_int_equal(kv_get(kv, STR("a"), NULL), ERR_STALE);
	struct kv *other = kv_must_open(KV_CREATE);
	assert_int_equal(kv_get(kv, STR("a"), NULL), ERR_STALE);
	kv_put_one(other, "a", "2");
	kv_close(kv);
	kv_close(other);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, kv_fixture_setup, kv_fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_unread_folder),
		T(test_death),
		T(test_close_of_anothers),
		T(test_deleted),
		T(test_who_cannot_know_whether_he_is_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
