/* The data items of FETCH: RFC 9051 and 3501 section 6.4.5 */
#include "imap/imapd/proto/grammar_fetch.h"
#include "imap/imapd/proto/grammar_annotate.h"
#include "imap/imapd/proto/rule.h"
#include "imap/imapd/proto/section.h"

enum { SEEN = 1 };			/* word.more: what, and whether it sets \Seen */
#define OLD(what, seen)		((unsigned)(what) << 1 | (seen))

/* --- taking an item --- */

/* The item is whole: the request has it, unless it has it already. */
static bool
add_item(struct parser *p, void *r, void *i, const struct word *w)
{
	(void)w;
	return fetch_req_add(r, i) || parse_too_big(p, "too many data items");
}

static void *
take_item(struct parser *p, void *req, void *to, const struct word *w)
{
	struct fetch_item *item = parse_take(p, sizeof(*item));
	(void)req, (void)to;
	if (item != NULL)
		item->op = w->value;
	return item;
}

/* RFC822 and its relatives: sections whose label is their name. */
static void *
take_old_section(struct parser *p, void *req, void *to, const struct word *w)
{
	struct fetch_item *item = NULL;
	if (p->rev2)
		(void)parse_expect(p, "BODY[], which IMAP4rev2 has for it,");
	else
		item = take_item(p, req, to, w);
	if (item != NULL) {
		item->section.what = w->more >> 1;
		item->sets_seen = w->more & SEEN;
		/* The table's names end in a space, which the label needs. */
		item->section.label = (struct str){ w->name.p, w->name.n + 1 };
	}
	return item;
}

/* Those of the macro, which stands alone (RFC 3501 section 6.4.5). */
static void *
take_macro(struct parser *p, void *req, void *to, const struct word *w)
{
	(void)to;
	for (unsigned op = 0; op <= FETCH_SECTION; op++) {
		struct fetch_item *item;
		if (!(w->value >> op & 1))
			continue;
		item = parse_take(p, sizeof(*item));
		if (item == NULL)
			return NULL;
		item->op = op;
		if (!add_item(p, req, item, w))
			return NULL;
	}
	return req;
}

/* "UID FETCH" answers with the UID, asked for or not (6.4.9). */
static bool
rule_uid_item(struct parser *p, void *to)
{
	static const struct word uid = { .value = 1u << FETCH_UID };
	return take_macro(p, to, NULL, &uid) != NULL;
}

/* --- the tables --- */

static const struct step peek_args[] = {
	RULE(rule_body_section, fetch_item, section), END
};
static const struct step section_args[] = {
	SET(fetch_item, op, FETCH_SECTION), FLAG(fetch_item, sets_seen),
	RULE(rule_body_section, fetch_item, section), END
};
static const struct step binary_peek_args[] = {
	RULE(rule_binary_section, fetch_item, section), END
};
static const struct step binary_args[] = {
	FLAG(fetch_item, sets_seen), RULE(rule_binary_section, fetch_item, section), END
};
static const struct step binary_size_args[] = {
	RULE(rule_binary_size_section, fetch_item, section), END
};

/* RFC 8970: ["(" preview-mod *(SP preview-mod) ")"] */
static const struct word preview_words[] = {
	{ NAME("LAZY"), FETCH_PREVIEW_LAZY, 0, NULL, "8970 4.1" },
	{ .value = 0 },
};
static const struct vocabulary preview_mods = {
	.expected = "LAZY", .word = preview_words, .take = take_value,
};
static const struct step preview_mod[] = { WORD(preview_mods, fetch_item, op), END };
static const struct step preview_list[] = { SP, LIST(preview_mod), END };
static const struct step preview_args[] = { WHEN(" (", preview_list), END };

static const struct step body_args[] = { WHEN("[", section_args), END };

static const struct step annotation_args[] = {
	SP, RULE(rule_annotation_query, fetch_item, annotation), END
};

#define OLD_NAME(lit)		{ lit " ", sizeof(lit) - 1 }
static const struct word old_section_words[] = {
	{ OLD_NAME("RFC822"), FETCH_SECTION, OLD(SECTION_WHOLE, SEEN), NULL, "3501 6.4.5" },
	{ OLD_NAME("RFC822.HEADER"), FETCH_SECTION, OLD(SECTION_HEADER, 0), NULL, "3501 6.4.5" },
	{ OLD_NAME("RFC822.TEXT"), FETCH_SECTION, OLD(SECTION_TEXT, SEEN), NULL, "3501 6.4.5" },
	{ .value = 0 },
};
static const struct vocabulary old_sections = {
	.word = old_section_words, .take = take_old_section, .done = add_item,
};

