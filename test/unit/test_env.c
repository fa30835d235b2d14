/* test_env.c - ENVELOPE, addresses, IMAP strings (imap/mime/env.c, addr.c, nstr.c) */
#include "imap/mime/env.h"
#include "imap/mime/mime.h"
#include "imap/mime/nstr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *value, *list;	/* with ' for " */
} addresses[] = {
	/* RFC 5322 appendix A */
	{ "John Doe <jdoe@machine.example>",
	    "('John Doe' NIL 'jdoe' 'machine.example')" },
	{ "\"Joe Q. Public\" <john.q.public@example.com>",
	    "('Joe Q. Public' NIL 'john.q.public' 'example.com')" },
	{ "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
	    "('Mary Smith' NIL 'mary' 'x.test')(NIL NIL 'jdoe' 'example.org')"
	    "('Who?' NIL 'one' 'y.test')" },
	{ "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
	    "(NIL NIL 'boss' 'nil.test')"
	    "('Giant; \\'Big\\' Box' NIL 'sysservices' 'example.net')" },
	{ "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
	    "(NIL NIL 'A Group' NIL)('Ed Jones' NIL 'c' 'a.test')"
	    "(NIL NIL 'joe' 'where.test')('John' NIL 'jdoe' 'one.test')"
	    "(NIL NIL NIL NIL)" },
	{ "Undisclosed recipients:;",
	    "(NIL NIL 'Undisclosed recipients' NIL)(NIL NIL NIL NIL)" },
	{ "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
	    "('Pete' NIL 'pete' 'silly.test')" },
	{ "A Group(Some people)\r\n :Chris Jones <c@(Chris's host.)public.example>,"
	    "\r\n  joe@example.org;\r\n",
	    "(NIL NIL 'A Group' NIL)('Chris Jones' NIL 'c' 'public.example')"
	    "(NIL NIL 'joe' 'example.org')(NIL NIL NIL NIL)" },
	{ "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
	    "(NIL NIL 'Hidden recipients' NIL)(NIL NIL NIL NIL)" },
	{ "Joe Q. Public <john.q.public@example.com>",
	    "('Joe Q. Public' NIL 'john.q.public' 'example.com')" },
	{ "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
	    "('Mary Smith' '@node.test' 'mary' 'example.net')"
	    "(NIL NIL 'jdoe' 'test.example')" },
	{ "<@a,@b:c@d>", "(NIL '@a,@b' 'c' 'd')" },
	/* the name in a comment */
	{ "jdoe@x.test (John Doe)", "('John Doe' NIL 'jdoe' 'x.test')" },
	{ "<jdoe@x.test> (John Doe)", "('John Doe' NIL 'jdoe' 'x.test')" },
	{ "jdoe@x.test (John (\"J\\)\") Doe)",
	    "('John (\\'J)\\') Doe' NIL 'jdoe' 'x.test')" },
	/* local parts and domains */
	{ "\"john doe\"@x.test", "(NIL NIL 'john doe' 'x.test')" },
	{ "\"a@b\"@c", "(NIL NIL 'a@b' 'c')" },
	{ "a@b@c", "(NIL NIL 'a@b' 'c')" },
	{ "user@[IPv6:::1], b@c",
	    "(NIL NIL 'user' '[IPv6:::1]')(NIL NIL 'b' 'c')" },
	{ "user@[1.2.3.4", "(NIL NIL 'user' '[1.2.3.4')" },
	{ "root", "(NIL NIL 'root' '')" },
	{ "root (Charlie)", "('Charlie' NIL 'root' '')" },
	{ "<root>", "(NIL NIL 'root' '')" },
	{ "@x.test", "(NIL NIL '' 'x.test')" },
	{ "Bounce <>", "('Bounce' NIL '' '')" },
	{ "<>", "" },
	{ "", "" },
	{ " ,, (nobody)", "" },
	/* what is wrong and still clear */
	{ "a@b.c <a@b.c>", "('a@b.c' NIL 'a' 'b.c')" },
	{ "a@b; c@d", "(NIL NIL 'a' 'b')(NIL NIL 'c' 'd')" },
	{ "Ann <a@b, c@d", "('Ann' NIL 'a' 'b')(NIL NIL 'c' 'd')" },
	{ "Ann <a@b> Cy (x) <c@d> junk, e@f",
	    "('Ann' NIL 'a' 'b')('Cy' NIL 'c' 'd')(NIL NIL 'e' 'f')" },
	{ "\"Ann <a@b>", "('\\'Ann' NIL 'a' 'b')" },
	{ "Ann (x <a@b>", "('x <a@b>' NIL 'Ann' '')" },
	{ "G: a@b", "(NIL NIL 'G' NIL)(NIL NIL 'a' 'b')(NIL NIL NIL NIL)" },
	{ "G:;, a@b", "(NIL NIL 'G' NIL)(NIL NIL NIL NIL)(NIL NIL 'a' 'b')" },
	{ "Re: x <a@b>",
	    "(NIL NIL 'Re' NIL)('x' NIL 'a' 'b')(NIL NIL NIL NIL)" },
	{ "a@b:25, c@d", "(NIL NIL 'a' 'b:25')(NIL NIL 'c' 'd')" },
	{ "=?utf-8?q?J=C3=B6?= =?utf-8?q?rg?= <j@x>",
	    "('=?utf-8?q?J=C3=B6?= =?utf-8?q?rg?=' NIL 'j' 'x')" },
	{ "J\xf6rg <j@x>", "({4}\r\nJ\xf6rg NIL 'j' 'x')" },
	{ "  Lots\t of\r\n  space  <a@b>", "('Lots of space' NIL 'a' 'b')" },
	{ "\"\" <a@b>", "(NIL NIL 'a' 'b')" },
};

