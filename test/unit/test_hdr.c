/* test_hdr.c - header fields (imap/mime/hdr.c) */
#include "imap/mime/mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char header[] =
    "From me Mon Jan 1\r\n"
    "Subject: one\r\n"
    "\ttwo\r\n"
    "  \r\n"
    "to: a\r\n"
    "B\xe9low : 8-bit\r\n"
    ": no name\r\n";

static const struct {
	const char *name, *raw;
} fields[] = {
	{ "", "From me Mon Jan 1\r\n" },
	{ "Subject", "Subject: one\r\n\ttwo\r\n  \r\n" },
	{ "to", "to: a\r\n" },
	{ "B\xe9low", "B\xe9low : 8-bit\r\n" },
};

static void
assert_str(struct str s, const char *wanted)
{
	assert_int_equal(s.n, strlen(wanted));
	assert_memory_equal(s.p, wanted, s.n);
}

static void
test_next_field(void **state)
{
	struct str rest = str_c(header), name, raw;

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		assert_true(mime_next_field(&rest, &name, &raw));
		assert_str(name, fields[i].name);
		assert_str(raw, fields[i].raw);
	}
	assert_false(mime_next_field(&rest, &name, &raw));
	assert_str(rest, ": no name\r\n");
}

/* A field torn in two, where it shows; elsewhere such a line ends the header. */
static void
test_torn_field(void **state)
{
	struct str torn = STR("A: b\r\nc\r\nContent-Id: d\r\ne\r\nf: g\r\n");
	struct str delimiter = STR("A: b\r\n--c\r\nContent-Id: d\r\n");
	struct str name, raw;

	(void)state;
	assert_true(mime_next_field(&torn, &name, &raw));
	assert_str(raw, "A: b\r\nc\r\n");
	assert_true(mime_next_field(&torn, &name, &raw));
	assert_str(raw, "Content-Id: d\r\n");
	assert_false(mime_next_field(&torn, &name, &raw));
	assert_true(mime_next_field(&delimiter, &name, &raw));
	assert_str(raw, "A: b\r\n");
	assert_false(mime_next_field(&delimiter, &name, &raw));
}

static void
test_field_value(void **state)
{
	struct arena *arena = arena_new(1 << 16);
	struct str h = STR("A: 1\r\nb:\r\n 2\r\n\t3 \r\nB: no\r\nc:\r\nd:x");
	struct str value;

	(void)state;
	assert_true(mime_field_value(arena, h, "B", &value));
	assert_str(value, "2\t3");
	assert_true(mime_field_value(arena, h, "a", &value));
	assert_str(value, "1");
	assert_true(mime_field_value(arena, h, "c", &value));
	assert_str(value, "");
	assert_true(mime_field_value(arena, h, "d", &value));
	assert_str(value, "x");
	assert_false(mime_field_value(arena, h, "e", &value));
	arena_free(arena);
}

static const struct {
	const char *header, *names[3];
	bool not;
	const char *result;
} selections[] = {
	{ "A: 1\r\nB: 2\r\nA: 3\r\n\r\n", { "a" }, false, "A: 1\r\nA: 3\r\n\r\n" },
	{ "A: 1\r\nB: 2\r\nA: 3\r\n\r\n", { "a" }, true, "B: 2\r\n\r\n" },
	{ "A: 1\r\n 2\r\nB: 2\r\n\r\n", { "B", "a" }, false,
	    "A: 1\r\n 2\r\nB: 2\r\n\r\n" },
	{ "A: 1\r\nAB: 2\r\n\r\n", { "AB" }, false, "AB: 2\r\n\r\n" },
	{ "A: 1\r\n\r\n", { "x" }, false, "\r\n" },
	{ "A: 1\r\n\r\n", { NULL }, true, "A: 1\r\n\r\n" },
	{ "A: 1\n\n", { "a" }, false, "A: 1\n\r\n" },
	{ "A: 1", { "a" }, false, "A: 1\r\n\r\n" },
	{ "A\xff : 1\r\n", { "A\xff" }, false, "A\xff : 1\r\n\r\n" },
	{ "From x\r\nA: 1\r\n\r\n", { "a" }, true, "From x\r\n\r\n" },
	{ "", { "a" }, true, "\r\n" },
	{ "A: 1\r\n\r\nA: body\r\n", { "a" }, false, "A: 1\r\n\r\n" },
};

static void
test_header_fields(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(selections) / sizeof(*selections); i++) {
		struct str names[3 + 26];
		size_t n = 0;

		for (; n < 3 && selections[i].names[n] != NULL; n++)
			names[n] = str_c(selections[i].names[n]);
		mime_header_fields(str_c(selections[i].header), names, n,
		    selections[i].not, &out);
		assert_string_equal(out.p, selections[i].result);
		buf_reset(&out);
		/* Many names, among them some that are not there, go another way. */
		for (const char *p = "zyxwvutsrqponmlkjihgfedcba"; *p > 'f'; p++)
			if (*p != 'x')
				names[n++] = (struct str){ p, 1 };
		mime_header_fields(str_c(selections[i].header), names, n,
		    selections[i].not, &out);
		assert_string_equal(out.p, selections[i].result);
		buf_reset(&out);
	}
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next_field),
		cmocka_unit_test(test_torn_field),
		cmocka_unit_test(test_field_value),
		cmocka_unit_test(test_header_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
