/* pop3_check.c - see pop3_check.h */
#include "test/fuzz/pop3_check.h"

#include "imap/door/pop3_door.h"
#include "lib/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
fail(const struct pop3_check *c, const char *wanted)
{
	size_t from = c->got_at < 300 ? 0 : c->got_at - 300;

	fprintf(stderr, "FUZZ: expected %s at byte %zu:\n%.*s<HERE>%.*s\n", wanted, c->got_at,
	    (int)(c->got_at - from), c->got.p + from,
	    (int)(c->got.n - c->got_at), c->got.p + c->got_at);
	abort();
}

/* --- answers --- */

struct answer {
	bool ok, more;			/* more: "+ ", a challenge */
	struct str code, text;
};

static struct str
take_line(struct pop3_check *c)
{
	struct str rest = str_slice(c->got, c->got_at, c->got.n);
	size_t end = str_find(rest, STR("\r\n"));

	if (end == rest.n)
		fail(c, "a line");
	c->got_at += end + 2;
	return str_slice(rest, 0, end);
}

static void
check_code(const struct pop3_check *c, struct str code)
{
	static const char *const known[] = { "AUTH", "SYS/TEMP", "SYS/PERM", "LOGIN-DELAY" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_eq(code, str_c(known[i])))
			return;
	fail(c, "a known response code");
}

static struct answer
take_answer(struct pop3_check *c)
{
	struct str line = take_line(c);
	struct answer a = { .ok = str_starts(line, STR("+OK")) };
	size_t end;

	if (c->in_exchange && str_starts(line, STR("+ "))) {
		a.more = true;
		return a;
	}
	if (line.n > 510 || (!a.ok && !str_starts(line, STR("-ERR "))))
		fail(c, "+OK or -ERR, of 512 octets at most");
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == '\0' || line.p[i] == '\r' || line.p[i] == '\n')
			fail(c, "text without control characters");
	a.text = str_slice(line, a.ok ? 4 : 5, line.n);
	if (a.ok && line.n > 3 && line.p[3] != ' ')
		fail(c, "a space behind +OK");
	if (!str_starts(a.text, STR("[")))
		return a;
	end = str_chr(a.text, ']');
	a.code = str_slice(a.text, 1, end);
	if (a.ok || end == a.text.n)
		fail(c, "a response code in -ERR only");
	check_code(c, a.code);
	return a;
}

/* The lines up to the single dot, without the dots that were put before them. */
static void
take_lines(struct pop3_check *c, struct buf *lines)
{
	for (;;) {
		struct str line = take_line(c);

		if (str_eq(line, STR(".")))
			return;
		if (str_starts(line, STR(".")))
			line = str_slice(line, 1, line.n);
		else if (memchr(line.p, '\n', line.n) != NULL &&
		    memmem(line.p, line.n, "\n.", 2) != NULL &&
		    memmem(line.p, line.n, "\n..", 3) == NULL)
			fail(c, "a dot before a dot behind LF, too");
		buf_add_str(lines, line);
		buf_adds(lines, "\r\n");
	}
}

/* --- what a message must be --- */

static struct str
body_of(struct str text)
{
	size_t end = str_find(text, STR("\r\n\r\n"));

	return str_slice(text, end + 4, text.n);
}

static bool
is_ascii(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] & 0x80)
			return false;
	return true;
}

/* A header may have lines in an unknown character set, but none in UTF-8. */
static bool
has_no_utf8(struct str header)
{
	struct str line;

	while (header.n > 0 && str_next_field(&header, '\n', &line))
		if (!is_ascii(line) && utf8_valid(line))
			return false;
	return true;
}

static void
check_message(const struct pop3_check *c, uint32_t uid, struct str got, uint64_t octets)
{
	struct str text = c->text_of(uid);
	struct buf want = BUF_INIT;

	/* Behind a bare LF a dot is doubled, too, and we take lines to end in CRLF. */
	for (size_t i = 0; i < text.n; i++) {
		buf_addc(&want, text.p[i]);
		if (i > 1 && text.p[i] == '.' && text.p[i - 1] == '\n' && text.p[i - 2] != '\r')
			buf_addc(&want, '.');
	}
	if (!str_ends(text, STR("\r\n")))
		buf_adds(&want, "\r\n");
	if (c->utf8 || is_ascii(str_slice(text, 0, text.n - body_of(text).n))) {
		if (!str_eq(got, buf_str(&want)) || octets != text.n)
			fail(c, "the message as it is");
	} else {
		if (!str_eq(body_of(got), body_of(buf_str(&want))) ||
		    !has_no_utf8(str_slice(got, 0, got.n - body_of(got).n)))
			fail(c, "the message with a header in ASCII");
	}
	buf_free(&want);
}

