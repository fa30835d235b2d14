/*
 * imap_assemble.h - one command out of bytes as they come
 *
 * What imap/imapd/proto/reader.h does with a stream, for a process that must not
 * wait, and without messages: a line and the literals in it, at most 64 KiB.
 * What is longer is refused (.refused), and read and dropped as far as it comes
 * without our asking.
 */
#ifndef IMAP_DOOR_IMAP_ASSEMBLE_H
#define IMAP_DOOR_IMAP_ASSEMBLE_H

#include "imap/door/imap_door.h"

enum assembled {
	ASSEMBLE_MORE,			/* all of IN is used, it is not whole */
	ASSEMBLE_WHOLE,			/* in d->text, or d->refused */
	ASSEMBLE_END,			/* hopeless: BYE has been said */
};

/* Takes bytes of IN up to the command's end; goes ahead with literals in OUT. */
enum assembled imap_assemble(struct imap_door *d, struct str in, size_t *used,
    struct buf *out);

/* The next one begins; the text is the caller's to wipe. */
void imap_assemble_reset(struct imap_door *d);

#endif
