/*
 * pop3_door.c - see pop3_door.h
 *
 * Each byte is looked at once, however small the pieces are in which a line comes.
 */
#include "imap/door/pop3_door.h"
#include "imap/door/pop3_capa.h"
#include "lib/b64.h"
#include "lib/handover.h"
#include "lib/log.h"

#include "config.h"

#include <string.h>

void
pop3_door_init(struct pop3_door *d, const struct conf *conf, const char *host)
{
	*d = (struct pop3_door){
		.conf = conf, .host = host, .mechanisms = BUF_INIT, .apop = BUF_INIT,
		.line = BUF_INIT, .name = BUF_INIT, .secret = BUF_INIT,
	};
}

void
pop3_door_fini(struct pop3_door *d)
{
	buf_free(&d->mechanisms);
	buf_free(&d->apop);
	buf_wipe(&d->line);
	buf_free(&d->name);
	buf_wipe(&d->secret);
}

void
pop3_door_facts(struct pop3_door *d, const struct door_facts *facts)
{
	d->facts = *facts;
	buf_reset(&d->mechanisms);
	buf_add_str(&d->mechanisms, facts->mechanisms);
	d->facts.mechanisms = buf_str(&d->mechanisms);
	d->facts.apop = buf_str(&d->apop);
	if (!d->greeted) {
		buf_add_str(&d->apop, facts->apop);
		d->facts.apop = buf_str(&d->apop);
	}
	/* RFC 2595 section 4: what was said before is void. */
	d->has_name = d->in_exchange = d->utf8 = false;
	d->language = LANGUAGE_DEFAULT;
}

void
pop3_door_greet(struct pop3_door *d, const char *hostname, struct buf *out)
{
	int info = conf_enum(d->conf, CONF_SERVERINFO);
	struct str apop = buf_str(&d->apop);

	d->greeted = true;
	buf_adds(out, "+OK ");
	if (info > 0)
		buf_printf(out, "%s%s ", hostname,
		    info > 1 ? " Chapar POP3 " PACKAGE_VERSION : "");
	buf_printf(out, "server ready%s%.*s\r\n", apop.n > 0 ? " " : "", STR_ARG(apop));
}

/* --- answers --- */

static enum door_next
bad(struct pop3_door *d, const char *text, struct buf *out)
{
	if (++d->bad < POP3_BAD_MAX) {
		pop3_err(out, d->language, NULL, text);
		return DOOR_NEXT;
	}
	pop3_err(out, d->language, NULL, "Too many bad commands");
	log_warning("too many invalid commands from [%s]", d->host);
	return DOOR_END;
}

static enum door_next
refuse(struct pop3_door *d, const char *code, const char *text, struct buf *out)
{
	pop3_err(out, d->language, code, text);
	return DOOR_NEXT;
}

/* --- commands --- */

static enum door_next
cmd_capa(struct pop3_door *d, struct pop3_command *c, struct buf *out)
{
	const struct pop3_capa capa = {
		.conf = d->conf, .mechanisms = d->facts.mechanisms,
		.plaintext = d->facts.plaintext, .stls = d->facts.may_start_tls,
	};

	(void)c;
	pop3_capabilities(out, d->language, &capa);
	return DOOR_NEXT;
}

static enum door_next
cmd_lang(struct pop3_door *d, struct pop3_command *c, struct buf *out)
{
	pop3_choose_language(out, c->args, &d->language);
	return DOOR_NEXT;
}

static enum door_next
cmd_utf8(struct pop3_door *d, struct pop3_command *c, struct buf *out)
{
	(void)c;
	d->utf8 = true;
	pop3_ok(out, d->language, "UTF-8 enabled");
	return DOOR_NEXT;
}

static enum door_next
cmd_quit(struct pop3_door *d, struct pop3_command *c, struct buf *out)
{
	(void)c;
	pop3_ok(out, d->language, "Bye");
	return DOOR_END;
}

static enum door_next
cmd_stls(struct pop3_door *d, struct pop3_command *c, struct buf *out)
{
	(void)c;
	if (!d->facts.may_start_tls)
		return refuse(d, NULL, "TLS is not available", out);
	if (d->utf8)		/* RFC 6856 section 2.1 */
		return refuse(d, NULL, "Not after UTF8", out);
	pop3_ok(out, d->language, "Begin TLS negotiation now");
	return DOOR_TLS;
}

/* Whether there is such a user is nobody's business (RFC 1939 section 13). */
static enum door_next
cmd_user(struct pop3_door *d, struct pop3_command *c, struct buf *out)
{
	struct str name = str_trim(c->args);

	if (name.n == 0)
		return bad(d, "An argument is missing", out);
	if (!d->facts.plaintext)
		return refuse(d, "AUTH", "A password must not be sent without TLS", out);
	buf_reset(&d->name);
	buf_add_str(&d->name, name);
	d->has_name = true;
	pop3_ok(out, d->language, "Send the password");
	return DOOR_NEXT;
}

