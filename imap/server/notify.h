/*
 * notify.h - tell others that something has changed; be told
 *
 * A worker's connection to idled(8), which passes notices on: whoever commits
 * a change publishes the mailbox's id; whoever watches that id finds
 * notify_fd() readable less than a millisecond later.  What is not a mailbox
 * (the names of a user's mailboxes, his subscriptions ...) has an id as well,
 * see imap/store/list/topic.h.  A notice says only "look again", so several may come
 * as one and one may come for nothing; but none is lost without a word.
 *
 * Without idled nothing fails: publishing costs a few system calls, and notify_fd()
 * is -1, so that who waits must look by himself every so often.  When idled comes
 * back, connection and watches are made anew.
 *
 * How to wait: notify_watch(); then, in a loop, look at the mailbox, wait for
 * notify_fd() (asked each time) with a timeout, notify_drain() or notify_next().
 * A new watch answers with one notice when it is in force, so what changed
 * while it was made is not missed.
 *
 * Nothing here logs an absent idled or delays a commit.  A notice that does not
 * fit the socket's buffer is not waited for: the connection is closed without
 * a farewell, and then idled tells everybody to look, as it does when a
 * worker dies.
 *
 * Memory: 16 bytes a watch here, about 100 in idled.
 */
#ifndef IMAP_SERVER_NOTIFY_H
#define IMAP_SERVER_NOTIFY_H

#include "imap/store/store.h"
#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct notify;

enum {
	NOTIFY_WATCH_MAX = 20000,	/* ids that one worker watches */
	NOTIFY_PATIENCE_MS = 2000,	/* with idled, when watches are made */
};

/*
 * SOCKET is the path of idled's, option idlesocket.  Never fails; connects
 * when first needed.
 */
struct notify *notify_open(const char *socket);
void notify_close(struct notify *n);	/* NULL is allowed */

/* CTX is the struct notify: fits store_params.publish. */
void notify_publish(void *ctx, const struct id128 *id);

/* ERR_LIMIT past NOTIFY_WATCH_MAX; watching twice is watching once. */
enum err notify_watch(struct notify *n, const struct id128 *id) MUST_CHECK;
void notify_unwatch(struct notify *n, const struct id128 *id);

/*
 * Watches the COUNT ids, in any order and perhaps repeated, and nothing else
 * any more.  Waits until that is in force: what is looked at afterwards needs
 * no second look.  If idled does not answer in time, notify_next() will say
 * NOTIFY_ALL.  ERR_LIMIT: nothing has changed.
 */
enum err notify_watch_set(struct notify *n, const struct id128 *ids, size_t count) MUST_CHECK;

/*
 * Readable when there is something more to read; -1 while idled cannot be reached.
 * What came before the answer to notify_watch_set() has been read already: who waits
 * for the descriptor asks notify_has_news() first.
 */
int notify_fd(struct notify *n);
bool notify_has_news(const struct notify *n);

enum notify_news {
	NOTIFY_NOTHING,			/* no more */
	NOTIFY_ONE,			/* *ID may have changed */
	NOTIFY_ALL,			/* anything that is watched may have */
	NOTIFY_REFUSED,			/* idled cannot watch so much for all of us */
};

/* The next notice; does not wait. */
enum notify_news notify_next(struct notify *n, struct id128 *id);

/* Takes all notices; was there any, or may one have been missed? */
bool notify_drain(struct notify *n);

/*
 * What goes through the socket (UNIX, stream, mode 0660), both ways.
 */
enum notify_op {
	NOTIFY_OP_PUBLISH = 'p',	/* to idled, and from it: the notice */
	NOTIFY_OP_WATCH = 'w',
	NOTIFY_OP_UNWATCH = 'u',
	NOTIFY_OP_SYNC = 's',		/* answered by the same: all before is in force */
	NOTIFY_OP_BYE = 'b',		/* whoever goes without it may have left something unsaid */
	NOTIFY_OP_LOST = 'l',		/* from idled: look at everything */
	NOTIFY_OP_REFUSED = 'r',	/* from idled: this id is not watched */
};

struct notify_message {
	uint8_t op;
	uint8_t zero[3];
	struct id128 id;
};

#endif
