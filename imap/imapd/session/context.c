#include "imap/imapd/message/context_program.h"
#include "imap/imapd/proto/uidset_text.h"
#include "imap/imapd/session/context.h"
#include "imap/imapd/session/correlator.h"
#include "imap/store/mbox/changes.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct context {
	struct context *next;
	struct arena *arena;		/* what follows, but uids */
	struct str tag;
	bool uid;			/* told in UIDs */
	bool named;			/* told with the mailbox's name */
	struct search_how how;
	struct search_key *key;
	bool sorted;
	struct sort_order order;
	uint32_t *uids;			/* the result: rising, or in the order of SORT */
	size_t n, size;
	uint64_t since;			/* changes up to this modseq are in it */
	struct fetch_req items;		/* of new messages that match (RFC 5465 section 7) */
	struct buf line;		/* an ESEARCH response that is to be sent */
};

/* --- making and ending --- */

static bool
keep_order(struct context *cx, const struct search_req *req, enum collation collation)
{
	size_t n = req->criteria.count;
	struct sort_criterion *copy = arena_alloc(cx->arena, n * sizeof(*copy) + 1);

	if (copy == NULL)
		return false;
	if (n > 0)
		memcpy(copy, req->criteria.item, n * sizeof(*copy));
	cx->order = (struct sort_order){ copy, n, collation };
	cx->sorted = n > 0;
	return true;
}

struct context *
context_new(struct session *s, const struct command *c, const struct search_req *req)
{
	struct context *cx = mem_zero(1, sizeof(*cx));

	cx->arena = arena_new(CONTEXT_PROGRAM);
	cx->named = c->request == REQ_ESEARCH;
	cx->uid = c->uid || cx->named;
	cx->how = (struct search_how){ .collation = s->collation, .now = time(NULL) };
	cx->tag = (struct str){ arena_copy(cx->arena, c->tag.p, c->tag.n), c->tag.n };
	buf_init(&cx->line);
	cx->key = context_program(cx->arena, s->mbox, &s->saved, req->key);
	/* What is sorted by annotations may change its place: there are no updates. */
	if (cx->tag.p == NULL || cx->key == NULL || !keep_order(cx, req, s->collation)
	    || sort_may_change(&cx->order)
	    || !fetch_req_merge(cx->arena, &cx->items, &req->update)) {
		context_free(cx);
		return NULL;
	}
	search_prepare(cx->arena, &cx->how, cx->key);
	return cx;
}

void
context_free(struct context *cx)
{
	if (cx == NULL)
		return;
	arena_free(cx->arena);
	free(cx->uids);
	buf_free(&cx->line);
	free(cx);
}

void
context_refuse(struct session *s, struct str tag)
{
	reply_puts(s->reply, "* NO [NOUPDATE \"");
	reply_put(s->reply, tag);
	reply_puts(s->reply, "\"] There will be no updates\r\n");
}

/* How many contexts there are, and how many numbers in them: *NUMBERS. */
static size_t
count_all(const struct session *s, size_t *numbers)
{
	size_t contexts = 0;

	*numbers = 0;
	for (const struct context *cx = s->contexts; cx != NULL; cx = cx->next) {
		contexts++;
		*numbers += cx->n;
	}
	return contexts;
}

void
context_keep(struct session *s, const struct command *c, struct context *cx,
    const struct results *r)
{
	size_t numbers;

	if (cx == NULL || c->limited_uid != 0 || count_all(s, &numbers) >= CONTEXTS_MAX
	    || numbers + r->n > CONTEXT_MESSAGES) {
		context_free(cx);
		context_refuse(s, c->tag);
		return;
	}
	cx->n = cx->size = r->n;
	cx->uids = mem_get(r->n * sizeof(*cx->uids));
	for (size_t i = 0; i < r->n; i++)
		cx->uids[i] = mbox_uid(s->mbox, r->seqs[i]);
	cx->since = mbox_highestmodseq(s->mbox);
	cx->next = s->contexts;
	s->contexts = cx;
}

bool
context_is_there(const struct session *s, struct str tag)
{
	const struct context *cx = s->contexts;

	while (cx != NULL && !str_eq(cx->tag, tag))
		cx = cx->next;
	return cx != NULL;
}

