/* Log lines: where they go, what is dropped, and that none can be forged. */
#include "lib/buf.h"
#include "lib/file.h"
#include "lib/log.h"

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
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

static char path[32], rotated[64];

static int
set_up(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/test_log.XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	snprintf(rotated, sizeof(rotated), "%s.1", path);
	log_open("pre/imapd", path, LOG_LOCAL6);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	log_open("x", "stderr", LOG_LOCAL6);
	unlink(path);
	unlink(rotated);
	return 0;
}

/* The file's lines without their dates; the file is then empty. */
static char *
lines(const char *file)
{
	struct buf all = BUF_INIT, out = BUF_INIT;
	char *text;
	struct str rest, line;

	assert_int_equal(file_slurp(AT_FDCWD, file, 1 << 20, &all), OK);
	assert_int_equal(truncate(file, 0), 0);
	rest = buf_str(&all);
	while (str_next_field(&rest, '\n', &line) && line.n > 0) {
		assert_true(line.n > 16 && line.p[3] == ' ' && line.p[9] == ':');
		buf_add_str(&out, str_slice(line, 16, line.n));
		buf_addc(&out, '\n');
	}
	text = buf_take(&out);
	buf_free(&all);
	return text;
}

static void
assert_lines(const char *file, const char *want)
{
	char *got = lines(file);
	struct buf b = BUF_INIT;

	for (const char *p = want; *p != '\0'; p++)
		if (*p == '@')
			buf_printf(&b, "pre/imapd[%ld]", (long)getpid());
		else
			buf_addc(&b, *p);
	assert_string_equal(got, b.p);
	buf_free(&b);
	free(got);
}

static void
test_severities(void **state)
{
	(void)state;
	errno = EPIPE;
	log_crit("a %d", 1);
	log_err("b");
	log_warning("c");
	log_notice("d");
	log_info("e");
	log_debug("f");
	assert_int_equal(errno, EPIPE);
	assert_lines(path, "@: crit: a 1\n@: err: b\n@: warning: c\n@: notice: d\n"
	    "@: info: e\n@: debug: f\n");
	log_level(LOG_WARNING);
	log_warning("in");
	log_notice("out");
	assert_lines(path, "@: warning: in\n");
	log_level(LOG_DEBUG);
	errno = ENOENT;
	log_io("/x", "open");
	errno = ENOENT;
	log_err("%m");
	assert_lines(path, "@: err: IOERROR: open /x: No such file or directory\n"
	    "@: err: No such file or directory\n");
}

static const struct {
	const char *in, *out;
} texts[] = {
	{ "plain", "plain" },
	{ "user\nJan  1 00:00:00 imapd[1]: notice: forged",
	    "user\\x0aJan  1 00:00:00 imapd[1]: notice: forged" },
	{ "a\r\tb\x1b[2J\x7f", "a\\x0d\\x09b\\x1b[2J\\x7f" },
	{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
	{ "\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80" },
	{ "\xc3", "\\xc3" },
	{ "\xc0\x8a", "\\xc0\\x8a" },		/* an overlong newline */
	{ "\xe0\x80\x8a", "\\xe0\\x80\\x8a" },
	{ "\xc2\x85", "\\xc2\\x85" },		/* a C1 control */
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
	{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
	{ "%s%n", "%s%n" },
};

static void
test_escapes(void **state)
{
	struct buf want = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		log_info("%s", texts[i].in);
		buf_reset(&want);
		buf_printf(&want, "@: info: %s\n", texts[i].out);
		assert_lines(path, want.p);
	}
	buf_free(&want);
}

static void
test_long(void **state)
{
	struct buf text = BUF_INIT;
	char *got;

	(void)state;
	for (int i = 0; i < 9000; i++)
		buf_addc(&text, i % 2 ? '\n' : 'x');
	log_info("%s", text.p);
	got = lines(path);
	assert_true(strlen(got) < 8192);
	assert_true(str_ends(str_c(got), STR("...\n")));
	assert_ptr_equal(strchr(got, '\n'), got + strlen(got) - 1);
	free(got);
	buf_reset(&text);
	for (int i = 0; i < 4095; i++)
		buf_addc(&text, 'y');
	log_info("%s", text.p);		/* just fits */
	got = lines(path);
	assert_true(str_ends(str_c(got), STR("yyy\n")));
	free(got);
	buf_addc(&text, 'y');
	log_info("%s", text.p);		/* just does not */
	got = lines(path);
	assert_true(str_ends(str_c(got), STR("yyy...\n")));
	free(got);
	buf_free(&text);
}

static void
test_rotation(void **state)
{
	(void)state;
	assert_int_equal(rename(path, rotated), 0);
	log_info("old");
	log_reopen();
	log_info("new");
	assert_lines(rotated, "@: info: old\n");
	assert_lines(path, "@: info: new\n");
}

static void
test_ends(void **state)
{
	int status;

	(void)state;
	pid_t pid = fork();
	if (pid == 0)
		log_fatal(70, "no %s", "way");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 70);
	char *got = lines(path);
	assert_non_null(strstr(got, ": crit: no way\n"));
	free(got);
	pid = fork();
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		ensure(1 + 1 == 2);
		ensure(1 + 1 == 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	got = lines(path);
	assert_non_null(strstr(got, ": crit: internal error: 1 + 1 == 3 at "));
	free(got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_severities),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests_name("log", tests, set_up, tear_down);
}
