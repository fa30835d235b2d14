/* Borrowed bytes, bytes that grow, numbers in them, base64. */
#include "lib/arena.h"
#include "lib/b64.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
assert_str(struct str got, const char *want)
{
	assert_int_equal(got.n, strlen(want));
	assert_memory_equal(got.p, want, got.n);
}

static void
test_compare(void **state)
{
	const struct str none = { NULL, 0 };

	(void)state;
	assert_true(str_eq(STR("a"), STR("a")));
	assert_false(str_eq(STR("a"), STR("A")));
	assert_true(str_eq(none, STR("")));
	assert_true(str_ieq(STR("aZ[\xc4"), STR("Az[\xc4")));
	assert_false(str_ieq(STR("@"), STR("`")));	/* 0x20 apart, no letters */
	assert_false(str_ieq(STR("\xc4"), STR("\xe4")));
	assert_true(str_cmp(STR("a"), STR("b")) < 0);
	assert_true(str_cmp(STR("ab"), STR("a")) > 0);
	assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
	assert_int_equal(str_cmp(none, STR("")), 0);
	assert_true(str_cmp(none, STR("a")) < 0);
	assert_true(str_cmp((struct str){ "a\0b", 3 }, (struct str){ "a\0c", 3 }) < 0);
	assert_true(str_starts(STR("user.x"), STR("user.")));
	assert_false(str_starts(STR("user"), STR("user.")));
	assert_true(str_starts(none, none));
	assert_true(str_istarts(STR("INBOX.a"), STR("inbox")));
	assert_false(str_istarts(STR("INBO"), STR("inbox")));
	assert_true(str_ends(STR("a.sub"), STR(".sub")));
	assert_false(str_ends(STR("sub"), STR(".sub")));
}

static void
test_find(void **state)
{
	const struct str none = { NULL, 0 };

	(void)state;
	assert_int_equal(str_chr(STR("a.b.c"), '.'), 1);
	assert_int_equal(str_rchr(STR("a.b.c"), '.'), 3);
	assert_int_equal(str_chr(STR("abc"), '.'), 3);
	assert_int_equal(str_chr(none, '.'), 0);
	assert_int_equal(str_rchr(none, '.'), 0);
	assert_int_equal(str_find(STR("a{b}c"), STR("{b}")), 1);
	assert_int_equal(str_find(STR("abc"), STR("d")), 3);
	assert_int_equal(str_find(STR("abc"), STR("")), 3);
	assert_int_equal(str_find(none, STR("a")), 0);
	assert_str(str_slice(STR("abc"), 1, 2), "b");
	assert_str(str_slice(STR("abc"), 2, 99), "c");
	assert_str(str_slice(STR("abc"), 99, 99), "");
	assert_str(str_slice(STR("abc"), 2, 1), "");
	assert_int_equal(str_slice(none, 0, 1).n, 0);
	assert_str(str_trim(STR(" \t a b \r\n")), "a b");
	assert_str(str_trim(STR(" \t\r\n")), "");
}

static void
test_split(void **state)
{
	struct str s = STR("  one\ttwo \r\n three "), w;

	(void)state;
	assert_true(str_next_word(&s, &w));
	assert_str(w, "one");
	assert_true(str_next_word(&s, &w));
	assert_str(w, "two");
	assert_true(str_next_word(&s, &w));
	assert_str(w, "three");
	assert_false(str_next_word(&s, &w));
	s = STR("a,,b,");
	for (const char *const *want = (const char *const[]){ "a", "", "b", "", NULL };
	    *want != NULL; want++) {
		assert_true(str_next_field(&s, ',', &w));
		assert_str(w, *want);
	}
	assert_false(str_next_field(&s, ',', &w));
	s = STR("");
	assert_true(str_next_field(&s, ',', &w));
	assert_int_equal(w.n, 0);
	assert_false(str_next_field(&s, ',', &w));
}

