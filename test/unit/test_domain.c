/* test_domain.c - domains in mailbox names */
#include "imap/server/domain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
test_names(void **state)
{
	(void)state;
	static const struct {
		const char *bare, *domain, *whole;
	} rows[] = {
		{ "user.fred", "a^b", "user.fred@a^b" },
		{ "user.fred.sent", "a^b", "user.fred@a^b.sent" },
		{ "user.fred.x@y", "a^b", "user.fred@a^b.x@y" },
		{ "bb", "a", "bb@a" },
		{ "bb.user.x", "a", "bb@a.user.x" },
		{ "DELETED.user.fred.sent.1234", "a^b", "DELETED.user.fred@a^b.sent.1234" },
		{ "DELETED.bb.1234", "a", "DELETED.bb@a.1234" },
		{ "userx.a", "a", "userx@a.a" },
		{ "DELETEDx.a", "a", "DELETEDx@a.a" },
		{ "user.fred", "", "user.fred" },
		{ "bb.x@y", "", "bb.x@y" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf put = BUF_INIT, took = BUF_INIT;
		domain_put(str_c(rows[i].bare), "DELETED", str_c(rows[i].domain), &put);
		assert_string_equal(put.p, rows[i].whole);
		assert_true(str_eq(domain_of(buf_str(&put), "DELETED"), str_c(rows[i].domain)));
		domain_take(buf_str(&put), "DELETED", &took);
		assert_string_equal(took.p, rows[i].bare);
		buf_free(&put);
		buf_free(&took);
	}
}

/* Levels that are no mailboxes are in no domain, and get none. */
static void
test_rootless(void **state)
{
	(void)state;
	static const char *const names[] = { "user", "DELETED", "DELETED.user", "" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct buf put = BUF_INIT;
		domain_put(str_c(names[i]), "DELETED", STR("a"), &put);
		assert_string_equal(put.p, names[i]);
		assert_int_equal(domain_of(str_c(names[i]), "DELETED").n, 0);
		buf_free(&put);
	}
}

static void
test_written(void **state)
{
	(void)state;
	static const struct {
		const char *given, *want;
	} rows[] = {
		{ "Example.ORG", "example^org" }, { "a", "a" }, { "", NULL }, { ".a", NULL },
		{ "a.", NULL }, { "a/b", NULL }, { "a@b", NULL }, { "a*", NULL }, { "a b", NULL }, { "a^b", NULL },
		{ "\xff", NULL }, { "b\xc3\xbc.de", "b\xc3\xbc^de" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf in = BUF_INIT;
		assert_int_equal(domain_in(str_c(rows[i].given), &in), rows[i].want != NULL);
		assert_string_equal(in.p, rows[i].want != NULL ? rows[i].want : "");
		buf_free(&in);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names), cmocka_unit_test(test_rootless),
		cmocka_unit_test(test_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
