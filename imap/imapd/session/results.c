/*
 * Places in a result count from 1 in its own order: of a SORT with RETURN the
 * MIN is what sorts first (RFC 5267 section 3.1).
 */
#include "imap/imapd/session/results.h"
#include "imap/imapd/session/correlator.h"
#include "imap/imapd/session/progress.h"
#include "imap/imapd/proto/uidset_text.h"
#include "imap/imapd/message/search_resolve.h"

#include <stdlib.h>
#include <time.h>

/* A run of places in the result: from .first, .n of them. */
struct slice {
	size_t first, n;
};

static struct slice
partial_slice(const struct partial_range *p, size_t n)
{
	size_t low = p->first < p->last ? p->first : p->last;
	size_t high = p->first < p->last ? p->last : p->first;

	if (low > n)
		return (struct slice){ 0, 0 };
	if (high > n)
		high = n;
	return (struct slice){ p->from_end ? n - high : low - 1, high - low + 1 };
}

static uint32_t
number_of(const struct results *r, bool uid, size_t i)
{
	return uid ? mbox_uid(r->mbox, r->seqs[i]) : r->seqs[i];
}

/* The numbers of a run, as a set. */
static enum err
add_set(struct arena *arena, const struct results *r, bool uid, struct slice in,
    struct buf *out)
{
	struct arena_mark mark = arena_mark(arena);
	uint32_t *numbers = arena_alloc(arena, in.n * sizeof(*numbers) + 1);

	if (numbers == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < in.n; i++)
		numbers[i] = number_of(r, uid, in.first + i);
	uidset_text(numbers, in.n, out);
	arena_rewind(arena, mark);
	return OK;
}

/* --- MODSEQ (RFC 7162 section 3.1.6, RFC 4731 section 3.2) --- */

static enum err
highest_modseq(const struct results *r, struct slice in, uint64_t *most)
{
	struct message msg;

	for (size_t i = in.first; i < in.first + in.n; i++) {
		enum err e = mbox_message(r->mbox, r->seqs[i], &msg);

		if (e != OK)
			return e;
		*most = msg.modseq > *most ? msg.modseq : *most;
	}
	return OK;
}

/* Of all that is told: of MIN and MAX alone only theirs. */
static enum err
told_modseq(const struct results *r, unsigned returns, const struct partial_range *p,
    uint64_t *most)
{
	struct slice all = { 0, r->n };
	enum err e = OK;

	if (r->n == 0)
		return OK;
	if (returns & (RETURN_ALL | RETURN_COUNT))
		return highest_modseq(r, all, most);
	if (returns & RETURN_MIN)
		e = highest_modseq(r, (struct slice){ 0, 1 }, most);
	if (e == OK && (returns & RETURN_MAX))
		e = highest_modseq(r, (struct slice){ r->n - 1, 1 }, most);
	if (e == OK && (returns & RETURN_PARTIAL))
		e = highest_modseq(r, partial_slice(p, r->n), most);
	return e;
}

/* --- responses --- */

/* "* SEARCH 1 2 3 (MODSEQ 7)" */
static enum err
tell_numbers(struct session *s, const struct command *c, const struct search_req *req,
    const struct results *r)
{
	struct buf line = BUF_INIT;
	uint64_t modseq = 0;
	enum err e = OK;

	buf_adds(&line, r->sorted ? "* SORT" : "* SEARCH");
	for (size_t i = 0; i < r->n; i++) {
		buf_addc(&line, ' ');
		buf_addu(&line, number_of(r, c->uid, i));
	}
	if (search_has(req->key, SEARCH_MODSEQ))
		e = highest_modseq(r, (struct slice){ 0, r->n }, &modseq);
	if (modseq > 0)
		buf_printf(&line, " (MODSEQ %llu)", (unsigned long long)modseq);
	buf_adds(&line, "\r\n");
	if (e == OK)
		reply_put(s->reply, buf_str(&line));
	buf_free(&line);
	return e;
}

/*
 * partial-range SP (sequence-set / "NIL").  "A range 500:400 is the same as
 * 400:500": it is told with what is nearer to where it counts from first.
 */
static enum err
add_partial(struct arena *arena, const struct search_req *req, const struct results *r,
    bool uid, struct buf *out)
{
	const struct partial_range *p = &req->partial;
	struct slice in = partial_slice(p, r->n);
	const char *sign = p->from_end ? "-" : "";
	unsigned low = p->first < p->last ? p->first : p->last;
	unsigned high = p->first < p->last ? p->last : p->first;
	enum err e = OK;

	buf_printf(out, " PARTIAL (%s%u:%s%u ", sign, low, sign, high);
	if (in.n == 0)
		buf_adds(out, "NIL");
	else
		e = add_set(arena, r, uid, in, out);
	buf_addc(out, ')');
	return e;
}

/*
 * All are found exactly: each is as relevant as can be (RFC 6203 section 4).  N are
 * told of.
 */
static void
add_relevancy(size_t n, struct buf *out)
{
	if (n == 0)
		return;
	buf_adds(out, " RELEVANCY (");
	for (size_t i = 0; i < n; i++)
		buf_adds(out, i == 0 ? "100" : " 100");
	buf_addc(out, ')');
}

