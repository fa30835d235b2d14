/* Mailbox names outside and inside, in both styles and for administrators. */
#include "imap/server/domain.h"
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

/* What a domain's own people write is what others write without domains. */
static void
test_domain_style(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "INBOX", "user.fred@a^org", false }, { "INBOX.x", "user.fred@a^org.x", false },
		{ "user.wilma", "user.wilma@a^org", false },
		{ "user.wilma.x@y", "user.wilma@a^org.x@y", false },
		{ "bb.news", "bb@a^org.news", false }, { "user", NULL, false },
		{ "DELETED.user.fred.x.12", "DELETED.user.fred@a^org.x.12", false },
		{ "user.fred", "user.fred@a^org", true },
	};
	static const struct row alt_rows[] = {
		{ "INBOX", "user.fred@a^org", false }, { "a.b@c", "user.fred@a^org.a^b@c", false },
		{ "Other Users/john.doe/x", "user.john^doe@a^org.x", false },
		{ "Shared Folders/bb", "bb@a^org", false },
	};
	struct name_style n = cyrus, alt = unix_alt;
	n.domains = alt.domains = true;
	n.deleted = alt.deleted = "DELETED";
	n.userid = alt.userid = "fred@a^org";
	check(&n, rows, sizeof(rows) / sizeof(rows[0]));
	check(&alt, alt_rows, sizeof(alt_rows) / sizeof(alt_rows[0]));
	/* Nobody gets to another domain's names by writing them. */
	struct buf out = BUF_INIT;
	assert_int_equal(name_to_internal(&n, STR("user.fred@b.org"), &out), OK);
	assert_true(str_eq(domain_of(buf_str(&out), "DELETED"), STR("a^org")));
	buf_free(&out);
}

/* With crossdomains users of other domains have a name, and shared folders do not. */
static void
test_crossing_domains(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "INBOX", "user.fred@a^org", false }, { "INBOX.x@b", "user.fred@a^org.x@b", false },
		{ "user.wilma@b^org.x", "user.wilma@b^org.x", false },
		{ "user.wilma@B^Org", "user.wilma@b^org", true },
		{ "user.wilma@a^org", "user.wilma@a^org", false },
		{ "user.wilma", "user.wilma@a^org", true },
		{ "user.fred@a^org.x", "user.fred@a^org.x", true },
		{ "user.fred@home^example", "user.fred", false },
		{ "user.fred@b^org", "user.fred@b^org", false },
		{ "user.wilma@", "user.wilma@@a^org", true },
		{ "bb@b^org.news", "bb@b^org@a^org.news", false }, { "bb.news", "bb@a^org.news", false },
		{ "DELETED.user.x@b^org.12", "DELETED.user.x@b^org@a^org.12", false },
		{ "user", NULL, false },
	};
	static const struct row alt_rows[] = {
		{ "INBOX", "user.fred@a^org", false }, { "a.b@c", "user.fred@a^org.a^b@c", false },
		{ "Other Users/john.doe@b.org/x", "user.john^doe@b^org.x", false },
		{ "Other Users/john.doe/x", "user.john^doe@a^org.x", false },
		{ "Other Users/john.doe@a.org/x", "user.john^doe@a^org.x", true },
		{ "Other Users/x@y@a.org", "user.x@y@a^org", false },
		{ "Other Users/fred@home.example", "user.fred", false },
		{ "Shared Folders/bb@b.org", "bb@b^org@a^org", false },
	};
	static const struct row home_rows[] = {
		{ "INBOX", "user.fred", false }, { "user.wilma", "user.wilma", true },
		{ "user.wilma@internal", "user.wilma", false },
		{ "user.fred@a^org", "user.fred@a^org", false }, { "user", "user", false },
	};
	struct name_style n = cyrus, alt = unix_alt;
	n.domains = alt.domains = n.crosses = alt.crosses = alt.bare_own = true;
	n.deleted = alt.deleted = "DELETED";
	n.home = alt.home = "home.example";
	n.userid = alt.userid = "fred@a^org";
	check(&n, rows, sizeof(rows) / sizeof(rows[0]));
	check(&alt, alt_rows, sizeof(alt_rows) / sizeof(alt_rows[0]));
	n.home = "no domain";
	n.userid = "fred";
	check(&n, home_rows, sizeof(home_rows) / sizeof(home_rows[0]));
}