bool
context_cancel(struct session *s, struct str tag)
{
	for (struct context **at = &s->contexts; *at != NULL; at = &(*at)->next) {
		struct context *cx = *at;

		if (!str_eq(cx->tag, tag))
			continue;
		*at = cx->next;
		context_free(cx);
		return true;
	}
	return false;
}

void
contexts_end(struct session *s)
{
	while (s->contexts != NULL)
		(void)context_cancel(s, s->contexts->tag);
}

/* --- what is told --- */

/* Places and numbers on their way into one ADDTO or REMOVEFROM. */
struct told {
	struct buf text;
	size_t place;			/* of the run in hand */
	uint32_t *number;		/* its numbers */
	size_t n;
};

static void
end_run(struct told *t)
{
	if (t->n == 0)
		return;
	buf_printf(&t->text, "%s%zu ", t->text.n > 0 ? " " : "", t->place);
	uidset_text(t->number, t->n, &t->text);
	t->n = 0;
}

/* One more number at PLACE; those whose place does not matter (0) share it. */
static void
add_told(struct told *t, size_t place, uint32_t number)
{
	if (place > 0)
		end_run(t);
	t->place = place;
	t->number[t->n++] = number;
}

static void
put_correlator(struct session *s, const struct context *cx)
{
	struct buf name = BUF_INIT;

	if (cx->named)
		name_to_external(&s->names, str_c(mbox_entry(s->mbox)->name), &name);
	correlator_put(s->reply, cx->tag, s->mbox, cx->named ? name.p : NULL);
	reply_puts(s->reply, cx->uid ? " UID" : "");
	buf_free(&name);
}

/* " REMOVEFROM (0 4) ADDTO (0 7:9)", which waits for contexts_tell() */
static void
put_told(struct context *cx, struct told *removed, struct told *added)
{
	struct buf *b = &cx->line;

	end_run(removed);
	end_run(added);
	if (removed->text.n + added->text.n == 0)
		return;
	if (removed->text.n > 0) {
		buf_adds(b, " REMOVEFROM (");
		buf_add_str(b, buf_str(&removed->text));
		buf_adds(b, ")");
	}
	if (added->text.n > 0) {
		buf_adds(b, " ADDTO (");
		buf_add_str(b, buf_str(&added->text));
		buf_adds(b, ")");
	}
}

/* "* ESEARCH (TAG "a") UID REMOVEFROM (0 4) ADDTO (0 7:9)" */
void
contexts_tell(struct session *s)
{
	for (struct context *cx = s->contexts; cx != NULL; cx = cx->next) {
		if (cx->line.n == 0)
			continue;
		put_correlator(s, cx);
		reply_put(s->reply, buf_str(&cx->line));
		reply_crlf(s->reply);
		buf_free(&cx->line);
	}
}

/* --- expunges --- */

static int
uid_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/*
 * Takes those of the N rising UIDs at GONE out of the result.  NUMBER says what
 * each is called.
 */
static void
take_out(struct context *cx, const uint32_t *gone, size_t n, const uint32_t *number,
    struct told *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < cx->n; i++) {
		const uint32_t *at = bsearch(&cx->uids[i], gone, n, sizeof(*gone), uid_cmp);

		if (at == NULL)
			cx->uids[kept++] = cx->uids[i];
		else
			add_told(t, cx->sorted ? kept + 1 : 0, number[at - gone]);
	}
	cx->n = kept;
}

/* Space for N numbers, or the context ends. */
static bool
told_room(struct session *s, struct arena *arena, struct context *cx, size_t n,
    struct told *removed, struct told *added)
{
	*removed = *added = (struct told){ .text = BUF_INIT };
	removed->number = arena_alloc(arena, n * sizeof(uint32_t) + 1);
	added->number = arena_alloc(arena, n * sizeof(uint32_t) + 1);
	if (removed->number != NULL && added->number != NULL)
		return true;
	context_refuse(s, cx->tag);
	return false;
}

