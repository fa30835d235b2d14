/*
 * The commands and their arguments, in the order of the RFCs.  FETCH and
 * SEARCH have files of their own for what they may ask for.
 */
#include "imap/imapd/proto/grammar.h"
#include "imap/imapd/proto/grammar_annotate.h"
#include "imap/imapd/proto/grammar_fetch.h"
#include "imap/imapd/proto/grammar_list.h"
#include "imap/imapd/proto/grammar_metadata.h"
#include "imap/imapd/proto/grammar_search.h"
#include "imap/imapd/proto/rule.h"
#include "lib/buf.h"

#include <string.h>

/* --- 9051 6.1, 6.2: in any state, and who it is --- */

enum {					/* RFC 2971 section 3.3 */
	MAX_ID_PAIRS = 30,
	MAX_ID_NAME = 30,
	MAX_ID_VALUE = 1024,
};

/* id-params = "(" [string SP nstring *(SP string SP nstring)] ")" / nil */
static bool
id_params(struct parser *p, struct buf *line)
{
	struct str name, value;
	int pairs = 0;
	if (parse_word(p, "NIL"))
		return true;
	if (!parse_char(p, '('))
		return parse_expect(p, "a list or NIL");
	while (!parse_peek(p, ')')) {
		if ((pairs > 0 && !parse_sp(p)) || !parse_string(p, &name)
		    || !parse_sp(p) || !parse_nstring(p, &value))
			return false;
		if (++pairs > MAX_ID_PAIRS || name.n > MAX_ID_NAME
		    || value.n > MAX_ID_VALUE)
			return parse_expect(p, "at most 30 short fields");
		if (value.p != NULL)
			buf_printf(line, "%s\"%.*s\" \"%.*s\"", line->n > 0 ? " " : "",
			    STR_ARG(name), STR_ARG(value));
	}
	return parse_char(p, ')');
}

/* What the client is, for the log. */
static bool
rule_id_params(struct parser *p, void *to)
{
	struct buf line = BUF_INIT;
	bool ok = id_params(p, &line);
	if (ok) {
		*(struct str *)to = (struct str){ arena_copy(p->arena, line.p, line.n), line.n };
		ok = ((struct str *)to)->p != NULL;
		if (!ok)
			p->err = ERR_LIMIT;
	}
	buf_free(&line);
	return ok;
}

static const struct step id_args[] = { SP, RULE(rule_id_params, id_req, fields), END };

/* enable = "ENABLE" 1*(SP capability) */
static const struct step capability[] = { SELF(rule_atom), END };
static const struct step enable_args[] = {
	SP, MANY_OF(capability, struct str, enable_req, capabilities), END
};

/* language-cmd = "LANGUAGE" *(SP lang-range-quoted) ; astring */
static const struct step language_range[] = { SELF(rule_astring), END };
static const struct step language_ranges[] = {
	SP, MANY_OF(language_range, struct str, language_req, ranges), END
};
static const struct step language_args[] = { WHEN(" ", language_ranges), END };

/* RFC 4959: [SP (base64 / "=")] */
static const struct step initial_response[] = {
	SP, RULE(rule_atom, authenticate_req, initial),
	FLAG(authenticate_req, has_initial), END
};
static const struct step authenticate_args[] = {
	SP, RULE(rule_atom, authenticate_req, mechanism), WHEN(" ", initial_response), END
};

static const struct step login_args[] = {
	SP, RULE(rule_astring, login_req, userid), SP, RULE(rule_astring, login_req, password),
	END
};

static const struct step compress_args[] = {
	SP, RULE(rule_atom, compress_req, algorithm), END
};

/* --- 9051 6.3: mailboxes --- */

/* SP "(" known-sequence-set SP known-uid-set ")" */
static const struct step seq_match[] = {
	SP, TEXT("("), RULE(rule_known_set, select_req, match_numbers), SP,
	RULE(rule_known_set, select_req, match_uids), TEXT(")"), END
};
static const struct step known_uids[] = {
	SP, RULE(rule_known_set, select_req, known), WHEN(" (", seq_match), END
};
/*
 * "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")";
 * clients that have seen nothing yet send 0, which no mod-sequence-value is.
 */
