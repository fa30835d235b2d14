/* test_apop.c - whose challenge is it, and how old? */
#include "imap/authd/apop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t key[GRANT_KEY] = { 1, 2, 3 }, other[GRANT_KEY] = { 1, 2, 4 };

static void
test_seal(void **state)
{
	struct buf b = BUF_INIT;
	(void)state;
	apop_seal(key, "pop3", 1000, STR("<17.4@a.b@mail.example>"), &b);
	assert_true(str_starts(buf_str(&b), STR("<17.4@a.b.1000.")));
	assert_true(str_ends(buf_str(&b), STR("@mail.example>")));
	assert_true(apop_is_ours(key, "pop3", 1000, buf_str(&b)));
	assert_true(apop_is_ours(key, "pop3", 1000 + APOP_MS, buf_str(&b)));
	assert_false(apop_is_ours(key, "pop3", 1001 + APOP_MS, buf_str(&b)));
	assert_false(apop_is_ours(key, "pop3", 999, buf_str(&b)));
	assert_false(apop_is_ours(key, "pop3s", 1000, buf_str(&b)));
	assert_false(apop_is_ours(other, "pop3", 1000, buf_str(&b)));
	/* Nothing before the host's name can be changed. */
	for (size_t i = 0; i < str_rchr(buf_str(&b), '@'); i++) {
		b.p[i] ^= 1;
		assert_false(apop_is_ours(key, "pop3", 1000, buf_str(&b)));
		b.p[i] ^= 1;
	}
	for (size_t n = 0; n < str_rchr(buf_str(&b), '@'); n++)
		assert_false(apop_is_ours(key, "pop3", 1000, str_slice(buf_str(&b), 0, n)));
	buf_free(&b);
}

static void
test_none(void **state)
{
	struct buf b = BUF_INIT;
	(void)state;
	apop_seal(key, "pop3", 1000, STR("no challenge"), &b);
	apop_seal(key, "pop3", 1000, STR("x@y"), &b);
	apop_seal(key, "pop3", 1000, STR(""), &b);
	assert_int_equal(b.n, 0);
	assert_false(apop_is_ours(key, "pop3", 1000, STR("")));
	assert_false(apop_is_ours(key, "pop3", 1000, STR("<1.2@host>")));
	assert_false(apop_is_ours(key, "pop3", 1000, STR(".@.")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
