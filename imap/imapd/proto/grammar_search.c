/* The keys of SEARCH: RFC 9051 and 3501 section 6.4.4 */
#include "imap/imapd/proto/grammar_search.h"
#include "imap/imapd/proto/grammar_annotate.h"
#include "imap/imapd/proto/objectid.h"
#include "imap/imapd/proto/rule.h"
#include "imap/imapd/proto/search_req.h"
#include "lib/buf.h"
#include "lib/charset.h"

#include <string.h>

enum {					/* word.more, beside a system flag */
	NOT = 1u << 31,			/* the key is negated */
	FIELD = 1u << 30,		/* its name is the header field's */
};

/* --- keys --- */

static struct search_key *
new_key(struct parser *p, enum search_op op)
{
	if (p->search_keys++ >= p->max->search_keys) {
		(void)parse_too_big(p, "too many search keys");
		return NULL;
	}
	struct search_key *key = parse_take(p, sizeof(*key));
	if (key != NULL)
		key->op = op;
	return key;
}

/* From the charset of the command to UTF-8. */
static bool
to_utf8(struct parser *p, struct str *text)
{
	struct buf utf8 = BUF_INIT;
	bool ok = true;
	if (p->charset.p != NULL && !p->bad_charset
	    && charset_to_utf8(p->charset, *text, &utf8) == OK) {
		*text = (struct str){ arena_copy(p->arena, utf8.p, utf8.n), utf8.n };
		if (text->p == NULL) {
			p->err = ERR_LIMIT;
			ok = false;
		}
	}
	buf_free(&utf8);
	return ok;
}

/* An astring */
static bool
rule_text(struct parser *p, void *to)
{
	return parse_astring(p, to) && to_utf8(p, to);
}

/* Kept as written: search_resolve() makes sense of it. */
static bool
rule_ranges(struct parser *p, void *to)
{
	struct search_key *key = to;
	struct sequence_set set;
	if (!parse_sequence_set(p, &set))
		return false;
	if (set.saved) {
		key->op = SEARCH_SAVED;
		return true;
	}
	key->range = parse_take(p, set.count * sizeof(key->range[0]));
	if (key->range == NULL)
		return false;
	for (size_t i = 0; i < set.count; i++)
		key->range[i] = (struct search_range){ set.range[i].first, set.range[i].last };
	key->ranges = set.count;
	return true;
}

/* RFC 9738 section 3.2: all UIDs above one, or below it; there may be none */
static bool
uids_beside(struct parser *p, struct search_key *key, bool above)
{
	uint32_t uid;
	if (!parse_nz_number(p, &uid))
		return false;
	key->range = parse_take(p, sizeof(key->range[0]));
	if (key->range == NULL)
		return false;
	key->ranges = above ? uid < UINT32_MAX : uid > 1;
	if (key->ranges > 0)
		key->range[0] = above ? (struct search_range){ uid + 1, UINT32_MAX }
		    : (struct search_range){ 1, uid - 1 };
	return true;
}

static bool
rule_uid_above(struct parser *p, void *to)
{
	return uids_beside(p, to, true);
}

static bool
rule_uid_below(struct parser *p, void *to)
{
	return uids_beside(p, to, false);
}

/* nz-number, for a field of 64 bits */
static bool
rule_interval(struct parser *p, void *to)
{
	uint32_t n = 0;
	bool ok = parse_nz_number(p, &n);
	*(uint64_t *)to = n;
	return ok;
}

/* entry-type-req = "priv" / "shared" / "all" */
static bool
entry_type(struct parser *p)
{
	return parse_word(p, "priv") || parse_word(p, "shared") || parse_word(p, "all");
}

/*
 * [entry-name SP entry-type-req SP] mod-sequence-valzer.  There is one modseq a
 * message: "the server MUST ignore <entry-name> and <entry-type-req>" (RFC 7162
 * section 3.1.5).
 */
static bool
rule_modseq_key(struct parser *p, void *to)
{
	struct str entry;
	if (parse_peek(p, '"') && (!parse_quoted(p, &entry) || !parse_sp(p)
	    || !entry_type(p) || !parse_sp(p)))
		return parse_expect(p, "an entry and its type");
	return rule_number64(p, to);
}

/* date, as days since 1970 */
static bool
rule_day(struct parser *p, void *to)
{
	int64_t days = 0;
	bool ok = rule_date(p, &days);
	*(uint64_t *)to = (uint64_t)days;
	return ok;
}

static bool rule_search_key(struct parser *p, void *to);