static enum err
add_data(struct arena *arena, const struct search_req *req, unsigned returns,
    const struct results *r, bool uid, struct buf *out)
{
	uint64_t modseq = 0;
	enum err e = OK;

	if ((returns & RETURN_MIN) && r->n > 0)
		buf_printf(out, " MIN %u", number_of(r, uid, 0));
	if ((returns & RETURN_MAX) && r->n > 0)
		buf_printf(out, " MAX %u", number_of(r, uid, r->n - 1));
	if (returns & RETURN_COUNT)
		buf_printf(out, " COUNT %zu", r->n);
	if (returns & RETURN_PARTIAL)
		e = add_partial(arena, req, r, uid, out);
	if (e == OK && (returns & RETURN_ALL) && r->n > 0) {
		buf_adds(out, " ALL ");
		e = add_set(arena, r, uid, (struct slice){ 0, r->n }, out);
	}
	if (returns & RETURN_RELEVANCY)
		add_relevancy(returns & RETURN_PARTIAL
		    ? partial_slice(&req->partial, r->n).n : r->n, out);
	if (e == OK && search_has(req->key, SEARCH_MODSEQ))
		e = told_modseq(r, returns, &req->partial, &modseq);
	if (modseq > 0)
		buf_printf(out, " MODSEQ %llu", (unsigned long long)modseq);
	return e;
}

/* "* ESEARCH (TAG "a1") UID MIN 7 COUNT 3" */
static enum err
tell_esearch(struct session *s, struct command *c, const struct search_req *req,
    unsigned returns, const struct results *r)
{
	bool uid = c->uid || r->mailbox != NULL;
	struct buf data = BUF_INIT;
	enum err e = add_data(c->arena, req, returns, r, uid, &data);

	if (e == OK) {
		correlator_put(s->reply, c->tag, r->mbox, r->mailbox);
		reply_puts(s->reply, uid ? " UID" : "");
		reply_put(s->reply, buf_str(&data));
		reply_crlf(s->reply);
	}
	buf_free(&data);
	return e;
}

enum err
results_tell(struct session *s, struct command *c, const struct search_req *req,
    const struct results *r)
{
	const unsigned data = RETURN_MIN | RETURN_MAX | RETURN_ALL | RETURN_COUNT
	    | RETURN_PARTIAL | RETURN_RELEVANCY;
	unsigned returns = req->returns & data;
	bool must = req->has_return || r->mailbox != NULL;

	if (!must && !(!r->sorted && (s->enabled & ENABLED_IMAP4REV2)))
		return tell_numbers(s, c, req, r);
	/* "server MUST NOT return ESEARCH" for SAVE alone (RFC 5182 section 2.1). */
	if (returns == 0 && (req->returns & RETURN_SAVE))
		return OK;
	if (returns == 0)
		returns = RETURN_ALL;
	return tell_esearch(s, c, req, returns, r);
}

/* --- "$" --- */

static int
rising(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The UIDs of a run; its numbers are put in order for that. */
static void
save_slice(struct session *s, const struct results *r, struct slice in)
{
	if (r->sorted)
		qsort(r->seqs + in.first, in.n, sizeof(*r->seqs), rising);
	for (size_t i = in.first; i < in.first + in.n; i++) {
		uint32_t uid = mbox_uid(r->mbox, r->seqs[i]);

		uidset_add(&s->saved, uid, uid);
	}
}

/* RFC 5182 section 2.4, RFC 9394 section 3.1: the tables. */
void
results_save(struct session *s, const struct search_req *req, const struct results *r)
{
	const unsigned some = RETURN_MIN | RETURN_MAX | RETURN_PARTIAL;
	unsigned returns = req->returns;

	uidset_free(&s->saved);
	if (r->n == 0)
		return;
	if ((returns & (RETURN_ALL | RETURN_COUNT)) || !(returns & some)) {
		save_slice(s, r, (struct slice){ 0, r->n });
		return;
	}
	if (returns & RETURN_MIN)
		save_slice(s, r, (struct slice){ 0, 1 });
	if (returns & RETURN_MAX)
		save_slice(s, r, (struct slice){ r->n - 1, 1 });
	if (returns & RETURN_PARTIAL)
		save_slice(s, r, partial_slice(&req->partial, r->n));
}

/* --- finding --- */

bool
results_may_find(const struct session *s, struct command *c, const struct search_key *key)
{
	if (!(s->enabled & ENABLED_UIDONLY) || !search_has(key, SEARCH_SEQ))
		return true;
	c->code = "UIDREQUIRED";
	c->text = "Only UIDs are in use";
	return false;
}

enum err
results_find(struct session *s, struct command *c, struct mbox *m, struct search_key *key,
    enum msglimit_search limit, struct results *r)
{
	struct progress progress;
	struct search_progress told = progress_of_search(&progress);
	struct search_how how = {
		.collation = s->collation, .now = time(NULL), .progress = &told,
	};
	enum err e = search_resolve(c->arena, m, &s->saved, key);

	progress_begin(&progress, s, c);
	*r = (struct results){ .mbox = m };
	if (e == OK)
		e = msglimit_search(s, c, m, key, limit);
	if (e != OK)
		return e;
	search_prepare(c->arena, &how, key);
	return search_run(m, c->arena, &how, key, &r->seqs, &r->n);
}