static void
test_domain_admins(void **state)
{
	(void)state;
	static const struct row chief_rows[] = {
		{ "user.wilma", "user.wilma@a^org", false },
		{ "user.wilma@a.org", "user.wilma@a^org", true },
		{ "user.wilma@A.Org", "user.wilma@a^org", true },
		{ "user.wilma@b.org", NULL, false }, { "user.wilma@internal", NULL, false },
		{ "user.wilma.x@y@a.org", "user.wilma@a^org.x@y", false },
	};
	static const struct row boss_rows[] = {
		{ "user.wilma", "user.wilma", false },
		{ "user.wilma.x@b.org", "user.wilma@b^org.x", false },
		{ "user.wilma@home.example", "user.wilma", true },
		{ "user.john.x@y@home.example", "user.john.x@y", false },
		{ "bb.news@b.org", "bb@b^org.news", false },
		{ "DELETED.user.fred.x.12@b.org", "DELETED.user.fred@b^org.x.12", false },
		{ "user@b.org", NULL, false }, { "user.wilma@", NULL, false },
		{ "INBOX", "user.boss", false }, { "user.boss@b.org", "user.boss@b^org", false },
		{ "user.b&APw-@b&APw-.de", "user.b\xc3\xbc@b\xc3\xbc^de", false },
	};
	static const struct row unix_rows[] = {
		{ "user/john.doe/a@b.org", "user.john^doe@b^org.a", false },
		{ "user/john.doe/a@b/c", "user.john^doe.a@b.c", true },
		{ "user/john.doe/a@b/c@home.example", "user.john^doe.a@b.c", false },
	};
	struct name_style n = cyrus, u = unix_admin;
	n.domains = u.domains = n.is_admin = true;
	n.deleted = u.deleted = "DELETED";
	n.home = u.home = "home.example";
	n.userid = "chief@a^org";
	check(&n, chief_rows, sizeof(chief_rows) / sizeof(chief_rows[0]));
	n.userid = "boss";
	check(&n, boss_rows, sizeof(boss_rows) / sizeof(boss_rows[0]));
	check(&u, unix_rows, sizeof(unix_rows) / sizeof(unix_rows[0]));
}

static void
test_identifiers(void **state)
{
	(void)state;
	static const struct {
		const char *userid, *outside, *inside;
		bool one_way;
	} rows[] = {
		{ "boss", "john.doe", "john^doe", false },
		{ "boss", "-john.doe@A.org", "-john^doe@a^org", true },
		{ "boss", "fred@home.example", "fred", true },
		{ "boss", "fred@a.org", "fred@a^org", false },
		{ "fred@a^org", "wilma", "wilma@a^org", false },
		{ "fred@a^org", "-wilma", "-wilma@a^org", false },
		{ "fred@a^org", "wilma@b.org", "wilma@b^org", false },
		{ "fred@a^org", "wilma@a.org", "wilma@a^org", true },
		{ "fred@a^org", "anyone", "anyone", false },
		{ "fred@a^org", "-group:a.b@c", "-group:a.b@c", false },
		{ "fred@a^org", "-anonymous", "-anonymous", false },
	};
	struct name_style n = cyrus;
	n.domains = true;
	n.home = "home.example";
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf in = BUF_INIT, out = BUF_INIT;
		n.userid = rows[i].userid;
		name_identifier_in(&n, str_c(rows[i].outside), &in);
		assert_string_equal(in.p, rows[i].inside);
		name_identifier_out(&n, buf_str(&in), &out);
		if (!rows[i].one_way)
			assert_string_equal(out.p, rows[i].outside);
		buf_free(&in);
		buf_free(&out);
	}
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
		cmocka_unit_test(test_admin_style), cmocka_unit_test(test_domain_style),
		cmocka_unit_test(test_crossing_domains),
		cmocka_unit_test(test_domain_admins), cmocka_unit_test(test_identifiers),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_prefixes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
