/*
 * imap_door.c - see imap_door.h
 *
 * The words are those of a worker (imap/imapd): a client must not be able to
 * tell who speaks.  They are tested by running the tests of one with the other.
 */
#include "imap/door/imap_door.h"
#include "imap/door/imap_assemble.h"
#include "imap/door/imap_words.h"
#include "imap/imapd/proto/parse.h"
#include "imap/imapd/proto/reply.h"
#include "lib/arena.h"
#include "lib/b64.h"
#include "lib/handover.h"
#include "lib/log.h"

#include "config.h"

#include <stdio.h>
#include <string.h>

enum {
	ARENA = 1024 * 1024,
	MAX_BAD = 5,			/* in a row: it is no IMAP client */
	MAX_FAILED = 5,
	MAX_ID_PAIRS = 30,		/* RFC 2971 section 3.3 */
	MAX_ID_NAME = 30,
	MAX_ID_VALUE = 1024,
};

/* One command as it is run. */
struct early {
	struct imap_door *d;
	struct parser p;
	struct str tag;
	struct buf *out;
	struct reply_tagged reply;
	bool takes_message;		/* APPEND, REPLACE */
	bool silent;			/* the answer is out already, or comes later */
	enum door_next next;
};

void
imap_door_init(struct imap_door *d, const struct conf *conf, const char *host)
{
	*d = (struct imap_door){
		.conf = conf, .host = host, .tag = BUF_INIT, .text = BUF_INIT,
		.mechanisms = BUF_INIT, .answer = BUF_INIT, .name = BUF_INIT, .secret = BUF_INIT,
	};
}

/* Passwords may have been in it. */
static void
forget_command(struct imap_door *d)
{
	buf_wipe(&d->text);
	imap_assemble_reset(d);
}

static void
wipe(struct imap_door *d)
{
	forget_command(d);
	buf_wipe(&d->answer);
	buf_wipe(&d->name);
	buf_wipe(&d->secret);
}

void
imap_door_fini(struct imap_door *d)
{
	wipe(d);
	buf_free(&d->tag);
	buf_free(&d->mechanisms);
}

void
imap_door_facts(struct imap_door *d, const struct door_facts *facts)
{
	d->facts = *facts;
	buf_reset(&d->mechanisms);
	buf_add_str(&d->mechanisms, facts->mechanisms);
	d->facts.mechanisms = buf_str(&d->mechanisms);
}

void
imap_door_bye(const char *text, struct buf *out)
{
	buf_printf(out, "* BYE %s\r\n", text);
}

static void
put_capabilities(const struct imap_door *d, struct buf *out)
{
	imap_capabilities(d->conf, false, out);
	imap_login_capabilities(d->facts.may_start_tls, d->facts.plaintext,
	    d->facts.mechanisms, out);
}

void
imap_door_greet(struct imap_door *d, const char *hostname, struct buf *out)
{
	buf_adds(out, "* OK [CAPABILITY ");
	put_capabilities(d, out);
	buf_adds(out, "] ");
	imap_greeting(d->conf, hostname, out);
}

/* --- answers --- */

/* As reply_tagged(), which knows streams only. */
static void
put_tagged(enum language l, struct str tag, const struct reply_tagged *t, struct buf *out)
{
	const struct reply_error *words = reply_error_of(t->err);
	const char *code = t->code != NULL ? t->code : words->code;
	bool bad = t->err != OK && (t->bad || words->bad);
	if (tag.n > 0)
		buf_add_str(out, tag);
	else
		buf_addc(out, '*');
	buf_adds(out, t->err == OK ? " OK " : bad ? " BAD " : " NO ");
	if (code != NULL && *code != '\0')
		buf_printf(out, "[%s] ", code);
	buf_printf(out, "%s\r\n", text_in(l, t->text != NULL ? t->text : words->text));
}

/* Answers, and ends with those who make no sense. */
static enum door_next
finish(struct imap_door *d, struct str tag, const struct reply_tagged *t, struct buf *out)
{
	put_tagged(d->language, tag, t, out);
	bool bad = t->err != OK && (t->bad || reply_error_of(t->err)->bad);
	d->bad = bad ? d->bad + 1 : 0;
	if (d->bad < MAX_BAD)
		return DOOR_NEXT;
	imap_door_bye("Too many invalid IMAP commands", out);
	log_warning("too many invalid commands from [%s]", d->host);
	return DOOR_END;
}

/* --- the commands --- */

static enum err
run_capability(struct early *c)
{
	buf_adds(c->out, "* CAPABILITY ");
	put_capabilities(c->d, c->out);
	buf_adds(c->out, "\r\n");
	return OK;
}

