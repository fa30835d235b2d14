/*
 * notes.h - annotations of the server itself (RFC 5464, METADATA-SERVER)
 *
 * Shared ones are in annotations/server, a user's own in annotations/user.NAME, in
 * the configuration directory and in the format of cyrus.annotations with UID 0.
 * Text files instead of a database: they are small, change seldom, and are
 * replaced whole and durably, so there is nothing to recover and nothing to rebuild.
 */
#ifndef IMAP_STORE_NAMES_NOTES_H
#define IMAP_STORE_NAMES_NOTES_H

#include "imap/disk/annot.h"
#include "imap/store/list/params.h"

/* Adds the shared ones, or with OWNER his, to A. */
enum err notes_read(struct store *s, struct str owner, struct annots *a) MUST_CHECK;

/*
 * Makes all N changes or none: shared ones, and those of one owner.  ERR_LIMIT: more
 * than a change's max.  ERR_UNKNOWN: perhaps not after a power cut, or only some.
 */
enum err notes_change(struct store *s, const struct annotate_params *p, size_t n) MUST_CHECK;

/* The user has another name from now on. */
enum err notes_rename(struct store *s, struct str from, struct str to) MUST_CHECK;

#endif
