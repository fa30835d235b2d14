/* Words for errors stand in one table, so that a test can read them all. */
#include "imap/imapd/proto/reply.h"
#include "imap/imapd/proto/parse.h"
#include "lib/utf8.h"

#include <stdio.h>
#include <string.h>

enum { MAX_QUOTED = 1024 };		/* longer strings become literals */

void
reply_init(struct reply *r, struct stream *out)
{
	*r = (struct reply){ .out = out, .scratch = BUF_INIT };
}

void
reply_fini(struct reply *r)
{
	buf_free(&r->scratch);
}

/* FMT into the stream, by way of scratch when it is long. */
static void
put_formatted(struct reply *r, const char *fmt, va_list ap)
{
	buf_reset(&r->scratch);
	buf_vprintf(&r->scratch, fmt, ap);
	stream_put(r->out, buf_str(&r->scratch));
}

void
reply_untagged(struct reply *r, const char *fmt, ...)
{
	va_list ap;
	reply_puts(r, "* ");
	va_start(ap, fmt);
	put_formatted(r, fmt, ap);
	va_end(ap);
	reply_crlf(r);
}

void
reply_printf(struct reply *r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put_formatted(r, fmt, ap);
	va_end(ap);
}

void
reply_puts(struct reply *r, const char *words)
{
	stream_write(r->out, words, strlen(words));
}

void
reply_put(struct reply *r, struct str bytes)
{
	stream_write(r->out, bytes.p, bytes.n);
}

void
reply_number(struct reply *r, uint64_t n)
{
	char digit[20];
	size_t at = sizeof(digit);
	do
		digit[--at] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	stream_write(r->out, digit + at, sizeof(digit) - at);
}

void
reply_crlf(struct reply *r)
{
	stream_write(r->out, "\r\n", 2);
}

void
reply_literal(struct reply *r, struct str s)
{
	reply_puts(r, "{");
	reply_number(r, s.n);
	reply_puts(r, "}\r\n");
	reply_put(r, s);
}

/* The same with U+FFFD for each NUL, into scratch. */
static struct str
without_nul(struct reply *r, struct str s)
{
	buf_reset(&r->scratch);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\0')
			buf_adds(&r->scratch, "\xef\xbf\xbd");
		else
			buf_addc(&r->scratch, s.p[i]);
	return buf_str(&r->scratch);
}

static void
put_quoted(struct reply *r, struct str s)
{
	reply_puts(r, "\"");
	size_t from = 0;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '"' || s.p[i] == '\\') {
			reply_put(r, (struct str){ s.p + from, i - from });
			reply_puts(r, "\\");
			from = i;
		}
	reply_put(r, (struct str){ s.p + from, s.n - from });
	reply_puts(r, "\"");
}

void
reply_string(struct reply *r, struct str s)
{
	if (s.n > 0 && memchr(s.p, 0, s.n) != NULL)
		s = without_nul(r, s);
	bool quoted = s.n <= MAX_QUOTED, ascii = true;
	for (size_t i = 0; i < s.n && quoted; i++) {
		quoted = s.p[i] != '\r' && s.p[i] != '\n';
		ascii = ascii && (unsigned char)s.p[i] < 128;
	}
	if (quoted && (ascii || (r->utf8 && utf8_valid(s))))
		put_quoted(r, s);
	else
		reply_literal(r, s);
}

void
reply_astring(struct reply *r, struct str s)
{
	bool atom = s.n > 0 && s.n <= MAX_QUOTED && !str_ieq(s, STR("NIL"));
	for (size_t i = 0; i < s.n && atom; i++)
		atom = is_astring_char((unsigned char)s.p[i]);
	if (atom)
		reply_put(r, s);
	else
		reply_string(r, s);
}

void
reply_nstring(struct reply *r, struct str s)
{
	if (s.p == NULL)
		reply_puts(r, "NIL");
	else
		reply_string(r, s);
}

/* What cannot be sent shows at the session's next read. */
static void
flush(struct reply *r)
{
	if (stream_flush(r->out) != OK)
		return;
}

void
reply_continue(struct reply *r, const char *text)
{
	reply_puts(r, "+ ");
	reply_puts(r, text);
	reply_crlf(r);
	flush(r);
}

void
reply_bye(struct reply *r, const char *text)
{
	reply_puts(r, "* BYE ");
	reply_puts(r, text);
	reply_crlf(r);
	flush(r);
}

/* Texts as Cyrus has them; codes of RFC 5530 (SERVERBUG: a bug or a fault). */
static const struct reply_error errors[] = {
	[OK] = { false, NULL, "Completed" },
	[ERR_NOTFOUND] = { false, "NONEXISTENT", "Mailbox does not exist" },
	[ERR_EXISTS] = { false, "ALREADYEXISTS", "Mailbox already exists" },
	[ERR_DENIED] = { false, "NOPERM", "Permission denied" },
	[ERR_AUTH] = { false, "AUTHENTICATIONFAILED", "Login failed: authentication failure" },
	[ERR_QUOTA] = { false, "OVERQUOTA", "Over quota" },
	[ERR_NOSPACE] = { false, "UNAVAILABLE", "No space left on the server's disk" },
	[ERR_LIMIT] = { false, "LIMIT", "Too much for one command" },
	[ERR_SYNTAX] = { true, NULL, "Invalid arguments" },
	[ERR_NAME] = { false, "CANNOT", "Invalid mailbox name" },
	[ERR_BUSY] = { false, "INUSE", "Mailbox is locked" },
	[ERR_READONLY] = { false, NULL, "Mailbox is read-only" },
	[ERR_STALE] = { false, "NONEXISTENT", "Mailbox has been deleted" },
	[ERR_CORRUPT] = { false, "SERVERBUG", "Mailbox has an invalid format" },
	[ERR_IO] = { false, "SERVERBUG", "System I/O error" },
	[ERR_UNKNOWN] = { false, "UNAVAILABLE",
	    "It failed, perhaps after it was done; look before you try again" },
	[ERR_CLOSED] = { false, "UNAVAILABLE", "Connection closed" },
	[ERR_TIMEOUT] = { false, "UNAVAILABLE", "Timed out" },
	[ERR_AGAIN] = { false, "INUSE", "Somebody else was changing it; try again" },
	[ERR_CHARSET] = { false, "BADCHARSET", "Unrecognized character set" },
	[ERR_UNSUPPORTED] = { false, "CANNOT", "Operation is not supported" },
};

const struct reply_error *
reply_error_of(enum err e)
{
	size_t i = (size_t)e;
	if (i >= sizeof(errors) / sizeof(errors[0]) || errors[i].text == NULL)
		i = ERR_IO;
	return &errors[i];
}

/* A tag that was not understood is answered as "*". */
void
reply_tagged(struct reply *r, const struct reply_tagged *t)
{
	const struct reply_error *words = reply_error_of(t->err);
	const char *code = t->code != NULL ? t->code : words->code;
	bool bad = t->err != OK && (t->bad || words->bad);
	if (t->tag.n > 0)
		reply_put(r, t->tag);
	else
		reply_puts(r, "*");
	reply_puts(r, t->err == OK ? " OK " : bad ? " BAD " : " NO ");
	if (code != NULL && *code != '\0') {
		reply_puts(r, "[");
		reply_puts(r, code);
		reply_puts(r, "] ");
	}
	reply_puts(r, text_in(r->language, t->text != NULL ? t->text : words->text));
	reply_crlf(r);
}
