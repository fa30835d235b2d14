/*
 * checkpoint.c - bringing a partition's files up to its log
 *
 * Order:
 *  0. Note the stage files that nobody has locked (blob.c): their writers have
 *     ended, so if a frame names one, that frame is in the log by now.
 *  1. mark: the log's end.  Commits after it stay in the log whatever happens.
 *  2. Lock and unlock each mailbox that a frame before the mark names: its
 *     writer has then applied his commit, or died, and mailbox_lock() has
 *     applied it for him.  How far the mailbox has come is written into its
 *     cyrus.header, too (witness.h).
 *  3. syncfs(): one call flushes message files, links, indexes; another the
 *     configuration directory, which may be another file system: replay counts
 *     the quota roots of the mailboxes that it meets, so a sum that is not yet
 *     on the disk must not lose the frame that it is owed to.  If one fails
 *     there is no further checkpoint before a restart, see flush_files().
 *  4. Move the checkpoint to the mark (durably), retire segments.
 *  5. Remove the stage files whose links are now on the disk, and those of 0:
 *     no commit that was not applied by 2 can name them.
 * A crash before 4 changes nothing; between 4 and 5 stage files stay for the
 * next one.
 *
 * If a frame before the mark cannot be read any more, it is not known whom it
 * names: then 2 is done with all mailboxes of the partition, and what it
 * staged is left to a later checkpoint.  A log with a bad sector is so let go
 * like any other.
 */
#include "imap/store/upkeep/checkpoint.h"

#include "imap/store/list/mbdir.h"
#include "imap/store/list/mblist.h"
#include "imap/disk/rec.h"
#include "imap/store/upkeep/recover.h"
#include "imap/disk/spool.h"
#include "imap/disk/wal.h"
#include "imap/disk/witness.h"
#include "lib/buf.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	DUE = 32 * 1024 * 1024,		/* bytes of log */
	ENTRY_ARENA = 256 * 1024,
	STAGE_NAME = 32,		/* an id in hex */
	EMPTY_S = 3600,			/* after that an empty stage file is nobody's */
	WAIT_MS = 120000,		/* for another one's checkpoint */
};

struct id_list {
	struct id128 *id;
	size_t n, size;
};

struct named {			/* what the frames before the mark name */
	struct id_list mailboxes, staged;
	struct buf orphans;		/* stage files of the dead, each with its NUL */
	uint64_t end;
	bool bad;
};

struct everyone {
	const struct partition *part;
	struct named *named;
};

static void
id_add(struct id_list *l, const struct id128 *id)
{
	/* Mostly the same few in a row. */
	for (size_t i = l->n; i > 0 && i + 8 > l->n; i--)
		if (id128_eq(&l->id[i - 1], id))
			return;
	if (l->n == l->size) {
		l->size = l->size == 0 ? 64 : l->size * 2;
		l->id = mem_grow(l->id, l->size * sizeof(*l->id));
	}
	l->id[l->n++] = *id;
}

static int
id_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct id128));
}

static void
id_unique(struct id_list *l)
{
	size_t n = 0;

	if (l->n == 0)
		return;
	qsort(l->id, l->n, sizeof(*l->id), id_cmp);
	for (size_t i = 1; i < l->n; i++)
		if (!id128_eq(&l->id[n], &l->id[i]))
			l->id[++n] = l->id[i];
	l->n = n + 1;
}

static bool
collect(void *ctx, uint64_t lsn, struct str frame)
{
	struct named *n = ctx;
	struct rec r;

	if (lsn >= n->end)
		return false;
	if (!rec_first(&frame)) {
		n->bad = true;
		return false;
	}
	while (rec_next(&frame, &r)) {
		if (r.type == REC_MAILBOX)
			id_add(&n->mailboxes, &r.mailbox);
		else if (r.type == REC_MESSAGE && r.message.source == SOURCE_STAGE)
			id_add(&n->staged, &r.message.r.blob);
	}
	return true;
}

/* --- the stage --- */