static const struct step known_more[] = { EITHER(" (", seq_match, known_uids), END };
static const struct step qresync_args[] = {
	SP, TEXT("("), RULE(rule_nz_number, select_req, uidvalidity),
	SP, RULE(rule_modseq_or_0, select_req, modseq), WHEN(" ", known_more), TEXT(")"), END
};
static const struct word select_words[] = {
	{ NAME("CONDSTORE"), SELECT_CONDSTORE, 0, NULL, "7162 3.1.8" },
	{ NAME("QRESYNC"), SELECT_QRESYNC, 0, qresync_args, "7162 3.2.5" },
	{ NAME("ANNOTATE"), SELECT_ANNOTATE, 0, NULL, "5257 4.2" },
	{ .value = 0 },
};
static const struct vocabulary select_params = {
	.expected = "CONDSTORE, QRESYNC or ANNOTATE", .word = select_words, .take = take_bits,
};
static const struct step select_param[] = { WORD(select_params, select_req, params), END };
static const struct step select_param_list[] = { SP, LIST(select_param), END };
static const struct step select_args[] = {
	SP, RULE(rule_mailbox, select_req, mailbox), WHEN(" ", select_param_list), END
};
static const struct step mailbox_args[] = { SP, RULE(rule_mailbox, mailbox_req, mailbox), END };

static const struct step rename_partition[] = {
	SP, RULE(rule_astring, rename_req, partition), END
};
static const struct step rename_args[] = {
	SP, RULE(rule_mailbox, rename_req, from), SP, RULE(rule_mailbox, rename_req, to),
	WHEN(" ", rename_partition), END
};

/* append-message = [SP flag-list] [SP date-time] *(SP append-ext) SP append-data (RFC 4466) */
static const struct step append_flags[] = {
	RULE(rule_flag_list, append_message, flags), SP, END
};
static const struct step append_date[] = {
	RULE(rule_date_time, append_message, date), FLAG(append_message, has_date), SP, END
};

/* RFC 5257: append-ext =/ att-annotate */
static const struct step append_annotation[] = {
	TEXT("ANNOTATION "), RULE(rule_annotation_set, append_message, annotations), SP, END
};

/* RFC 4469, RFC 6855: cat-part = "URL" SP astring / "TEXT" SP literal / UTF8 ... */
static const struct step cat_url[] = { TEXT("URL "), RULE(rule_astring, cat_part, url), END };
static const struct step cat_utf8[] = {
	TEXT("UTF8 ("), FLAG(cat_part, utf8), RULE(rule_message, cat_part, text), TEXT(")"), END
};
static const struct step cat_text[] = { TEXT("TEXT "), RULE(rule_message, cat_part, text), END };
static const struct step cat_no_url[] = { EITHER("UTF8", cat_utf8, cat_text), END };
static const struct step cat_any[] = { EITHER("URL", cat_url, cat_no_url), END };
static const struct step append_catenate[] = {
	TEXT("CATENATE "), LIST_OF(cat_any, struct cat_part, append_message, parts), END
};

static const struct step append_utf8[] = {
	TEXT("UTF8 ("), FLAG(append_message, utf8), RULE(rule_message, append_message, data),
	TEXT(")"), END
};
static const struct step append_literal[] = { RULE(rule_message, append_message, data), END };
static const struct step append_no_parts[] = { EITHER("U", append_utf8, append_literal), END };
static const struct step append_message[] = {
	WHEN("(", append_flags), WHEN("\"", append_date), WHEN("A", append_annotation),
	EITHER("C", append_catenate, append_no_parts), END
};
static const struct step append_args[] = {
	SP, RULE(rule_mailbox, append_req, mailbox), SP,
	MANY_OF(append_message, struct append_message, append_req, messages), END
};

/* RFC 8508: "REPLACE" SP (seq-number / uniqueid) SP mailbox append-message */
static const struct step replace_last[] = { TEXT("*"), END };
static const struct step replace_number[] = { RULE(rule_nz_number, replace_req, number), END };
static const struct step replace_args[] = {
	SP, EITHER("*", replace_last, replace_number), SP,
	RULE(rule_mailbox, replace_req, mailbox), SP, WHEN("", append_message), END
};

/* --- URLs: 4467, 5524 --- */

