/* utf8.c - code points and their bytes */
#include "lib/utf8.h"

#include <string.h>

/* What a sequence may look like, by its first byte. */
struct lead {
	unsigned char length;		/* 0: no sequence begins so */
	unsigned char low, high;	/* what its second byte may be */
};

static struct lead
lead_of(unsigned char c)
{
	if (c < 0x80)
		return (struct lead){ 1, 0, 0 };
	if (c < 0xc2 || c > 0xf4)
		return (struct lead){ 0, 0, 0 };
	if (c < 0xe0)
		return (struct lead){ 2, 0x80, 0xbf };
	if (c < 0xf0)
		return (struct lead){ 3, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf };
	return (struct lead){ 4, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf };
}

bool
utf8_next(struct str *s, uint32_t *code)
{
	static const unsigned char bits[5] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	const unsigned char *p = (const unsigned char *)s->p;
	struct lead lead = lead_of(p[0]);
	size_t n = 1;

	*code = p[0] & bits[lead.length];
	for (; n < lead.length && n < s->n; n++) {
		if (p[n] < (n == 1 ? lead.low : 0x80) || p[n] > (n == 1 ? lead.high : 0xbf))
			break;
		*code = *code << 6 | (p[n] & 0x3f);
	}
	*s = str_slice(*s, n, s->n);
	if (n == lead.length)
		return true;
	*code = UTF8_REPLACEMENT;
	return false;
}

void
utf8_add(struct buf *b, uint32_t code)
{
	char out[4];
	size_t n = 0;

	if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		code = UTF8_REPLACEMENT;
	if (code < 0x80) {
		out[n++] = (char)code;
	} else if (code < 0x800) {
		out[n++] = (char)(0xc0 | code >> 6);
		out[n++] = (char)(0x80 | (code & 0x3f));
	} else if (code < 0x10000) {
		out[n++] = (char)(0xe0 | code >> 12);
		out[n++] = (char)(0x80 | (code >> 6 & 0x3f));
		out[n++] = (char)(0x80 | (code & 0x3f));
	} else {
		out[n++] = (char)(0xf0 | code >> 18);
		out[n++] = (char)(0x80 | (code >> 12 & 0x3f));
		out[n++] = (char)(0x80 | (code >> 6 & 0x3f));
		out[n++] = (char)(0x80 | (code & 0x3f));
	}
	buf_add(b, out, n);
}

size_t
utf8_ascii_prefix(struct str text)
{
	const uint64_t high = UINT64_C(0x8080808080808080);
	size_t n = 0;
	uint64_t eight, w[4];

	for (; text.n - n >= sizeof(w); n += sizeof(w)) {
		memcpy(w, text.p + n, sizeof(w));
		if ((w[0] | w[1] | w[2] | w[3]) & high)
			break;
	}
	for (; text.n - n >= 8; n += 8) {
		memcpy(&eight, text.p + n, 8);
		if (eight & high)
			break;
	}
	while (n < text.n && (unsigned char)text.p[n] < 0x80)
		n++;
	return n;
}

bool
utf8_valid(struct str text)
{
	uint32_t code;

	while ((text = str_slice(text, utf8_ascii_prefix(text), text.n)).n > 0)
		if (!utf8_next(&text, &code))
			return false;
	return true;
}
