/* send.c - a message as lines of an answer */
#include "imap/pop3d/send.h"

#include <string.h>

/*
 * Dots are looked for, not lines: there are fewer of them.  A bare LF counts as
 * the end of a line too: for a client that takes it for one, "LF . CR LF" inside of a
 * message must not be the end.
 */
static void
stuff(struct stream *s, struct str bytes)
{
	const char *from = bytes.p, *p = bytes.p, *end = bytes.p + bytes.n;

	while (p < end && (p = memchr(p, '.', (size_t)(end - p))) != NULL) {
		if (p == bytes.p || p[-1] == '\n') {
			stream_write(s, from, (size_t)(p - from));
			stream_write(s, ".", 1);
			from = p;
		}
		p++;
	}
	stream_write(s, from, (size_t)(end - from));
}

void
send_lines(struct stream *s, struct str bytes)
{
	stuff(s, bytes);
	if (bytes.n > 0 && !str_ends(bytes, STR("\r\n")))
		stream_puts(s, "\r\n");
	stream_puts(s, ".\r\n");
}

struct str
send_top(struct str bytes, size_t header, uint64_t lines)
{
	const char *p = bytes.p + header, *end = bytes.p + bytes.n;

	for (; lines > 0 && p < end; lines--) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));

		p = lf != NULL ? lf + 1 : end;
	}
	return str_slice(bytes, 0, (size_t)(p - bytes.p));
}
