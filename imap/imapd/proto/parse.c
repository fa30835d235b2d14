/*
 * The rules stand in the order of the header, each under its ABNF from RFC
 * 3501 section 9 (corrected as in RFC 9051 where they differ).  Deliberately
 * looser than the grammar, because clients are: 8-bit bytes are taken in
 * quoted strings (passwords, searches), of those who have enabled UTF-8 only as
 * such (RFC 6855 section 3); nothing else is.
 */
#include "imap/imapd/proto/parse.h"
#include "imap/imapd/proto/message.h"
#include "lib/utf8.h"

#include <string.h>
#include <strings.h>

enum {					/* classes of bytes */
	C_ATOM = 1,			/* ATOM-CHAR */
	C_RESP = 2,			/* resp-specials: "]" */
	C_WILD = 4,			/* list-wildcards: "%" and "*" */
	C_WORD = 8,			/* letters, digits, ".", "-", "_" */
};

/* One row of 16 bytes a line; all from 0x80 on are in no class. */
static const uint8_t class_table[256] = {
#define A C_ATOM
#define N (C_ATOM | C_WORD)
#define R C_RESP
#define W C_WILD
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, A, 0, A, A, W, A, A, 0, 0, W, A, A, N, N, A,		/*  !"#$%&'()*+,-./ */
	N, N, N, N, N, N, N, N, N, N, A, A, A, A, A, A,		/* 0123456789:;<=>? */
	A, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,		/* @ABC ... */
	N, N, N, N, N, N, N, N, N, N, N, A, 0, R, A, N,		/* ... XYZ[\]^_ */
	A, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,		/* `abc ... */
	N, N, N, N, N, N, N, N, N, N, N, 0, A, A, A, 0,		/* ... xyz{|}~ DEL */
#undef A
#undef N
#undef R
#undef W
};

static unsigned
class_of(unsigned char c)
{
	return class_table[c];
}

bool
is_atom_char(unsigned char c)
{
	return class_of(c) & C_ATOM;
}

bool
is_astring_char(unsigned char c)
{
	return class_of(c) & (C_ATOM | C_RESP);
}

const struct parse_limits parse_limits_default = {
	.quoted = 128 * 1024, .word = 128 * 1024, .elements = 50000, .nesting = 100, .ranges = 100000, .search_keys = 10000,
};

void
parser_init(struct parser *p, struct str in, struct arena *arena)
{
	*p = (struct parser){ .in = in, .arena = arena, .max = &parse_limits_default };
}

enum err
parse_failed(const struct parser *p)
{
	return p->err != OK ? p->err : ERR_SYNTAX;
}

bool
parse_expect(struct parser *p, const char *what)
{
	if (p->expected == NULL || p->at >= p->expected_at) {
		p->expected = what;
		p->expected_at = p->at;
	}
	return false;
}

bool
parse_too_big(struct parser *p, const char *what)
{
	p->err = ERR_LIMIT;
	p->too_big = what;
	return false;
}

bool
parse_count(struct parser *p)
{
	return p->elements++ < p->max->elements
	    || parse_too_big(p, "too many arguments");
}

bool
parse_deeper(struct parser *p)
{
	return p->depth++ < p->max->nesting
	    || parse_too_big(p, "arguments nested too deeply");
}

/* Are the bytes here another's, those of a message? */
static bool
at_message(const struct parser *p)
{
	return p->messages > 0 && p->at == p->message->at;
}

int
parse_next(const struct parser *p)
{
	if (p->at >= p->in.n || at_message(p))
		return -1;
	return (unsigned char)p->in.p[p->at];
}

void *
parse_take(struct parser *p, size_t n)
{
	void *m = arena_alloc(p->arena, n);
	if (m == NULL)
		p->err = ERR_LIMIT;
	return m;
}

bool
parse_at_end(const struct parser *p)
{
	return p->at == p->in.n;
}

bool
parse_end(struct parser *p)
{
	return parse_at_end(p) || parse_expect(p, "the end of the command");
}

