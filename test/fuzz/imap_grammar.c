/* imap_grammar.c - one function a rule, named as in RFC 3501 section 9 */
#include "test/fuzz/imap_grammar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DEPTH = 200 };			/* of a BODYSTRUCTURE */

void
grammar_fail(const struct cursor *c, const char *wanted)
{
	size_t from = c->at < 300 ? 0 : c->at - 300;
	size_t to = c->all.n - c->at < 80 ? c->all.n : c->at + 80;

	fprintf(stderr, "FUZZ: expected %s at byte %zu:\n%.*s<HERE>%.*s\n", wanted, c->at,
	    (int)(c->at - from), c->all.p + from, (int)(to - c->at), c->all.p + c->at);
	abort();
}

/* --- bytes --- */

static int
peek(const struct cursor *c)
{
	return c->at < c->all.n ? (unsigned char)c->all.p[c->at] : -1;
}

bool
grammar_next_is(const struct cursor *c, const char *word)
{
	size_t n = strlen(word);

	return c->all.n - c->at >= n && strncasecmp(c->all.p + c->at, word, n) == 0;
}

bool
grammar_maybe(struct cursor *c, const char *word)
{
	if (!grammar_next_is(c, word))
		return false;
	c->at += strlen(word);
	return true;
}

void
grammar_word(struct cursor *c, const char *word)
{
	if (!grammar_maybe(c, word))
		grammar_fail(c, word);
}

static void
sp(struct cursor *c)
{
	grammar_word(c, " ");
}

static void
crlf(struct cursor *c)
{
	if (!grammar_maybe(c, "\r\n"))
		grammar_fail(c, "CRLF");
}

static bool
is_atom_char(int b)
{
	return b > ' ' && b < 0x7f && strchr("(){%*\"\\]", b) == NULL;
}

static struct str
run(struct cursor *c, bool (*is)(int), const char *what)
{
	size_t from = c->at;

	while (is(peek(c)))
		c->at++;
	if (c->at == from)
		grammar_fail(c, what);
	return (struct str){ c->all.p + from, c->at - from };
}

struct str
grammar_atom(struct cursor *c)
{
	return run(c, is_atom_char, "atom");
}

static bool
is_astring_char(int b)
{
	return is_atom_char(b) || b == ']';
}

static bool
is_tag_char(int b)
{
	return is_astring_char(b) && b != '+';
}

struct str
grammar_tag(struct cursor *c)
{
	return run(c, is_tag_char, "tag");
}

uint32_t
grammar_number(struct cursor *c)
{
	size_t from = c->at;
	uint64_t n = 0;

	while (peek(c) >= '0' && peek(c) <= '9' && n <= UINT32_MAX)
		n = 10 * n + (uint64_t)(c->all.p[c->at++] - '0');
	if (c->at == from || n > UINT32_MAX || (c->at > from + 1 && c->all.p[from] == '0'))
		grammar_fail(c, "number");
	return (uint32_t)n;
}

static void
nz_number(struct cursor *c)
{
	if (grammar_number(c) == 0)
		grammar_fail(c, "nz-number");
}

static void
quoted(struct cursor *c)
{
	grammar_word(c, "\"");
	while (peek(c) != '"') {
		int b = peek(c);

		if (b == '\\') {
			c->at++;
			if (peek(c) != '"' && peek(c) != '\\')
				grammar_fail(c, "quoted-special");
		} else if (b <= 0 || b == '\r' || b == '\n') {
			grammar_fail(c, "TEXT-CHAR in a quoted string");
		}
		c->at++;
	}
	c->at++;
}

static void
literal(struct cursor *c)
{
	bool eight = grammar_maybe(c, "~");	/* literal8 may hold NUL */
	grammar_word(c, "{");
	uint32_t n = grammar_number(c);
	grammar_word(c, "}");
	crlf(c);
	if (c->all.n - c->at < n)
		grammar_fail(c, "all bytes of a literal");
	if (n > 0 && !eight && memchr(c->all.p + c->at, '\0', n) != NULL)
		grammar_fail(c, "a literal without NUL");
	c->at += n;
}

static void
string(struct cursor *c)
{
	if (peek(c) == '{' || grammar_next_is(c, "~{"))
		literal(c);
	else
		quoted(c);
}

void
grammar_nstring(struct cursor *c)
{
	if (!grammar_maybe(c, "NIL"))
		string(c);
}

void
grammar_astring(struct cursor *c)
{
	if (peek(c) == '{' || peek(c) == '"')
		string(c);
	else
		(void)run(c, is_astring_char, "astring");
}

