/*
 * grammar_metadata.c - GETMETADATA and SETMETADATA (RFC 5464 section 5)
 *
 * The formal syntax has the options before the mailbox, all examples have them
 * behind it: both are understood.
 */
#include "imap/imapd/proto/grammar_metadata.h"

#include "imap/imapd/proto/grammar.h"
#include "imap/imapd/proto/rule.h"

#include <string.h>

enum { MAX_ENTRY = 1000 };

/* --- entries --- */

/*
 * "MUST NOT contain two consecutive "/" characters and MUST NOT end with a "/"
 * character ... "*" or "%" characters ... non-ASCII characters or characters with
 * octet values in the range 0x00 to 0x19."
 */
static bool
is_entry(struct str e)
{
	if (e.n < 2 || e.n > MAX_ENTRY || e.p[0] != '/' || e.p[e.n - 1] == '/')
		return false;
	for (size_t i = 0; i < e.n; i++) {
		unsigned char c = (unsigned char)e.p[i];
		if (c <= 0x1f || c >= 0x7f || c == '*' || c == '%'
		    || (c == '/' && e.p[i + 1] == '/'))
			return false;
	}
	return true;
}

/* Is E the component FIRST, or below it? */
static bool
is_under(struct str e, const char *first)
{
	size_t n = strlen(first);
	return e.n >= n && memcmp(e.p, first, n) == 0 && (e.n == n || e.p[n] == '/');
}

bool
rule_entry(struct parser *p, void *to)
{
	struct str *entry = to;
	size_t start = p->at;
	char *small;
	if (!parse_astring(p, entry))
		return parse_expect(p, "an entry such as /private/comment");
	small = parse_take(p, entry->n + 1);
	if (small == NULL)
		return false;
	for (size_t i = 0; i < entry->n; i++)
		small[i] = entry->p[i] >= 'A' && entry->p[i] <= 'Z'
		    ? (char)(entry->p[i] + 32) : entry->p[i];
	*entry = (struct str){ small, entry->n };
	if (is_entry(*entry) && (is_under(*entry, "/private") || is_under(*entry, "/shared")))
		return true;
	p->at = start;
	return parse_expect(p, "an entry below /private or /shared");
}

static size_t
components(struct str entry)
{
	size_t n = 0;
	for (size_t i = 0; i < entry.n; i++)
		n += entry.p[i] == '/';
	return n;
}

/* "Any number of components starting at 2, unless they fall under the vendor
 * namespaces, in which case they have at least 4." */
static bool
rule_whole_entry(struct parser *p, void *to)
{
	const struct str *entry = to;
	size_t start = p->at;
	if (!rule_entry(p, to))
		return false;
	bool vendor = is_under(*entry, "/private/vendor") || is_under(*entry, "/shared/vendor");
	if (components(*entry) >= (vendor ? 4 : 2))
		return true;
	p->at = start;
	return parse_expect(p, "an entry of more components");
}

/* value = nstring / literal8 */
static bool
rule_value(struct parser *p, void *to)
{
	return parse_peek(p, '~') ? parse_literal8(p, to) : rule_nstring(p, to);
}

/* --- GETMETADATA --- */

static const struct step maxsize_args[] = {
	SP, RULE(rule_number, getmetadata_req, query.maxsize),
	FLAG(getmetadata_req, query.has_maxsize), END
};
static const struct word depth_words[] = {
	{ NAME("0"), DEPTH_NONE, 0, NULL, "5464 4.2.2" },
	{ NAME("1"), DEPTH_ONE, 0, NULL, "5464 4.2.2" },
	{ NAME("INFINITY"), DEPTH_ALL, 0, NULL, "5464 4.2.2" },
	{ .value = 0 },
};
static const struct vocabulary depths = {
	.expected = "0, 1 or infinity", .word = depth_words, .take = take_value,
};
static const struct step depth_args[] = { SP, WORD(depths, getmetadata_req, query.depth), END };
static const struct word option_words[] = {
	{ NAME("MAXSIZE"), 0, 0, maxsize_args, "5464 4.2.1" },
	{ NAME("DEPTH"), 0, 0, depth_args, "5464 4.2.2" },
	{ .value = 0 },
};

/* Its argument says all. */
static void *
take_option(struct parser *p, void *req, void *to, const struct word *w)
{
	(void)p;
	(void)to;
	(void)w;
	return req;
}

static const struct vocabulary options = {
	.expected = "MAXSIZE or DEPTH", .word = option_words, .take = take_option,
};
static const struct step option[] = { { .op = STEP_WORD, .words = &options }, END };
static const struct step option_list[] = { LIST(option), SP, END };

static const struct step entry[] = { SELF(rule_entry), END };
static const struct step entry_list[] = {
	LIST_OF(entry, struct str, getmetadata_req, query.entries), END
};

static bool
rule_one_entry(struct parser *p, void *to)
{
	struct parse_list *list = to;
	struct str *one = parse_take(p, sizeof(*one));
	if (one == NULL || !rule_entry(p, one))
		return false;
	*list = (struct parse_list){ one, 1 };
	return true;
}

static const struct step one_entry[] = {
	RULE(rule_one_entry, getmetadata_req, query.entries), END
};

const struct step getmetadata_args[] = {
	SP, WHEN("(", option_list), RULE(rule_mailbox, getmetadata_req, mailbox), SP,
	WHEN("(MAXSIZE", option_list), WHEN("(DEPTH", option_list),
	EITHER("(", entry_list, one_entry), END
};

/* --- SETMETADATA --- */

static const struct step entry_value[] = {
	RULE(rule_whole_entry, metadata_value, entry), SP,
	RULE(rule_value, metadata_value, value), END
};
const struct step setmetadata_args[] = {
	SP, RULE(rule_mailbox, setmetadata_req, mailbox), SP,
	LIST_OF(entry_value, struct metadata_value, setmetadata_req, values), END
};