/* search-key *(SP search-key), as children */
static bool
rule_search_keys(struct parser *p, void *to)
{
	struct search_key **next = to;
	do {
		if (!rule_search_key(p, next))
			return false;
		next = &(*next)->next;
	} while (parse_peek(p, ' ') && parse_sp(p));
	return true;
}

/* search-key SP search-key */
static bool
rule_two_keys(struct parser *p, void *to)
{
	struct search_key **first = to;
	return rule_search_key(p, first) && parse_sp(p)
	    && rule_search_key(p, &(*first)->next);
}

static void *
take_key(struct parser *p, void *req, void *to, const struct word *w)
{
	struct search_key **at = to, *key = new_key(p, w->value);
	(void)req;
	if (key == NULL)
		return NULL;
	if (w->more & FIELD)
		key->name = w->name;
	key->flag = w->more & ~(NOT | FIELD);
	*at = key;
	if (w->more & NOT) {
		*at = new_key(p, SEARCH_NOT);
		if (*at == NULL)
			return NULL;
		(*at)->child = key;
	}
	return key;
}

/* --- the table --- */

/* RFC 8474 section 6: one that is not ours is nobody's. */
static bool
rule_emailid(struct parser *p, void *to)
{
	struct str *text = to, id;
	uint8_t *guid = parse_take(p, EMAILID_BYTES);
	if (guid == NULL || !rule_objectid(p, &id))
		return false;
	*text = (struct str){ (const char *)guid, objectid_email(id, guid) ? EMAILID_BYTES : 0 };
	return true;
}

/* No message has one. */
static bool
rule_threadid(struct parser *p, void *to)
{
	struct str id;
	*(struct str *)to = STR("");
	return rule_objectid(p, &id);
}

/* filter-name = 1*<any ATOM-CHAR except "/"> */
static bool
rule_filter_name(struct parser *p, void *to)
{
	struct str *name = to;
	size_t start = p->at;
	if (!parse_atom(p, name))
		return parse_expect(p, "the name of a filter");
	if (memchr(name->p, '/', name->n) == NULL)
		return true;
	p->at = start;
	return parse_expect(p, "the name of a filter, without \"/\"");
}

/*
 * entry-match SP att-search SP value (RFC 5257).  NIL finds messages without
 * any such annotation, which is what NIL means as a value.
 */
static bool
rule_annotation_key(struct parser *p, void *to)
{
	struct search_key *key = to;
	unsigned attribs = 0;
	if (!rule_annotation_match(p, &key->name) || !parse_sp(p)
	    || !rule_att_search(p, &attribs) || !parse_sp(p))
		return false;
	bool octets = parse_peek(p, '~');
	if (!rule_annotation_value(p, &key->text))
		return false;
	key->flag = (attribs & ATTRIB_VALUE_PRIV ? SEARCH_OWN : 0)
	    | (attribs & ATTRIB_VALUE_SHARED ? SEARCH_SHARED : 0);
	if (key->text.p == NULL) {
		key->flag |= SEARCH_NONE;
		key->text = STR("");
	}
	return octets || to_utf8(p, &key->text);
}

static const struct step annotation_args[] = { SP, SELF(rule_annotation_key), END };
static const struct step filter_args[] = { SP, RULE(rule_filter_name, search_key, name), END };
static const struct step emailid_args[] = { SP, RULE(rule_emailid, search_key, text), END };
static const struct step threadid_args[] = { SP, RULE(rule_threadid, search_key, text), END };
static const struct step text_args[] = { SP, RULE(rule_text, search_key, text), END };
static const struct step header_args[] = {
	SP, RULE(rule_astring, search_key, name), SP, RULE(rule_text, search_key, text), END
};
static const struct step keyword_args[] = {
	SP, RULE(rule_flag_keyword, search_key, text), END
};
static const struct step date_args[] = { SP, RULE(rule_day, search_key, number), END };
static const struct step size_args[] = { SP, RULE(rule_number64, search_key, number), END };
static const struct step interval_args[] = {
	SP, RULE(rule_interval, search_key, number), END
};
static const struct step modseq_args[] = { SP, RULE(rule_modseq_key, search_key, number), END };
static const struct step set_args[] = { SELF(rule_ranges), END };
static const struct step uid_args[] = { SP, SELF(rule_ranges), END };
static const struct step uidafter_args[] = { SP, SELF(rule_uid_above), END };
static const struct step uidbefore_args[] = { SP, SELF(rule_uid_below), END };
static const struct step key_args[] = { SP, RULE(rule_search_key, search_key, child), END };
static const struct step or_args[] = { SP, RULE(rule_two_keys, search_key, child), END };
static const struct step group_args[] = {
	TEXT("("), RULE(rule_search_keys, search_key, child), TEXT(")"), END
};

