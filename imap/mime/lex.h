/*
 * lex.h - the words that structured header fields are made of
 *
 * A struct lex walks over the value of one field (RFC 5322 section 3.2, RFC
 * 2045 section 5.1), as it stands in the message: folds are white space.
 * Every function moves .p past what it recognized, or leaves it; none reads
 * beyond .end, none fails.  Each is linear, also in a sequence of calls on
 * hostile input.  The str that come out are borrowed from the field, or from
 * the arena where the words are not in one piece there.
 */
#ifndef IMAP_MIME_LEX_H
#define IMAP_MIME_LEX_H

#include "lib/arena.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stddef.h>

struct lex {
	const char *p, *end;
	bool unclosed;		/* no quote from here on is ever closed */
};

struct lex lex_of(struct str value);

static inline bool
lex_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline bool
lex_at(const struct lex *l, char c)
{
	return l->p < l->end && *l->p == c;
}

/* White space and folds. */
void lex_space(struct lex *l);

/*
 * White space and comments.  *COMMENT, if not NULL, becomes the inside of the
 * last comment, raw; it stays if there is none.  A comment that is not closed
 * goes to the end.
 */
void lex_cfws(struct lex *l, struct str *comment);

/* A token of RFC 2045; 8-bit bytes and controls end it. Empty: none here. */
struct str lex_token(struct lex *l);

/*
 * A quoted string; *INSIDE is what stands between the quotes, raw.  False if
 * there is none here, or if it is never closed.
 */
bool lex_quoted(struct lex *l, struct str *inside);

/*
 * The inside of a quoted string or a comment without its backslashes and
 * folds.  {NULL, 0} if the arena is full.
 */
struct str lex_unquote(struct arena *arena, struct str inside);

/*
 * TEXT without line ends (RFC 5322 section 2.2.3: unfolding removes the CRLF
 * and nothing else) and without white space at both ends.  Bare CRs that end
 * no line stay.  {NULL, 0} if the arena is full, never otherwise.
 */
struct str lex_unfold(struct arena *arena, struct str text);

/* TEXT without white space at both ends; still borrowed. */
struct str lex_trim(struct str text);

#endif
