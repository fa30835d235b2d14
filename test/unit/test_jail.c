/* test_jail.c - who has gone in has nothing, and does not get out */
#include "lib/jail.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOBODY = 65534, PASSED = 42 };

static char parent[64];

/* In a child, whose line number is its status if something is not so. */
#define MUST(x)	do { if (!(x)) { fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
	_exit(1); } } while (0)

static void
in_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		fn();
		_exit(PASSED);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), PASSED);
}

static bool
is_refused(long result, int error)
{
	return result == -1 && errno == error;
}

/* Nobody but root could even look into the directory, if something were there. */
static bool
is_hidden(const char *path)
{
	return open(path, O_RDONLY) == -1 && (errno == ENOENT || errno == EACCES);
}

/* For good: by none of the calls that root would have. */
static void
must_be_nobody(void)
{
	uid_t r, e, s;
	gid_t gr, ge, gs;
	MUST(getresuid(&r, &e, &s) == 0 && r == NOBODY && e == NOBODY && s == NOBODY);
	MUST(getresgid(&gr, &ge, &gs) == 0 && gr == NOBODY && ge == NOBODY && gs == NOBODY);
	MUST(getgroups(0, NULL) == 0);
	MUST(is_refused(setuid(0), EPERM));
	MUST(is_refused(seteuid(0), EPERM));
	MUST(is_refused(setgid(0), EPERM));
	MUST(is_refused(setgroups(1, &(gid_t){ 0 }), EPERM));
	MUST(chroot(".") == -1);
}

static void
go_in(void)
{
	MUST(setgroups(2, (const gid_t[]){ 1, 2 }) == 0);
	MUST(jail_enter(parent, NOBODY, NOBODY) == OK);
	must_be_nobody();
	/* Nothing is there, nothing can be put there, and ".." is the same. */
	MUST(is_hidden("/etc/passwd"));
	MUST(is_hidden("etc/passwd"));
	MUST(is_hidden("../etc/passwd"));
	MUST(is_hidden(parent));
	MUST(open("/x", O_WRONLY | O_CREAT, 0600) == -1);
	MUST(mkdir("/x", 0700) == -1);
	struct stat st;
	MUST(stat("/", &st) == 0 && st.st_nlink == 0 && st.st_uid == 0);
}

static void
go_in_twice(void)
{
	MUST(jail_enter(parent, NOBODY, NOBODY) == OK);
	MUST(jail_enter("/", 0, 0) == ERR_UNSUPPORTED);
	must_be_nobody();
}

/* No directory: still another user. */
static void
go_in_nowhere(void)
{
	char gone[96];
	snprintf(gone, sizeof(gone), "%s/none", parent);
	MUST(jail_enter(gone, NOBODY, NOBODY) == OK);
	must_be_nobody();
	MUST(access(parent, F_OK) == 0);
}

static void
go_in_as_nobody(void)
{
	MUST(setuid(NOBODY) == 0);
	MUST(jail_enter(parent, 1, 1) == ERR_UNSUPPORTED);
	MUST(getuid() == NOBODY && getgid() == 0 && access(parent, F_OK) == 0);
}

static void
test_from_root(void **state)
{
	(void)state;
	in_child(go_in);
	in_child(go_in_twice);
	in_child(go_in_nowhere);
	/* And what it was in has left nothing behind: tear_down() can remove its parent. */
}

static void
test_from_others(void **state)
{
	(void)state;
	in_child(go_in_as_nobody);
}

static int
set_up(void **state)
{
	(void)state;
	log_open("test_jail", "/dev/null", 0);
	snprintf(parent, sizeof(parent), "/tmp/test_jail.XXXXXX");
	return mkdtemp(parent) != NULL && chmod(parent, 0755) == 0 ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	return rmdir(parent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_root), cmocka_unit_test(test_from_others),
	};
	if (geteuid() != 0) {
		printf("test_jail: skipped: only root can be put in jail\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
