/* cyrus.conf: what is accepted, and what is said about the rest. */
#include "master/conf.h"
#include "lib/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
note(void *ctx, bool is_error, const char *line)
{
	buf_printf(ctx, "%s %s\n", is_error ? "error" : "warning", line);
}

static const char example[] =
    "# standard\n"
    "START {\n"
    "  recover\tcmd=\"ctl_cyrusdb -r\"\n"
    "}\n\n"
    "services {\r\n"
    "  imap cmd=\"imapd -U 30\" listen=\"imap\" prefork=5 maxchild=100\r\n"
    "  # one at a time\n"
    "  lmtp cmd=lmtpd listen=/run/lmtp mode=0660 babysit=1 maxfds=1024 # local\n"
    "  sieve cmd=\"timsieved\" listen=\"[::1]:4190\" proto=\"tcp6\" prefork=9 maxchild=3\n"
    "}\n"
    "EVENTS {\n"
    "  a cmd=\"x \\\"y\\\" \\\\\" period=30\n"
    "  b cmd=\"x\" at=0415 period=1440\n"
    "  c cmd=\"x\" cron=\"*/5 * * * *\"\n"
    "  d cmd=\"x\"\n"
    "}\n"
    "DAEMON { # none but this\n"
    "  idled cmd=\"idled\" wait=y\n"
    "}\n";

static void
test_example(void **state)
{
	(void)state;
	struct buf said = BUF_INIT;
	struct mconf *c;
	assert_int_equal(mconf_parse(str_c(example), "f", note, &said, &c), OK);
	assert_string_equal(said.p, "");
	assert_string_equal(c->first[MCONF_START]->cmd, "ctl_cyrusdb -r");
	const struct mconf_entry *e = c->first[MCONF_SERVICES];
	assert_string_equal(e->name, "imap");
	assert_string_equal(e->cmd, "imapd -U 30");
	assert_string_equal(e->listen, "imap");
	assert_string_equal(e->proto, "tcp");
	assert_int_equal(e->prefork, 5);
	assert_int_equal(e->maxchild, 100);
	assert_int_equal(e->maxfds, 256);
	assert_int_equal(e->maxforkrate, 0);
	assert_int_equal(e->mode, 0777);
	e = e->next;
	assert_string_equal(e->listen, "/run/lmtp");
	assert_int_equal(e->mode, 0660);
	assert_int_equal(e->prefork, 1);
	assert_int_equal(e->maxforkrate, 10);
	assert_int_equal(e->maxchild, -1);
	assert_int_equal(e->maxfds, 1024);
	e = e->next;
	assert_int_equal(e->prefork, 3);
	assert_null(e->next);
	e = c->first[MCONF_EVENTS];
	assert_string_equal(e->cmd, "x \"y\" \\");
	assert_int_equal(e->schedule.kind, SCHEDULE_PERIOD);
	assert_int_equal(e->schedule.period, 30);
	assert_int_equal(e->next->schedule.kind, SCHEDULE_AT);
	assert_int_equal(e->next->schedule.at, 255);
	assert_int_equal(e->next->next->schedule.kind, SCHEDULE_CRON);
	assert_int_equal(e->next->next->next->schedule.kind, SCHEDULE_ONCE);
	assert_true(c->first[MCONF_DAEMON]->wait);
	mconf_free(c);
	buf_free(&said);
}

static void
test_complaints(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum err want;
		const char *said;
	} rows[] = {
		{ "", OK, "" },
		{ "START {\n", ERR_SYNTAX,
		    "error f:1: the file ends inside section START\n" },
		{ "START\n", ERR_SYNTAX, "error f:1: want \"{\" after \"START\"\n"
		    "error f:1: the file ends inside section START\n" },
		{ "OTHER {\n x y z\n}\n", OK, "warning f:1: unknown section \"OTHER\" is"
		    " ignored; known are START SERVICES EVENTS DAEMON\n" },
		{ "SERVICES {\n a listen=1\n}", ERR_SYNTAX,
		    "error f:2: \"a\" has no cmd=\n" },
		{ "SERVICES {\n a cmd=x\n}", ERR_SYNTAX,
		    "error f:2: service \"a\" has no listen=\n" },
		{ "SERVICES {\n a cmd=x listen=1\n a cmd=y listen=2\n}", ERR_SYNTAX,
		    "error f:3: service \"a\" is in line 2 already\n" },
		{ "SERVICES {\n a cmd=x listen=1 prefork=-1\n}", ERR_SYNTAX,
		    "error f:2: prefork=\"-1\": want a number\n" },
		{ "SERVICES {\n a cmd=x listen=1 proto=sctp\n}", ERR_SYNTAX,
		    "error f:2: proto=\"sctp\": want tcp, tcp4 or tcp6\n" },
		{ "SERVICES {\n a cmd=x listen=/s proto=udp\n}", OK,
		    "warning f:2: service \"a\" is left out: there are no services for"
		    " proto=\"udp\"\n" },
		{ "SERVICES {\n a cmd=x listen=1 mode=888\n}", ERR_SYNTAX,
		    "error f:2: mode=\"888\": want an octal mode, 0000 to 0777\n" },
		{ "SERVICES {\n a cmd=x listen=1 prefrok=1\n}", OK,
		    "warning f:2: unknown argument \"prefrok\" of \"a\" is ignored\n" },
		{ "START {\n a cmd=x listen=1\n}", OK,
		    "warning f:2: listen= means nothing in section START\n" },
		{ "START {\n a cmd=\"x\n}", ERR_SYNTAX,
		    "error f:2: a quoted value does not end on its line\n" },
		{ "START {\n a cmd\n}", ERR_SYNTAX,
		    "error f:2: want KEY=VALUE at \"cmd\"\n" },
		{ "START {\n cmd=x\n}", ERR_SYNTAX,
		    "error f:2: want NAME KEY=VALUE ...\n" },
		{ "START {\n a cmd=\" \"\n}", ERR_SYNTAX,
		    "error f:2: cmd=\" \": want a command\n" },
		{ "EVENTS {\n a cmd=x at=2500\n}", ERR_SYNTAX,
		    "error f:2: at=\"2500\": want HHMM\n" },
		{ "EVENTS {\n a cmd=x cron=\"0 0 31 2 *\"\n}", ERR_SYNTAX,
		    "error f:2: the time of \"a\" never comes\n" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf said = BUF_INIT;
		struct mconf *c;
		enum err e = mconf_parse(str_c(rows[i].text), "f", note, &said, &c);
		assert_string_equal(said.p, rows[i].said);
		assert_int_equal(e, rows[i].want);
		assert_int_equal(c != NULL, e == OK);
		mconf_free(c);
		buf_free(&said);
	}
}

static void
test_any_bytes(void **state)
{
	(void)state;
	static const char text[] = "START {\n a\0b cmd=x\n c cmd=\"\0\"\n}\n";
	struct buf said = BUF_INIT;
	struct mconf *c;
	assert_int_equal(mconf_parse((struct str){ text, sizeof(text) - 1 }, "f",
	    note, &said, &c), ERR_SYNTAX);
	assert_string_equal(said.p, "error f:2: a name may hold letters, digits, - and _\n"
	    "error f:3: a NUL byte in the value of cmd\n");
	buf_free(&said);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_any_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
