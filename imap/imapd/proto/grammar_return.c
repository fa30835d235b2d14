/*
 * What SEARCH, SORT and THREAD are to give: RFC 4731, RFC 5182, RFC 9394, RFC
 * 5267, RFC 6203; RFC 5256, RFC 5957; RFC 7377
 */
#include "imap/imapd/proto/grammar_annotate.h"
#include "imap/imapd/proto/grammar_fetch.h"
#include "imap/imapd/proto/grammar_search.h"
#include "imap/imapd/proto/rule.h"
#include "imap/imapd/proto/search_req.h"

/* --- RETURN (...) --- */

static const struct step partial_args[] = {
	SP, RULE(rule_partial_range, search_req, partial), END
};
/* modifier-update = "UPDATE" ["(" fetch-att *(SP fetch-att) ")"]; the example has a SP */
static bool
rule_update_items(struct parser *p, void *to)
{
	return parse_steps(p, fetch_att_list, to);
}
static const struct step update_items[] = {
	SP, RULE(rule_update_items, search_req, update), END
};
static const struct step update_items_only[] = {
	RULE(rule_update_items, search_req, update), END
};
static const struct step update_more[] = { WHEN("(", update_items_only), END };
static const struct step update_args[] = {
	EITHER(" (", update_items, update_more), END
};
static const struct word return_words[] = {
	{ NAME("ALL"), RETURN_ALL, 0, NULL, "4731 3.1" },
	{ NAME("CONTEXT"), RETURN_CONTEXT, 0, NULL, "5267 4.2" },
	{ NAME("COUNT"), RETURN_COUNT, 0, NULL, "4731 3.1" },
	{ NAME("MAX"), RETURN_MAX, 0, NULL, "4731 3.1" },
	{ NAME("MIN"), RETURN_MIN, 0, NULL, "4731 3.1" },
	{ NAME("PARTIAL"), RETURN_PARTIAL, 0, partial_args, "9394 3.1" },
	{ NAME("RELEVANCY"), RETURN_RELEVANCY, 0, NULL, "6203 4" },
	{ NAME("SAVE"), RETURN_SAVE, 0, NULL, "5182 2.1" },
	{ NAME("UPDATE"), RETURN_UPDATE, 0, update_args, "5267 4.3, 5465 7" },
	{ .value = 0 },
};
static const struct vocabulary returns = {
	.expected = "a result option", .word = return_words, .take = take_bits,
};
static const struct step return_opt[] = { WORD(returns, search_req, returns), END };
const struct step return_opts[] = {
	TEXT("RETURN "), FLAG(search_req, has_return), LIST_OR_NONE(return_opt), SP, END
};

/*
 * FILTER "implies the CHARSET "UTF-8"" (RFC 5466 section 3.1): another one is BAD
 * [BADCHARSET], known or not.
 */
static void
check_filters(struct parser *p, const struct search_key *key)
{
	struct str charset = p->charset;

	p->filter_charset = charset.p != NULL && !str_ieq(charset, STR("UTF-8"))
	    && !str_ieq(charset, STR("US-ASCII")) && search_has(key, SEARCH_FILTER);
	p->bad_charset = p->bad_charset || p->filter_charset;
}

/*
 * "A single command MUST NOT contain more than one PARTIAL or ALL search return
 * option" (RFC 9394 section 3.1); and relevance is a matter of FUZZY (RFC 6203
 * sections 4 and 5).
 */
static bool
rule_sensible(struct parser *p, void *to)
{
	const struct search_req *req = to;
	bool relevancy = req->returns & RETURN_RELEVANCY;
	const struct sort_criterion *c = req->criteria.item;
	check_filters(p, req->key);
	if ((req->returns & RETURN_ALL) && (req->returns & RETURN_PARTIAL))
		return parse_expect(p, "either ALL or PARTIAL");
	for (size_t i = 0; i < req->criteria.count; i++)
		relevancy = relevancy || c[i].by == SORT_RELEVANCY;
	if (relevancy && !search_has(req->key, SEARCH_FUZZY))
		return parse_expect(p, "FUZZY if there is RELEVANCY");
	return true;
}