bool
parse_peek(const struct parser *p, char c)
{
	return parse_next(p) == (unsigned char)c;
}

bool
parse_sp(struct parser *p)
{
	if (!parse_peek(p, ' '))
		return parse_expect(p, "a space");
	p->at++;
	return true;
}

/* What parse_char() says it misses. */
static const char *
name_of(char c)
{
	switch (c) {
	case ' ': return "a space";
	case '"': return "a quote";
	case '(': return "\"(\"";
	case ')': return "\")\"";
	case '[': return "\"[\"";
	case ']': return "\"]\"";
	case '<': return "\"<\"";
	case '>': return "\">\"";
	case '.': return "\".\"";
	default: return "another character";
	}
}

bool
parse_char(struct parser *p, char c)
{
	if (!parse_peek(p, c))
		return parse_expect(p, name_of(c));
	p->at++;
	return true;
}

bool
parse_word(struct parser *p, const char *word)
{
	size_t n = strlen(word);
	if (n > p->in.n - p->at
	    || strncasecmp(p->in.p + p->at, word, n) != 0
	    || (p->at + n < p->in.n
	    && (class_of((unsigned char)p->in.p[p->at + n]) & C_WORD)))
		return parse_expect(p, word);
	p->at += n;
	return true;
}

bool
parse_ahead(const struct parser *p, const char *text)
{
	size_t n = strlen(text), left = p->in.n - p->at;
	if (p->messages > 0 && p->at <= p->message->at && p->message->at - p->at < left)
		left = p->message->at - p->at;
	return n <= left && strncasecmp(p->in.p + p->at, text, n) == 0;
}

bool
parse_text(struct parser *p, const char *text)
{
	if (!parse_ahead(p, text))
		return parse_expect(p, text[1] == '\0' ? name_of(text[0]) : text);
	p->at += strlen(text);
	return true;
}

struct str
parse_next_word(const struct parser *p)
{
	const char *from = p->in.p + p->at, *end = p->in.p + p->in.n, *c = from;
	if (c < end && (*c == '+' || *c == '-' || *c == '\\'))
		c++;
	while (c < end && (class_of((unsigned char)*c) & C_WORD))
		c++;
	return (struct str){ from, (size_t)(c - from) };
}

/* 1*<a byte of these classes, but EXCEPT> */
static bool
run_of(struct parser *p, unsigned classes, int except, struct str *s)
{
	size_t from = p->at;
	int c;
	while ((c = parse_next(p)) >= 0 && c != except
	    && (class_of((unsigned char)c) & classes))
		p->at++;
	*s = (struct str){ p->in.p + from, p->at - from };
	if (s->n > p->max->word) {
		p->at = from;
		return parse_too_big(p, "a word is too long");
	}
	return s->n > 0;
}

/* tag = 1*<any ASTRING-CHAR except "+"> */
bool
parse_tag(struct parser *p, struct str *tag)
{
	return run_of(p, C_ATOM | C_RESP, '+', tag) || parse_expect(p, "a tag");
}

/* atom = 1*ATOM-CHAR */
bool
parse_atom(struct parser *p, struct str *atom)
{
	return run_of(p, C_ATOM, -1, atom) || parse_expect(p, "an atom");
}

/* number64 = 1*DIGIT ; (0 <= n <= 9,223,372,036,854,775,807) */
bool
parse_number64(struct parser *p, uint64_t *n)
{
	size_t from = p->at;
	uint64_t v = 0;
	int c;
	while ((c = parse_next(p)) >= '0' && c <= '9') {
		if (v > (INT64_MAX - (uint64_t)(c - '0')) / 10) {
			p->at = from;
			return parse_expect(p, "a number less than 2^63");
		}
		v = v * 10 + (uint64_t)(c - '0');
		p->at++;
	}
	*n = v;
	return p->at > from || parse_expect(p, "a number");
}

