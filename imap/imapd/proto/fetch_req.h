/*
 * fetch_req.h - what FETCH asks for (RFC 9051 section 6.4.5)
 *
 * A request is a list of items in the order in which they were written, each
 * once; the macros ALL, FAST and FULL are spelled out.  RFC822 and its
 * relatives are sections with another label.
 */
#ifndef IMAP_IMAPD_PROTO_FETCH_REQ_H
#define IMAP_IMAPD_PROTO_FETCH_REQ_H

#include "imap/imapd/proto/annotation_req.h"
#include "imap/imapd/proto/parse.h"

/* The macros' items stand in the order in which macros name them. */
enum fetch_op {
	FETCH_UID, FETCH_FLAGS, FETCH_INTERNALDATE, FETCH_SIZE,
	FETCH_ENVELOPE, FETCH_BODY, FETCH_BODYSTRUCTURE,
	FETCH_EMAILID, FETCH_THREADID, FETCH_MODSEQ,
	FETCH_SECTION,
	FETCH_BINARY, FETCH_BINARY_SIZE,	/* RFC 3516 */
	FETCH_PREVIEW, FETCH_PREVIEW_LAZY,	/* RFC 8970 */
	FETCH_SAVEDATE,				/* RFC 8514 */
	FETCH_ANNOTATION,			/* RFC 5257 */
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
	bool sets_seen;			/* a section that was not asked to PEEK */
	struct fetch_section section;
	struct annotation_query annotation;
	struct fetch_item *next;
};

struct fetch_req {
	struct sequence_set set;
	struct fetch_item *items;
	unsigned count;
	bool sets_seen;			/* one of them does */
	bool has_uid, has_flags, has_modseq;
	bool needs_body;		/* the message's bytes */
	bool has_binary, has_annotation;
	bool lazy_preview;		/* if the cache has it */
	unsigned needs_cache;		/* bit 1 << enum cache_item */
	bool has_changedsince, vanished;	/* RFC 7162 sections 3.1.4.1, 3.2.6 */
	uint64_t changedsince;
	struct partial_range partial;	/* RFC 9394 section 3.3; .first is 0: none */
};

/* One more item, unless it is there; false: there are too many. */
bool fetch_req_add(struct fetch_req *req, struct fetch_item *item);

/*
 * Adds copies of FROM's items to TO, of which nothing depends on FROM's command any
 * more; only the items: a set and the like stay TO's.  False: the arena is full, or
 * there are too many.
 */
bool fetch_req_merge(struct arena *arena, struct fetch_req *to, const struct fetch_req *from);

#endif
