/* text.c - text of whatever character set as UTF-8 */
#include "imap/mime/decode.h"
#include "imap/mime/guess.h"
#include "imap/mime/mime.h"
#include "lib/arena.h"
#include "lib/charset.h"

#include <string.h>

enum { PIECE = 65536 };

enum err
mime_text_open(struct mime_text *t, struct str message,
    const struct mime_part *leaf)
{
	struct arena *arena = arena_new(2 * MIME_MAX_FIELD);
	struct str charset = { NULL, 0 };
	enum err e;

	*t = (struct mime_text){
		.left = { message.p + leaf->body_start, leaf->body_size },
		.charset = BUF_INIT, .bytes = BUF_INIT, .utf8 = BUF_INIT,
	};
	e = decode_init(&t->decode, leaf->encoding);
	if (e == OK && mime_param_value(arena, &leaf->params, "charset", &charset)
	    && !str_ieq(charset, STR("us-ascii")) && charset_known(charset))
		buf_add_str(&t->charset, charset);
	t->indivisible = t->charset.n > 0 && !charset_has_lines(charset);
	arena_free(arena);
	return e;
}

/* How much of what is decoded can be converted now. */
static size_t
convertible(const struct mime_text *t)
{
	struct str s = buf_str(&t->bytes);
	const char *nl;

	if (t->left.n == 0)
		return s.n;
	if (t->indivisible)
		return 0;
	nl = memrchr(s.p, '\n', s.n);
	if (nl != NULL)
		return (size_t)(nl + 1 - s.p);
	if (s.n < PIECE)
		return 0;
	while (s.n > PIECE - 4 && ((unsigned char)s.p[s.n - 1] & 0xc0) == 0x80)
		s.n--;
	return (unsigned char)s.p[s.n - 1] >= 0xc0 ? s.n - 1 : s.n;
}

bool
mime_text_next(struct mime_text *t, struct str *utf8)
{
	struct str charset = buf_str(&t->charset), text;

	buf_consume(&t->bytes, t->given);
	t->given = 0;
	while ((text.n = convertible(t)) == 0) {
		size_t n = decode_cut(&t->decode, t->left, PIECE);

		if (n == 0)
			return false;
		decode_piece(&t->decode, (struct str){ t->left.p, n }, &t->bytes);
		t->left = (struct str){ t->left.p + n, t->left.n - n };
	}
	text.p = t->bytes.p;
	buf_reset(&t->utf8);
	if (charset.n == 0 || charset_to_utf8(charset, text, &t->utf8) != OK)
		guess_utf8(text, &t->utf8);
	t->given = text.n;
	*utf8 = buf_str(&t->utf8);
	return true;
}

static bool
is_latin(struct str charset)
{
	return str_ieq(charset, STR("iso-8859-1")) || str_ieq(charset, STR("latin1"))
	    || str_ieq(charset, STR("windows-1252")) || str_ieq(charset, STR("iso-8859-15"));
}

bool
mime_text_other(struct mime_text *t, struct str *utf8)
{
	struct str piece = { t->bytes.p, t->given }, charset = buf_str(&t->charset);
	bool broken;

	if (charset.n == 0 || utf8_ascii_prefix(piece) == piece.n)
		return false;
	broken = memmem(t->utf8.p, t->utf8.n, "\xef\xbf\xbd", 3) != NULL;
	if (!broken && !(is_latin(charset) && utf8_valid(piece)))
		return false;
	buf_reset(&t->utf8);
	guess_utf8(piece, &t->utf8);
	*utf8 = buf_str(&t->utf8);
	return true;
}

void
mime_text_close(struct mime_text *t)
{
	buf_free(&t->charset);
	buf_free(&t->bytes);
	buf_free(&t->utf8);
}

enum err
mime_decode_text(struct str message, const struct mime_part *leaf,
    struct buf *utf8)
{
	struct mime_text t;
	struct str piece;
	enum err e = mime_text_open(&t, message, leaf);

	while (e == OK && mime_text_next(&t, &piece))
		buf_add_str(utf8, piece);
	mime_text_close(&t);
	return e;
}

enum err
mime_decode_body(struct str message, const struct mime_part *leaf,
    struct buf *out)
{
	struct str body = { message.p + leaf->body_start, leaf->body_size };
	struct decode d;
	enum err e = decode_init(&d, leaf->encoding);

	if (e == OK)
		decode_piece(&d, body, out);
	return e;
}
