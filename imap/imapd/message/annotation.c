/* annotation.c - annotations of messages (RFC 5257) */
#include "imap/imapd/message/annotation.h"

#include "imap/imapd/proto/grammar_annotate.h"
#include "imap/mime/nstr.h"

#include <string.h>

/* --- what there is --- */

static void
put_value(struct buf *line, struct str value)
{
	/* Only a literal8 can hold a NUL. */
	if (value.n > 0 && memchr(value.p, '\0', value.n) != NULL) {
		buf_addc(line, '~');
		buf_printf(line, "{%zu}\r\n", value.n);
		buf_add_str(line, value);
	} else {
		nstr_add(line, value);
	}
}

void
annotation_put_name(struct buf *line, struct str name)
{
	bool atom = true;

	for (size_t i = 0; i < name.n && atom; i++)
		atom = is_astring_char((unsigned char)name.p[i]);
	if (atom)
		buf_add_str(line, name);
	else
		nstr_add(line, name);
}

static void
put_size(struct buf *line, struct str value)
{
	buf_printf(line, "\"%zu\"", value.n);
}

static void
put_attribs(struct buf *line, unsigned attribs, struct str own, struct str shared)
{
	static const struct {
		unsigned attrib;
		const char *name;
		bool shared, size;
	} all[] = {
		{ ATTRIB_VALUE_PRIV, "value.priv ", false, false },
		{ ATTRIB_VALUE_SHARED, "value.shared ", true, false },
		{ ATTRIB_SIZE_PRIV, "size.priv ", false, true },
		{ ATTRIB_SIZE_SHARED, "size.shared ", true, true },
	};
	bool first = true;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct str value = all[i].shared ? shared : own;

		if (!(attribs & all[i].attrib))
			continue;
		buf_adds(line, first ? "" : " ");
		first = false;
		buf_adds(line, all[i].name);
		if (all[i].size)
			put_size(line, value);
		else
			put_value(line, value);
	}
}

/* The answer for one message. */
struct answer {
	struct mbox *m;
	const struct annotation_query *q;
	const struct annots *a;
	size_t from, to;		/* its annotations there */
	struct buf *line;
	bool any;
};

static void
put_entry(struct answer *w, struct str entry, struct str own, struct str shared)
{
	buf_adds(w->line, w->any ? " " : "ANNOTATION (");
	w->any = true;
	annotation_put_name(w->line, entry);
	buf_adds(w->line, " (");
	put_attribs(w->line, w->q->attribs, own, shared);
	buf_addc(w->line, ')');
}

/* The values of the entry at AT, which may have other owners' too; where the next begins. */
static size_t
values_at(const struct answer *w, size_t at, struct str *own, struct str *shared)
{
	struct str entry = w->a->v[at].entry;

	*own = *shared = (struct str){ NULL, 0 };
	for (; at < w->to && str_eq(w->a->v[at].entry, entry); at++) {
		const struct annot *one = &w->a->v[at];

		if (one->owner.n == 0)
			*shared = one->value;
		else if (mbox_sees_annot(w->m, one))
			*own = one->value;
	}
	return at;
}

/* Has one of the first N patterns brought it already? */
static bool
is_told(const struct answer *w, size_t n, struct str entry)
{
	const struct str *pattern = w->q->entries.item;

	for (size_t i = 0; i < n; i++)
		if (annot_matches(pattern[i], entry))
			return true;
	return false;
}

static bool
is_wild(struct str s)
{
	return str_chr(s, '*') < s.n || str_chr(s, '%') < s.n;
}

/* An entry that is named is told of, there or not; with wildcards those that are there. */
static void
put_matches(struct answer *w, size_t n)
{
	static const struct str none = { NULL, 0 };
	struct str pattern = ((const struct str *)w->q->entries.item)[n], own, shared;
	unsigned attribs = w->q->attribs;
	bool found = false;

	for (size_t at = w->from; at < w->to;) {
		struct str entry = w->a->v[at].entry;

		at = values_at(w, at, &own, &shared);
		bool has = (attribs & (ATTRIB_VALUE_PRIV | ATTRIB_SIZE_PRIV) && own.p != NULL)
		    || (attribs & (ATTRIB_VALUE_SHARED | ATTRIB_SIZE_SHARED)
		    && shared.p != NULL);
		if (!has || !annot_matches(pattern, entry))
			continue;
		found = true;
		if (!is_told(w, n, entry))
			put_entry(w, entry, own, shared);
	}
	if (!found && !is_wild(pattern) && !is_told(w, n, pattern))
		put_entry(w, pattern, none, none);
}

enum err
annotation_put(struct mbox *m, const struct annotation_query *q, uint32_t uid,
    struct buf *line)
{
	struct answer w = { .m = m, .q = q, .line = line };
	enum err e = mbox_annots(m, &w.a);

	if (e != OK)
		return e;
	w.from = w.to = annots_first(w.a, uid);
	while (w.to < w.a->n && w.a->v[w.to].uid == uid)
		w.to++;
	for (size_t n = 0; n < q->entries.count; n++)
		put_matches(&w, n);
	if (w.any)
		buf_addc(line, ')');
	return OK;
}

/* --- body parts --- */

static bool
has_part(struct body *b, struct str entry)
{
	uint32_t part[SECTION_MAX_DEPTH];
	struct fetch_section s = { .part = part, .parts = annotation_part(entry, part) };

	return s.parts == 0 || body_part(b, &s) != NULL;
}

bool
annotation_parts_asked(struct body *b, const struct annotation_query *q)
{
	const struct str *entry = q->entries.item;

	for (size_t i = 0; i < q->entries.count; i++)
		if (!has_part(b, entry[i]))
			return false;
	return true;
}

bool
annotation_parts_named(const struct annotation_set *set)
{
	const struct annotation_entry *entry = set->entries.item;
	uint32_t part[SECTION_MAX_DEPTH];

	for (size_t i = 0; i < set->entries.count; i++)
		if (annotation_part(entry[i].name, part) > 0)
			return true;
	return false;
}

bool
annotation_parts_set(struct body *b, const struct annotation_set *set)
{
	const struct annotation_entry *entry = set->entries.item;

	for (size_t i = 0; i < set->entries.count; i++)
		if (!has_part(b, entry[i].name))
			return false;
	return true;
}
