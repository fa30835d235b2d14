/* auth.c - the AUTHORIZATION state: commands that lead to a login */
#include "imap/pop3d/auth.h"

#include "imap/pop3d/capa.h"
#include "lib/b64.h"
#include "lib/log.h"

#include "config.h"

#include <string.h>

void
auth_init(struct auth *a, const struct conf *conf, const char *host)
{
	*a = (struct auth){
		.conf = conf, .host = host, .mechanisms = BUF_INIT,
		.apop = BUF_INIT, .name = BUF_INIT, .secret = BUF_INIT,
	};
}

void
auth_fini(struct auth *a)
{
	buf_free(&a->mechanisms);
	buf_free(&a->apop);
	buf_free(&a->name);
	buf_wipe(&a->secret);
}

void
auth_facts(struct auth *a, const struct auth_facts *f)
{
	a->facts = *f;
	buf_reset(&a->mechanisms);
	buf_adds(&a->mechanisms, f->mechanisms);
	a->facts.mechanisms = a->mechanisms.p;
	buf_reset(&a->apop);
	if (f->apop != NULL) {
		buf_adds(&a->apop, f->apop);
		a->facts.apop = a->apop.p;
	}
	/* RFC 2595 section 4: what was said before is void. */
	a->has_name = a->in_exchange = a->utf8 = false;
	a->language = LANGUAGE_DEFAULT;
}

void
auth_greet(struct auth *a, const char *hostname, struct buf *out)
{
	int info = conf_enum(a->conf, CONF_SERVERINFO);

	buf_adds(out, "+OK ");
	if (info > 0)
		buf_printf(out, "%s%s ", hostname,
		    info > 1 ? " Chapar POP3 " PACKAGE_VERSION : "");
	buf_printf(out, "server ready%s%s\r\n", a->facts.apop != NULL ? " " : "",
	    a->facts.apop != NULL ? a->facts.apop : "");
}

size_t
auth_line_max(const struct auth *a)
{
	(void)a;
	/* Of commands AUTH alone may be so long: see auth_line(). */
	return AUTH_RESPONSE_MAX;
}

/* --- answers --- */

static enum auth_next
bad(struct auth *a, const char *text, struct buf *out)
{
	if (++a->bad < AUTH_BAD_MAX) {
		reply_err(out, a->language, NULL, text);
		return AUTH_LINE;
	}
	reply_err(out, a->language, NULL, "Too many bad commands");
	log_warning("too many invalid commands from [%s]", a->host);
	return AUTH_END;
}

static enum auth_next
refuse(struct auth *a, const char *code, const char *text, struct buf *out)
{
	reply_err(out, a->language, code, text);
	return AUTH_LINE;
}

/* --- commands --- */

static enum auth_next
cmd_capa(struct auth *a, struct pop3_command *c, struct buf *out)
{
	struct capa capa = {
		.conf = a->conf, .mechanisms = buf_str(&a->mechanisms),
		.plaintext = a->facts.plaintext, .stls = a->facts.may_start_tls,
	};

	(void)c;
	capa_list(out, a->language, &capa);
	return AUTH_LINE;
}

static enum auth_next
cmd_lang(struct auth *a, struct pop3_command *c, struct buf *out)
{
	lang_choose(out, c->args, &a->language);
	return AUTH_LINE;
}

static enum auth_next
cmd_utf8(struct auth *a, struct pop3_command *c, struct buf *out)
{
	(void)c;
	a->utf8 = true;
	reply_ok(out, a->language, "UTF-8 enabled");
	return AUTH_LINE;
}

static enum auth_next
cmd_quit(struct auth *a, struct pop3_command *c, struct buf *out)
{
	(void)c;
	reply_ok(out, a->language, "Bye");
	return AUTH_END;
}

static enum auth_next
cmd_stls(struct auth *a, struct pop3_command *c, struct buf *out)
{
	(void)c;
	if (!a->facts.may_start_tls)
		return refuse(a, NULL, "TLS is not available", out);
	if (a->utf8)		/* RFC 6856 section 2.1 */
		return refuse(a, NULL, "Not after UTF8", out);
	reply_ok(out, a->language, "Begin TLS negotiation now");
	return AUTH_TLS;
}

/* Whether there is such a user is nobody's business (RFC 1939 section 13). */
static enum auth_next
cmd_user(struct auth *a, struct pop3_command *c, struct buf *out)
{
	struct str name = str_trim(c->args);

	if (name.n == 0)
		return bad(a, "An argument is missing", out);
	if (!a->facts.plaintext)
		return refuse(a, "AUTH", "A password must not be sent without TLS", out);
	buf_reset(&a->name);
	buf_add_str(&a->name, name);
	a->has_name = true;
	reply_ok(out, a->language, "Send the password");
	return AUTH_LINE;
}

/* Its argument is all that follows the space: it may hold spaces itself. */
static enum auth_next
cmd_pass(struct auth *a, struct pop3_command *c, struct buf *out)
{
	if (!a->has_name)
		return bad(a, "Say USER first", out);
	if (c->args.n == 0)
		return bad(a, "An argument is missing", out);
	buf_wipe(&a->secret);
	buf_add_str(&a->secret, c->args);
	a->ask = (struct auth_ask){
		.question = ASK_PASSWORD, .name = buf_str(&a->name),
		.secret = buf_str(&a->secret),
	};
	return AUTH_ASK;
}

