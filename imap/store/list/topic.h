/*
 * topic.h - what can be watched besides mailboxes
 *
 * Whoever changes something publishes an id (store_params.publish).  That of a
 * mailbox is its own; for all else it is made from words.  The notice of a
 * topic says only that something of it has changed.
 */
#ifndef IMAP_STORE_LIST_TOPIC_H
#define IMAP_STORE_LIST_TOPIC_H

#include "imap/store/list/params.h"

enum topic {
	/*
	 * Names, rights, special uses of mailboxes: of all below "user.X" together if
	 * WHOSE is one of these, else of all below WHOSE's first component.
	 */
	TOPIC_NAMES = 'n',
	TOPIC_SUBSCRIPTIONS = 's',	/* those of the user WHOSE */
	TOPIC_NOTES = 'a',		/* the server's annotations: his own; "": shared */
};

struct id128 topic_id(enum topic t, struct str whose);

/* After the change, as a commit does. */
void topic_publish(struct store *s, enum topic t, struct str whose);

#endif