/* The tables say ' for ". */
static void
quotes(char *s)
{
	for (; *s != '\0'; s++)
		if (*s == '\'')
			*s = '"';
}

static void
envelope(struct str header, struct buf *out)
{
	struct arena *arena = arena_new(1 << 20);
	struct mime_part *root;

	buf_reset(out);
	assert_int_equal(mime_parse(arena, header, &root), OK);
	mime_envelope(header, root, out);
	arena_free(arena);
}

static void
test_addresses(void **state)
{
	struct buf header = BUF_INIT, out = BUF_INIT, wanted = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
		const char *list = addresses[i].list;

		buf_reset(&header);
		buf_reset(&wanted);
		buf_printf(&header, "To: %s\r\n\r\n", addresses[i].value);
		buf_printf(&wanted, "(NIL NIL NIL NIL NIL %s%s%s NIL NIL NIL NIL)",
		    *list != '\0' ? "(" : "NIL", list, *list != '\0' ? ")" : "");
		quotes(wanted.p);
		envelope(buf_str(&header), &out);
		assert_string_equal(out.p, wanted.p);
	}
	buf_free(&header);
	buf_free(&out);
	buf_free(&wanted);
}

static const struct {
	const char *header, *envelope;
} envelopes[] = {
	{ "", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)" },
	{ "Date:\r\nSubject: \r\nIn-Reply-To:\r\nMessage-ID:\r\nTo:\r\n",
	    "('' '' NIL NIL NIL NIL NIL NIL '' '')" },
	{ "DATE: Mon, 1 Jan 2001\r\nsubject: Hi,\r\n you\r\nMessage-Id: <a@b>\r\n"
	    "In-Reply-To: <c@d>\r\n\t<e@f>\r\n",
	    "('Mon, 1 Jan 2001' 'Hi, you' NIL NIL NIL NIL NIL NIL "
	    "'<c@d>\t<e@f>' '<a@b>')" },
	{ "From: a@b\r\n", "(NIL NIL ((NIL NIL 'a' 'b')) ((NIL NIL 'a' 'b')) "
	    "((NIL NIL 'a' 'b')) NIL NIL NIL NIL NIL)" },
	{ "From: a@b\r\nSender: c@d\r\nReply-To:\r\n",
	    "(NIL NIL ((NIL NIL 'a' 'b')) ((NIL NIL 'c' 'd')) "
	    "((NIL NIL 'a' 'b')) NIL NIL NIL NIL NIL)" },
	{ "Sender: c@d\r\n",
	    "(NIL NIL NIL ((NIL NIL 'c' 'd')) NIL NIL NIL NIL NIL NIL)" },
	{ "To: a@b\r\nCc: c@d\r\nTo: e@f\r\nBcc: g@h\r\n",
	    "(NIL NIL NIL NIL NIL ((NIL NIL 'a' 'b')(NIL NIL 'e' 'f')) "
	    "((NIL NIL 'c' 'd')) ((NIL NIL 'g' 'h')) NIL NIL)" },
	{ "From: a@b\r\nFrom: c@d\r\nSubject: 1\r\nSubject: 2\r\nSender: a@b\r\n"
	    "Reply-To: x@y\r\n",
	    "(NIL '1' ((NIL NIL 'a' 'b')) ((NIL NIL 'a' 'b')) "
	    "((NIL NIL 'x' 'y')) NIL NIL NIL NIL NIL)" },
	{ "Subject: =?utf-8?q?x?= \"y\\z\"\r\n",
	    "(NIL '=?utf-8?q?x?= \\'y\\\\z\\'' NIL NIL NIL NIL NIL NIL NIL NIL)" },
	{ "Subject: \xc3\xa4\r\n\r\n",
	    "(NIL {2}\r\n\xc3\xa4 NIL NIL NIL NIL NIL NIL NIL NIL)" },
	{ "Subject: a\rb\r\n\r\n",
	    "(NIL {3}\r\na\rb NIL NIL NIL NIL NIL NIL NIL NIL)" },
	{ "Subject: x\r\n\r\nTo: body@x\r\n",
	    "(NIL 'x' NIL NIL NIL NIL NIL NIL NIL NIL)" },
};

