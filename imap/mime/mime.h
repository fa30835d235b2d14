/*
 * mime.h - the structure of a message (RFC 5322, RFC 2045-2049, RFC 2231)
 *
 * mime_parse() walks over a message once and yields its tree of parts with
 * byte offsets; it never fails on what the Internet delivers, it only stops
 * looking deeper past its limits (MIME_MAX_DEPTH nested parts, MIME_MAX_PARTS
 * in all: what lies deeper is one leaf of application/octet-stream or the
 * declared type).  All str members are borrowed from the message bytes or
 * live in the arena.
 *
 * Memory: proportional to the number of parts and to the length of their
 * structure fields (each cut at MIME_MAX_FIELD), never to the body.
 */
#ifndef IMAP_MIME_MIME_H
#define IMAP_MIME_MIME_H

#include "imap/mime/decode.h"
#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	MIME_MAX_DEPTH = 100,
	MIME_MAX_PARTS = 10000,
	MIME_MAX_PARAMS = 200,		/* per part */
	MIME_MAX_FIELD = 65536,		/* one structure field's value */
	MIME_MAX_PREVIEW = 200,		/* characters */
};

struct mime_param {
	struct str name;		/* as sent, RFC 2231 pieces as sent too */
	struct str value;		/* unquoted */
};

struct mime_params {
	struct mime_param *item;
	size_t count;
};

/*
 * The value of the parameter NAME, RFC 2231 pieces joined and percent signs
 * decoded, in whatever character set; false: there is none.  A plain NAME goes
 * before an RFC 2231 one, the first of several before the others.
 */
bool mime_param_value(struct arena *arena, const struct mime_params *params,
    const char *name, struct str *value);

/*
 * The same for people: as UTF-8, by the character set that RFC 2231 names, or
 * with encoded words decoded, which RFC 2047 forbids here and mail is full of.
 * Appended to UTF8; false: there is none.
 */
bool mime_param_text(struct arena *arena, const struct mime_params *params,
    const char *name, struct buf *utf8);

/*
 * Hands the parameters to PUT, in order, those that come in pieces as one:
 * "decode parameter-value continuations as described in RFC 2231" (RFC 9051
 * section 7.5.2).  Percent signs and the character set stay, then the name ends
 * in "*".
 */
void mime_params_each(const struct mime_params *params,
    void (*put)(void *ctx, struct str name, struct str value), void *ctx);

enum mime_kind { MIME_LEAF, MIME_MULTIPART, MIME_MESSAGE };

/*
 * One part.  Offsets are from the start of the message; header_* covers the
 * header with its final empty line, body_* what follows up to, not including,
 * the CRLF before the next boundary.  The root part's header is the
 * message's.  A message/rfc822 or message/global (RFC 6532) part has one child:
 * the message in it, whose header_* and body_* lie within the parent's body.
 * A multipart has at least one child: if no delimiter is found in it, a
 * text/plain part without a header that is all of its body.
 *
 * A leaf may be labelled multipart or message/rfc822 all the same: past the
 * limits, or message/rfc822 in base64 or the like (forbidden by RFC 2046
 * section 5.2.1).  BODYSTRUCTURE shows it as application/octet-stream.
 */
struct mime_part {
	enum mime_kind kind;
	uint64_t header_start, header_size;
	uint64_t body_start, body_size;
	uint64_t body_lines;		/* LFs in the body */
	struct str type, subtype;	/* as sent; "text" "plain" by default */
	bool type_by_default;		/* no Content-Type, or nonsense in it */
	struct mime_params params;
	struct str id, description, encoding;	/* {NULL, 0}: absent */
	struct str md5, location;
	struct str disposition;
	struct mime_params disposition_params;
	struct str *language;
	size_t languages;
	struct mime_part *parent, *child, *last_child, *next;
	uint32_t children;
};

/* ERR_LIMIT only if ARENA is too small for even a bare structure. */
enum err mime_parse(struct arena *arena, struct str message, struct mime_part **root) MUST_CHECK;

/* Is it labelled message/rfc822 or message/global? */
bool mime_is_message(const struct mime_part *part);

/*
 * The part that "1.2.3" names (RFC 3501 section 6.4.5): NUMBERS[0..N-1]; N = 0
 * is the whole message.  NULL if there is none.  Part 1 of a message that is
 * no multipart is its body.
 */
const struct mime_part *mime_part_find(const struct mime_part *root,
    const uint32_t *numbers, size_t n);