static const struct step url_rump[] = {
	RULE(rule_astring, url_rump, url), SP, RULE(rule_atom, url_rump, mechanism), END
};
static const struct step genurlauth_args[] = {
	SP, MANY_OF(url_rump, struct url_rump, genurlauth_req, rumps), END
};
static const struct step url_mechanism[] = { SELF(rule_atom), END };
static const struct step resetkey_mechanisms[] = {
	SP, MANY_OF(url_mechanism, struct str, resetkey_req, mechanisms), END
};
static const struct step resetkey_mailbox[] = {
	SP, RULE(rule_mailbox, resetkey_req, mailbox), WHEN(" ", resetkey_mechanisms), END
};
static const struct step resetkey_args[] = { WHEN(" ", resetkey_mailbox), END };

static const struct word urlfetch_words[] = {
	{ NAME("BODY"), URLFETCH_BODY, 0, NULL, "5524 3" },
	{ NAME("BINARY"), URLFETCH_BINARY, 0, NULL, "5524 3" },
	{ NAME("BODYPARTSTRUCTURE"), URLFETCH_BODYPARTSTRUCTURE, 0, NULL, "5524 3" },
	{ .value = 0 },
};
static const struct vocabulary urlfetch_params = {
	.expected = "BODY, BINARY or BODYPARTSTRUCTURE", .word = urlfetch_words,
	.take = take_bits,
};
static const struct step urlfetch_param[] = {
	WORD(urlfetch_params, urlfetch_item, params), END
};
static const struct step urlfetch_param_list[] = { SP, MANY(urlfetch_param), END };
static const struct step urlfetch_extended[] = {
	TEXT("("), RULE(rule_astring, urlfetch_item, url), WHEN(" ", urlfetch_param_list), TEXT(")"), END
};
static const struct step urlfetch_simple[] = { RULE(rule_astring, urlfetch_item, url), END };
static const struct step urlfetch_item[] = {
	EITHER("(", urlfetch_extended, urlfetch_simple), END
};
static const struct step urlfetch_args[] = {
	SP, MANY_OF(urlfetch_item, struct urlfetch_item, urlfetch_req, items), END
};

/* --- rights and quotas: 4314, 9208 --- */

static const struct step acl_args[] = {
	SP, RULE(rule_mailbox, acl_req, mailbox), SP, RULE(rule_astring, acl_req, identifier), END
};
static const struct step setacl_args[] = {
	SP, RULE(rule_mailbox, acl_req, mailbox), SP, RULE(rule_astring, acl_req, identifier),
	SP, RULE(rule_astring, acl_req, rights), END
};

/* resource-name = "STORAGE" / "MESSAGE" / "MAILBOX" / "ANNOTATION-STORAGE" / atom */
static bool
rule_resource(struct parser *p, void *to)
{
	static const struct {
		struct str name;
		enum quota_resource resource;
	} resources[] = {
		{ NAME("STORAGE"), RESOURCE_STORAGE },
		{ NAME("MESSAGE"), RESOURCE_MESSAGE },
		{ NAME("MAILBOX"), RESOURCE_MAILBOX },
		{ NAME("ANNOTATION-STORAGE"), RESOURCE_ANNOTATION_STORAGE },
		{ NAME("X-ANNOTATION-STORAGE"), RESOURCE_ANNOTATION_STORAGE },	/* Cyrus */
		{ NAME("X-NUM-FOLDERS"), RESOURCE_MAILBOX },
	};
	enum quota_resource *resource = to;
	struct str name;
	if (!parse_atom(p, &name))
		return parse_expect(p, "a quota resource");
	*resource = RESOURCE_OTHER;
	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
		if (str_ieq(name, resources[i].name))
			*resource = resources[i].resource;
	return true;
}

/* resource-limit = number64 */
static bool
rule_limit(struct parser *p, void *to)
{
	uint64_t n = 0;
	bool ok = parse_number64(p, &n);
	*(int64_t *)to = (int64_t)n;
	return ok;
}

static const struct step quota_limit[] = {
	RULE(rule_resource, quota_limit, resource), SP, RULE(rule_limit, quota_limit, limit), END
};
static const struct step setquota_args[] = {
	SP, RULE(rule_astring, setquota_req, root),
	SP, LIST_OF_OR_NONE(quota_limit, struct quota_limit, setquota_req, limits), END
};

