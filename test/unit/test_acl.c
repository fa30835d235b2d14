/* Rights, who has them, and how lists change. */
#include "lib/acl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BAD = 1 << 30 };

static const struct {
	const char *letters;
	unsigned rights;
	const char *formatted;
} letters[] = {
	{ "", 0, "" },
	{ "lrs", ACL_LOOKUP | ACL_READ | ACL_SEEN, "lrs" },
	{ "srl", ACL_LOOKUP | ACL_READ | ACL_SEEN, "lrs" },
	{ "c", ACL_CREATE | ACL_DELETEMBOX, "kxc" },
	{ "d", ACL_DELETEMSG | ACL_EXPUNGE, "ted" },
	{ "x", ACL_DELETEMBOX, "xc" },
	{ "t", ACL_DELETEMSG, "td" },
	{ "lrswipcda", ACL_ALL & ~(unsigned)ACL_ANNOTATE, "lrswipkxtecda" },	/* RFC 2086 */
	{ "lrswipkxtecdan", ACL_ALL, "lrswipkxtecdan" },
	/* The examples of RFC 4314 section 2.1.1, in our order. */
	{ "lrswida", ACL_LOOKUP | ACL_READ | ACL_SEEN | ACL_WRITE | ACL_INSERT |
	    ACL_DELETEMSG | ACL_EXPUNGE | ACL_ADMIN, "lrswiteda" },
	{ "lrswikda", ACL_LOOKUP | ACL_READ | ACL_SEEN | ACL_WRITE | ACL_INSERT |
	    ACL_CREATE | ACL_DELETEMSG | ACL_EXPUNGE | ACL_ADMIN, "lrswiktecda" },
	{ "l0r9", ACL_LOOKUP | ACL_READ, "lr" },
	{ "L", BAD, NULL },
	{ "lq", BAD, NULL },
	{ "l r", BAD, NULL },
	{ "-l", BAD, NULL },
	{ "\xc3\xa4", BAD, NULL },
};

static void
test_letters(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		rights_t r = 12345;
		enum err e = acl_parse_rights(str_c(letters[i].letters), &r);

		if (letters[i].rights == BAD) {
			assert_int_equal(e, ERR_SYNTAX);
			assert_int_equal(r, 12345);
			continue;
		}
		assert_int_equal(e, OK);
		assert_int_equal(r, letters[i].rights);
		buf_reset(&b);
		acl_format_rights(r, &b);
		assert_string_equal(b.p, letters[i].formatted);
	}
	assert_int_equal(acl_parse_rights((struct str){ "l\0", 2 }, &(rights_t){ 0 }),
	    ERR_SYNTAX);
	buf_free(&b);
}

static const char *const staff[] = { "staff", "all", NULL };
static const struct identity jane = { .userid = "jane", .groups = staff };
static const struct identity bob = { .userid = "bob" };
static const struct identity root = { .userid = "cyrus", .is_admin = true };
static const struct identity nobody = { .userid = "anonymous", .is_anonymous = true };
/* Says to be jane and is not. */
static const struct identity liar = { .userid = "jane", .groups = staff, .is_anonymous = true };

static const struct {
	const char *acl;
	const struct identity *id;
	const char *rights;
} who[] = {
	{ "", &jane, "" },
	{ "", &root, "la" },
	{ "jane\tlr\t", &jane, "lr" },
	{ "jane\tlr\t", &bob, "" },
	{ "jane\tlr\t", &liar, "" },
	{ "Jane\tlr\t", &jane, "" },
	{ "anyone\tl\tjane\tr\tgroup:staff\ts\t", &jane, "lrs" },
	{ "anyone\tl\tjane\tr\tgroup:staff\ts\t", &bob, "l" },
	{ "anyone\tl\tgroup:staff\ts\t", &liar, "l" },
	{ "anyone\tl\tanonymous\tr\t", &nobody, "lr" },
	{ "anyone\tl\tanonymous\tr\t", &bob, "l" },
	{ "-jane\tr\tanyone\tlr\t", &jane, "l" },
	{ "anyone\tlr\t-group:staff\tr\t", &jane, "l" },
	{ "anyone\tlr\t-group:staff\tr\t", &bob, "lr" },
	{ "anyone\tlr\t-anyone\tl\t", &nobody, "r" },
	{ "-cyrus\tla\t", &root, "la" },
	{ "staff\tlr\t", &jane, "" },
	/* Stored by Cyrus: the virtual letters add nothing. */
	{ "jane\tlrxc\t", &jane, "lrxc" },
	{ "jane\tlrtd\t", &jane, "lrtd" },
	{ "jane\tlrcd\t", &jane, "lrkxtecd" },
	/* Damaged. */
	{ "jane", &jane, "" },
	{ "jane\tl", &jane, "l" },
	{ "jane\tl?Zr\t", &jane, "lr" },
	{ "\t\t\t\t", &jane, "" },
	{ "\tlr\t", &jane, "" },
	{ "-\tlr\tjane\tl\t", &jane, "l" },
	{ "jane\tl\t\t\tjane\tr\t", &jane, "lr" },
};

