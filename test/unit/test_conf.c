/* imapd.conf: what is read, what is refused, and in which words. */
#include "lib/conf.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_conf.XXXXXX");
	return mkdtemp(dir) == NULL;
}

static int
remove_dir(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static void
write_file(const char *name, const char *text, size_t n)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	fclose(f);
}

/* Errors as "E words", warnings as "W words", without the directory. */
static void
collect(void *ctx, bool is_error, const char *line)
{
	struct buf *b = ctx;
	const char *at = strstr(line, dir);

	buf_printf(b, "%c %s\n", is_error ? 'E' : 'W',
	    at == line ? line + strlen(dir) + 1 : line);
}

static enum err
read_bytes(const char *text, size_t n, const char *service, struct buf *reports,
    struct conf **c)
{
	char path[128];

	write_file("imapd.conf", text, n);
	snprintf(path, sizeof(path), "%s/imapd.conf", dir);
	return conf_read(path, service, collect, reports, c);
}

/* What every file here needs. */
#define BASE	"configdirectory: /c\npartition-default: /p\n"

static struct conf *
must_read(const char *text, const char *service)
{
	struct buf reports = BUF_INIT;
	struct conf *c;

	assert_int_equal(read_bytes(text, strlen(text), service, &reports, &c), OK);
	assert_string_equal(reports.p, "");
	buf_free(&reports);
	return c;
}

static void
test_defaults(void **state)
{
	struct conf *c = must_read(BASE, "imap");

	(void)state;
	assert_int_equal(conf_seconds(c, CONF_TIMEOUT), 1800);
	assert_string_equal(conf_string(c, CONF_TIMEOUT), "30m");
	assert_string_equal(conf_string(c, CONF_LMTPSOCKET), "/c/socket/lmtp");
	assert_null(conf_string(c, CONF_SERVERNAME));
	assert_int_equal(conf_int(c, CONF_UMASK), 077);
	assert_int_equal(conf_enum(c, CONF_EXPUNGE_MODE), 0);
	assert_int_equal(conf_bytes(c, CONF_MAXLITERAL), 131072);
	assert_false(conf_switch(c, CONF_ALLOWPLAINTEXT));
	assert_true(conf_has_word(c, CONF_TLS_VERSIONS, "tls1_3"));
	assert_false(conf_has_word(c, CONF_TLS_VERSIONS, "tls1"));
	assert_string_equal(conf_string(c, CONF_DEFAULTPARTITION), "default");
	assert_string_equal(conf_get(c, "partition-default"), "/p");
	assert_null(conf_get(c, "partition-other"));
	assert_string_equal(conf_get(c, "timeout"), "30m");
	assert_null(conf_origin(c, "timeout"));
	conf_free(c);
}

static void
test_layout(void **state)
{
	struct conf *c = must_read("\xef\xbb\xbf# a comment \\\n"
	    "configdirectory:/c\r\n"
	    "\n   \t\n"
	    "  PARTITION-Default : /p \t\n"
	    "partition-news: {configdirectory}/news\n"
	    "admins: cyrus \\\n"
	    "   root\\\n"
	    " # no comment\n"
	    "servername: a:b # not a comment\n"
	    "syslog_prefix: {configdirectory}/{configdirectory}\n"
	    "postuser:\n"
	    "timeout: 45", NULL);

	(void)state;
	assert_string_equal(conf_string(c, CONF_CONFIGDIRECTORY), "/c");
	assert_string_equal(conf_get(c, "partition-default"), "/p");
	assert_string_equal(conf_get(c, "partition-news"), "/c/news");
	assert_string_equal(conf_string(c, CONF_ADMINS), "cyrus    root # no comment");
	assert_true(conf_has_word(c, CONF_ADMINS, "root"));
	assert_string_equal(conf_string(c, CONF_SERVERNAME), "a:b # not a comment");
	assert_string_equal(conf_string(c, CONF_SYSLOG_PREFIX), "/c//c");
	assert_string_equal(conf_string(c, CONF_POSTUSER), "");
	assert_int_equal(conf_seconds(c, CONF_TIMEOUT), 45 * 60);
	assert_true(strstr(conf_origin(c, "admins"), "/imapd.conf:7") != NULL);
	conf_free(c);
}

