/* test_sasl_interact.c - each question gets its answer */
#include "lib/sasl_interact.h"

#include <sasl/sasl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
test_answers(void **state)
{
	(void)state;
	static const struct {
		unsigned long id;
		const char *by_default, *want;
	} rows[] = {
		{ SASL_CB_AUTHNAME, "root", "proxy" }, { SASL_CB_USER, NULL, "u:reader" },
		{ SASL_CB_PASS, NULL, "secret" }, { SASL_CB_GETREALM, "first", "second" },
		{ SASL_CB_ECHOPROMPT, "yes", "yes" }, { SASL_CB_NOECHOPROMPT, NULL, "" },
	};
	enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
	static const struct sasl_answers all = { "proxy", "u:reader", "second", "secret" };
	static const struct sasl_answers none = { NULL, NULL, NULL, NULL };
	sasl_interact_t prompts[ROWS + 1] = { { .id = 0 } };
	for (size_t i = 0; i < ROWS; i++)
		prompts[i] = (sasl_interact_t){ .id = rows[i].id, .defresult = rows[i].by_default };
	prompts[ROWS].id = SASL_CB_LIST_END;
	sasl_interact(prompts, &all);
	for (size_t i = 0; i < ROWS; i++) {
		assert_string_equal(prompts[i].result, rows[i].want);
		assert_int_equal(prompts[i].len, strlen(rows[i].want));
	}
	sasl_interact(prompts, &none);
	for (size_t i = 0; i < ROWS; i++)
		assert_string_equal(prompts[i].result,
		    rows[i].by_default != NULL ? rows[i].by_default : "");
	assert_null(prompts[ROWS].result);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_answers) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
