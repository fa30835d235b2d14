/* test_imapurl.c - IMAP URLs (RFC 5092) */
#include "imap/server/imapurl.h"
#include "lib/buf.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* "user@host:port mailbox;uidvalidity uid section offset.length expire access+user rump mech:token" */
static const struct {
	const char *url, *means;	/* NULL: no URL of a message */
} rows[] = {
	/* section 9.1 and 10 of RFC 5092 */
	{ "imap://minbari.example.org/gray-council;UIDVALIDITY=385759045/;UID=20/;PARTIAL=0.1024",
	  "@minbari.example.org:0 gray-council;385759045 20 - 0.1024 - 0+ -" },
	{ "imap://psicorp.example.org/~peter/%E6%97%A5%E6%9C%AC%E8%AA%9E/%E5%8F%B0%E5%8C%97/;UID=1",
	  "@psicorp.example.org:0 ~peter/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e/"
	  "\xe5\x8f\xb0\xe5\x8c\x97;0 1 - - - 0+ -" },
	{ "imap://;AUTH=GSSAPI@minbari.example.org/gray-council/;uid=20/;section=1.2",
	  "@minbari.example.org:0 gray-council;0 20 1.2 - - 0+ -" },
	{ "imap://;AUTH=*@minbari.example.org/gray%20council/;UID=7",
	  "@minbari.example.org:0 gray council;0 7 - - - 0+ -" },
	{ "imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred:internal:91354a473744909de610943775f92038",
	  "joe@example.com:0 INBOX;0 20 1.2 - - 1+fred "
	  "[imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred] "
	  "internal:91354a473744909de610943775f92038" },
	{ "IMAP://bester;AUTH=*@psicorp.example.org:1143/INBOX/;UID=1;EXPIRE=1970-01-02T00:00:00Z;URLAUTH=anonymous",
	  "bester@psicorp.example.org:1143 INBOX;0 1 - - 86400 4+ "
	  "[IMAP://bester;AUTH=*@psicorp.example.org:1143/INBOX/;UID=1;EXPIRE=1970-01-02T00:00:00Z;URLAUTH=anonymous]" },
	{ "imap://u%40d@[::1]:143/a/;UID=1;URLAUTH=user+x%40y:INTERNAL:00", "u@d@[::1]:143 a;0 1 - - - 2+x@y "
	  "[imap://u%40d@[::1]:143/a/;UID=1;URLAUTH=user+x%40y] INTERNAL:00" },
	{ "imap://[::1]/a/;UID=1;URLAUTH=authuser", "@[::1]:0 a;0 1 - - - 3+ "
	  "[imap://[::1]/a/;UID=1;URLAUTH=authuser]" },
	/* relative (section 7), and as RFC 4469 writes them */
	{ "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER", "@:0 Drafts;385759045 20 HEADER - - 0+ -" },
	{ "/INBOX;UIDVALIDITY=785799047/;UID=113330;section=1.5.9", "@:0 INBOX;785799047 113330 1.5.9 - - 0+ -" },
	{ ";UID=20/;SECTION=1.MIME", "@:0 ;0 20 1.MIME - - 0+ -" },
	{ "/;UID=20", "@:0 ;0 20 - - - 0+ -" },
	{ "//host/a/b/;UID=3/;PARTIAL=5", "@host:0 a/b;0 3 - 5.0 - 0+ -" },
	{ "/a/;UID=1/;SECTION=HEADER.FIELDS%20(TO)", "@:0 a;0 1 HEADER.FIELDS (TO) - - 0+ -" },
	{ ";UID=1;EXPIRE=2000-02-29T23:59:60.25+01:30;URLAUTH=anonymous", "@:0 ;0 1 - - 951863400 4+ "
	  "[;UID=1;EXPIRE=2000-02-29T23:59:60.25+01:30;URLAUTH=anonymous]" },
	/* none */
	{ "", NULL }, { "imap:", NULL }, { "imap://host", NULL }, { "imap://host/", NULL },
	{ "imap://host/INBOX", NULL }, { "imap://host/INBOX?SUBJECT%20x", NULL },
	{ "imap://host/;UID=1", NULL }, { "imap:///INBOX/;UID=1", NULL },
	{ "imap://host:0/INBOX/;UID=1", NULL }, { "imap://host:99999/INBOX/;UID=1", NULL },
	{ "http://host/INBOX/;UID=1", NULL }, { "imap:/INBOX/;UID=1", NULL },
	{ "/INBOX/;UID=0", NULL }, { "/INBOX/;UID=", NULL }, { "/INBOX/;UID=x", NULL },
	{ "/INBOX/;UID=1;UID=2", NULL }, { "/INBOX/;SECTION=1", NULL },
	{ "/INBOX/;SECTION=1/;UID=1", NULL }, { "/INBOX/;UID=1/;SECTION=", NULL },
	{ "/INBOX/;UID=1/;FOO=1", NULL }, { "/INBOX/;UID=1x", NULL }, { "/INBOX/;UID=1/x", NULL },
	{ "/IN%0/;UID=1", NULL }, { "/IN%00/;UID=1", NULL }, { "/IN%/;UID=1", NULL },
	{ "/IN BOX/;UID=1", NULL }, { "/IN\"/;UID=1", NULL }, { "/\xc3\xbc/;UID=1", NULL },
	{ "/a/;UID=1/;PARTIAL=1.0", NULL }, { "/a/;UID=1/;PARTIAL=.1", NULL },
	{ "/a/;UID=1;EXPIRE=2000-13-01T00:00:00Z;URLAUTH=anonymous", NULL },
	{ "/a/;UID=1;EXPIRE=2000-01-01T00:00:00;URLAUTH=anonymous", NULL },
	{ "/a/;UID=1;EXPIRE=2000-01-01;URLAUTH=anonymous", NULL },
	{ "/a/;UID=1;URLAUTH=everybody", NULL }, { "/a/;UID=1;URLAUTH=user+", NULL },
	{ "/a/;UID=1;URLAUTH=anonymous:", NULL }, { "/a/;UID=1;URLAUTH=anonymous:INTERNAL", NULL },
	{ "/a/;UID=1;URLAUTH=anonymous:INTERNAL:", NULL },
};

