/* dialect.c - see dialect.h */
#include "imap/probe/dialect.h"

#include <string.h>

static void
add_mechanism(struct offer *o, struct str name)
{
	if (o->mechanisms.n > 0)
		buf_addc(&o->mechanisms, ' ');
	buf_add_str(&o->mechanisms, name);
}

static void
add_mechanisms(struct offer *o, struct str words)
{
	struct str word;
	while (str_next_word(&words, &word))
		add_mechanism(o, word);
}

/* --- IMAP --- */

/* "+ ...", "* ..." or "TAG OK|NO|BAD ..."; there is never more than one tag. */
static enum reply
imap_reply(struct str line)
{
	struct str word;
	if (!str_next_word(&line, &word))
		return REPLY_MORE;
	if (str_eq(word, STR("+")))
		return REPLY_GO_ON;
	bool tagged = !str_eq(word, STR("*"));
	if (!str_next_word(&line, &word))
		return REPLY_MORE;
	if (!tagged)
		return str_ieq(word, STR("BYE")) ? REPLY_NO : REPLY_MORE;
	return str_ieq(word, STR("OK")) ? REPLY_OK : REPLY_NO;
}

static enum reply
imap_greeting(struct str line)
{
	if (str_istarts(line, STR("* OK")) || str_istarts(line, STR("* PREAUTH")))
		return REPLY_OK;
	return REPLY_NO;
}

static void
imap_offer(struct str line, struct offer *o)
{
	struct str word;
	if (!str_istarts(line, STR("* CAPABILITY ")))
		return;
	while (str_next_word(&line, &word)) {
		if (str_istarts(word, STR("AUTH=")))
			add_mechanism(o, str_slice(word, 5, word.n));
		o->starttls |= str_ieq(word, STR("STARTTLS"));
		o->initial_response |= str_ieq(word, STR("SASL-IR"));
		o->no_login |= str_ieq(word, STR("LOGINDISABLED"));
	}
}

/* --- POP3 --- */

static enum reply
pop3_reply(struct str line)
{
	if (str_istarts(line, STR("+OK")))
		return REPLY_OK;
	return str_starts(line, STR("+")) ? REPLY_GO_ON : REPLY_NO;
}

static void
pop3_offer(struct str line, struct offer *o)
{
	if (str_istarts(line, STR("SASL ")))
		add_mechanisms(o, str_slice(line, 5, line.n));
	o->starttls |= str_ieq(line, STR("STLS"));
}

/* --- LMTP --- */

static enum reply
lmtp_reply(struct str line)
{
	if (line.n > 3 && line.p[3] == '-')
		return REPLY_MORE;
	if (str_starts(line, STR("2")))
		return REPLY_OK;
	return str_starts(line, STR("3")) ? REPLY_GO_ON : REPLY_NO;
}

static void
lmtp_offer(struct str line, struct offer *o)
{
	struct str keyword = str_slice(line, 4, line.n);
	if (str_istarts(keyword, STR("AUTH ")))
		add_mechanisms(o, str_slice(keyword, 5, keyword.n));
	o->starttls |= str_ieq(keyword, STR("STARTTLS"));
}

static const struct dialect dialects[] = {
	{ .program = "imtest", .service = "imap", .port = "143", .tls_port = "993",
	  .capability = "C01 CAPABILITY", .starttls = "S01 STARTTLS",
	  .authenticate = "A01 AUTHENTICATE", .logout = "Q01 LOGOUT",
	  .greeting = imap_greeting, .reply = imap_reply, .challenge = 2, .offer = imap_offer },
	{ .program = "pop3test", .service = "pop", .port = "110", .tls_port = "995",
	  .capability = "CAPA", .dot_ends = true, .starttls = "STLS",
	  .authenticate = "AUTH", .logout = "QUIT", .initial_response = true,
	  .greeting = pop3_reply, .reply = pop3_reply, .challenge = 2, .offer = pop3_offer },
	{ .program = "lmtptest", .service = "lmtp", .port = "24", .tls_port = "24",
	  .capability = "LHLO lmtptest", .starttls = "STARTTLS",
	  .authenticate = "AUTH", .logout = "QUIT", .initial_response = true,
	  .greeting = lmtp_reply, .reply = lmtp_reply, .challenge = 4, .offer = lmtp_offer },
};

const struct dialect *
dialect_of(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *name = slash != NULL ? slash + 1 : program;
	for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++)
		if (strcmp(name, dialects[i].program) == 0)
			return &dialects[i];
	return &dialects[0];
}
