/*
 * step.h - rules of the grammar as rows of a table
 *
 * What a command's arguments look like is data: a sequence of steps, each of
 * which moves past a piece of the input and puts it into a field of the
 * request, given as an offset.  A step may be a literal text, a leaf rule
 * (rule.h), one word of a vocabulary with the arguments that it has by itself,
 * an optional part, a choice, or a list.
 *
 *	static const struct step status_args[] = {
 *		SP, RULE(rule_mailbox, status_req, mailbox),
 *		SP, LIST(status_att), END
 *	};
 *
 * Optional parts and choices are decided by the bytes that come next, never
 * by trying and going back: time is linear in the input, and the furthest
 * failed expectation is the one that the client is told.
 *
 * Limits.  Each word and each element of a list in the request counts as
 * one of limits->elements, each list within another as one of limits->nesting.
 */
#ifndef IMAP_IMAPD_PROTO_STEP_H
#define IMAP_IMAPD_PROTO_STEP_H

#include "imap/imapd/proto/parse.h"

#include <stddef.h>

/* A leaf: moves past it into the field TO and true, or stays and false. */
typedef bool (*rule_fn)(struct parser *p, void *to);

enum step_op {
	STEP_END,			/* of the steps */
	STEP_TEXT,			/* .text, in any case */
	STEP_RULE,			/* .rule */
	STEP_WORD,			/* one of .words */
	STEP_WHEN,			/* .steps if .text comes next, else .other */
	STEP_FLAG,			/* nothing: the field, a bool, becomes true */
	STEP_SET,			/* nothing: the field, an enum, becomes .value */
	STEP_LIST,			/* "(" .steps *(SP .steps) ")" */
	STEP_LIST_OR_NONE,		/* the same, or "()" */
	STEP_MANY,			/* .steps *(SP .steps) */
};

struct step {
	enum step_op op;
	unsigned value;
	size_t to;			/* the field's offset */
	/*
	 * Of a list: 0, each element goes into the request itself; else the
	 * field is a struct parse_list, to which an element of this size is added.
	 */
	size_t size;
	const char *text;
	rule_fn rule;
	const struct step *steps, *other;
	const struct vocabulary *words;
};

/* The elements of a list in the input, in the parser's arena. */
struct parse_list {
	void *item;
	size_t count;
};

#define AT(s, f)		.to = offsetof(struct s, f)
#define SP			{ .op = STEP_TEXT, .text = " " }
#define TEXT(t)			{ .op = STEP_TEXT, .text = (t) }
#define RULE(r, s, f)		{ .op = STEP_RULE, .rule = (r), AT(s, f) }
/* The rule fills the request itself. */
#define SELF(r)			{ .op = STEP_RULE, .rule = (r) }
#define WORD(v, s, f)		{ .op = STEP_WORD, .words = &(v), AT(s, f) }
#define WHEN(t, a)		{ .op = STEP_WHEN, .text = (t), .steps = (a) }
#define EITHER(t, a, b)		{ .op = STEP_WHEN, .text = (t), .steps = (a), .other = (b) }
#define FLAG(s, f)		{ .op = STEP_FLAG, AT(s, f) }
#define SET(s, f, v)		{ .op = STEP_SET, AT(s, f), .value = (v) }
#define LIST(a)			{ .op = STEP_LIST, .steps = (a) }
#define LIST_OR_NONE(a)		{ .op = STEP_LIST_OR_NONE, .steps = (a) }
#define MANY(a)			{ .op = STEP_MANY, .steps = (a) }
#define LIST_OF(a, el, s, f)	{ .op = STEP_LIST, .steps = (a), .size = sizeof(el), AT(s, f) }
#define LIST_OF_OR_NONE(a, el, s, f) \
	{ .op = STEP_LIST_OR_NONE, .steps = (a), .size = sizeof(el), AT(s, f) }
#define MANY_OF(a, el, s, f)	{ .op = STEP_MANY, .steps = (a), .size = sizeof(el), AT(s, f) }
#define END			{ .op = STEP_END }

/*
 * A word that has a meaning at its place: letters, digits, ".", "-" and "_",
 * perhaps with a "+", "-" or "\" before them.
 */
struct word {
	struct str name;		/* in capitals; any case is accepted */
	unsigned value;			/* what it means: an enum, or bits */
	unsigned more;			/* for .take, if one number is not enough */
	const struct step *args;	/* what must follow it, or NULL */
	const char *rfc;		/* where it comes from: "9051 6.3.11" */
};
#define NAME(lit)		{ lit, sizeof(lit) - 1 }

struct vocabulary {
	const char *expected;		/* "a status item" */
	const struct word *word;	/* ends with a row without a name */
	const struct vocabulary *also;	/* whose words are good here too, or NULL */
	/*
	 * Notes that W was there, in the field TO of REQ; returns the struct in
	 * which the offsets of W's arguments count, or NULL: it has failed.
	 */
	void *(*take)(struct parser *p, void *req, void *to, const struct word *w);
	/* After the arguments: what take() returned is whole.  May be NULL. */
	bool (*done)(struct parser *p, void *req, void *item, const struct word *w);
};

/*
 * For .take: the field, an unsigned or enum, becomes the value, or gets its bits;
 * or nothing, since the word's arguments say all.
 */
void *take_value(struct parser *p, void *req, void *to, const struct word *w);
void *take_bits(struct parser *p, void *req, void *to, const struct word *w);
void *take_request(struct parser *p, void *req, void *to, const struct word *w);

/* One word of V with its arguments, noted in the field TO of REQ. */
bool parse_vocabulary(struct parser *p, const struct vocabulary *v, void *req, void *to);

/* All of them, in order. */
bool parse_steps(struct parser *p, const struct step *steps, void *req);

#endif