/* Its argument is all that follows the space: it may hold spaces itself. */
static enum door_next
cmd_pass(struct pop3_door *d, struct pop3_command *c, struct buf *out)
{
	if (!d->has_name)
		return bad(d, "Say USER first", out);
	if (c->args.n == 0)
		return bad(d, "An argument is missing", out);
	buf_wipe(&d->secret);
	buf_add_str(&d->secret, c->args);
	d->ask = (struct dialogue_ask){
		.what = QUESTION_PASSWORD, .name = buf_str(&d->name),
		.bytes = buf_str(&d->secret),
	};
	d->command = HANDOVER_LOGIN;
	return DOOR_ASK;
}

static enum door_next
cmd_apop(struct pop3_door *d, struct pop3_command *c, struct buf *out)
{
	struct str args = str_trim(c->args);
	size_t space = str_rchr(args, ' ');

	if (d->facts.apop.n == 0)
		return bad(d, "Unrecognized command", out);
	if (space == args.n)
		return bad(d, "An argument is missing", out);
	buf_reset(&d->name);
	buf_add_str(&d->name, str_trim(str_slice(args, 0, space)));
	buf_wipe(&d->secret);
	buf_add_str(&d->secret, str_slice(args, space + 1, args.n));
	d->ask = (struct dialogue_ask){
		.what = QUESTION_APOP, .name = buf_str(&d->name),
		.bytes = buf_str(&d->secret), .challenge = d->facts.apop,
	};
	d->command = HANDOVER_APOP;
	return DOOR_ASK;
}

/* --- AUTH (RFC 5034) --- */

/* Without an argument, from before CAPA: Outlook and others ask so. */
static enum door_next
list_mechanisms(struct pop3_door *d, struct buf *out)
{
	struct str left = buf_str(&d->mechanisms), word;

	pop3_ok(out, d->language, "List of mechanisms follows");
	while (str_next_word(&left, &word))
		buf_printf(out, "%.*s\r\n", STR_ARG(word));
	buf_adds(out, ".\r\n");
	return DOOR_NEXT;
}

static enum door_next
cmd_auth(struct pop3_door *d, struct pop3_command *c, struct buf *out)
{
	struct str args = c->args, mechanism, initial;

	if (!pop3_word(&args, &mechanism))
		return list_mechanisms(d, out);
	buf_reset(&d->name);
	buf_add_str(&d->name, mechanism);
	buf_wipe(&d->secret);
	d->ask = (struct dialogue_ask){ .what = QUESTION_START };
	if (pop3_word(&args, &initial)) {
		if (args.n > 0)
			return bad(d, "Too many arguments", out);
		if (!str_eq(initial, STR("=")) && b64_decode(initial, &d->secret) != OK)
			return bad(d, "Cancelled, or no base64", out);
		d->ask.bytes = buf_str(&d->secret);
	}
	d->ask.name = buf_str(&d->name);
	d->command = HANDOVER_AUTHENTICATE;
	return DOOR_ASK;
}

static enum door_next
step(struct pop3_door *d, struct str line, struct buf *out)
{
	d->in_exchange = false;
	buf_wipe(&d->secret);
	if (str_eq(line, STR("*")) || b64_decode(line, &d->secret) != OK)
		return bad(d, "Cancelled, or no base64", out);
	d->ask = (struct dialogue_ask){ .what = QUESTION_STEP, .bytes = buf_str(&d->secret) };
	return DOOR_ASK;
}

/* What an administrator has written for who is not let in (cyr_deny(8)) is passed on. */
static enum door_next
denied(struct pop3_door *d, struct str why, struct buf *out)
{
	char text[400];

	if (why.n == 0 || why.n >= sizeof(text) || str_eq(why, STR("not allowed")))
		return refuse(d, "AUTH", "You may not do this", out);
	memcpy(text, why.p, why.n);
	text[why.n] = '\0';
	return refuse(d, "AUTH", text, out);
}

/* OK is for whoever opens the maildrop to say, whatever authd does. */
static enum err
error_of(const struct dialogue_answer *a)
{
	return a->what == ANSWER_REFUSED && a->err != OK ? (enum err)a->err : ERR_IO;
}

