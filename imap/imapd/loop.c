/*
 * loop.c - the loop of a session
 *
 * One arena a command is rewound after each; what a command used at most stays
 * with the session.  Replies go out when the reader is about to wait, so
 * pipelined commands are answered together.
 *
 * Invariants: user != NULL exactly when login == NULL; mbox != NULL exactly in
 * STATE_SELECTED; between two commands the command arena is empty.
 */
#include "imap/imapd/session/session.h"
#include "imap/door/imap_words.h"
#include "imap/imapd/proto/reader.h"
#include "imap/imapd/session/msglimit.h"
#include "imap/imapd/session/sync.h"
#include "imap/imapd/session/watch.h"
#include "imap/server/peer.h"
#include "imap/store/mbox/ranked.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>

enum {
	MAX_BAD_COMMANDS = 20,		/* in a row */
	MAX_BAD_EARLY = 5,		/* before login */
};

/* --- one command --- */

struct incoming {			/* a command on its way through the steps */
	struct command c;
	struct parser p;
	struct str name;
	enum err err;
	const char *why;		/* text of a BAD that parsing found */
};

/* tag SP ["UID" SP] name: which command is it, and is it legal now? */
static const char *
recognize(const struct session *s, struct incoming *in)
{
	struct parser *p = &in->p;
	if (!parse_tag(p, &in->c.tag)) {
		in->c.tag = (struct str){ NULL, 0 };
		return "Invalid tag";
	}
	if (!parse_sp(p) || !parse_atom(p, &in->name))
		return "Null command";
	if (str_ieq(in->name, STR("UID"))) {
		in->c.uid = p->uid = true;
		if (!parse_sp(p) || !parse_atom(p, &in->name))
			return "Missing required argument to Uid";
	}
	in->c.request = grammar_find(in->name);
	if (in->c.request == REQUESTS)
		return in->c.uid ? "Unrecognized UID subcommand" : "Unrecognized command";
	in->c.def = &s->commands[in->c.request];
	if (in->c.uid && grammar[in->c.request].uid_args == NULL)
		return "Unrecognized UID subcommand";
	if (session_is_rev2(s) && (in->c.def->flags & CMD_NOT_REV2))
		return "IMAP4rev2 has no such command";
	if ((s->enabled & ENABLED_UIDONLY) && (in->c.def->flags & CMD_NUMBERS) && !in->c.uid) {
		in->c.code = "UIDREQUIRED";
		return "Only UIDs are in use";
	}
	if (in->c.def->states & s->state)
		return NULL;
	if (s->state == STATE_NOT_AUTHENTICATED)
		return "Please login first";
	return in->c.def->states == STATE_NOT_AUTHENTICATED ? "Already logged in"
	    : "Please select a mailbox first";
}

/*
 * "Invalid arguments in FETCH: expected a number at byte 12", "FETCH: too many
 * arguments"
 */
static const char *
words_for(struct incoming *in)
{
	const struct parser *p = &in->p;
	const char *name = grammar[in->c.request].name.p;
	char text[200];
	if (p->err == ERR_LIMIT && p->too_big != NULL)
		snprintf(text, sizeof(text), "%s: %s", name, p->too_big);
	else if (p->err == OK && p->expected != NULL)
		snprintf(text, sizeof(text), "Invalid arguments in %s: expected %s at byte %zu",
		    name, p->expected, p->expected_at + 1);
	else
		return NULL;
	return arena_copy(in->c.arena, text, strlen(text));
}

/*
 * RFC 5182 section 2.1: a SEARCH RETURN (SAVE) that ends in NO empties "$"; and
 * one of the selected mailbox is the only ESEARCH that may have SAVE.
 */
static void
forget_saved(struct session *s, const struct incoming *in)
{
	const struct search_req *req = in->c.req;
	if ((in->c.request == REQ_SEARCH || in->c.request == REQ_SORT
	    || in->c.request == REQ_ESEARCH) && (req->returns & RETURN_SAVE))
		uidset_free(&s->saved);
}

/* Bytes into a plain struct.  What went wrong is in in->err, in->why. */
static void
parse_command(struct session *s, struct incoming *in)
{
	in->why = recognize(s, in);
	if (in->why != NULL) {
		in->err = ERR_SYNTAX;
		return;
	}
	in->err = grammar_parse(&in->p, in->c.request, &in->c.req);
	in->c.bad = in->err == ERR_CHARSET && in->p.filter_charset;
	if (in->c.bad)
		in->why = "Filters are in UTF-8";
	else if (in->err == ERR_CHARSET)
		forget_saved(s, in);
	if (in->err == OK || in->err == ERR_CHARSET)
		return;
	in->why = words_for(in);
	if (in->err == ERR_LIMIT) {	/* RFC 4469 section 5 */
		in->c.bad = true;
		in->c.code = "TOOBIG";
	}
}

