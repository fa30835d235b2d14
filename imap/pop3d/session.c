/*
 * session.c - the TRANSACTION state
 *
 * Answers go out together when no further command is waiting (PIPELINING).
 * Nothing is removed unless QUIT was read: who hangs up, or is timed out, has
 * said nothing (RFC 1939 section 6).
 */
#include "imap/pop3d/session.h"

#include "imap/pop3d/ascii.h"
#include "imap/door/pop3_capa.h"
#include "imap/pop3d/door.h"
#include "imap/pop3d/maildrop.h"
#include "imap/pop3d/send.h"
#include "imap/pop3d/uidl.h"
#include "imap/server/peer.h"
#include "lib/log.h"

#include <inttypes.h>
#include <time.h>

enum {
	BAD_MAX = 20,			/* bad commands in a row */
	TIMEOUT_MIN = 600,		/* RFC 1939 section 3: "at least 10 minutes" */
	NOTICE_SECONDS = 5,		/* how often msg/shutdown is looked at */
	SLOWEST = 256,			/* octets a second that a client must take */
};

struct session {
	struct server *server;
	struct client *client;
	struct stream *s;
	struct visitor v;
	struct maildrop d;
	struct buf line, out;
	struct buf header;		/* in ASCII, for who has not said UTF8 */
	unsigned bad;
	bool is_bad;			/* the command at hand makes no sense */
	bool quit;
	unsigned retr, top, dele;	/* for the log */
	time_t noticed;
};

/* --- answers --- */

static void
ok(struct session *s, const char *text)
{
	pop3_ok(&s->out, s->v.language, text);
}

static void
refuse(struct session *s, const char *code, const char *text)
{
	pop3_err(&s->out, s->v.language, code, text);
}

static void
bad(struct session *s, const char *text)
{
	s->is_bad = true;
	pop3_err(&s->out, s->v.language, NULL, text);
}

static void
send_answer(struct session *s)
{
	stream_put(s->s, buf_str(&s->out));
	buf_reset(&s->out);
}

/* "+OK 2 messages (320 octets)" */
static void
say_what_is_there(struct session *s)
{
	buf_printf(&s->out, "+OK %" PRIu32 " messages (%" PRIu64 " octets)\r\n",
	    s->d.left, s->d.bytes);
}

/* A number that the maildrop has; else it is refused. */
static bool
get_message(struct session *s, struct str word, uint32_t *n)
{
	if (!str_to_u32(word, n)) {
		bad(s, "A number was expected");
		return false;
	}
	switch ((int)maildrop_has(&s->d, *n)) {
	case OK:
		return true;
	case ERR_STALE:
		refuse(s, NULL, "Message is marked as deleted");
		return false;
	default:
		refuse(s, NULL, "No such message");
		return false;
	}
}

/* --- commands --- */

static void
cmd_stat(struct session *s, struct str *arg)
{
	(void)arg;
	buf_printf(&s->out, "+OK %" PRIu32 " %" PRIu64 "\r\n", s->d.left, s->d.bytes);
}

static void
put_scan_listing(struct session *s, uint32_t n)
{
	buf_addu(&s->out, n);
	buf_addc(&s->out, ' ');
	buf_addu(&s->out, maildrop_size(&s->d, n));
	buf_adds(&s->out, "\r\n");
}

static void
put_unique_id(struct session *s, uint32_t n)
{
	buf_addu(&s->out, n);
	buf_addc(&s->out, ' ');
	uidl_put(&s->out, conf_enum(s->server->conf, CONF_UIDL_FORMAT),
	    mbox_uidvalidity(s->d.m), maildrop_uid(&s->d, n));
	buf_adds(&s->out, "\r\n");
}

/* LIST and UIDL: of one message, or of all that are not marked. */
static void
list(struct session *s, struct str *arg, void (*put)(struct session *, uint32_t))
{
	uint32_t n;

	if (arg[0].n > 0) {
		if (!get_message(s, arg[0], &n))
			return;
		buf_adds(&s->out, "+OK ");
		put(s, n);
		return;
	}
	say_what_is_there(s);
	for (n = 1; n <= s->d.count; n++) {
		if (!maildrop_is_deleted(&s->d, n))
			put(s, n);
		if (s->out.n > 16 * 1024)
			send_answer(s);
	}
	buf_adds(&s->out, ".\r\n");
}

static void
cmd_list(struct session *s, struct str *arg)
{
	list(s, arg, put_scan_listing);
}

static void
cmd_uidl(struct session *s, struct str *arg)
{
	list(s, arg, put_unique_id);
}

