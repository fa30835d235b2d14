/* imap_check.c - see imap_check.h */
#include "test/fuzz/imap_check.h"

#include "lib/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what the client knows of its mailbox --- */

static void
resize(struct imap_check *c, uint32_t n)
{
	if (n > c->size) {
		c->size = n + 64;
		c->message = realloc(c->message, c->size * sizeof(*c->message));
		ensure(c->message != NULL);
	}
	for (uint32_t i = c->exists; i < n; i++)
		c->message[i] = (struct known){ .uid = 0 };
	c->exists = n;
}

static void
on_exists(struct imap_check *c, uint32_t n)
{
	if (c->selecting)
		c->exists = 0;
	else if (!c->selected)
		grammar_fail(&c->got, "no EXISTS without a mailbox");
	if (n < c->exists || n > 100000)
		grammar_fail(&c->got, "EXISTS that has not fallen");
	resize(c, n);
}

static void
on_expunge(struct imap_check *c, uint32_t n)
{
	c->expunged = true;
	c->exists--;
	memmove(&c->message[n - 1], &c->message[n],
	    (c->exists - (n - 1)) * sizeof(*c->message));
}

static void
on_uid(struct imap_check *c, uint32_t n)
{
	uint32_t uid = grammar_number(&c->got);
	struct known *m = &c->message[n - 1];

	if (uid == 0 || (m->uid != 0 && m->uid != uid))
		grammar_fail(&c->got, "the UID that the message had");
	m->uid = uid;
	for (uint32_t i = n - 1; i > 0 && i + 3 > n; i--)
		if (c->message[i - 1].uid >= uid)
			grammar_fail(&c->got, "UIDs that rise");
	for (uint32_t i = n; i < c->exists && i < n + 2; i++)
		if (c->message[i].uid != 0 && c->message[i].uid <= uid)
			grammar_fail(&c->got, "UIDs that rise");
}

static bool
is_verifying(const struct imap_check *c)
{
	return c->settled && str_eq(c->command, STR("z1 UID FETCH 1:* (FLAGS)\r\n"));
}

static void
on_flags(struct imap_check *c, struct known *m)
{
	struct grammar_flags f;

	grammar_flags(&c->got, &f);
	if (f.bits & ~c->announced)
		grammar_fail(&c->got, "keywords that FLAGS has announced");
	if (is_verifying(c) && m->has_flags && (f.system != m->flags.system
	    || f.recent != m->flags.recent || f.keywords != m->flags.keywords))
		grammar_fail(&c->got, "the flags that the client was told before");
	m->flags = f;
	m->has_flags = true;
}

/* The length of the literal that stands there; 0: it is none. */
static uint64_t
literal_size(const struct imap_check *c)
{
	struct cursor look = c->got;

	return grammar_maybe(&look, "{") ? grammar_number(&look) : 0;
}

static void
on_fetch(struct imap_check *c, uint32_t n)
{
	struct known *m = &c->message[n - 1];
	uint64_t size = 0, length = 0;

	grammar_word(&c->got, " (");
	m->fetched = true;
	do {
		struct str name = grammar_item_name(&c->got);

		if (str_eq(name, STR("UID"))) {
			grammar_word(&c->got, " ");
			on_uid(c, n);
		} else if (str_eq(name, STR("FLAGS"))) {
			grammar_word(&c->got, " ");
			on_flags(c, m);
		} else if (grammar_maybe(&c->got, "[] ")) {
			length = literal_size(c);
			grammar_nstring(&c->got);
		} else if (str_eq(name, STR("RFC822.SIZE"))) {
			grammar_word(&c->got, " ");
			size = grammar_number(&c->got);
		} else {
			grammar_fetch_item(&c->got, name);
		}
	} while (grammar_maybe(&c->got, " "));
	grammar_word(&c->got, ")");
	if (size > 0 && length > 0 && size != length)
		grammar_fail(&c->got, "a body of RFC822.SIZE bytes");
}

static void
message_data(struct imap_check *c)
{
	uint32_t n = grammar_number(&c->got);

	grammar_word(&c->got, " ");
	if (grammar_maybe(&c->got, "EXISTS")) {
		on_exists(c, n);
	} else if (grammar_maybe(&c->got, "RECENT")) {
		if (n > c->exists)
			grammar_fail(&c->got, "RECENT of at most EXISTS");
	} else {
		if (!c->selected || n == 0 || n > c->exists)
			grammar_fail(&c->got, "the number of a message");
		if (grammar_maybe(&c->got, "EXPUNGE")) {
			on_expunge(c, n);
		} else {
			grammar_word(&c->got, "FETCH");
			on_fetch(c, n);
		}
	}
	grammar_word(&c->got, "\r\n");
}

static void
search(struct imap_check *c)
{
	while (grammar_maybe(&c->got, " ")) {
		uint32_t n = grammar_number(&c->got);

		if (n == 0 || (!c->uid && n > c->exists))
			grammar_fail(&c->got, "the number of a message");
	}
	grammar_word(&c->got, "\r\n");
}