static void
show(const struct imapurl *u, struct buf *out)
{
	buf_printf(out, "%.*s@%.*s:%u %.*s;%u %u ", STR_ARG(u->user), STR_ARG(u->host), u->port,
	    STR_ARG(u->mailbox), u->uidvalidity, u->uid);
	if (u->section.n > 0)
		buf_add_str(out, u->section);
	else
		buf_addc(out, '-');
	if (u->partial)
		buf_printf(out, " %" PRIu64 ".%" PRIu64, u->offset, u->length);
	else
		buf_adds(out, " -");
	if (u->expires)
		buf_printf(out, " %" PRId64, u->expire);
	else
		buf_adds(out, " -");
	buf_printf(out, " %d+%.*s ", (int)u->access, STR_ARG(u->access_user));
	if (u->access == URL_NONE)
		buf_addc(out, '-');
	else
		buf_printf(out, "[%.*s]", STR_ARG(u->rump));
	if (u->token.n > 0)
		buf_printf(out, " %.*s:%.*s", STR_ARG(u->mechanism), STR_ARG(u->token));
}

static void
test_rows(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct arena *arena = arena_new(100000);
		struct imapurl u;
		bool ok = imapurl_parse(arena, str_c(rows[i].url), &u);

		buf_reset(&out);
		if (ok)
			show(&u, &out);
		if (ok != (rows[i].means != NULL))
			fail_msg("%s: %s", rows[i].url, ok ? out.p : "refused");
		if (ok)
			assert_string_equal(out.p, rows[i].means);
		arena_free(arena);
	}
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
