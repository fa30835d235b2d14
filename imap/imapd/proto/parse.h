/*
 * parse.h - the grammar core of IMAP (RFC 3501 section 9)
 *
 * A parser walks over one complete command as reader.h assembled it: the
 * bytes as they came, literals in their places, without the final CRLF.  Each
 * function is a rule of the grammar and carries its name: it moves past it and
 * returns true, or stays where it is and returns false.  What was expected
 * at the furthest place that was reached becomes the text of the BAD.
 *
 * Results point into the input or into the parser's arena and live as long
 * as the command.  When the arena is full or a limit is passed p->err is
 * ERR_LIMIT.
 */
#ifndef IMAP_IMAPD_PROTO_PARSE_H
#define IMAP_IMAPD_PROTO_PARSE_H

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one command may ask for; a session has its own from imapd.conf. */
struct parse_limits {
	size_t quoted;			/* bytes of one quoted string */
	size_t word;			/* bytes of one atom */
	unsigned elements;		/* words and elements of lists */
	unsigned nesting;		/* lists and search keys in each other */
	unsigned ranges;		/* in one sequence set */
	unsigned search_keys;
};
extern const struct parse_limits parse_limits_default;

struct parser {
	struct str in;
	size_t at;
	struct arena *arena;
	bool uid;			/* the command stood behind "UID" */
	/* Messages are not in the input; those that have not been passed yet. */
	const struct message_literal *message;
	size_t messages;
	const struct parse_limits *max;
	unsigned elements, depth, search_keys;	/* so far, of what *max allows */
	bool rev2;			/* of RFC 9051: what it has left out is refused */
	bool utf8;			/* 8-bit bytes in quoted strings are UTF-8 */
	bool utf8_only;			/* all strings are UTF-8: no CHARSET (RFC 6855) */
	struct str charset;		/* of the strings of a search; {NULL, 0}: none given */
	bool bad_charset;		/* given, but unknown */
	bool filter_charset;		/* given beside FILTER, but not UTF-8 (RFC 5466) */
	const char *expected;		/* at the furthest failure */
	size_t expected_at;
	enum err err;			/* OK, or ERR_LIMIT */
	const char *too_big;		/* which of the limits, or NULL: the arena's */
};

void parser_init(struct parser *p, struct str in, struct arena *arena);

/* What a failed parse function returns: p->err, or ERR_SYNTAX. */
enum err parse_failed(const struct parser *p);

/*
 * Notes that WHAT was expected here; always false.  Of several at one place the
 * last counts: a rule names itself after its parts have failed.
 */
bool parse_expect(struct parser *p, const char *what);

/* Notes that a limit has been passed, and WHAT is too much; always false. */
bool parse_too_big(struct parser *p, const char *what);
/* One more of limits->elements, limits->nesting; who is out again: p->depth--. */
bool parse_count(struct parser *p);
bool parse_deeper(struct parser *p);
/* Zeroed memory of the command, or NULL with p->err set. */
void *parse_take(struct parser *p, size_t n);

/* The next byte; -1 at the end and where a message would begin. */
int parse_next(const struct parser *p);
/* Does TEXT, in any case, come next? */
bool parse_ahead(const struct parser *p, const char *text);
bool parse_text(struct parser *p, const char *text);
/* Letters, digits, ".", "-" and "_", perhaps behind "+", "-" or "\"; no move. */
struct str parse_next_word(const struct parser *p);

bool parse_at_end(const struct parser *p);	/* a question: notes nothing */
bool parse_end(struct parser *p);		/* the end of the command */
bool parse_sp(struct parser *p);		/* exactly one space */
bool parse_char(struct parser *p, char c);
bool parse_peek(const struct parser *p, char c);
/* WORD in any case; no letter, digit, ".", "-" or "_" may follow it. */
bool parse_word(struct parser *p, const char *word);

bool parse_tag(struct parser *p, struct str *tag);
bool parse_atom(struct parser *p, struct str *atom);
bool parse_number(struct parser *p, uint32_t *n);
bool parse_nz_number(struct parser *p, uint32_t *n);
bool parse_number64(struct parser *p, uint64_t *n);	/* up to 2^63 - 1 */
bool parse_quoted(struct parser *p, struct str *s);
bool parse_literal(struct parser *p, struct str *s);
bool parse_literal8(struct parser *p, struct str *s);	/* any octets */
bool parse_string(struct parser *p, struct str *s);
bool parse_nstring(struct parser *p, struct str *s);	/* NIL: {NULL, 0} */
bool parse_astring(struct parser *p, struct str *s);
bool parse_mailbox(struct parser *p, struct str *s);	/* as sent; see name.h */
bool parse_list_mailbox(struct parser *p, struct str *s);

/* A message's literal, literal / literal8: its bytes are in a blob (message.h). */
struct message_literal;
bool parse_message(struct parser *p, const struct message_literal **m);

/* One range as written; 0 stands for "*". */
struct seq_range {
	uint32_t first, last;
};
struct sequence_set {
	struct seq_range *range;
	size_t count;
	bool saved;			/* "$" (RFC 5182), and no ranges */
};
/* PARTIAL (RFC 9394): places in a result, from 1; the ends in the order in which they came. */
struct partial_range {
	bool from_end;			/* "-1:-10": 1 is the last */
	uint32_t first, last;
};

bool parse_sequence_set(struct parser *p, struct sequence_set *set);

/* Bytes in a class of the grammar. */
bool is_atom_char(unsigned char c);	/* ATOM-CHAR */
bool is_astring_char(unsigned char c);	/* ASTRING-CHAR */

#endif
