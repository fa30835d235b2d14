/*
 * stale.c - an index that knows less than its mailbox has been through
 *
 * The mark.  A writer sets writing_uid before he makes the first file of a
 * commit, after he has seen that none is there (commit_files.c), and takes it away when the records are in the index or the files are
 * gone again.  He is killed: the next one with the lock first does what the log
 * says; what is still above last_uid then no log had, and is removed.  The same if
 * the mark is older than the checkpoint: what the log had before that is in the
 * index, for a checkpoint locks all mailboxes that it names.  An index that
 * was put back with a mark in it is found out by the witness.  The power goes:
 * the mark may be lost and the file be there; then it is not touched if it is whole.
 *
 * Raising is two stores between index_write_begin() and _end(): killed between,
 * the next one recounts, and raises again when he meets the same file.  Lost by
 * a power cut, the same.  Nothing here takes room on the disk.
 */
#include "imap/store/upkeep/stale.h"

#include "imap/disk/spool.h"
#include "imap/disk/witness.h"
#include "lib/file.h"
#include "lib/log.h"

enum {
	UID_GAP = 1 << 24,		/* a file further above is none of ours */
	UNWRITTEN_MAX = 1 << 20,	/* no commit has more messages */
};

static bool
is_behind(const struct index_header *h, const struct witness *w)
{
	return h->last_uid < w->last_uid || h->highestmodseq < w->modseq;
}

bool
stale_is_old(struct index *ix)
{
	struct index_header h;
	struct witness w;

	/* The witness first: it is never ahead of what the index says then. */
	return witness_read(ix->dirfd, &ix->h->id, &w) == OK &&
	    index_snapshot(ix, &h) == OK && is_behind(&h, &w);
}

static void
raise_to(struct index *ix, uint32_t uid, uint64_t modseq)
{
	struct index_header *h = ix->h;

	index_write_begin(ix);
	if (h->last_uid < uid)
		h->last_uid = uid;
	if (h->highestmodseq < modseq)
		h->highestmodseq = modseq;
	index_write_end(ix);
}

void
stale_raise(struct index *ix)
{
	struct witness w;

	if (witness_read(ix->dirfd, &ix->h->id, &w) != OK || !is_behind(ix->h, &w))
		return;
	log_err("mailbox %s: cyrus.index is older than the mailbox: it knows UIDs up to %u, "
	    "and %u was given; run reconstruct", ix->name, ix->h->last_uid, w.last_uid);
	raise_to(ix, w.last_uid, w.modseq);
}

/* The files of a commit that never was lie directly above the last UID. */
static void
remove_torn(struct index *ix, uint32_t highest)
{
	uint32_t last = ix->h->last_uid, n = 0;
	char name[SPOOL_NAME];

	if (highest - last > UNWRITTEN_MAX)
		return;
	for (uint32_t uid = highest; uid > last; uid--) {
		if (!spool_is_torn(ix->dirfd, uid))
			continue;
		spool_name(uid, name);
		n += file_unlink(ix->dirfd, name) == OK;
	}
	if (n > 0)
		log_notice("mailbox %s: %u empty or torn files of a commit that never was "
		    "are removed", ix->name, n);
}

/*
 * That files above the last UID are gone, torn ones or those of a commit that was
 * killed, is on the disk before that is raised above them: below it they would be
 * taken for messages that somebody has put back.
 */
enum err
stale_pass_over(struct index *ix, bool is_current)
{
	uint32_t last = ix->h->last_uid, found;
	uint32_t max = last < UINT32_MAX - UID_GAP ? last + UID_GAP : UINT32_MAX;
	enum err e = spool_highest(ix->dirfd, ix->name, max, &found);

	if (e == OK && found > last && is_current) {
		remove_torn(ix, found);
		e = spool_highest(ix->dirfd, ix->name, max, &found);
	}
	if (e != OK || found <= last)
		return e;
	e = file_fsync_dir(ix->dirfd, ".");
	if (e != OK)
		return e;
	log_warning("mailbox %s: message files up to %u. are there, and cyrus.index knows UIDs "
	    "up to %u; they are left alone; run reconstruct", ix->name, found, last);
	raise_to(ix, found, 0);
	return OK;
}

void
stale_remove_unwritten(struct index *ix)
{
	struct index_header *h = ix->h;
	uint32_t first = h->last_uid + 1, n = 0;
	bool all = true;
	char name[SPOOL_NAME];
	struct witness w;

	if (h->writing_uid > h->last_uid && h->writing_uid - h->last_uid <= UNWRITTEN_MAX &&
	    witness_read(ix->dirfd, &h->id, &w) == OK && !is_behind(h, &w))
		for (uint32_t uid = first; uid >= first && uid <= h->writing_uid; uid++) {
			enum err e;

			spool_name(uid, name);
			e = file_unlink(ix->dirfd, name);
			n += e == OK;
			all = all && (e == OK || e == ERR_NOTFOUND);
		}
	if (n > 0)
		log_info("mailbox %s: %u files of an unfinished commit removed", ix->name, n);
	/* Else the next one tries: a file that stays would become a message. */
	if (!all)
		return;
	h->writing_uid = 0;
	h->writing_lsn = 0;
}
