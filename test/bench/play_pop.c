/*
 * play_pop.c - players that fetch mail by POP3: log in, STAT, UIDL, retrieve all
 * (or nothing), QUIT, and begin again
 *
 * RETR commands are sent together, as far as the server says PIPELINING, which
 * both others do; of messages only the end is looked for.
 */
#include "test/bench/conn.h"
#include "test/bench/play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum phase { GREETING, USER, PASS, STAT, UIDL, RETR, QUIT };

struct fetcher {
	struct player player;
	struct conn conn;
	bool retrieves;
	uint64_t op, messages, left;
	double began;
	enum phase phase;
	bool inside;			/* of a multi-line answer */
};

static void
begin(struct fetcher *f)
{
	struct run *run = f->player.run;

	if (!run_take(run, &f->op)) {
		run_leave(run);
		run_quit(run);
		return;
	}
	f->phase = GREETING;
	f->inside = false;
	f->began = run_now();
	conn_open(&f->conn, run->params->pop3);
}

static void
say(struct fetcher *f, const char *verb, const char *word)
{
	char line[256];
	int n = snprintf(line, sizeof(line), "%s%s%s\r\n", verb, *word != '\0' ? " " : "", word);

	conn_send(&f->conn, line, (size_t)n);
}

static void
retrieve_all(struct fetcher *f)
{
	struct buf b = BUF_INIT;

	for (uint64_t n = 1; n <= f->messages; n++)
		buf_printf(&b, "RETR %llu\r\n", (unsigned long long)n);
	f->left = f->messages;
	conn_send(&f->conn, b.p, b.n);
	buf_free(&b);
}

/* An answer is there, all of it; what comes next? */
static void
go_on(struct fetcher *f, struct str line)
{
	const struct params *p = f->player.run->params;
	struct buf user = BUF_INIT;
	struct str word;

	switch (f->phase) {
	case GREETING:
		run_user(p, (unsigned)(f->op % p->users), &user);
		say(f, "USER", user.p);
		buf_free(&user);
		break;
	case USER:
		say(f, "PASS", p->password);
		break;
	case PASS:
		say(f, "STAT", "");
		break;
	case STAT:
		if (!str_next_word(&line, &word) || !str_next_word(&line, &word) ||
		    !str_to_u64(word, &f->messages))
			run_fail(f->player.run, "no drop listing");
		say(f, "UIDL", "");
		break;
	case UIDL:
		if (f->retrieves && f->messages > 0) {
			retrieve_all(f);
			break;
		}
		f->phase = RETR;
		say(f, "QUIT", "");
		break;
	case RETR:
		if (--f->left > 0)
			return;
		say(f, "QUIT", "");
		break;
	case QUIT:
		return;
	}
	f->phase++;
}

/* The first line of an answer; true: it is all of it. */
static bool
first_line(struct fetcher *f, struct str line)
{
	if (!str_starts(line, STR("+OK"))) {
		run_fail(f->player.run, "%.*s", line.n < 200 ? (int)line.n : 200, line.p);
		return false;
	}
	f->inside = f->phase == UIDL || f->phase == RETR;
	return !f->inside;
}

/* Takes one line, or the rest of a message; 0: more has to come. */
static size_t
take(struct fetcher *f, struct str in)
{
	const char *end;

	if (!f->inside) {
		end = memchr(in.p, '\n', in.n);
		if (end == NULL)
			return 0;
		struct str line = str_slice(in, 0, (size_t)(end - in.p));
		/* An empty list ends at once: its dot must find a line's end before it. */
		if (first_line(f, line))
			go_on(f, line);
		return f->inside ? line.n : line.n + 1;
	}
	end = memmem(in.p, in.n, "\n.\r\n", 4);
	if (end == NULL)
		return in.n > 3 ? in.n - 3 : 0;
	f->inside = false;
	go_on(f, (struct str){ "", 0 });
	return (size_t)(end - in.p) + 4;
}

static void
received(struct conn *c)
{
	struct fetcher *f = c->ctx;
	size_t at = 0, n = 1;

	while (n > 0 && at < c->in.n && c->fd >= 0 && f->player.run->failure[0] == '\0') {
		n = take(f, str_slice(buf_str(&c->in), at, c->in.n));
		at += n;
	}
	if (c->fd >= 0)
		buf_consume(&c->in, at);
}

static void
closed(struct conn *c)
{
	struct fetcher *f = c->ctx;

	if (f->phase != QUIT) {
		run_fail(f->player.run, "the server has closed the connection");
		return;
	}
	run_done(f->player.run, f->began, f->retrieves ? f->messages : 1);
	begin(f);
}

static void
on_go(struct player *p)
{
	begin((struct fetcher *)p);
}

void
play_pop(struct run *run, const struct workload *w)
{
	unsigned n = run->params->connections;
	struct fetcher *all = calloc(n, sizeof *all);

	if (all == NULL)
		abort();
	if (run->params->pop3 == NULL) {
		run_skip(run, "no --pop3");
		free(all);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		all[i].retrieves = w->unit == ALL_FETCHED;
		run_join(run, &all[i].player, on_go);
		conn_init(&all[i].conn, run, received, closed, &all[i]);
	}
	for (unsigned i = 0; i < n; i++)
		run_ready(run);
	run_play(run);
	for (unsigned i = 0; i < n; i++)
		conn_close(&all[i].conn);
	free(all);
}
