/*
 * specialuse.h - the special uses of mailboxes (RFC 6154 section 2, RFC 8457)
 *
 * A mailbox's are its owner's affair: nobody else is told of them.  \All and
 * \Flagged are virtual mailboxes, which we do not have.
 */
#ifndef IMAP_SERVER_SPECIALUSE_H
#define IMAP_SERVER_SPECIALUSE_H

#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/err.h"

/*
 * Adds WORDS, as a client sent them, to the list LIST in the form in which the
 * store keeps it, each once.  ERR_UNSUPPORTED: one is not among ours.
 */
enum err specialuse_add(struct str words, struct buf *list) MUST_CHECK;

/* What FOLDER, below an INBOX that is made, is for (xlist-*); NULL: nothing. */
const char *specialuse_of_folder(const struct conf *conf, struct str folder);

#endif
