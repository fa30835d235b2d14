#include "imap/imapd/proto/grammar_search.h"
#include "imap/imapd/session/named_filter.h"
#include "imap/store/names/notes.h"


static const char values[] = "/filters/values/";

struct filling {
	struct session *s;
	struct command *c;
	struct annots notes;
	unsigned left;			/* that may still be put in */
};

/* "the tagged NO ... with the UNDEFINED-FILTER response code" (section 3.1) */
static enum err
refuse(struct filling *f, struct str name, const char *why)
{
	struct buf code = BUF_INIT;

	buf_adds(&code, "UNDEFINED-FILTER ");
	buf_add_str(&code, name);
	f->c->code = arena_copy(f->c->arena, code.p, code.n);
	f->c->text = why;
	buf_free(&code);
	return ERR_NOTFOUND;
}

/* Names of entries are in small letters. */
static void
entry_of(struct str name, struct buf *entry)
{
	buf_adds(entry, values);
	for (size_t i = 0; i < name.n; i++)
		buf_addc(entry, name.p[i] >= 'A' && name.p[i] <= 'Z'
		    ? (char)(name.p[i] | ' ') : name.p[i]);
}

static const struct annot *
find_note(const struct filling *f, struct str name)
{
	struct buf entry = BUF_INIT;
	const struct annot *note;

	entry_of(name, &entry);
	note = annots_find(&f->notes, 0, buf_str(&entry), str_c(f->s->user->id.userid));
	if (note == NULL)
		note = annots_find(&f->notes, 0, buf_str(&entry), STR(""));
	buf_free(&entry);
	return note;
}

/* The program's strings are in UTF-8 unless it has a CHARSET of its own. */
static enum err
parse_program(const struct session *s, struct arena *arena, struct str text,
    struct search_key **key)
{
	struct parser p;
	char *copy = arena_copy(arena, text.p, text.n);

	if (copy == NULL)
		return ERR_LIMIT;
	parser_init(&p, (struct str){ copy, text.n }, arena);
	p.max = &s->limits;
	p.utf8 = p.utf8_only = !parse_ahead(&p, "CHARSET ");
	if (!rule_search_program(&p, key) || !parse_end(&p) || p.bad_charset)
		return ERR_SYNTAX;
	return OK;
}

bool
named_filter_may_be(const struct session *s, struct arena *arena, struct str entry,
    struct str value)
{
	struct search_key *key;

	return value.p == NULL || !str_starts(entry, str_c(values))
	    || parse_program(s, arena, value, &key) == OK;
}

static enum err
fill(struct filling *f, struct search_key *key, unsigned depth)
{
	enum err e = OK;

	if (key->op == SEARCH_FILTER) {
		const struct annot *note = find_note(f, key->name);

		if (note == NULL)
			return refuse(f, key->name, "There is no such filter");
		if (depth == NAMED_FILTER_DEPTH || f->left-- == 0)
			return refuse(f, key->name, "Filters are nested too deeply");
		e = parse_program(f->s, f->c->arena, note->value, &key->child);
		if (e == ERR_SYNTAX)
			e = refuse(f, key->name, "The filter is no search program");
		depth++;
	}
	for (struct search_key *k = key->child; k != NULL && e == OK; k = k->next)
		e = fill(f, k, depth);
	return e;
}

enum err
named_filters(struct session *s, struct command *c, struct search_key *key)
{
	struct filling f = { .s = s, .c = c, .notes = ANNOTS_INIT, .left = NAMED_FILTERS };
	enum err e;

	if (!search_has(key, SEARCH_FILTER))
		return OK;
	e = notes_read(s->store, STR(""), &f.notes);
	if (e == OK)
		e = notes_read(s->store, str_c(s->user->id.userid), &f.notes);
	if (e == OK)
		e = fill(&f, key, 0);
	annots_free(&f.notes);
	return e;
}
