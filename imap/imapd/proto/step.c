/*
 * The engine of the grammar's tables.  It decides by what comes next and
 * never goes back, so a request that failed may be half filled: nobody looks
 * at it then.
 */
#include "imap/imapd/proto/step.h"

#include <string.h>

enum { FIRST_ROOM = 8 };		/* elements; doubled when they are used up */

static void *
at(void *req, size_t offset)
{
	return (char *)req + offset;
}

void *
take_value(struct parser *p, void *req, void *to, const struct word *w)
{
	(void)p;
	*(unsigned *)to = w->value;
	return req;
}

void *
take_bits(struct parser *p, void *req, void *to, const struct word *w)
{
	(void)p;
	*(unsigned *)to |= w->value;
	return req;
}

void *
take_request(struct parser *p, void *req, void *to, const struct word *w)
{
	(void)p, (void)to, (void)w;
	return req;
}

static const struct word *
find_word(const struct vocabulary *v, struct str name, const struct vocabulary **in)
{
	for (; v != NULL; v = v->also)
		for (const struct word *w = v->word; w->name.n > 0; w++)
			if (w->name.n == name.n && ((w->name.p[0] ^ name.p[0]) & 0x5f) == 0
			    && str_ieq(w->name, name)) {
				*in = v;
				return w;
			}
	return NULL;
}

bool
parse_vocabulary(struct parser *p, const struct vocabulary *v, void *req, void *to)
{
	const struct vocabulary *in = v;
	struct str name = parse_next_word(p);
	const struct word *w = find_word(v, name, &in);
	if (w == NULL)
		return parse_expect(p, v->expected);
	if (!parse_count(p))
		return false;
	p->at += name.n;
	void *item = in->take(p, req, to, w);
	if (item == NULL)
		return false;
	if (w->args != NULL && !parse_steps(p, w->args, item))
		return false;
	return in->done == NULL || in->done(p, req, item, w);
}

/* Room for one more element at the list's end, zeroed. */
static void *
add_element(struct parser *p, struct parse_list *list, size_t *room, size_t size)
{
	if (list->count == *room) {
		size_t more = *room < FIRST_ROOM ? FIRST_ROOM : 2 * *room;
		void *wider = parse_take(p, more * size);
		if (wider == NULL)
			return NULL;
		if (list->count > 0)
			memcpy(wider, list->item, list->count * size);
		list->item = wider;
		*room = more;
	}
	return at(list->item, list->count++ * size);
}

/* item *(SP item), up to ")" if CLOSED */
static bool
elements(struct parser *p, const struct step *s, void *req, bool closed)
{
	struct parse_list *list = s->size > 0 ? at(req, s->to) : NULL;
	/* An option that stands there twice adds to the list of the first. */
	size_t room = list != NULL ? list->count : 0;
	do {
		void *item = req;
		if (list != NULL && (!parse_count(p)
		    || (item = add_element(p, list, &room, s->size)) == NULL))
			return false;
		if (!parse_steps(p, s->steps, item))
			return false;
		if (closed && parse_peek(p, ')'))
			return true;
	} while (closed ? parse_sp(p) : parse_peek(p, ' ') && parse_sp(p));
	return !closed;
}

static bool
list(struct parser *p, const struct step *s, void *req)
{
	if (!parse_char(p, '('))
		return false;
	if (s->op == STEP_LIST_OR_NONE && parse_peek(p, ')')) {
		p->at++;
		return true;
	}
	if (!parse_deeper(p))
		return false;
	bool ok = elements(p, s, req, true) && parse_char(p, ')');
	p->depth--;
	return ok;
}

/* S when its text comes next, or if it has none. */
static bool
choose(struct parser *p, const struct step *s, void *req)
{
	const struct step *way = parse_ahead(p, s->text) ? s->steps : s->other;
	return way == NULL || parse_steps(p, way, req);
}

bool
parse_steps(struct parser *p, const struct step *s, void *req)
{
	for (bool ok = true; ok; s++)
		switch (s->op) {
		case STEP_END:
			return true;
		case STEP_TEXT:
			ok = parse_text(p, s->text);
			break;
		case STEP_RULE:
			ok = s->rule(p, at(req, s->to));
			break;
		case STEP_WORD:
			ok = parse_vocabulary(p, s->words, req, at(req, s->to));
			break;
		case STEP_WHEN:
			ok = choose(p, s, req);
			break;
		case STEP_FLAG:
			*(bool *)at(req, s->to) = true;
			break;
		case STEP_SET:
			*(unsigned *)at(req, s->to) = s->value;
			break;
		case STEP_LIST:
		case STEP_LIST_OR_NONE:
			ok = list(p, s, req);
			break;
		case STEP_MANY:
			ok = elements(p, s, req, false);
			break;
		}
	return false;
}
