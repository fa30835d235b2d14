/*
 * userfile.h - a user's small files in the configuration directory:
 * user/J/USER.EXT, replaced whole, writers excluded by a lock on user/J
 */
#ifndef IMAP_STORE_LIST_USERFILE_H
#define IMAP_STORE_LIST_USERFILE_H

#include "imap/store/list/params.h"
#include "lib/buf.h"
#include "lib/err.h"

enum { USERFILE_MAX = 64 << 20 };

/* Appends the path, below the configuration directory; EXT with its ".". */
void userfile_path(struct str user, const char *ext, struct buf *path);

/* Appends the file to TEXT; nothing if there is none. */
enum err userfile_read(struct store *s, struct str user, const char *ext,
    struct buf *text) MUST_CHECK;

/* Makes the directory if needed, and locks it; *FD is for userfile_unlock(). */
enum err userfile_lock(struct store *s, struct str user, int *fd) MUST_CHECK;
void userfile_unlock(int fd);

#endif
