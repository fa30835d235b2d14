/*
 * cmd_store.c - STORE, UID STORE (RFC 3501 section 6.4.6, RFC 4314 section 4; RFC 5257)
 *
 * Each flag has its right: \Seen s, \Deleted t, all others w.  What the user
 * may not change is left alone; the command fails only if nothing that it
 * names may be changed, "as the tagged NO response to a STORE command is not
 * handled very well by deployed clients".
 */
#include "imap/imapd/cmd/cmd.h"
#include "imap/disk/uidset.h"
#include "imap/imapd/message/annotation.h"
#include "imap/imapd/proto/uidset_text.h"
#include "imap/imapd/session/annotating.h"
#include "imap/imapd/session/msglimit.h"
#include "imap/imapd/session/selection.h"
#include "imap/imapd/session/sync.h"
#include "imap/store/mbox/txn.h"

/* What of the request the user may do; ERR_DENIED if nothing is. */
static enum err
permit(const struct session *s, const struct store_req *req, struct store_params_flags *p)
{
	bool keywords = (s->rights & ACL_WRITE) != 0;

	p->op = req->op;
	p->mask = sync_settable_flags(s->rights);
	p->flags = req->flags.system & p->mask;
	p->keep_keywords = !keywords;
	if (keywords)
		p->keywords = (struct flag_names){ req->flags.keyword, req->flags.count };

	bool none_named = req->flags.system == 0 && req->flags.count == 0;
	bool any = p->flags != 0 || p->keywords.count > 0;

	if (any || (none_named && p->mask != 0))
		return OK;
	/* "FLAGS (...)" also takes flags away: that may be allowed. */
	return req->op == STORE_SET && p->mask != 0 ? OK : ERR_DENIED;
}

/* The messages that the command names. */
struct named {
	struct search_range *range;
	size_t ranges;
	uint32_t *uids;
	size_t n;
	bool uid;			/* by UID */
	bool down;			/* the highest first (RFC 9738 section 3.1) */
	struct uidset modified;		/* UIDs that failed UNCHANGEDSINCE */
};

/* "MODIFIED" SP sequence-set, of what the command was about (RFC 7162 section 3.1.3) */
static void
say_modified(struct session *s, struct command *c, const struct txn_result *r)
{
	struct buf code = BUF_INIT;
	uint32_t *n = arena_alloc(c->arena, (r->modified_count + 1) * sizeof(*n));

	for (size_t i = 0; n != NULL && i < r->modified_count; i++)
		n[i] = c->uid ? r->modified[i] : mbox_seq_from_uid(s->mbox, r->modified[i]);
	if (n != NULL && r->modified_count > 0) {
		buf_adds(&code, "MODIFIED ");
		uidset_text(n, r->modified_count, &code);
		c->code = arena_copy(c->arena, code.p, code.n);
		c->text = "Conditional STORE failed";
	}
	buf_free(&code);
}

/* What is to be done to them: to their flags, or to their annotations. */
struct change {
	bool annotates;
	struct store_params_flags flags;
	struct annotate_list annotations;
};

/* RFC 7162 section 3.1.12: what the client may take their flags to be. */
static const struct store_known *
what_was_known(struct session *s, struct command *c, const struct named *named,
    uint64_t since)
{
	uint64_t told = mbox_highestmodseq(s->mbox);
	struct store_known *known = s->known == NULL ? NULL
	    : arena_alloc(c->arena, named->n * sizeof(*known) + 1);

	for (size_t i = 0; known != NULL && i < named->n; i++)
		known[i] = known_find(s->known, named->uids[i], since, told);
	return known;
}

static enum err
commit(struct session *s, struct command *c, struct named *named, const struct change *change)
{
	struct txn *t = txn_begin(s->mbox);
	enum err e;

	if (change->annotates)
		txn_annotate_list(t, named->uids, named->n, &change->annotations);
	else
		txn_store(t, named->uids, named->n, &change->flags);
	e = txn_commit(t);
	if (e == OK) {
		const struct txn_result *r = txn_result(t);

		say_modified(s, c, r);
		for (size_t i = 0; i < r->modified_count; i++)
			uidset_add(&named->modified, r->modified[i], r->modified[i]);
	} else if (e == ERR_LIMIT && change->annotates) {
		annotating_too_many(c);
	} else if (e == ERR_LIMIT) {
		c->text = "Too many different keywords in this mailbox";
	}
	txn_abort(t);
	return e;
}

/* Has another session expunged one of them? (RFC 2180 section 4.2, RFC 5530) */
static bool
some_are_gone(struct session *s, const struct named *named)
{
	struct message msg;

	for (size_t i = 0; i < named->ranges; i++)
		for (uint32_t seq = named->range[i].first; seq <= named->range[i].last; seq++)
			if (mbox_message(s->mbox, seq, &msg) == OK && msg.expunged)
				return true;
	return false;
}

/*
 * The new flags of all messages named, those that had them already too; if
 * SILENT only their modseqs, to a client who wants these, and the flags of those
 * that were not changed because somebody else had.
 */
