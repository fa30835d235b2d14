/* test_imap_door.c - IMAP before login, however its bytes come */
#include "imap/door/imap_door.h"
#include "imap/door/imap_words.h"
#include "imap/imapd/proto/grammar.h"
#include "lib/handover.h"
#include "lib/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

static struct conf *conf;

static int
begin(void **state)
{
	char path[] = "/tmp/test_imap_door.XXXXXX";
	static const char text[] = "configdirectory: /nonexistent\npartition-default: /nonexistent\n";
	int fd = mkstemp(path);
	(void)state;
	log_open("test", "/dev/null", LOG_LOCAL6);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	assert_int_equal(conf_read(path, "imap", conf_log_errors, NULL, &conf), OK);
	unlink(path);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	conf_free(conf);
	return 0;
}

/* The frontd and grammar know the same commands. */
static void
test_commands(void **state)
{
	(void)state;
	for (unsigned r = 0; r < REQUESTS; r++) {
		assert_true(imap_command_exists(grammar[r].name, false));
		assert_int_equal(imap_command_exists(grammar[r].name, true),
		    grammar[r].uid_args != NULL);
	}
	assert_false(imap_command_exists(STR("LOGI"), false));
}

/* Feeds IN in pieces of STEP bytes until something is to be done. */
static enum door_next
feed(struct imap_door *d, struct str in, size_t step, struct buf *out)
{
	enum door_next next = DOOR_READ;
	struct buf have = BUF_INIT;
	while ((next == DOOR_READ || next == DOOR_NEXT) && (in.n > 0 || have.n > 0)) {
		size_t n = in.n < step ? in.n : step, used;
		buf_add(&have, in.p, n);
		in = str_slice(in, n, in.n);
		next = imap_door_feed(d, buf_str(&have), &used, out);
		assert_true(next != DOOR_READ || used == have.n);
		buf_consume(&have, used);
	}
	buf_free(&have);
	return next;
}

struct row {
	const char *in, *out;
	enum door_next next;
};

static const struct row rows[] = {
	{ "a NOOP\r\n", "a OK Completed\r\n", DOOR_NEXT },
	{ "a NOOP\nb noop\r\n", "a OK Completed\r\nb OK Completed\r\n", DOOR_NEXT },
	{ "a LOGOUT\r\n", "* BYE LOGOUT received\r\na OK Completed\r\n", DOOR_END },
	{ "\r\n", "* BAD Invalid tag\r\n", DOOR_NEXT },
	{ "a\r\n", "a BAD Null command\r\n", DOOR_NEXT },
	{ "a FETCH 1 ALL\r\n", "a BAD Please login first\r\n", DOOR_NEXT },
	{ "a UID FETCH 1 ALL\r\n", "a BAD Please login first\r\n", DOOR_NEXT },
	{ "a UID NOOP\r\n", "a BAD Unrecognized UID subcommand\r\n", DOOR_NEXT },
	{ "a XYZ\r\n", "a BAD Unrecognized command\r\n", DOOR_NEXT },
	{ "a NOOP x\r\n",
	  "a BAD Invalid arguments in NOOP: expected the end of the command at byte 7\r\n", DOOR_NEXT },
	{ "a LOGIN fred\r\n",
	  "a BAD Invalid arguments in LOGIN: expected a space at byte 13\r\n", DOOR_NEXT },
	{ "a LANGUAGE de\r\nb NOOP\r\n", "* LANGUAGE (\"de\")\r\na OK Erledigt\r\nb OK Erledigt\r\n", DOOR_NEXT },
	{ "a LANGUAGE xx \"*\" de\r\n", "* LANGUAGE (\"de\")\r\na OK Erledigt\r\n", DOOR_NEXT },
	{ "a LANGUAGE xx\r\n", "a NO [CANNOT] No such language\r\n", DOOR_NEXT },
	{ "a STARTTLS\r\n", "a OK Begin TLS negotiation now\r\n", DOOR_TLS },
	{ "a ID NIL\r\n", NULL, DOOR_NEXT },
	{ "a ID (\"name\" \"x\" {3}\r\nabc {3+}\r\ndef)\r\n", NULL, DOOR_NEXT },
	{ "GET / HTTP/1.1\r\nHost: x\r\n", "* BYE This is an IMAP server\r\n", DOOR_END },
	{ "a LOGIN {99999999}\r\nb NOOP\r\n",
	  "a BAD [TOOBIG] Literal too big\r\nb OK Completed\r\n", DOOR_NEXT },
	{ "a LOGIN {99999999999999999999999+}\r\n",
	  "* BYE [TOOBIG] Literal too big even to be dropped\r\n", DOOR_END },
	{ "a AUTHENTICATE PLAIN !\r\n", "a BAD Authentication exchange was cancelled or is not"
	  " base64\r\n", DOOR_NEXT },
	{ "1 X\r\n2 X\r\n3 X\r\n4 X\r\n5 X\r\n6 X\r\n", "1 BAD Unrecognized command\r\n"
	  "2 BAD Unrecognized command\r\n3 BAD Unrecognized command\r\n"
	  "4 BAD Unrecognized command\r\n5 BAD Unrecognized command\r\n"
	  "* BYE Too many invalid IMAP commands\r\n", DOOR_END },
};

static const struct door_facts facts = {
	.mechanisms = { "AUTH=PLAIN", 10 }, .plaintext = true, .may_start_tls = true,
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t step = 1; step < 100; step = step * 2 + 1) {
			struct imap_door d;
			struct buf out = BUF_INIT;
			imap_door_init(&d, conf, "test");
			imap_door_facts(&d, &facts);
			assert_int_equal(feed(&d, str_c(rows[i].in), step, &out), rows[i].next);
			if (rows[i].out != NULL)
				assert_string_equal(out.p, rows[i].out);
			imap_door_fini(&d);
			buf_free(&out);
		}
}