static enum err
run_noop(struct early *c)
{
	(void)c;
	return OK;
}

static enum err
run_logout(struct early *c)
{
	imap_door_bye("LOGOUT received", c->out);
	c->next = DOOR_END;
	return OK;
}

/* id-params = "(" [string SP nstring *(SP string SP nstring)] ")" / nil */
static bool
parse_id(struct parser *p, struct buf *line)
{
	struct str name, value;
	int pairs = 0;
	if (!parse_sp(p))
		return false;
	if (parse_word(p, "NIL"))
		return true;
	if (!parse_char(p, '('))
		return parse_expect(p, "a list or NIL");
	while (!parse_peek(p, ')')) {
		if ((pairs > 0 && !parse_sp(p)) || !parse_string(p, &name)
		    || !parse_sp(p) || !parse_nstring(p, &value))
			return false;
		if (++pairs > MAX_ID_PAIRS || name.n > MAX_ID_NAME || value.n > MAX_ID_VALUE)
			return parse_expect(p, "at most 30 short fields");
		if (value.p != NULL)
			buf_printf(line, "%s\"%.*s\" \"%.*s\"", line->n > 0 ? " " : "",
			    STR_ARG(name), STR_ARG(value));
	}
	return parse_char(p, ')');
}

static enum err
run_id(struct early *c)
{
	struct buf line = BUF_INIT;
	bool ok = parse_id(&c->p, &line) && parse_end(&c->p);
	if (ok && line.n > 0)
		log_info("client id: [%s] %s", c->d->host, line.p);
	buf_free(&line);
	if (!ok)
		return parse_failed(&c->p);
	if (conf_switch(c->d->conf, CONF_IMAPIDRESPONSE))
		buf_adds(c->out, "* ID (\"name\" \"Chapar\" \"version\" \"" PACKAGE_VERSION
		    "\")\r\n");
	else
		buf_adds(c->out, "* ID NIL\r\n");
	return OK;
}

static void
list_languages(struct buf *out)
{
	buf_adds(out, "* LANGUAGE (");
	for (unsigned l = 0; l < LANGUAGES; l++)
		buf_printf(out, "%s\"%s\"", l > 0 ? " " : "", language_tag(l));
	buf_adds(out, ")\r\n");
}

/* The first of the ranges that we know; "*" before others says nothing. */
static enum err
run_language(struct early *c)
{
	struct parser *p = &c->p;
	struct str range;
	enum language l;
	bool chosen = false, any = !parse_at_end(p);
	while (!parse_at_end(p)) {
		if (!parse_sp(p) || !parse_astring(p, &range))
			return parse_failed(p);
		if (!chosen && (!str_eq(range, STR("*")) || parse_at_end(p)))
			chosen = language_find(range, &l);
	}
	if (!any) {
		list_languages(c->out);
		return OK;
	}
	if (!chosen) {
		c->reply.text = "No such language";
		return ERR_UNSUPPORTED;
	}
	c->d->language = l;
	buf_printf(c->out, "* LANGUAGE (\"%s\")\r\n", language_tag(l));
	return OK;
}

/*
 * What follows in the clear is dropped by whoever begins with TLS (RFC 3501
 * section 6.2.1).
 */
static enum err
run_starttls(struct early *c)
{
	const struct door_facts *f = &c->d->facts;
	if (f->may_start_tls) {
		c->reply.text = "Begin TLS negotiation now";
		c->next = DOOR_TLS;
		return OK;
	}
	c->reply.bad = true;
	c->reply.text = f->is_tls ? "TLS is active already" : "Starttls is not available";
	c->reply.code = "";
	return ERR_UNSUPPORTED;
}

static enum err
run_login(struct early *c)
{
	struct imap_door *d = c->d;
	struct str userid, password;
	if (!parse_sp(&c->p) || !parse_astring(&c->p, &userid) || !parse_sp(&c->p)
	    || !parse_astring(&c->p, &password) || !parse_end(&c->p))
		return parse_failed(&c->p);
	if (!d->facts.plaintext) {
		c->reply.code = "PRIVACYREQUIRED";
		c->reply.text = "Login only available under a layer";
		return ERR_DENIED;
	}
	buf_add_str(&d->name, userid);
	buf_add_str(&d->secret, password);
	d->ask = (struct dialogue_ask){
		.what = QUESTION_PASSWORD, .name = buf_str(&d->name), .bytes = buf_str(&d->secret),
	};
	d->command = HANDOVER_LOGIN;
	c->next = DOOR_ASK;
	c->silent = true;
	return OK;
}

static const char not_base64[] = "Authentication exchange was cancelled or is not base64";

