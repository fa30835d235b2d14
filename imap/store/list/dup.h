/*
 * dup.h - deliver.db: which messages were delivered where already
 *
 * Key: Message-ID and mailbox id.  It may forget at a crash (a duplicate is
 * then delivered), it never remembers what was not delivered: the mark is set
 * after the delivery is durable.
 */
#ifndef IMAP_STORE_LIST_DUP_H
#define IMAP_STORE_LIST_DUP_H

#include "imap/store/list/params.h"
#include "lib/err.h"

/* Has the message MSGID been delivered to the mailbox? *when: unix seconds, 0: no. */
enum err dup_check(struct store *s, struct str msgid, const struct id128 *mailbox, int64_t *when) MUST_CHECK;
void dup_mark(struct store *s, struct str msgid, const struct id128 *mailbox, int64_t when, uint32_t uid);
/* Forgets what is SECONDS old or older; *removed counts.  The file gets smaller
 * if that was much. */
enum err dup_prune(struct store *s, int64_t seconds, uint64_t *removed) MUST_CHECK;

#endif
