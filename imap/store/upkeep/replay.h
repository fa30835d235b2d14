/*
 * replay.h - the log's changes into the files, after a power cut
 */
#ifndef IMAP_STORE_UPKEEP_REPLAY_H
#define IMAP_STORE_UPKEEP_REPLAY_H

#include "imap/store/list/local.h"

/*
 * Replays a partition's log from its checkpoint; for the one cold opener.
 * Damage in one mailbox is logged and does not stop the others.
 */
enum err replay_partition(struct store *s, struct partition *part) MUST_CHECK;

#endif
