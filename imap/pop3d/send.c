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
send_lines(struct stream *s, struct str header, struct str body)
{
	struct str last = body.n > 0 ? body : header;

	stuff(s, header);
	stuff(s, body);
	if (last.n > 0 && !str_ends(last, STR("\r\n")))
		stream_puts(s, "\r\n");
	stream_puts(s, ".\r\n");
}

struct str
send_top(struct str body, uint64_t lines)
{
	const char *p = body.p, *end = body.p + body.n;

	for (; lines > 0 && p < end; lines--) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));

		p = lf != NULL ? lf + 1 : end;
	}
	return str_slice(body, 0, (size_t)(p - body.p));
}
