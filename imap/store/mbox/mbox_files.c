/* mbox_files.c - an open mailbox's files: the index, cyrus.seen, the keywords' names */
#include "imap/store/mbox/mbox_in.h"

#include "imap/disk/seen.h"
#include "imap/store/list/mbdir.h"
#include "imap/store/upkeep/annotated.h"
#include "imap/store/upkeep/reclaim.h"
#include "imap/store/upkeep/recover.h"
#include "imap/store/upkeep/spare.h"
#include "imap/store/upkeep/stale.h"

#include "lib/log.h"

#include <string.h>

enum { KEYWORD_ARENA = 256 * 1024 };

/* Best effort: who cannot get the lock at once finds it as it is. */
static void
look_for_age(struct mbox *m)
{
	if (!stale_is_old(m->ix) || index_try_lock(m->ix) != OK)
		return;
	if (mailbox_catch_up(m->store, m->part, m->ix, m->entry) != OK)
		log_warning("mailbox %s: is older than it was; run reconstruct", m->entry->name);
	index_unlock(m->ix);
}

enum err
mbox_open_index(struct mbox *m)
{
	enum err e = OK;

	m->ix = spare_take(m->store, m->part, m->entry);
	bool is_fresh = m->ix == NULL;
	if (is_fresh)
		e = mblist_open_index(m->store, m->entry, &m->ix);
	if (e != OK || (m->flags & MBOX_PEEK))
		return e;
	reclaim_hold(m->ix);
	if (is_fresh)
		look_for_age(m);
	return OK;
}

enum err
mbox_snapshot(struct mbox *m, struct index_header *h)
{
	enum err e = index_snapshot(m->ix, h);

	if (e != ERR_BUSY)
		return e;
	/*
	 * A writer died inside: whoever gets its lock finishes its work.  We
	 * read before we let go of it, lest the next one be in the way.
	 */
	e = mailbox_lock(m->store, m->part, m->ix, m->entry);
	/*
	 * He died between the new file and the old one's mark: which is there now.
	 * What else the copy says nobody has been able to tell.
	 */
	if (e == ERR_STALE) {
		h->state = index_state(m->ix);
		if (h->records > index_room(m->ix))
			h->records = index_room(m->ix);
		return OK;
	}
	if (e != OK)
		return e;
	e = index_snapshot(m->ix, h);
	index_unlock(m->ix);
	return e;
}

enum err
mbox_record(struct mbox *m, uint32_t recno, struct index_record *r)
{
	enum err e;

	if (recno & GHOST) {
		*r = m->ghost[recno & ~GHOST];
		return OK;
	}
	e = index_get(m->ix, recno, r);
	if (e != ERR_BUSY)
		return e;
	e = mailbox_lock(m->store, m->part, m->ix, m->entry);
	/* In a file that was replaced nobody writes any more. */
	if (e == ERR_STALE) {
		*r = *index_peek(m->ix, recno);
		return index_record_valid(r) ? OK : ERR_CORRUPT;
	}
	if (e != OK)
		return e;
	e = index_get(m->ix, recno, r);
	index_unlock(m->ix);
	return e;
}

enum err
mbox_load_seen(struct mbox *m, const struct index_header *h)
{
	enum err e;

	if (!m->private_seen || m->seen_loaded == h->seen_changed + 1)
		return OK;
	e = seen_read(m->ix->dirfd, str_c(m->userid), &m->seen, &m->seen_recent);
	if (e == OK)
		m->seen_loaded = h->seen_changed + 1;
	return e;
}

/* E is what came of the snapshot H. */
static enum err
load_annots(struct mbox *m, enum err e, const struct index_header *h, const struct annots **a)
{
	if (e == OK && h->annotations_changed == 0)
		annots_free(&m->annots);
	else if (e == OK && m->annots_loaded != h->annotations_changed + 1)
		e = annots_read(m->ix->dirfd, ANNOTS_FILE, &m->annots);
	if (e == OK)
		annotated_miss(m->ix->name, &m->annots, h->annotation);
	m->annots_loaded = e == OK ? h->annotations_changed + 1 : 0;
	*a = &m->annots;
	return e;
}

enum err
mbox_annots(struct mbox *m, const struct annots **a)
{
	struct index_header h;
	enum err e = mbox_snapshot(m, &h);

	return load_annots(m, e, &h, a);
}

enum err
mbox_annots_now(struct mbox *m, const struct annots **a)
{
	struct index_header h;
	enum err e = index_snapshot(m->ix, &h);

	return load_annots(m, e, &h, a);
}

enum err
mbox_refresh_seen(struct mbox *m)
{
	uint64_t changed = m->ix->h->seen_changed;
	struct index_header h;

	if (!m->private_seen || m->seen_loaded == changed + 1)
		return OK;
	h.seen_changed = changed;
	return mbox_load_seen(m, &h);
}

enum err
mbox_load_keywords(struct mbox *m, uint64_t changed)
{
	enum err e;

	if (m->keywords_loaded == changed + 1)
		return OK;
	arena_free(m->keyword_arena);
	m->keyword_arena = arena_new(KEYWORD_ARENA);
	memset(&m->keywords, 0, sizeof(m->keywords));
	e = header_read(m->ix->dirfd, m->keyword_arena, &m->keywords);
	if (e == ERR_NOTFOUND)
		log_err("mailbox %s: cyrus.header is missing, and the names of flags with it; "
		    "run reconstruct", m->ix->name);
	m->keywords_loaded = e == OK ? changed + 1 : 0;
	return e;
}