/* A message, in two parts; or why not. */
static bool
read_message(struct session *s, uint32_t n, struct str *header, struct str *body)
{
	struct str bytes;
	uint32_t size;
	enum err e = maildrop_read(&s->d, n, &bytes, &size);

	if (e == OK) {
		*header = str_slice(bytes, 0, size);
		*body = str_slice(bytes, size, bytes.n);
		buf_reset(&s->header);
		if (!s->v.utf8 && ascii_header(*header, &s->header))
			*header = buf_str(&s->header);
		return true;
	}
	if (e == ERR_NOTFOUND)
		refuse(s, "SYS/PERM", "Message was removed by another session");
	else
		pop3_failed(&s->out, s->v.language, e);
	return false;
}

/*
 * A client that reads next to nothing, but not nothing, would keep a worker for ever:
 * it has the usual time, and more by the message's size.
 */
static void
send_message(struct session *s, struct str header, struct str body)
{
	int64_t seconds = TIMEOUT_MIN + (int64_t)(body.n / SLOWEST);

	send_answer(s);
	stream_deadline(s->s, seconds < INT32_MAX ? (int)seconds : INT32_MAX);
	send_lines(s->s, header, body);
	stream_deadline(s->s, 0);
}

static void
cmd_retr(struct session *s, struct str *arg)
{
	struct str header, body;
	uint32_t n;

	if (!get_message(s, arg[0], &n) || !read_message(s, n, &header, &body))
		return;
	buf_printf(&s->out, "+OK %zu octets\r\n", header.n + body.n);
	send_message(s, header, body);
	maildrop_retrieved(&s->d, n);
	s->retr++;
}

static void
cmd_top(struct session *s, struct str *arg)
{
	struct str header, body;
	uint64_t lines;
	uint32_t n;

	if (!str_to_u64(arg[1], &lines))
		bad(s, "A number was expected");
	else if (get_message(s, arg[0], &n) && read_message(s, n, &header, &body)) {
		ok(s, "Top of message follows");
		send_message(s, header, send_top(body, lines));
		s->top++;
	}
}

static void
cmd_dele(struct session *s, struct str *arg)
{
	uint32_t n;

	if (!get_message(s, arg[0], &n))
		return;
	if (maildrop_delete(&s->d, n) != OK) {
		refuse(s, "SYS/PERM", "Permission denied");
		return;
	}
	ok(s, "Message marked as deleted");
	s->dele++;
}

static void
cmd_noop(struct session *s, struct str *arg)
{
	(void)arg;
	ok(s, NULL);
}

static void
cmd_rset(struct session *s, struct str *arg)
{
	(void)arg;
	maildrop_reset(&s->d);
	s->dele = 0;
	say_what_is_there(s);
}

static void
cmd_capa(struct session *s, struct str *arg)
{
	struct pop3_capa c = {
		.conf = s->server->conf, .mechanisms = buf_str(&s->v.mechanisms),
		.plaintext = s->v.plaintext, .logged_in = true,
	};

	(void)arg;
	pop3_capabilities(&s->out, s->v.language, &c);
}

static void
cmd_lang(struct session *s, struct str *arg)
{
	pop3_choose_language(&s->out, arg[0], &s->v.language);
}

/* The UPDATE state. */
static void
cmd_quit(struct session *s, struct str *arg)
{
	enum err e = maildrop_update(&s->d);

	(void)arg;
	s->quit = true;
	if (e == OK)
		ok(s, "Bye");
	else
		pop3_failed(&s->out, s->v.language, e);
}

static void
cmd_login(struct session *s, struct str *arg)
{
	(void)arg;
	bad(s, "You are logged in");
}

enum { ARGS_MAX = 2, ANY_ARGS = 99 };

static const struct {
	const char *name;
	unsigned min, max;		/* arguments */
	void (*run)(struct session *s, struct str *arg);
} commands[] = {
	{ "STAT", 0, 0, cmd_stat },
	{ "LIST", 0, 1, cmd_list },
	{ "RETR", 1, 1, cmd_retr },
	{ "DELE", 1, 1, cmd_dele },
	{ "NOOP", 0, 0, cmd_noop },
	{ "RSET", 0, 0, cmd_rset },
	{ "TOP", 2, 2, cmd_top },
	{ "UIDL", 0, 1, cmd_uidl },
	{ "QUIT", 0, 0, cmd_quit },
	{ "CAPA", 0, 0, cmd_capa },
	{ "LANG", 0, 1, cmd_lang },
	{ "USER", 0, ANY_ARGS, cmd_login },
	{ "PASS", 0, ANY_ARGS, cmd_login },
	{ "APOP", 0, ANY_ARGS, cmd_login },
	{ "AUTH", 0, ANY_ARGS, cmd_login },
	{ "STLS", 0, ANY_ARGS, cmd_login },
	{ "UTF8", 0, ANY_ARGS, cmd_login },
};

