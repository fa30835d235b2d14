/* b64.c - base64 */
#include "lib/b64.h"

#include <string.h>

static const char digit[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
b64_encode(struct str bytes, struct buf *text)
{
	const unsigned char *p = (const unsigned char *)bytes.p;
	size_t n = bytes.n;

	for (; n > 0; p += 3, n -= n < 3 ? n : 3) {
		unsigned long v = (unsigned long)p[0] << 16 |
		    (n > 1 ? (unsigned long)p[1] << 8 : 0) | (n > 2 ? p[2] : 0UL);
		char out[4] = { digit[v >> 18], digit[v >> 12 & 63],
		    n > 1 ? digit[v >> 6 & 63] : '=', n > 2 ? digit[v & 63] : '=' };

		buf_add(text, out, 4);
	}
}

static int
value(char c)
{
	const char *p = c != '\0' ? strchr(digit, c) : NULL;

	return p != NULL ? (int)(p - digit) : -1;
}

/* Four characters to one to three bytes; 0: not possible.  LAST: may be padded. */
static size_t
decode_group(const char *p, bool last, char out[3])
{
	int a = value(p[0]), b = value(p[1]), c = value(p[2]), d = value(p[3]);

	if (a < 0 || b < 0)
		return 0;
	out[0] = (char)(a << 2 | b >> 4);
	if (last && p[2] == '=' && p[3] == '=')
		return (b & 15) == 0 ? 1 : 0;
	if (c < 0)
		return 0;
	out[1] = (char)(b << 4 | c >> 2);
	if (last && p[3] == '=')
		return (c & 3) == 0 ? 2 : 0;
	if (d < 0)
		return 0;
	out[2] = (char)(c << 6 | d);
	return 3;
}

enum err
b64_decode(struct str text, struct buf *bytes)
{
	size_t before = bytes->n;

	if (text.n % 4 != 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < text.n; i += 4) {
		char out[3];
		size_t n = decode_group(text.p + i, i + 4 == text.n, out);

		if (n == 0) {
			buf_truncate(bytes, before);
			return ERR_SYNTAX;
		}
		buf_add(bytes, out, n);
	}
	return OK;
}
