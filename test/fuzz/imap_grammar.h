/*
 * imap_grammar.h - the formal syntax of IMAP responses, for imap_check.c
 *
 * RFC 3501 section 9 and, as far as imapd uses them, RFC 2087, 2342, 2971,
 * 3348, 4314 and 4315, each rule by itself.  What extensions add must be made
 * of words, strings and lists (test/imap_strict.py knows each of them).  Each
 * rule moves past what it stands for; what does not follow it ends the process,
 * with the place and what was expected there.
 */
#ifndef TEST_FUZZ_IMAP_GRAMMAR_H
#define TEST_FUZZ_IMAP_GRAMMAR_H

#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

struct cursor {
	struct str all;
	size_t at;
};

/* Prints what stands around the place, and aborts. */
void grammar_fail(const struct cursor *c, const char *wanted) __attribute__((noreturn));

bool grammar_next_is(const struct cursor *c, const char *word);
bool grammar_maybe(struct cursor *c, const char *word);	/* in any case */
void grammar_word(struct cursor *c, const char *word);
uint32_t grammar_number(struct cursor *c);
struct str grammar_atom(struct cursor *c);
struct str grammar_tag(struct cursor *c);
void grammar_astring(struct cursor *c);
void grammar_nstring(struct cursor *c);

struct grammar_flags {
	unsigned system;		/* a bit each */
	bool recent;
	uint64_t keywords;		/* a sum of their names; order does not matter */
	uint64_t bits;			/* for each of them one of 64 */
};
void grammar_flags(struct cursor *c, struct grammar_flags *f);

/* What stands behind OK, NO, BAD, BYE: resp-text CRLF. */
void grammar_text(struct cursor *c);

/* Words, strings and lists in each other, any number of them. */
void grammar_values(struct cursor *c);

/* One item of FETCH's list: its name, and what stands behind it. */
struct str grammar_item_name(struct cursor *c);
void grammar_fetch_item(struct cursor *c, struct str name);

/* All of an untagged response behind its name, but those with numbers. */
void grammar_untagged(struct cursor *c, struct str name);

#endif
