/*
 * commit.c - from a plan to the disk
 *
 * Steps, for all mailboxes of the commit together:
 *  0. lock them in the order of their ids; plan (plan.c).
 *  1. Make what can fail for lack of room (commit_files.c).  A failure undoes
 *     it; nothing has changed.
 *  2. Note in each index header where the log stood (dirty_lsn), append one
 *     frame per partition, flush it (commit_log.c).  From the return of
 *     wal_flush() on the commit is durable.
 *  3. Quota sums; cyrus.history; put the records into the indexes, clear
 *     dirty_lsn (commit_apply.c), unlock.
 *  4. Tell: notices.
 *
 * Killed in 1: files without a record are left, and a mark that says so; who
 * has the lock next removes them.  In 2, frame not complete: the same.  Frame
 * complete or between 2 and 3: whoever locks the mailbox next finds dirty_lsn
 * and does step 3 (recover.c).  Power cut before the flush: as if nothing had
 * been; after it: replay does 1 and 3 from the log.
 * The flush fails: wal_commit() makes the frame void and we undo, or it cannot
 * do that either and nobody knows.  Then dirty_lsn stays, the caller hears
 * ERR_UNKNOWN, and whoever locks the mailbox next settles it (recover.c).
 *
 * The file of a UID that is to be given is there already (stale.h): it is not
 * touched, all is undone, and planned once more with a higher UID.  A mailbox
 * that is copied from is being written to: the same, when that is over.
 *
 * What fails, fails for its mailbox in step 1 and for its partition in step 2.
 * Of a delivery the others get their mail, and each transaction knows its own
 * error.  An atomic commit ends there: what lies on other partitions is undone
 * if it is not in a log yet.  A move between partitions whose second half
 * fails leaves the messages in both places: none is lost, and it is told.
 */
#include "imap/store/mbox/commit_in.h"

#include "imap/store/mbox/annotwatch.h"
#include "imap/store/upkeep/compact.h"
#include "imap/store/upkeep/reclaim.h"
#include "imap/store/upkeep/recover.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PLAN_TRIES = 4 };

/* --- step 0 --- */

static int
by_id(const void *a, const void *b)
{
	const struct target *x = a, *y = b;

	return memcmp(x->ix->h->id.b, y->ix->h->id.b, sizeof(x->ix->h->id.b));
}

static struct target *
target_of(const struct commit *c, const struct txn *t)
{
	for (size_t i = 0; i < c->targets; i++)
		if (id128_eq(&c->target[i].m->entry->id, &t->m->entry->id))
			return &c->target[i];
	return NULL;
}

static void
collect_targets(struct commit *c)
{
	for (size_t i = 0; i < c->txns; i++) {
		struct mbox *m = c->txn[i]->m;

		c->txn[i]->err = m->flags & MBOX_READONLY ? ERR_READONLY : c->txn[i]->err;
		if (c->txn[i]->err != OK || target_of(c, c->txn[i]) != NULL)
			continue;
		c->target[c->targets++] = (struct target){ .s = c->s, .part = m->part,
		    .ix = m->ix, .m = m, .seen = UIDSET_INIT };
	}
	qsort(c->target, c->targets, sizeof(*c->target), by_id);
}

/* Is something done to messages that are there, by their UIDs? */
static bool
names_messages(const struct commit *c, const struct target *tg)
{
	for (size_t k = 0; k < c->txns; k++)
		for (struct intent *i = c->txn[k]->first; i != NULL; i = i->next)
			if (target_of(c, c->txn[k]) == tg && i->type != INTENT_APPEND &&
			    i->type != INTENT_COPY && (i->type != INTENT_ANNOTATE || i->n > 0))
				return true;
	return false;
}

/* Replaced meanwhile, perhaps more than once: its new file is the mailbox now. */
static enum err
lock_file(struct commit *c, struct target *tg)
{
	const uint32_t uidvalidity = mbox_uidvalidity(tg->m);
	enum err e = mailbox_lock(c->s, tg->part, tg->ix, tg->m->entry);

	for (int i = 0; i < REOPEN_TRIES && e == ERR_STALE &&
	    (tg->ix->h->state & INDEX_DELETED) == 0; i++) {
		e = mbox_reopen(tg->m);
		tg->ix = tg->m->ix;
		if (e == OK && mbox_uidvalidity(tg->m) != uidvalidity && names_messages(c, tg))
			e = ERR_STALE;
		if (e != OK)
			return e;
		e = mailbox_lock(c->s, tg->part, tg->ix, tg->m->entry);
	}
	return e;
}

