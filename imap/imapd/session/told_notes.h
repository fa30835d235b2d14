/*
 * told_notes.h - what a client knows of annotations (RFC 5465 sections 5.6 and 5.7)
 *
 * Their names, and digests of their values: enough to say which have changed.
 */
#ifndef IMAP_IMAPD_SESSION_TOLD_NOTES_H
#define IMAP_IMAPD_SESSION_TOLD_NOTES_H

#include "imap/disk/annot.h"
#include "lib/buf.h"

#include <stdbool.h>

struct told_notes {
	char *p;			/* NULL: none */
	size_t n;
};

/* Those of A that are of no message; what was there is forgotten. */
void told_notes_take(struct told_notes *t, const struct annots *a);
void told_notes_free(struct told_notes *t);	/* empty and usable again */

/* Calls EACH for those that are not the same in both, or in one of them only. */
typedef void (*told_notes_fn)(void *ctx, bool private, struct str entry);
void told_notes_compare(const struct told_notes *was, const struct told_notes *is,
    told_notes_fn each, void *ctx);

/* The client has changed one itself; VALUE {NULL, 0}: it is gone. */
void told_notes_set(struct told_notes *t, bool private, struct str entry, struct str value);

#endif
