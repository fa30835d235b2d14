/* reclaim.c - giving back the room of expunged messages */
#include "imap/store/upkeep/reclaim.h"

#include "imap/store/upkeep/annotated.h"
#include "imap/store/upkeep/compact.h"
#include "imap/store/list/local.h"
#include "imap/store/list/mbdb.h"
#include "imap/store/list/mbdir.h"
#include "imap/store/upkeep/recover.h"
#include "imap/disk/history.h"
#include "imap/disk/spool.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"

#include <sys/file.h>
#include <time.h>
#include <unistd.h>

void
reclaim_hold(struct index *ix)
{
	/* Somebody who asks whether he is alone has it for a moment only. */
	if (lock_in_use(ix->fd) != OK)
		log_warning("mailbox %s: expunged messages may go before this session", ix->name);
}

static bool
is_alone(struct index *ix)
{
	bool alone = flock(ix->fd, LOCK_EX | LOCK_NB) == 0;

	/* A failed conversion has lost the shared lock: take it again. */
	reclaim_hold(ix);
	return alone;
}

/* Who has an older file of it in use, by no lock that we would meet, has had his time. */
bool
reclaim_may(const struct store *s, struct index *ix)
{
	int64_t now = time(NULL);

	return !s->params.expunge_delayed && ix->h->compacted <= now - s->params.expunge_grace &&
	    is_alone(ix);
}

static enum err
unlink_file(struct index *ix, uint32_t uid)
{
	char name[SPOOL_NAME];

	spool_name(uid, name);
	return file_unlink(ix->dirfd, name);
}

/* Record number AT; was there a file? */
static bool
reclaim_one(struct index *ix, uint32_t at)
{
	struct index_record r;
	enum err e;

	if (index_get(ix, at, &r) != OK)
		return false;
	e = unlink_file(ix, r.uid);
	if (e != OK && e != ERR_NOTFOUND)
		return false;
	r.flags |= REC_RECLAIMED;
	index_write_begin(ix);
	index_put(ix, &r);
	index_write_end(ix);
	return e == OK;
}

static bool
is_unreclaimed(const struct index_record *r)
{
	return (r->flags & (REC_EXPUNGED | REC_RECLAIMED)) == REC_EXPUNGED;
}

uint32_t
reclaim_files(struct index *ix, int64_t before)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < ix->h->records; i++) {
		const struct index_record *r = index_peek(ix, i);

		if (is_unreclaimed(r) && r->changed <= before)
			n += reclaim_one(ix, i);
	}
	return n;
}

static bool
is_due(const struct index_record *r, int64_t before, uint64_t settled)
{
	return is_unreclaimed(r) && r->changed <= before && r->modseq <= settled;
}

/*
 * No log says that these were expunged, not any more: so what is marked must
 * be gone for good, or a power cut brings the file back beside its mark, and
 * reconstruct takes it for a message that somebody has restored.
 *
 * Nor may a log say that a copy of one was made (SETTLED): replay may need
 * the original.  A copy of what was expunged already is flushed when it is
 * made (commit_files.c).
 */
static uint32_t
reclaim_durably(struct index *ix, int64_t before, uint64_t settled)
{
	uint32_t n = 0, met = 0;

	for (uint32_t i = 0; i < ix->h->records; i++) {
		const struct index_record *r = index_peek(ix, i);

		if (is_due(r, before, settled)) {
			n += unlink_file(ix, r->uid) == OK;
			met++;
		}
	}
	if (met == 0 || file_fsync_dir(ix->dirfd, ".") != OK)
		return n;
	for (uint32_t i = 0; i < ix->h->records; i++)
		if (is_due(index_peek(ix, i), before, settled))
			(void)reclaim_one(ix, i);
	return n;
}

/* Is there a file that may go?  *AT is the record's number. */
static bool
find_unreclaimed(struct index *ix, uint32_t uid, uint32_t *at)
{
	*at = index_find(ix, ix->h->records, uid);
	return *at < ix->h->records && index_peek(ix, *at)->uid == uid &&
	    is_unreclaimed(index_peek(ix, *at));
}

