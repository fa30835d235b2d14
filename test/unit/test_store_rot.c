/* test_store_rot.c - files that are not what was written last, and what prevents that */
#include "test/unit/store_fixture.h"

#include "imap/disk/index.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct fixture f;

static int
setup(void **state)
{
	(void)state;
	fixture_open(&f);
	fixture_create(&f, "user.joe");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fixture_close(&f);
	return 0;
}

static void
shell(const char *fmt, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	assert_int_equal(system(command), 0);
}

/* --- a mailbox that is copied to another partition --- */

/* The names that came into the directory, in order; a letter before each. */
static void
read_events(int fd, char *log, size_t size)
{
	char bytes[16384] __attribute__((aligned(8)));
	ssize_t n = read(fd, bytes, sizeof(bytes));

	log[0] = '\0';
	assert_true(n > 0);
	for (ssize_t at = 0; at < n; ) {
		const struct inotify_event *ev = (const struct inotify_event *)(bytes + at);
		size_t have = strlen(log);

		snprintf(log + have, size - have, "%c%s ", ev->mask & IN_CREATE ? '+' :
		    ev->mask & IN_CLOSE_WRITE ? '.' : '>', ev->name);
		at += (ssize_t)sizeof(*ev) + ev->len;
	}
}

/* A cut in the middle of it leaves nothing that looks whole. */
static void
index_of_a_copy_comes_last(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	int fd = inotify_init1(IN_CLOEXEC);
	char log[4096], to[160];
	const char *at;

	(void)state;
	for (int i = 0; i < 10; i++)
		fixture_append(m, f.s, "text");
	mbox_close(m);
	shell("mkdir -p %s/user/joe", f.spool2);
	snprintf(to, sizeof(to), "%s/user/joe", f.spool2);
	assert_true(inotify_add_watch(fd, to,
	    IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO) >= 0);
	assert_int_equal(mblist_rename(f.s, STR("user.joe"), STR("user.joe"), "second"), OK);
	read_events(fd, log, sizeof(log));
	close(fd);
	assert_null(strstr(log, "+cyrus.index "));
	at = strstr(log, ">cyrus.index ");
	assert_non_null(at);
	assert_non_null(strstr(log, ".10. "));
	assert_non_null(strstr(log, ".cyrus.header "));
	/* Behind it only what is done with a mailbox. */
	assert_null(strstr(at, ". "));
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 10);
	fixture_expect_body(m, 10, "text");
	mbox_close(m);
	fixture_check_sums(&f, "user.joe");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(index_of_a_copy_comes_last, setup, teardown),
	};

	return cmocka_run_group_tests_name("store rot", tests, NULL, NULL);
}
