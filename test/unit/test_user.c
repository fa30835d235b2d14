/* test_user.c - names of users, who may be whom, users that move between processes */
#include "imap/server/domain.h"
#include "imap/server/user.h"
#include "imap/server/user_deny.h"
#include "imap/server/username.h"
#include "lib/groups_own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static int dirfd_;
static struct conf *plain, *domains, *by_acl;

static bool
write_conf(const char *name, const char *more, struct conf **conf)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	if (f == NULL)
		return false;
	fprintf(f, "configdirectory: %s\npartition-default: %s\nunix_group_enable: no\n%s",
	    dir, dir, more);
	fclose(f);
	return conf_read(path, "imap", NULL, NULL, conf) == OK;
}

static int
set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_user.XXXXXX");
	if (mkdtemp(dir) == NULL || (dirfd_ = open(dir, O_RDONLY | O_DIRECTORY)) < 0
	    || !write_conf("plain", "admins: boss group:wheel\nproxyservers: front\n"
	    "loginrealms: FRIENDS.ORG\nservername: mail.example\n", &plain)
	    || !write_conf("domains", "virtdomains: on\ndefaultdomain: Home.Example\n"
	    "admins: boss chief@a.org\nproxyservers: front\n", &domains)
	    || !write_conf("by_acl", "loginuseacl: yes\nadmins: boss\n", &by_acl))
		return -1;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	static const char *const names[] = { "plain", "domains", "by_acl", "groups",
		"groups.lock", "user_deny.db", "user_deny.db.lock" };
	conf_free(plain);
	conf_free(domains);
	conf_free(by_acl);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(dirfd_, names[i], 0);
	close(dirfd_);
	return rmdir(dir);
}

