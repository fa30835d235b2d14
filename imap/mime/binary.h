/*
 * binary.h - a part's content without its transfer encoding, and with one
 *
 * Both directions of RFC 3516 (and RFC 9051 section 6.4.5.1): what FETCH
 * BINARY[] sends is decoded in pieces, never as a whole; and a message that
 * was appended with NULs in it is given encodings, so that it can be read
 * without BINARY, too.
 *
 * A composite part (multipart, message/rfc822) has an encoding that changes
 * nothing (RFC 2045 section 6.4), and so has a section that is a whole message.
 */
#ifndef IMAP_MIME_BINARY_H
#define IMAP_MIME_BINARY_H

#include "imap/mime/decode.h"
#include "imap/mime/mime.h"

/* The decoded bytes of CONTENT in pieces, each borrowed until the next call. */
struct binary {
	struct decode decode;
	struct str left;
	struct buf piece;
};

/* ENCODING as in the header.  ERR_UNSUPPORTED: nobody knows it.  Close it anyway. */
enum err binary_open(struct binary *b, struct str content, struct str encoding) MUST_CHECK;
bool binary_next(struct binary *b, struct str *piece);
void binary_close(struct binary *b);

/* How many bytes that makes, and whether one is NUL. */
enum err binary_measure(struct str content, struct str encoding, uint64_t *size,
    bool *has_nul) MUST_CHECK;

/* What takes the bytes of a message that is being made. */
struct binary_sink {
	enum err (*put)(void *ctx, const void *p, size_t n);
	void *ctx;
};

/*
 * MESSAGE with each leaf that has a NUL in base64 and labelled so, for literals
 * cannot carry NULs (CHAR8); all else stays as it is.  ERR_UNSUPPORTED: a NUL
 * stands where no encoding helps: in a header, between parts, in what is
 * encoded already or may not be.  Else SINK's errors, ERR_LIMIT.
 */
enum err binary_encode(struct str message, const struct binary_sink *sink) MUST_CHECK;

#endif
