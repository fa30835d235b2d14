/*
 * test_landlock.c - what a list of rules allows, each in a process of its own
 *
 * Each row is something that somebody could try; the child's status is the
 * errno that he gets.  Run as root, whom nothing else would stop.
 */
#include "lib/landlock.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ABI_TRUNCATE = 3, ABI_NET = 4, ABI_SCOPE = 6 };

static char top[64];
static int abi, open_before = -1, listener = -1, abstract = -1;
static in_port_t port;
static struct sockaddr_un abstract_name = { .sun_family = AF_UNIX };

/* --- what is tried --- */

static int
result(long n)
{
	return n < 0 ? errno : 0;
}

static int
try_read(const char *path)
{
	char c;
	int fd = open(path, O_RDONLY);
	return fd < 0 ? errno : result(read(fd, &c, 1));
}

static int
try_list(const char *path)
{
	return result(open(path, O_RDONLY | O_DIRECTORY));
}

static int
try_write(const char *path)
{
	int fd = open(path, O_WRONLY);
	return fd < 0 ? errno : result(write(fd, "x", 1));
}

static int
try_truncate(const char *path)
{
	return result(truncate(path, 1));
}

static int
try_create(const char *path)
{
	return result(open(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
}

static int
try_unlink(const char *path)
{
	return result(unlink(path));
}

static int
try_mkdir(const char *path)
{
	return result(mkdir(path, 0700));
}

static int
try_rmdir(const char *path)
{
	return result(rmdir(path));
}

static int
try_symlink(const char *path)
{
	return result(symlink("x", path));
}

static int
try_fifo(const char *path)
{
	return result(mkfifo(path, 0600));
}

static int
try_device(const char *path)
{
	return result(mknod(path, S_IFCHR | 0600, makedev(1, 3)));
}

static int
try_socket(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	return result(bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name,
	    sizeof(name)));
}

static int
try_exec(const char *path)
{
	return result(execl(path, path, (char *)NULL));
}

static int
try_stat(const char *path)
{
	struct stat st;
	return result(stat(path, &st));
}

static int
try_move_to_sub(const char *path)
{
	return result(rename(path, "write/sub/moved"));
}

static int
try_move_to_write(const char *path)
{
	return result(rename(path, "write/moved"));
}

static int
try_link_to_write(const char *path)
{
	return result(link(path, "write/linked"));
}

static int
try_what_was_open(const char *path)
{
	char c;
	(void)path;
	return result(pread(open_before, &c, 1, 0));
}

static int
try_bind(const char *path)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	(void)path;
	return result(bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&any,
	    sizeof(any)));
}

static int
try_connect(const char *path)
{
	struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = port,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	(void)path;
	return result(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&there,
	    sizeof(there)));
}

static int
try_abstract(const char *path)
{
	(void)path;
	return result(connect(socket(AF_UNIX, SOCK_STREAM, 0),
	    (struct sockaddr *)&abstract_name, sizeof(abstract_name)));
}

static int
try_signal(const char *path)
{
	(void)path;
	return result(kill(getppid(), 0));
}

static int
try_signal_to_itself(const char *path)
{
	(void)path;
	return result(kill(getpid(), 0));
}

/* --- in a child --- */

struct row {
	int (*fn)(const char *path);
	const char *path;		/* below top */
	int want;
	int abi;			/* the first that has an opinion; before: 0 */
};

/* A list as programs have it. */
static int
new_list(bool may_connect)
{
	char path[96];
	static const struct { const char *name; enum landlock_may may; } rules[] = {
		{ "read", LANDLOCK_READ }, { "write", LANDLOCK_WRITE },
		{ "alone", LANDLOCK_WRITE }, { "none/such", LANDLOCK_WRITE },
		{ "alone/below", LANDLOCK_READ },
	};
	int list;
	assert_int_equal(landlock_new(may_connect, &list), OK);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", top, rules[i].name);
		assert_int_equal(landlock_allow(list, path, rules[i].may), OK);
	}
	return list;
}

static int
in_child(int list, const struct row *row)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		if (chdir(top) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
		    || (list >= 0 && landlock_enter(list) != OK))
			_exit(255);
		_exit(row->fn(row->path));
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
make_file(const char *name, const char *text, mode_t mode)
{
	char path[96];
	snprintf(path, sizeof(path), "%s/%s", top, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st; (void)type; (void)f;
	return remove(path);
}

static void
fill(void)
{
	static const char *const dirs[] = { "", "/read", "/read/empty", "/write", "/write/sub",
		"/write/empty", "/out", "/out/empty" };
	char path[96];
	(void)nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", top, dirs[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	make_file("read/file", "text", 0600);
	make_file("write/file", "text", 0600);
	make_file("out/file", "text", 0600);
	make_file("alone", "text", 0600);
	make_file("read/program", "#!/bin/sh\n", 0700);
	make_file("write/program", "#!/bin/sh\n", 0700);
}

static void
check(bool may_connect, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fill();
		int list = new_list(may_connect);
		int want = abi >= rows[i].abi ? rows[i].want : 0;
		int got = in_child(list, &rows[i]);
		close(list);
		if (got != want)
			fail_msg("row %zu, %s: %s instead of %s", i, rows[i].path, strerror(got),
			    strerror(want));
		/* It is the list that forbids it. */
		fill();
		if (rows[i].want != 0 && rows[i].fn != try_exec
		    && in_child(-1, &rows[i]) != 0)
			fail_msg("row %zu, %s fails anyway", i, rows[i].path);
	}
}

#define CHECK(may_connect, rows)	check(may_connect, rows, sizeof(rows) / sizeof((rows)[0]))

