/*
 * mbdir.h - the directories of mailboxes
 *
 * Writers hold LOCK_NAMES; directories are made, moved and removed by nobody
 * else.  mblist_open_dir() (mblist.h) takes no lock.
 */
#ifndef IMAP_STORE_LIST_MBDIR_H
#define IMAP_STORE_LIST_MBDIR_H

#include "imap/disk/header.h"
#include "imap/disk/index.h"
#include "imap/store/list/mbdb.h"

/* A directory that is on its way to another place of its partition: 'M'. */
struct mbmove {
	struct id128 id;		/* of the mailbox whose directory it is */
	const char *partition, *from, *to;
};
void mbmove_encode(struct buf *value, const struct mbmove *m);
/* ERR_NOTFOUND: nothing is being moved. */
enum err mbmove_read(struct store *s, struct arena *arena, struct mbmove *m) MUST_CHECK;
/* DIR as it is after the move, into TO; false if DIR is not in m->from. */
bool mbmove_apply(const struct mbmove *m, const char *partition, struct str dir, struct buf *to);

/*
 * A directory for NAME that no mailbox has and where no foreign file lies: the
 * canonical one, or with "%~2", "%~3" ... behind it.  TO_MOVE_TO: it does not
 * exist either; else there may be other mailboxes' directories in it.
 */
enum err mbdir_choose(struct store *s, struct partition *part, struct str name,
    bool to_move_to, struct buf *dir) MUST_CHECK;
/* ERR_EXISTS: the list says that a mailbox lies there; OK: that none does. */
enum err mbdir_look_in_list(struct store *s, const char *partition, struct str dir) MUST_CHECK;
/* Is DIR the canonical directory of NAME, or a numbered one of it? */
bool mbdir_is_canonical(const struct store *s, struct str name, struct str dir);

enum { REOPEN_TRIES = 10 };	/* of an index that is being replaced again and again */

/* mblist_open_dir() and the index in it, which the caller closes. */
enum err mblist_open_index(struct store *s, const struct mbentry *e,
    struct index **ix) MUST_CHECK;

/* Makes the directory and those above it, all flushed.  *dirfd may be NULL. */
enum err mbdir_make(struct partition *part, const char *dir, int *dirfd) MUST_CHECK;
/* Flushes the directories above DIR, up to the partition's. */
enum err mbdir_flush_above(struct partition *part, const char *dir) MUST_CHECK;

/* Whose is it, by its index or else its header?  ERR_NOTFOUND, ERR_CORRUPT. */
enum err mbdir_identity(int dirfd, struct id128 *id) MUST_CHECK;

/* Makes cyrus.header say what E says, under the mailbox's lock; flushed. */
enum err mbdir_sync_header(struct store *s, const struct mbentry *e) MUST_CHECK;

/* Unlinks the files that a mailbox consists of; others stay, logged. */
void mbdir_empty(int dirfd, const char *dir);

/* Removes DIR and the directories above it for as long as they are empty. */
void mbdir_prune(struct partition *part, const char *dir);

/* Is it a file of a mailbox: a message, cyrus.*? */
bool mbdir_is_ours(const char *file);

enum { MAILBOX_LOCK_MS = 60000 };

#endif
