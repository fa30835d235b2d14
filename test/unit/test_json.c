/* test_json.c - the JSON reader of dumps (RFC 8259) */
#include "lib/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct json *
parse(struct arena *arena, const char *text, size_t *line)
{
	return json_parse(arena, str_c(text), line);
}

static void
test_values(void **state)
{
	struct arena *a = arena_new(1 << 20);
	size_t line;
	struct json *j;

	(void)state;
	j = parse(a, " {\"a\" : \"x\\\"\\\\\\/\\n\\u00e9\\ud83d\\ude00\", \"b\":[1,-2.5e3,true,"
	    "null,[],{}],\n\"c\":{\"d\":\"\"}} \n", &line);
	assert_non_null(j);
	assert_int_equal(line, 3);
	assert_string_equal(json_text(j, "a"), "x\"\\/\n\xc3\xa9\xf0\x9f\x98\x80");
	assert_null(json_text(j, "b"));
	assert_int_equal(json_get(j, "b")->kind, JSON_ARRAY);
	assert_string_equal(json_get(j, "b")->child->next->text, "-2.5e3");
	assert_string_equal(json_text(json_get(j, "c"), "d"), "");
	assert_null(json_get(j, "nothing"));
	assert_null(json_get(json_get(j, "b"), "a"));
	assert_non_null(parse(a, "{}", &line));
	assert_non_null(parse(a, "\"a\"", &line));
	arena_free(a);
}

static void
test_not_json(void **state)
{
	static const struct {
		const char *text;
		size_t line;
	} rows[] = {
		{ "", 1 }, { "{", 1 }, { "}", 1 }, { "{\"a\"}", 1 }, { "{\"a\":}", 1 },
		{ "{\"a\":1,}", 1 }, { "{a:1}", 1 }, { "[1 2]", 1 }, { "{} x", 1 },
		{ "\"a", 1 }, { "\"\\", 1 }, { "\"\\x\"", 1 }, { "\"\\u12\"", 1 },
		{ "\"\\u0000\"", 1 }, { "\"\\ud800\\u0041\"", 1 }, { "\"a\tb\"", 1 },
		{ "\"\xff\"", 1 }, { "{\"\xc3\":1}", 1 }, { "{\n\n\"a\":\n}", 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena *a = arena_new(1 << 20);
		size_t line = 0;

		if (parse(a, rows[i].text, &line) != NULL || line != rows[i].line)
			fail_msg("row %zu, line %zu: %s", i, line, rows[i].text);
		arena_free(a);
	}
}

static void
test_limits(void **state)
{
	struct arena *a = arena_new(1 << 20);
	char deep[2 * JSON_DEPTH + 8];
	size_t line;

	(void)state;
	for (int depth = 1; depth < JSON_DEPTH + 4; depth++) {
		memset(deep, '[', (size_t)depth);
		memset(deep + depth, ']', (size_t)depth);
		deep[2 * depth] = '\0';
		assert_int_equal(parse(a, deep, &line) != NULL, depth <= JSON_DEPTH + 1);
	}
	arena_free(a);
	a = arena_new(100);
	assert_null(parse(a, "[1,2,3,4,5,6,7,8,9]", &line));
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_not_json),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