/* number = 1*DIGIT ; (0 <= n < 4,294,967,296) */
bool
parse_number(struct parser *p, uint32_t *n)
{
	size_t from = p->at;
	uint64_t v;
	if (!parse_number64(p, &v))
		return false;
	if (v > UINT32_MAX) {
		p->at = from;
		return parse_expect(p, "a number less than 2^32");
	}
	*n = (uint32_t)v;
	return true;
}

/* nz-number = digit-nz *DIGIT */
bool
parse_nz_number(struct parser *p, uint32_t *n)
{
	size_t from = p->at;
	if (parse_peek(p, '0'))
		return parse_expect(p, "a number that does not begin with 0");
	if (!parse_number(p, n)) {
		p->at = from;
		return false;
	}
	return true;
}

/* The bytes of a quoted string without its backslashes, *end at its DQUOTE. */
static bool
scan_quoted(struct parser *p, size_t *end, size_t *escapes)
{
	size_t at = p->at + 1;
	*escapes = 0;
	for (; at < p->in.n && p->in.p[at] != '"'; at++) {
		char c = p->in.p[at];
		if (c == '\0' || c == '\r' || c == '\n')
			break;
		if (c != '\\')
			continue;
		at++;
		if (at >= p->in.n || (p->in.p[at] != '"' && p->in.p[at] != '\\')) {
			at = p->in.n;
			break;
		}
		++*escapes;
	}
	*end = at;
	return at < p->in.n && p->in.p[at] == '"';
}

/*
 * quoted = DQUOTE *QUOTED-CHAR DQUOTE
 * QUOTED-CHAR = <any TEXT-CHAR except quoted-specials> / "\" quoted-specials
 */
bool
parse_quoted(struct parser *p, struct str *s)
{
	size_t end, escapes;
	if (!parse_peek(p, '"'))
		return parse_expect(p, "a quoted string");
	if (!scan_quoted(p, &end, &escapes))
		return parse_expect(p, "a quoted string without CR, LF and NUL");
	const char *from = p->in.p + p->at + 1;
	size_t n = end - p->at - 1;
	if (n > p->max->quoted)
		return parse_too_big(p, "a quoted string is too long");
	*s = (struct str){ from, n };
	if (p->utf8 && !utf8_valid(*s))
		return parse_expect(p, "a quoted string in UTF-8");
	if (escapes > 0) {
		char *to = parse_take(p, n - escapes + 1);
		if (to == NULL)
			return false;
		*s = (struct str){ to, n - escapes };
		for (size_t i = 0; i < n; i++) {
			if (from[i] == '\\')
				i++;
			*to++ = from[i];
		}
	}
	p->at = end + 1;
	return true;
}

/* "{" number ["+"] "}" CRLF, the beginning of a literal. */
static bool
literal_head(struct parser *p, uint64_t *n)
{
	size_t from = p->at;
	if (parse_char(p, '{') && parse_number64(p, n)) {
		if (parse_peek(p, '+'))
			p->at++;
		if (p->in.n - p->at >= 3
		    && memcmp(p->in.p + p->at, "}\r\n", 3) == 0) {
			p->at += 3;
			return true;
		}
	}
	p->at = from;
	return parse_expect(p, "a literal");
}

static bool
literal(struct parser *p, bool binary, struct str *s)
{
	size_t from = p->at;
	uint64_t n = 0;
	if (binary && !parse_char(p, '~'))
		return false;
	if (!literal_head(p, &n)) {
		p->at = from;
		return false;
	}
	if (at_message(p)) {
		p->at = from;
		return parse_expect(p, "something shorter than a message");
	}
	if (n > p->in.n - p->at || (!binary && memchr(p->in.p + p->at, 0, n) != NULL)) {
		p->at = from;
		return parse_expect(p, "a literal without NUL");
	}
	*s = (struct str){ p->in.p + p->at, n };
	p->at += n;
	return true;
}

/* literal = "{" number ["+"] "}" CRLF *CHAR8 ; CHAR8 = %x01-ff */
bool
parse_literal(struct parser *p, struct str *s)
{
	return literal(p, false, s);
}