static void
test_services(void **state)
{
	static const char text[] = BASE
	    "imap_timeout: 1h\n"
	    "timeout: 40m\n"
	    "pop3_timeout: 10m\n"
	    "maxmessagesize: 1M\n"
	    "imap_maxmessagesize: 2M\n"
	    "sasl_mech_list: PLAIN\n"
	    "imap_sasl_mech_list: SCRAM-SHA-256\n"
	    "lmtp_downcase_rcpt: no\n";
	struct conf *c = must_read(text, "imap");

	(void)state;
	assert_int_equal(conf_seconds(c, CONF_TIMEOUT), 3600);
	assert_int_equal(conf_bytes(c, CONF_MAXMESSAGESIZE), 2 << 20);
	assert_string_equal(conf_get(c, "sasl_mech_list"), "SCRAM-SHA-256");
	assert_false(conf_switch(c, CONF_LMTP_DOWNCASE_RCPT));
	conf_free(c);
	c = must_read(text, "lmtp");
	assert_int_equal(conf_seconds(c, CONF_TIMEOUT), 2400);
	assert_string_equal(conf_get(c, "sasl_mech_list"), "PLAIN");
	assert_false(conf_switch(c, CONF_LMTP_DOWNCASE_RCPT));
	conf_free(c);
}

static const struct {
	const char *line;
	enum conf_opt option;
	int64_t number;
} values[] = {
	{ "timeout: 0", CONF_TIMEOUT, 0 },
	{ "timeout: 90s", CONF_TIMEOUT, 90 },
	{ "timeout: 1D2h3M4s", CONF_TIMEOUT, 86400 + 7200 + 180 + 4 },
	{ "imapidlepoll: 7", CONF_IMAPIDLEPOLL, 7 },
	{ "maxmessagesize: 4096", CONF_MAXMESSAGESIZE, 4096 },
	{ "maxmessagesize: 3K", CONF_MAXMESSAGESIZE, 3072 },
	{ "maxmessagesize: 2 MiB", CONF_MAXMESSAGESIZE, 2 << 20 },
	{ "maxmessagesize: 5gb", CONF_MAXMESSAGESIZE, 5368709120 },
	{ "maxmessagesize: 12B", CONF_MAXMESSAGESIZE, 12 },
	{ "umask: 027", CONF_UMASK, 027 },
	{ "quotawarn: 100", CONF_QUOTAWARN, 100 },
	{ "autocreate_quota: -1", CONF_AUTOCREATE_QUOTA, -1 },
	{ "autocreatequota: 0", CONF_AUTOCREATE_QUOTA, -1 },
	{ "autocreatequota: -1", CONF_AUTOCREATE_QUOTA, 0 },
	{ "autocreatequota: 5000", CONF_AUTOCREATE_QUOTA, 5000 },
	{ "cleartextloginpause: 2", CONF_PLAINTEXTLOGINPAUSE, 2 },
	{ "reject8bit: YES", CONF_REJECT8BIT, 1 },
	{ "reject8bit: t", CONF_REJECT8BIT, 1 },
	{ "reject8bit: on", CONF_REJECT8BIT, 1 },
	{ "reject8bit: 1", CONF_REJECT8BIT, 1 },
	{ "username_tolower: 0", CONF_USERNAME_TOLOWER, 0 },
	{ "username_tolower: Off", CONF_USERNAME_TOLOWER, 0 },
	{ "username_tolower: f", CONF_USERNAME_TOLOWER, 0 },
	{ "expunge_mode: IMMEDIATE", CONF_EXPUNGE_MODE, 1 },
	{ "expunge_mode: semidelayed", CONF_EXPUNGE_MODE, 0 },
	{ "virtdomains: yes", CONF_VIRTDOMAINS, 2 },
	{ "virtdomains: userid", CONF_VIRTDOMAINS, 1 },
	{ "serverinfo: 0", CONF_SERVERINFO, 0 },
	{ "syslog_facility: LOCAL7", CONF_SYSLOG_FACILITY, 11 },
};

static int64_t
number_of(const struct conf *c, enum conf_opt o)
{
	switch (conf_option(o)->type) {
	case CONF_SWITCH:
		return conf_switch(c, o);
	case CONF_INT:
		return conf_int(c, o);
	case CONF_DURATION:
		return conf_seconds(c, o);
	case CONF_SIZE:
		return conf_bytes(c, o);
	case CONF_ENUM:
		return conf_enum(c, o);
	case CONF_STRING:
	case CONF_LIST:
	case CONF_PATH:
		break;
	}
	fail();
	return 0;
}

