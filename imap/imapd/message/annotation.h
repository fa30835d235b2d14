/*
 * annotation.h - annotations of messages in FETCH responses; the parts that they
 * are about (RFC 5257)
 */
#ifndef IMAP_IMAPD_MESSAGE_ANNOTATION_H
#define IMAP_IMAPD_MESSAGE_ANNOTATION_H

#include "imap/imapd/message/body.h"
#include "imap/imapd/proto/annotation_req.h"
#include "imap/store/mbox/mbox.h"

/*
 * "ANNOTATION (...)" as Q asks for it of message UID, as M's user may see it;
 * nothing if it has none of these.
 */
enum err annotation_put(struct mbox *m, const struct annotation_query *q, uint32_t uid,
    struct buf *line) MUST_CHECK;

/* An entry's name, as an astring. */
void annotation_put_name(struct buf *line, struct str name);

/* Is any entry of SET about a body part? */
bool annotation_parts_named(const struct annotation_set *set);

/* Does the message at hand have all body parts that the entries are about? */
bool annotation_parts_asked(struct body *b, const struct annotation_query *q);
bool annotation_parts_set(struct body *b, const struct annotation_set *set);

#endif
