/*
 * word.c - header text with encoded words (RFC 2047) as UTF-8
 *
 * Taken with a light hand: encoded words longer than 75 characters, next to
 * other text, with spaces in them or with their padding missing are decoded
 * as well, and characters that were torn apart between two words of one
 * character set are joined.  Words in unknown character sets stay as they are.
 */
#include "imap/mime/decode.h"
#include "imap/mime/guess.h"
#include "imap/mime/lex.h"
#include "imap/mime/mime.h"
#include "lib/charset.h"

#include <string.h>

struct word {
	struct str whole, charset, text;
	bool base64;
};

struct decoder {
	struct buf *out;
	struct str charset;	/* of what waits in bytes */
	struct buf bytes;	/* decoded, its charset not yet */
	struct buf source;	/* the words it came from, should that fail */
};

/* Gives out what waits. */
static void
flush(struct decoder *d)
{
	if (d->source.n == 0)
		return;
	if (charset_to_utf8(d->charset, buf_str(&d->bytes), d->out) != OK)
		guess_utf8(buf_str(&d->source), d->out);
	buf_reset(&d->bytes);
	buf_reset(&d->source);
}

static void
plain(struct decoder *d, struct str s)
{
	flush(d);
	guess_utf8(s, d->out);
}

/*
 * encoded-word = "=?" charset ["*" language] "?" encoding "?" text "?=" at P,
 * which must be a "=?".  *CLOSED becomes false if there is no "?=" up to END.
 */
static bool
encoded_word(const char *p, const char *end, struct word *w, bool *closed)
{
	const char *q = p + 2, *close;

	while (q < end && *q != '?' && *q != '*' && *q != '=' && !lex_is_space(*q))
		q++;
	w->charset = (struct str){ p + 2, (size_t)(q - p - 2) };
	if (q < end && *q == '*')
		while (q < end && *q != '?' && *q != '=' && !lex_is_space(*q))
			q++;
	if (w->charset.n == 0 || end - q < 3 || q[0] != '?' || q[2] != '?'
	    || q[1] == '\0' || strchr("bBqQ", q[1]) == NULL)
		return false;
	w->base64 = q[1] == 'b' || q[1] == 'B';
	q += 3;
	close = memmem(q, (size_t)(end - q), "?=", 2);
	if (close == NULL) {
		*closed = false;
		return false;
	}
	w->text = (struct str){ q, (size_t)(close - q) };
	w->whole = (struct str){ p, (size_t)(close + 2 - p) };
	return true;
}

static void
add_word(struct decoder *d, const struct word *w)
{
	struct decode b = { .kind = DECODE_BASE64 };

	if (!str_ieq(d->charset, w->charset))
		flush(d);
	d->charset = w->charset;
	buf_add_str(&d->source, w->whole);
	if (w->base64)
		decode_piece(&b, w->text, &d->bytes);
	else
		decode_q(w->text, &d->bytes);
}

static void
decode_words(struct str s, struct decoder *d)
{
	const char *p = s.p, *end = s.p + s.n, *look = p, *at;
	bool closed = true;
	struct word w;

	while (closed && (at = memmem(look, (size_t)(end - look), "=?", 2)) != NULL) {
		struct str before = { p, (size_t)(at - p) };

		look = at + 2;
		if (!encoded_word(at, end, &w, &closed))
			continue;
		if (before.n > 0 && (d->source.n == 0 || lex_trim(before).n > 0))
			plain(d, before);
		add_word(d, &w);
		p = look = w.whole.p + w.whole.n;
	}
	if (p < end)
		plain(d, (struct str){ p, (size_t)(end - p) });
	flush(d);
}

/* RAW without line ends; in COPY if it has any. */
static struct str
unfold(struct str raw, struct buf *copy)
{
	raw = lex_trim(raw);
	if (str_chr(raw, '\n') == raw.n)
		return raw;
	for (size_t i = 0; i < raw.n; i++)
		if (raw.p[i] != '\n'
		    && !(raw.p[i] == '\r' && raw.p[i + 1] == '\n'))
			buf_addc(copy, raw.p[i]);
	return buf_str(copy);
}

void
mime_decode_header(struct str raw, struct buf *utf8)
{
	struct decoder d = { .out = utf8, .bytes = BUF_INIT, .source = BUF_INIT };
	struct buf copy = BUF_INIT;

	if (raw.n == 0)
		return;		/* NULL, perhaps */
	decode_words(unfold(raw, &copy), &d);
	buf_free(&d.bytes);
	buf_free(&d.source);
	buf_free(&copy);
}
