/*
 * batches.h - ranges of UIDs with so many messages each (RFC 10022)
 *
 * Batch 1 has the highest UIDs.  Where one ends the next begins, and the last
 * ends with UID 1: no message is in none of them, and what comes later is in
 * none (section 3.1.4).
 *
 * "The client MUST NOT resend UIDBATCHES" while the mailbox is much as it was,
 * and the server SHOULD refuse it (sections 3.1.1 and 6): with batches of some
 * hundreds, asked for again and again a little different, sequence numbers
 * could be made out.  Who asks for the next batches, "1:100" and then "100:200",
 * is told.  Who asks for nothing but what he was told already is told that
 * BATCH_REPEATS times more (clients lose answers, and people try things), then
 * no longer, unless half a batch of messages has come or gone since.  Of
 * BATCH_SIZES sizes at a time this is remembered; for one more there is no
 * answer either.
 */
#ifndef IMAP_IMAPD_SESSION_BATCHES_H
#define IMAP_IMAPD_SESSION_BATCHES_H

#include "imap/disk/uidset.h"
#include "imap/store/mbox/mbox.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	BATCH_SIZES = 4,
	BATCH_REPEATS = 10,
	BATCH_LEAST = 500,		/* messages: section 3.1.3.2 */
};

/* What was told of the selected mailbox; {0} at first. */
struct batches_told {
	struct batch_size {
		uint32_t size;		/* 0: unused */
		uint32_t count;		/* messages there were, */
		uint32_t last_uid;	/*   and the highest UID */
		uint32_t repeats;
		struct uidset batches;
	} of[BATCH_SIZES];
};
void batches_forget(struct batches_told *t);

/* How many batches of SIZE M's view has. */
uint32_t batches_count(const struct mbox *m, uint32_t size);

/* Batch N of them: from its highest UID down to its lowest. */
struct uidrange batches_range(struct mbox *m, uint32_t size, uint32_t n);

/* Batches FIRST..LAST, which are there, may be told, and are noted as told. */
bool batches_tell(struct batches_told *t, struct mbox *m, uint32_t size, uint32_t first,
    uint32_t last);

#endif
