/*
 * body.h - sections of a message: BODY[...] and BINARY[...] (RFC 9051 section 6.4.5)
 *
 * A struct body looks at one message after the other; the structure of each is
 * taken from the table in cyrus.cache (CACHE_SECTIONS) if that is enough.  All
 * results point into the message's bytes or into the body, and are good until
 * the next message, or the next section of filtered header fields.
 */
#ifndef IMAP_IMAPD_MESSAGE_BODY_H
#define IMAP_IMAPD_MESSAGE_BODY_H

#include "imap/imapd/proto/fetch_req.h"
#include "imap/mime/mime.h"
#include "lib/arena.h"
#include "lib/buf.h"

struct body {
	struct str bytes;		/* the message */
	uint32_t header_size;
	struct str sections;		/* CACHE_SECTIONS; n == 0: not known */
	struct str headers;		/* CACHE_HEADERS, for sections that are .cached */
	/* Its own. */
	struct buf fields;		/* filtered */
	struct arena *arena;		/* the structure; NULL: not looked at */
	struct mime_part *root;
	bool parsed;			/* from the bytes, not from the table */
};

#define BODY_INIT	{ .fields = BUF_INIT }

/* Another message: its bytes and the like are to be set anew. */
void body_reset(struct body *b);
void body_free(struct body *b);

/* False: there is no such section, which is said as NIL. */
bool body_section(struct body *b, const struct fetch_section *s, struct str *bytes);

/*
 * What BINARY[] of a section is about, and how it is encoded: {NULL, 0} if its
 * bytes are what they are, as in all that is composed of parts.  False as above.
 */
bool body_binary(struct body *b, const struct fetch_section *s, struct str *content,
    struct str *encoding);

/* The part that S names, all of it known; NULL: there is none. */
const struct mime_part *body_part(struct body *b, const struct fetch_section *s);

/* The bytes <OFFSET.LENGTH> of what there is. */
struct str body_slice(struct str bytes, uint64_t offset, uint64_t length);

#endif
