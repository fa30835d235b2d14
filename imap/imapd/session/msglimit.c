#include "imap/imapd/session/msglimit.h"
#include "imap/door/imap_words.h"

#include <stdio.h>
#include <string.h>

enum { CODE = 64 };

uint32_t
msglimit(const struct session *s)
{
	return imap_message_limit(s->server->conf);
}

uint32_t
msglimit_for_saving(const struct session *s)
{
	return imap_save_limit(s->server->conf);
}

/* --- refusing --- */

/* "MESSAGELIMIT" SP message-limit [SP uniqueid] */
static const char *
code(struct arena *arena, uint32_t max, uint32_t uid)
{
	char text[CODE];

	if (uid > 0)
		snprintf(text, sizeof(text), "MESSAGELIMIT %u %u", max, uid);
	else
		snprintf(text, sizeof(text), "MESSAGELIMIT %u", max);
	return arena_copy(arena, text, strlen(text));
}

enum err
msglimit_refuse(struct command *c, uint32_t max, uint32_t uid)
{
	c->code = code(c->arena, max, uid);
	c->text = "Too many messages for one command, try fewer";
	return ERR_LIMIT;
}

enum err
msglimit_partial(const struct session *s, struct command *c, const struct partial_range *p)
{
	uint32_t low = p->first < p->last ? p->first : p->last;
	uint32_t high = p->first < p->last ? p->last : p->first;

	if (low == 0 || high - low < msglimit(s))
		return OK;
	return msglimit_refuse(c, msglimit(s), 0);
}

/* --- doing the end of them --- */

/* Keeps MAX messages of the rising ranges at RANGE; the number of the first. */
static uint32_t
keep_end(struct search_range **range, size_t *n, uint32_t max)
{
	size_t at = *n;
	uint32_t left = max;

	while (left > 0) {
		struct search_range *r = &(*range)[--at];
		uint32_t size = r->last - r->first + 1;

		if (size > left)
			r->first = r->last - left + 1;
		left -= size < left ? size : left;
	}
	*n -= at;
	*range += at;
	return (*range)[0].first;
}

static uint64_t
total_of(const struct search_range *range, size_t n)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += range[i].last - range[i].first + UINT64_C(1);
	return total;
}

bool
msglimit_ranges(const struct session *s, struct command *c, struct search_range **range,
    size_t *n)
{
	if (total_of(*range, *n) <= msglimit(s))
		return false;
	c->limited_uid = mbox_uid(s->mbox, keep_end(range, n, msglimit(s)));
	return true;
}

static void
cut_uids(struct command *c, uint32_t **uids, size_t *n, size_t at)
{
	*uids += at;
	*n -= at;
	c->limited_uid = (*uids)[0];
}

void
msglimit_uids(const struct session *s, struct command *c, uint32_t **uids, size_t *n)
{
	if (*n > msglimit(s))
		cut_uids(c, uids, n, *n - msglimit(s));
}

void
msglimit_deleted(const struct session *s, struct command *c, uint32_t **uids, size_t *n)
{
	uint32_t found = 0, max = msglimit(s);
	size_t last = *n;

	for (size_t i = *n; i > 0 && *n > max; i--) {
		struct message msg;
		uint32_t seq = mbox_seq_from_uid(s->mbox, (*uids)[i - 1]);

		if (mbox_message(s->mbox, seq, &msg) != OK || msg.expunged
		    || !(msg.flags & MSG_DELETED))
			continue;
		if (++found > max) {
			cut_uids(c, uids, n, last);
			return;
		}
		last = i - 1;
	}
}

/* --- searching --- */

/* Those of the ranges at A that are in the ranges at B, too. */
static enum err
intersect(struct arena *arena, struct search_range **a, size_t *n,
    const struct search_range *b, size_t bn)
{
	struct search_range *out = arena_alloc(arena, (*n + bn) * sizeof(*out) + 1);
	size_t count = 0, i = 0, k = 0;

	if (out == NULL)
		return ERR_LIMIT;
	while (i < *n && k < bn) {
		uint32_t first = (*a)[i].first > b[k].first ? (*a)[i].first : b[k].first;
		uint32_t last = (*a)[i].last < b[k].last ? (*a)[i].last : b[k].last;

		if (first <= last)
			out[count++] = (struct search_range){ first, last };
		if ((*a)[i].last < b[k].last)
			i++;
		else
			k++;
	}
	*a = out;
	*n = count;
	return OK;
}

/* The messages that a search has to look at. */
static enum err
domain(struct arena *arena, const struct search_key *key, struct search_range **range,
    size_t *n)
{
	bool all = key->op == SEARCH_AND || key->op == SEARCH_FUZZY || key->op == SEARCH_FILTER;
	enum err e = OK;

	if (key->op == SEARCH_SEQ)
		return intersect(arena, range, n, key->range, key->ranges);
	for (const struct search_key *k = key->child; all && k != NULL && e == OK; k = k->next)
		e = domain(arena, k, range, n);
	return e;
}

/* One more operand of the AND at the top: nothing below message FIRST. */
static enum err
begin_at(struct arena *arena, struct search_key *key, uint32_t first)
{
	struct search_key *set = arena_new_obj(arena, struct search_key);
	struct search_range *range = arena_alloc(arena, sizeof(*range));

	if (set == NULL || range == NULL)
		return ERR_LIMIT;
	*range = (struct search_range){ first, UINT32_MAX };
	*set = (struct search_key){ .op = SEARCH_SEQ, .range = range, .ranges = 1,
	    .next = key->child };
	key->child = set;
	return OK;
}

enum err
msglimit_search(const struct session *s, struct command *c, struct mbox *m,
    struct search_key *key, enum msglimit_search how)
{
	struct search_range whole = { 1, mbox_count(m) }, *range = &whole;
	uint32_t max = msglimit(s);
	size_t n = mbox_count(m) > 0;
	uint64_t total;
	enum err e;

	if (max == UINT32_MAX || (how != MSGLIMIT_ADDS_UP && mbox_count(m) <= max))
		return OK;
	e = domain(c->arena, key, &range, &n);
	total = e == OK ? total_of(range, n) : 0;
	if (how == MSGLIMIT_ADDS_UP)
		total = c->searched += total;
	if (e != OK || total <= max)
		return e;
	if (how != MSGLIMIT_CUTS)
		return msglimit_refuse(c, max, 0);
	e = begin_at(c->arena, key, keep_end(&range, &n, max));
	c->limited_uid = mbox_uid(m, range[0].first);
	return e;
}

/* --- telling --- */

void
msglimit_say(struct session *s, struct command *c, enum err e)
{
	static const char text[] = "Only those with the highest UIDs, there are too many";
	const char *limit;

	/* Only a FETCH that fails has done what it could. */
	if (c->limited_uid == 0 || (e != OK && c->request != REQ_FETCH))
		return;
	limit = code(c->arena, msglimit(s), c->limited_uid);
	if (limit == NULL)
		return;
	if (e != OK || c->code != NULL) {
		reply_untagged(s->reply, "NO [%s] %s", limit, text);
		return;
	}
	c->code = limit;
	c->text = text;
}