/* In the order of reclaim_durably(), and for its reason. */
enum err
reclaim_uids(struct index *ix, const uint32_t *uids, size_t n)
{
	enum err e = OK;
	uint32_t at;

	for (size_t i = 0; i < n && e == OK; i++)
		if (find_unreclaimed(ix, uids[i], &at)) {
			e = unlink_file(ix, uids[i]);
			e = e == ERR_NOTFOUND ? OK : e;
		}
	if (e == OK)
		e = file_fsync_dir(ix->dirfd, ".");
	for (size_t i = 0; i < n && e == OK; i++)
		if (find_unreclaimed(ix, uids[i], &at))
			(void)reclaim_one(ix, at);
	return e;
}

/*
 * Opened and locked, and *E what the list says now.  Before that another
 * cyr_expire, or reconstruct, may have replaced the index, or somebody moved
 * the mailbox to another partition.  ERR_NOTFOUND: it is deleted.
 */
static enum err
lock_current(struct store *s, struct arena *arena, const struct mbentry **e, struct index **ix)
{
	const struct arena_mark start = arena_mark(arena);
	const struct id128 id = (*e)->id;
	struct mbentry *now;

	for (int tries = 0; ; tries++) {
		enum err err = mblist_open_index(s, *e, ix);

		if (err == OK) {
			err = mailbox_lock(s, store_partition_of(s, (*e)->partition), *ix, *e);
			if (err == OK)
				return OK;
			index_close(*ix);
		}
		if (err != ERR_STALE || tries == REOPEN_TRIES)
			return err;
		arena_rewind(arena, start);
		err = mblist_lookup_id(s, arena, &id, &now);
		if (err != OK)
			return err;
		*e = now;
	}
}

static enum err
compact(struct store *s, const struct mbentry *e, struct index *ix)
{
	uint32_t dropped;
	enum err err;

	if (annotated_sweep(ix) != OK)
		log_warning("mailbox %s: annotations of expunged messages stay", e->name);
	err = compact_index(store_partition_of(s, e->partition), ix, &dropped);
	if (dropped > 0)
		log_info("mailbox %s: %u records of expunged messages dropped",
		    e->name, dropped);
	return err;
}

enum err
reclaim_mailbox(struct store *s, const struct mbentry *e, int64_t before, uint32_t *reclaimed)
{
	struct arena *arena = arena_new(MBDB_ARENA);
	struct index *ix;
	enum err err = lock_current(s, arena, &e, &ix);

	*reclaimed = 0;
	if (err != OK) {
		arena_free(arena);
		return err;
	}
	spool_sweep(ix->dirfd);
	*reclaimed = reclaim_durably(ix, before,
	    compact_settled(store_partition_of(s, e->partition), ix));
	err = compact(s, e, ix);
	index_unlock(ix);
	index_close(ix);
	arena_free(arena);
	return err;
}

/* --- by the workers themselves --- */

static void
note_look(struct index *ix)
{
	index_write_begin(ix);
	ix->h->looked = time(NULL);
	index_write_end(ix);
}

/* Nobody waits for it: who finds the mailbox locked leaves it to the next commit. */
static void
tidy(struct store *s, const struct mbentry *e)
{
	struct partition *part = store_partition_of(s, e->partition);
	struct index *ix;
	enum err err = part != NULL ? mblist_open_index(s, e, &ix) : ERR_NOTFOUND;

	if (err != OK)
		return;
	if (index_try_lock(ix) != OK) {
		index_close(ix);
		return;
	}
	note_look(ix);
	if (!s->params.expunge_delayed)
		(void)reclaim_durably(ix, time(NULL) - s->params.expunge_grace,
		    compact_settled(part, ix));
	err = compact(s, e, ix);
	/* That made it short, too, unless there was nothing to leave out. */
	if (err == OK && ix->h->state == 0)
		err = history_tidy(ix);
	if (err != OK)
		log_warning("mailbox %s: not made smaller: %s", e->name, err_text(err));
	index_unlock(ix);
	index_close(ix);
}

void
reclaim_note(struct store *s, const struct id128 *id)
{
	for (size_t i = 0; i < s->untidies; i++)
		if (id128_eq(&s->untidy[i], id))
			return;
	if (s->untidies < UNTIDY)
		s->untidy[s->untidies++] = *id;
}

void
reclaim_noted(struct store *s)
{
	struct arena *arena;
	struct mbentry *e;

	if (s->untidies == 0)
		return;
	arena = arena_new(MBDB_ARENA);
	while (s->untidies > 0) {
		const struct arena_mark start = arena_mark(arena);

		if (mblist_lookup_id(s, arena, &s->untidy[--s->untidies], &e) == OK)
			tidy(s, e);
		arena_rewind(arena, start);
	}
	arena_free(arena);
}
