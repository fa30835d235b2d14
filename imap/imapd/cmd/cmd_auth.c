/* CAPABILITY, NOOP, LOGOUT, ID, STARTTLS, AUTHENTICATE, LOGIN */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/proto/reader.h"
#include "imap/imapd/session/watch.h"
#include "imap/server/autocreate.h"
#include "imap/server/peer.h"
#include "lib/b64.h"
#include "lib/log.h"
#include "lib/sasl.h"

#include <string.h>

enum {
	MAX_FAILED_LOGINS = 5,
};

enum err
run_capability(struct session *s, struct command *c)
{
	(void)c;
	struct buf caps = BUF_INIT;
	session_capabilities(s, &caps);
	reply_puts(s->reply, "* CAPABILITY ");
	reply_put(s->reply, buf_str(&caps));
	reply_crlf(s->reply);
	buf_free(&caps);
	return OK;
}

/* The loop tells what has changed; there is nothing else to do. */
enum err
run_noop(struct session *s, struct command *c)
{
	(void)s, (void)c;
	return OK;
}

enum err
run_logout(struct session *s, struct command *c)
{
	(void)c;
	reply_puts(s->reply, "* BYE LOGOUT received\r\n");
	s->said_bye = true;
	s->state = STATE_LOGOUT;
	return OK;
}

/* --- ID (RFC 2971) --- */

enum err
run_id(struct session *s, struct command *c)
{
	const struct id_req *r = c->req;
	if (r->fields.n > 0)
		log_info("client id: [%s] %s", s->client->host, r->fields.p);
	if (conf_switch(s->server->conf, CONF_IMAPIDRESPONSE))
		reply_untagged(s->reply,
		    "ID (\"name\" \"Chapar\" \"version\" \"%s\")", SESSION_VERSION);
	else
		reply_untagged(s->reply, "ID NIL");
	return OK;
}

/* --- STARTTLS --- */

/*
 * "The server sends the tagged OK, then the client begins the negotiation",
 * RFC 3501 section 6.2.1.  What the client had sent already is dropped by the
 * stream; the reply here must therefore go out before the loop's own, which
 * is why this command answers itself.
 */
enum err
run_starttls(struct session *s, struct command *c)
{
	if (!peer_may_start_tls(s->server, s->client)) {
		c->bad = true;
		c->text = stream_is_tls(s->stream) ? "TLS is active already"
		    : "Starttls is not available";
		c->code = "";
		return ERR_UNSUPPORTED;
	}
	struct reply_tagged go = { .tag = c->tag, .text = "Begin TLS negotiation now" };
	reply_tagged(s->reply, &go);
	c->answered = true;
	if (peer_start_tls(s->server, s->client, s->login) != OK)
		s->state = STATE_LOGOUT;
	return OK;
}

/* --- who is it? --- */

/* The dialogue has ended, but not in a session. */
static void
begin_login_again(struct session *s)
{
	login_free(s->login);
	s->login = peer_login(s->server, s->client);
}

/*
 * RFC 2221 section 4.1: who has his mail on another server is told so, as
 * [REFERRAL imap://USER@HOST/], once he has proved who he is.
 */
static bool
lives_elsewhere(struct session *s, struct command *c, const struct user *user)
{
	const char *host = conf_string(s->server->conf, CONF_LOGINREFERRAL);
	struct mbentry *inbox;
	struct buf code = BUF_INIT;
	if (host == NULL || user->id.is_admin || autocreate_allows(s->server->conf, user)
	    || mblist_lookup(s->server->store, c->arena, user->inbox, &inbox) != ERR_NOTFOUND)
		return false;
	buf_adds(&code, "REFERRAL imap://");
	for (const char *p = user->name; *p != '\0'; p++)
		if (is_atom_char((unsigned char)*p) && strchr("%/?#[]@:;&=+", *p) == NULL)
			buf_addc(&code, *p);
		else
			buf_printf(&code, "%%%02X", (unsigned char)*p);
	buf_printf(&code, "@%s/", host);
	c->code = arena_copy(c->arena, code.p, code.n);
	c->text = "Your mail is on another server";
	buf_free(&code);
	return c->code != NULL;
}

