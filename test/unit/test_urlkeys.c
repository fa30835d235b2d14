/* test_urlkeys.c - mailbox access keys of URLAUTH */
#include "test/unit/store_fixture.h"

#include "imap/store/list/local.h"
#include "imap/store/list/urlkeys.h"
#include "lib/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct id128 a = { .b = { 1 } }, b = { .b = { 2 } };

static enum err
get(const char *user, const struct id128 *id, bool create, uint8_t key[URLKEY_SIZE])
{
	return urlkeys_get(f.s, str_c(user), id, create, key);
}

static void
made_once_and_kept(void **state)
{
	uint8_t one[URLKEY_SIZE], two[URLKEY_SIZE];

	(void)state;
	assert_int_equal(get("joe", &a, false, one), ERR_NOTFOUND);
	assert_int_equal(get("joe", &a, true, one), OK);
	assert_int_equal(get("joe", &a, true, two), OK);
	assert_memory_equal(one, two, URLKEY_SIZE);
	assert_int_equal(get("joe", &a, false, two), OK);
	assert_memory_equal(one, two, URLKEY_SIZE);
	assert_int_equal(get("joe", &b, true, two), OK);
	assert_memory_not_equal(one, two, URLKEY_SIZE);
	assert_int_equal(get("jim", &a, true, two), OK);
	assert_memory_not_equal(one, two, URLKEY_SIZE);
}

static void
reset_one_and_all(void **state)
{
	uint8_t was[URLKEY_SIZE], other[URLKEY_SIZE], is[URLKEY_SIZE];

	(void)state;
	assert_int_equal(get("joe", &a, true, was), OK);
	assert_int_equal(get("joe", &b, true, other), OK);
	assert_int_equal(urlkeys_reset(f.s, STR("joe"), &a), OK);
	assert_int_equal(get("joe", &a, false, is), ERR_NOTFOUND);
	assert_int_equal(get("joe", &a, true, is), OK);
	assert_memory_not_equal(was, is, URLKEY_SIZE);
	assert_int_equal(get("joe", &b, false, is), OK);
	assert_memory_equal(other, is, URLKEY_SIZE);
	assert_int_equal(urlkeys_reset(f.s, STR("joe"), NULL), OK);
	assert_int_equal(get("joe", &a, false, is), ERR_NOTFOUND);
	assert_int_equal(get("joe", &b, false, is), ERR_NOTFOUND);
	assert_int_equal(urlkeys_reset(f.s, STR("never"), &a), OK);
}

/* Lines that are none are no keys, and go with the next change. */
static void
damaged_lines(void **state)
{
	static const char junk[] = "junk\n\n01000000000000000000000000000000\tshort\n";
	uint8_t key[URLKEY_SIZE];
	struct buf text = BUF_INIT;

	(void)state;
	assert_int_equal(get("joe", &a, true, key), OK);
	assert_int_equal(file_replace(f.s->config_fd, "user/j/joe.urlauth", junk,
	    sizeof(junk) - 1, 0600, false), OK);
	assert_int_equal(get("joe", &a, false, key), ERR_NOTFOUND);
	assert_int_equal(get("joe", &a, true, key), OK);
	assert_int_equal(get("joe", &a, false, key), OK);
	assert_int_equal(file_slurp(f.s->config_fd, "user/j/joe.urlauth", 1000, &text), OK);
	assert_int_equal(text.n, 98);
	buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(made_once_and_kept, fixture_setup_empty, fixture_teardown),
		cmocka_unit_test_setup_teardown(reset_one_and_all, fixture_setup_empty, fixture_teardown),
		cmocka_unit_test_setup_teardown(damaged_lines, fixture_setup_empty, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