static void
answer(struct session *s, const struct named *named, bool silent)
{
	bool condstore = s->enabled & ENABLED_CONDSTORE;
	struct fetch_item modseq_item = { .op = FETCH_MODSEQ };
	struct fetch_item *modseq = condstore ? &modseq_item : NULL;
	struct fetch_item uid_item = { .op = FETCH_UID, .next = modseq };
	bool with_uid = named->uid || condstore || session_is_rev2(s);
	struct fetch_item *rest = with_uid ? &uid_item : modseq;
	struct fetch_item flags_item = { .op = FETCH_FLAGS, .next = rest };
	struct fetch_req brief = { .items = rest };
	struct fetch_req full = { .items = &flags_item, .has_flags = true };
	struct fetch_writer *w = sync_writer(s);
	struct message msg;

	for (size_t i = 0; i < named->ranges; i++) {
		struct search_range r = named->range[named->down ? named->ranges - 1 - i : i];

		for (uint32_t k = 0; k <= r.last - r.first; k++) {
			uint32_t seq = named->down ? r.last - k : r.first + k;

			if (mbox_message(s->mbox, seq, &msg) != OK || msg.expunged)
				continue;
			bool quiet = silent && !uidset_has(&named->modified, msg.uid);

			if (fetch_write(w, quiet ? &brief : &full, seq, false) != OK)
				break;
		}
	}
	fetch_writer_free(w);
}

static enum err
store(struct session *s, struct command *c, struct named *named, const struct change *change)
{
	/* "The ANNOTATION message data item ... has an implicit ".SILENT" behavior." */
	bool silent = change->annotates || ((const struct store_req *)c->req)->silent;
	enum err e = commit(s, c, named, change);

	/*
	 * New keywords must be announced before they are used in FETCH.  If the
	 * mailbox is gone meanwhile (BYE), or cannot be read, it is done all the
	 * same: who heard NO would do it again.  sync_after() meets that once more.
	 */
	if (e == OK && sync_send(s, c->arena, false, c->uid) != OK)
		return OK;
	/* A NO would make clients repeat what was done to the others. */
	if (e == OK && c->code == NULL && mbox_keeps_back(s->mbox)
	    && some_are_gone(s, named))
		c->code = "EXPUNGEISSUED";
	if (e == OK && (!silent || (s->enabled & ENABLED_CONDSTORE)))
		answer(s, named, silent);
	return e;
}

/*
 * RFC 5257 section 3.2.1: the command is BAD if one of the messages does not have
 * a body part that is named; then nothing is done.
 */
static enum err
check_parts(struct session *s, struct command *c, const struct named *named)
{
	const struct store_req *req = c->req;
	struct body body = BODY_INIT;
	enum err e = OK;

	if (!annotation_parts_named(&req->annotations))
		return OK;
	for (size_t i = 0; e == OK && i < named->n; i++) {
		uint32_t seq = mbox_seq_from_uid(s->mbox, named->uids[i]);

		body_reset(&body);
		e = mbox_cache(s->mbox, seq, CACHE_SECTIONS, &body.sections);
		if (e == OK)
			e = mbox_body(s->mbox, seq, &body.bytes);
		if (e == OK && !annotation_parts_set(&body, &req->annotations)) {
			c->text = "Some of these messages do not have such a body part";
			e = ERR_SYNTAX;
		}
	}
	body_free(&body);
	return e;
}

/* What the request wants, as far as the user may do it. */
static enum err
permit_change(struct session *s, struct command *c, struct change *change)
{
	const struct store_req *req = c->req;
	enum err e;

	change->annotates = req->annotations.entries.count > 0;
	if (!change->annotates) {
		change->flags = (struct store_params_flags){ .op = req->op,
		    .has_unchangedsince = req->has_unchangedsince,
		    .unchangedsince = req->unchangedsince };
		return s->examined ? ERR_READONLY : permit(s, req, &change->flags);
	}
	if (mbox_is_readonly(s->mbox))
		return ERR_READONLY;
	e = annotating_params(s, c, &req->annotations, annotating_here(s),
	    &change->annotations);
	change->annotations.has_unchangedsince = req->has_unchangedsince;
	change->annotations.unchangedsince = req->unchangedsince;
	return e;
}

enum err
run_store(struct session *s, struct command *c)
{
	const struct store_req *req = c->req;
	struct change change;
	struct named named = { .uid = c->uid, .modified = UIDSET_INIT };
	enum err e = permit_change(s, c, &change);

	if (e == OK)
		e = selection_ranges(s, c, &req->set, &named.range, &named.ranges);
	if (e == OK && req->has_unchangedsince)
		sync_enable_condstore(s);
	if (e == OK)
		named.down = msglimit_ranges(s, c, &named.range, &named.ranges);
	if (e == OK)
		e = msgset_uids(c->arena, s->mbox, named.range, named.ranges, &named.uids,
		    &named.n);
	if (e == OK && change.annotates)
		e = check_parts(s, c, &named);
	else if (e == OK && req->has_unchangedsince)
		change.flags.known = what_was_known(s, c, &named, req->unchangedsince);
	if (e == OK && named.n > 0)
		e = store(s, c, &named, &change);
	uidset_free(&named.modified);
	return e;
}