static void
test_who(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++) {
		buf_reset(&b);
		acl_format_rights(acl_rights_of(str_c(who[i].acl), who[i].id), &b);
		if (strcmp(b.p, who[i].rights) != 0)
			fail_msg("%s for %s: %s", who[i].acl, who[i].id->userid, b.p);
	}
	buf_free(&b);
}

static const struct {
	const char *acl, *identifier;
	char mode;
	const char *rights, *result;
} changes[] = {
	{ "", "jane", '=', "lrs", "jane\tlrs\t" },
	{ "", "jane", '+', "lrs", "jane\tlrs\t" },
	{ "", "jane", '-', "lrs", "" },
	{ "a\tl\tjane\tlr\tb\tr\t", "jane", '=', "s", "a\tl\tjane\ts\tb\tr\t" },
	{ "a\tl\tjane\tlr\tb\tr\t", "jane", '+', "s", "a\tl\tjane\tlrs\tb\tr\t" },
	{ "a\tl\tjane\tlr\tb\tr\t", "jane", '-', "r", "a\tl\tjane\tl\tb\tr\t" },
	{ "a\tl\tjane\tlr\tb\tr\t", "jane", '-', "lr", "a\tl\tb\tr\t" },
	{ "a\tl\tjane\tlr\tb\tr\t", "jane", '=', "", "a\tl\tb\tr\t" },
	{ "jane\tlr\t", "-jane", '+', "r", "jane\tlr\t-jane\tr\t" },
	{ "jane\tlr\t", "jan", '=', "l", "jane\tlr\tjan\tl\t" },
	{ "jane\tlrcd\t", "bob", '=', "c", "jane\tlrkxte\tbob\tkx\t" },
	{ "jane\tl\tjane\tr\t", "jane", '=', "s", "jane\ts\t" },
};

static void
test_changes(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		rights_t r;

		assert_int_equal(acl_parse_rights(str_c(changes[i].rights), &r), OK);
		assert_int_equal(acl_change(str_c(changes[i].acl), str_c(changes[i].identifier),
		    changes[i].mode, r, &out), OK);
		assert_string_equal(out.p, changes[i].result);
	}
	buf_free(&out);
}

static void
test_refused(void **state)
{
	static const char *const names[] = { "", "-", "a\tb", "a\nb", "a\x7f" };
	struct buf out = BUF_INIT, acl = BUF_INIT;
	char name[ACL_IDENTIFIER_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(acl_change(STR("jane\tl\t"), str_c(names[i]), '=', ACL_ALL,
		    &out), ERR_NAME);
	memset(name, 'x', sizeof(name));
	assert_int_equal(acl_change(STR(""), (struct str){ name, sizeof(name) }, '=',
	    ACL_ALL, &out), ERR_NAME);
	for (int i = 0; acl.n < ACL_MAX - 8; i++)
		buf_printf(&acl, "user%d\tl\t", i);
	assert_int_equal(acl_change(buf_str(&acl), STR("somebody-new"), '=', ACL_ALL, &out),
	    ERR_LIMIT);
	assert_int_equal(out.n, 0);
	buf_free(&out);
	buf_free(&acl);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_letters),
		cmocka_unit_test(test_who),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("acl", tests, NULL, NULL);
}