/*
 * Has its writer ended?  One that is just being made is empty and not locked
 * yet; if it stays so its writer was killed there, and it is young no more.
 */
static bool
is_orphan(int stagefd, const char *name)
{
	struct stat st;
	int fd;

	if (strlen(name) != STAGE_NAME || fstatat(stagefd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(st.st_mode) || (st.st_size == 0 && st.st_mtime > time(NULL) - EMPTY_S))
		return false;
	fd = openat(stagefd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool is_free = flock(fd, LOCK_EX | LOCK_NB) == 0;
	close(fd);
	return is_free;
}

static void
find_orphans(struct partition *part, struct buf *names)
{
	const struct dirent *de;
	DIR *d;

	if (file_dir_open(part->stagefd, part->path, &d) != OK)
		return;
	while (file_dir_next(d, part->path, &de) == OK && de != NULL)
		if (is_orphan(part->stagefd, de->d_name))
			buf_add(names, de->d_name, STAGE_NAME + 1);
	closedir(d);
}

static void
drop_one(struct partition *part, const char *name)
{
	if (file_unlink(part->stagefd, name) == ERR_IO)
		log_warning("%s/stage/%s: could not be removed", part->path, name);
}

static void
drop_staged(struct partition *part, const struct named *n)
{
	char name[SPOOL_NAME];

	for (size_t i = 0; i < n->staged.n; i++) {
		spool_stage_name(&n->staged.id[i], name);
		drop_one(part, name);
	}
	for (size_t i = 0; i < n->orphans.n; i += STAGE_NAME + 1)
		drop_one(part, n->orphans.p + i);
}

/* --- the checkpoint --- */

/*
 * How far it has come, before the log that says so goes.  In place, so a full
 * disk is no obstacle; flushed with all else, or the old one stays, and the log.
 */
static void
bear_witness(struct index *ix)
{
	const struct witness w = { ix->h->last_uid, ix->h->highestmodseq };

	if (witness_raise(ix->dirfd, &ix->h->id, &w) == ERR_IO)
		log_warning("mailbox %s: cyrus.header does not say which UIDs were given",
		    ix->name);
}

/* Waits until the mailbox's commits are in its files. */
static enum err
settle_mailbox(struct store *s, struct partition *part, const struct id128 *id)
{
	struct arena *arena = arena_new(ENTRY_ARENA);
	struct index *ix = NULL;
	struct mbentry *e;
	enum err err = mblist_lookup_id(s, arena, id, &e);

	/* Moved to another partition: this log is not its log any more. */
	if (err == OK && strcmp(e->partition, part->name) != 0)
		err = ERR_NOTFOUND;
	if (err == OK)
		err = mblist_open_index(s, e, &ix);
	if (err == OK)
		err = mailbox_lock(s, part, ix, e);
	if (err == OK) {
		bear_witness(ix);
		index_unlock(ix);
	}
	index_close(ix);
	arena_free(arena);
	/* Gone, or beyond repair by a log: neither may keep the log for ever. */
	return err == ERR_NOTFOUND || err == ERR_STALE || err == ERR_CORRUPT ? OK : err;
}

/*
 * The kernel tells once, and not everybody, that it could not write a page,
 * and then takes it for clean.  So after a failure no flush of these files is
 * believed, and the log keeps what was in them, until a restart.
 */
static enum err
flush_files(struct partition *part, int fd, const char *path)
{
	enum err e;

	if (wal_is_distrusted(part->wal))
		return ERR_IO;
	e = file_syncfs(fd, path);
	if (e != OK) {
		log_crit("partition %s: a flush failed; the log keeps all changes, and "
		    "grows, until the server is restarted; see to the disk", part->name);
		wal_distrust(part->wal);
	}
	return e;
}

static bool
collect_entry(void *ctx, const struct mbentry *e)
{
	struct everyone *all = ctx;

	if (strcmp(e->partition, all->part->name) == 0)
		id_add(&all->named->mailboxes, &e->id);
	return true;
}

/* All mailboxes there are instead of those that the log names. */
static enum err
collect_all(struct store *s, struct partition *part, struct named *n)
{
	struct everyone all = { part, n };

	log_err("%s/wal: damaged; all mailboxes of the partition are brought up to date "
	    "instead of those it names", part->path);
	n->staged.n = 0;
	return mblist_walk(s, (struct str){ "", 0 }, collect_entry, &all);
}

static enum err
flush_named(struct store *s, struct partition *part, struct wal_mark mark, struct named *n)
{
	enum err e = wal_flush(part->wal, mark.lsn);

	if (e == OK)
		e = wal_scan(part->wal, wal_checkpoint_lsn(part->wal), collect, n);
	if (e == OK && n->bad)
		return ERR_CORRUPT;
	if (e == ERR_CORRUPT)
		e = collect_all(s, part, n);
	id_unique(&n->mailboxes);
	id_unique(&n->staged);
	for (size_t i = 0; e == OK && i < n->mailboxes.n; i++)
		e = settle_mailbox(s, part, &n->mailboxes.id[i]);
	if (e == OK)
		e = flush_files(part, part->dirfd, part->path);
	if (e == OK)
		e = flush_files(part, s->config_fd, s->params.config_dir);
	return e == OK ? wal_checkpoint_set(part->wal, mark) : e;
}

static enum err
checkpoint(struct store *s, struct partition *part, bool flush, int wait_ms)
{
	struct wal_mark mark;
	struct named n = { .orphans = BUF_INIT };
	enum err e;
	int fd;

	e = file_open(part->stagefd, "checkpoint.lock", O_RDWR | O_CREAT, 0600, &fd);
	if (e != OK)
		return e;
	/* Before the mailboxes' locks in order: whoever holds one does not come here. */
	e = lock_exclusive(fd, LOCK_NAMES, wait_ms);
	if (e == OK) {
		find_orphans(part, &n.orphans);
		mark = wal_mark(part->wal);
		n.end = mark.lsn;
		if (mark.lsn > wal_checkpoint_lsn(part->wal))
			e = flush_named(s, part, mark, &n);
		else if (flush)
			e = flush_files(part, part->dirfd, part->path);
		if (e == OK)
			drop_staged(part, &n);
		lock_release(fd, LOCK_NAMES);
	}
	close(fd);
	free(n.mailboxes.id);
	free(n.staged.id);
	buf_free(&n.orphans);
	return e;
}

enum err
checkpoint_partition(struct store *s, struct partition *part)
{
	return checkpoint(s, part, false, 0);
}

/*
 * One that somebody is at may have begun before what concerns the caller.  To ask
 * again as long as the answer is ERR_BUSY would be for ever: that is also the
 * answer of a list that is damaged, which nobody mends whom the caller keeps from
 * the lock on names.
 */
enum err
checkpoint_and_flush(struct store *s, struct partition *part)
{
	return checkpoint(s, part, true, WAIT_MS);
}

/* With the log itself: its tail must not be found before *LSN after a power cut. */
enum err
checkpoint_settle(struct partition *part, uint64_t *lsn)
{
	enum err e;

	*lsn = wal_tail(part->wal);
	e = wal_flush(part->wal, *lsn);
	return e == OK ? flush_files(part, part->dirfd, part->path) : e;
}

bool
checkpoint_due(const struct partition *part)
{
	return wal_tail(part->wal) - wal_checkpoint_lsn(part->wal) > DUE ||
	    wal_is_short(part->wal);
}

void
checkpoint_clear_stage(struct partition *part)
{
	const struct dirent *de;
	DIR *d;

	/* What stays takes room only, and goes next time. */
	if (file_dir_open(part->stagefd, part->path, &d) != OK)
		return;
	while (file_dir_next(d, part->path, &de) == OK && de != NULL)
		if (strlen(de->d_name) == STAGE_NAME)
			drop_one(part, de->d_name);
	closedir(d);
}
