/*
 * mbpartition.c - moving a mailbox to another partition
 *
 *   1. Lock the mailbox: its files then hold all that its log does.
 *   2. Transaction: a note that the new directory is being filled (COPY).
 *   3. Copy the files, the index under another name; it belongs to the new log
 *      from its end on.  Flush the new partition; then the index gets its name,
 *      which is flushed, too.  Flush the old partition: its log may have copies
 *      of messages that have been expunged here since, and of which the new
 *      place has no file from which a replay could make them.
 *   4. Transaction: the entry has the new place; a note to remove the old
 *      files (REAP); the note of 2 goes.
 *   5. Mark the old index, so that sessions notice; unlock.
 * What the old partition's log still has of the mailbox is of no use any more
 * and is passed over: replay and checkpoints look at the mailboxes that are on
 * their own partition only, and base_lsn keeps it from counting should the
 * mailbox come back.
 * Killed before 4: the copy is removed.  After it: the old files are.
 * The power goes before 4 and the list is lost with it: who builds it anew
 * takes no directory without an index if the mailbox has another, and one with
 * an index is whole.  The disk is full: the copy is removed at once.  Others
 * change nothing here meanwhile: they wait for the lock of 1.
 */
#include "imap/store/names/mbpartition.h"

#include "imap/disk/index.h"
#include "imap/disk/ranks.h"
#include "imap/store/list/mbdir.h"
#include "imap/store/names/mbpending.h"
#include "imap/store/upkeep/checkpoint.h"
#include "imap/store/upkeep/recover.h"
#include "imap/disk/wal.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 20 };
static const char index_name[] = "cyrus.index";
static const char index_temp[] = "cyrus.index.tmp";	/* spool_sweep() knows it */

/* --- step 1 --- */

static enum err
open_locked(struct store *s, struct partition *part, const struct mbentry *e,
    struct index **index)
{
	struct index *ix;
	enum err err = mblist_open_index(s, e, &ix);

	if (err != OK)
		return err;
	err = mailbox_lock(s, part, ix, e);
	if (err != OK)
		index_close(ix);
	else
		*index = ix;
	return err;
}

/* --- step 3 --- */

static enum err
copy_bytes(int in, int out, const char *name, uint64_t size)
{
	struct buf b = BUF_INIT;
	char *piece = buf_reserve(&b, PIECE);
	enum err e = OK;

	for (uint64_t at = 0; e == OK && at < size; at += PIECE) {
		size_t n = size - at > PIECE ? PIECE : (size_t)(size - at);

		e = file_read_at(in, name, piece, n, at);
		if (e == OK)
			e = file_write_at(out, name, piece, n, at);
	}
	buf_free(&b);
	return e;
}

static enum err
copy_file(int from, const char *name, int to, const char *new_name)
{
	uint64_t size;
	enum err e;
	int in, out;

	e = file_open(from, name, O_RDONLY, 0, &in);
	if (e != OK)
		return e;
	e = file_open(to, new_name, O_WRONLY | O_CREAT | O_EXCL, 0600, &out);
	if (e == OK) {
		e = file_size(in, name, &size);
		if (e == OK)
			e = copy_bytes(in, out, name, size);
		close(out);
	}
	close(in);
	return e;
}

/*
 * All of them: the originals go afterwards.  But not what was left over an index, nor
 * what is made anew when somebody needs it, and is not worth to fail over.
 */
static bool
is_wanted(const char *file)
{
	return mbdir_is_ours(file) && strcmp(file, RANKS_FILE) != 0 &&
	    strncmp(file, index_name, sizeof(index_name) - 1) != 0;
}

static enum err
copy_files(int from, int to, const char *dir)
{
	const struct dirent *de;
	DIR *d;
	enum err e = file_dir_open(from, dir, &d);

	if (e != OK)
		return e;
	while ((e = file_dir_next(d, dir, &de)) == OK && de != NULL) {
		if (is_wanted(de->d_name))
			e = copy_file(from, de->d_name, to, de->d_name);
		if (e != OK)
			break;
	}
	closedir(d);
	return e;
}

static enum err
copy_mailbox(struct partition *to, int from, const char *dir)
{
	uint64_t tail;
	enum err e;
	int fd;

	e = mbdir_make(to, dir, &fd);
	if (e != OK)
		return e;
	e = copy_files(from, fd, dir);
	tail = wal_tail(to->wal);
	if (e == OK)
		e = wal_flush(to->wal, tail);
	if (e == OK)
		e = copy_file(from, index_name, fd, index_temp);
	if (e == OK)
		e = index_rebase(fd, index_temp, tail);
	if (e == OK)
		e = file_syncfs(fd, to->path);
	if (e == OK)
		e = file_rename(fd, index_temp, fd, index_name);
	if (e == OK)
		e = file_fsync_dir(fd, ".");
	close(fd);
	return e;
}

/* --- steps 2 and 4 --- */

static enum err
note_copy(struct store *s, const struct mbentry *e, const char *partition, const char *dir)
{
	struct kv_txn *txn;
	enum err err = mbdb_begin(s, &txn);

	if (err != OK)
		return err;
	return mbdb_end(s, txn, mbpending_add(txn, PENDING_COPY, &e->id, partition, dir));
}

static enum err
change_entry(struct store *s, const struct mbentry *old, const char *partition,
    const char *dir)
{
	struct mbentry new = *old;
	struct kv_txn *txn;
	enum err e = mbdb_begin(s, &txn);

	if (e != OK)
		return e;
	new.partition = partition;
	new.dir = dir;
	e = mbdb_remove(txn, old);
	if (e == OK)
		e = mbdb_put(txn, &new);
	if (e == OK)
		e = mbpending_add_reap(s, txn, old);
	if (e == OK)
		e = mbpending_remove(txn, PENDING_COPY, &old->id, partition, dir);
	return mbdb_end(s, txn, e);
}

static enum err
move_locked(struct store *s, const struct mbentry *e, struct index *ix,
    struct partition *to, const char *dir)
{
	enum err err = note_copy(s, e, to->name, dir);
	uint64_t lsn;

	if (err == OK)
		err = copy_mailbox(to, ix->dirfd, dir);
	if (err == OK)
		err = checkpoint_settle(store_partition_of(s, e->partition), &lsn);
	if (err == OK)
		err = change_entry(s, e, to->name, dir);
	if (err == OK && index_mark(ix->dirfd, INDEX_DELETED) != OK)
		log_warning("mailbox %s: sessions are not told that it has moved", e->name);
	return err;
}

enum err
mbpartition_move(struct store *s, const struct mbentry *e, const char *partition)
{
	struct partition *from = store_partition_of(s, e->partition);
	struct partition *to = store_partition_of(s, partition);
	struct buf dir = BUF_INIT;
	struct index *ix;
	enum err err;

	if (from == NULL || to == NULL)
		return ERR_NOTFOUND;
	err = mbdir_choose(s, to, str_c(e->name), false, &dir);
	if (err == OK)
		err = open_locked(s, from, e, &ix);
	if (err == OK) {
		err = move_locked(s, e, ix, to, dir.p);
		index_close(ix);
		if (err != OK)
			mbpending_run(s);
	}
	buf_free(&dir);
	return err;
}
