/*
 * check.h - making a mailbox right again from what is there (reconstruct)
 *
 * The message files decide what there is; the old index, record by record
 * where a checksum holds, gives flags, dates, modseqs and UIDs; cyrus.header
 * gives the names of keywords; the list gives everything else.  Nothing that
 * can be read is thrown away.  Sessions that have the mailbox open go on with
 * the new index.
 *
 * What clients were promised holds: a UID never stands for another message
 * than before.  So a file that no record knows keeps the number in its name
 * only if no message can have had it; else it gets a new one, and so does a
 * file that is there again after its loss was found.  If the highest UID is
 * not known any more, because the index's header is lost, the mailbox gets a
 * new UIDVALIDITY.  Of an index from a backup nobody can tell which UIDs were
 * given since; for it the caller asks for a new one.
 */
#ifndef IMAP_STORE_CHECK_H
#define IMAP_STORE_CHECK_H

#include "imap/store/list/mblist.h"
#include "imap/store/store.h"
#include "lib/err.h"

/* What to do about a file that is not what its record says. */
enum check_mismatch {
	CHECK_REPORT,			/* it remains so */
	CHECK_NEW_UID,			/* its content is a new message (-R) */
	CHECK_REMOVE,			/* it goes (-U) */
};

/* What to do about files that are none of the store's. */
enum check_odd {
	CHECK_ODD_REPORT,
	CHECK_ODD_IGNORE,		/* -o */
	CHECK_ODD_REMOVE,		/* -O */
};

struct check_params {
	bool dry_run;			/* report, change nothing (-n) */
	bool verify_content;		/* compare SHA-256 too, not only sizes (-G) */
	bool skip_sizes;		/* compare nothing (-s) */
	bool renew;			/* a new UIDVALIDITY in any case (-N) */
	enum check_mismatch mismatch;
	enum check_odd odd;
	/* One finding, for people; may be NULL. */
	void (*report)(void *ctx, const char *mailbox, const char *line);
	void *ctx;
};

struct check_result {
	uint32_t messages;		/* that the mailbox has now */
	uint32_t found;			/* files without a good record */
	uint32_t missing;		/* records without a file */
	uint32_t damaged;		/* records that fail their checksum */
	uint32_t remaining;		/* what was found wrong and was not mended */
	bool changed;
};

/*
 * A missing directory is made: the mailbox is empty then.  ERR_STALE: the
 * mailbox has been deleted or renamed since it was listed; nothing was done.
 */
enum err check_mailbox(struct store *s, const struct mbentry *e,
    const struct check_params *p, struct check_result *r) MUST_CHECK;

#endif
