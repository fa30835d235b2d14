/*
 * check.h - making a mailbox right again from what is there (reconstruct)
 *
 * The message files decide what there is; the old index, record by record
 * where a checksum holds, gives flags, dates, modseqs and UIDs; cyrus.header
 * gives the names of keywords.  Nothing that can be read is thrown away.
 * Sessions that have the mailbox open go on with the new index.
 */
#ifndef IMAP_STORE_CHECK_H
#define IMAP_STORE_CHECK_H

#include "imap/store/mblist.h"
#include "imap/store/store.h"
#include "lib/err.h"

struct check_params {
	bool dry_run;			/* report, change nothing (-n) */
	bool verify_content;		/* compare sizes and SHA-256 with the records (-G) */
	/* One finding, for people; may be NULL. */
	void (*report)(void *ctx, const char *mailbox, const char *line);
	void *ctx;
};

struct check_result {
	uint32_t messages;		/* that the mailbox has now */
	uint32_t found;			/* files without a good record */
	uint32_t missing;		/* records without a file */
	uint32_t damaged;		/* records that fail their checksum */
	bool changed;
};

enum err check_mailbox(struct store *s, const struct mbentry *e,
    const struct check_params *p, struct check_result *r) MUST_CHECK;

#endif
