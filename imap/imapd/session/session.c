/* session.c - a session's state, and what its commands share */
#include "imap/imapd/session/session.h"
#include "imap/door/imap_words.h"
#include "imap/imapd/session/context.h"
#include "imap/imapd/session/msglimit.h"
#include "imap/imapd/proto/reader.h"
#include "imap/server/peer.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum {
	NOTICE_SECONDS = 5,		/* how often msg/shutdown is looked at */
	LOGIN_SECONDS = 180,		/* for all of the login dialogue */
};

int64_t
session_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

void
session_deselect(struct session *s)
{
	if (s->mbox == NULL)
		return;
	mbox_close(s->mbox);
	uidset_free(&s->saved);
	uidset_free(&s->own_new);
	contexts_end(s);
	batches_forget(&s->batches);
	known_free(s->known);
	s->known = NULL;
	sort_known_free(&s->sorted);
	s->mbox = NULL;
	s->rights = 0;
	s->modseq_lags = false;
	s->examined = false;
	s->state = STATE_AUTHENTICATED;
}

enum err
session_mailbox(struct session *s, struct command *c, struct str external,
    struct str *internal)
{
	struct buf name = BUF_INIT;
	enum err e = name_to_internal(&s->names, external, &name);
	if (e == OK) {
		*internal = (struct str){ arena_copy(c->arena, name.p, name.n), name.n };
		if (internal->p == NULL)
			e = ERR_LIMIT;
	}
	buf_free(&name);
	return e;
}

enum err
session_lookup(struct session *s, struct command *c, struct str internal,
    rights_t need, struct mbentry **e, rights_t *rights)
{
	enum err err = mblist_lookup(s->store, c->arena, internal, e);
	if (err != OK)
		return err;
	*rights = user_rights(s->user, *e);
	if (need == 0 || (*rights & need))
		return OK;
	return *rights & ACL_LOOKUP ? ERR_DENIED : ERR_NOTFOUND;
}

enum err
session_may(const struct session *s, rights_t right)
{
	if (s->examined)
		return ERR_READONLY;
	return s->rights & right ? OK : ERR_DENIED;
}

static bool
is_denied(struct session *s, struct buf *text)
{
	struct buf tell = BUF_INIT;
	bool denied = s->user != NULL
	    && user_is_denied(s->server->conf, s->user, s->server->service, &tell);
	buf_add_str(text, buf_str(&tell));
	buf_free(&tell);
	return denied;
}

bool
session_is_shut_down(struct session *s)
{
	int64_t now = session_clock();
	if (s->notice_ns != 0 && now - s->notice_ns < NOTICE_SECONDS * INT64_C(1000000000))
		return false;
	s->notice_ns = now;
	struct buf text = BUF_INIT;
	buf_adds(&text, "[ALERT] ");
	bool down = server_shutdown_notice(s->server, &text) || is_denied(s, &text);
	if (down) {
		reply_bye(s->reply, text.p);
		s->said_bye = true;
		s->state = STATE_LOGOUT;
	}
	buf_free(&text);
	return down;
}

bool
session_is_rev2(const struct session *s)
{
	return s->enabled & ENABLED_IMAP4REV2;
}

void
session_enable(struct session *s, unsigned bits)
{
	s->enabled |= bits;
	if (bits & (ENABLED_IMAP4REV2 | ENABLED_UTF8))
		s->names.utf8 = s->reply->utf8 = true;
}

uint64_t
session_append_limit(const struct session *s)
{
	return imap_append_limit(s->server->conf);
}

/*
 * In the layer a client can see whether somebody has shortened the list before.
 * Not at the end: Cyrus's take the line's end for a part of the last.
 */
static void
tell_again(const char *mechanisms, struct buf *out)
{
	struct buf last = BUF_INIT;
	size_t space = str_rchr(buf_str(out), ' ');
	buf_add_str(&last, str_slice(buf_str(out), space, out->n));
	buf_truncate(out, space);
	buf_printf(out, " %s", mechanisms);
	buf_add_str(out, buf_str(&last));
	buf_free(&last);
}

void
session_capabilities(const struct session *s, struct buf *out)
{
	struct buf mechanisms = BUF_INIT;
	imap_capabilities(s->server->conf,
	    s->login == NULL && !stream_is_deflated(s->stream), out);
	if (s->mechanisms != NULL)
		tell_again(s->mechanisms, out);
	if (s->login == NULL)
		return;
	login_mechanisms(s->login, "AUTH=", &mechanisms);
	imap_login_capabilities(peer_may_start_tls(s->server, s->client),
	    login_plaintext_allowed(s->login), buf_str(&mechanisms), out);
	buf_free(&mechanisms);
}

/* What imapd.conf says of commands. */
static void
take_limits(struct session *s)
{
	const struct conf *conf = s->server->conf;
	s->limits = (struct parse_limits){
		.quoted = (size_t)conf_bytes(conf, CONF_MAXQUOTED),
		.word = (size_t)conf_bytes(conf, CONF_MAXWORD),
		.elements = (unsigned)conf_int(conf, CONF_MAXARGUMENTS),
		.nesting = (unsigned)conf_int(conf, CONF_MAXNESTING),
		.ranges = (unsigned)conf_int(conf, CONF_MAXRANGES),
		.search_keys = (unsigned)conf_int(conf, CONF_MAXSEARCHKEYS),
	};
	struct reader_limits max = {
		.literal = (size_t)conf_bytes(conf, CONF_MAXLITERAL),
		.command = (size_t)conf_bytes(conf, CONF_MAXARGSSIZE),
		.message = session_append_limit(s),
		.literal_minus = conf_switch(conf, CONF_LITERALMINUS),
	};
	if (max.command == 0 || max.command > COMMAND_ARENA)
		max.command = COMMAND_ARENA;
	reader_allow_messages(s->reader, s->store, &max);
}

void
session_begin(struct session *s)
{
	session_deselect(s);
	user_free(s->user);
	arena_free(s->arena);
	*s = (struct session){
		.server = s->server, .client = s->client, .stream = s->stream,
		.reply = s->reply, .reader = s->reader, .commands = s->commands,
		.arena = arena_new(SESSION_ARENA), .state = STATE_NOT_AUTHENTICATED,
		.limits = parse_limits_default, .tells = EVENTS_OF_MESSAGES,
		.login = peer_login(s->server, s->client),
		.bad_commands = s->bad_commands, .failed_logins = s->failed_logins,
		.notice_ns = s->notice_ns,
	};
	name_style_init(&s->names, s->server->conf);
	s->reply->utf8 = false;
	s->reply->language = LANGUAGE_DEFAULT;
	reader_before_login(s->reader);
	stream_timeout(s->stream, 0);
	stream_deadline(s->stream, LOGIN_SECONDS);
	server_telemetry(s->server, s->client, NULL);
}

void
session_go_back(struct session *s)
{
	s->goes_back = true;
	s->state = STATE_LOGOUT;
	server_will_give_back(s->server, s->client, language_tag(s->reply->language));
}

void
session_logged_in(struct session *s, struct user *user)
{
	const struct conf *conf = s->server->conf;
	login_free(s->login);
	s->login = NULL;
	s->user = user;
	s->store = s->server->store;
	s->names.userid = user->id.userid;
	s->names.is_admin = user->id.is_admin;
	s->state = STATE_AUTHENTICATED;
	take_limits(s);
	stream_deadline(s->stream, 0);
	stream_timeout(s->stream, (int)conf_seconds(conf, CONF_TIMEOUT));
	server_status(s->server, s->client, user->name, NULL);
	server_telemetry(s->server, s->client, user->name);
}