/* --- commands --- */

struct command {
	struct str verb, args;
	struct str raw;			/* with its line end */
};

static bool
is(const struct command *cmd, const char *verb)
{
	return str_ieq(cmd->verb, str_c(verb));
}

static bool
is_too_long(const struct pop3_check *c, const struct command *cmd)
{
	size_t n = cmd->verb.n + cmd->args.n + (cmd->args.p > cmd->verb.p + cmd->verb.n);

	if (c->logged_in)
		return cmd->raw.n > POP3_LINE_MAX;
	return cmd->raw.n > POP3_RESPONSE_MAX || (n + 2 > POP3_LINE_MAX && !is(cmd, "AUTH"));
}

static bool
is_multi_line(const struct pop3_check *c, const struct command *cmd)
{
	bool bare = str_trim(cmd->args).n == 0;

	if (is(cmd, "CAPA"))
		return true;
	if (is(cmd, "LANG") || (!c->logged_in && is(cmd, "AUTH")))
		return bare;
	if (!c->logged_in)
		return false;
	return is(cmd, "RETR") || is(cmd, "TOP") || (bare && (is(cmd, "LIST") || is(cmd, "UIDL")));
}

/* The message that a command names; 0: none, or too high for us. */
static uint32_t
number_of(const struct command *cmd)
{
	struct str left = cmd->args, word;
	uint32_t n;

	if (!str_next_word(&left, &word) || !str_to_u32(word, &n) || n >= POP3_CHECK_MESSAGES)
		return 0;
	return n;
}

static uint32_t
uid_of(const struct pop3_check *c, struct str id)
{
	char text[64];
	unsigned validity, uid;

	snprintf(text, sizeof(text), "%.*s", STR_ARG(id));
	if (str_chr(id, '.') < id.n ? sscanf(text, "%u.%u", &validity, &uid) != 2
	    : sscanf(text, "%8x%8x", &uid, &validity) != 2)
		fail(c, "a unique-id");
	if (uid == 0 || uid >= POP3_CHECK_MESSAGES)
		fail(c, "a UID that there can be");
	return validity == c->uidvalidity ? uid : 0;
}

/* LIST or UIDL of all: rising numbers, none that is marked. */
static void
check_listing(struct pop3_check *c, const struct command *cmd, struct str lines)
{
	uint32_t last = 0, n = 0, listed = 0;
	bool learn = is(cmd, "UIDL") && !c->mapped;
	struct str line;

	while (lines.n > 0 && str_next_field(&lines, '\n', &line) && line.n > 0) {
		struct str word;

		line = str_trim(line);
		if (!str_next_word(&line, &word) || !str_to_u32(word, &n) || n <= last)
			fail(c, "rising numbers");
		if (n < POP3_CHECK_MESSAGES && c->marked[n])
			fail(c, "nothing that is marked");
		if (learn && n < POP3_CHECK_MESSAGES)
			c->uid[n] = uid_of(c, str_trim(line));
		last = n;
		listed++;
	}
	for (uint32_t i = 1; c->mapped && i <= c->count; i++)
		listed += c->marked[i];
	if (c->mapped && listed != c->count)
		fail(c, "all that is not marked");
	if (learn) {
		/* What was marked before is not among them. */
		for (uint32_t i = 1; i < POP3_CHECK_MESSAGES; i++)
			if (c->marked[i])
				return;
		c->mapped = true;
		c->count = last;
	}
}

static void
end_session(struct pop3_check *c)
{
	c->ended = true;
	for (uint32_t i = 1; i < POP3_CHECK_MESSAGES; i++) {
		if (!c->marked[i])
			continue;
		if (!c->mapped)
			c->unclear = true;
		else if (c->uid[i] != 0)
			c->gone[c->uid[i]] = true;
	}
}