/* literal8 = "~{" number ["+"] "}" CRLF *OCTET (RFC 4466) */
bool
parse_literal8(struct parser *p, struct str *s)
{
	return literal(p, true, s);
}

bool
parse_message(struct parser *p, const struct message_literal **m)
{
	size_t from = p->at;
	uint64_t n;
	if (parse_peek(p, '~'))
		p->at++;
	if (!literal_head(p, &n) || !at_message(p)) {
		p->at = from;
		return parse_expect(p, "a message literal");
	}
	*m = p->message++;
	p->messages--;			/* it has been passed */
	return true;
}

/* string = quoted / literal */
bool
parse_string(struct parser *p, struct str *s)
{
	if (parse_peek(p, '{'))
		return parse_literal(p, s);
	if (parse_peek(p, '"'))
		return parse_quoted(p, s);
	return parse_expect(p, "a string");
}

/* nstring = string / nil */
bool
parse_nstring(struct parser *p, struct str *s)
{
	if (parse_string(p, s))
		return true;
	*s = (struct str){ NULL, 0 };
	return parse_word(p, "NIL") || parse_expect(p, "a string or NIL");
}

/* astring = 1*ASTRING-CHAR / string */
bool
parse_astring(struct parser *p, struct str *s)
{
	if (run_of(p, C_ATOM | C_RESP, -1, s))
		return true;
	if (parse_peek(p, '"') || parse_peek(p, '{'))
		return parse_string(p, s);
	return parse_expect(p, "an atom or a string");
}

/* mailbox = "INBOX" / astring */
bool
parse_mailbox(struct parser *p, struct str *s)
{
	return parse_astring(p, s) || parse_expect(p, "a mailbox name");
}

/*
 * list-mailbox = 1*list-char / string
 * list-char = ATOM-CHAR / list-wildcards / resp-specials
 */
bool
parse_list_mailbox(struct parser *p, struct str *s)
{
	if (run_of(p, C_ATOM | C_RESP | C_WILD, -1, s))
		return true;
	if (parse_peek(p, '"') || parse_peek(p, '{'))
		return parse_string(p, s);
	return parse_expect(p, "a mailbox pattern");
}

/* seq-number = nz-number / "*" */
static bool
seq_number(struct parser *p, uint32_t *n)
{
	*n = 0;
	if (parse_peek(p, '*')) {
		p->at++;
		return true;
	}
	return parse_nz_number(p, n);
}

/* seq-range = seq-number ":" seq-number */
static bool
seq_number_or_range(struct parser *p, struct seq_range *r)
{
	if (!seq_number(p, &r->first))
		return parse_expect(p, "a message number or \"*\"");
	r->last = r->first;
	if (!parse_peek(p, ':'))
		return true;
	p->at++;
	return seq_number(p, &r->last);
}

/* How many commas are ahead in a sequence set, for its size. */
static size_t
count_commas(const struct parser *p)
{
	size_t n = 0;
	for (size_t i = p->at; i < p->in.n; i++) {
		char c = p->in.p[i];
		if (c == ',')
			n++;
		else if (c != ':' && c != '*' && (c < '0' || c > '9'))
			break;
	}
	return n;
}

/* sequence-set = (seq-number / seq-range) *("," (seq-number / seq-range)) / "$" */
bool
parse_sequence_set(struct parser *p, struct sequence_set *set)
{
	size_t from = p->at, n = count_commas(p) + 1;
	*set = (struct sequence_set){ .saved = parse_peek(p, '$') };
	if (set->saved) {
		p->at++;
		return true;
	}
	if (n > p->max->ranges)
		return parse_too_big(p, "too many ranges in a sequence set");
	set->range = parse_take(p, n * sizeof(*set->range));
	if (set->range == NULL)
		return false;
	for (;;) {
		if (!seq_number_or_range(p, &set->range[set->count++])) {
			p->at = from;
			return false;
		}
		if (!parse_peek(p, ','))
			return true;
		p->at++;
	}
}
