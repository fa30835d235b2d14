/* test_pop3_door.c - what POP3 clients hear before login, whatever pieces it comes in */
#include "imap/door/door.h"
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
static struct pop3_door d;
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
begin_door(void **state)
{
	struct door_facts facts = {
		.mechanisms = STR("PLAIN LOGIN"), .plaintext = true, .may_start_tls = true,
		.apop = STR("<1.2@test>"),
	};

	(void)state;
	buf_init(&out);
	pop3_door_init(&d, conf, "test");
	pop3_door_facts(&d, &facts);
	return 0;
}

static int
end_door(void **state)
{
	(void)state;
	pop3_door_fini(&d);
	buf_free(&out);
	return 0;
}

/* What all of TEXT leads to, in pieces of STEP bytes; OUT is the answer. */
static enum door_next
feed(struct str text, size_t step)
{
	enum door_next next = DOOR_READ;

	buf_reset(&out);
	for (size_t at = 0, used; at < text.n; at += used) {
		next = pop3_door_feed(&d, str_slice(text, at, at + step), &used, &out);
		assert_true(used > 0 && used <= step);
	}
	return next;
}

static enum door_next
line(const char *text)
{
	struct buf b = BUF_INIT;
	buf_printf(&b, "%s\r\n", text);
	enum door_next next = feed(buf_str(&b), 1);
	buf_free(&b);
	return next;
}

static enum door_next
answer(enum err e, const char *challenge)
{
	const struct dialogue_answer a = {
		.what = e == ERR_AGAIN ? ANSWER_CHALLENGE : ANSWER_REFUSED,
		.err = e == ERR_AGAIN ? OK : e, .bytes = str_c(challenge), .why = "not allowed",
	};

	buf_reset(&out);
	return pop3_door_answer(&d, &a, &out);
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
	assert_int_equal(line("PASS x"), DOOR_NEXT);
	assert_true(says("-ERR Say USER first"));
	assert_int_equal(line("user fred"), DOOR_NEXT);
	assert_true(says("+OK"));
	assert_int_equal(line("PASS  two words "), DOOR_ASK);
	assert_int_equal(out.n, 0);
	assert_int_equal(d.ask.what, QUESTION_PASSWORD);
	assert_str(d.ask.name, "fred");
	assert_str(d.ask.bytes, " two words ");
	assert_int_equal(answer(ERR_AUTH, ""), DOOR_NEXT);
	assert_true(says("-ERR [AUTH] "));
	/* The name went with it, and any other command takes it away. */
	assert_int_equal(line("PASS x"), DOOR_NEXT);
	assert_int_equal(line("USER fred"), DOOR_NEXT);
	assert_int_equal(line("CAPA"), DOOR_NEXT);
	assert_int_equal(line("PASS x"), DOOR_NEXT);
}

static void
test_apop(void **state)
{
	(void)state;
	pop3_door_greet(&d, "host", &out);
	assert_non_null(strstr(out.p, " <1.2@test>\r\n"));
	assert_int_equal(line("APOP fred 00ff"), DOOR_ASK);
	assert_int_equal(d.ask.what, QUESTION_APOP);
	assert_str(d.ask.name, "fred");
	assert_str(d.ask.bytes, "00ff");
	assert_int_equal(answer(ERR_IO, ""), DOOR_NEXT);
	assert_true(says("-ERR [SYS/TEMP] "));
	assert_int_equal(line("APOP fred"), DOOR_NEXT);
}

