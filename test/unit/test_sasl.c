/* Cyrus SASL with a sasldb of our own: who comes in, and as whom. */
#include "lib/sasl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static struct conf *conf;

/* saslpasswd2(8) reads the password from its input with -p. */
static bool
add_user(const char *user, const char *password)
{
	char command[256];
	snprintf(command, sizeof(command), "/usr/sbin/saslpasswd2 -p -c -f %s/sasldb2"
	    " -u test.example %s", dir, user);
	FILE *f = popen(command, "w");
	if (f == NULL)
		return false;
	fputs(password, f);
	return pclose(f) == 0;
}

static int
set_up(void **state)
{
	(void)state;
	char path[96];
	snprintf(dir, sizeof(dir), "/tmp/test_sasl.XXXXXX");
	if (mkdtemp(dir) == NULL || !add_user("joe", "secret") || !add_user("boss", "geheim")
	    || !add_user("composed", "p\xc3\xa4ss") || !add_user("raw", "1\xc2\xbd")
	    || !add_user("bell", "a\x07") || !add_user("latin", "p\xe4ss"))
		return -1;
	snprintf(path, sizeof(path), "%s/imapd.conf", dir);
	FILE *f = fopen(path, "w");
	fprintf(f, "configdirectory: %s\nservername: test.example\n"
	    "sasl_pwcheck_method: auxprop\nsasl_auxprop_plugin: sasldb\n"
	    "sasl_sasldb_path: %s/sasldb2\n"
	    "sasl_mech_list: PLAIN LOGIN SCRAM-SHA-256\n", dir, dir);
	fclose(f);
	if (conf_read(path, "imap", NULL, NULL, &conf) != OK)
		return -1;
	return sasl_library_init(conf) == OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	char path[96];
	conf_free(conf);
	snprintf(path, sizeof(path), "%s/imapd.conf", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/sasldb2", dir);
	unlink(path);
	return rmdir(dir);
}

static struct sasl_conn *
connection(bool plaintext)
{
	struct sasl_peer peer = {
		.service = "imap",
		.local_ip_port = "127.0.0.1;143", .remote_ip_port = "127.0.0.1;4711",
		.external_ssf = plaintext ? 256 : 0, .allow_plaintext = plaintext,
	};
	return sasl_conn_new(conf, &peer);
}

static void
test_mechanisms(void **state)
{
	(void)state;
	struct buf list = BUF_INIT;
	struct sasl_conn *c = connection(true);
	sasl_mechanisms(c, "AUTH=", &list);
	assert_non_null(strstr(list.p, "AUTH=PLAIN"));
	assert_int_equal(strncmp(list.p, "AUTH=", 5), 0);
	assert_true(list.p[list.n - 1] != ' ');
	assert_null(strstr(list.p, "ANONYMOUS"));
	sasl_conn_free(c);
	/* No password in the clear: then PLAIN is not offered. */
	c = connection(false);
	buf_reset(&list);
	sasl_mechanisms(c, "AUTH=", &list);
	assert_null(strstr(list.p, "PLAIN"));
	assert_null(strstr(list.p, "LOGIN"));
	sasl_conn_free(c);
	buf_free(&list);
}

static void
test_passwords(void **state)
{
	(void)state;
	static const struct {
		struct str user, password;
		enum err want;
	} rows[] = {
		{ { "joe", 3 }, { "wrong", 5 }, ERR_AUTH },
		{ { "nobody", 6 }, { "secret", 6 }, ERR_AUTH },
		{ { "", 0 }, { "", 0 }, ERR_AUTH },
		{ { "joe\0x", 5 }, { "secret", 6 }, ERR_AUTH },
		{ { "joe", 3 }, { "secret\0", 7 }, ERR_AUTH },
		{ { "joe\"x", 3 }, { "secret\"x", 6 }, OK },	/* more behind them */
		{ { "joe", 3 }, { "secret", 6 }, OK },
	};
	struct sasl_conn *c = connection(true);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(sasl_check_password(c, rows[i].user,
		    rows[i].password), rows[i].want);
		if (rows[i].want != OK)
			assert_true(*sasl_why(c) != '\0');
	}
	assert_string_equal(sasl_authcid(c), "joe");
	assert_string_equal(sasl_authzid(c), "joe");
	sasl_conn_free(c);
	c = connection(false);
	assert_int_equal(sasl_check_password(c, STR("joe"), STR("secret")), ERR_DENIED);
	sasl_conn_free(c);
}

/* What is no UTF-8 is these octets for a command, and nothing for PLAIN (RFC 4616). */
static void
test_octets(void **state)
{
	(void)state;
	struct sasl_conn *c = connection(true);
	struct str plain = STR("\0latin\0p\xe4ss");
	struct buf challenge = BUF_INIT;
	assert_int_equal(sasl_check_password(c, STR("latin"), STR("p\xe4ss")), OK);
	assert_int_equal(sasl_check_password(c, STR("latin"), STR("p\xe5ss")), ERR_AUTH);
	assert_int_equal(sasl_check_password(c, STR("latin"), STR("p\xc3\xa4ss")), ERR_AUTH);
	assert_int_equal(sasl_start(c, STR("PLAIN"), &plain, &challenge), ERR_AUTH);
	assert_int_equal(sasl_check_password(c, STR("latin"), STR("p\xe4ss")), OK);
	buf_free(&challenge);
	sasl_conn_free(c);
}