static void
dispatch(struct session *s, struct str line)
{
	struct pop3_command c;
	struct str arg[ARGS_MAX + 1] = { { "", 0 }, { "", 0 }, { "", 0 } };
	unsigned n = 0;

	pop3_split(line, &c);
	while (n <= ARGS_MAX && pop3_word(&c.args, &arg[n]))
		n++;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!str_ieq(c.verb, str_c(commands[i].name)))
			continue;
		if (n < commands[i].min)
			bad(s, "An argument is missing");
		else if (n > commands[i].max)
			bad(s, commands[i].max == 0 ? "This command takes no argument"
			    : "Too many arguments");
		else
			commands[i].run(s, arg);
		return;
	}
	bad(s, "Unrecognized command");
}

/* --- the loop --- */

/* An administrator wants everybody out (msg/shutdown), or this user. */
static bool
is_shut_down(struct session *s)
{
	time_t now = time(NULL);
	struct buf text = BUF_INIT;
	bool down = false;

	if (now < s->noticed || now - s->noticed >= NOTICE_SECONDS) {
		s->noticed = now;
		down = server_shutdown_notice(s->server, &text)
		    || user_is_denied(s->server->conf, s->v.user, s->server->service, &text);
	}
	if (down)
		pop3_err(&s->out, s->v.language, "SYS/TEMP", text.p);
	buf_free(&text);
	return down;
}

static enum err
read_line(struct session *s)
{
	enum err e = OK;

	if (stream_pending(s->s) == 0) {
		e = stream_flush(s->s);
		if (e == OK)
			store_maintain(s->server->store);
	}
	buf_reset(&s->line);
	if (e == OK)
		e = stream_getline(s->s, &s->line, POP3_LINE_MAX);
	pop3_chomp(&s->line);
	return e;
}

/* OK: one command has been answered. */
static enum err
one_command(struct session *s)
{
	enum err e = read_line(s);

	if (e != OK && (e != ERR_LIMIT || stream_error(s->s) != OK))
		return e;
	if (is_shut_down(s))
		return ERR_CLOSED;
	s->is_bad = false;
	if (e == ERR_LIMIT)
		bad(s, "Line is too long");
	else
		dispatch(s, buf_str(&s->line));
	s->bad = s->is_bad ? s->bad + 1 : 0;
	if (s->bad >= BAD_MAX) {
		buf_reset(&s->out);
		bad(s, "Too many bad commands");
		log_warning("too many invalid commands from [%s]", s->client->host);
		s->quit = true;
	}
	send_answer(s);
	return OK;
}

static void
loop(struct session *s)
{
	int64_t timeout = conf_seconds(s->server->conf, CONF_POPTIMEOUT);
	enum err e = OK;

	stream_timeout(s->s, (int)(timeout < TIMEOUT_MIN ? TIMEOUT_MIN : timeout));
	while (e == OK && !s->quit)
		e = one_command(s);
	/* Who is timed out is told nothing (RFC 1939 section 3). */
	send_answer(s);
	if (stream_flush(s->s) != OK)
		log_debug("%s: connection lost", s->client->host);
	log_notice("counts: retr=<%u> top=<%u> dele=<%u>", s->retr, s->top,
	    s->quit ? s->dele : 0);
}

/* May the user have one session more (maxlogins_per_user, maxlogins_per_host)? */
static bool
has_too_many(struct session *s)
{
	enum limits_verdict verdict = limits_logged_in(s->server->limits,
	    s->v.user->id.userid);

	if (verdict == LIMITS_OK)
		return false;
	log_notice("refused login: [%s] %s: %s", s->client->host, s->v.user->name,
	    limits_option(verdict));
	refuse(s, "SYS/TEMP", limits_why(verdict));
	send_answer(s);
	return true;
}

static void
transaction(struct session *s)
{
	if (has_too_many(s))
		return;

	enum err e = maildrop_open(s->server, s->v.user, buf_str(&s->v.folder), &s->d);

	if (e == OK) {
		server_status(s->server, s->client, s->v.user->name, mbox_entry(s->d.m)->name);
		server_telemetry(s->server, s->client, s->v.user->name);
		ok(s, "Mailbox open");
		send_answer(s);
		if (s->v.layer != NULL)
			peer_start_layer(s->client, s->v.layer);
		s->v.layer = NULL;
		loop(s);
		maildrop_close(&s->d);
		return;
	}
	if (e == ERR_AGAIN)
		refuse(s, "LOGIN-DELAY", "You have logged in a moment ago; try again later");
	else
		pop3_failed(&s->out, s->v.language, e);
	send_answer(s);
}

void
pop3_session(struct server *server, struct client *client)
{
	struct session s = {
		.server = server, .client = client, .s = client->stream,
		.line = BUF_INIT, .out = BUF_INIT, .header = BUF_INIT,
	};

	if (door_open(server, client, &s.v) == OK) {
		transaction(&s);
		visitor_fini(&s.v);
	}
	buf_free(&s.line);
	buf_free(&s.out);
	buf_free(&s.header);
}