/* "NEW" is "(RECENT UNSEEN)" */
static bool
rule_new(struct parser *p, void *to)
{
	struct search_key *all = to, *recent = new_key(p, SEARCH_RECENT);
	struct search_key *not_seen = new_key(p, SEARCH_NOT), *seen = new_key(p, SEARCH_FLAG);
	if (recent == NULL || not_seen == NULL || seen == NULL)
		return false;
	all->child = recent;
	recent->next = not_seen;
	not_seen->child = seen;
	seen->flag = MSG_SEEN;
	return true;
}

static const struct step new_args[] = { SELF(rule_new), END };

static const struct word key_words[] = {
	/* name, meaning, flag or how, arguments, RFC and section */
	{ NAME("ALL"), SEARCH_ALL, 0, NULL, "9051 6.4.4" },
	{ NAME("ANNOTATION"), SEARCH_ANNOTATION, 0, annotation_args, "5257 4.8" },
	{ NAME("ANSWERED"), SEARCH_FLAG, MSG_ANSWERED, NULL, "9051 6.4.4" },
	{ NAME("BCC"), SEARCH_HEADER, FIELD, text_args, "9051 6.4.4" },
	{ NAME("BEFORE"), SEARCH_BEFORE, 0, date_args, "9051 6.4.4" },
	{ NAME("BODY"), SEARCH_BODY, 0, text_args, "9051 6.4.4" },
	{ NAME("CC"), SEARCH_HEADER, FIELD, text_args, "9051 6.4.4" },
	{ NAME("DELETED"), SEARCH_FLAG, MSG_DELETED, NULL, "9051 6.4.4" },
	{ NAME("DRAFT"), SEARCH_FLAG, MSG_DRAFT, NULL, "9051 6.4.4" },
	{ NAME("FLAGGED"), SEARCH_FLAG, MSG_FLAGGED, NULL, "9051 6.4.4" },
	{ NAME("EMAILID"), SEARCH_GUID, 0, emailid_args, "8474 6" },
	{ NAME("FILTER"), SEARCH_FILTER, 0, filter_args, "5466 3.1" },
	{ NAME("FROM"), SEARCH_HEADER, FIELD, text_args, "9051 6.4.4" },
	{ NAME("FUZZY"), SEARCH_FUZZY, 0, key_args, "6203 4" },
	{ NAME("HEADER"), SEARCH_HEADER, 0, header_args, "9051 6.4.4" },
	{ NAME("KEYWORD"), SEARCH_KEYWORD, 0, keyword_args, "9051 6.4.4" },
	{ NAME("LARGER"), SEARCH_LARGER, 0, size_args, "9051 6.4.4" },
	{ NAME("MODSEQ"), SEARCH_MODSEQ, 0, modseq_args, "7162 3.1.5" },
	{ NAME("NEW"), SEARCH_AND, 0, new_args, "3501 6.4.4" },
	{ NAME("NOT"), SEARCH_NOT, 0, key_args, "9051 6.4.4" },
	{ NAME("OLD"), SEARCH_RECENT, NOT, NULL, "3501 6.4.4" },
	{ NAME("OLDER"), SEARCH_OLDER, 0, interval_args, "5032 3" },
	{ NAME("ON"), SEARCH_ON, 0, date_args, "9051 6.4.4" },
	{ NAME("OR"), SEARCH_OR, 0, or_args, "9051 6.4.4" },
	{ NAME("RECENT"), SEARCH_RECENT, 0, NULL, "3501 6.4.4" },
	{ NAME("SAVEDATESUPPORTED"), SEARCH_ALL, 0, NULL, "8514 4.3" },
	{ NAME("SAVEDBEFORE"), SEARCH_SAVEDBEFORE, 0, date_args, "8514 4.3" },
	{ NAME("SAVEDON"), SEARCH_SAVEDON, 0, date_args, "8514 4.3" },
	{ NAME("SAVEDSINCE"), SEARCH_SAVEDSINCE, 0, date_args, "8514 4.3" },
	{ NAME("SEEN"), SEARCH_FLAG, MSG_SEEN, NULL, "9051 6.4.4" },
	{ NAME("SENTBEFORE"), SEARCH_SENTBEFORE, 0, date_args, "9051 6.4.4" },
	{ NAME("SENTON"), SEARCH_SENTON, 0, date_args, "9051 6.4.4" },
	{ NAME("SENTSINCE"), SEARCH_SENTSINCE, 0, date_args, "9051 6.4.4" },
	{ NAME("SINCE"), SEARCH_SINCE, 0, date_args, "9051 6.4.4" },
	{ NAME("SMALLER"), SEARCH_SMALLER, 0, size_args, "9051 6.4.4" },
	{ NAME("SUBJECT"), SEARCH_HEADER, FIELD, text_args, "9051 6.4.4" },
	{ NAME("TEXT"), SEARCH_TEXT, 0, text_args, "9051 6.4.4" },
	{ NAME("THREADID"), SEARCH_GUID, 0, threadid_args, "8474 6" },
	{ NAME("TO"), SEARCH_HEADER, FIELD, text_args, "9051 6.4.4" },
	{ NAME("UID"), SEARCH_UID, 0, uid_args, "9051 6.4.4" },
	{ NAME("UIDAFTER"), SEARCH_UID, 0, uidafter_args, "9738 3.2" },
	{ NAME("UIDBEFORE"), SEARCH_UID, 0, uidbefore_args, "9738 3.2" },
	{ NAME("UNANSWERED"), SEARCH_FLAG, NOT | MSG_ANSWERED, NULL, "9051 6.4.4" },
	{ NAME("UNDELETED"), SEARCH_FLAG, NOT | MSG_DELETED, NULL, "9051 6.4.4" },
	{ NAME("UNDRAFT"), SEARCH_FLAG, NOT | MSG_DRAFT, NULL, "9051 6.4.4" },
	{ NAME("UNFLAGGED"), SEARCH_FLAG, NOT | MSG_FLAGGED, NULL, "9051 6.4.4" },
	{ NAME("UNKEYWORD"), SEARCH_KEYWORD, NOT, keyword_args, "9051 6.4.4" },
	{ NAME("UNSEEN"), SEARCH_FLAG, NOT | MSG_SEEN, NULL, "9051 6.4.4" },
	{ NAME("YOUNGER"), SEARCH_YOUNGER, 0, interval_args, "5032 3" },
	{ .value = 0 },
};
static const struct vocabulary keys = { "a search key", key_words, NULL, take_key, NULL };