static enum auth_next
cmd_apop(struct auth *a, struct pop3_command *c, struct buf *out)
{
	struct str args = str_trim(c->args);
	size_t space = str_rchr(args, ' ');

	if (a->facts.apop == NULL)
		return bad(a, "Unrecognized command", out);
	if (space == args.n)
		return bad(a, "An argument is missing", out);
	buf_reset(&a->name);
	buf_add_str(&a->name, str_trim(str_slice(args, 0, space)));
	buf_wipe(&a->secret);
	buf_add_str(&a->secret, str_slice(args, space + 1, args.n));
	a->ask = (struct auth_ask){
		.question = ASK_APOP, .name = buf_str(&a->name),
		.secret = buf_str(&a->secret),
	};
	return AUTH_ASK;
}

/* --- AUTH (RFC 5034) --- */

/* Without an argument, from before CAPA: Outlook and others ask so. */
static enum auth_next
list_mechanisms(struct auth *a, struct buf *out)
{
	struct str left = buf_str(&a->mechanisms), word;

	reply_ok(out, a->language, "List of mechanisms follows");
	while (str_next_word(&left, &word))
		buf_printf(out, "%.*s\r\n", STR_ARG(word));
	buf_adds(out, ".\r\n");
	return AUTH_LINE;
}

static enum auth_next
cmd_auth(struct auth *a, struct pop3_command *c, struct buf *out)
{
	struct str args = c->args, mechanism, initial;

	if (!pop3_word(&args, &mechanism))
		return list_mechanisms(a, out);
	buf_reset(&a->name);
	buf_add_str(&a->name, mechanism);
	buf_wipe(&a->secret);
	a->ask = (struct auth_ask){ .question = ASK_START };
	if (pop3_word(&args, &initial)) {
		a->ask.has_initial = true;
		if (args.n > 0)
			return bad(a, "Too many arguments", out);
		if (!str_eq(initial, STR("=")) && b64_decode(initial, &a->secret) != OK)
			return bad(a, "Cancelled, or no base64", out);
	}
	a->ask.name = buf_str(&a->name);
	a->ask.secret = buf_str(&a->secret);
	return AUTH_ASK;
}

static enum auth_next
step(struct auth *a, struct str line, struct buf *out)
{
	a->in_exchange = false;
	buf_wipe(&a->secret);
	if (str_eq(line, STR("*")) || b64_decode(line, &a->secret) != OK)
		return bad(a, "Cancelled, or no base64", out);
	a->ask = (struct auth_ask){ .question = ASK_STEP, .secret = buf_str(&a->secret) };
	return AUTH_ASK;
}

/* What an administrator has written for who is not let in (cyr_deny(8)) is passed on. */
static enum auth_next
denied(struct auth *a, struct str why, struct buf *out)
{
	char text[400];

	if (why.n == 0 || why.n >= sizeof(text) || str_eq(why, STR("not allowed")))
		return refuse(a, "AUTH", "You may not do this", out);
	memcpy(text, why.p, why.n);
	text[why.n] = '\0';
	return refuse(a, "AUTH", text, out);
}

enum auth_next
auth_answer(struct auth *a, enum err e, struct str said, struct buf *out)
{
	buf_wipe(&a->secret);
	a->has_name = false;
	if (e == ERR_AGAIN) {
		buf_adds(out, "+ ");
		b64_encode(said, out);
		buf_adds(out, "\r\n");
		a->in_exchange = true;
		return AUTH_LINE;
	}
	if (e == ERR_UNSUPPORTED)
		return bad(a, "No such mechanism", out);
	if (++a->failed >= AUTH_FAILED_MAX) {
		reply_err(out, a->language, e == ERR_IO ? "SYS/TEMP" : "AUTH",
		    "Too many failed logins");
		return AUTH_END;
	}
	if (e == ERR_IO)
		return refuse(a, "SYS/TEMP",
		    "Passwords cannot be checked now; try again later", out);
	if (e == ERR_DENIED)
		return denied(a, said, out);
	return refuse(a, "AUTH", "Wrong name or password", out);
}

/* --- which command is it? --- */

static const struct {
	const char *name;
	bool no_args;
	/* NULL: not in this state. */
	enum auth_next (*run)(struct auth *a, struct pop3_command *c, struct buf *out);
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

static enum auth_next
dispatch(struct auth *a, struct pop3_command *c, struct buf *out)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!str_ieq(c->verb, str_c(commands[i].name)))
			continue;
		if (commands[i].run == NULL)
			return bad(a, "Log in first", out);
		if (commands[i].no_args && str_trim(c->args).n > 0)
			return bad(a, "This command takes no argument", out);
		return commands[i].run(a, c, out);
	}
	return bad(a, "Unrecognized command", out);
}

enum auth_next
auth_line(struct auth *a, struct str line, struct buf *out)
{
	struct pop3_command c;
	enum auth_next next;
	unsigned before = a->bad;

	if (a->in_exchange)
		return step(a, line, out);
	pop3_split(line, &c);
	if (is_http(line) && !str_ieq(c.verb, STR("PASS"))) {
		reply_err(out, a->language, NULL, "This is a POP3 server");
		log_warning("an HTTP request from [%s]", a->host);
		return AUTH_END;
	}
	/*
	 * RFC 5034 section 4 wants clients to keep an initial response within the
	 * 255 octets, too; those that send the long ones of OAuth do not.
	 */
	if (memchr(line.p, '\0', line.n) != NULL)
		next = bad(a, "Unrecognized command", out);
	else if (line.n + 2 > POP3_LINE_MAX && !str_ieq(c.verb, STR("AUTH")))
		next = bad(a, "Line is too long", out);
	else
		next = dispatch(a, &c, out);
	/* "immediately after a successful USER command" (RFC 1939 section 7) */
	if (!str_ieq(c.verb, STR("USER")) && next != AUTH_ASK)
		a->has_name = false;
	if (a->bad == before)
		a->bad = 0;
	return next;
}

enum auth_next
auth_too_long(struct auth *a, struct buf *out)
{
	a->in_exchange = a->has_name = false;
	return bad(a, "Line is too long", out);
}