enum door_next
pop3_door_answer(struct pop3_door *d, const struct dialogue_answer *a, struct buf *out)
{
	enum err e = error_of(a);

	buf_wipe(&d->name);
	buf_wipe(&d->secret);
	d->has_name = false;
	if (a->what == ANSWER_CHALLENGE) {
		buf_adds(out, "+ ");
		b64_encode(a->bytes, out);
		buf_adds(out, "\r\n");
		d->in_exchange = true;
		return DOOR_NEXT;
	}
	if (e == ERR_UNSUPPORTED)
		return bad(d, "No such mechanism", out);
	if (++d->failed >= POP3_FAILED_MAX) {
		pop3_err(out, d->language, e == ERR_IO ? "SYS/TEMP" : "AUTH",
		    "Too many failed logins");
		return DOOR_END;
	}
	if (e == ERR_IO)
		return refuse(d, "SYS/TEMP",
		    "Passwords cannot be checked now; try again later", out);
	if (e == ERR_DENIED)
		return denied(d, str_c(a->why != NULL ? a->why : ""), out);
	return refuse(d, "AUTH", "Wrong name or password", out);
}

/* --- which command is it? --- */

static const struct {
	const char *name;
	bool no_args;
	/* NULL: not in this state. */
	enum door_next (*run)(struct pop3_door *d, struct pop3_command *c, struct buf *out);
} commands[] = {
	{ "CAPA", true, cmd_capa },
	{ "USER", false, cmd_user },
	{ "PASS", false, cmd_pass },
	{ "APOP", false, cmd_apop },
	{ "AUTH", false, cmd_auth },
	{ "STLS", true, cmd_stls },
	{ "UTF8", true, cmd_utf8 },
	{ "LANG", false, cmd_lang },
	{ "QUIT", true, cmd_quit },
	{ "STAT", false, NULL },
	{ "LIST", false, NULL },
	{ "RETR", false, NULL },
	{ "DELE", false, NULL },
	{ "NOOP", false, NULL },
	{ "RSET", false, NULL },
	{ "TOP", false, NULL },
	{ "UIDL", false, NULL },
};

/*
 * "POST /path HTTP/1.1": a web browser that was sent here.  The lines that follow
 * may be somebody else's, and come with what the browser's user may do; none of
 * them is taken for a command.
 */
static bool
is_http(struct str line)
{
	size_t space = str_rchr(line, ' ');

	return space < line.n && str_starts(str_slice(line, space + 1, line.n), STR("HTTP/"));
}

static enum door_next
dispatch(struct pop3_door *d, struct pop3_command *c, struct buf *out)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!str_ieq(c->verb, str_c(commands[i].name)))
			continue;
		if (commands[i].run == NULL)
			return bad(d, "Log in first", out);
		if (commands[i].no_args && str_trim(c->args).n > 0)
			return bad(d, "This command takes no argument", out);
		return commands[i].run(d, c, out);
	}
	return bad(d, "Unrecognized command", out);
}

static enum door_next
take_line(struct pop3_door *d, struct str line, struct buf *out)
{
	struct pop3_command c;
	enum door_next next;
	unsigned before = d->bad;

	if (d->in_exchange)
		return step(d, line, out);
	pop3_split(line, &c);
	if (is_http(line) && !str_ieq(c.verb, STR("PASS"))) {
		pop3_err(out, d->language, NULL, "This is a POP3 server");
		log_warning("an HTTP request from [%s]", d->host);
		return DOOR_END;
	}
	/*
	 * RFC 5034 section 4 wants clients to keep an initial response within the
	 * 255 octets, too; those that send the long ones of OAuth do not.
	 */
	if (memchr(line.p, '\0', line.n) != NULL)
		next = bad(d, "Unrecognized command", out);
	else if (line.n + 2 > POP3_LINE_MAX && !str_ieq(c.verb, STR("AUTH")))
		next = bad(d, "Line is too long", out);
	else
		next = dispatch(d, &c, out);
	/* "immediately after a successful USER command" (RFC 1939 section 7) */
	if (!str_ieq(c.verb, STR("USER")) && next != DOOR_ASK)
		d->has_name = false;
	if (d->bad == before)
		d->bad = 0;
	return next;
}

static enum door_next
take_too_long(struct pop3_door *d, struct buf *out)
{
	d->in_exchange = d->has_name = false;
	return bad(d, "Line is too long", out);
}

enum door_next
pop3_door_feed(struct pop3_door *d, struct str in, size_t *used, struct buf *out)
{
	size_t lf = str_chr(in, '\n');
	enum door_next next;

	*used = lf < in.n ? lf + 1 : in.n;
	d->too_long |= *used > POP3_RESPONSE_MAX - d->line.n;
	if (d->too_long)
		buf_wipe(&d->line);
	else
		buf_add(&d->line, in.p, *used);
	if (lf == in.n)
		return DOOR_READ;
	pop3_chomp(&d->line);
	next = d->too_long ? take_too_long(d, out) : take_line(d, buf_str(&d->line), out);
	/* It may have held a password, or half of one that is no base64. */
	buf_wipe(&d->line);
	if (next != DOOR_ASK)
		buf_wipe(&d->secret);
	d->too_long = false;
	return next;
}