/* A key without a name: a set or a group. */
static bool
unnamed(struct parser *p, enum search_op op, const struct step *args, struct search_key **key)
{
	*key = new_key(p, op);
	return *key != NULL && parse_steps(p, args, *key);
}

static bool
at_set(const struct parser *p)
{
	int c = parse_next(p);
	return (c >= '0' && c <= '9') || c == '*' || c == '$';
}

/* search-key = <a named one> / sequence-set / "(" search-key *(SP search-key) ")" */
static bool
rule_search_key(struct parser *p, void *to)
{
	bool ok;
	if (!parse_deeper(p))
		return false;
	if (parse_peek(p, '('))
		ok = unnamed(p, SEARCH_AND, group_args, to);
	else if (at_set(p))
		ok = unnamed(p, SEARCH_SEQ, set_args, to);
	else
		ok = parse_vocabulary(p, &keys, to, to);
	p->depth--;
	return ok;
}

/* "CHARSET" SP charset SP */
static bool
rule_charset(struct parser *p, void *to)
{
	(void)to;
	if (p->utf8_only)		/* RFC 6855 section 3 */
		return parse_expect(p, "no CHARSET, since all strings are UTF-8,");
	if (!parse_text(p, "CHARSET ") || !parse_astring(p, &p->charset) || !parse_sp(p))
		return false;
	p->bad_charset = !charset_known(p->charset);
	return true;
}

bool
rule_search_program(struct parser *p, void *to)
{
	static const struct step keys_of[] = {
		RULE(rule_search_keys, search_key, child), END
	};
	return (!parse_ahead(p, "CHARSET ") || rule_charset(p, to))
	    && unnamed(p, SEARCH_AND, keys_of, to);
}

bool
rule_charset_program(struct parser *p, void *to)
{
	static const struct step keys_of[] = {
		RULE(rule_search_keys, search_key, child), END
	};
	if (!parse_astring(p, &p->charset) || !parse_sp(p))
		return parse_expect(p, "a charset");
	p->bad_charset = !charset_known(p->charset);
	return unnamed(p, SEARCH_AND, keys_of, to);
}

bool
search_has(const struct search_key *key, enum search_op op)
{
	if (key->op == op)
		return true;
	for (const struct search_key *k = key->child; k != NULL; k = k->next)
		if (search_has(k, op))
			return true;
	return false;
}