/* SP mechanism [SP (base64 / "=")] (RFC 4959) */
static enum err
run_authenticate(struct early *c)
{
	struct imap_door *d = c->d;
	struct str mechanism, initial = { NULL, 0 };
	struct parser *p = &c->p;
	if (!parse_sp(p) || !parse_atom(p, &mechanism)
	    || (parse_peek(p, ' ') && (!parse_sp(p) || !parse_atom(p, &initial)))
	    || !parse_end(p))
		return parse_failed(p);
	if (initial.p != NULL && !str_eq(initial, STR("="))
	    && b64_decode(initial, &d->answer) != OK) {
		c->reply.bad = true;
		c->reply.code = "";
		c->reply.text = not_base64;
		return ERR_SYNTAX;
	}
	buf_add_str(&d->name, mechanism);
	d->ask = (struct dialogue_ask){ .what = QUESTION_START, .name = buf_str(&d->name) };
	if (initial.p != NULL)
		d->ask.bytes = buf_str(&d->answer);
	d->command = HANDOVER_AUTHENTICATE;
	c->next = DOOR_ASK;
	c->silent = true;
	return OK;
}

static const struct {
	struct str name;
	enum err (*run)(struct early *c);
	bool no_arguments;
} legal[] = {
	{ { "CAPABILITY", 10 }, run_capability, true },
	{ { "NOOP", 4 }, run_noop, true },
	{ { "LOGOUT", 6 }, run_logout, true },
	{ { "ID", 2 }, run_id, false },
	{ { "LANGUAGE", 8 }, run_language, false },
	{ { "STARTTLS", 8 }, run_starttls, true },
	{ { "LOGIN", 5 }, run_login, false },
	{ { "AUTHENTICATE", 12 }, run_authenticate, false },
};

enum { LEGAL = sizeof(legal) / sizeof(legal[0]) };

/* --- one command --- */

/* tag SP ["UID" SP] name; what is wrong with it, or NULL: then *which is legal. */
static const char *
recognize(struct early *c, size_t *which)
{
	struct str name;
	bool uid = false;
	*which = LEGAL;
	if (!parse_tag(&c->p, &c->tag)) {
		c->tag = (struct str){ NULL, 0 };
		return "Invalid tag";
	}
	if (!parse_sp(&c->p) || !parse_atom(&c->p, &name))
		return "Null command";
	if (str_ieq(name, STR("UID"))) {
		uid = true;
		if (!parse_sp(&c->p) || !parse_atom(&c->p, &name))
			return "Missing required argument to Uid";
	}
	if (!imap_command_exists(name, uid))
		return uid ? "Unrecognized UID subcommand" : "Unrecognized command";
	c->takes_message = str_ieq(name, STR("APPEND")) || str_ieq(name, STR("REPLACE"));
	for (size_t i = 0; i < LEGAL && !uid; i++)
		if (str_ieq(name, legal[i].name))
			*which = i;
	return *which < LEGAL ? NULL : "Please login first";
}

/*
 * "Invalid arguments in LOGIN: expected an atom or a string at byte 12"
 */
static void
explain(struct early *c, const char *name, char *text, size_t size)
{
	const struct parser *p = &c->p;
	if (p->err == ERR_LIMIT && p->too_big != NULL)
		snprintf(text, size, "%s: %s", name, p->too_big);
	else if (p->err == OK && p->expected != NULL)
		snprintf(text, size, "Invalid arguments in %s: expected %s at byte %zu",
		    name, p->expected, p->expected_at + 1);
	else
		return;
	c->reply.text = text;
	if (p->err != ERR_LIMIT)
		return;
	c->reply.bad = true;
	c->reply.code = "TOOBIG";
}

/*
 * "POST /path HTTP/1.1": a web browser that was sent here.  The lines that
 * follow may be somebody else's, and come with what the browser's user may do;
 * none of them is taken for a command or said again.
 */
static bool
is_http(struct str line)
{
	size_t space = str_rchr(line, ' ');
	struct str version = STR("HTTP/");
	return space < line.n && line.n - space - 1 > version.n
	    && memcmp(line.p + space + 1, version.p, version.n) == 0;
}

static enum door_next
run(struct early *c, struct str line, char *text, size_t size)
{
	size_t which;
	enum err e = ERR_SYNTAX;
	c->reply.text = recognize(c, &which);
	if (c->reply.text == NULL) {
		bool ended = !legal[which].no_arguments || parse_end(&c->p);
		e = ended ? legal[which].run(c) : parse_failed(&c->p);
		if (c->reply.text == NULL && (e == ERR_SYNTAX || e == ERR_LIMIT))
			explain(c, legal[which].name.p, text, size);
	}
	if (e == ERR_SYNTAX && is_http(line)) {
		imap_door_bye("This is an IMAP server", c->out);
		log_warning("an HTTP request from [%s]", c->d->host);
		return DOOR_END;
	}
	c->reply.err = e;
	if (c->silent) {
		buf_reset(&c->d->tag);
		buf_add_str(&c->d->tag, c->tag);
		return c->next;
	}
	enum door_next next = finish(c->d, c->tag, &c->reply, c->out);
	return next == DOOR_END ? next : c->next;
}