/*
 * Nothing is put where nobody would find it: the mailbox must be in the list,
 * and what is locked its place.  Who moved it may have been killed before he
 * could mark the old one.  ERR_AGAIN: it is somewhere else.  ERR_STALE sends mail
 * back: of what is in the list only a session hears it, of its old files.
 */
static enum err
lock_in_place(struct commit *c, struct target *tg)
{
	struct mbox *m = tg->m;
	enum err e = lock_file(c, tg);
	bool is_there;

	if (e != OK && e != ERR_STALE)
		return e;
	is_there = mbox_lookup(m);
	if (e == OK && is_there && m->looked_up && !m->moved)
		return OK;
	if (e == OK)
		index_unlock(tg->ix);
	if (!m->looked_up)
		return ERR_BUSY;
	if (is_there && m->moved)
		return ERR_AGAIN;
	return is_there && (m->flags & MBOX_PEEK) && !names_messages(c, tg) ?
	    ERR_BUSY : ERR_STALE;
}

/* Who shows its messages to somebody stays with the old files. */
static enum err
move_along(struct target *tg)
{
	enum err e = tg->m->flags & MBOX_PEEK ? mbox_move_along(tg->m) : ERR_STALE;

	tg->ix = tg->m->ix;
	tg->part = tg->m->part;
	return e;
}

static enum err
lock_target(struct commit *c, struct target *tg)
{
	enum err e = lock_in_place(c, tg);

	for (int i = 0; i < REOPEN_TRIES && e == ERR_AGAIN; i++) {
		e = move_along(tg);
		if (e == OK)
			e = lock_in_place(c, tg);
	}
	if (e != OK)
		return e == ERR_AGAIN ? ERR_BUSY : e;
	tg->locked = true;
	tg->last_uid = tg->ix->h->last_uid;
	tg->before = tg->ix->h->highestmodseq;
	return OK;
}

/*
 * What is copied from is read without its lock.  A writer may have died inside,
 * or be there for long; the time to wait for him, and to finish his work, is
 * before any other mailbox is locked: two who copy to each other would wait
 * for each other, and all deliveries to the target for a writer of the source.
 */
static void
settle_sources(struct commit *c)
{
	const struct mbox *settled = NULL;
	struct index_header h;

	for (size_t k = 0; k < c->txns; k++)
		for (struct intent *i = c->txn[k]->first; i != NULL; i = i->next) {
			if (i->type != INTENT_COPY || c->txn[k]->err != OK || i->from == settled)
				continue;
			c->txn[k]->err = mbox_snapshot(i->from, &h);
			if (c->txn[k]->err == OK)
				c->txn[k]->err = mbox_follow(i->from);
			if (c->txn[k]->err == OK)
				settled = i->from;
		}
}

/* Locks and plans; errors go to the transactions, or with ATOMIC to all. */
static enum err
plan_all(struct commit *c)
{
	struct target *tg;
	enum err e = OK;

	for (size_t i = 0; i < c->targets && (e == OK || !c->atomic); i++) {
		e = lock_target(c, &c->target[i]);
		for (size_t k = 0; e != OK && k < c->txns; k++)
			if (c->txn[k]->err == OK && target_of(c, c->txn[k]) == &c->target[i])
				c->txn[k]->err = e;
	}
	for (size_t k = 0; k < c->txns; k++) {
		tg = target_of(c, c->txn[k]);
		if (c->txn[k]->err == OK)
			c->txn[k]->err = plan_txn(tg, c->txn[k], c->move);
		c->again |= c->txn[k]->err == ERR_AGAIN;
		if (c->txn[k]->err != OK && (c->atomic || c->again || (tg != NULL &&
		    (tg->changed_n > 0 || tg->annot_changes > 0 || tg->seen_changed))))
			return c->txn[k]->err;
	}
	return OK;
}

/* --- what is left when it is done --- */

