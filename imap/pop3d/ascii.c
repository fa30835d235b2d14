/* ascii.c - a header for clients that have not said UTF8 */
#include "imap/pop3d/ascii.h"

#include "lib/b64.h"
#include "lib/utf8.h"

#include <string.h>

enum { CHUNK = 45 };	/* octets of an encoded word: 72 characters, RFC 2047 allows 75 */

struct rewriting {
	struct buf *out;
	bool structured;		/* the field at hand */
	bool encoded_end;		/* the line before ended in an encoded word */
};

/* In these a word ends at a special, too; in all others only at white space. */
static bool
is_structured(struct str line)
{
	static const char *const names[] = {
		"From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Return-Path", "Received",
		"Message-ID", "In-Reply-To", "References", "Content-Type",
		"Content-Disposition", "Content-ID", "Delivered-To", "Mail-Followup-To",
	};
	struct str name = str_trim(str_slice(line, 0, str_chr(line, ':')));

	if (str_istarts(name, STR("Resent-")) || str_istarts(name, STR("List-")))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_ieq(name, str_c(names[i])))
			return true;
	return false;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t';
}

static bool
ends_word(const struct rewriting *r, char c)
{
	return is_space(c) || (r->structured && strchr("()<>@,;:\\\"[]=", c) != NULL);
}

/* The word at FROM: where it ends, and whether it has more than ASCII. */
static size_t
word_end(const struct rewriting *r, struct str line, size_t from, bool *is_ascii)
{
	*is_ascii = true;
	for (; from < line.n && (line.p[from] == '\0' || !ends_word(r, line.p[from])); from++)
		*is_ascii = *is_ascii && !((unsigned char)line.p[from] & 0x80);
	return from;
}

/*
 * From a word that is not ASCII to the end of the last that follows it with
 * nothing but white space between: that would be lost between two encoded words.
 */
static size_t
run_end(const struct rewriting *r, struct str line, size_t from)
{
	bool is_ascii;
	size_t end = word_end(r, line, from, &is_ascii);

	for (;;) {
		size_t next = end, after;

		while (next < line.n && is_space(line.p[next]))
			next++;
		after = word_end(r, line, next, &is_ascii);
		if (next == end || after == next || is_ascii)
			return end;
		end = after;
	}
}

/* As many octets as fit, without cutting a character. */
static size_t
chunk_of(struct str text)
{
	size_t n = text.n;

	if (n > CHUNK)
		for (n = CHUNK; ((unsigned char)text.p[n] & 0xc0) == 0x80; n--)
			;
	return n;
}

static void
encode(struct rewriting *r, struct str text, bool lost_space)
{
	struct buf whole = BUF_INIT;
	struct str left;

	if (lost_space)
		buf_addc(&whole, ' ');
	buf_add_str(&whole, text);
	left = buf_str(&whole);
	while (left.n > 0) {
		size_t n = chunk_of(left);

		buf_adds(r->out, "=?UTF-8?B?");
		b64_encode(str_slice(left, 0, n), r->out);
		buf_adds(r->out, n < left.n ? "?=\r\n " : "?=");
		left = str_slice(left, n, left.n);
	}
	buf_free(&whole);
}

/* LINE is without CRLF, and valid UTF-8. */
static void
rewrite(struct rewriting *r, struct str line)
{
	bool is_ascii, first = true;
	size_t at = 0;

	while (at < line.n) {
		size_t end = word_end(r, line, at, &is_ascii);

		if (end == at) {
			/* White space, or a special. */
			buf_addc(r->out, line.p[at++]);
			first = first && is_space(line.p[at - 1]);
			r->encoded_end = r->encoded_end && is_space(line.p[at - 1]);
			continue;
		}
		if (is_ascii) {
			buf_add_str(r->out, str_slice(line, at, end));
		} else {
			end = run_end(r, line, at);
			encode(r, str_slice(line, at, end), first && at > 0 && r->encoded_end);
		}
		r->encoded_end = !is_ascii;
		first = false;
		at = end;
	}
}

bool
ascii_header(struct str header, struct buf *out)
{
	struct rewriting r = { .out = out };

	if (utf8_ascii_prefix(header) == header.n)
		return false;
	while (header.n > 0) {
		size_t n = str_chr(header, '\n');
		struct str line = str_slice(header, 0, n);

		header = str_slice(header, n + 1, header.n);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n > 0 && !is_space(line.p[0])) {
			r.structured = is_structured(line);
			r.encoded_end = false;
		}
		if (utf8_ascii_prefix(line) == line.n || !utf8_valid(line)) {
			buf_add_str(out, line);
			r.encoded_end = false;
		} else {
			rewrite(&r, line);
		}
		buf_adds(out, "\r\n");
	}
	return true;
}
