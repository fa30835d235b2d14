/*
 * usermove.h - what else belongs to a user whose mailboxes got another name
 *
 * An administrator renamed user.OLD to user.NEW.  What names the person must
 * follow: his entries in the ACLs of his own mailboxes, and his subscriptions.
 */
#ifndef IMAP_SERVER_USERMOVE_H
#define IMAP_SERVER_USERMOVE_H

#include "imap/store/store.h"
#include "lib/arena.h"
#include "lib/err.h"
#include "lib/str.h"

/*
 * To be called after the rename; doing it twice is harmless.  Each mailbox and
 * each subscription is a change of its own: after an error (the first is
 * returned) all others are done, after a crash some, and NEW, as the owner, can
 * give himself the rest.
 */
enum err usermove(struct store *s, struct arena *arena, struct str old, struct str new) MUST_CHECK;

#endif
