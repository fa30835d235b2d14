/* commit_apply.c - step 3 of a commit: what the log says into the files */
#include "imap/store/mbox/commit_in.h"

#include "imap/disk/annot.h"
#include "imap/disk/history.h"
#include "imap/disk/seen.h"
#include "imap/store/list/quota.h"
#include "imap/store/upkeep/compact.h"
#include "imap/store/upkeep/reclaim.h"

#include <time.h>

enum { ENTRY_ARENA = 2 << 20 };

/*
 * Before the index changes: killed in between, dirty_lsn has the next writer
 * count anew.  The root is what the list says now: it may have changed since
 * the mailbox was opened.  The lock of the sum is kept until the index is changed,
 * so that who counts under it finds both or neither.
 */
static bool
add_usage(struct target *tg, int *held)
{
	struct arena *arena = arena_new(ENTRY_ARENA);
	const char *root = tg->m->entry->quotaroot;
	struct mbentry *e;
	bool added = true;

	*held = -1;
	if (tg->usage.bytes != 0 || tg->usage.messages != 0 || tg->usage.annotation != 0) {
		if (mblist_lookup_id(tg->s, arena, &tg->m->entry->id, &e) == OK)
			root = e->quotaroot;
		if (root != NULL)
			added = quota_add(tg->s, str_c(root), &tg->usage, held);
	}
	arena_free(arena);
	return added;
}

/* Before the index changes, too: who reads both looks at the index first. */
static void
add_history(struct target *tg)
{
	struct history_list l = { NULL, 0, 0 };

	if (tg->modseq == 0)
		return;
	for (size_t i = 0; i < tg->new_n; i++)
		history_note_record(&l, &tg->new[i].r);
	for (size_t i = 0; i < tg->changed_n; i++)
		history_note_record(&l, &tg->changed[i]);
	if (history_append(tg->ix, tg->modseq, &l))
		reclaim_note(tg->s, &tg->ix->h->id);
	history_free(&l);
}

enum err
commit_apply(struct target *tg)
{
	struct index *ix = tg->ix;
	struct index_header *h = ix->h;
	uint64_t settled = compact_settled(tg->part, ix);
	bool counted, seen = true, annotated = true;
	int held;

	add_history(tg);
	counted = add_usage(tg, &held);
	index_write_begin(ix);
	h->settled_modseq = settled;
	for (size_t i = 0; i < tg->new_n; i++)
		index_put(ix, &tg->new[i].r);
	for (size_t i = 0; i < tg->changed_n; i++)
		index_put(ix, &tg->changed[i]);
	if (tg->modseq > h->highestmodseq)
		h->highestmodseq = tg->modseq;
	if (tg->new_n > 0)
		h->last_append = time(NULL);
	if (tg->keywords_changed)
		h->keywords_changed = h->highestmodseq;
	if (tg->seen_changed) {
		seen = seen_apply(ix->dirfd) == OK;
		/* Else whoever repairs says so, and all read the file anew. */
		if (seen)
			h->seen_changed = h->highestmodseq;
	}
	h->annotation += (uint64_t)tg->usage.annotation;
	if (tg->annot_changes > 0) {
		annotated = annots_apply(ix->dirfd, ANNOTS_FILE) == OK;
		if (annotated)
			h->annotations_changed = h->highestmodseq;
	}
	h->applied_lsn = tg->lsn;
	/* If not, the log still has it: the next writer tries again. */
	if (counted && seen && annotated)
		h->dirty_lsn = 0;
	h->writing_uid = 0;
	index_write_end(ix);
	quota_added(held);
	return seen && annotated ? OK : ERR_UNKNOWN;
}