static void
test_files(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ try_read, "read/file", 0, 0 }, { try_list, "read", 0, 0 },
		{ try_list, "read/empty", 0, 0 },
		{ try_write, "read/file", EACCES, 0 }, { try_create, "read/new", EACCES, 0 },
		{ try_truncate, "read/file", EACCES, ABI_TRUNCATE },
		{ try_unlink, "read/file", EACCES, 0 }, { try_mkdir, "read/new", EACCES, 0 },
		{ try_rmdir, "read/empty", EACCES, 0 }, { try_symlink, "read/new", EACCES, 0 },
		{ try_socket, "read/new", EACCES, 0 }, { try_exec, "read/program", EACCES, 0 },

		{ try_read, "write/file", 0, 0 }, { try_list, "write", 0, 0 },
		{ try_write, "write/file", 0, 0 }, { try_create, "write/new", 0, 0 },
		{ try_create, "write/sub/new", 0, 0 }, { try_truncate, "write/file", 0, 0 },
		{ try_unlink, "write/file", 0, 0 }, { try_mkdir, "write/new", 0, 0 },
		{ try_rmdir, "write/empty", 0, 0 }, { try_symlink, "write/new", 0, 0 },
		{ try_socket, "write/new", 0, 0 }, { try_move_to_sub, "write/file", 0, 0 },
		{ try_exec, "write/program", EACCES, 0 }, { try_fifo, "write/new", EACCES, 0 },

		{ try_read, "out/file", EACCES, 0 }, { try_list, "out", EACCES, 0 },
		{ try_list, ".", EACCES, 0 }, { try_write, "out/file", EACCES, 0 },
		{ try_create, "out/new", EACCES, 0 }, { try_unlink, "out/file", EACCES, 0 },
		{ try_mkdir, "out/new", EACCES, 0 }, { try_rmdir, "out/empty", EACCES, 0 },
		{ try_truncate, "out/file", EACCES, ABI_TRUNCATE },
		{ try_exec, "/bin/true", EACCES, 0 }, { try_read, "/etc/passwd", EACCES, 0 },
		{ try_stat, "out/file", 0, 0 }, { try_what_was_open, "", 0, 0 },
		/* The way out of what may be read, and into what may be changed. */
		{ try_read, "write/../out/file", EACCES, 0 },
		{ try_move_to_write, "out/file", EACCES, 0 },
		{ try_link_to_write, "read/file", EXDEV, 0 },

		/* A rule for one file. */
		{ try_read, "alone", 0, 0 }, { try_write, "alone", 0, 0 },
		{ try_truncate, "alone", 0, 0 }, { try_unlink, "alone", EACCES, 0 },
	};
	CHECK(false, rows);
}

static void
test_devices(void **state)
{
	(void)state;
	static const struct row rows[] = { { try_device, "write/new", EACCES, 0 } };
	if (in_child(-1, &rows[0]) != 0) {
		print_message("test_landlock: skipped: this user makes no devices anyway\n");
		skip();
	}
	CHECK(false, rows);
}

static void
test_network(void **state)
{
	(void)state;
	static const struct row without[] = {
		{ try_bind, "", EACCES, ABI_NET }, { try_connect, "", EACCES, ABI_NET },
		{ try_abstract, "", EPERM, ABI_SCOPE },
	}, with[] = {
		{ try_bind, "", EACCES, ABI_NET }, { try_connect, "", 0, 0 },
		{ try_abstract, "", EPERM, ABI_SCOPE },
	};
	if (abi < ABI_SCOPE)
		print_message("test_landlock: this kernel's ABI is %d: %s is not restricted\n",
		    abi, abi < ABI_NET ? "the network" : "an abstract socket");
	CHECK(false, without);
	CHECK(true, with);
}

static void
test_signals(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ try_signal, "", EPERM, ABI_SCOPE }, { try_signal_to_itself, "", 0, 0 },
	};
	CHECK(false, rows);
}

/* Without it a program that is run could get what the list forbids. */
static void
test_rights_must_be_fixed(void **state)
{
	(void)state;
	int list = new_list(false), status;
	pid_t pid = fork();
	if (pid == 0)
		_exit(setuid(65534) == 0 && landlock_enter(list) == ERR_IO ? errno : 255);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, W_EXITCODE(EPERM, 0));
	close(list);
}

static int
set_up(void **state)
{
	(void)state;
	socklen_t n;
	struct sockaddr_in here = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	log_open("test_landlock", "/dev/null", 0);
	snprintf(top, sizeof(top), "/tmp/test_landlock.XXXXXX");
	if (mkdtemp(top) == NULL)
		return -1;
	open_before = open("/etc/passwd", O_RDONLY);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	n = sizeof(here);
	if (bind(listener, (struct sockaddr *)&here, n) != 0 || listen(listener, 64) != 0
	    || getsockname(listener, (struct sockaddr *)&here, &n) != 0)
		return -1;
	port = here.sin_port;
	snprintf(abstract_name.sun_path + 1, sizeof(abstract_name.sun_path) - 1, "%s", top);
	abstract = socket(AF_UNIX, SOCK_STREAM, 0);
	return bind(abstract, (struct sockaddr *)&abstract_name, sizeof(abstract_name)) == 0
	    && listen(abstract, 64) == 0 ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	close(open_before);
	close(listener);
	close(abstract);
	return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files), cmocka_unit_test(test_devices),
		cmocka_unit_test(test_network), cmocka_unit_test(test_signals),
		cmocka_unit_test(test_rights_must_be_fixed),
	};
	abi = landlock_abi();
	if (abi == 0) {
		int list;
		bool says_so = landlock_new(false, &list) == ERR_UNSUPPORTED && list == -1;
		printf("test_landlock: skipped: this kernel has no Landlock that we can use\n");
		return says_so ? 0 : 1;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
