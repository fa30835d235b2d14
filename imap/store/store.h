/*
 * store.h - the mail store of one server
 *
 * The store is the only code that opens a file of the spool or a database of
 * the configuration directory.  It knows mailboxes, messages, flags, rights
 * and quotas; it knows no protocol and reads no options: what it must know is
 * in struct store_params (list/params.h).
 *
 * Names are internal names: components joined by '.', "user.johndoe.drafts",
 * UTF-8 in normalization form C.  A '.' within a component is kept as '^'.
 *
 * Acknowledged means durable: a function that changes something returns OK
 * only after the change has been flushed.  See doc/architecture.md, commit.
 *
 * One struct store a process; mailboxes are opened in it (mbox/mbox.h).  Not for
 * several threads.
 */
#ifndef IMAP_STORE_STORE_H
#define IMAP_STORE_STORE_H

#include "imap/store/list/params.h"
#include "lib/err.h"

/*
 * Opens the store.  The first process that opens it after a stop or a crash
 * replays the logs; nobody waits for a person.  Missing directories below the
 * configuration directory and the partitions are made; a missing partition
 * itself is ERR_NOTFOUND (a file system that is not mounted must not be taken
 * for an empty one).  PARAMS and what it points to must outlive the store.
 */
enum err store_open(const struct store_params *params, struct store **s) MUST_CHECK;
void store_close(struct store *s);

/* Flushes all partitions and databases and lets the logs go (ctl_cyrusdb -c). */
enum err store_checkpoint(struct store *s) MUST_CHECK;

/*
 * For workers between two commands: does what is due (a checkpoint when a log
 * has grown, unless another process is at it; compaction of mailboxes from which
 * this process has seen much expunged).  Returns at once when nothing is.
 */
void store_maintain(struct store *s);

#endif