void
contexts_expunged(struct session *s, struct arena *arena, const struct mbox_update *u)
{
	struct arena_mark mark = arena_mark(arena);
	size_t n = u->expunged_count;
	struct context *next;

	if (n == 0)
		return;
	for (struct context *cx = s->contexts; cx != NULL; cx = next) {
		uint32_t *number = arena_alloc(arena, n * sizeof(*number));
		struct told removed, added;

		next = cx->next;
		if (number == NULL || !told_room(s, arena, cx, n, &removed, &added)) {
			(void)context_cancel(s, cx->tag);
			continue;
		}
		/* Before any EXPUNGE is sent all have the numbers of before. */
		for (size_t i = 0; i < n; i++)
			number[i] = cx->uid ? u->expunged_uid[i]
			    : u->expunged[i] + (uint32_t)i;
		take_out(cx, u->expunged_uid, n, number, &removed);
		put_told(cx, &removed, &added);
		buf_free(&removed.text);
		arena_rewind(arena, mark);
	}
	contexts_tell(s);
}

/* --- other changes --- */

static uint32_t
number_of(struct session *s, const struct context *cx, uint32_t seq)
{
	return cx->uid ? mbox_uid(s->mbox, seq) : seq;
}

/* The result's numbers in the view; all of it is there. */
static uint32_t *
result_seqs(struct session *s, struct arena *arena, const struct context *cx, size_t more)
{
	uint32_t *seqs = arena_alloc(arena, (cx->n + more) * sizeof(*seqs) + 1);

	for (size_t i = 0; i < cx->n && seqs != NULL; i++)
		seqs[i] = mbox_seq_from_uid(s->mbox, cx->uids[i]);
	return seqs;
}

static void
put_in(struct context *cx, size_t at, uint32_t uid)
{
	if (cx->n == cx->size) {
		cx->size = cx->size + cx->size / 2 + 64;
		cx->uids = mem_grow(cx->uids, cx->size * sizeof(*cx->uids));
	}
	memmove(cx->uids + at + 1, cx->uids + at, (cx->n - at) * sizeof(*cx->uids));
	cx->uids[at] = uid;
	cx->n++;
}

/* The N messages at SEQS, which rise, come into a result that rises, too. */
static void
merge_in(struct session *s, struct context *cx, const uint32_t *seqs, size_t n,
    struct told *t)
{
	size_t at = cx->n;

	cx->size = cx->n + n;
	cx->uids = mem_grow(cx->uids, cx->size * sizeof(*cx->uids));
	cx->n += n;
	for (size_t i = n; i > 0; i--) {
		uint32_t uid = mbox_uid(s->mbox, seqs[i - 1]);

		for (; at > 0 && cx->uids[at - 1] > uid; at--)
			cx->uids[at + i - 1] = cx->uids[at - 1];
		cx->uids[at + i - 1] = uid;
	}
	for (size_t i = 0; i < n; i++)
		add_told(t, 0, number_of(s, cx, seqs[i]));
}

/* The same in the order of SORT: each at its place. */
static enum err
sort_in(struct session *s, struct arena *arena, struct context *cx, uint32_t *seqs,
    size_t n, struct told *t)
{
	uint32_t *all = result_seqs(s, arena, cx, n);
	enum err e = all != NULL ? sort_run(s->mbox, &cx->order, seqs, n) : ERR_LIMIT;

	for (size_t i = 0; i < n && e == OK; i++) {
		size_t at;

		e = sort_place(s->mbox, &cx->order, all, cx->n, seqs[i], &at);
		if (e != OK)
			break;
		memmove(all + at + 1, all + at, (cx->n - at) * sizeof(*all));
		all[at] = seqs[i];
		put_in(cx, at, mbox_uid(s->mbox, seqs[i]));
		add_told(t, at + 1, number_of(s, cx, seqs[i]));
	}
	return e;
}

static bool
is_in(struct session *s, const uint32_t *rising, size_t n, uint32_t seq)
{
	uint32_t uid = mbox_uid(s->mbox, seq);

	return bsearch(&uid, rising, n, sizeof(*rising), uid_cmp) != NULL;
}

/* What has changed, and what of it is in the result or matches by now. */
struct news {
	uint32_t *seqs;			/* those that match and are new to the result */
	size_t n;
	uint32_t *gone, *gone_number;	/* UIDs of those that matched before */
	size_t gone_count;
};