/* What an answer means in the TRANSACTION state. */
static void
transaction(struct pop3_check *c, const struct command *cmd, const struct answer *a,
    struct str lines)
{
	uint32_t n = number_of(cmd);
	uint64_t octets = 0;
	struct str text = a->text, word;

	if (is(cmd, "QUIT") && str_trim(cmd->args).n == 0) {
		if (a->ok)
			end_session(c);
		c->ended = true;
		return;
	}
	if (!a->ok)
		return;
	if (is(cmd, "RSET"))
		memset(c->marked, 0, sizeof(c->marked));
	if ((is(cmd, "LIST") || is(cmd, "UIDL")) && str_trim(cmd->args).n == 0)
		check_listing(c, cmd, lines);
	if (n == 0)
		return;
	if ((is(cmd, "RETR") || is(cmd, "TOP") || is(cmd, "DELE") || is(cmd, "LIST") ||
	    is(cmd, "UIDL")) && (c->marked[n] || (c->mapped && n > c->count)))
		fail(c, "-ERR for what is marked, or is not there");
	if (is(cmd, "DELE"))
		c->marked[n] = true;
	if (is(cmd, "RETR") && (!str_next_word(&text, &word) || !str_to_u64(word, &octets)))
		fail(c, "the number of octets");
	if (is(cmd, "RETR") && c->mapped && c->uid[n] != 0)
		check_message(c, c->uid[n], lines, octets);
}

/* The same in the AUTHORIZATION state. */
static void
authorization(struct pop3_check *c, const struct command *cmd, const struct answer *a)
{
	bool logs_in = is(cmd, "PASS") || is(cmd, "APOP") || is(cmd, "AUTH");

	if (logs_in && a->ok && !is_multi_line(c, cmd))
		c->logged_in = true;
	/* The maildrop cannot be opened; where passwords cannot be checked it goes on. */
	if (logs_in && str_starts(a->code, STR("SYS"))
	    && !str_starts(a->text, STR("[SYS/TEMP] Passw")))
		c->ended = true;
	if (a->ok && is(cmd, "UTF8"))
		c->utf8 = true;
	if (a->ok && is(cmd, "QUIT"))
		c->ended = true;
}

static bool
next_command(struct pop3_check *c, struct command *cmd)
{
	struct str rest = str_slice(c->sent, c->sent_at, c->sent.n), line;
	size_t lf = str_chr(rest, '\n');

	if (lf == rest.n)
		return false;
	cmd->raw = str_slice(rest, 0, lf + 1);
	c->sent_at += lf + 1;
	line = str_slice(rest, 0, lf);
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	cmd->verb = str_slice(line, 0, str_chr(line, ' '));
	cmd->args = str_slice(line, cmd->verb.n + 1, line.n);
	return true;
}

static bool
is_farewell(const struct answer *a)
{
	static const char *const known[] = {
		"Too many bad commands", "Zu viele falsche Befehle", "Too many failed logins",
		"Zu viele vergebliche Anmeldungen", "This is a POP3 server",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_find(a->text, str_c(known[i])) < a->text.n)
			return true;
	return false;
}

static void
check_command(struct pop3_check *c, const struct command *cmd)
{
	static const struct command auth = { .verb = { "AUTH", 4 }, .args = { "x", 1 } };
	bool responded = c->in_exchange;
	bool too_long = !responded && is_too_long(c, cmd);
	struct buf lines = BUF_INIT;
	struct answer a;

	c->in_exchange = responded || (!c->logged_in && is(cmd, "AUTH"));
	a = take_answer(c);
	c->in_exchange = a.more;
	if (a.more)
		return;
	if (too_long && a.ok)
		fail(c, "-ERR for what is too long");
	if (a.ok && !responded && is_multi_line(c, cmd))
		take_lines(c, &lines);
	if (c->logged_in)
		transaction(c, cmd, &a, buf_str(&lines));
	else
		authorization(c, responded ? &auth : cmd, &a);
	if (!a.ok && is_farewell(&a))
		c->ended = true;
	buf_free(&lines);
}

void
pop3_check(struct pop3_check *c)
{
	struct command cmd;

	if (!take_answer(c).ok)
		fail(c, "a greeting");
	while (!c->ended && next_command(c, &cmd))
		check_command(c, &cmd);
	if (c->got_at != c->got.n)
		fail(c, "nothing more");
}
