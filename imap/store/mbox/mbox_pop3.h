/*
 * mbox_pop3.h - how often POP3 clients may log in to a mailbox
 *
 * A word of the index's header says when the next one may come (popminpoll).  It
 * is neither logged nor flushed: after a power cut somebody may come too soon.
 */
#ifndef IMAP_STORE_MBOX_MBOX_POP3_H
#define IMAP_STORE_MBOX_MBOX_POP3_H

#include "imap/store/mbox/mbox.h"

#include <stdint.h>

/*
 * A login at NOW (unix seconds), of which there may be one every INTERVAL seconds
 * in the long run, and AT_ONCE of them together.  ERR_AGAIN: too soon.  Whatever
 * else goes wrong keeps nobody out.
 */
enum err mbox_pop3_login(struct mbox *m, int64_t now, int64_t interval,
    int64_t at_once) MUST_CHECK;

#endif