static bool
is_value_char(int b)
{
	return b > ' ' && b < 0x7f && strchr("()\"{", b) == NULL;
}

/* A word, which may have a section in brackets with a list in it. */
static void
word_value(struct cursor *c)
{
	for (int brackets = 0; is_value_char(peek(c)) || (brackets > 0 && peek(c) >= ' ');) {
		if (peek(c) == ']' && brackets == 0)
			return;
		brackets += (peek(c) == '[') - (peek(c) == ']');
		c->at++;
	}
}

static void
values_in(struct cursor *c, int depth)
{
	if (depth > DEPTH)
		grammar_fail(c, "values of less depth");
	for (bool more = true; more; more = grammar_maybe(c, " ")) {
		while (peek(c) == '(' || peek(c) == '"' || peek(c) == '{'
		    || grammar_next_is(c, "~{") || (is_value_char(peek(c)) && peek(c) != ']')) {
			if (grammar_maybe(c, "(")) {
				values_in(c, depth + 1);
				grammar_word(c, ")");
			} else if (is_value_char(peek(c)) && !grammar_next_is(c, "~{")) {
				word_value(c);
			} else {
				string(c);
			}
		}
	}
}

void
grammar_values(struct cursor *c)
{
	values_in(c, 0);
}

/* "(" [rule *(SP rule)] ")" */
static void
list(struct cursor *c, void (*rule)(struct cursor *))
{
	grammar_word(c, "(");
	for (bool first = true; !grammar_maybe(c, ")"); first = false) {
		if (!first)
			sp(c);
		rule(c);
	}
}

static void
nil_or_list(struct cursor *c, void (*rule)(struct cursor *))
{
	if (!grammar_maybe(c, "NIL"))
		list(c, rule);
}

/* --- flags --- */

static uint64_t
sum_of(struct str s)
{
	uint64_t sum = 14695981039346656037u;

	for (size_t i = 0; i < s.n; i++)
		sum = (sum ^ (unsigned char)(s.p[i] | 0x20)) * 1099511628211u;
	return sum;
}

void
grammar_flags(struct cursor *c, struct grammar_flags *f)
{
	static const char *const names[] = {
		"\\Answered", "\\Flagged", "\\Draft", "\\Deleted", "\\Seen", "\\*", "\\Recent",
	};

	*f = (struct grammar_flags){ .system = 0 };
	grammar_word(c, "(");
	for (bool first = true; !grammar_maybe(c, ")"); first = false) {
		unsigned bit = 0;

		if (!first)
			sp(c);
		if (peek(c) != '\\') {
			uint64_t sum = sum_of(grammar_atom(c));

			f->keywords += sum;
			f->bits |= UINT64_C(1) << sum % 64;
			continue;
		}
		while (bit < 7 && !grammar_maybe(c, names[bit]))
			bit++;
		if (bit == 7 || (f->system & 1u << bit))
			grammar_fail(c, "a system flag, once");
		f->system |= 1u << bit;
	}
	f->recent = f->system & 1u << 6;
	f->system &= ~(1u << 6);
}

static void
flags(struct cursor *c)
{
	struct grammar_flags unused;

	grammar_flags(c, &unused);
}

/* --- resp-text --- */

static void
capabilities(struct cursor *c)
{
	do
		(void)grammar_atom(c);
	while (grammar_maybe(c, " "));
}

static void
uid_set(struct cursor *c)
{
	do {
		nz_number(c);
		if (grammar_maybe(c, ":"))
			nz_number(c);
	} while (grammar_maybe(c, ","));
}

static void
resp_text_code(struct cursor *c)
{
	struct str name = grammar_atom(c);

	if (str_ieq(name, STR("CAPABILITY"))) {
		sp(c);
		capabilities(c);
	} else if (str_ieq(name, STR("PERMANENTFLAGS"))) {
		sp(c);
		flags(c);
	} else if (str_ieq(name, STR("BADCHARSET"))) {
		if (grammar_maybe(c, " "))
			list(c, grammar_astring);
	} else if (str_istarts(name, STR("UID")) || str_ieq(name, STR("UNSEEN"))) {
		sp(c);
		nz_number(c);
	} else if (str_ieq(name, STR("APPENDUID")) || str_ieq(name, STR("COPYUID"))) {
		sp(c);
		nz_number(c);
		sp(c);
		uid_set(c);
		if (str_ieq(name, STR("COPYUID"))) {
			sp(c);
			uid_set(c);
		}
	} else if (grammar_maybe(c, " ")) {
		grammar_values(c);
	}
	grammar_word(c, "]");
	sp(c);
}