/*
 * IMAP's renderings, ready to send (RFC 3501 section 7.4.2), with quoted
 * strings or literals as the bytes need; 8-bit bytes go into literals.
 * MESSAGE is the bytes that were parsed.
 */
void mime_envelope(struct str message, const struct mime_part *part, struct buf *out);
void mime_body(struct str message, const struct mime_part *root, struct buf *out);
void mime_bodystructure(struct str message, const struct mime_part *root, struct buf *out);

/*
 * The fields of HEADER (with final empty line) whose names are in NAMES, or
 * with NOT those that are not, in order, then an empty line (RFC 3501
 * HEADER.FIELDS).
 */
void mime_header_fields(struct str header, const struct str *names, size_t n,
    bool not, struct buf *out);

/* Moves *header past one field (folded lines joined to it, as sent, with its
 * final CRLF in *raw); false at the empty line or the end. */
bool mime_next_field(struct str *header, struct str *name, struct str *raw);

/* The value of the first field NAME, unfolded, white space trimmed; false: absent. */
bool mime_field_value(struct arena *arena, struct str header, const char *name, struct str *value);

/*
 * Unfolded header text, trimmed, with RFC 2047 encoded words decoded, appended
 * as UTF-8.  Raw 8-bit text that is no UTF-8 is taken for windows-1252.
 */
void mime_decode_header(struct str raw, struct buf *utf8);

/*
 * A leaf's content decoded from its transfer encoding (raw bytes), and a text
 * leaf's also from its charset to UTF-8.  ERR_UNSUPPORTED: unknown encoding.
 */
enum err mime_decode_body(struct str message, const struct mime_part *leaf, struct buf *out) MUST_CHECK;
enum err mime_decode_text(struct str message, const struct mime_part *leaf, struct buf *utf8) MUST_CHECK;

/*
 * The same text in pieces, for who searches large bodies: mime_text_next()
 * yields them in order, each borrowed until the next call; false at the end.
 * A piece is whole lines, some 64 KiB of the source (more where the character
 * set cannot be cut; longer lines are cut, those in UTF-8 between characters).
 * Text without a
 * known charset, or that calls itself us-ascii, is UTF-8 if it could be, else
 * windows-1252.  Close it also when opening failed; it must not outlive MESSAGE.
 */
struct mime_text {
	struct decode decode;
	struct str left;		/* source not yet decoded */
	struct buf charset;		/* empty: unknown */
	bool indivisible;
	struct buf bytes;		/* decoded, not yet converted */
	size_t given;			/* of them: the present piece */
	struct buf utf8;
};

enum err mime_text_open(struct mime_text *t, struct str message,
    const struct mime_part *leaf) MUST_CHECK;
bool mime_text_next(struct mime_text *t, struct str *utf8);

/*
 * Another reading of the piece that came last, for who looks for words and not
 * for the truth: what the label's character set made no sense of, or what is
 * labelled as a Latin one and could be UTF-8, as if it had no label.  False if
 * there is no reason for one.  Borrowed until the next call.
 */
bool mime_text_other(struct mime_text *t, struct str *utf8);
void mime_text_close(struct mime_text *t);

/*
 * The beginning of what the message says, at most MIME_MAX_PREVIEW characters
 * in one line of UTF-8 (RFC 8970); nothing if it has no text.
 */
void mime_preview(struct str message, const struct mime_part *root, struct buf *utf8);

/* RFC 5322 date-time, obsolete forms and common nonsense; false: no date. */
bool mime_parse_date(struct str value, int64_t *unix_seconds, int *zone_minutes);

/* One mailbox of an address list field, in the order written. */
struct mime_address {
	struct str name, adl, local, domain;	/* group start: domain NULL; group end: local NULL too */
	struct mime_address *next;
};
struct mime_address *mime_parse_addresses(struct arena *arena, struct str value);

/* Base subject (RFC 5256 section 2.1) of a raw Subject value, in UTF-8;
 * *is_reply: a reply or forward marker was removed. */
void mime_base_subject(struct str raw, struct buf *base, bool *is_reply);

/*
 * Message-IDs in a References, In-Reply-To or Message-ID value, in order,
 * without the angle brackets, quotes and white space (RFC 5256 section 3).
 * The number of them; none if the arena is full.
 */
size_t mime_parse_msgids(struct arena *arena, struct str value, struct str **ids);

#endif