/* Tells what others changed, as far as this command allows it. */
static enum err
sync_after(struct session *s, const struct command *c)
{
	unsigned flags = c->def->flags;
	if (flags & CMD_NO_SYNC)
		return OK;
	bool expunges = !(flags & CMD_NO_EXPUNGE)
	    || (c->uid && (flags & CMD_UID_EXPUNGES) && !c->keeps_numbers);
	return sync_send(s, c->arena, expunges, c->uid);
}

/*
 * What was done is answered OK, also if the news cannot be told: who heard NO would
 * do it again.  If the selected mailbox is gone he has heard BYE; else the next
 * command meets it again.
 */
static void
tell_news(struct session *s, const struct incoming *in)
{
	enum err e = sync_after(s, &in->c);

	if (e != OK && !s->said_bye && in->err == OK)
		reply_untagged(s->reply, "NO [%s] What has changed in the selected mailbox "
		    "cannot be told now", reply_error_of(e)->code != NULL ?
		    reply_error_of(e)->code : "UNAVAILABLE");
}

/* "Completed (0.001 sec)" */
static const char *
timed_text(const struct session *s, const struct command *c)
{
	char text[64];
	snprintf(text, sizeof(text), "%s (%.3f sec)", text_in(s->reply->language, "Completed"),
	    (double)(session_clock() - c->started_ns) / 1e9);
	return arena_copy(c->arena, text, strlen(text));
}

static void
answer(struct session *s, struct incoming *in)
{
	struct command *c = &in->c;
	msglimit_say(s, c, in->err);
	if (in->err == OK && c->text == NULL && c->def != NULL && (c->def->flags & CMD_TIMED))
		c->text = timed_text(s, c);
	struct reply_tagged t = {
		.tag = c->tag, .err = in->err, .bad = c->bad, .code = c->code,
		.text = in->why != NULL ? in->why : c->text,
	};
	reply_tagged(s->reply, &t);
}

static void
hang_up(struct session *s, const char *text)
{
	reply_bye(s->reply, text);
	s->said_bye = true;
	s->state = STATE_LOGOUT;
}

/*
 * "POST /path HTTP/1.1" before login: a web browser that was sent here.  The
 * lines that follow may be somebody else's, and come with what the browser's
 * user may do; none of them is taken for a command or said again.
 */
static bool
is_http(const struct session *s, const struct incoming *in, struct str line)
{
	size_t space = str_rchr(line, ' ');
	struct str version = STR("HTTP/");

	return s->state == STATE_NOT_AUTHENTICATED && in->err == ERR_SYNTAX
	    && space < line.n && line.n - space - 1 > version.n
	    && memcmp(line.p + space + 1, version.p, version.n) == 0;
}

/* Too many in a row that make no sense: it is no IMAP client. */
static void
count_bad(struct session *s, const struct incoming *in)
{
	bool bad = in->err != OK && (in->c.bad || reply_error_of(in->err)->bad);
	s->bad_commands = bad ? s->bad_commands + 1 : 0;
	unsigned max = s->state == STATE_NOT_AUTHENTICATED ? MAX_BAD_EARLY
	    : MAX_BAD_COMMANDS;
	if (s->bad_commands < max || s->state == STATE_LOGOUT)
		return;
	hang_up(s, "Too many invalid IMAP commands");
	log_warning("too many invalid commands from [%s]", s->client->host);
}

/*
 * Nothing is read from the selected mailbox, or written to it, once it has been
 * deleted, also if it is kept for a while.  To leave it there is always a way.
 */
static bool
may_run(struct session *s, const struct command *c)
{
	bool needs_it = c->def->states == STATE_SELECTED && !(c->def->flags & CMD_NO_SYNC);

	return sync_follow(s) || !needs_it;
}

static void
run_command(struct session *s, struct arena *arena, const struct input *input)
{
	struct incoming in = {
		.c = { .request = REQUESTS, .arena = arena, .started_ns = session_clock() },
	};
	parser_init(&in.p, input->text, arena);
	in.p.max = &s->limits;
	in.p.rev2 = session_is_rev2(s);
	in.p.utf8 = s->reply->utf8;
	in.p.utf8_only = s->enabled & ENABLED_UTF8;
	in.p.message = input->message;
	in.p.messages = input->messages;
	parse_command(s, &in);
	if (is_http(s, &in, input->text)) {
		hang_up(s, "This is an IMAP server");
		log_warning("an HTTP request from [%s]", s->client->host);
		return;
	}
	if (in.err == OK) {
		watch_note_view(s);
		/* If that fails sync_after() meets it again, and tells. */
		if (s->mbox != NULL && mbox_follow(s->mbox) != OK)
			log_debug("the new cyrus.index of the selected mailbox cannot be read");
		in.err = may_run(s, &in.c) ? in.c.def->run(s, &in.c) : ERR_STALE;
		/* A client that was told BYE is told no more numbers. */
		if (!s->said_bye)
			tell_news(s, &in);
	}
	if (!in.c.answered)
		answer(s, &in);
	count_bad(s, &in);
}

