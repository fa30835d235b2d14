/*
 * mbname.h - internal mailbox names: taken apart, as keys, as directories
 *
 * A name is components joined by '.'.  Its key in mailboxes.db has 0x01 for
 * '.', which sorts before all that a component may hold: so a mailbox comes
 * directly before everything below it.
 *
 * Its canonical directory is the components joined by '/', each made safe for
 * a file system and a shell; doc/formats.md has the rules.  Where the mailbox
 * really lies stands in its entry, which may differ.
 */
#ifndef IMAP_STORE_LIST_MBNAME_H
#define IMAP_STORE_LIST_MBNAME_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>

enum {
	MBNAME_MAX = 490,
	MBNAME_COMPONENT_MAX = 200,
};

/* Appends NAME with 0x01 for '.'; and back. */
void mbname_add_key(struct buf *key, struct str name);
void mbname_from_key(struct buf *name, struct str key);

/* Is NAME TOP or below it? */
bool mbname_is_in(struct str name, struct str top);

/* Cuts the last component off; false, and *name unmoved, if there is only one. */
bool mbname_up(struct str *name);

/* Is it user.X, somebody's INBOX? */
bool mbname_is_inbox(struct str name);

/* Appends the canonical directory; HASHED: with a level for the first letter. */
void mbname_add_dir(struct buf *dir, struct str name, bool hashed);

/* Appends NAME so that it can be one file's name; '.' stays. */
void mbname_add_file(struct buf *file, struct str name);
void mbname_from_file(struct buf *name, struct str file);

#endif
