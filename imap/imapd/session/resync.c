/* resync.c - what a client that was here before has missed */
#include "imap/imapd/session/resync.h"
#include "imap/imapd/session/sync.h"
#include "imap/store/mbox/changes.h"
#include "lib/mem.h"

#include <stdlib.h>

/* --- sets --- */

static uint64_t
count_of(const struct sequence_set *set)
{
	uint64_t n = 0;

	for (size_t i = 0; i < set->count; i++) {
		const struct seq_range *r = &set->range[i];

		n += (r->first < r->last ? r->last - r->first : r->first - r->last) + UINT64_C(1);
	}
	return n;
}

static int
by_first(const void *a, const void *b)
{
	const struct uidrange *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/*
 * The UIDs of SET above LOW; "*" is the highest UID that was given.  Sorted first: to
 * put many in front of each other would take the square of the time.
 */
static void
uids_of(struct mbox *m, const struct sequence_set *set, uint32_t low, struct uidset *uids)
{
	uint32_t star = mbox_uidnext(m) - 1;
	struct uidrange *range = mem_get(set->count * sizeof(*range) + 1);

	for (size_t i = 0; i < set->count; i++) {
		uint32_t a = set->range[i].first == 0 ? star : set->range[i].first;
		uint32_t b = set->range[i].last == 0 ? star : set->range[i].last;

		range[i] = a < b ? (struct uidrange){ a, b } : (struct uidrange){ b, a };
	}
	if (set->count > 0)
		qsort(range, set->count, sizeof(*range), by_first);
	for (size_t i = 0; i < set->count; i++) {
		uint32_t first = range[i].first <= low ? low + 1 : range[i].first;

		if (low < UINT32_MAX && first <= range[i].last)
			uidset_add(uids, first, range[i].last);
	}
	free(range);
}

/* A walk through the numbers of a set as it was written. */
struct walk {
	const struct sequence_set *set;
	size_t at;
	uint32_t offset;
};

static bool
next_number(struct walk *w, uint32_t *n)
{
	if (w->at == w->set->count)
		return false;

	const struct seq_range *r = &w->set->range[w->at];
	bool rises = r->first <= r->last;

	*n = rises ? r->first + w->offset : r->first - w->offset;
	w->offset++;
	if (*n == r->last) {
		w->at++;
		w->offset = 0;
	}
	return true;
}

/*
 * Up to which UID the client's numbers fit ours: of those it has missed no
 * expunge (section 3.2.5.2).  It ends at the first that does not fit, so it
 * takes no longer than the mailbox is large.
 */
static uint32_t
matched_up_to(struct mbox *m, const struct select_req *r)
{
	struct walk numbers = { .set = &r->match_numbers }, uids = { .set = &r->match_uids };
	uint32_t seq, uid, low = 0;

	while (next_number(&numbers, &seq) && next_number(&uids, &uid)
	    && uid > low && mbox_uid(m, seq) == uid)
		low = uid;
	return low;
}

/* --- what is said --- */

static void
put_vanished(struct session *s, const struct mbox_changes *c)
{
	struct buf *line = &s->reply->scratch;

	if (c->expunged_count == 0)
		return;
	buf_reset(line);
	for (size_t i = 0; i < c->expunged_count; i++) {
		const struct uidrange *r = &c->expunged[i];

		if (i > 0)
			buf_addc(line, ',');
		buf_addu(line, r->first);
		if (r->last == r->first)
			continue;
		buf_addc(line, ':');
		buf_addu(line, r->last);
	}
	reply_puts(s->reply, "* VANISHED (EARLIER) ");
	reply_put(s->reply, buf_str(line));
	reply_crlf(s->reply);
}

enum err
resync_check(const struct session *s, struct command *c, const struct select_req *r)
{
	if (!(r->params & SELECT_QRESYNC))
		return OK;
	if (!(s->enabled & ENABLED_QRESYNC)) {
		c->text = "QRESYNC has not been enabled";
		return ERR_SYNTAX;
	}
	if ((s->enabled & ENABLED_UIDONLY) && r->match_numbers.count > 0) {
		c->code = "UIDREQUIRED";
		c->text = "Only UIDs are in use";
		return ERR_SYNTAX;
	}
	if (count_of(&r->match_numbers) != count_of(&r->match_uids)) {
		c->text = "There must be as many sequence numbers as UIDs";
		return ERR_SYNTAX;
	}
	return OK;
}

enum err
resync_select(struct session *s, struct command *c, const struct select_req *r)
{
	struct seq_range all_uids = { 1, 0 };
	struct sequence_set all = { .range = &all_uids, .count = 1 };
	const struct sequence_set *known = r->known.count > 0 ? &r->known : &all;
	struct uidset asked = UIDSET_INIT, within = UIDSET_INIT;
	struct mbox_changes changes;
	enum err e;

	if (r->uidvalidity != mbox_uidvalidity(s->mbox) || mbox_uidnext(s->mbox) == 1)
		return OK;
	uids_of(s->mbox, known, 0, &asked);
	uids_of(s->mbox, known, matched_up_to(s->mbox, r), &within);
	e = mbox_changes_since(s->mbox, c->arena, r->modseq, &within, &changes);
	if (e == OK) {
		put_vanished(s, &changes);
		for (size_t i = 0; i < changes.changed_count; i++)
			if (uidset_has(&asked, mbox_uid(s->mbox, changes.changed[i])))
				sync_fetch_flags(s, changes.changed[i], true);
	}
	uidset_free(&asked);
	uidset_free(&within);
	return e;
}

/* Those of SEQS that are in RANGE, as ranges; both rise. */
static enum err
intersect(struct arena *arena, const uint32_t *seqs, size_t n, struct search_range **range,
    size_t *ranges)
{
	struct search_range *out = arena_alloc(arena, (n + 1) * sizeof(*out));
	size_t count = 0, at = 0;

	if (out == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < n; i++) {
		while (at < *ranges && (*range)[at].last < seqs[i])
			at++;
		if (at == *ranges || seqs[i] < (*range)[at].first)
			continue;
		if (count > 0 && out[count - 1].last + 1 == seqs[i])
			out[count - 1].last++;
		else
			out[count++] = (struct search_range){ seqs[i], seqs[i] };
	}
	*range = out;
	*ranges = count;
	return OK;
}

enum err
resync_fetch(struct session *s, struct command *c, const struct fetch_req *r,
    struct search_range **range, size_t *n)
{
	struct uidset within = UIDSET_INIT;
	struct mbox_changes changes;
	enum err e;

	if (r->vanished && r->set.saved)
		uidset_copy(&within, &s->saved);
	else if (r->vanished)
		uids_of(s->mbox, &r->set, 0, &within);
	e = mbox_changes_since(s->mbox, c->arena, r->changedsince, &within, &changes);
	if (e == OK && r->vanished)
		put_vanished(s, &changes);
	if (e == OK)
		e = intersect(c->arena, changes.changed, changes.changed_count, range, n);
	uidset_free(&within);
	return e;
}