static bool
has_too_many(struct session *s, struct command *c, const struct user *user)
{
	enum limits_verdict verdict = limits_logged_in(s->server->limits, user->id.userid);
	if (verdict == LIMITS_OK)
		return false;
	log_notice("refused login: [%s] %s: %s", s->client->host, user->name,
	    limits_option(verdict));
	c->code = "LIMIT";
	c->text = limits_why(verdict);
	return true;
}

/* The user is known: capabilities may differ now, so they are said at once. */
static enum err
logged_in(struct session *s, struct command *c, struct user *user)
{
	struct buf code = BUF_INIT, motd = BUF_INIT;
	if (server_open_store(s->server) != OK) {
		user_free(user);
		begin_login_again(s);
		c->code = "UNAVAILABLE";
		c->text = "The mail store cannot be opened now; try again later";
		return ERR_BUSY;
	}
	enum err e = user_confirm(user, s->server->store);
	if (e != OK) {
		log_notice("badlogin: [%s] %s for %s: no right a on the INBOX", s->client->host,
		    user->authcid, user->name);
		user_free(user);
		begin_login_again(s);
		c->code = e == ERR_DENIED ? "AUTHORIZATIONFAILED" : "UNAVAILABLE";
		c->text = "Login failed: not allowed";
		return e;
	}
	if (has_too_many(s, c, user)) {
		user_free(user);
		begin_login_again(s);
		return ERR_LIMIT;
	}
	if (lives_elsewhere(s, c, user)) {
		user_free(user);
		begin_login_again(s);
		return ERR_NOTFOUND;
	}
	session_logged_in(s, user);
	/* A failure is in the log; the user will see that there is no INBOX. */
	if (autocreate(s->store, c->arena, s->server->conf, user) != OK)
		reply_untagged(s->reply, "NO [ALERT] Your INBOX could not be made");
	if (server_motd(s->server, &motd))
		reply_untagged(s->reply, "OK [ALERT] %s", motd.p);
	buf_adds(&code, "CAPABILITY ");
	session_capabilities(s, &code);
	c->code = arena_copy(c->arena, code.p, code.n);
	c->text = "User logged in";
	buf_free(&code);
	buf_free(&motd);
	return OK;
}

/* Why not, for the client; too often, and the connection ends. */
static enum err
not_logged_in(struct session *s, struct command *c, enum err e)
{
	const char *why = login_why(s->login);
	size_t n = strlen(why);
	char *text = arena_alloc(c->arena, n + 16);
	if (text != NULL) {
		memcpy(text, "Login failed: ", 14);
		memcpy(text + 14, why, n);
		c->text = text;
	}
	if (e == ERR_IO)
		c->code = "UNAVAILABLE";
	else if (e == ERR_DENIED)
		c->code = "AUTHORIZATIONFAILED";
	if (++s->failed_logins >= MAX_FAILED_LOGINS) {
		reply_bye(s->reply, "Too many failed logins");
		s->said_bye = true;
		s->state = STATE_LOGOUT;
	}
	return e;
}

/* SECRET may be a copy of what was in quotes. */
static void
forget(struct session *s, const struct command *c, struct str secret)
{
	if (secret.n > 0)
		explicit_bzero((char *)(uintptr_t)secret.p, secret.n);
	reader_forget(s->reader, c->tag.n);
}

enum err
session_take_over(struct session *s, struct command *c)
{
	struct user *user = s->client->handed->user;
	s->client->handed->user = NULL;
	const struct handover *how = s->client->handed->how;
	if (user != NULL) {
		enum err e = logged_in(s, c, user);
		if (e == OK && how->layer > 0) {	/* see logged_in_with_layer() */
			if (how->mechanisms.n > 0)
				s->mechanisms = arena_copy(s->arena, how->mechanisms.p,
				    how->mechanisms.n);
			c->code = NULL;
		}
		return e;
	}
	c->code = "UNAVAILABLE";
	c->text = s->client->handed->why;
	return ERR_BUSY;
}

enum err
run_login(struct session *s, struct command *c)
{
	const struct login_req *r = c->req;
	struct user *user;
	if (!login_plaintext_allowed(s->login)) {
		c->code = "PRIVACYREQUIRED";
		c->text = "Login only available under a layer";
		return ERR_DENIED;
	}
	enum err e = login_password(s->login, r->userid, r->password, &user);
	forget(s, c, r->password);
	peer_pause(s->login);
	return e == OK ? logged_in(s, c, user) : not_logged_in(s, c, e);
}

