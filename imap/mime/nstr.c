/* nstr.c - strings as IMAP sends them */
#include "imap/mime/nstr.h"

#include <stdint.h>
#include <string.h>

/* Per byte: may it stand in a quoted string, and does it want a backslash? */
enum class { PLAIN, ESCAPED, LITERAL };

static enum class
class_of(char c)
{
	if (c == '"' || c == '\\')
		return ESCAPED;
	if (c == '\r' || c == '\n' || c == '\0' || (unsigned char)c >= 0x80)
		return LITERAL;
	return PLAIN;
}

static void
add_literal(struct buf *out, struct str s)
{
	static const char replacement[] = "\xef\xbf\xbd";
	size_t nuls = 0;

	for (size_t i = 0; i < s.n; i++)
		nuls += s.p[i] == '\0';
	buf_addc(out, '{');
	buf_addu(out, s.n + 2 * (uint64_t)nuls);
	buf_adds(out, "}\r\n");
	while (nuls-- > 0) {
		const char *nul = memchr(s.p, '\0', s.n);
		size_t n = (size_t)(nul - s.p);

		buf_add(out, s.p, n);
		buf_adds(out, replacement);
		s = (struct str){ nul + 1, s.n - n - 1 };
	}
	buf_add_str(out, s);
}

void
nstr_add(struct buf *out, struct str s)
{
	size_t escapes = 0;
	char *p;

	if (s.p == NULL) {
		buf_adds(out, "NIL");
		return;
	}
	for (size_t i = 0; i < s.n; i++) {
		enum class c = class_of(s.p[i]);

		if (c == LITERAL || i >= NSTR_MAX_QUOTED) {
			add_literal(out, s);
			return;
		}
		escapes += c == ESCAPED;
	}
	p = buf_reserve(out, s.n + escapes + 2);
	*p++ = '"';
	for (size_t i = 0; i < s.n; i++) {
		if (class_of(s.p[i]) == ESCAPED)
			*p++ = '\\';
		*p++ = s.p[i];
	}
	*p = '"';
	out->n += s.n + escapes + 2;
	out->p[out->n] = '\0';
}
