/* search_parse.c - the grammar of SEARCH (RFC 3501 section 6.4.4 and 9) */
#include "imap/imapd/search_parse.h"

#include "imap/imapd/cmd.h"
#include "imap/imapd/msgset.h"
#include "lib/charset.h"

enum argument {
	ARG_NONE,
	ARG_FLAG,			/* a system flag, in .flag */
	ARG_TEXT,			/* astring */
	ARG_FIELD,			/* astring, to be found in the field of that name */
	ARG_HEADER,			/* header-fld-name SP astring */
	ARG_KEYWORD,
	ARG_DATE,
	ARG_NUMBER,
	ARG_UIDS,
	ARG_KEY,
	ARG_TWO_KEYS,
};

struct key_name {
	const char *name;
	enum search_op op;
	enum argument argument;
	bool negated;
	uint32_t flag;
};

static const struct key_name keys[] = {
	{ "ALL", SEARCH_ALL, ARG_NONE, false, 0 },
	{ "ANSWERED", SEARCH_FLAG, ARG_FLAG, false, MSG_ANSWERED },
	{ "BCC", SEARCH_HEADER, ARG_FIELD, false, 0 },
	{ "BEFORE", SEARCH_BEFORE, ARG_DATE, false, 0 },
	{ "BODY", SEARCH_BODY, ARG_TEXT, false, 0 },
	{ "CC", SEARCH_HEADER, ARG_FIELD, false, 0 },
	{ "DELETED", SEARCH_FLAG, ARG_FLAG, false, MSG_DELETED },
	{ "DRAFT", SEARCH_FLAG, ARG_FLAG, false, MSG_DRAFT },
	{ "FLAGGED", SEARCH_FLAG, ARG_FLAG, false, MSG_FLAGGED },
	{ "FROM", SEARCH_HEADER, ARG_FIELD, false, 0 },
	{ "HEADER", SEARCH_HEADER, ARG_HEADER, false, 0 },
	{ "KEYWORD", SEARCH_KEYWORD, ARG_KEYWORD, false, 0 },
	{ "LARGER", SEARCH_LARGER, ARG_NUMBER, false, 0 },
	{ "NOT", SEARCH_NOT, ARG_KEY, false, 0 },
	{ "OLD", SEARCH_RECENT, ARG_NONE, true, 0 },
	{ "ON", SEARCH_ON, ARG_DATE, false, 0 },
	{ "OR", SEARCH_OR, ARG_TWO_KEYS, false, 0 },
	{ "RECENT", SEARCH_RECENT, ARG_NONE, false, 0 },
	{ "SEEN", SEARCH_FLAG, ARG_FLAG, false, MSG_SEEN },
	{ "SENTBEFORE", SEARCH_SENTBEFORE, ARG_DATE, false, 0 },
	{ "SENTON", SEARCH_SENTON, ARG_DATE, false, 0 },
	{ "SENTSINCE", SEARCH_SENTSINCE, ARG_DATE, false, 0 },
	{ "SINCE", SEARCH_SINCE, ARG_DATE, false, 0 },
	{ "SMALLER", SEARCH_SMALLER, ARG_NUMBER, false, 0 },
	{ "SUBJECT", SEARCH_HEADER, ARG_FIELD, false, 0 },
	{ "TEXT", SEARCH_TEXT, ARG_TEXT, false, 0 },
	{ "TO", SEARCH_HEADER, ARG_FIELD, false, 0 },
	{ "UID", SEARCH_UID, ARG_UIDS, false, 0 },
	{ "UNANSWERED", SEARCH_FLAG, ARG_FLAG, true, MSG_ANSWERED },
	{ "UNDELETED", SEARCH_FLAG, ARG_FLAG, true, MSG_DELETED },
	{ "UNDRAFT", SEARCH_FLAG, ARG_FLAG, true, MSG_DRAFT },
	{ "UNFLAGGED", SEARCH_FLAG, ARG_FLAG, true, MSG_FLAGGED },
	{ "UNKEYWORD", SEARCH_KEYWORD, ARG_KEYWORD, true, 0 },
	{ "UNSEEN", SEARCH_FLAG, ARG_FLAG, true, MSG_SEEN },
};

enum { KEYS = sizeof keys / sizeof keys[0] };

/* What the rules below pass around. */
struct search_parse {
	struct parser *p;
	struct search_req *req;
	unsigned depth;
};