static void
test_exchange(void **state)
{
	(void)state;
	assert_int_equal(line("AUTH PLAIN AGEA"), DOOR_ASK);
	assert_int_equal(d.ask.what, QUESTION_START);
	assert_non_null(d.ask.bytes.p);
	assert_int_equal(d.ask.bytes.n, 3);
	assert_int_equal(answer(ERR_AUTH, ""), DOOR_NEXT);
	assert_int_equal(line("AUTH login"), DOOR_ASK);
	assert_null(d.ask.bytes.p);
	assert_str(d.ask.name, "login");
	assert_int_equal(answer(ERR_AGAIN, "User"), DOOR_NEXT);
	assert_string_equal(out.p, "+ VXNlcg==\r\n");
	/* A response, whatever it looks like. */
	assert_int_equal(line("QUIT"), DOOR_ASK);
	assert_int_equal(d.ask.what, QUESTION_STEP);
	assert_int_equal(answer(ERR_AGAIN, ""), DOOR_NEXT);
	assert_string_equal(out.p, "+ \r\n");
	assert_int_equal(line("*"), DOOR_NEXT);
	assert_true(says("-ERR Cancelled"));
	assert_int_equal(line("AUTH PLAIN ="), DOOR_ASK);
	assert_non_null(d.ask.bytes.p);
	assert_int_equal(d.ask.bytes.n, 0);
	assert_int_equal(answer(ERR_UNSUPPORTED, ""), DOOR_NEXT);
	assert_true(says("-ERR No such mechanism"));
}

static void
test_tls_makes_new(void **state)
{
	struct door_facts facts = { .mechanisms = STR("PLAIN"), .plaintext = true };

	(void)state;
	assert_int_equal(line("LANG de"), DOOR_NEXT);
	assert_int_equal(line("USER fred"), DOOR_NEXT);
	assert_int_equal(line("STLS"), DOOR_TLS);
	pop3_door_facts(&d, &facts);
	assert_int_equal(line("PASS x"), DOOR_NEXT);
	assert_true(says("-ERR Say USER first"));
	assert_int_equal(line("STLS"), DOOR_NEXT);
	assert_true(says("-ERR"));
	assert_int_equal(line("CAPA"), DOOR_NEXT);
	assert_null(strstr(out.p, "STLS"));
	assert_non_null(strstr(out.p, "SASL PLAIN\r\n"));
}

static void
test_patience(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < POP3_RESPONSE_MAX; i++)
		buf_addc(&b, 'x');
	buf_adds(&b, "\r\n");
	for (int i = 1; i < POP3_BAD_MAX; i++)
		assert_int_equal(line("XYZZY"), DOOR_NEXT);
	assert_int_equal(line("CAPA"), DOOR_NEXT);
	for (int i = 1; i < POP3_BAD_MAX; i++)
		assert_int_equal(feed(buf_str(&b), 4096), DOOR_NEXT);
	assert_int_equal(line("XYZZY"), DOOR_END);
	assert_int_equal(line("QUIT"), DOOR_END);
	assert_int_equal(line("GET / HTTP/1.1"), DOOR_END);
	buf_free(&b);
}

static void
test_failures(void **state)
{
	(void)state;
	for (int i = 1; i <= POP3_FAILED_MAX; i++) {
		assert_int_equal(line("AUTH PLAIN AGEA"), DOOR_ASK);
		assert_int_equal(answer(ERR_AUTH, ""), i < POP3_FAILED_MAX ? DOOR_NEXT : DOOR_END);
	}
}

/* Of what comes together one command is taken at a time; what is behind a login is not ours. */
static void
test_pipeline(void **state)
{
	const struct str text = STR("USER fred\r\nPASS x\nSTAT\r\n");
	size_t used, more;

	(void)state;
	buf_reset(&out);
	assert_int_equal(pop3_door_feed(&d, text, &used, &out), DOOR_NEXT);
	assert_int_equal(used, 11);
	assert_int_equal(pop3_door_feed(&d, str_slice(text, used, text.n), &more, &out), DOOR_ASK);
	assert_int_equal(more, 7);
	assert_int_equal(d.line.n, 0);
}