/* A command that the reader could not or would not take. */
static void
refuse_command(struct session *s, struct arena *arena, const struct input *input,
    enum err e)
{
	struct incoming in = {
		.c = { .request = REQUESTS, .arena = arena }, .err = e,
		.why = input->problem,
	};
	parser_init(&in.p, input->text, arena);
	(void)recognize(s, &in);
	in.c.code = input->code;
	/* TOOBIG for a message is the client's wish denied, not bad grammar. */
	in.c.bad = e == ERR_SYNTAX || (e == ERR_LIMIT
	    && in.c.request != REQ_APPEND && in.c.request != REQ_REPLACE);
	answer(s, &in);
	count_bad(s, &in);
}

/* --- the connection --- */

/* Why reading ended, in a BYE if the client can hear it. */
static void
say_goodbye(struct session *s, enum err e)
{
	if (s->said_bye)
		return;
	if (e == ERR_TIMEOUT)
		reply_bye(s->reply, "Idle for too long");
	else if (svc_stopping())
		reply_bye(s->reply, "Server shutting down");
	s->said_bye = true;
}

/*
 * With NOTIFY the client is told of changes while it says nothing.  False: the
 * session has ended.  What is wrong with the stream reading will find, too.
 */
static bool
wait_for_input(struct session *s, struct arena *arena)
{
	if (s->watch == NULL || stream_pending(s->stream) > 0)
		return true;
	if (watch_wait(s, arena, false) == ERR_TIMEOUT) {
		say_goodbye(s, ERR_TIMEOUT);
		return false;
	}
	return s->state != STATE_LOGOUT;
}

static void
tidy_up(struct session *s)
{
	store_maintain(s->store);
	if (s->mbox == NULL || !ranked_waits(s->mbox))
		return;
	/* The client has his answer first; what cannot be sent reading finds, too. */
	(void)!stream_flush(s->stream);
	ranked_write(s->mbox);
}

static void
loop(struct session *s)
{
	struct arena *arena = arena_new(COMMAND_ARENA);
	struct arena_mark empty = arena_mark(arena);
	while (s->state != STATE_LOGOUT) {
		struct input input;
		if (!wait_for_input(s, arena))
			break;
		enum err e = reader_next(s->reader, &input);
		if (e == ERR_CLOSED || (e != OK && stream_error(s->stream) != OK)) {
			say_goodbye(s, e);
			break;
		}
		if (session_is_shut_down(s)) {
			input_free(&input);
			break;
		}
		if (e == OK)
			run_command(s, arena, &input);
		else
			refuse_command(s, arena, &input, e);
		input_free(&input);
		arena_rewind(arena, empty);
		if (s->store != NULL && stream_pending(s->stream) == 0)
			tidy_up(s);
	}
	arena_free(arena);
}

/* "[CAPABILITY ...] host Chapar IMAP ... server ready" */
static void
greet(struct session *s)
{
	struct buf caps = BUF_INIT;
	session_capabilities(s, &caps);
	reply_puts(s->reply, "* OK [CAPABILITY ");
	buf_adds(&caps, "] ");
	imap_greeting(s->server->conf, s->server->hostname, &caps);
	reply_put(s->reply, buf_str(&caps));
	buf_free(&caps);
}

static bool
start_implicit_tls(struct session *s)
{
	return !s->client->starts_tls
	    || peer_start_tls(s->server, s->client, s->login) == OK;
}

/* The answer to the command by which he logged in where he came from. */
static void
take_over(struct session *s)
{
	const struct handover *how = s->client->handed->how;
	struct arena *arena = arena_new(COMMAND_ARENA);
	struct incoming in = { .c = {
		.tag = how->tag, .arena = arena, .started_ns = session_clock(),
		.request = how->command == HANDOVER_LOGIN ? REQ_LOGIN : REQ_AUTHENTICATE,
	} };
	in.c.def = &s->commands[in.c.request];
	if (how->language != NULL && !language_find(str_c(how->language), &s->reply->language))
		s->reply->language = LANGUAGE_DEFAULT;
	in.err = session_take_over(s, &in.c);
	if (in.err != OK)
		session_go_back(s);
	answer(s, &in);
	arena_free(arena);
}

/* From the greeting on, or from where a user is known. */
static bool
begin(struct session *s)
{
	if (s->client->handed != NULL) {
		take_over(s);
		return true;
	}
	if (!start_implicit_tls(s) || session_is_shut_down(s))
		return false;
	greet(s);
	return true;
}

void
session_run(struct server *server, struct client *client)
{
	struct reply reply;
	struct session s = {
		.server = server, .client = client,
		.stream = client->stream, .reply = &reply,
		.commands = commands,
	};
	reply_init(&reply, client->stream);
	s.reader = reader_new(client->stream, &reply);
	session_begin(&s);
	if (begin(&s))
		loop(&s);
	watch_end(&s);
	session_deselect(&s);
	login_free(s.login);
	user_free(s.user);
	reader_free(s.reader);
	if (s.goes_back && !s.said_bye)
		server_give_back(server, client, language_tag(reply.language));
	reply_fini(&reply);
	arena_free(s.arena);
}
