/*
 * watch.h - telling a client what it has asked for by NOTIFY (RFC 5465)
 *
 * A session that has used NOTIFY is told of changes whenever no command runs.  What
 * it asked for is a scope (scope.h); what its client knows, a list (watched.h).
 * idled's notices say what to look at: a mailbox, the names, the subscriptions.  A
 * look compares what is there with what the client knows and tells the
 * difference.  So a session never holds news that it could not tell: one whose
 * client does not read waits in a write, and notices meant for it become one that
 * says "look at everything".
 *
 * Without idled everything is looked at every imapidlepoll seconds; when it comes
 * back, at once.
 *
 * What the client has done itself it is not told: a commit that follows directly on
 * what it knows, and changes of names by its own commands, are what it knows.
 *
 * Overflow: more mailboxes than notifymailboxes allows, or idled has no room.  The client hears
 * NOTIFICATIONOVERFLOW and nothing more.
 *
 * All functions but watch_set() do nothing in a session without NOTIFY.
 */
#ifndef IMAP_IMAPD_SESSION_WATCH_H
#define IMAP_IMAPD_SESSION_WATCH_H

#include "imap/imapd/proto/notify_req.h"
#include "imap/imapd/session/session.h"
#include "imap/store/mbox/txn.h"

/*
 * NOTIFY SET: from here on.  Sends the STATUS responses that are asked for.
 * ERR_LIMIT: too much; what was in force still is.
 */
enum err watch_set(struct session *s, struct command *c, const struct notify_req *req) MUST_CHECK;

/* NOTIFY NONE. */
void watch_none(struct session *s);

/* The session ends, or its user goes. */
void watch_end(struct session *s);

/*
 * Between two commands, or IDLING: tells what is to be told until the client sends
 * something.  ERR_CLOSED, ERR_TIMEOUT, ERR_IO.
 */
enum err watch_wait(struct session *s, struct arena *arena, bool idling) MUST_CHECK;

/* Before a command: it may leave the selected mailbox. */
void watch_note_view(struct session *s);

/* --- what the client does itself --- */

/* A commit to the mailbox M; also without NOTIFY, for what contexts tell of. */
void watch_own_commit(struct session *s, const struct mbox *m, const struct txn_result *r);

/* The mailbox NAME, with TREE also those below, was made, deleted, subscribed ... */
void watch_own_names(struct session *s, struct str name, bool tree);
void watch_own_rename(struct session *s, struct str from, struct str to);

/* An annotation of the mailbox, or with NULL of the server; VALUE {NULL, 0}: gone. */
void watch_own_note(struct session *s, const struct mbentry *e, bool private,
    struct str entry, struct str value);

#endif