/* A line is as long as a line may be: RFC 2449 section 4, RFC 5034 section 4. */
static void
test_length(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_adds(&b, "USER ");
	while (b.n < POP3_LINE_MAX - 2)
		buf_addc(&b, 'x');
	assert_int_equal(line(b.p), DOOR_NEXT);
	assert_true(says("+OK"));
	buf_addc(&b, 'x');
	assert_int_equal(line(b.p), DOOR_NEXT);
	assert_true(says("-ERR Line is too long"));
	buf_reset(&b);
	buf_adds(&b, "AUTH PLAIN ");
	while (b.n < POP3_RESPONSE_MAX - 9)
		buf_adds(&b, "AAAA");
	assert_int_equal(line(b.p), DOOR_ASK);
	assert_int_equal(answer(ERR_AUTH, ""), DOOR_NEXT);
	while (b.n < POP3_RESPONSE_MAX)
		buf_adds(&b, "AAAA");
	assert_int_equal(line(b.p), DOOR_NEXT);
	assert_true(says("-ERR Line is too long"));
	assert_int_equal(d.line.size, 0);
	buf_free(&b);
}

/* What frontd says, and tells a worker, without knowing the protocol. */
static void
test_any_protocol(void **state)
{
	const struct door_facts facts = { .mechanisms = STR("PLAIN"), .plaintext = true };
	enum door_protocol protocol;
	struct door any;
	size_t used;

	(void)state;
	assert_true(door_find(STR("imapd"), &protocol) && protocol == DOOR_IMAP);
	assert_false(door_find(STR("lmtpd"), &protocol));
	assert_true(door_find(STR("pop3d"), &protocol) && protocol == DOOR_POP3);
	assert_string_equal(door_words(protocol)->sasl_service, "pop");
	door_init(&any, protocol, conf, "test");
	door_facts(&any, &facts);
	buf_reset(&out);
	assert_int_equal(door_feed(&any, STR("UTF8\r\n"), &used, &out), DOOR_NEXT);
	assert_int_equal(door_feed(&any, STR("LANG de\r\n"), &used, &out), DOOR_NEXT);
	assert_int_equal(door_feed(&any, STR("AUTH PLAIN\r\n"), &used, &out), DOOR_ASK);
	assert_int_equal(door_question(&any)->what, QUESTION_START);
	struct door_said said = door_said(&any);
	assert_true(said.utf8 && said.plaintext && said.language == LANGUAGE_GERMAN);
	assert_int_equal(said.command, HANDOVER_AUTHENTICATE);
	assert_str(said.mechanisms, "PLAIN");
	buf_reset(&out);
	assert_int_equal(door_unavailable(&any, &out), DOOR_NEXT);
	assert_true(says("-ERR [SYS/TEMP] Passw\u00f6rter"));
	buf_reset(&out);
	door_bye(&any, BYE_STOPPING, NULL, &out);
	assert_int_equal(out.n, 0);
	door_bye(&any, BYE_IDLE, NULL, &out);
	assert_string_equal(out.p, "-ERR [SYS/TEMP] Es hat zu lange gedauert\r\n");
	buf_reset(&out);
	door_bye(&any, BYE_NOTICE, "Back at noon", &out);
	assert_string_equal(out.p, "-ERR [SYS/TEMP] Back at noon\r\n");
	door_fini(&any);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_password, begin_door, end_door),
		cmocka_unit_test_setup_teardown(test_apop, begin_door, end_door),
		cmocka_unit_test_setup_teardown(test_exchange, begin_door, end_door),
		cmocka_unit_test_setup_teardown(test_tls_makes_new, begin_door, end_door),
		cmocka_unit_test_setup_teardown(test_patience, begin_door, end_door),
		cmocka_unit_test_setup_teardown(test_failures, begin_door, end_door),
		cmocka_unit_test_setup_teardown(test_pipeline, begin_door, end_door),
		cmocka_unit_test_setup_teardown(test_length, begin_door, end_door),
		cmocka_unit_test_setup_teardown(test_any_protocol, begin_door, end_door),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