static void
test_envelope(void **state)
{
	struct buf out = BUF_INIT, wanted = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(envelopes) / sizeof(*envelopes); i++) {
		buf_reset(&wanted);
		buf_adds(&wanted, envelopes[i].envelope);
		quotes(wanted.p);
		envelope(str_c(envelopes[i].header), &out);
		assert_string_equal(out.p, wanted.p);
	}
	buf_free(&out);
	buf_free(&wanted);
}

/* A header of many megabytes makes an ENVELOPE of the documented size. */
static void
test_limits(void **state)
{
	struct buf header = BUF_INIT, out = BUF_INIT;

	(void)state;
	buf_adds(&header, "Subject: ");
	for (int i = 0; i < 1 << 20; i++)
		buf_adds(&header, "subject ");
	buf_adds(&header, "\r\nTo: ");
	for (int i = 0; i < 1 << 20; i++)
		buf_adds(&header, "a@b,\r\n ");
	buf_adds(&header, "\r\n\r\n");
	envelope(buf_str(&header), &out);
	assert_in_range(out.n, ENV_MAX_LIST, 6 * ENV_MAX_LIST);
	assert_memory_equal(out.p, "(NIL {65535}\r\nsubject", 20);
	buf_free(&out);
	buf_free(&header);
}

static void
test_nstr(void **state)
{
	struct buf out = BUF_INIT, large = BUF_INIT;

	(void)state;
	nstr_add(&out, (struct str){ NULL, 0 });
	nstr_add(&out, STR(""));
	nstr_add(&out, STR("a\"\\\x01\x7f\t"));
	assert_string_equal(out.p, "NIL\"\"\"a\\\"\\\\\x01\x7f\t\"");
	buf_reset(&out);
	nstr_add(&out, STR("a\0b\0\0"));
	assert_string_equal(out.p,
	    "{11}\r\na\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd");
	buf_reset(&out);
	for (int i = 0; i < NSTR_MAX_QUOTED; i++)
		buf_addc(&large, 'x');
	nstr_add(&out, buf_str(&large));
	assert_int_equal(out.p[0], '"');
	assert_int_equal(out.n, NSTR_MAX_QUOTED + 2);
	buf_reset(&out);
	buf_addc(&large, 'x');
	nstr_add(&out, buf_str(&large));
	assert_memory_equal(out.p, "{4097}\r\nxxx", 11);
	buf_free(&out);
	buf_free(&large);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_envelope),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_nstr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
