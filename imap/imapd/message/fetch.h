/*
 * fetch.h - the answer to FETCH (RFC 3501 section 6.4.5)
 *
 * The answer for a message is first gathered (record, cached pieces, bytes)
 * and only then written, so that a message whose file is gone is left out as
 * a whole.  Items that are kept ready for sending are copied from the mapped
 * cache into the stream's buffer and nothing else is done to them.
 */
#ifndef IMAP_IMAPD_MESSAGE_FETCH_H
#define IMAP_IMAPD_MESSAGE_FETCH_H

#include "imap/imapd/message/known.h"
#include "imap/imapd/proto/fetch_req.h"
#include "imap/store/mbox/mbox.h"
#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/stream.h"

/* Working space for answers, used again for each message. */
struct fetch_writer;
/* TOLD is borrowed: the keywords that may be named. */
struct fetch_writer *fetch_writer_new(struct mbox *m, const struct keywords *told,
    struct stream *out);

enum fetch_style {
	FETCH_STYLE_CONDSTORE = 1,	/* UID and MODSEQ with flags nobody asked for */
	FETCH_STYLE_UIDONLY = 2,	/* "* UID UIDFETCH (...)", RFC 9586 */
};
void fetch_writer_style(struct fetch_writer *w, unsigned style);

/* Notes in K (known.h) what is told of.  NULL: nothing is noted. */
void fetch_writer_notes(struct fetch_writer *w, struct known *k);

void fetch_writer_free(struct fetch_writer *w);		/* NULL allowed */

/*
 * Writes "* SEQ FETCH (...)".  WITH_FLAGS: FLAGS too, although not asked for,
 * and with FETCH_STYLE_CONDSTORE what RFC 7162 section 3.2.4 adds to them.
 * ERR_NOTFOUND: the message or its file is gone; ERR_UNSUPPORTED: a BINARY has
 * a transfer encoding that nobody knows; ERR_SYNTAX: annotations of a part that it
 * does not have are asked for.  Nothing was written then.  Nor is it if nothing
 * but annotations was asked for, and there are none.
 */
enum err fetch_write(struct fetch_writer *w, const struct fetch_req *req,
    uint32_t seq, bool with_flags) MUST_CHECK;

#endif