static void
test_values(void **state)
{
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(text, sizeof(text), BASE "%s\n", values[i].line);
		struct conf *c = must_read(text, NULL);

		if (number_of(c, values[i].option) != values[i].number)
			fail_msg("%s: %lld", values[i].line,
			    (long long)number_of(c, values[i].option));
		conf_free(c);
	}
}

/* Each alone is one error in line 3. */
static const struct {
	const char *line, *words;
} mistakes[] = {
	{ "timeout: soon", "timeout: \"soon\" is not a duration such as 90s, 30m or 1h30m" },
	{ "timeout: 30m5", "timeout: \"30m5\" is not a duration such as 90s, 30m or 1h30m" },
	{ "timeout: -1", "timeout: \"-1\" is not a duration such as 90s, 30m or 1h30m" },
	{ "timeout: 1h 30m", "timeout: \"1h 30m\" is not a duration such as 90s, 30m or 1h30m" },
	{ "timeout: 9999999999999999d",
	    "timeout: \"9999999999999999d\" is not a duration such as 90s, 30m or 1h30m" },
	{ "timeout:", "timeout has no value" },
	{ "imap_timeout: x", "imap_timeout: \"x\" is not a duration such as 90s, 30m or 1h30m" },
	{ "lmtp_timeout: x", "lmtp_timeout: \"x\" is not a duration such as 90s, 30m or 1h30m" },
	{ "maxmessagesize: 10X", "maxmessagesize: \"10X\" is not a size such as 4096, 64K or 10M" },
	{ "maxmessagesize: M", "maxmessagesize: \"M\" is not a size such as 4096, 64K or 10M" },
	{ "maxmessagesize: -1", "maxmessagesize: \"-1\" is not a size such as 4096, 64K or 10M" },
	{ "maxmessagesize: 1KK", "maxmessagesize: \"1KK\" is not a size such as 4096, 64K or 10M" },
	{ "maxmessagesize: 1BB", "maxmessagesize: \"1BB\" is not a size such as 4096, 64K or 10M" },
	{ "maxmessagesize: 9999999999G",
	    "maxmessagesize: \"9999999999G\" is not a size such as 4096, 64K or 10M" },
	{ "maxmessagesize: 9223372036854775808", "maxmessagesize: \"9223372036854775808\""
	    " is not a size such as 4096, 64K or 10M" },
	{ "umask: 088", "umask: \"088\" is not an octal number up to 777" },
	{ "umask: 1000", "umask: \"1000\" is not an octal number up to 777" },
	{ "quotawarn: 101", "quotawarn: \"101\" is not a number from 0 to 100" },
	{ "quotawarn: 1%", "quotawarn: \"1%\" is not a number from 0 to 100" },
	{ "autocreate_quota: -2", "autocreate_quota: \"-2\" is not a number of at least -1" },
	{ "autocreate_quota: 9223372036854775808",
	    "autocreate_quota: \"9223372036854775808\" is not a number of at least -1" },
	{ "allowplaintext: maybe", "allowplaintext: \"maybe\" is not yes or no" },
	{ "allowplaintext: yesno", "allowplaintext: \"yesno\" is not yes or no" },
	{ "delete_mode: later", "delete_mode: \"later\" is not delayed or immediate" },
	{ "serverinfo: all", "serverinfo: \"all\" is not off, min or on" },
	{ "tls_versions: tls1_2 tls9", "tls_versions: \"tls1_2 tls9\" is not a list of"
	    " ssl2, ssl3, tls1_0, tls1_1, tls1_2 or tls1_3" },
	{ "tls_sni_dir: certs", "tls_sni_dir: \"certs\" is not an absolute path" },
	{ "partition-x: spool", "partition-x: \"spool\" is not an absolute path" },
	{ "partition-x:", "partition-x: \"\" is not an absolute path" },
	{ "defaultpartition: other", "there is no option partition-other" },
	{ "timeout 30", "not of the form \"name: value\"" },
	{ ": 30", "not of the form \"name: value\"" },
	{ "time out: 30", "not of the form \"name: value\"" },
	{ "t\xc3\xadmeout: 30", "not of the form \"name: value\"" },
	{ "admins: a\x1b[2J", "there is a control character in this line" },
	{ "@include:", "@include: names no file" },
	{ "@include: nowhere", "cannot read DIR/nowhere: not found" },
	{ "@include: /nowhere/x", "cannot read /nowhere/x: not found" },
};