static void
test_login(void **state)
{
	struct imap_door d;
	struct buf out = BUF_INIT;
	(void)state;
	for (size_t step = 1; step < 50; step *= 3) {
		imap_door_init(&d, conf, "test");
		imap_door_facts(&d, &facts);
		buf_reset(&out);
		assert_int_equal(feed(&d, STR("t1 LOGIN {4}\r\nfred \"a\\\"b\"\r\n"), step, &out),
		    DOOR_ASK);
		assert_string_equal(out.p, "+ go ahead\r\n");
		assert_int_equal(d.ask.what, QUESTION_PASSWORD);
		assert_true(str_eq(d.ask.name, STR("fred")) && str_eq(d.ask.bytes, STR("a\"b")));
		assert_string_equal(d.tag.p, "t1");
		assert_int_equal(d.command, HANDOVER_LOGIN);
		const struct dialogue_answer no = {
			.what = ANSWER_REFUSED, .err = ERR_AUTH, .why = "authentication failure",
		};
		buf_reset(&out);
		for (int i = 0; i < 4; i++) {
			assert_int_equal(imap_door_answer(&d, &no, &out), DOOR_NEXT);
			assert_int_equal(d.secret.n, 0);
			assert_int_equal(feed(&d, STR("t2 LOGIN fred x\r\n"), step, &out), DOOR_ASK);
		}
		assert_non_null(strstr(out.p,
		    "t1 NO [AUTHENTICATIONFAILED] Login failed: authentication failure\r\n"));
		assert_int_equal(imap_door_answer(&d, &no, &out), DOOR_END);
		assert_non_null(strstr(out.p, "* BYE Too many failed logins\r\nt2 NO"));
		imap_door_fini(&d);
	}
	buf_free(&out);
}

static void
test_authenticate(void **state)
{
	struct imap_door d;
	struct buf out = BUF_INIT;
	const struct dialogue_answer more = { .what = ANSWER_CHALLENGE, .bytes = { "hi", 2 } };
	(void)state;
	imap_door_init(&d, conf, "test");
	imap_door_facts(&d, &facts);
	assert_int_equal(feed(&d, STR("t AUTHENTICATE plain =\r\n"), 1, &out), DOOR_ASK);
	assert_true(d.ask.what == QUESTION_START && str_eq(d.ask.name, STR("plain")));
	assert_true(d.ask.bytes.p != NULL && d.ask.bytes.n == 0);
	assert_int_equal(imap_door_answer(&d, &more, &out), DOOR_NEXT);
	assert_string_equal(out.p, "+ aGk=\r\n");
	/* A response is no command, whatever it looks like. */
	assert_int_equal(feed(&d, STR("AGZyZWQAeHh4eHt7\r\n"), 1, &out), DOOR_ASK);
	assert_true(d.ask.what == QUESTION_STEP && str_eq(d.ask.bytes, STR("\0fred\0xxxx{{")));
	assert_int_equal(imap_door_answer(&d, &more, &out), DOOR_NEXT);
	buf_reset(&out);
	assert_int_equal(feed(&d, STR("*\r\n"), 1, &out), DOOR_NEXT);
	assert_string_equal(out.p,
	    "t BAD Authentication exchange was cancelled or is not base64\r\n");
	assert_int_equal(feed(&d, STR("u AUTHENTICATE PLAIN\r\n"), 1, &out), DOOR_ASK);
	assert_null(d.ask.bytes.p);
	buf_reset(&out);
	const struct dialogue_answer nobody = { .what = ANSWER_REFUSED, .err = ERR_IO,
	    .why = "passwords cannot be checked now" };
	assert_int_equal(imap_door_answer(&d, &nobody, &out), DOOR_NEXT);
	assert_string_equal(out.p,
	    "u NO [UNAVAILABLE] Login failed: passwords cannot be checked now\r\n");
	/* An authd that says no without saying why has let nobody in. */
	const struct dialogue_answer mad = { .what = ANSWER_REFUSED };
	assert_int_equal(feed(&d, STR("v AUTHENTICATE PLAIN\r\n"), 1, &out), DOOR_ASK);
	buf_reset(&out);
	assert_int_equal(imap_door_answer(&d, &mad, &out), DOOR_NEXT);
	assert_memory_equal(out.p, "v NO [UNAVAILABLE] ", 19);
	/* What is not base64 to its end may have been a password in its beginning. */
	assert_int_equal(feed(&d, STR("w AUTHENTICATE PLAIN AGZyZWQAc2Vj!===\r\n"), 1, &out),
	    DOOR_NEXT);
	assert_int_equal(d.answer.size, 0);
	imap_door_fini(&d);
	buf_free(&out);
}

/* Without an end, or longer than may be: bounded, refused, and the next is heard. */
static void
test_long(void **state)
{
	struct imap_door d;
	struct buf in = BUF_INIT, out = BUF_INIT;
	(void)state;
	imap_door_init(&d, conf, "test");
	imap_door_facts(&d, &facts);
	buf_adds(&in, "a LOGIN ");
	for (int i = 0; i < 200000; i++)
		buf_addc(&in, 'x');
	buf_adds(&in, " {5+}\r\nb NO\n\r\nc NOOP\r\n");
	assert_int_equal(feed(&d, buf_str(&in), 1000, &out), DOOR_NEXT);
	assert_string_equal(out.p, "a BAD [TOOBIG] Command too long\r\nc OK Completed\r\n");
	assert_true(d.text.size <= 128 * 1024);
	imap_door_fini(&d);
	buf_free(&in);
	buf_free(&out);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_authenticate),
		cmocka_unit_test(test_long),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