static const struct {
	const char *text;
	bool is_64, is_32;
	uint64_t value;
} numbers[] = {
	{ "0", true, true, 0 },
	{ "007", true, true, 7 },
	{ "4294967295", true, true, UINT32_MAX },
	{ "4294967296", true, false, 4294967296 },
	{ "18446744073709551615", true, false, UINT64_MAX },
	{ "18446744073709551616", false, false, 0 },
	{ "99999999999999999999999999", false, false, 0 },
	{ "", false, false, 0 },
	{ "-1", false, false, 0 },
	{ "+1", false, false, 0 },
	{ " 1", false, false, 0 },
	{ "1 ", false, false, 0 },
	{ "0x1", false, false, 0 },
	{ "1e3", false, false, 0 },
};

static void
test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint64_t v64 = 42;
		uint32_t v32 = 42;

		assert_int_equal(str_to_u64(str_c(numbers[i].text), &v64), numbers[i].is_64);
		assert_int_equal(v64, numbers[i].is_64 ? numbers[i].value : 42);
		assert_int_equal(str_to_u32(str_c(numbers[i].text), &v32), numbers[i].is_32);
		assert_int_equal(v32, numbers[i].is_32 ? numbers[i].value : 42);
	}
}

/* The invariants of buf.h. */
static void
assert_sane(const struct buf *b)
{
	assert_non_null(b->p);
	assert_int_equal(b->p[b->n], 0);
	assert_true(b->size == 0 ? b->n == 0 : b->n < b->size);
}

static void
test_buf(void **state)
{
	struct buf b = BUF_INIT;
	char *taken;

	(void)state;
	assert_sane(&b);
	buf_reset(&b);
	buf_truncate(&b, 0);
	buf_consume(&b, 0);
	buf_add(&b, NULL, 0);
	assert_sane(&b);
	buf_adds(&b, "ab");
	buf_addc(&b, '\0');
	buf_addu(&b, 0);
	buf_addu(&b, UINT64_MAX);
	errno = ENOENT;
	buf_printf(&b, "%m%200s|", "x");
	assert_sane(&b);
	assert_int_equal(b.n, 3 + 1 + 20 + strlen("No such file or directory") + 201);
	assert_memory_equal(b.p, "ab\0" "018446744073709551615No such file or directory ", 50);
	buf_consume(&b, 3);
	buf_truncate(&b, 3);
	assert_string_equal(b.p, "018");
	assert_sane(&b);
	for (int i = 0; i < 100000; i++)
		buf_add_str(&b, STR("0123456789"));
	assert_int_equal(b.n, 1000003);
	assert_sane(&b);
	buf_consume(&b, b.n);
	assert_sane(&b);
	taken = buf_take(&b);
	assert_string_equal(taken, "");
	free(taken);
	assert_sane(&b);
	taken = buf_take(&b);		/* of an empty one too */
	assert_string_equal(taken, "");
	free(taken);
	buf_adds(&b, "secret");
	buf_wipe(&b);
	assert_sane(&b);
	assert_int_equal(b.n, 0);
	buf_free(&b);
}

static void
test_big_endian(void **state)
{
	struct buf b = BUF_INIT;
	struct str s, bytes;
	uint8_t v8;
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	(void)state;
	buf_add_u8(&b, 0xfe);
	buf_add_u16(&b, 0x0102);
	buf_add_u32(&b, 0x80000001);
	buf_add_u64(&b, 0xfedcba9876543210);
	assert_int_equal(b.n, 15);
	assert_memory_equal(b.p, "\xfe\x01\x02\x80\0\0\x01\xfe\xdc\xba\x98\x76\x54\x32\x10", 15);
	s = buf_str(&b);
	assert_true(str_get_u8(&s, &v8) && v8 == 0xfe);
	assert_true(str_get_u16(&s, &v16) && v16 == 0x0102);
	assert_true(str_get_u32(&s, &v32) && v32 == 0x80000001);
	assert_true(str_get_u64(&s, &v64) && v64 == 0xfedcba9876543210);
	assert_int_equal(s.n, 0);
	assert_false(str_get_u8(&s, &v8));
	s = str_slice(buf_str(&b), 0, 7);
	assert_false(str_get_u64(&s, &v64));
	assert_false(str_get_bytes(&s, 8, &bytes));
	assert_false(str_get_bytes(&s, SIZE_MAX, &bytes));
	assert_int_equal(s.n, 7);
	assert_true(str_get_bytes(&s, 7, &bytes));
	assert_int_equal(bytes.n, 7);
	buf_free(&b);
}