/* --- 9051 6.4: messages --- */

static const struct step uid_expunge_args[] = {
	SP, RULE(rule_sequence_set, expunge_req, set), END
};

static const struct step flags_args[] = { SP, RULE(rule_flags, store_req, flags), END };
static const struct step silent_args[] = {
	FLAG(store_req, silent), SP, RULE(rule_flags, store_req, flags), END
};
static const struct step annotation_args[] = {
	SP, RULE(rule_annotation_set, store_req, annotations), END
};
static const struct word store_words[] = {
	{ NAME("FLAGS"), STORE_SET, 0, flags_args, "9051 6.4.6" },
	{ NAME("FLAGS.SILENT"), STORE_SET, 0, silent_args, "9051 6.4.6" },
	{ NAME("+FLAGS"), STORE_ADD, 0, flags_args, "9051 6.4.6" },
	{ NAME("+FLAGS.SILENT"), STORE_ADD, 0, silent_args, "9051 6.4.6" },
	{ NAME("-FLAGS"), STORE_REMOVE, 0, flags_args, "9051 6.4.6" },
	{ NAME("-FLAGS.SILENT"), STORE_REMOVE, 0, silent_args, "9051 6.4.6" },
	{ NAME("ANNOTATION"), STORE_SET, 0, annotation_args, "5257 4.5" },
	{ .value = 0 },
};
static const struct vocabulary store_atts = {
	.expected = "FLAGS, +FLAGS, -FLAGS or ANNOTATION", .word = store_words, .take = take_value,
};
static const struct step unchangedsince_args[] = {
	SP, RULE(rule_modseq_or_0, store_req, unchangedsince),
	FLAG(store_req, has_unchangedsince), END
};
static const struct word store_modifier_words[] = {
	{ NAME("UNCHANGEDSINCE"), 0, 0, unchangedsince_args, "7162 3.1.3" },
	{ .value = 0 },
};
static const struct vocabulary store_modifiers = {
	.expected = "UNCHANGEDSINCE", .word = store_modifier_words, .take = take_request,
};
/* "Only a single UNCHANGEDSINCE may be specified" (RFC 7162 section 7). */
static const struct step store_modifier_list[] = {
	TEXT("("), { .op = STEP_WORD, .words = &store_modifiers }, TEXT(")"), SP, END
};
static const struct step store_args[] = {
	SP, RULE(rule_sequence_set, store_req, set), SP, WHEN("(", store_modifier_list),
	WORD(store_atts, store_req, op), END
};

/* cancelupdate = "CANCELUPDATE" 1*(SP quoted) */
static bool
rule_quoted(struct parser *p, void *to)
{
	return parse_quoted(p, to);
}
static const struct step cancelupdate_tag[] = { SELF(rule_quoted), END };
static const struct step cancelupdate_args[] = {
	SP, MANY_OF(cancelupdate_tag, struct str, cancelupdate_req, tags), END
};

/* RFC 10022: message-batches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number] */
static const struct step batch_range[] = {
	SP, RULE(rule_nz_number, uidbatches_req, first), TEXT(":"),
	RULE(rule_nz_number, uidbatches_req, last), FLAG(uidbatches_req, has_range), END
};
static const struct step uidbatches_args[] = {
	SP, RULE(rule_nz_number, uidbatches_req, size), WHEN(" ", batch_range), END
};

/* comparator-cmd = "COMPARATOR" *(SP comp-order-quoted), astrings */
static const struct step comparator_pattern[] = { SELF(rule_astring), END };
static const struct step comparator_patterns[] = {
	SP, MANY_OF(comparator_pattern, struct str, comparator_req, patterns), END
};
static const struct step comparator_args[] = { WHEN(" ", comparator_patterns), END };

static const struct step copy_args[] = {
	SP, RULE(rule_sequence_set, copy_req, set), SP, RULE(rule_mailbox, copy_req, mailbox), END
};

/* --- the commands --- */

#define REQ(type)		sizeof(struct type)
static const struct step no_args[] = { END };

