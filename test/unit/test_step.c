/* The engine of the grammar's tables, with a small grammar of its own. */
#include "imap/imapd/proto/rule.h"
#include "imap/imapd/proto/step.h"
#include "lib/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

struct pair {
	unsigned kind;
	uint32_t n;
};
struct toy {
	struct str name;
	unsigned bits;
	bool loud;
	unsigned mode;
	uint32_t size;
	struct parse_list pairs;
};

static const struct step number_args[] = { SP, RULE(rule_number, pair, n), END };
static const struct word kind_words[] = {
	{ NAME("ONE"), 1, 0, NULL, "" }, { NAME("MANY"), 2, 0, number_args, "" }, { .value = 0 },
};
static const struct vocabulary kinds = {
	.expected = "a kind", .word = kind_words, .take = take_value,
};
static const struct step pair_steps[] = { WORD(kinds, pair, kind), END };

static const struct word more_words[] = {
	{ NAME("\\D"), 8, 0, NULL, "" }, { .value = 0 },
};
static const struct vocabulary more = { .word = more_words, .take = take_bits };
static const struct word bit_words[] = {
	{ NAME("A"), 1, 0, NULL, "" }, { NAME("B.C"), 2, 0, NULL, "" },
	{ NAME("+B"), 4, 0, NULL, "" }, { .value = 0 },
};
static const struct vocabulary bits = { "a bit", bit_words, &more, take_bits, NULL };
static const struct step bit[] = { WORD(bits, toy, bits), END };

static const struct step size[] = { TEXT(" SIZE "), RULE(rule_number, toy, size), END };
static const struct step loud[] = { TEXT("!"), FLAG(toy, loud), SET(toy, mode, 7), END };
static const struct step quiet[] = { SET(toy, mode, 3), END };
static const struct step toy_steps[] = {
	RULE(rule_atom, toy, name), SP, LIST(bit), WHEN(" SIZE ", size), SP,
	EITHER("!", loud, quiet),
	LIST_OF_OR_NONE(pair_steps, struct pair, toy, pairs), END
};

static struct arena *arena;
static struct parse_limits limits;
static struct parser p;

static bool
parse(const char *text, struct toy *toy)
{
	*toy = (struct toy){ 0 };
	parser_init(&p, str_c(text), arena);
	p.max = &limits;
	return parse_steps(&p, toy_steps, toy) && parse_end(&p);
}

static int
set_up(void **state)
{
	(void)state;
	arena = arena_new(1024 * 1024);
	limits = parse_limits_default;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static void
test_all_of_it(void **state)
{
	(void)state;
	struct toy toy;
	assert_true(parse("fred (a B.C +b \\d) SIZE 17 !(ONE MANY 5 one)", &toy));
	assert_true(str_eq(toy.name, STR("fred")));
	assert_int_equal(toy.bits, 15);
	assert_int_equal(toy.size, 17);
	assert_true(toy.loud);
	assert_int_equal(toy.mode, 7);
	const struct pair *pair = toy.pairs.item;
	assert_int_equal(toy.pairs.count, 3);
	assert_int_equal(pair[0].kind, 1);
	assert_int_equal(pair[1].kind, 2);
	assert_int_equal(pair[1].n, 5);
	assert_int_equal(pair[2].kind, 1);
	assert_int_equal(pair[2].n, 0);
}

static void
test_what_may_be_missing(void **state)
{
	(void)state;
	struct toy toy;
	assert_true(parse("x (A) ()", &toy));
	assert_int_equal(toy.size, 0);
	assert_false(toy.loud);
	assert_int_equal(toy.mode, 3);
	assert_int_equal(toy.pairs.count, 0);
}

/* Lists grow past the room that they begin with. */
static void
test_long_list(void **state)
{
	(void)state;
	struct toy toy;
	struct buf b = BUF_INIT;
	buf_adds(&b, "x (A) (");
	for (unsigned i = 0; i < 1000; i++)
		buf_printf(&b, "%sMANY %u", i > 0 ? " " : "", i);
	buf_adds(&b, ")");
	assert_true(parse(b.p, &toy));
	assert_int_equal(toy.pairs.count, 1000);
	const struct pair *pair = toy.pairs.item;
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(pair[i].n, i);
	limits.elements = 2001;
	assert_true(parse(b.p, &toy));
	limits.elements = 2000;
	assert_false(parse(b.p, &toy));
	assert_int_equal(parse_failed(&p), ERR_LIMIT);
	assert_string_equal(p.too_big, "too many arguments");
	buf_free(&b);
}

static void
test_nesting(void **state)
{
	(void)state;
	struct toy toy;
	limits.nesting = 1;
	assert_true(parse("x (A) (ONE)", &toy));
	limits.nesting = 0;
	assert_false(parse("x (A) (ONE)", &toy));
	assert_int_equal(parse_failed(&p), ERR_LIMIT);
}

/* The furthest place, and what was missing there. */
static void
test_refused(void **state)
{
	static const struct {
		const char *text, *expected;
		size_t at;
	} rows[] = {
		{ "", "an atom", 0 },
		{ "x", "a space", 1 },
		{ "x (", "a bit", 3 },
		{ "x ()", "a bit", 3 },
		{ "x (A E) ()", "a bit", 5 },
		{ "x (AB) ()", "a bit", 3 },
		{ "x (A", "a space", 4 },
		{ "x (A ) ()", "a bit", 5 },
		{ "x (A) SIZE y ()", "a number", 11 },
		{ "x (A) SIZ 4 ()", "\"(\"", 6 },
		{ "x (A) (TWO)", "a kind", 7 },
		{ "x (A) (MANY)", "a space", 11 },
		{ "x (A) (ONE ONE", "a space", 14 },
		{ "x (A) () ", "the end of the command", 8 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct toy toy;
		assert_false(parse(rows[i].text, &toy));
		assert_int_equal(parse_failed(&p), ERR_SYNTAX);
		assert_string_equal(p.expected, rows[i].expected);
		assert_int_equal(p.expected_at, rows[i].at);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_of_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_may_be_missing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long_list, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nesting, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
