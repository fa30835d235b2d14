/* INPROGRESS (RFC 9585), with a clock of our own. */
#include "imap/imapd/session/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t clock_ns;

int64_t
session_clock(void)
{
	return clock_ns;
}

struct fixture {
	struct conf *conf;
	struct server server;
	struct reply reply;
	struct buf out;
	struct session session;
	struct command command;
	struct progress progress;
};

static void
begin(struct fixture *f, const char *interval)
{
	char path[] = "/tmp/test_progress.XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	dprintf(fd, "configdirectory: /none\npartition-default: /none\n"
	    "imap_inprogress_interval: %s\n", interval);
	close(fd);
	*f = (struct fixture){ .out = BUF_INIT };
	assert_int_equal(conf_read(path, NULL, NULL, NULL, &f->conf), OK);
	unlink(path);
	reply_init(&f->reply, stream_mem(STR(""), &f->out));
	f->server.conf = f->conf;
	f->session = (struct session){
		.server = &f->server, .reply = &f->reply, .stream = f->reply.out,
	};
	clock_ns = 1000;
	f->command = (struct command){ .tag = STR("A1"), .started_ns = clock_ns };
	progress_begin(&f->progress, &f->session, &f->command);
}

static void
end(struct fixture *f)
{
	stream_close(f->reply.out);
	reply_fini(&f->reply);
	conf_free(f->conf);
	buf_free(&f->out);
}

static void
at(struct fixture *f, double seconds, uint64_t done, uint64_t total, const char *said)
{
	clock_ns = 1000 + (int64_t)(seconds * 1e9);
	buf_reset(&f->out);
	progress_step(&f->progress, done, total);
	assert_string_equal(f->out.p, said);
}

static void
test_now_and_then(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f, "10s");
	at(&f, 0, 0, 100, "");
	at(&f, 9.9, 5, 100, "");
	at(&f, 10, 6, 100, "* OK [INPROGRESS (\"A1\" 6 100)] Still at work\r\n");
	at(&f, 10.1, 7, 100, "");
	at(&f, 35, 7, 100, "* OK [INPROGRESS (\"A1\" 7 100)] Still at work\r\n");
	at(&f, 44.9, 8, 100, "");
	at(&f, 45, 100, 100, "* OK [INPROGRESS (\"A1\" 100 NIL)] Still at work\r\n");
	end(&f);
}

static void
test_nobody_knows(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f, "2s");
	at(&f, 2, 0, 0, "* OK [INPROGRESS (\"A1\" NIL NIL)] Still at work\r\n");
	at(&f, 4, 3, 0, "* OK [INPROGRESS (\"A1\" 3 NIL)] Still at work\r\n");
	end(&f);
}

/* "If the PROGRESS is not available, both MUST be NIL"; 32 bits each. */
static void
test_numbers(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f, "1s");
	at(&f, 1, 0, 9, "* OK [INPROGRESS (\"A1\" 0 9)] Still at work\r\n");
	at(&f, 2, 9, 8, "* OK [INPROGRESS (\"A1\" 9 NIL)] Still at work\r\n");
	at(&f, 3, UINT32_MAX - 1, UINT32_MAX,
	    "* OK [INPROGRESS (\"A1\" 4294967294 4294967295)] Still at work\r\n");
	at(&f, 4, UINT32_MAX, UINT64_MAX, "* OK [INPROGRESS (\"A1\" 4294967295 NIL)] Still at work\r\n");
	at(&f, 5, UINT64_C(1) << 32, UINT64_MAX, "* OK [INPROGRESS (\"A1\" NIL NIL)] Still at work\r\n");
	end(&f);
}

/* "If the tag contains the "]" character, it MUST be set to NIL": a literal may be no part of a code either. */
static void
test_tags(void **state)
{
	(void)state;
	struct fixture f;
	char tag[2000];
	begin(&f, "1s");
	f.progress.tag = STR("a]b");
	at(&f, 1, 1, 2, "* OK [INPROGRESS (NIL 1 2)] Still at work\r\n");
	memset(tag, 'a', sizeof(tag));
	f.progress.tag = (struct str){ tag, sizeof(tag) };
	at(&f, 2, 1, 2, "* OK [INPROGRESS (NIL 1 2)] Still at work\r\n");
	end(&f);
}

static void
test_in_their_language(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f, "1s");
	f.reply.language = LANGUAGE_GERMAN;
	at(&f, 1, 1, 2, "* OK [INPROGRESS (\"A1\" 1 2)] Noch dabei\r\n");
	end(&f);
}

static void
test_never(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f, "0");
	at(&f, 100000, 1, 2, "");
	end(&f);
}

/* As a search calls it. */
static void
test_search(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f, "1s");
	struct search_progress p = progress_of_search(&f.progress);
	clock_ns += INT64_C(2000000000);
	p.step(p.ctx, 17, 18);
	assert_string_equal(f.out.p, "* OK [INPROGRESS (\"A1\" 17 18)] Still at work\r\n");
	end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_now_and_then),
		cmocka_unit_test(test_nobody_knows),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_in_their_language),
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_search),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
