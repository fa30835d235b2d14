/*
 * IDLE (RFC 2177): tells changes as they happen until the client says DONE
 *
 * idled's notices end the wait when the mailbox has changed; without idled it
 * is looked at every imapidlepoll seconds.
 */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/proto/reader.h"
#include "imap/imapd/session/sync.h"
#include "imap/imapd/session/watch.h"

#include <time.h>

static int64_t
now_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Milliseconds until the mailbox must be looked at anyway, or END is there. */
static int
look_after(const struct session *s, int64_t end)
{
	int64_t poll = conf_seconds(s->server->conf, CONF_IMAPIDLEPOLL);
	int64_t left = end - now_seconds();
	if (poll <= 0 || poll > 3600)
		poll = 60;
	return (int)(poll < left ? poll : left) * 1000;
}

/* Until the client sends something. */
static enum err
wait_for_client(struct session *s, struct arena *arena)
{
	struct notify *notify = s->server->notify;
	int64_t end = now_seconds() + conf_seconds(s->server->conf, CONF_TIMEOUT);
	struct arena_mark empty = arena_mark(arena);
	while (now_seconds() < end) {
		enum err e = sync_send(s, arena, true, false);
		arena_rewind(arena, empty);
		if (e == OK)
			e = stream_flush(s->stream);
		if (e != OK)
			return e;
		e = stream_wait(s->stream, notify_fd(notify), look_after(s, end));
		if (e != ERR_TIMEOUT && e != ERR_AGAIN)
			return e;
		(void)notify_drain(notify);
		if (session_is_shut_down(s))
			return ERR_CLOSED;
	}
	return ERR_TIMEOUT;
}

/* The same, told of changes of the selected mailbox. */
static enum err
watch_and_wait(struct session *s, struct arena *arena)
{
	if (s->watch != NULL)		/* RFC 5465 section 4 */
		return watch_wait(s, arena, true);
	if (s->mbox == NULL)
		return wait_for_client(s, arena);
	const struct id128 id = mbox_entry(s->mbox)->id;
	enum err e = notify_watch(s->server->notify, &id);
	if (e != OK)
		return e;
	e = wait_for_client(s, arena);
	notify_unwatch(s->server->notify, &id);
	return e;
}

/* idle = "IDLE" CRLF "DONE" */
enum err
run_idle(struct session *s, struct command *c)
{
	struct str line;
	reply_continue(s->reply, "idling");
	enum err e = watch_and_wait(s, c->arena);
	if (e == OK)
		e = reader_line(s->reader, &line);
	if (e == ERR_TIMEOUT) {
		reply_bye(s->reply, "Idle for too long");
		s->said_bye = true;
		s->state = STATE_LOGOUT;
	}
	if (e != OK)
		return e;		/* the session ends, or the line was too long */
	if (str_ieq(line, STR("DONE")))
		return OK;
	c->text = "Expected DONE";
	return ERR_SYNTAX;
}