/* The session that made the commit need not be told of it. */
static void
note_own(struct commit *c, struct target *tg)
{
	for (size_t i = 0; i < c->txns; i++) {
		struct mbox *m = c->txn[i]->m;

		if (c->txn[i]->err != OK || target_of(c, c->txn[i]) != tg)
			continue;
		if (tg->changed_n > 0 || tg->seen_changed || tg->annot_changes > 0)
			uidset_add(&m->own, (uint32_t)tg->modseq, (uint32_t)tg->modseq);
		annotwatch_own(m, tg->annot_change, tg->annot_changes);
		if (m->private_seen && tg->seen_of == m && tg->seen_changed) {
			uidset_copy(&m->seen, &tg->seen);
			m->seen_loaded = tg->ix->h->seen_changed + 1;
		}
		m->cached.valid = false;
		/* Nobody else came between: the view need not look at all of it. */
		if (tg->before == m->told && tg->new_n == 0 && !tg->expunges &&
		    !tg->keywords_changed && m->ix == tg->ix && m->known == tg->ix->h->records) {
			m->told = tg->modseq;
			m->own.n = 0;
			m->h = *tg->ix->h;
		}
	}
}

static void
set_result(struct target *tg, struct txn *t)
{
	t->result = (struct txn_result){
		.uidvalidity = tg->ix->h->uidvalidity,
		.new_uids = t->new_uids.v,
		.source_uids = t->source_uids.v,
		.new_count = t->new_uids.n,
		.modified = t->modified.v,
		.modified_count = t->modified.n,
		.expunged = t->expunged.v,
		.expunged_count = t->expunged.n,
		.modseq = tg->modseq,
	};
}

static void
finish(struct commit *c)
{
	for (size_t i = 0; i < c->targets; i++) {
		struct target *tg = &c->target[i];

		if (!tg->applied)
			continue;
		note_own(c, tg);
		/* expunge_mode immediate: unless a session still shows them. */
		if (tg->expunges && reclaim_may(c->s, tg->ix))
			reclaim_files(tg->ix, INT64_MAX);
		if (compact_due(tg->ix, time(NULL)))
			reclaim_note(c->s, &tg->ix->h->id);
	}
	for (size_t i = 0; i < c->txns; i++) {
		struct txn *t = c->txn[i];

		if (t->err != OK)
			continue;
		set_result(target_of(c, t), t);
		if (t->guard.done != NULL && t->new_uids.n > 0)
			t->guard.done(t->guard.ctx, t->new_uids.v[0]);
	}
}

static void
unlock_all(struct commit *c)
{
	for (size_t i = c->targets; i > 0; i--)
		if (c->target[i - 1].locked)
			index_unlock(c->target[i - 1].ix);
}

static void
publish_all(struct commit *c)
{
	for (size_t i = 0; i < c->targets; i++)
		if (c->target[i].applied && c->s->params.publish != NULL)
			c->s->params.publish(c->s->params.publish_ctx,
			    &c->target[i].ix->h->id);
}

/* The mailbox gets nothing of this commit, nor do the transactions on it. */
static void
fail_target(struct commit *c, struct target *tg, enum err e)
{
	for (size_t i = 0; i < c->txns; i++)
		if (c->txn[i]->err == OK && target_of(c, c->txn[i]) == tg)
			c->txn[i]->err = e;
	tg->err = e;
}

/* An atomic commit has failed: what no log holds goes. */
static void
give_up(struct commit *c, enum err e)
{
	bool halved = false;

	for (size_t i = 0; i < c->targets; i++) {
		struct target *tg = &c->target[i];

		if (commit_has_work(tg) && !tg->applied) {
			commit_undo_files(tg);
			fail_target(c, tg, e);
		}
		halved |= tg->applied;
	}
	if (halved && c->move)
		log_warning("a move between partitions failed half way: its messages are "
		    "in both mailboxes now");
}

static enum err
prepare_all(struct commit *c)
{
	enum err e, first = OK;

	for (size_t i = 0; i < c->targets; i++) {
		struct target *tg = &c->target[i];

		e = commit_has_work(tg) ? commit_write_files(c, tg) : OK;
		if (e == OK)
			continue;
		if (e == ERR_EXISTS) {
			e = mailbox_catch_up(c->s, tg->part, tg->ix, tg->m->entry);
			c->again = e == OK;
		}
		if (c->again)
			return ERR_AGAIN;
		fail_target(c, tg, e);
		first = first == OK ? e : first;
		if (c->atomic)
			break;
	}
	return first;
}

