/*
 * lmtp.c - an LMTP client that delivers one message at a time
 *
 *	GREETING --220--> HELLO --250--> IDLE --deliver--> ENVELOPE
 *	ENVELOPE --250 for MAIL and each RCPT, 354 for DATA--> DATA
 *	DATA --250 for each recipient--> IDLE
 */
#include "test/bench/lmtp.h"

enum state {
	GREETING,
	HELLO,
	IDLE,
	ENVELOPE,
	DATA,
};

static void
enter(struct lmtp *c, enum state state, unsigned replies)
{
	c->state = state;
	c->waiting = replies;
}

static const char *
wanted(const struct lmtp *c)
{
	if (c->state == GREETING)
		return "220";
	return c->state == ENVELOPE && c->waiting == 1 ? "354" : "250";
}

static void
send_message(struct lmtp *c)
{
	struct buf b = BUF_INIT;

	buf_add_str(&b, c->message);
	buf_adds(&b, ".\r\n");
	conn_send(&c->conn, b.p, b.n);
	buf_free(&b);
	c->heard(c, LMTP_SENT);
}

static void
step(struct lmtp *c)
{
	switch ((enum state)c->state) {
	case GREETING:
		enter(c, HELLO, 1);
		conn_send(&c->conn, "LHLO bench.example\r\n", 20);
		break;
	case HELLO:
		enter(c, IDLE, 0);
		c->heard(c, LMTP_READY);
		break;
	case ENVELOPE:
		enter(c, DATA, c->recipients);
		send_message(c);
		break;
	case DATA:
		enter(c, IDLE, 0);
		c->heard(c, LMTP_DELIVERED);
		break;
	case IDLE:
		break;
	}
}

static void
note_reply(struct lmtp *c, struct str line)
{
	if (line.n > 3 && line.p[3] == '-')
		return;			/* more lines of it follow */
	if (c->waiting == 0 || !str_starts(line, str_c(wanted(c)))) {
		run_fail(c->conn.run, "LMTP: %.*s", STR_ARG(line));
		return;
	}
	if (--c->waiting == 0)
		step(c);
}

static void
received(struct conn *conn)
{
	struct lmtp *c = conn->ctx;
	size_t at = 0, n;

	while (conn->run->failure[0] == '\0') {
		struct str rest = str_slice(buf_str(&conn->in), at, conn->in.n);
		n = str_chr(rest, '\n');
		if (n == rest.n)
			break;
		at += n + 1;
		note_reply(c, str_trim(str_slice(rest, 0, n)));
		if (conn->fd < 0)
			return;
	}
	buf_consume(&conn->in, at);
}

static void
closed(struct conn *conn)
{
	run_fail(conn->run, "the LMTP server closed the connection");
}

void
lmtp_init(struct lmtp *c, struct run *run,
    void (*heard)(struct lmtp *, enum lmtp_event), void *ctx)
{
	*c = (struct lmtp){ .heard = heard, .ctx = ctx };
	conn_init(&c->conn, run, received, closed, c);
}

void
lmtp_open(struct lmtp *c)
{
	enter(c, GREETING, 1);
	conn_open(&c->conn, c->conn.run->params->lmtp);
}

void
lmtp_close(struct lmtp *c)
{
	conn_close(&c->conn);
}

void
lmtp_deliver(struct lmtp *c, struct str message, uint64_t first, unsigned n)
{
	const struct params *p = c->conn.run->params;
	struct buf b = BUF_INIT;

	c->message = message;
	c->recipients = n;
	buf_adds(&b, "MAIL FROM:<sender@example.net>\r\n");
	for (unsigned i = 0; i < n; i++) {
		buf_adds(&b, "RCPT TO:<");
		run_user(p, (unsigned)((first + i) % p->users), &b);
		buf_adds(&b, ">\r\n");
	}
	buf_adds(&b, "DATA\r\n");
	enter(c, ENVELOPE, n + 2);
	conn_send(&c->conn, b.p, b.n);
	buf_free(&b);
}