const struct request_def grammar[REQUESTS] = {
	/* name, struct, arguments, those behind "UID", RFC and section */
	[REQ_CAPABILITY] = { NAME("CAPABILITY"), 0, no_args, NULL, "9051 6.1.1" },
	[REQ_NOOP] = { NAME("NOOP"), 0, no_args, NULL, "9051 6.1.2" },
	[REQ_LOGOUT] = { NAME("LOGOUT"), 0, no_args, NULL, "9051 6.1.3" },
	[REQ_ID] = { NAME("ID"), REQ(id_req), id_args, NULL, "2971 3.1" },

	[REQ_ENABLE] = { NAME("ENABLE"), REQ(enable_req), enable_args, NULL, "9051 6.3.1" },
	[REQ_LANGUAGE] = { NAME("LANGUAGE"), REQ(language_req), language_args, NULL,
	    "5255 3.2" },

	[REQ_STARTTLS] = { NAME("STARTTLS"), 0, no_args, NULL, "9051 6.2.1" },
	[REQ_AUTHENTICATE] = { NAME("AUTHENTICATE"), REQ(authenticate_req), authenticate_args,
	    NULL, "9051 6.2.2" },
	[REQ_LOGIN] = { NAME("LOGIN"), REQ(login_req), login_args, NULL, "9051 6.2.3" },

	[REQ_UNAUTHENTICATE] = { NAME("UNAUTHENTICATE"), 0, no_args, NULL, "8437 3" },
	[REQ_COMPRESS] = { NAME("COMPRESS"), REQ(compress_req), compress_args, NULL, "4978 3" },

	[REQ_SELECT] = { NAME("SELECT"), REQ(select_req), select_args, NULL, "9051 6.3.2" },
	[REQ_EXAMINE] = { NAME("EXAMINE"), REQ(select_req), select_args, NULL, "9051 6.3.3" },
	[REQ_CREATE] = { NAME("CREATE"), REQ(create_req), create_args, NULL, "9051 6.3.4" },
	[REQ_DELETE] = { NAME("DELETE"), REQ(mailbox_req), mailbox_args, NULL, "9051 6.3.5" },
	[REQ_RENAME] = { NAME("RENAME"), REQ(rename_req), rename_args, NULL, "9051 6.3.6" },
	[REQ_SUBSCRIBE] = { NAME("SUBSCRIBE"), REQ(mailbox_req), mailbox_args, NULL,
	    "9051 6.3.7" },
	[REQ_UNSUBSCRIBE] = { NAME("UNSUBSCRIBE"), REQ(mailbox_req), mailbox_args, NULL,
	    "9051 6.3.8" },
	[REQ_LIST] = { NAME("LIST"), REQ(list_req), list_args, NULL, "9051 6.3.9" },
	[REQ_LSUB] = { NAME("LSUB"), REQ(list_req), lsub_args, NULL, "3501 6.3.9" },
	[REQ_RLIST] = { NAME("RLIST"), REQ(list_req), lsub_args, NULL, "2193 5.1" },
	[REQ_RLSUB] = { NAME("RLSUB"), REQ(list_req), lsub_args, NULL, "2193 5.2" },
	[REQ_STATUS] = { NAME("STATUS"), REQ(status_req), status_args, NULL, "9051 6.3.11" },
	[REQ_NAMESPACE] = { NAME("NAMESPACE"), 0, no_args, NULL, "9051 6.3.10" },
	[REQ_GETMETADATA] = { NAME("GETMETADATA"), REQ(getmetadata_req), getmetadata_args, NULL,
	    "5464 4.2" },
	[REQ_SETMETADATA] = { NAME("SETMETADATA"), REQ(setmetadata_req), setmetadata_args, NULL,
	    "5464 4.3" },
	[REQ_IDLE] = { NAME("IDLE"), 0, no_args, NULL, "9051 6.3.13" },
	[REQ_NOTIFY] = { NAME("NOTIFY"), REQ(notify_req), notify_args, NULL, "5465 3.1" },
	[REQ_APPEND] = { NAME("APPEND"), REQ(append_req), append_args, NULL, "9051 6.3.12" },
	[REQ_GENURLAUTH] = { NAME("GENURLAUTH"), REQ(genurlauth_req), genurlauth_args, NULL,
	    "4467 7" },
	[REQ_RESETKEY] = { NAME("RESETKEY"), REQ(resetkey_req), resetkey_args, NULL, "4467 7" },
	[REQ_URLFETCH] = { NAME("URLFETCH"), REQ(urlfetch_req), urlfetch_args, NULL,
	    "4467 7, 5524 3" },

	[REQ_SETACL] = { NAME("SETACL"), REQ(acl_req), setacl_args, NULL, "4314 3.1" },
	[REQ_DELETEACL] = { NAME("DELETEACL"), REQ(acl_req), acl_args, NULL, "4314 3.2" },
	[REQ_GETACL] = { NAME("GETACL"), REQ(mailbox_req), mailbox_args, NULL, "4314 3.3" },
	[REQ_LISTRIGHTS] = { NAME("LISTRIGHTS"), REQ(acl_req), acl_args, NULL, "4314 3.4" },
	[REQ_MYRIGHTS] = { NAME("MYRIGHTS"), REQ(mailbox_req), mailbox_args, NULL, "4314 3.5" },

	[REQ_GETQUOTA] = { NAME("GETQUOTA"), REQ(mailbox_req), mailbox_args, NULL, "9208 4.1.1" },
	[REQ_GETQUOTAROOT] = { NAME("GETQUOTAROOT"), REQ(mailbox_req), mailbox_args, NULL,
	    "9208 4.1.2" },
	[REQ_SETQUOTA] = { NAME("SETQUOTA"), REQ(setquota_req), setquota_args, NULL,
	    "9208 4.1.3" },

	[REQ_CHECK] = { NAME("CHECK"), 0, no_args, NULL, "3501 6.4.1" },
	[REQ_CLOSE] = { NAME("CLOSE"), 0, no_args, NULL, "9051 6.4.1" },
	[REQ_UNSELECT] = { NAME("UNSELECT"), 0, no_args, NULL, "9051 6.4.2" },
	[REQ_EXPUNGE] = { NAME("EXPUNGE"), REQ(expunge_req), no_args, uid_expunge_args,
	    "9051 6.4.3, 6.4.9" },
	[REQ_SEARCH] = { NAME("SEARCH"), REQ(search_req), search_args, search_args,
	    "9051 6.4.4" },
	[REQ_SORT] = { NAME("SORT"), REQ(search_req), sort_args, sort_args, "5256 3" },
	[REQ_THREAD] = { NAME("THREAD"), REQ(search_req), thread_args, thread_args, "5256 3" },
	[REQ_ESEARCH] = { NAME("ESEARCH"), REQ(search_req), esearch_args, NULL, "7377 2.1" },
	[REQ_CANCELUPDATE] = { NAME("CANCELUPDATE"), REQ(cancelupdate_req), cancelupdate_args,
	    NULL, "5267 4.5" },
	[REQ_UIDBATCHES] = { NAME("UIDBATCHES"), REQ(uidbatches_req), uidbatches_args, NULL,
	    "10022 3.1" },
	[REQ_COMPARATOR] = { NAME("COMPARATOR"), REQ(comparator_req), comparator_args, NULL,
	    "5255 4.7" },
	[REQ_FETCH] = { NAME("FETCH"), REQ(fetch_req), fetch_args, uid_fetch_args, "9051 6.4.5" },
	[REQ_STORE] = { NAME("STORE"), REQ(store_req), store_args, store_args, "9051 6.4.6" },
	[REQ_COPY] = { NAME("COPY"), REQ(copy_req), copy_args, copy_args, "9051 6.4.7" },
	[REQ_MOVE] = { NAME("MOVE"), REQ(copy_req), copy_args, copy_args, "9051 6.4.8" },
	[REQ_REPLACE] = { NAME("REPLACE"), REQ(replace_req), replace_args, replace_args,
	    "8508 3" },
};

enum request
grammar_find(struct str name)
{
	unsigned r = 0;
	while (r < REQUESTS && (grammar[r].name.n != name.n || !str_ieq(grammar[r].name, name)))
		r++;
	return r;
}

enum err
grammar_parse(struct parser *p, enum request r, void **req)
{
	const struct request_def *d = &grammar[r];
	*req = NULL;
	if (d->size > 0 && (*req = parse_take(p, d->size)) == NULL)
		return ERR_LIMIT;
	if (!parse_steps(p, p->uid ? d->uid_args : d->args, *req) || !parse_end(p))
		return parse_failed(p);
	return p->bad_charset ? ERR_CHARSET : OK;
}