static void
test_names(void **state)
{
	(void)state;
	static const struct {
		const char *name, *without, *with;	/* virtdomains */
	} rows[] = {
		{ "fred", "fred", "fred" }, { "John.Doe", "john^doe", "john^doe" },
		{ "fred@A.Org", "fred", "fred@a^org" }, { "fred@home.example", "fred", "fred" },
		{ "fred@", "fred", NULL }, { "@a", NULL, NULL },
		/* Is it a@b of c, or a of b? */
		{ "a@b@c", NULL, NULL },
		/* Two ways to type one name, and what cannot be seen of one. */
		{ "fr\xc3\xa9""d", "fr\xc3\xa9""d", "fr\xc3\xa9""d" },
		{ "fre\xcc\x81""d", "fr\xc3\xa9""d", "fr\xc3\xa9""d" },
		{ "fr\xc2\xad""ed", "fred", "fred" }, { "\xef\xbd\x86red", "fred", "fred" },
		{ "fred\xe2\x80\xae", NULL, NULL }, { "\xff", NULL, NULL },
		{ "\xef\xbc\x8f""etc", NULL, NULL }, { "a\xef\xbc\x8f""b", NULL, NULL },
		{ "\xef\xbd\x87roup:x", NULL, NULL }, { "\xef\xbc\xa1nyone", NULL, NULL },
		{ "fred ", NULL, NULL }, { " fred", NULL, NULL }, { "a b", "a b", "a b" },
		{ "fred\xc2\xa0", NULL, NULL },
		{ "a@b/c", "a", NULL }, { "a@b.", "a", NULL }, { "a/b", NULL, NULL },
		{ "a^b", NULL, NULL }, { "group:x", NULL, NULL }, { "Anyone@a", NULL, NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int with = 0; with < 2; with++) {
			struct buf in = BUF_INIT;
			const char *want = with ? rows[i].with : rows[i].without;
			enum err e = username_internal(with ? domains : plain,
			    str_c(rows[i].name), &in);
			assert_int_equal(e, want != NULL ? OK : ERR_NAME);
			if (want != NULL)
				assert_string_equal(in.p, want);
			buf_free(&in);
		}
}

static void
test_given(void **state)
{
	(void)state;
	static const struct {
		const char *given, *domain, *authcid, *userid;
		bool no_domains;
	} rows[] = {
		{ "Fred", "", "fred", "", false },
		{ "fred*cyrus", "", "cyrus", "fred", false },
		{ "*cyrus", "", "*cyrus", "", false },
		{ "fred*", "", "fred*", "", false },
		{ "a*b*c", "", "c", "a*b", false },
		{ "fred%a.org*boss", "", "boss", "fred@a.org", false },
		{ "fred%a.org", "", "fred@a.org", "", false },
		{ "fred%a.org", "", "fred%a.org", "", true },
		{ "fred", "b.org", "fred@b.org", "", false },
		{ "fred@a.org", "b.org", "fred@a.org", "", false },
		{ "fred*boss", "b.org", "boss", "fred@b.org", false },
		{ "boss", "b.org", "boss", "", false },
		{ "", "b.org", "", "", false },
		{ "fred@HOME.example", "b.org", "fred", "", false },
		{ "fred@home.example*boss", "", "boss", "fred", false },
		{ "fre\xcc\x81""d", "b.org", "fr\xc3\xa9""d@b.org", "", false },
		{ "a\xef\xbc\x8a""b", "", "b", "a", false },
		{ "fred\xe2\x80\xae", "", "", "", false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf authcid = BUF_INIT, userid = BUF_INIT;
		username_given(rows[i].no_domains ? plain : domains, str_c(rows[i].domain),
		    str_c(rows[i].given), &authcid, &userid);
		assert_string_equal(authcid.p, rows[i].authcid);
		assert_string_equal(userid.p, rows[i].userid);
		buf_free(&authcid);
		buf_free(&userid);
	}
}

/* A ticket for a*boss is not boss's, and no domain is where it is shown. */
static void
test_vouched(void **state)
{
	(void)state;
	static const struct {
		const char *given, *authcid;
		bool possible;
	} rows[] = {
		{ "Fred", "fred", true }, { "fred@A.org", "fred@a.org", true },
		{ "fred@home.example", "fred", true }, { "a*boss", "a*boss", false },
		{ "fred%a.org", "fred%a.org", false }, { "fred\xff", "", false },
		{ "fred+work", "fred+work", true },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf authcid = BUF_INIT, in = BUF_INIT;
		username_vouched(domains, str_c(rows[i].given), &authcid);
		assert_string_equal(authcid.p, rows[i].authcid);
		assert_int_equal(username_internal(domains, buf_str(&authcid), &in) == OK,
		    rows[i].possible);
		buf_free(&authcid);
		buf_free(&in);
	}
}

/* One claim; the user is freed, WHO gets what he is. */
static enum err
claim(const struct conf *conf, const char *authcid, const char *userid, char *who, size_t n)
{
	struct user *u;
	struct buf why = BUF_INIT, tell = BUF_INIT;
	const struct user_claim c = { "imap", str_c(authcid), str_c(userid) };
	enum err e = user_accept(conf, &c, &u, &why, &tell);
	assert_true((e == OK) == (u != NULL));
	assert_true((e == OK) == (why.n == 0));
	snprintf(who, n, "%s", e != OK ? tell.p : u->is_global_admin ? "global"
	    : u->id.is_admin ? "admin" : u->by_acl ? "acl" : "user");
	user_free(u);
	buf_free(&why);
	buf_free(&tell);
	return e;
}

static void
test_claims(void **state)
{
	(void)state;
	const struct {
		const struct conf *conf;
		const char *authcid, *userid;
		enum err want;
		const char *who;
	} rows[] = {
		{ plain, "fred", "", OK, "user" }, { plain, "fred", "fred", OK, "user" },
		{ plain, "fred", "anna", ERR_DENIED, "" }, { plain, "boss", "fred", OK, "user" },
		{ plain, "front", "fred", OK, "user" }, { plain, "front", "boss", OK, "global" },
		{ plain, "front", "", OK, "user" }, { plain, "a/b", "", ERR_AUTH, "" },
		{ plain, "boss", "a/b", ERR_AUTH, "" }, { plain, "wendy", "", OK, "global" },
		{ plain, "wendy", "fred", OK, "user" },
		{ plain, "fred@FRIENDS.org", "", OK, "user" },
		{ plain, "fred@mail.example", "fred", OK, "user" },
		{ plain, "fred@foes.org", "", ERR_DENIED, "" },
		{ plain, "boss@foes.org", "fred", ERR_DENIED, "" },
		{ domains, "boss", "fred@a.org", OK, "user" },
		{ domains, "boss@home.example", "", OK, "global" },
		{ domains, "boss@a.org", "", OK, "user" },
		{ domains, "boss@a.org", "fred@a.org", ERR_DENIED, "" },
		{ domains, "chief@a.org", "", OK, "admin" },
		{ domains, "chief@a.org", "fred@a.org", OK, "user" },
		{ domains, "chief@a.org", "fred@b.org", ERR_DENIED, "" },
		{ domains, "chief@a.org", "fred", ERR_DENIED, "" },
		{ domains, "chief@a.org", "boss", ERR_DENIED, "" },
		{ domains, "chief", "", OK, "user" },
		{ by_acl, "fred", "anna", OK, "acl" }, { by_acl, "fred", "boss", OK, "acl" },
		{ by_acl, "fred", "", OK, "user" }, { by_acl, "boss", "anna", OK, "user" },
	};
	assert_int_equal(groups_own_add(dirfd_, STR("wheel"), &STR("wendy"), 1), OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char who[64];
		assert_int_equal(claim(rows[i].conf, rows[i].authcid, rows[i].userid, who,
		    sizeof(who)), rows[i].want);
		assert_string_equal(who, rows[i].who);
	}
}

static void
test_deny(void **state)
{
	(void)state;
	char who[64];
	assert_int_equal(user_deny(plain, "fred", "pop*,!pop3s,imap", "Pay [first]\x01"), OK);
	assert_int_equal(user_deny(plain, "anna", "*", ""), OK);
	assert_int_equal(claim(plain, "fred", "", who, sizeof(who)), ERR_DENIED);
	assert_string_equal(who, "Pay [first]?");
	/* Not as somebody else, and nobody as him. */
	assert_int_equal(claim(plain, "boss", "fred", who, sizeof(who)), ERR_DENIED);
	assert_int_equal(claim(plain, "anna", "", who, sizeof(who)), ERR_DENIED);
	assert_string_equal(who, "Access to this service has been blocked");
	assert_int_equal(claim(plain, "fre", "", who, sizeof(who)), OK);
	static const struct {
		const char *service;
		enum err want;
	} rows[] = {
		{ "pop3", ERR_DENIED }, { "pop3s", OK }, { "imaps", OK }, { "imap", ERR_DENIED },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf tell = BUF_INIT;
		assert_int_equal(user_denied(plain, "fred", rows[i].service, &tell), rows[i].want);
		buf_free(&tell);
	}
	assert_int_equal(user_deny(plain, "fred", NULL, ""), OK);
	assert_int_equal(user_deny(plain, "fred", NULL, ""), ERR_NOTFOUND);
	assert_int_equal(claim(plain, "fred", "", who, sizeof(who)), OK);
	assert_int_equal(user_deny(plain, "anna", NULL, ""), OK);
	/* What is no text cannot be understood: nobody comes in by mistake. */
	int fd = openat(dirfd_, "user_deny.db", O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "\xa1\x02\x8b\x0dskiplist file\0\0\0", 20), 20);
	close(fd);
	struct buf tell = BUF_INIT;
	assert_int_equal(user_denied(plain, "fred", "imap", &tell), ERR_IO);
	buf_free(&tell);
	unlinkat(dirfd_, "user_deny.db", 0);
}

static rights_t
rights_on(struct user *u, const char *name, const char *acl)
{
	const struct mbentry e = { .name = name, .acl = acl };
	return user_rights(u, &e);
}

/* Whatever the ACL says, and whoever he is: another domain is not there. */
static void
test_domains(void **state)
{
	(void)state;
	static const struct {
		const char *who, *name;
		rights_t want;
	} rows[] = {
		{ "fred@a.org", "user.anna@a^org", ACL_READ }, { "fred@a.org", "user.anna", 0 },
		{ "fred@a.org", "user.anna@b^org", 0 }, { "fred@a.org", "bb@a^org.x", ACL_READ },
		{ "fred@a.org", "bb", 0 }, { "fred", "user.anna", ACL_READ },
		{ "fred", "user.anna@a^org", 0 }, { "fred", "bb", ACL_READ },
		{ "chief@a.org", "user.anna@a^org", ACL_READ | ACL_LOOKUP | ACL_ADMIN },
		{ "chief@a.org", "user.anna@b^org", 0 }, { "chief@a.org", "user.anna", 0 },
		{ "chief@a.org", "DELETED.user.anna@a^org.1", ACL_READ | ACL_LOOKUP | ACL_ADMIN },
		{ "chief@a.org", "DELETED.user.anna@b^org.1", 0 },
		{ "boss", "user.anna@b^org", ACL_READ | ACL_LOOKUP | ACL_ADMIN },
		{ "boss", "user.anna", ACL_READ | ACL_LOOKUP | ACL_ADMIN },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct user *u;
		assert_int_equal(user_new(domains, str_c(rows[i].who), "", &u), OK);
		assert_int_equal(rights_on(u, rows[i].name, "anyone\tr\t"), rows[i].want);
		user_free(u);
	}
}

static void
say_readers(void *ctx, struct groups *groups)
{
	(*(int *)ctx)++;
	groups_add(groups, STR("readers"));
}

/* His groups are asked for when an ACL has some, and once. */
static void
test_groups_later(void **state)
{
	(void)state;
	struct user *copy;
	const struct user_grant g = { .userid = "anna", .authcid = "anna", .groups_later = true };
	int asked = 0;
	assert_int_equal(user_from_grant(plain, &g, &copy), OK);
	user_groups_by(copy, say_readers, &asked);
	assert_int_equal(rights_on(copy, "bb", "anna\tl\t"), ACL_LOOKUP);
	assert_int_equal(asked, 0);
	assert_int_equal(rights_on(copy, "bb", "group:readers\tlr\t"), ACL_LOOKUP | ACL_READ);
	assert_int_equal(rights_on(copy, "bb", "group:writers\tlr\t"), 0);
	assert_int_equal(asked, 1);
	user_free(copy);
}

/* What one process knows of him, another does with. */
static void
test_grant(void **state)
{
	(void)state;
	static const char acl[] = "group:readers\tlr\tgroup:writers\tw\t-group:unknown\tl\t";
	struct user *u, *copy;
	struct user_grant g;
	assert_int_equal(groups_own_add(dirfd_, STR("readers"), &STR("anna"), 1), OK);
	assert_int_equal(user_new(plain, STR("anna"), "boss", &u), OK);
	assert_non_null(user_identity(u)->groups);
	user_to_grant(u, &g);
	assert_false(g.groups_later);
	assert_int_equal(groups_own_delete(dirfd_, STR("readers")), OK);
	assert_int_equal(user_from_grant(plain, &g, &copy), OK);
	assert_string_equal(copy->authcid, "boss");
	assert_string_equal(copy->name, "anna");
	assert_int_equal(rights_on(copy, "bb", acl), ACL_LOOKUP | ACL_READ);
	user_free(copy);
	g.groups_doubtful = true;
	assert_int_equal(user_from_grant(plain, &g, &copy), OK);
	assert_int_equal(rights_on(copy, "bb", acl), ACL_READ);
	user_free(copy);
	g.userid = "a.b";
	assert_int_equal(user_from_grant(plain, &g, &copy), ERR_NAME);
	user_free(u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names), cmocka_unit_test(test_given), cmocka_unit_test(test_vouched),
		cmocka_unit_test(test_claims), cmocka_unit_test(test_deny),
		cmocka_unit_test(test_domains), cmocka_unit_test(test_grant),
		cmocka_unit_test(test_groups_later),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
