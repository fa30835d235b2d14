/* The policy on plaintext passwords: who may say one, and where it shows. */
#include "imap/server/login.h"
#include "lib/sasl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];
static struct conf *strict, *lax;

static bool
write_conf(const char *name, const char *more, struct conf **conf)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	if (f == NULL)
		return false;
	fprintf(f, "configdirectory: %s\nservername: test.example\nadmins: boss\n"
	    "sasl_pwcheck_method: auxprop\nsasl_auxprop_plugin: sasldb\n"
	    "partition-default: %s\nsasl_sasldb_path: %s/sasldb2\nsasl_mech_list: PLAIN\n"
	    "failedloginpause: 0s\n%s", dir, dir, dir, more);
	fclose(f);
	return conf_read(path, "imap", NULL, NULL, conf) == OK;
}

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
	snprintf(dir, sizeof(dir), "/tmp/test_login.XXXXXX");
	if (mkdtemp(dir) == NULL || !add_user("joe", "secret") || !add_user("boss", "geheim")
	    || !write_conf("strict.conf", "", &strict)
	    || !write_conf("lax.conf", "allowplaintext: yes\n", &lax))
		return -1;
	return sasl_library_init(strict) == OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	static const char *const names[] = { "strict.conf", "lax.conf", "sasldb2" };
	conf_free(strict);
	conf_free(lax);
	for (size_t i = 0; i < 3; i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static struct login *
open_it(struct conf *conf, bool is_local)
{
	struct login_peer peer = {
		.service = "imap", .host = "192.0.2.1",
		.local_ip_port = "192.0.2.9;143", .remote_ip_port = "192.0.2.1;4711",
		.is_local = is_local,
	};
	return login_new(conf, &peer);
}

/* From afar and in the clear: no password is even looked at. */
static void
test_strict(void **state)
{
	(void)state;
	struct user *u = NULL;
	struct buf list = BUF_INIT, challenge = BUF_INIT;
	struct str right = STR("\0joe\0secret");
	struct login *l = open_it(strict, false);
	assert_false(login_plaintext_allowed(l));
	login_mechanisms(l, "AUTH=", &list);
	assert_null(strstr(list.p, "PLAIN"));
	assert_int_equal(login_password(l, STR("joe"), STR("secret"), &u), ERR_DENIED);
	assert_int_not_equal(login_start(l, STR("PLAIN"), &right, &challenge, &u), OK);
	assert_null(u);
	login_free(l);
	buf_free(&list);
	buf_free(&challenge);
}

static void
test_allowed(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct user *u = NULL;
		struct buf list = BUF_INIT;
		struct login *l = open_it(i == 0 ? strict : lax, i == 0);
		assert_true(login_plaintext_allowed(l));
		login_mechanisms(l, "AUTH=", &list);
		assert_string_equal(list.p, "AUTH=PLAIN");
		assert_int_equal(login_password(l, STR("joe"), STR("wrong"), &u), ERR_AUTH);
		assert_int_equal(login_password(l, STR("Joe"), STR("secret"), &u), OK);
		assert_string_equal(u->id.userid, "joe");
		assert_true(str_eq(u->inbox, STR("user.joe")));
		assert_false(u->id.is_admin);
		user_free(u);
		login_free(l);
		buf_free(&list);
	}
}

/* Who proved one name and asks for another. */
static void
test_proxy(void **state)
{
	(void)state;
	static const struct {
		struct str bytes;
		enum err want;
	} rows[] = {
		{ { "joe\0boss\0geheim", 15 }, OK },
		{ { "boss\0joe\0secret", 15 }, ERR_DENIED },
		{ { "joe\0joe\0secret", 14 }, OK },
		{ { "a/b\0boss\0geheim", 15 }, ERR_AUTH },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct user *u = NULL;
		struct buf challenge = BUF_INIT;
		struct login *l = open_it(lax, false);
		assert_int_equal(login_start(l, STR("PLAIN"), &rows[i].bytes,
		    &challenge, &u), rows[i].want);
		if (rows[i].want == OK) {
			assert_string_equal(u->id.userid, "joe");
			assert_false(u->id.is_admin);
		}
		user_free(u);
		login_free(l);
		buf_free(&challenge);
	}
}

/* Names that could be mistaken for something else are nobody's. */
static void
test_users(void **state)
{
	(void)state;
	static const struct {
		const char *name, *want;
	} rows[] = {
		{ "fred", "fred" }, { "Fred", "fred" }, { "john.doe", "john^doe" },
		{ "fred@elsewhere.example", "fred" }, { "", NULL }, { "a/b", NULL },
		{ "a^b", NULL }, { "-fred", NULL }, { "anyone", NULL }, { "anonymous", NULL },
		{ "group:x", NULL }, { "a*", NULL }, { "a%", NULL }, { "a\nb", NULL },
		{ "\xff", NULL }, { "@x", NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct user *u = NULL;
		enum err e = user_new(strict, str_c(rows[i].name), "x", &u);
		assert_int_equal(e, rows[i].want != NULL ? OK : ERR_NAME);
		if (e == OK)
			assert_string_equal(u->id.userid, rows[i].want);
		user_free(u);
	}
	struct user *boss;
	assert_int_equal(user_new(strict, STR("boss"), "boss", &boss), OK);
	assert_true(boss->id.is_admin);
	assert_true(user_owns(boss, STR("user.boss.a")));
	assert_false(user_owns(boss, STR("user.bossa")));
	user_free(boss);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strict), cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_proxy), cmocka_unit_test(test_users),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