static void
announce(struct imap_check *c)
{
	struct grammar_flags f;

	grammar_word(&c->got, " ");
	grammar_flags(&c->got, &f);
	grammar_word(&c->got, "\r\n");
	c->announced = f.bits;
}

/* "* " stands before it. */
static void
untagged(struct imap_check *c)
{
	size_t start = c->got.at;

	if (c->said_bye)
		grammar_fail(&c->got, "nothing but the tagged response after BYE");
	if (start < c->got.all.n && c->got.all.p[start] >= '0' && c->got.all.p[start] <= '9') {
		message_data(c);
		return;
	}
	struct str name = grammar_atom(&c->got);

	if (str_eq(name, STR("OK")) || str_eq(name, STR("NO")) || str_eq(name, STR("BYE"))) {
		c->said_bye = str_eq(name, STR("BYE"));
		grammar_text(&c->got);
	} else if (str_eq(name, STR("SEARCH"))) {
		search(c);
	} else if (str_eq(name, STR("FLAGS"))) {
		announce(c);
	} else {
		grammar_untagged(&c->got, name);
	}
}

/* --- the command that is answered --- */

static bool
is_command(const struct imap_check *c, const char *name)
{
	return str_ieq(c->name, str_c(name));
}

static bool
next_word(struct str *s, struct str *word)
{
	size_t n = 0;

	while (n < s->n && s->p[n] > ' ')
		n++;
	*word = str_slice(*s, 0, n);
	*s = str_slice(*s, n < s->n ? n + 1 : n, s->n);
	return n > 0;
}

static void
begin_command(struct imap_check *c, struct str line)
{
	struct str rest = line;

	c->command = line;
	c->name = (struct str){ "", 0 };
	c->uid = false;
	(void)next_word(&rest, &c->tag);
	if (next_word(&rest, &c->name) && str_ieq(c->name, STR("UID"))) {
		c->uid = true;
		(void)next_word(&rest, &c->name);
	}
	c->selecting = is_command(c, "SELECT") || is_command(c, "EXAMINE");
	c->expunged = false;
	c->existed = c->exists;
	for (uint32_t i = 0; i < c->exists; i++)
		c->message[i].fetched = false;
}

static bool
has_word(struct str line, const char *word)
{
	for (size_t i = 0; i + strlen(word) <= line.n; i++)
		if (str_ieq(str_slice(line, i, i + strlen(word)), str_c(word)))
			return true;
	return false;
}

/* What the other has added meanwhile comes with the next command. */
static void
check_verified(struct imap_check *c)
{
	for (uint32_t i = 0; i < c->exists && i < c->existed; i++)
		if (!c->message[i].fetched || c->message[i].uid == 0)
			grammar_fail(&c->got, "a FETCH for every message");
	c->verified = c->exists == c->existed;
}

static void
end_command(struct imap_check *c, bool ok, bool bad)
{
	bool numbers = is_command(c, "FETCH") || is_command(c, "STORE")
	    || is_command(c, "SEARCH");

	if (c->expunged && numbers && !c->uid)
		grammar_fail(&c->got, "no EXPUNGE during FETCH, STORE, SEARCH");
	if (ok && (is_command(c, "COMPRESS") || is_command(c, "NOTIFY")
	    || (is_command(c, "ENABLE") && (has_word(c->command, "QRESYNC")
	    || has_word(c->command, "UIDONLY")))))
		c->blind = true;
	if (ok && is_command(c, "UNAUTHENTICATE"))
		c->selected = false;
	if (c->selecting && !bad) {
		c->selected = ok;
		c->selects++;
	}
	if (ok && (is_command(c, "CLOSE") || is_command(c, "UNSELECT")))
		c->selected = false;
	if (!c->selected)
		c->exists = 0;
	/* What the client asked for in silence it is not told. */
	if (is_command(c, "STORE") && has_word(c->command, ".SILENT"))
		for (uint32_t i = 0; i < c->exists; i++)
			c->message[i].has_flags = false;
	if (ok && c->selected && is_verifying(c))
		check_verified(c);
	c->settled = ok && str_eq(c->command, STR("z0 NOOP\r\n"));
}

/* A BAD may have taken for the tag what could be one of the first word. */
static void
tagged(struct imap_check *c)
{
	bool star = grammar_maybe(&c->got, "* "), whole = false;

	if (!star) {
		struct str tag = grammar_tag(&c->got);

		whole = str_eq(tag, c->tag);
		if (!str_starts(c->tag, tag))
			grammar_fail(&c->got, "the tag of the command at hand");
		grammar_word(&c->got, " ");
	}
	struct str word = grammar_atom(&c->got);
	bool ok = str_eq(word, STR("OK")), bad = str_eq(word, STR("BAD"));

	if (!bad && (!whole || (!ok && !str_eq(word, STR("NO")))))
		grammar_fail(&c->got, "OK, NO or BAD");
	grammar_text(&c->got);
	end_command(c, ok, bad);
}

enum event { END, CONTINUE, TAGGED };