/* With the temporary directory written DIR. */
static void
without_dir(const struct buf *in, struct buf *out)
{
	struct str rest = buf_str(in);

	for (size_t at; (at = str_find(rest, str_c(dir))) < rest.n;) {
		buf_add_str(out, str_slice(rest, 0, at));
		buf_adds(out, "DIR");
		rest = str_slice(rest, at + strlen(dir), rest.n);
	}
	buf_add_str(out, rest);
}

static void
assert_reports(const char *text, size_t n, const char *service, enum err want,
    const char *words)
{
	struct buf reports = BUF_INIT, plain = BUF_INIT;
	struct conf *c;

	assert_int_equal(read_bytes(text, n, service, &reports, &c), want);
	without_dir(&reports, &plain);
	assert_string_equal(plain.p, words);
	if (want != OK)
		assert_null(c);
	conf_free(c);
	buf_free(&reports);
	buf_free(&plain);
}

static void
test_mistakes(void **state)
{
	char text[256], words[256];

	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		snprintf(text, sizeof(text), BASE "%s\n", mistakes[i].line);
		snprintf(words, sizeof(words), "E imapd.conf:3: %s\n", mistakes[i].words);
		assert_reports(text, strlen(text), "imap", ERR_SYNTAX, words);
	}
}

static void
test_all_errors_are_said(void **state)
{
	static const char text[] =
	    "timeout: x\n"
	    "admins: a \\\n"
	    "  b\n"
	    "umask: 9\n"
	    "admins: c\n"
	    "autocreate_quota: 1\n"
	    "autocreatequota: 1\n";
	static const char nul[] = BASE "admins: a\0b\n";

	(void)state;
	assert_reports(text, strlen(text), NULL, ERR_SYNTAX,
	    "E imapd.conf:1: timeout: \"x\" is not a duration such as 90s, 30m or 1h30m\n"
	    "E imapd.conf:4: umask: \"9\" is not an octal number up to 777\n"
	    "E imapd.conf:5: admins is set already, at DIR/imapd.conf:2; delete one of the two\n"
	    "E imapd.conf:7: autocreatequota is set already, at DIR/imapd.conf:6;"
	    " delete one of the two\n"
	    "E imapd.conf: configdirectory is not set; add a line such as"
	    " \"configdirectory: /var/imap\"\n"
	    "W imapd.conf: there is no partition; add a line such as"
	    " \"partition-default: /var/spool/imap\"\n");
	assert_reports(nul, sizeof(nul) - 1, NULL, ERR_SYNTAX,
	    "E imapd.conf:3: there is a control character in this line\n");
	assert_reports("configdirectory: {configdirectory}/x\npartition-a: /a\n", 53, NULL,
	    ERR_SYNTAX, "E imapd.conf:1: configdirectory cannot hold itself\n");
}

static void
test_unknown_names(void **state)
{
	static const char text[] = BASE
	    "alowplaintext: yes\n"
	    "timeuot: 30\n"
	    "lmtp_downcase_recpt: no\n"
	    "partitiondefault: /x\n"
	    "completely_unheard_of_thing: 1\n"
	    "partition-: /x\n"
	    "ldap_group_filter: (cn=%u)\n";

	(void)state;
	assert_reports(text, strlen(text), NULL, OK,
	    "W imapd.conf:3: unknown option alowplaintext; is allowplaintext meant?\n"
	    "W imapd.conf:4: unknown option timeuot; is timeout meant?\n"
	    "W imapd.conf:5: unknown option lmtp_downcase_recpt; is lmtp_downcase_rcpt meant?\n"
	    "W imapd.conf:6: unknown option partitiondefault; is partition-NAME meant?\n"
	    "W imapd.conf:7: unknown option completely_unheard_of_thing is ignored\n"
	    "W imapd.conf:8: unknown option partition-; is partition-NAME meant?\n"
	    /* Cyrus's, and not here: nothing of ours is meant. */
	    "W imapd.conf:9: unknown option ldap_group_filter is ignored\n");
}