static enum door_next
run_command(struct imap_door *d, struct buf *out)
{
	char text[200];
	struct arena *arena = arena_new(ARENA);
	struct early c = { .d = d, .out = out, .next = DOOR_NEXT };
	enum door_next next;
	parser_init(&c.p, buf_str(&d->text), arena);
	if (d->refused == OK) {
		next = run(&c, buf_str(&d->text), text, sizeof(text));
	} else {
		size_t which;
		(void)recognize(&c, &which);
		/* TOOBIG for a message is the client's wish denied, not bad grammar. */
		c.reply = (struct reply_tagged){
			.err = d->refused, .bad = !c.takes_message, .code = d->code, .text = d->problem,
		};
		next = finish(d, c.tag, &c.reply, out);
	}
	arena_free(arena);
	/* A question points into what it asks. */
	if (next == DOOR_ASK)
		forget_command(d);
	else
		wipe(d);
	return next;
}

/* --- the exchange --- */

/* It is over, with a NO or BAD. */
static enum door_next
end_exchange(struct imap_door *d, const struct reply_tagged *t, struct buf *out)
{
	enum door_next next = finish(d, buf_str(&d->tag), t, out);
	wipe(d);
	return next;
}

static enum door_next
cancel_exchange(struct imap_door *d, struct buf *out)
{
	const struct reply_tagged t = {
		.err = ERR_SYNTAX, .bad = true, .code = "", .text = not_base64,
	};
	return end_exchange(d, &t, out);
}

/* A line of the client's in answer to a challenge; "*" gives up. */
static enum door_next
respond(struct imap_door *d, struct buf *out)
{
	struct str line = buf_str(&d->text);
	buf_wipe(&d->answer);
	bool ok = !d->cut && !str_eq(line, STR("*")) && b64_decode(line, &d->answer) == OK;
	forget_command(d);
	if (!ok)
		return cancel_exchange(d, out);
	d->ask = (struct dialogue_ask){ .what = QUESTION_STEP, .bytes = buf_str(&d->answer) };
	return DOOR_ASK;
}

static enum door_next
not_logged_in(struct imap_door *d, enum err e, const char *why, struct buf *out)
{
	char text[300];
	snprintf(text, sizeof(text), "Login failed: %s", why != NULL ? why : "not now");
	const struct reply_tagged t = {
		.err = e, .text = text,
		.code = e == ERR_IO ? "UNAVAILABLE"
		    : e == ERR_DENIED ? "AUTHORIZATIONFAILED" : NULL,
	};
	bool last = ++d->failed >= MAX_FAILED;
	if (last)
		imap_door_bye("Too many failed logins", out);
	enum door_next next = end_exchange(d, &t, out);
	return last ? DOOR_END : next;
}

enum door_next
imap_door_answer(struct imap_door *d, const struct dialogue_answer *a, struct buf *out)
{
	if (a->what == ANSWER_CHALLENGE) {
		buf_adds(out, "+ ");
		b64_encode(a->bytes, out);
		buf_adds(out, "\r\n");
		buf_wipe(&d->answer);
		d->at = AT_RESPONSE;
		return DOOR_NEXT;
	}
	/* OK is the worker's to say, whatever authd does. */
	enum err e = a->what == ANSWER_REFUSED && a->err != OK ? (enum err)a->err : ERR_IO;
	if (e == ERR_SYNTAX || e == ERR_LIMIT)
		return cancel_exchange(d, out);
	if (e == ERR_UNSUPPORTED) {
		const struct reply_tagged t = {
			.err = e, .code = "", .text = "No such authentication mechanism",
		};
		return end_exchange(d, &t, out);
	}
	return not_logged_in(d, e, a->why, out);
}

enum door_next
imap_door_feed(struct imap_door *d, struct str in, size_t *used, struct buf *out)
{
	bool response = d->at == AT_RESPONSE;
	switch (imap_assemble(d, in, used, out)) {
	case ASSEMBLE_MORE:
		return DOOR_READ;
	case ASSEMBLE_END:
		return DOOR_END;
	case ASSEMBLE_WHOLE:
		break;
	}
	return response ? respond(d, out) : run_command(d, out);
}
