/* test_pop3.c - the parts of pop3d that need no store: login machine, lines, headers, ids */
#include "imap/pop3d/ascii.h"
#include "imap/pop3d/auth.h"
#include "imap/pop3d/send.h"
#include "imap/pop3d/uidl.h"
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
static struct auth a;
static struct buf out;

static int
begin(void **state)
{
	char path[] = "/tmp/test_pop3.XXXXXX";
	static const char text[] = "configdirectory: /nonexistent\npartition-default: /nonexistent\n";
	int fd = mkstemp(path);

	(void)state;
	log_open("test", "/dev/null", LOG_LOCAL6);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	assert_int_equal(conf_read(path, "pop3", conf_log_errors, NULL, &conf), OK);
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

static int
begin_auth(void **state)
{
	struct auth_facts facts = {
		.mechanisms = "PLAIN LOGIN", .plaintext = true, .may_start_tls = true,
		.apop = "<1.2@test>",
	};

	(void)state;
	buf_init(&out);
	auth_init(&a, conf, "test");
	auth_facts(&a, &facts);
	return 0;
}

static int
end_auth(void **state)
{
	(void)state;
	auth_fini(&a);
	buf_free(&out);
	return 0;
}

/* What LINE leads to; OUT is its answer. */
static enum auth_next
line(const char *text)
{
	buf_reset(&out);
	return auth_line(&a, str_c(text), &out);
}

static enum auth_next
answer(enum err e, const char *challenge)
{
	buf_reset(&out);
	return auth_answer(&a, e, str_c(challenge), &out);
}

static bool
says(const char *start)
{
	return str_starts(buf_str(&out), str_c(start));
}

static void
assert_str(struct str got, const char *want)
{
	assert_int_equal(got.n, strlen(want));
	assert_memory_equal(got.p, want, got.n);
}

/* --- the machine --- */

static void
test_password(void **state)
{
	(void)state;
	assert_int_equal(line("PASS x"), AUTH_LINE);
	assert_true(says("-ERR Say USER first"));
	assert_int_equal(line("user fred"), AUTH_LINE);
	assert_true(says("+OK"));
	assert_int_equal(line("PASS  two words "), AUTH_ASK);
	assert_int_equal(out.n, 0);
	assert_int_equal(a.ask.question, ASK_PASSWORD);
	assert_str(a.ask.name, "fred");
	assert_str(a.ask.secret, " two words ");
	assert_int_equal(answer(ERR_AUTH, ""), AUTH_LINE);
	assert_true(says("-ERR [AUTH] "));
	/* The name went with it, and any other command takes it away. */
	assert_int_equal(line("PASS x"), AUTH_LINE);
	assert_int_equal(line("USER fred"), AUTH_LINE);
	assert_int_equal(line("CAPA"), AUTH_LINE);
	assert_int_equal(line("PASS x"), AUTH_LINE);
}

static void
test_apop(void **state)
{
	(void)state;
	auth_greet(&a, "host", &out);
	assert_non_null(strstr(out.p, " <1.2@test>\r\n"));
	assert_int_equal(line("APOP fred 00ff"), AUTH_ASK);
	assert_int_equal(a.ask.question, ASK_APOP);
	assert_str(a.ask.name, "fred");
	assert_str(a.ask.secret, "00ff");
	assert_int_equal(answer(ERR_IO, ""), AUTH_LINE);
	assert_true(says("-ERR [SYS/TEMP] "));
	assert_int_equal(line("APOP fred"), AUTH_LINE);
}

static void
test_exchange(void **state)
{
	(void)state;
	assert_int_equal(line("AUTH PLAIN AGEA"), AUTH_ASK);
	assert_int_equal(a.ask.question, ASK_START);
	assert_true(a.ask.has_initial);
	assert_int_equal(a.ask.secret.n, 3);
	assert_int_equal(answer(ERR_AUTH, ""), AUTH_LINE);
	assert_int_equal(line("AUTH login"), AUTH_ASK);
	assert_false(a.ask.has_initial);
	assert_str(a.ask.name, "login");
	assert_int_equal(answer(ERR_AGAIN, "User"), AUTH_LINE);
	assert_string_equal(out.p, "+ VXNlcg==\r\n");
	/* A response, whatever it looks like. */
	assert_int_equal(line("QUIT"), AUTH_ASK);
	assert_int_equal(a.ask.question, ASK_STEP);
	assert_int_equal(answer(ERR_AGAIN, ""), AUTH_LINE);
	assert_string_equal(out.p, "+ \r\n");
	assert_int_equal(line("*"), AUTH_LINE);
	assert_true(says("-ERR Cancelled"));
	assert_int_equal(line("AUTH PLAIN ="), AUTH_ASK);
	assert_true(a.ask.has_initial);
	assert_int_equal(a.ask.secret.n, 0);
	assert_int_equal(answer(ERR_UNSUPPORTED, ""), AUTH_LINE);
	assert_true(says("-ERR No such mechanism"));
}

static void
test_tls_makes_new(void **state)
{
	struct auth_facts facts = { .mechanisms = "PLAIN", .plaintext = true };

	(void)state;
	assert_int_equal(line("LANG de"), AUTH_LINE);
	assert_int_equal(line("USER fred"), AUTH_LINE);
	assert_int_equal(line("STLS"), AUTH_TLS);
	auth_facts(&a, &facts);
	assert_int_equal(line("PASS x"), AUTH_LINE);
	assert_true(says("-ERR Say USER first"));
	assert_int_equal(line("STLS"), AUTH_LINE);
	assert_true(says("-ERR"));
	assert_int_equal(line("CAPA"), AUTH_LINE);
	assert_null(strstr(out.p, "STLS"));
	assert_non_null(strstr(out.p, "SASL PLAIN\r\n"));
}

static void
test_patience(void **state)
{
	(void)state;
	for (int i = 1; i < AUTH_BAD_MAX; i++)
		assert_int_equal(line("XYZZY"), AUTH_LINE);
	assert_int_equal(line("CAPA"), AUTH_LINE);
	for (int i = 1; i < AUTH_BAD_MAX; i++)
		assert_int_equal(auth_too_long(&a, &out), AUTH_LINE);
	assert_int_equal(line("XYZZY"), AUTH_END);
	assert_int_equal(line("QUIT"), AUTH_END);
	assert_int_equal(line("GET / HTTP/1.1"), AUTH_END);
}

static void
test_failures(void **state)
{
	(void)state;
	for (int i = 1; i <= AUTH_FAILED_MAX; i++) {
		assert_int_equal(line("AUTH PLAIN AGEA"), AUTH_ASK);
		assert_int_equal(answer(ERR_AUTH, ""), i < AUTH_FAILED_MAX ? AUTH_LINE : AUTH_END);
	}
}

/* --- lines --- */

static void
test_send(void **state)
{
	static const struct {
		const char *header, *body, *sent;
	} rows[] = {
		{ "", "", ".\r\n" },
		{ "A: b\r\n\r\n", "", "A: b\r\n\r\n.\r\n" },
		{ "A: b", "", "A: b\r\n.\r\n" },
		{ ".: b\r\n\r\n", ".\r\n..\r\n.x", "..: b\r\n\r\n..\r\n...\r\n..x\r\n.\r\n" },
		{ "A:\r\n\r\n", "x.\r\n.", "A:\r\n\r\nx.\r\n..\r\n.\r\n" },
		{ "A:\r\n\r\n", "a\n.\n", "A:\r\n\r\na\n..\n\r\n.\r\n" },
		{ "A:\r\n\r\n", "a\r.\r\n", "A:\r\n\r\na\r.\r\n.\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf sent = BUF_INIT;
		struct stream *s = stream_mem(STR(""), &sent);

		send_lines(s, str_c(rows[i].header), str_c(rows[i].body));
		assert_int_equal(stream_flush(s), OK);
		assert_string_equal(sent.p, rows[i].sent);
		stream_close(s);
		buf_free(&sent);
	}
}

static void
test_top(void **state)
{
	struct str body = STR("a\r\nb\r\nc");

	(void)state;
	assert_str(send_top(body, 0), "");
	assert_str(send_top(body, 1), "a\r\n");
	assert_str(send_top(body, 2), "a\r\nb\r\n");
	assert_str(send_top(body, 3), "a\r\nb\r\nc");
	assert_str(send_top(body, UINT64_MAX), "a\r\nb\r\nc");
	assert_str(send_top(STR(""), 5), "");
}

/* --- headers --- */

static void
test_ascii(void **state)
{
	static const struct {
		const char *header, *want;	/* NULL: as it is */
	} rows[] = {
		{ "Subject: plain\r\n\r\n", NULL },
		{ "Subject: \xc3\xa4\r\n\r\n", "Subject: =?UTF-8?B?w6Q=?=\r\n\r\n" },
		/* The space between two words is in them. */
		{ "Subject: \xc3\xa4 \xc3\xb6 x\r\n", "Subject: =?UTF-8?B?w6Qgw7Y=?= x\r\n" },
		{ "Subject: \xc3\xa4, x\r\n", "Subject: =?UTF-8?B?w6Qs?= x\r\n" },
		{ "To: \xc3\xa4, x <a@b>\r\n", "To: =?UTF-8?B?w6Q=?=, x <a@b>\r\n" },
		{ "Subject: \xc3\xa4\r\n \xc3\xb6\r\n",
		    "Subject: =?UTF-8?B?w6Q=?=\r\n =?UTF-8?B?IMO2?=\r\n" },
		{ "Subject: a\r\n \xc3\xb6\r\n", "Subject: a\r\n =?UTF-8?B?w7Y=?=\r\n" },
		{ "To: \xc3\xa4,\r\n \xc3\xb6\r\n", "To: =?UTF-8?B?w6Q=?=,\r\n =?UTF-8?B?w7Y=?=\r\n" },
		{ "Subject: \xfc\r\n", "Subject: \xfc\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf got = BUF_INIT;

		assert_int_equal(ascii_header(str_c(rows[i].header), &got), rows[i].want != NULL);
		if (rows[i].want != NULL)
			assert_string_equal(got.p, rows[i].want);
		buf_free(&got);
	}
}

static void
test_uidl(void **state)
{
	static const char *const want[] = {
		"4294967295.1", "1", "00000001ffffffff", "4294967295-1",
	};

	(void)state;
	for (int format = 0; format < 4; format++) {
		struct buf id = BUF_INIT;

		uidl_put(&id, format, UINT32_MAX, 1);
		assert_string_equal(id.p, want[format]);
		buf_free(&id);
	}
}

/* What nobody has translated stays as it is. */
static void
test_languages(void **state)
{
	(void)state;
	assert_string_equal(reply_text(LANGUAGE_GERMAN, "Bye"), "Auf Wiedersehen");
	assert_string_equal(reply_text(LANGUAGE_ENGLISH, "Bye"), "Bye");
	assert_string_equal(reply_text(LANGUAGE_GERMAN, "Back at noon"), "Back at noon");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_password, begin_auth, end_auth),
		cmocka_unit_test_setup_teardown(test_apop, begin_auth, end_auth),
		cmocka_unit_test_setup_teardown(test_exchange, begin_auth, end_auth),
		cmocka_unit_test_setup_teardown(test_tls_makes_new, begin_auth, end_auth),
		cmocka_unit_test_setup_teardown(test_patience, begin_auth, end_auth),
		cmocka_unit_test_setup_teardown(test_failures, begin_auth, end_auth),
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_top),
		cmocka_unit_test(test_ascii),
		cmocka_unit_test(test_uidl),
		cmocka_unit_test(test_languages),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
