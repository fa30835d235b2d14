/*
 * notify.h - tell others that a mailbox has changed; be told
 *
 * A worker's connection to idled(8), which passes notices on: whoever commits
 * a change publishes the mailbox's id; whoever watches that id finds
 * notify_fd() readable less than a millisecond later.  A notice says only
 * "look again", so several may come as one and one may come for nothing.
 *
 * Without idled nothing fails: publishing costs a system call now and then,
 * and notify_fd() is -1, so that who waits must look by himself every so
 * often.  When idled comes back, connection and watches are made anew.
 *
 * How to wait: notify_watch(); then, in a loop, look at the mailbox, wait for
 * notify_fd() (asked each time) with a timeout, notify_drain().  A new watch
 * answers with one notice when it is in force, so what changed while it was
 * made is not missed.
 *
 * Nothing here blocks, logs an absent idled or delays a commit: a notice that
 * does not fit the socket's buffer is dropped.
 */
#ifndef IMAP_SERVER_NOTIFY_H
#define IMAP_SERVER_NOTIFY_H

#include "imap/store/store.h"
#include "lib/err.h"

#include <stdbool.h>
#include <stdint.h>

struct notify;

enum { NOTIFY_WATCH_MAX = 64 };		/* mailboxes that one worker watches */

/*
 * SOCKET is the path of idled's, option idlesocket.  Never fails; connects
 * when first needed.
 */
struct notify *notify_open(const char *socket);
void notify_close(struct notify *n);	/* NULL is allowed */

/* CTX is the struct notify: fits store_params.publish. */
void notify_publish(void *ctx, const struct id128 *mailbox);

/* ERR_LIMIT past NOTIFY_WATCH_MAX; watching twice is watching once. */
enum err notify_watch(struct notify *n, const struct id128 *mailbox) MUST_CHECK;
void notify_unwatch(struct notify *n, const struct id128 *mailbox);

/* Readable when there is something; -1 while idled cannot be reached. */
int notify_fd(struct notify *n);

/* Takes all notices; was there any, or may one have been missed? */
bool notify_drain(struct notify *n);

/*
 * What goes through the socket (UNIX, stream, mode 0660): to idled messages
 * of this form; from idled one byte, of any value, for each notice.
 */
enum notify_op {
	NOTIFY_PUBLISH = 'p',
	NOTIFY_WATCH = 'w',
	NOTIFY_UNWATCH = 'u',
};

struct notify_message {
	uint8_t op;
	uint8_t zero[3];
	struct id128 id;
};

#endif