static void
test_arena(void **state)
{
	struct arena *a = arena_new(100000);
	struct arena_mark start = arena_mark(a), mark;
	char *text;

	(void)state;
	text = arena_copy(a, "a\0b", 3);
	assert_memory_equal(text, "a\0b", 4);
	mark = arena_mark(a);
	size_t used = arena_used(a);
	for (size_t n = 0; n < 300; n++) {
		unsigned char *p = arena_alloc(a, n);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % sizeof(max_align_t *), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, n);
	}
	arena_rewind(a, mark);
	assert_int_equal(arena_used(a), used);
	assert_memory_equal(text, "a\0b", 4);
	assert_null(arena_alloc(a, 100001));
	assert_null(arena_alloc(a, SIZE_MAX));
	assert_null(arena_alloc(a, 100000));
	assert_null(arena_copy(a, "", SIZE_MAX));
	assert_int_equal(arena_used(a), used);
	assert_non_null(arena_alloc(a, 90000));
	arena_rewind(a, start);
	assert_int_equal(arena_used(a), 0);
	arena_free(a);
	arena_free(NULL);
}

static const struct {
	const char *text, *bytes;	/* NULL: refused */
} base64[] = {
	{ "", "" },
	{ "Zg==", "f" },
	{ "Zm8=", "fo" },
	{ "Zm9v", "foo" },
	{ "Zm9vYg==", "foob" },
	{ "Zm9vYmE=", "fooba" },
	{ "Zm9vYmFy", "foobar" },
	{ "+/8=", "\xfb\xff" },
	{ "Zg", NULL }, { "Zg=", NULL }, { "Z", NULL }, { "Z===", NULL }, { "====", NULL },
	{ "=", NULL }, { "Zh==", NULL }, { "Zm9=", NULL }, { "Zg==Zg==", NULL },
	{ "Zm9v\n", NULL }, { " Zm9v", NULL }, { "Zm 9", NULL }, { "Zm9-", NULL },
	{ "Zm9_", NULL }, { "Zm9v=", NULL }, { "Zm\xc3\xa4", NULL },
};

static void
test_base64(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(base64) / sizeof(base64[0]); i++) {
		buf_reset(&b);
		buf_addc(&b, '>');
		enum err e = b64_decode(str_c(base64[i].text), &b);
		if (base64[i].bytes == NULL) {
			if (e != ERR_SYNTAX)
				fail_msg("%s was taken", base64[i].text);
			assert_string_equal(b.p, ">");
			continue;
		}
		assert_int_equal(e, OK);
		assert_string_equal(b.p + 1, base64[i].bytes);
		buf_reset(&b);
		b64_encode(str_c(base64[i].bytes), &b);
		assert_string_equal(b.p, base64[i].text);
	}
	assert_int_equal(b64_decode((struct str){ "Zm9\0", 4 }, &b), ERR_SYNTAX);
	buf_free(&b);
}

static void
test_errors(void **state)
{
	(void)state;
	for (int e = OK; e <= ERR_UNSUPPORTED; e++)
		for (int f = OK; f < e; f++)
			assert_string_not_equal(err_text((enum err)e), err_text((enum err)f));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_buf),
		cmocka_unit_test(test_big_endian),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
