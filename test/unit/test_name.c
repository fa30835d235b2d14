/* Mailbox names outside and inside, in both styles and for administrators. */
#include "imap/server/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const struct name_style cyrus = {
	.sep = '.', .userid = "fred", .other = "Other Users", .shared = "Shared Folders",
};
static const struct name_style unix_alt = {
	.sep = '/', .alt = true, .userid = "fred", .other = "Other Users",
	.shared = "Shared Folders",
};
static const struct name_style unix_admin = {
	.sep = '/', .alt = true, .userid = "cyrus", .other = "Other Users",
	.shared = "Shared Folders", .is_admin = true,
};

struct row {
	const char *external, *internal;	/* internal NULL: ERR_NAME */
	bool one_way;				/* the way back gives another name */
};

static void
check(const struct name_style *n, const struct row *row, size_t rows)
{
	for (size_t i = 0; i < rows; i++) {
		struct buf in = BUF_INIT, out = BUF_INIT;
		enum err e = name_to_internal(n, str_c(row[i].external), &in);
		if (row[i].internal == NULL) {
			assert_int_equal(e, ERR_NAME);
			assert_int_equal(in.n, 0);
			continue;
		}
		assert_int_equal(e, OK);
		assert_string_equal(in.p, row[i].internal);
		name_to_external(n, buf_str(&in), &out);
		if (!row[i].one_way)
			assert_string_equal(out.p, row[i].external);
		buf_free(&in);
		buf_free(&out);
	}
}

static void
test_default_style(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "INBOX", "user.fred", false }, { "inBox", "user.fred", true },
		{ "INBOX.a.b", "user.fred.a.b", false },
		{ "user.fred.a", "user.fred.a", true },
		{ "user.wilma", "user.wilma", false }, { "bb.news", "bb.news", false },
		{ "INBOXES", "INBOXES", false }, { "user.fredo", "user.fredo", false },
		{ "INBOX.caf&AOk-", "user.fred.caf\xc3\xa9", false },
		/* e and a combining accent: form C inside */
		{ "INBOX.cafe&AwE-", "user.fred.caf\xc3\xa9", true },
		{ "", NULL, false }, { ".", NULL, false }, { "a..b", NULL, false },
		{ ".a", NULL, false }, { "a.", NULL, false }, { "INBOX.", NULL, false },
		{ "a&AAA-", NULL, false }, { "&bad", NULL, false }, { "caf\xc3\xa9", NULL, false },
		{ "a\tb", NULL, false }, { "../x", NULL, false },
	};
	check(&cyrus, rows, sizeof(rows) / sizeof(rows[0]));
}

static void
test_alt_style(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "INBOX", "user.fred", false }, { "inbox", "user.fred", true },
		{ "Drafts", "user.fred.Drafts", false },
		{ "a.b/c", "user.fred.a^b.c", false },
		{ "Other Users/wilma/x", "user.wilma.x", false },
		{ "Other Users/john.doe", "user.john^doe", false },
		{ "Shared Folders/bb/news", "bb.news", false },
		{ "inbox/a", "user.fred.INBOX.a", true },
		{ "INBOX/a", "user.fred.INBOX.a", false },
		{ "Other Users", NULL, false }, { "Shared Folders", NULL, false },
		{ "Shared Folders/user/wilma", NULL, false },
		{ "a^b", NULL, false }, { "/a", NULL, false }, { "a//b", NULL, false },
	};
	check(&unix_alt, rows, sizeof(rows) / sizeof(rows[0]));
}

static void
test_admin_style(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "user/john.doe/a", "user.john^doe.a", false },
		{ "bb/news", "bb.news", false },
	};
	check(&unix_admin, rows, sizeof(rows) / sizeof(rows[0]));
}

/* Before login there is no INBOX. */
static void
test_nobody(void **state)
{
	(void)state;
	struct name_style n = cyrus;
	struct buf in = BUF_INIT;
	n.userid = NULL;
	assert_int_equal(name_to_internal(&n, STR("INBOX"), &in), ERR_NAME);
}

static void
test_prefixes(void **state)
{
	(void)state;
	struct name_prefixes p = { BUF_INIT, BUF_INIT, BUF_INIT };
	name_prefixes(&cyrus, &p);
	assert_string_equal(p.personal.p, "INBOX.");
	assert_string_equal(p.other.p, "user.");
	assert_string_equal(p.shared.p, "");
	name_prefixes(&unix_alt, &p);
	assert_string_equal(p.personal.p, "");
	assert_string_equal(p.other.p, "Other Users/");
	assert_string_equal(p.shared.p, "Shared Folders/");
	buf_free(&p.personal);
	buf_free(&p.other);
	buf_free(&p.shared);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_style), cmocka_unit_test(test_alt_style),
		cmocka_unit_test(test_admin_style), cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_prefixes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