/* Untagged responses, and then what asks or answers the client. */
static enum event
responses(struct imap_check *c)
{
	for (;;) {
		if (c->got.at == c->got.all.n)
			return END;
		if (grammar_next_is(&c->got, "* BAD ")) {
			tagged(c);
			return TAGGED;
		}
		if (grammar_maybe(&c->got, "* ")) {
			untagged(c);
		} else if (grammar_maybe(&c->got, "+")) {
			if (!grammar_next_is(&c->got, " \r\n"))
				grammar_text(&c->got);
			else
				c->got.at += 3;
			return CONTINUE;
		} else {
			tagged(c);
			return TAGGED;
		}
	}
}

/* --- the client's side --- */

static bool
take_line(struct cursor *s, struct str *line)
{
	if (s->at == s->all.n)
		return false;

	const char *from = s->all.p + s->at;
	const char *lf = memchr(from, '\n', s->all.n - s->at);

	if (lf == NULL)
		return false;
	*line = (struct str){ from, (size_t)(lf - from) + 1 };
	s->at += line->n;
	return true;
}

/* Does the line end in "{" number ["+"] "}"? */
static bool
announces_literal(struct str line, bool *sync, uint64_t *size)
{
	size_t end = line.n - 1, digits;

	if (end > 0 && line.p[end - 1] == '\r')
		end--;
	if (end < 3 || line.p[end - 1] != '}')
		return false;
	*sync = line.p[end - 2] != '+';
	end -= *sync ? 1 : 2;
	for (digits = end; digits > 0 && strchr("0123456789", line.p[digits - 1]) != NULL
	    && line.p[digits - 1] != '\0';)
		digits--;
	/* Digits by the dozen are no number, whatever stands behind so many zeros. */
	if (digits == end || digits == 0 || line.p[digits - 1] != '{' || line.n - digits >= 64)
		return false;
	*size = 0;
	for (; digits < end; digits++)
		*size = *size > UINT64_MAX / 20 ? UINT64_MAX / 10
		    : *size * 10 + (uint64_t)(line.p[digits] - '0');
	return true;
}

static bool
take_literal(struct cursor *s, uint64_t size)
{
	if (size > s->all.n - s->at)
		return false;
	s->at += size;
	return true;
}

enum progress { WHOLE, INCOMPLETE, ANSWERED };

/* All of a command's lines and literals. */
static enum progress
take_command(struct imap_check *c)
{
	struct str line;
	uint64_t size;
	bool sync;

	if (!take_line(&c->sent, &line))
		return INCOMPLETE;
	begin_command(c, line);
	while (announces_literal(line, &sync, &size)) {
		if (sync) {
			enum event e = responses(c);

			if (e != CONTINUE)
				return e == TAGGED ? ANSWERED : INCOMPLETE;
		}
		if (!take_literal(&c->sent, size) || !take_line(&c->sent, &line))
			return INCOMPLETE;
	}
	return WHOLE;
}

/* False: the conversation has ended. */
static bool
one_command(struct imap_check *c)
{
	struct str line;
	enum progress p = take_command(c);

	if (p == ANSWERED)
		return true;
	if (p == INCOMPLETE)
		return false;
	for (;;) {
		switch (responses(c)) {
		case END:
			if (!c->said_bye)
				grammar_fail(&c->got, "an answer to the last command");
			return false;
		case TAGGED:
			return true;
		case CONTINUE:
			if (!is_command(c, "IDLE") && !is_command(c, "AUTHENTICATE"))
				grammar_fail(&c->got, "no continuation for this command");
			if (take_line(&c->sent, &line))
				break;
			/* It may be told why nobody listens to it any more. */
			if (responses(c) == CONTINUE)
				grammar_fail(&c->got, "no second question");
			return false;
		}
	}
}

void
imap_check(struct imap_check *c, struct str sent, struct str got)
{
	*c = (struct imap_check){ .sent = { sent, 0 }, .got = { got, 0 } };
	if (got.n == 0)
		return;
	grammar_word(&c->got, "* OK");
	grammar_text(&c->got);
	while (!c->said_bye && !c->blind && one_command(c))
		;
	if (c->blind)
		return;
	/* What had come when the client's last command broke off. */
	while (grammar_maybe(&c->got, "* "))
		untagged(c);
	if (c->got.at < got.n)
		grammar_fail(&c->got, "no response without a command");
}

void
imap_check_same(const struct imap_check *a, const struct imap_check *b)
{
	if (!a->verified || !b->verified || a->selects != 1 || b->selects != 1)
		return;
	if (a->exists != b->exists)
		grammar_fail(&a->got, "as many messages as the other client has");
	for (uint32_t i = 0; i < a->exists; i++) {
		const struct known *x = &a->message[i], *y = &b->message[i];

		if (x->uid != y->uid || x->flags.system != y->flags.system
		    || x->flags.keywords != y->flags.keywords)
			grammar_fail(&a->got, "the messages that the other client has");
	}
}

void
imap_check_free(struct imap_check *c)
{
	free(c->message);
}
