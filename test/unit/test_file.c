/* Durable file operations and locks. */
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[32], log_path[64];
static int at;

static int
set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_file.XXXXXX");
	if (mkdtemp(dir) == NULL || file_open_dir(AT_FDCWD, dir, &at) != OK)
		return 1;
	snprintf(log_path, sizeof(log_path), "%s/log", dir);
	log_open("test", log_path, LOG_LOCAL6);
	return 0;
}

static int
tear_down(void **state)
{
	char command[64];

	(void)state;
	close(at);
	log_open("test", "stderr", LOG_LOCAL6);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

/* What was logged since the last call must hold WORDS; NULL: nothing. */
static void
assert_logged(const char *words)
{
	struct buf b = BUF_INIT;

	assert_int_equal(file_slurp(at, "log", 1 << 20, &b), OK);
	if (words == NULL)
		assert_string_equal(b.p, "");
	else if (strstr(b.p, words) == NULL)
		fail_msg("\"%s\" is not in the log: %s", words, b.p);
	assert_int_equal(truncate(log_path, 0), 0);
	buf_free(&b);
}

static void
assert_holds(const char *path, const char *want)
{
	struct buf b = BUF_INIT;

	assert_int_equal(file_slurp(at, path, 1 << 20, &b), OK);
	assert_string_equal(b.p, want);
	buf_free(&b);
}

static void
test_read_write(void **state)
{
	struct buf b = BUF_INIT;
	uint64_t size;
	char bytes[8];
	int fd;

	(void)state;
	assert_int_equal(file_open(at, "f", O_RDWR | O_CREAT, 0600, &fd), OK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(file_write(fd, "f", "hello", 5), OK);
	assert_int_equal(file_write_at(fd, "f", "J", 1, 0), OK);
	assert_int_equal(file_write_at(fd, "f", "!", 1, 7), OK);
	assert_int_equal(file_size(fd, "f", &size), OK);
	assert_int_equal(size, 8);
	assert_int_equal(file_read_at(fd, "f", bytes, 8, 0), OK);
	assert_memory_equal(bytes, "Jello\0\0!", 8);
	assert_logged(NULL);
	assert_int_equal(file_read_at(fd, "f", bytes, 8, 1), ERR_CORRUPT);
	assert_logged("f: ends at byte 8, 1 more were expected");
	assert_int_equal(file_allocate(fd, "f", 0, 4096), OK);
	assert_int_equal(file_size(fd, "f", &size), OK);
	assert_int_equal(size, 4096);
	assert_int_equal(file_truncate(fd, "f", 5), OK);
	assert_int_equal(file_fsync(fd, "f"), OK);
	assert_int_equal(file_fdatasync(fd, "f"), OK);
	assert_int_equal(file_syncfs(fd, "f"), OK);
	assert_int_equal(file_fsync_dir(at, "."), OK);
	close(fd);
	buf_adds(&b, "before ");
	assert_int_equal(file_slurp(at, "f", 5, &b), OK);
	assert_string_equal(b.p, "before Jello");
	assert_int_equal(file_slurp(at, "f", 4, &b), ERR_LIMIT);
	assert_string_equal(b.p, "before Jello");
	assert_int_equal(file_slurp(AT_FDCWD, "/proc/self/status", 1 << 20, &b), OK);
	assert_true(b.n > 100);		/* its size is said to be 0 */
	assert_int_equal(file_slurp(AT_FDCWD, "/dev/zero", 100000, &b), ERR_LIMIT);
	assert_logged(NULL);
	buf_free(&b);
}

static void
test_failures(void **state)
{
	struct buf b = BUF_INIT;
	int fd;

	(void)state;
	assert_int_equal(file_open(at, "no", O_RDONLY, 0, &fd), ERR_NOTFOUND);
	assert_int_equal(file_slurp(at, "no/no", 10, &b), ERR_NOTFOUND);
	assert_int_equal(file_unlink(at, "no"), ERR_NOTFOUND);
	assert_int_equal(file_rename(at, "no", at, "other"), ERR_NOTFOUND);
	assert_int_equal(file_open(at, "log", O_WRONLY | O_CREAT | O_EXCL, 0600, &fd),
	    ERR_EXISTS);
	assert_logged(NULL);
	assert_int_equal(file_open(AT_FDCWD, "/dev/full", O_WRONLY, 0, &fd), OK);
	assert_int_equal(file_write(fd, "/dev/full", "x", 1), ERR_NOSPACE);
	assert_logged("IOERROR: write /dev/full: No space left on device");
	close(fd);
	assert_int_equal(file_write(-1, "gone", "x", 1), ERR_IO);
	assert_logged("IOERROR: write gone: Bad file descriptor");
	assert_int_equal(file_slurp(at, ".", 10000, &b), ERR_IO);
	assert_logged("IOERROR: read .: Is a directory");
	assert_int_equal(file_err(EDQUOT), ERR_NOSPACE);
	assert_int_equal(file_err(EACCES), ERR_IO);
	buf_free(&b);
}

static void
test_names(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(file_mkdirs(at, "a/b/c", 0700), OK);
	assert_int_equal(file_mkdirs(at, "a/b/c", 0700), OK);
	assert_int_equal(file_mkdir(at, "a", 0700), ERR_EXISTS);
	assert_int_equal(file_rmdir(at, "a/b"), ERR_EXISTS);	/* not empty */
	assert_int_equal(file_rmdir(at, "a/b/c"), OK);
	assert_int_equal(file_replace(at, "a/x", "one", 3, 0640, true), OK);
	assert_holds("a/x", "one");
	assert_int_equal(fstatat(at, "a/x", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(file_replace(at, "a/x", "two", 3, 0640, false), OK);
	assert_holds("a/x", "two");
	assert_int_equal(file_replace(at, "nodir/x", "two", 3, 0640, false), ERR_NOTFOUND);
	assert_int_equal(file_replace(at, "a/b", "two", 3, 0640, false), ERR_IO);
	assert_logged("a/b: Is a directory");
	assert_int_equal(file_link(at, "a/x", at, "a/y"), OK);
	assert_int_equal(file_link(at, "a/x", at, "a/y"), ERR_EXISTS);
	assert_int_equal(file_rename(at, "a/y", at, "a/z"), OK);
	assert_int_equal(file_unlink(at, "a/x"), OK);
	assert_holds("a/z", "two");
	assert_logged(NULL);
}

/* Whatever file_replace() did, nothing temporary is left. */
static void
test_no_litter(void **state)
{
	char path[64];
	struct dirent *e;
	DIR *d;

	(void)state;
	snprintf(path, sizeof(path), "%s/a", dir);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		assert_null(strstr(e->d_name, ".tmp"));
	closedir(d);
}

/* Whoever was killed leaves one file, which the next one takes away. */
static void
test_litter_of_the_killed(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(file_open(at, "x.tmp", O_WRONLY | O_CREAT | O_EXCL, 0600, &fd), OK);
	/* Alive and writing: he keeps his file. */
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(file_replace(at, "x", "new", 3, 0600, true), OK);
	file_sweep(at, "x");
	assert_int_equal(faccessat(at, "x.tmp", F_OK, 0), 0);
	close(fd);
	assert_int_equal(file_replace(at, "x", "newer", 5, 0600, false), OK);
	assert_int_not_equal(faccessat(at, "x.tmp", F_OK, 0), 0);
	assert_int_equal(file_open(at, "x.tmp", O_WRONLY | O_CREAT | O_EXCL, 0600, &fd), OK);
	close(fd);
	file_sweep(at, "x");
	assert_int_not_equal(faccessat(at, "x.tmp", F_OK, 0), 0);
	assert_logged(NULL);
}

/* What is not needed is not worth a word, and is all there or not at all. */
static void
test_unneeded(void **state)
{
	struct rlimit was, small;
	int fd, other;

	(void)state;
	assert_true(file_try_make(at, "new", "bytes", 5, 0600, &fd));
	other = openat(at, "new", O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	close(fd);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	close(other);
	assert_false(file_try_make(at, "new", "other", 5, 0600, &fd));
	assert_false(file_try_make(at, "none/new", "other", 5, 0600, &fd));
	assert_true(file_try_rename(at, "new", at, "old"));
	assert_false(file_try_rename(at, "new", at, "old"));
	assert_holds("old", "bytes");

	/* A part of it fits. */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = (struct rlimit){ .rlim_cur = 2, .rlim_max = was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_false(file_try_make(at, "new", "bytes", 5, 0600, &fd));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(faccessat(at, "new", F_OK, 0), -1);
	assert_logged(NULL);
}

static void
test_map(void **state)
{
	struct str map;

	(void)state;
	assert_int_equal(file_replace(at, "m", "mapped", 6, 0600, false), OK);
	assert_int_equal(file_map(at, "m", &map), OK);
	assert_true(str_eq(map, STR("mapped")));
	file_unmap(map);
	assert_int_equal(file_replace(at, "m", "", 0, 0600, false), OK);
	assert_int_equal(file_map(at, "m", &map), OK);
	assert_int_equal(map.n, 0);
	assert_non_null(map.p);
	file_unmap(map);
	assert_int_equal(file_map(at, "no", &map), ERR_NOTFOUND);
}

static int
lock_fd(void)
{
	int fd;

	assert_int_equal(file_open(at, "lock", O_RDWR | O_CREAT, 0600, &fd), OK);
	return fd;
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
test_lock_timeout(void **state)
{
	int a = lock_fd(), b = lock_fd();
	int64_t start;

	(void)state;
	assert_int_equal(lock_exclusive(a, LOCK_MAILBOX, -1), OK);
	assert_int_equal(lock_exclusive(b, LOCK_MAILBOX, 0), ERR_BUSY);
	assert_int_equal(lock_shared(b, LOCK_MAILBOX, 0), ERR_BUSY);
	start = now_ms();
	assert_int_equal(lock_exclusive(b, LOCK_MAILBOX, 120), ERR_BUSY);
	assert_true(now_ms() - start >= 120);
	lock_release(a, LOCK_MAILBOX);
	assert_int_equal(lock_shared(a, LOCK_MAILBOX, 0), OK);
	assert_int_equal(lock_shared(b, LOCK_MAILBOX, 0), OK);
	lock_release(a, LOCK_MAILBOX);
	assert_int_equal(lock_exclusive(a, LOCK_MAILBOX, 0), ERR_BUSY);
	lock_release(b, LOCK_MAILBOX);
	assert_int_equal(lock_exclusive(a, LOCK_MAILBOX, 1000), OK);
	lock_release(a, LOCK_MAILBOX);
	assert_int_equal(lock_exclusive(-1, LOCK_MAILBOX, 0), ERR_IO);
	assert_logged("IOERROR: flock lock: Bad file descriptor");
	close(a);
	close(b);
}

/* One that is not had in time: the log says who is in the way. */
static void
test_lock_of_the_stopped(void **state)
{
	int fd = lock_fd(), status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		if (lock_exclusive(lock_fd(), LOCK_QUOTA, 0) != OK)
			_exit(1);
		raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(lock_exclusive(fd, LOCK_QUOTA, 1000), ERR_BUSY);
	assert_logged("waited 1 s for its lock, which pid ");
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(lock_exclusive(fd, LOCK_QUOTA, 0), OK);
	lock_release(fd, LOCK_QUOTA);
	close(fd);
}

static void
test_lock_of_our_own(void **state)
{
	int a = lock_fd(), b = lock_fd();

	(void)state;
	assert_false(lock_is_ours(b));
	assert_int_equal(lock_exclusive(a, LOCK_MAILBOX, 0), OK);
	assert_true(lock_is_ours(b));
	lock_release(a, LOCK_MAILBOX);
	assert_false(lock_is_ours(b));
	close(a);
	close(b);
}

/* A lock dies with the process that holds it. */
static void
test_lock_of_the_dead(void **state)
{
	int ready[2], fd = lock_fd();
	char byte;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (lock_exclusive(lock_fd(), LOCK_QUOTA, 0) != OK ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(lock_exclusive(fd, LOCK_QUOTA, 0), ERR_BUSY);
	kill(pid, SIGKILL);
	assert_int_equal(lock_exclusive(fd, LOCK_QUOTA, 10000), OK);
	lock_release(fd, LOCK_QUOTA);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
	close(ready[1]);
	close(fd);
}

/* Falling rank ends a debug build; mailboxes may be held together. */
static void
test_lock_order(void **state)
{
#ifdef CHAPAR_DEBUG
	int status;

	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		int devnull = open("/dev/null", O_WRONLY);

		dup2(devnull, 2);
		signal(SIGABRT, SIG_DFL);
		if (lock_exclusive(lock_fd(), LOCK_QUOTA, 0) != OK)
			_exit(1);
		_exit(lock_exclusive(at, LOCK_MAILBOX, 0) == OK ? 2 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
#endif
	int a = lock_fd();

	(void)state;
	assert_int_equal(lock_exclusive(a, LOCK_MAILBOX, 0), OK);
	assert_int_equal(lock_exclusive(at, LOCK_MAILBOX, 0), OK);
	lock_release(at, LOCK_MAILBOX);
	lock_release(a, LOCK_MAILBOX);
	close(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_write),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_no_litter),
		cmocka_unit_test(test_litter_of_the_killed),
		cmocka_unit_test(test_unneeded),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_lock_timeout),
		cmocka_unit_test(test_lock_of_the_dead),
		cmocka_unit_test(test_lock_of_the_stopped),
		cmocka_unit_test(test_lock_of_our_own),
		cmocka_unit_test(test_lock_order),
	};

	return cmocka_run_group_tests_name("file", tests, set_up, tear_down);
}