/* The result in the order of UIDs; itself if it is that already. */
static const uint32_t *
rising_uids(struct arena *arena, const struct context *cx)
{
	uint32_t *copy;

	if (!cx->sorted)
		return cx->uids;
	copy = arena_alloc(arena, cx->n * sizeof(*copy) + 1);
	if (copy == NULL)
		return NULL;
	if (cx->n > 0)
		memcpy(copy, cx->uids, cx->n * sizeof(*copy));
	qsort(copy, cx->n, sizeof(*copy), uid_cmp);
	return copy;
}

static enum err
find_news(struct session *s, struct arena *arena, struct context *cx,
    const struct mbox_changes *c, struct news *news)
{
	const uint32_t *known = rising_uids(arena, cx);
	size_t matching = 0, m = 0, n = c->changed_count;
	uint32_t *match = arena_alloc(arena, n * sizeof(*match) + 1);
	enum err e;

	*news = (struct news){ .seqs = arena_alloc(arena, n * sizeof(uint32_t) + 1) };
	news->gone = arena_alloc(arena, n * sizeof(uint32_t) + 1);
	news->gone_number = arena_alloc(arena, n * sizeof(uint32_t) + 1);
	if (known == NULL || match == NULL || news->seqs == NULL || news->gone == NULL
	    || news->gone_number == NULL)
		return ERR_LIMIT;
	if (n > 0)
		memcpy(match, c->changed, n * sizeof(*match));
	e = search_filter(s->mbox, arena, &cx->how, cx->key, match, n, &matching);
	for (size_t i = 0; i < n && e == OK; i++) {
		uint32_t seq = c->changed[i];
		bool was = is_in(s, known, cx->n, seq);
		bool is = m < matching && match[m] == seq;

		m += is;
		if (is && !was) {
			news->seqs[news->n++] = seq;
		} else if (was && !is) {
			news->gone_number[news->gone_count] = number_of(s, cx, seq);
			news->gone[news->gone_count++] = mbox_uid(s->mbox, seq);
		}
	}
	return e;
}

static enum err
bring_up(struct session *s, struct arena *arena, struct context *cx)
{
	const struct uidset none = UIDSET_INIT;
	struct told removed, added;
	struct mbox_changes c;
	struct news news = { .n = 0 };
	enum err e = mbox_changes_since(s->mbox, arena, cx->since, &none, &c);

	if (e != OK || c.changed_count == 0)
		return e;
	e = find_news(s, arena, cx, &c, &news);
	if (e != OK || !told_room(s, arena, cx, c.changed_count, &removed, &added))
		return e != OK ? e : ERR_LIMIT;
	take_out(cx, news.gone, news.gone_count, news.gone_number, &removed);
	if (cx->sorted)
		e = sort_in(s, arena, cx, news.seqs, news.n, &added);
	else if (news.n > 0)
		merge_in(s, cx, news.seqs, news.n, &added);
	if (e == OK)
		put_told(cx, &removed, &added);
	buf_free(&removed.text);
	buf_free(&added.text);
	cx->since = mbox_highestmodseq(s->mbox);
	return e;
}

void
contexts_changed(struct session *s, struct arena *arena)
{
	struct arena_mark mark = arena_mark(arena);
	struct context *next;
	size_t numbers;

	for (struct context *cx = s->contexts; cx != NULL; cx = next) {
		enum err e = bring_up(s, arena, cx);

		next = cx->next;
		(void)count_all(s, &numbers);
		if (e != OK || numbers > CONTEXT_MESSAGES) {
			context_refuse(s, cx->tag);
			(void)context_cancel(s, cx->tag);
		}
		arena_rewind(arena, mark);
	}
}

static bool
has_uid(const struct context *cx, uint32_t uid)
{
	if (!cx->sorted)
		return cx->n > 0 && bsearch(&uid, cx->uids, cx->n, sizeof(uid), uid_cmp) != NULL;
	for (size_t i = 0; i < cx->n; i++)
		if (cx->uids[i] == uid)
			return true;
	return false;
}

bool
contexts_add_items(const struct session *s, struct arena *arena, uint32_t uid,
    struct fetch_req *req)
{
	for (const struct context *cx = s->contexts; cx != NULL; cx = cx->next)
		if (cx->items.items != NULL && has_uid(cx, uid)
		    && !fetch_req_merge(arena, req, &cx->items))
			return false;
	return true;
}
