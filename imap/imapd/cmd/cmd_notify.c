/*
 * NOTIFY (RFC 5465): what the client wants to be told of, whenever it happens
 */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/session/sync.h"
#include "imap/imapd/session/watch.h"
#include "lib/log.h"

#include <string.h>

/* unsupported-events-code = "BADEVENT" SP "(" event-name *(SP event-name) ")" */
static enum err
refuse_events(struct command *c)
{
	struct buf code = BUF_INIT;
	buf_printf(&code, "BADEVENT (%s)", notify_event_names);
	c->code = arena_copy(c->arena, code.p, code.n);
	c->text = "Some of these events are not supported";
	buf_free(&code);
	return ERR_UNSUPPORTED;
}

/*
 * "A successful NOTIFY SET command MUST cause the server to immediately return any
 * accumulated changes to the currently selected mailbox".
 */
enum err
run_notify(struct session *s, struct command *c)
{
	const struct notify_req *req = c->req;
	enum err e;
	if (req->kind == NOTIFY_NONE) {
		watch_none(s);
		return OK;
	}
	if (notify_has_unsupported(req))
		return refuse_events(c);
	e = watch_set(s, c, req);
	if (e == ERR_LIMIT) {
		c->code = "NOTIFICATIONOVERFLOW";
		c->text = "That is too much to be watched";
	}
	/* It is in force in any case; what cannot be told now is tried again. */
	if (e == OK && sync_all(s, c->arena) != OK)
		log_debug("NOTIFY: the selected mailbox could not be looked at");
	return e;
}