/* The log of one partition, then its indexes. */
static enum err
carry_out_partition(struct commit *c, struct partition *part)
{
	bool appended;
	enum err e = commit_log(c, part, &appended), one, first = OK;

	for (size_t i = 0; i < c->targets; i++) {
		struct target *tg = &c->target[i];

		if (tg->part != part || !commit_has_work(tg))
			continue;
		if (e == OK) {
			tg->applied = true;
			one = commit_apply(tg);
			if (one != OK) {
				fail_target(c, tg, one);
				first = one;
			}
			continue;
		}
		if (!appended)
			commit_undo_files(tg);
		fail_target(c, tg, e);
	}
	return e == OK ? first : e;
}

/*
 * Writes, logs and applies what the plan says, partition by partition in the
 * order of the transactions: of a move between partitions the copy is durable
 * before the original goes.  The first error.
 */
static enum err
carry_out(struct commit *c)
{
	enum err e, first = prepare_all(c);

	for (size_t i = 0; c->again && i < c->targets; i++)
		if (commit_has_work(&c->target[i]))
			commit_undo_files(&c->target[i]);
	if (c->again)
		return first;
	for (size_t i = 0; i < c->txns && (first == OK || !c->atomic); i++) {
		struct target *tg = c->txn[i]->err == OK ? target_of(c, c->txn[i]) : NULL;

		if (tg == NULL || !commit_has_work(tg) || tg->applied)
			continue;
		e = carry_out_partition(c, tg->part);
		first = first == OK ? e : first;
	}
	if (first != OK && c->atomic)
		give_up(c, first);
	return first;
}

static bool
is_move(struct txn **t, size_t n)
{
	return n == 2 && t[0]->first != NULL && t[0]->first->type == INTENT_COPY &&
	    t[1]->first != NULL && t[1]->first->type == INTENT_EXPUNGE;
}

/* *again: nothing has been done, and it is to be tried once more. */
static enum err
commit_once(struct txn **t, size_t n, bool atomic, bool *again)
{
	struct commit c = { .s = t[0]->m->store, .txn = t, .txns = n, .atomic = atomic };
	bool all;			/* an error is everybody's */
	enum err e;

	c.target = mem_zero(n, sizeof(*c.target));
	c.move = atomic && is_move(t, n);
	settle_sources(&c);
	collect_targets(&c);
	e = plan_all(&c);
	all = e != OK || atomic;
	if (e == OK) {
		e = carry_out(&c);
		if (!c.again)
			finish(&c);
	}
	*again = c.again;
	unlock_all(&c);
	publish_all(&c);
	for (size_t i = 0; i < n && e != OK && (all || c.again); i++)
		if (t[i]->err == OK)
			t[i]->err = e;
	for (size_t i = 0; i < c.targets; i++)
		target_free(&c.target[i]);
	free(c.target);
	return e;
}

/* As if nothing had been planned; ERR is what was wrong before. */
static void
forget_plan(struct txn *t, enum err e)
{
	t->err = e;
	t->skipped = false;
	t->new_uids.n = t->source_uids.n = t->modified.n = t->expunged.n = 0;
}

/*
 * Again: the file of a UID that was to be given is there already.  Each try
 * leaves the last UID above all that are, so that the next one cannot fail for
 * the same reason; others are kept off the mailbox by its lock but for a moment.
 */
enum err
txn_commit_all(struct txn **t, size_t n, bool atomic)
{
	enum err *before = mem_zero(n, sizeof(*before)), e;
	bool again;

	for (size_t i = 0; i < n; i++)
		before[i] = t[i]->err;
	e = commit_once(t, n, atomic, &again);
	for (int tries = 1; again && tries < PLAN_TRIES; tries++) {
		for (size_t i = 0; i < n; i++)
			forget_plan(t[i], before[i]);
		e = commit_once(t, n, atomic, &again);
	}
	free(before);
	return e;
}

enum err
txn_commit(struct txn *t)
{
	return txn_commit_all(&t, 1, true);
}