static const struct word att_words[] = {
	/* name, meaning, -, arguments, RFC and section */
	{ NAME("UID"), FETCH_UID, 0, NULL, "9051 6.4.5" },
	{ NAME("FLAGS"), FETCH_FLAGS, 0, NULL, "9051 6.4.5" },
	{ NAME("INTERNALDATE"), FETCH_INTERNALDATE, 0, NULL, "9051 6.4.5" },
	{ NAME("RFC822.SIZE"), FETCH_SIZE, 0, NULL, "9051 6.4.5" },
	{ NAME("EMAILID"), FETCH_EMAILID, 0, NULL, "8474 5.3" },
	{ NAME("THREADID"), FETCH_THREADID, 0, NULL, "8474 5.3" },
	{ NAME("ENVELOPE"), FETCH_ENVELOPE, 0, NULL, "9051 6.4.5" },
	{ NAME("BODYSTRUCTURE"), FETCH_BODYSTRUCTURE, 0, NULL, "9051 6.4.5" },
	{ NAME("MODSEQ"), FETCH_MODSEQ, 0, NULL, "7162 3.1.4.2" },
	{ NAME("BODY"), FETCH_BODY, 0, body_args, "9051 6.4.5" },
	{ NAME("BODY.PEEK"), FETCH_SECTION, 0, peek_args, "9051 6.4.5" },
	{ NAME("BINARY"), FETCH_BINARY, 0, binary_args, "9051 6.4.5, 3516 4.2" },
	{ NAME("BINARY.PEEK"), FETCH_BINARY, 0, binary_peek_args, "9051 6.4.5, 3516 4.2" },
	{ NAME("BINARY.SIZE"), FETCH_BINARY_SIZE, 0, binary_size_args, "9051 6.4.5, 3516 4.2" },
	{ NAME("PREVIEW"), FETCH_PREVIEW, 0, preview_args, "8970 3.1" },
	{ NAME("SAVEDATE"), FETCH_SAVEDATE, 0, NULL, "8514 4.2" },
	{ NAME("ANNOTATION"), FETCH_ANNOTATION, 0, annotation_args, "5257 4.3" },
	{ .value = 0 },
};
static const struct vocabulary atts = {
	"a data item such as FLAGS or BODY[]", att_words, &old_sections, take_item, add_item,
};

enum {
	FAST = 1u << FETCH_FLAGS | 1u << FETCH_INTERNALDATE | 1u << FETCH_SIZE,
	ALL = FAST | 1u << FETCH_ENVELOPE,
	FULL = ALL | 1u << FETCH_BODY,
};
static const struct word macro_words[] = {
	{ NAME("ALL"), ALL, 0, NULL, "9051 6.4.5" },
	{ NAME("FAST"), FAST, 0, NULL, "9051 6.4.5" },
	{ NAME("FULL"), FULL, 0, NULL, "9051 6.4.5" },
	{ .value = 0 },
};
static const struct vocabulary atts_or_macro = {
	"a data item such as FLAGS or BODY[]", macro_words, &atts, take_macro, NULL,
};

static const struct step att[] = { WORD(atts, fetch_req, items), END };
const struct step fetch_att_list[] = { LIST(att), END };
static const struct step one_att[] = { WORD(atts_or_macro, fetch_req, items), END };

/* CHANGEDSINCE brings the item MODSEQ with it. */
static bool
rule_modseq_item(struct parser *p, void *to)
{
	static const struct word modseq = { .value = 1u << FETCH_MODSEQ };
	return take_macro(p, to, NULL, &modseq) != NULL;
}

static const struct step changedsince_args[] = {
	SP, RULE(rule_modseq, fetch_req, changedsince), FLAG(fetch_req, has_changedsince),
	SELF(rule_modseq_item), END
};
static const struct step vanished_args[] = { FLAG(fetch_req, vanished), END };
static const struct word modifier_words[] = {
	{ NAME("CHANGEDSINCE"), 0, 0, changedsince_args, "7162 3.1.4.1" },
	{ .value = 0 },
};
static const struct step partial_args[] = {
	SP, RULE(rule_partial_range, fetch_req, partial), END
};
static const struct word uid_modifier_words[] = {
	{ NAME("PARTIAL"), 0, 0, partial_args, "9394 3.3" },
	{ NAME("VANISHED"), 0, 0, vanished_args, "7162 3.2.6" },
	{ .value = 0 },
};
static const struct vocabulary modifiers = {
	.expected = "a modifier such as CHANGEDSINCE", .word = modifier_words,
	.take = take_request,
};
static const struct vocabulary uid_modifiers = {
	"a modifier such as CHANGEDSINCE", uid_modifier_words, &modifiers, take_request, NULL,
};
static const struct step modifier[] = { { .op = STEP_WORD, .words = &modifiers }, END };
static const struct step uid_modifier[] = { { .op = STEP_WORD, .words = &uid_modifiers }, END };
static const struct step modifier_list[] = { SP, LIST(modifier), END };
static const struct step uid_modifier_list[] = { SP, LIST(uid_modifier), END };

/* fetch = "FETCH" SP sequence-set SP ("ALL" / ... / fetch-att / "(" ... ")")
 *         [SP "(" fetch-modifier *(SP fetch-modifier) ")"] */
const struct step fetch_args[] = {
	SP, RULE(rule_sequence_set, fetch_req, set),
	SP, EITHER("(", fetch_att_list, one_att), WHEN(" ", modifier_list), END
};
const struct step uid_fetch_args[] = {
	SP, RULE(rule_sequence_set, fetch_req, set), SELF(rule_uid_item),
	SP, EITHER("(", fetch_att_list, one_att), WHEN(" ", uid_modifier_list), END
};