static bool
out_of_room(struct parser *p)
{
	p->err = ERR_LIMIT;
	return false;
}

/* The atom that comes next; P does not move. */
static struct str
peek_name(const struct parser *p)
{
	size_t n = 0;

	while (p->at + n < p->in.n && is_atom_char((unsigned char)p->in.p[p->at + n]))
		n++;
	return (struct str){ p->in.p + p->at, n };
}

static bool
at_set(const struct parser *p)
{
	return p->at < p->in.n && ((p->in.p[p->at] >= '0' && p->in.p[p->at] <= '9')
	    || p->in.p[p->at] == '*');
}

static bool parse_search_key(struct search_parse *sp, struct search_key **key);

static struct search_key *
new_key(struct search_parse *sp, enum search_op op)
{
	struct search_key *key;

	if (sp->req->count++ == SEARCH_MAX_KEYS) {
		(void)parse_expect(sp->p, "fewer search keys");
		return NULL;
	}
	key = arena_new_obj(sp->p->arena, struct search_key);
	if (!key)
		(void)out_of_room(sp->p);
	else
		key->op = op;
	return key;
}

/* An astring, from the charset of the command to UTF-8. */
static bool
parse_text(struct search_parse *sp, struct str *text)
{
	struct buf utf8 = BUF_INIT;
	bool ok = parse_astring(sp->p, text);

	if (ok && sp->req->charset.p && !sp->req->bad_charset
	    && charset_to_utf8(sp->req->charset, *text, &utf8) == OK) {
		text->p = arena_copy(sp->p->arena, utf8.p, utf8.n);
		text->n = utf8.n;
		ok = text->p || out_of_room(sp->p);
	}
	buf_free(&utf8);
	return ok;
}

/* Kept as written: search_resolve() makes sense of it. */
static bool
parse_ranges(struct search_parse *sp, struct search_key *key)
{
	struct sequence_set set;

	if (!parse_sequence_set(sp->p, &set))
		return false;
	key->range = arena_alloc(sp->p->arena, set.count * sizeof key->range[0]);
	if (!key->range)
		return out_of_room(sp->p);
	for (size_t i = 0; i < set.count; i++)
		key->range[i] = (struct search_range){ set.range[i].first, set.range[i].last };
	key->ranges = set.count;
	return true;
}

/* Keys one after the other up to ")" or the end, as children of KEY. */
static bool
parse_keys(struct search_parse *sp, struct search_key *key)
{
	struct search_key **to = &key->child;

	do {
		if (!parse_search_key(sp, to))
			return false;
		to = &(*to)->next;
	} while (parse_peek(sp->p, ' ') && parse_sp(sp->p));
	return true;
}

static bool
parse_two_keys(struct search_parse *sp, struct search_key *key)
{
	return parse_search_key(sp, &key->child) && parse_sp(sp->p)
	    && parse_search_key(sp, &key->child->next);
}

/* What follows the name NAME of a key. */
static bool
parse_argument(struct search_parse *sp, const struct key_name *name, struct search_key *key)
{
	struct parser *p = sp->p;
	uint32_t number;
	int64_t days;

	switch (name->argument) {
	case ARG_NONE:
		return true;
	case ARG_FLAG:
		key->flag = name->flag;
		return true;
	case ARG_FIELD:
		key->name = str_c(name->name);
		return parse_sp(p) && parse_text(sp, &key->text);
	case ARG_TEXT:
		return parse_sp(p) && parse_text(sp, &key->text);
	case ARG_HEADER:
		return parse_sp(p) && parse_astring(p, &key->name) && parse_sp(p)
		    && parse_text(sp, &key->text);
	case ARG_KEYWORD:
		return parse_sp(p) && parse_flag_keyword(p, &key->text);
	case ARG_DATE:
		if (!parse_sp(p) || !parse_date(p, &days))
			return false;
		key->number = (uint64_t)days;
		return true;
	case ARG_NUMBER:
		if (!parse_sp(p) || !parse_number(p, &number))
			return false;
		key->number = number;
		return true;
	case ARG_UIDS:
		return parse_sp(p) && parse_ranges(sp, key);
	case ARG_KEY:
		return parse_sp(p) && parse_search_key(sp, &key->child);
	case ARG_TWO_KEYS:
		return parse_sp(p) && parse_two_keys(sp, key);
	}
	return false;
}