/* However it was typed, and whether the database has it so or prepared. */
static void
test_prepared_passwords(void **state)
{
	(void)state;
	static const struct {
		const char *user, *password;
		enum err want;
	} rows[] = {
		{ "composed", "p\xc3\xa4ss", OK }, { "composed", "pa\xcc\x88ss", OK },
		{ "composed", "pass", ERR_AUTH }, { "composed", "pa\xcc\x88ssx", ERR_AUTH },
		{ "raw", "1\xc2\xbd", OK }, { "joe", "sec\xc2\xadret", OK },
		{ "joe", "\xef\xbd\x93""ecret", OK },
		/* It is in the database, and cannot be a password. */
		{ "bell", "a\x07", ERR_AUTH },
		{ "nobody", "pa\xcc\x88ss", ERR_AUTH }, { "joe", "secret", OK },
	};
	struct sasl_conn *c = connection(true);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf plain = BUF_INIT, challenge = BUF_INIT;
		assert_int_equal(sasl_check_password(c, str_c(rows[i].user),
		    str_c(rows[i].password)), rows[i].want);
		buf_addc(&plain, '\0');
		buf_adds(&plain, rows[i].user);
		buf_addc(&plain, '\0');
		buf_adds(&plain, rows[i].password);
		struct str initial = buf_str(&plain);
		assert_int_equal(sasl_start(c, STR("PLAIN"), &initial, &challenge), rows[i].want);
		if (rows[i].want == OK)
			assert_string_equal(sasl_authcid(c), rows[i].user);
		sasl_conn_forget(c);
		assert_int_equal(sasl_start(c, STR("LOGIN"), NULL, &challenge), ERR_AGAIN);
		assert_int_equal(sasl_step(c, str_c(rows[i].user), &challenge), ERR_AGAIN);
		assert_int_equal(sasl_step(c, str_c(rows[i].password), &challenge), rows[i].want);
		sasl_conn_forget(c);
		buf_free(&plain);
		buf_free(&challenge);
	}
	sasl_conn_free(c);
}

static void
test_plain(void **state)
{
	(void)state;
	struct buf challenge = BUF_INIT;
	struct sasl_conn *c = connection(true);
	/* With the first response in the command, and as somebody else. */
	struct str initial = STR("joe\0boss\0geheim");
	assert_int_equal(sasl_start(c, STR("PLAIN"), &initial, &challenge), OK);
	assert_string_equal(sasl_authcid(c), "boss");
	assert_string_equal(sasl_authzid(c), "joe");
	sasl_conn_free(c);
	/* Without: an empty challenge first.  A failure is no end. */
	c = connection(true);
	assert_int_equal(sasl_start(c, STR("plain"), NULL, &challenge), ERR_AGAIN);
	assert_int_equal(challenge.n, 0);
	assert_int_equal(sasl_step(c, STR("\0joe\0nonsense"), &challenge), ERR_AUTH);
	assert_null(sasl_authcid(c));
	assert_int_equal(sasl_start(c, STR("PLAIN"), NULL, &challenge), ERR_AGAIN);
	/* The client gives up and tries another. */
	assert_int_equal(sasl_start(c, STR("LOGIN"), NULL, &challenge), ERR_AGAIN);
	assert_true(challenge.n > 0);
	assert_int_equal(sasl_step(c, STR("joe"), &challenge), ERR_AGAIN);
	assert_int_equal(sasl_step(c, STR("secret"), &challenge), OK);
	assert_string_equal(sasl_authzid(c), "joe");
	sasl_conn_free(c);
	buf_free(&challenge);
}

static void
test_refused(void **state)
{
	(void)state;
	struct buf challenge = BUF_INIT;
	struct sasl_conn *c = connection(true);
	struct str empty = STR("");
	assert_int_equal(sasl_start(c, STR("X-NONE"), NULL, &challenge), ERR_UNSUPPORTED);
	assert_int_equal(sasl_start(c, STR("ANONYMOUS"), NULL, &challenge), ERR_UNSUPPORTED);
	assert_int_equal(sasl_start(c, STR("A MECHANISM WITH A NAME THAT IS TOO LONG"),
	    NULL, &challenge), ERR_UNSUPPORTED);
	assert_int_equal(sasl_start(c, STR("PLAIN"), &empty, &challenge), ERR_AUTH);
	assert_int_equal(sasl_step(c, STR("x"), &challenge), ERR_UNSUPPORTED);
	sasl_conn_free(c);
	c = connection(false);
	assert_int_equal(sasl_start(c, STR("PLAIN"), NULL, &challenge), ERR_UNSUPPORTED);
	sasl_conn_free(c);
	buf_free(&challenge);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mechanisms),
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_octets), cmocka_unit_test(test_prepared_passwords),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
