/*
 * html.h - the words of an HTML text, in pieces
 *
 * What a reader sees, near enough for searching and for a preview: tags and
 * comments are left out, and so is what is in script and style elements;
 * character references stand for their characters; runs of white space are one
 * space; elements that begin a line or a cell become a line feed, others
 * nothing, so that "M<b>&uuml;</b>ller" is one word.
 *
 * Nothing is refused: "<" that begins no tag is itself, a reference that is
 * none stays, what is never closed ends with the text.
 *
 * Limits: a tag's name and a reference are looked at up to HTML_WORD bytes.
 * Memory: none but the caller's buffers.
 */
#ifndef IMAP_MIME_HTML_H
#define IMAP_MIME_HTML_H

#include "lib/buf.h"
#include "lib/str.h"

#include <stdbool.h>

enum { HTML_WORD = 32 };

enum html_state {
	HTML_TEXT, HTML_REFERENCE, HTML_OPEN, HTML_NAME, HTML_TAG, HTML_QUOTED,
	HTML_DECLARATION, HTML_COMMENT, HTML_RAW,
};

struct html {
	enum html_state state;
	char word[HTML_WORD];		/* a name or a reference so far */
	size_t n;
	char quote;			/* HTML_QUOTED: which */
	unsigned dashes;		/* HTML_COMMENT: at its end so far */
	bool closing;			/* "</" */
	bool space;			/* the last that came out was white space */
	const char *raw;		/* the element that hides text, or NULL */
	bool no_title;			/* title is one, too: it is no part of the text */
};

/* struct html h = HTML_INIT: at the start of a text. */
#define HTML_INIT	{ .state = HTML_TEXT, .space = true }

/* Appends what is to be read in PIECE, which is UTF-8, to OUT. */
void html_piece(struct html *h, struct str piece, struct buf *out);

/* The text is over: appends what waits. */
void html_end(struct html *h, struct buf *out);

#endif