/* NEW is "RECENT UNSEEN". */
static bool
make_new(struct search_parse *sp, struct search_key **key)
{
	struct search_key *all = new_key(sp, SEARCH_AND);
	struct search_key *recent = new_key(sp, SEARCH_RECENT);
	struct search_key *not_seen = new_key(sp, SEARCH_NOT);
	struct search_key *seen = new_key(sp, SEARCH_FLAG);

	if (!all || !recent || !not_seen || !seen)
		return false;
	all->child = recent;
	recent->next = not_seen;
	not_seen->child = seen;
	seen->flag = MSG_SEEN;
	*key = all;
	return true;
}

static bool
parse_named_key(struct search_parse *sp, struct search_key **key)
{
	struct str name = peek_name(sp->p);
	struct search_key *k, *negation;

	if (str_ieq(name, STR("NEW"))) {
		sp->p->at += name.n;
		return make_new(sp, key);
	}
	for (size_t i = 0; i < KEYS; i++) {
		if (!str_ieq(name, str_c(keys[i].name)))
			continue;
		sp->p->at += name.n;
		k = new_key(sp, keys[i].op);
		if (!k || !parse_argument(sp, &keys[i], k))
			return false;
		*key = k;
		if (!keys[i].negated)
			return true;
		negation = new_key(sp, SEARCH_NOT);
		if (!negation)
			return false;
		negation->child = k;
		*key = negation;
		return true;
	}
	return parse_expect(sp->p, "a search key");
}

/* "(" search-key *(SP search-key) ")" */
static bool
parse_group(struct search_parse *sp, struct search_key **key)
{
	*key = new_key(sp, SEARCH_AND);
	return *key && parse_char(sp->p, '(') && parse_keys(sp, *key)
	    && parse_char(sp->p, ')');
}

static bool
parse_set_key(struct search_parse *sp, struct search_key **key)
{
	*key = new_key(sp, SEARCH_SEQ);
	return *key && parse_ranges(sp, *key);
}

static bool
parse_search_key(struct search_parse *sp, struct search_key **key)
{
	bool ok;

	if (sp->depth == SEARCH_MAX_DEPTH)
		return parse_expect(sp->p, "search keys nested less deeply");
	sp->depth++;
	if (parse_peek(sp->p, '('))
		ok = parse_group(sp, key);
	else if (at_set(sp->p))
		ok = parse_set_key(sp, key);
	else
		ok = parse_named_key(sp, key);
	sp->depth--;
	return ok;
}

/* "CHARSET" SP astring SP */
static bool
parse_charset(struct parser *p, struct search_req *req)
{
	if (!str_ieq(peek_name(p), STR("CHARSET")))
		return true;
	p->at += 7;
	if (!parse_sp(p) || !parse_astring(p, &req->charset) || !parse_sp(p))
		return false;
	req->bad_charset = !charset_known(req->charset);
	return true;
}

enum err
parse_search(struct parser *p, void **out)
{
	struct search_req *req = arena_new_obj(p->arena, struct search_req);
	struct search_parse sp = { .p = p, .req = req };

	if (!req)
		return ERR_LIMIT;
	*out = req;
	if (!parse_sp(p) || !parse_charset(p, req))
		return parse_failed(p);
	req->key = new_key(&sp, SEARCH_AND);
	if (!req->key || !parse_keys(&sp, req->key) || !parse_end(p))
		return parse_failed(p);
	return req->bad_charset ? ERR_CHARSET : OK;
}

enum err
search_resolve(struct arena *arena, struct mbox *m, struct search_key *key)
{
	enum err e = OK;

	for (struct search_key *k = key->child; k && e == OK; k = k->next)
		e = search_resolve(arena, m, k);
	if (e != OK || (key->op != SEARCH_SEQ && key->op != SEARCH_UID))
		return e;

	struct sequence_set set = { .count = key->ranges };

	set.range = arena_alloc(arena, set.count * sizeof set.range[0]);
	if (!set.range)
		return ERR_LIMIT;
	for (size_t i = 0; i < set.count; i++)
		set.range[i] = (struct seq_range){ key->range[i].first, key->range[i].last };
	e = msgset_ranges(arena, m, &set, key->op == SEARCH_UID, &key->range, &key->ranges);
	key->op = SEARCH_SEQ;
	return e;
}