static bool
is_text_char(int b)
{
	return b > 0 && b != '\r' && b != '\n';
}

void
grammar_text(struct cursor *c)
{
	sp(c);
	if (grammar_maybe(c, "["))
		resp_text_code(c);
	(void)run(c, is_text_char, "text");
	crlf(c);
}

/* --- ENVELOPE, BODY --- */

/* "(" nstring *(SP nstring) ")", N of them */
static void
nstrings(struct cursor *c, int n)
{
	for (int i = 0; i < n; i++) {
		if (i > 0)
			sp(c);
		grammar_nstring(c);
	}
}

static void
addresses(struct cursor *c)
{
	if (grammar_maybe(c, "NIL"))
		return;
	grammar_word(c, "(");
	do {
		grammar_word(c, "(");
		nstrings(c, 4);
		grammar_word(c, ")");
	} while (!grammar_maybe(c, ")"));
}

static void
envelope(struct cursor *c)
{
	grammar_word(c, "(");
	nstrings(c, 2);
	for (int i = 0; i < 6; i++) {
		sp(c);
		addresses(c);
	}
	sp(c);
	nstrings(c, 2);
	grammar_word(c, ")");
}

static void
parameter(struct cursor *c)
{
	string(c);
	sp(c);
	string(c);
}

/* body-fld-dsp, body-fld-lang, body-fld-loc, as far as they are there */
static void
extension(struct cursor *c)
{
	if (!grammar_maybe(c, " "))
		return;
	if (!grammar_maybe(c, "NIL")) {
		grammar_word(c, "(");
		string(c);
		sp(c);
		nil_or_list(c, parameter);
		grammar_word(c, ")");
	}
	if (!grammar_maybe(c, " "))
		return;
	if (peek(c) == '(')
		list(c, string);
	else
		grammar_nstring(c);
	if (grammar_maybe(c, " "))
		grammar_nstring(c);
}

static void body(struct cursor *c, int depth);

static void
one_part(struct cursor *c, int depth)
{
	bool text = grammar_next_is(c, "\"TEXT\""), message = grammar_next_is(c,
	    "\"MESSAGE\" \"RFC822\"") || grammar_next_is(c, "\"MESSAGE\" \"GLOBAL\"");

	parameter(c);
	sp(c);
	nil_or_list(c, parameter);
	sp(c);
	nstrings(c, 2);
	sp(c);
	string(c);
	sp(c);
	(void)grammar_number(c);
	if (message) {
		sp(c);
		envelope(c);
		sp(c);
		body(c, depth + 1);
	}
	if (text || message) {
		sp(c);
		(void)grammar_number(c);
	}
	if (grammar_maybe(c, " ")) {	/* body-fld-md5 */
		grammar_nstring(c);
		extension(c);
	}
}

static void
body(struct cursor *c, int depth)
{
	if (depth > DEPTH)
		grammar_fail(c, "a body of less depth");
	grammar_word(c, "(");
	if (peek(c) != '(') {
		one_part(c, depth);
	} else {
		while (peek(c) == '(')
			body(c, depth + 1);
		sp(c);
		string(c);
		if (grammar_maybe(c, " ")) {
			nil_or_list(c, parameter);
			extension(c);
		}
	}
	grammar_word(c, ")");
}

/* --- FETCH --- */

static void
section(struct cursor *c)
{
	grammar_word(c, "[");
	while (peek(c) >= '0' && peek(c) <= '9') {
		nz_number(c);
		if (!grammar_maybe(c, "."))
			break;
	}
	if (peek(c) != ']')
		(void)grammar_atom(c);
	if (grammar_maybe(c, " "))
		list(c, grammar_astring);
	grammar_word(c, "]");
	if (grammar_maybe(c, "<")) {
		(void)grammar_number(c);
		grammar_word(c, ">");
	}
}

static void
internal_date(struct cursor *c)
{
	size_t from = c->at;

	quoted(c);
	if (c->at - from != 28)
		grammar_fail(c, "date-time of 26 characters");
}