/* Sends a challenge and reads the answer.  ERR_SYNTAX: "*" or no base64. */
static enum err
converse(struct session *s, struct str challenge, struct buf *answer)
{
	struct buf text = BUF_INIT;
	struct str line;
	b64_encode(challenge, &text);
	reply_continue(s->reply, text.p);
	buf_wipe(&text);
	buf_wipe(answer);
	enum err e = reader_line(s->reader, &line);
	if (e != OK)
		return e;
	if (str_eq(line, STR("*")))
		return ERR_SYNTAX;
	return b64_decode(line, answer);
}

/* Steps until the mechanism has made up its mind. */
static enum err
exchange(struct session *s, const struct authenticate_req *r, struct user **user)
{
	struct buf challenge = BUF_INIT, answer = BUF_INIT;
	struct str initial;
	enum err e = OK;
	if (r->has_initial && !str_eq(r->initial, STR("=")))
		e = b64_decode(r->initial, &answer);
	if (e == OK) {
		initial = buf_str(&answer);
		e = login_start(s->login, r->mechanism, r->has_initial ? &initial : NULL,
		    &challenge, user);
		peer_pause(s->login);
	}
	while (e == ERR_AGAIN) {
		e = converse(s, buf_str(&challenge), &answer);
		buf_wipe(&challenge);
		if (e != OK)
			break;
		e = login_step(s->login, buf_str(&answer), &challenge, user);
		peer_pause(s->login);
	}
	buf_wipe(&answer);
	buf_wipe(&challenge);
	return e;
}

/*
 * "The security layer takes effect ... immediately following ... the CRLF of
 * the tagged OK response for the server", RFC 3501 section 6.2.2: so that is
 * sent here.  Capabilities in it would be in the clear; the client asks again.
 */
static enum err
logged_in_with_layer(struct session *s, struct command *c, struct user *user)
{
	struct buf offered = BUF_INIT;
	login_mechanisms(s->login, "AUTH=", &offered);
	struct sasl_conn *layer = login_take_layer(s->login);
	enum err e = logged_in(s, c, user);
	if (e == OK) {
		struct reply_tagged ok = { .tag = c->tag, .text = c->text };
		s->mechanisms = arena_copy(s->arena, offered.p, offered.n);
		reply_tagged(s->reply, &ok);
		c->answered = true;
		peer_start_layer(s->client, layer);
	} else {
		sasl_conn_free(layer);
	}
	buf_free(&offered);
	return e;
}

enum err
run_authenticate(struct session *s, struct command *c)
{
	const struct authenticate_req *r = c->req;
	struct user *user;
	enum err e = exchange(s, r, &user);
	forget(s, c, r->initial);
	if (e == OK)
		return login_has_layer(s->login) ? logged_in_with_layer(s, c, user)
		    : logged_in(s, c, user);
	if (e == ERR_SYNTAX || e == ERR_LIMIT) {
		c->bad = true;
		c->code = "";
		c->text = "Authentication exchange was cancelled or is not base64";
		return e;
	}
	if (e == ERR_UNSUPPORTED) {
		c->code = "";
		c->text = "No such authentication mechanism";
		return e;
	}
	return not_logged_in(s, c, e);
}

/*
 * RFC 8437 section 3: all that the connection knows is forgotten but TLS.
 * Compression ends behind the tagged reply, which is why this command answers
 * itself.  No updates are told before: the mailbox is closed.
 */
enum err
run_unauthenticate(struct session *s, struct command *c)
{
	log_info("unauthenticate: [%s] %s", s->client->host, s->user->name);
	watch_end(s);
	limits_logged_out(s->server->limits);
	session_begin(s);
	server_status(s->server, s->client, NULL, NULL);
	if (s->client->handed != NULL)
		session_go_back(s);
	struct reply_tagged bye = { .tag = c->tag, .text = "You are nobody again" };
	reply_tagged(s->reply, &bye);
	c->answered = true;
	stream_stop_deflate(s->stream);
	stream_stop_layer(s->stream);
	return OK;
}