/* search = "SEARCH" SP ["RETURN" SP "(" ... ")" SP] search-program */
const struct step search_args[] = {
	SP, WHEN("RETURN ", return_opts), RULE(rule_search_program, search_req, key),
	SELF(rule_sensible), END
};

/* --- SORT --- */

/* "ANNOTATION" SP entry SP att-sort */
static bool
rule_sort_shared(struct parser *p, void *to)
{
	unsigned attribs = 0;
	bool ok = rule_att_sort(p, &attribs);
	*(bool *)to = attribs & ATTRIB_VALUE_SHARED;
	return ok;
}

static const struct step sort_annotation[] = {
	SP, RULE(rule_annotation_entry, sort_criterion, entry),
	SP, RULE(rule_sort_shared, sort_criterion, shared), END
};
static const struct word sort_words[] = {
	{ NAME("ANNOTATION"), SORT_ANNOTATION, 0, sort_annotation, "5257 4.9" },
	{ NAME("ARRIVAL"), SORT_ARRIVAL, 0, NULL, "5256 3" },
	{ NAME("CC"), SORT_CC, 0, NULL, "5256 3" },
	{ NAME("DATE"), SORT_DATE, 0, NULL, "5256 3" },
	{ NAME("DISPLAYFROM"), SORT_DISPLAYFROM, 0, NULL, "5957 3" },
	{ NAME("DISPLAYTO"), SORT_DISPLAYTO, 0, NULL, "5957 3" },
	{ NAME("FROM"), SORT_FROM, 0, NULL, "5256 3" },
	{ NAME("RELEVANCY"), SORT_RELEVANCY, 0, NULL, "6203 5" },
	{ NAME("SIZE"), SORT_SIZE, 0, NULL, "5256 3" },
	{ NAME("SUBJECT"), SORT_SUBJECT, 0, NULL, "5256 3" },
	{ NAME("TO"), SORT_TO, 0, NULL, "5256 3" },
	{ .value = 0 },
};
static const struct vocabulary sort_keys = {
	.expected = "a sort key", .word = sort_words, .take = take_value,
};
static const struct step reverse[] = {
	TEXT("REVERSE "), FLAG(sort_criterion, reverse), END
};
static const struct step sort_criterion[] = {
	WHEN("REVERSE ", reverse), WORD(sort_keys, sort_criterion, by), END
};

/* sort = "SORT" SP [RETURN ...] "(" sort-criterion ... ")" SP charset SP keys */
const struct step sort_args[] = {
	SP, WHEN("RETURN ", return_opts),
	LIST_OF(sort_criterion, struct sort_criterion, search_req, criteria),
	SP, RULE(rule_charset_program, search_req, key), SELF(rule_sensible), END
};

/* --- THREAD --- */

static const struct word thread_words[] = {
	{ NAME("ORDEREDSUBJECT"), THREAD_ORDEREDSUBJECT, 0, NULL, "5256 3" },
	{ NAME("REFERENCES"), THREAD_REFERENCES, 0, NULL, "5256 3" },
	{ NAME("REFS"), THREAD_REFS, 0, NULL, "draft-ietf-morg-inthread" },
	{ .value = 0 },
};
static const struct vocabulary thread_algorithms = {
	.expected = "a threading algorithm", .word = thread_words, .take = take_value,
};

/* thread = "THREAD" SP thread-alg SP charset SP keys */
const struct step thread_args[] = {
	SP, WORD(thread_algorithms, search_req, algorithm),
	SP, RULE(rule_charset_program, search_req, key), SELF(rule_sensible), END
};

/* --- ESEARCH --- */

static const struct step source[] = { WORD(filter_mailboxes, mailbox_filter, kind), END };
static const struct step in_opts[] = {
	TEXT("IN "), LIST_OF(source, struct mailbox_filter, search_req, sources), SP, END
};

/* esearch = "ESEARCH" SP ["IN" SP "(" source-mbox ")" SP] [RETURN ...] program */
const struct step esearch_args[] = {
	SP, WHEN("IN ", in_opts), WHEN("RETURN ", return_opts),
	RULE(rule_search_program, search_req, key), SELF(rule_sensible), END
};
