/*
 * fetch.h - what FETCH asks for, and its answer
 *
 * A request is a list of items in the order in which they were written; the
 * macros ALL, FAST and FULL are spelled out.  RFC822 and its relatives are
 * sections with another label.  (RFC 3501 section 6.4.5)
 *
 * The answer for a message is first gathered (record, cached pieces, bytes)
 * and only then written, so that a message whose file is gone is left out as
 * a whole.  Items that are kept ready for sending are copied from the mapped
 * cache into the stream's buffer and nothing else is done to them.
 */
#ifndef IMAP_IMAPD_FETCH_H
#define IMAP_IMAPD_FETCH_H

#include "imap/imapd/proto/parse.h"
#include "imap/store/mbox.h"
#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/stream.h"

enum fetch_op {
	FETCH_UID, FETCH_FLAGS, FETCH_INTERNALDATE, FETCH_SIZE,
	FETCH_ENVELOPE, FETCH_BODY, FETCH_BODYSTRUCTURE,
	FETCH_SECTION,
};

enum section_what {
	SECTION_WHOLE,		/* BODY[], BODY[1.2] */
	SECTION_HEADER, SECTION_FIELDS, SECTION_FIELDS_NOT, SECTION_TEXT,
	SECTION_MIME,		/* only with part numbers */
};

enum {
	SECTION_MAX_DEPTH = 100,	/* part numbers in one section */
	FETCH_MAX_ITEMS = 1000,		/* different items in one command */
};

struct fetch_section {
	enum section_what what;
	const uint32_t *part;
	size_t parts;
	const struct str *field;
	size_t fields;
	bool partial;
	uint64_t offset, length;
	bool cached;			/* all fields are in CACHE_HEADERS */
	struct str label;		/* "BODY[1.TEXT]<0> ", as the answer has it */
};

struct fetch_item {
	enum fetch_op op;
	struct fetch_section section;
	struct fetch_item *next;
};

struct fetch_req {
	struct sequence_set set;
	struct fetch_item *items;
	unsigned count;
	bool sets_seen;			/* has a section that was not asked to PEEK */
	bool has_flags;
	bool needs_body;		/* the message's bytes */
	unsigned needs_cache;		/* bit 1 << enum cache_item */
};

/* Working space for answers, used again for each message. */
struct fetch_writer;
/* TOLD is borrowed: the keywords that may be named. */
struct fetch_writer *fetch_writer_new(struct mbox *m, const struct keywords *told,
    struct stream *out);
void fetch_writer_free(struct fetch_writer *w);		/* NULL allowed */

/*
 * Writes "* SEQ FETCH (...)".  WITH_FLAGS: FLAGS too, although not asked for.
 * ERR_NOTFOUND: the message or its file is gone; nothing was written.
 */
enum err fetch_write(struct fetch_writer *w, const struct fetch_req *req,
    uint32_t seq, bool with_flags) MUST_CHECK;

#endif
