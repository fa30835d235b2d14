/* test_uidset.c - imap/disk/uidset.h against a plain array */
#include "imap/disk/uidset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 60 };

static void
agrees_with_an_array(void **state)
{
	struct uidset s = UIDSET_INIT, t = UIDSET_INIT;
	struct buf text = BUF_INIT;
	bool has[N + 2] = { false };

	(void)state;
	srandom(1);
	for (int i = 0; i < 20000; i++) {
		uint32_t a = (uint32_t)(random() % N) + 1, b = a + (uint32_t)(random() % 4);

		if (b > N)
			b = N;
		if (random() % 2) {
			uidset_add(&s, a, b);
			for (uint32_t k = a; k <= b; k++)
				has[k] = true;
		} else {
			uidset_remove(&s, a);
			has[a] = false;
		}
		for (uint32_t k = 1; k <= N; k++)
			assert_int_equal(uidset_has(&s, k), has[k]);
		for (size_t k = 1; k < s.n; k++)
			assert_true(s.r[k - 1].last + 1 < s.r[k].first);
	}
	uidset_format(&s, &text);
	assert_true(uidset_parse(&t, buf_str(&text)));
	assert_int_equal(t.n, s.n);
	assert_memory_equal(t.r, s.r, s.n * sizeof(*s.r));
	uidset_free(&s);
	uidset_free(&t);
	buf_free(&text);
}

static void
text_is_checked(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		size_t n;
	} row[] = {
		{ "", true, 0 }, { "1", true, 1 }, { "1:4,7", true, 2 },
		{ "4294967295", true, 1 }, { "4294967296", false, 0 },
		{ "0", false, 0 }, { "3:2", false, 0 }, { "5,4", false, 0 },
		{ "1,", false, 0 }, { "1:", false, 0 }, { "a", false, 0 },
		{ "1:3,3", false, 0 },
	};
	struct uidset s = UIDSET_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_int_equal(uidset_parse(&s, str_c(row[i].text)), row[i].ok);
		assert_int_equal(s.n, row[i].n);
	}
	uidset_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_an_array),
		cmocka_unit_test(text_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