static bool
is_item_char(int b)
{
	return (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || b == '.' || b == '-';
}

struct str
grammar_item_name(struct cursor *c)
{
	return run(c, is_item_char, "an item's name");
}

/* What an extension's item is: a word, a string or one list. */
static void
one_value(struct cursor *c)
{
	if (grammar_maybe(c, "(")) {
		grammar_values(c);
		grammar_word(c, ")");
	} else if (peek(c) == '"' || peek(c) == '{' || grammar_next_is(c, "~{")) {
		string(c);
	} else {
		word_value(c);
	}
}

void
grammar_fetch_item(struct cursor *c, struct str name)
{
	if ((str_ieq(name, STR("BODY")) || str_istarts(name, STR("BINARY"))) && peek(c) == '[') {
		section(c);
		sp(c);
		if (str_ieq(name, STR("BINARY.SIZE")))
			(void)grammar_number(c);
		else
			grammar_nstring(c);
		return;
	}
	sp(c);
	if (str_ieq(name, STR("RFC822.SIZE")))
		(void)grammar_number(c);
	else if (str_ieq(name, STR("INTERNALDATE")))
		internal_date(c);
	else if (str_ieq(name, STR("ENVELOPE")))
		envelope(c);
	else if (str_ieq(name, STR("BODY")) || str_ieq(name, STR("BODYSTRUCTURE")))
		body(c, 0);
	else if (str_istarts(name, STR("RFC822")))
		grammar_nstring(c);
	else
		one_value(c);
}

/* --- untagged responses --- */

static void
attribute(struct cursor *c)
{
	grammar_word(c, "\\");
	(void)grammar_atom(c);
}

static void
mailbox_list(struct cursor *c)
{
	list(c, attribute);
	sp(c);
	grammar_nstring(c);
	sp(c);
	grammar_astring(c);
	if (grammar_maybe(c, " "))
		grammar_values(c);
}

static void
pair_with_number(struct cursor *c)
{
	(void)grammar_atom(c);
	sp(c);
	(void)grammar_number(c);
}

static void
quota_resource(struct cursor *c)
{
	pair_with_number(c);
	sp(c);
	(void)grammar_number(c);
}

static void
namespaces(struct cursor *c)
{
	if (grammar_maybe(c, "NIL"))
		return;
	grammar_word(c, "(");
	do {
		grammar_word(c, "(");
		string(c);
		sp(c);
		grammar_nstring(c);
		if (grammar_maybe(c, " "))
			grammar_values(c);
		grammar_word(c, ")");
	} while (!grammar_maybe(c, ")"));
}

static void
id_params(struct cursor *c)
{
	if (grammar_maybe(c, "NIL"))
		return;
	grammar_word(c, "(");
	for (bool first = true; !grammar_maybe(c, ")"); first = false) {
		if (!first)
			sp(c);
		string(c);
		sp(c);
		grammar_nstring(c);
	}
}

static void
search(struct cursor *c)
{
	while (grammar_maybe(c, " "))
		nz_number(c);
}

static void
namespace(struct cursor *c)
{
	for (int i = 0; i < 3; i++) {
		sp(c);
		namespaces(c);
	}
}

static void
more_astrings(struct cursor *c)
{
	while (grammar_maybe(c, " "))
		grammar_astring(c);
}

static void
status(struct cursor *c)
{
	grammar_word(c, "(");
	grammar_values(c);
	grammar_word(c, ")");
}

static void
quota(struct cursor *c)
{
	list(c, quota_resource);
}

static const struct {
	const char *name;
	bool sp, mailbox, sp_then;	/* what comes before the rule */
	void (*rule)(struct cursor *c);
} rules[] = {
	{ "CAPABILITY", true, false, false, capabilities },
	{ "FLAGS", true, false, false, flags },
	{ "LIST", true, false, false, mailbox_list },
	{ "LSUB", true, false, false, mailbox_list },
	{ "ID", true, false, false, id_params },
	{ "SEARCH", false, false, false, search },
	{ "NAMESPACE", false, false, false, namespace },
	{ "STATUS", true, true, true, status },
	{ "QUOTA", true, true, true, quota },
	{ "MYRIGHTS", true, true, true, grammar_astring },
	{ "ACL", true, true, false, more_astrings },
	{ "LISTRIGHTS", true, true, false, more_astrings },
	{ "QUOTAROOT", true, true, false, more_astrings },
};

void
grammar_untagged(struct cursor *c, struct str name)
{
	size_t i = 0, n = sizeof(rules) / sizeof(rules[0]);

	while (i < n && !str_ieq(name, str_c(rules[i].name)))
		i++;
	if (i == n) {
		if (grammar_maybe(c, " "))
			grammar_values(c);
		crlf(c);
		return;
	}
	if (rules[i].sp)
		sp(c);
	if (rules[i].mailbox)
		grammar_astring(c);
	if (rules[i].sp_then)
		sp(c);
	rules[i].rule(c);
	crlf(c);
}