static void
test_include(void **state)
{
	static const char inner[] = "partition-default: /p\n@include: deeper.conf\n";
	static const char deeper[] = "timeout: 1h\nnonsense\n";
	static const char self[] = "@include: self.conf\n";
	static const char text[] = "configdirectory: /c\n@include: sub/inner.conf\n";
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/sub", dir);
	mkdir(path, 0700);
	write_file("sub/inner.conf", inner, strlen(inner));
	write_file("sub/deeper.conf", deeper, strlen(deeper));
	assert_reports(text, strlen(text), NULL, ERR_SYNTAX,
	    "E sub/deeper.conf:2: not of the form \"name: value\"\n");
	write_file("sub/deeper.conf", deeper, strlen("timeout: 1h"));
	struct conf *c = must_read(text, NULL);
	assert_int_equal(conf_seconds(c, CONF_TIMEOUT), 3600);
	assert_true(strstr(conf_origin(c, "timeout"), "/sub/deeper.conf:1") != NULL);
	conf_free(c);
	write_file("self.conf", self, strlen(self));
	assert_reports(BASE "@include: self.conf\n", strlen(BASE) + 20, NULL, ERR_SYNTAX,
	    "E self.conf:1: @include: is too deep; does self.conf include itself?\n");
}

static void
test_partitions(void **state)
{
	struct conf *c = must_read("configdirectory: /c\npartition-One: /1\npartition-two: /2\n",
	    NULL);

	(void)state;
	assert_string_equal(conf_string(c, CONF_DEFAULTPARTITION), "one");
	conf_free(c);
	c = must_read("configdirectory: /c\npartition-one: /1\npartition-two: /2\n"
	    "defaultpartition: Two\n", NULL);
	assert_string_equal(conf_string(c, CONF_DEFAULTPARTITION), "two");
	conf_free(c);
}

static void
count(void *ctx, const char *name, const char *value)
{
	buf_printf(ctx, "%s=%s ", name, value);
}

static void
test_each(void **state)
{
	struct conf *c = must_read(BASE "partition-b: /b\nsasl_x: 1\n", NULL);
	struct buf all = BUF_INIT;

	(void)state;
	conf_each(c, "partition-", count, &all);
	assert_string_equal(all.p, "partition-default=/p partition-b=/b ");
	buf_free(&all);
	conf_free(c);
}

static void
test_no_file(void **state)
{
	struct buf reports = BUF_INIT;
	struct conf *c;

	(void)state;
	assert_int_equal(conf_read("/nowhere/imapd.conf", NULL, collect, &reports, &c),
	    ERR_NOTFOUND);
	assert_string_equal(reports.p, "E /nowhere/imapd.conf: cannot read it: not found\n");
	assert_null(c);
	buf_free(&reports);
}

/* Whatever the bytes, an answer and no harm. */
static void
test_noise(void **state)
{
	struct buf text = BUF_INIT, reports = BUF_INIT;
	struct conf *c;
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 300; round++) {
		buf_reset(&text);
		buf_reset(&reports);
		for (int i = 0; i < 400; i++) {
			static const char likely[] = "timeout: \n\\#@include-_{}\r0z";
			unsigned x = (seed = seed * 1103515245 + 12345) >> 16;

			buf_addc(&text, x % 9 == 0 ? (char)(x >> 4)
						   : likely[x % (sizeof(likely) - 1)]);
		}
		enum err e = read_bytes(text.p, text.n, "imap", &reports, &c);
		assert_true(e == OK || e == ERR_SYNTAX);
		conf_free(c);
	}
	buf_reset(&text);
	while (text.n <= CONF_FILE_MAX)
		buf_adds(&text, "# ................................................\n");
	assert_int_equal(read_bytes(text.p, text.n, "imap", &reports, &c), ERR_LIMIT);
	buf_free(&text);
	buf_free(&reports);
}

/* Every option can be described, and every default is of its type. */
static void
test_table(void **state)
{
	(void)state;
	for (enum conf_opt o = 0; o < CONF_OPTIONS; o++) {
		const struct conf_option *p = conf_option(o);
		enum conf_opt found;

		assert_true(conf_find(str_c(p->name), &found));
		assert_int_equal(found, o);
		assert_true(strlen(p->text) > 20);
		assert_int_equal(p->text[strlen(p->text) - 1], '.');
	}
	assert_string_equal(conf_group(CONF_CONFIGDIRECTORY), "Places and owners");
	assert_null(conf_group(CONF_UMASK));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_all_errors_are_said),
		cmocka_unit_test(test_unknown_names),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_partitions),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests_name("conf", tests, make_dir, remove_dir);
}
