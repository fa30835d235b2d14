/*
 * check_in.h - the inside of reconstructing, for check*.c
 */
#ifndef IMAP_STORE_CHECK_IN_H
#define IMAP_STORE_CHECK_IN_H

#include "imap/store/check.h"
#include "imap/disk/header.h"
#include "imap/disk/index.h"
#include "imap/disk/witness.h"
#include "imap/store/list/local.h"

struct checking {
	struct store *s;
	struct partition *part;
	const struct mbentry *e;
	const struct check_params *p;
	struct check_result *res;
	int dirfd;
	bool anew;			/* no UID that was given still counts */
	bool renewed;			/* it has got a new UIDVALIDITY */
	bool intact;			/* the old index knows all that was acknowledged */
	struct index_header old;	/* zero if it could not be read */
	struct witness witness;		/* zero if there is none */
	struct index_record *rec;	/* the old ones that are good */
	uint32_t recs;
	uint32_t *uid;			/* of the files, rising */
	uint32_t uids, uid_size;
	struct index_record *new;
	uint32_t news;
	struct index_record *moved;	/* that get a new UID; ... */
	uint32_t *moved_from;		/* ... and their files' old one */
	uint32_t moves;
	uint32_t *gone;			/* files to remove */
	uint32_t gones;
	uint32_t known_uid;		/* the highest in header and records */
	uint32_t last_uid;		/* the highest given */
	uint64_t modseq;		/* for what is found */
	uint64_t annotation;		/* octets of annotations */
	bool annotated;			/* there are some */
	bool header_changed;
	struct mailbox_header header;	/* as it is to be */
};

/* One finding: to the caller and to the log. */
void check_report(struct checking *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Is it the mailbox's own header, and sane? */
bool check_header_is_ours(const struct checking *c, const struct index_header *h);

/*
 * What can be read of the old index and the witness into c->old, c->rec and
 * c->witness; what is wrong with it is reported.  A sector that the disk cannot
 * read costs the records in it.
 */
enum err check_read_index(struct checking *c) MUST_CHECK;

/*
 * Reads the old records and lists the files; then c->new is what the records
 * are to be, c->moved and c->gone what is to be done with files.  Under the
 * mailbox's lock; changes nothing but, if so told, odd files.
 */
enum err check_records(struct checking *c) MUST_CHECK;

#endif
