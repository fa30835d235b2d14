/*
 * cmd_fetch.c - FETCH, UID FETCH (RFC 3501 section 6.4.5)
 *
 * Where bodies are read \Seen is set first, for a batch of messages in one
 * commit, so that the answers can carry the new flags; a thousand messages
 * cost one flush of the log.  If that cannot be stored the client still gets
 * his messages.
 */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/message/fetch.h"
#include "imap/imapd/session/msglimit.h"
#include "imap/imapd/session/resync.h"
#include "imap/imapd/session/selection.h"
#include "imap/imapd/session/sync.h"
#include "imap/store/mbox/txn.h"

enum { BATCH = 1000 };

struct fetching {
	struct session *s;
	const struct fetch_req *req;
	struct fetch_writer *writer;
	bool mark_seen;
	bool down;			/* the highest first (RFC 9738 section 3.1) */
	bool gone;			/* a message's file was not there */
	enum err err;			/* the first other error */
	bool is_new[BATCH];		/* \Seen was set by this command */
};

/* Sets \Seen on those of FIRST..LAST that do not have it. */
static void
set_seen(struct fetching *f, uint32_t first, uint32_t last)
{
	static const struct store_params_flags seen = { .op = STORE_ADD, .flags = MSG_SEEN };
	uint32_t uids[BATCH];
	struct message msg;
	size_t n = 0;
	enum err e;

	for (uint32_t seq = first; seq <= last; seq++) {
		bool *is_new = &f->is_new[seq - first];

		*is_new = mbox_message(f->s->mbox, seq, &msg) == OK
		    && !(msg.flags & MSG_SEEN) && !msg.expunged;
		if (*is_new)
			uids[n++] = msg.uid;
	}
	if (n == 0)
		return;

	struct txn *t = txn_begin(f->s->mbox);

	txn_store(t, uids, n, &seen);
	e = txn_commit(t);
	txn_abort(t);
	if (e != OK)
		reply_untagged(f->s->reply, "NO The \\Seen flag could not be stored");
}

static void
fetch_batch(struct fetching *f, uint32_t first, uint32_t last)
{
	if (f->mark_seen)
		set_seen(f, first, last);
	for (uint32_t k = 0; k <= last - first; k++) {
		uint32_t seq = f->down ? last - k : first + k;
		enum err e = fetch_write(f->writer, f->req, seq,
		    f->mark_seen && f->is_new[seq - first]);

		if (e == ERR_NOTFOUND)
			f->gone = true;
		else if (e != OK && f->err == OK)
			f->err = e;
	}
}

/* Nobody listens any more: the rest need not be read from disk. */
static bool
is_hung_up(const struct fetching *f)
{
	return stream_error(f->s->reply->out) != OK;
}

static void
fetch_range(struct fetching *f, struct search_range r)
{
	while (!is_hung_up(f)) {
		bool rest = r.last - r.first < BATCH;
		uint32_t first = rest || !f->down ? r.first : r.last - BATCH + 1;
		uint32_t last = rest || f->down ? r.last : r.first + BATCH - 1;

		fetch_batch(f, first, last);
		if (rest)
			return;
		if (f->down)
			r.last = first - 1;
		else
			r.first = last + 1;
	}
}

/* Of N messages PARTIAL wants those at places low..high. */
static void
keep_partial(const struct partial_range *p, struct search_range *range, size_t *n)
{
	uint64_t low = p->first < p->last ? p->first : p->last;
	uint64_t high = p->first < p->last ? p->last : p->first;
	uint64_t total = 0, before = 0;
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++)
		total += range[i].last - range[i].first + UINT64_C(1);
	high = high > total ? total : high;
	if (p->from_end) {
		uint64_t from = total - high + 1;

		high = low > total ? 0 : total - low + 1;
		low = from;
	}
	for (size_t i = 0; i < *n; i++) {
		struct search_range r = range[i];
		uint64_t size = r.last - r.first + UINT64_C(1);
		uint64_t from = low > before ? low - before : 1;
		uint64_t to = high > before ? high - before : 0;

		to = to > size ? size : to;
		before += size;
		if (from <= to)
			range[kept++] = (struct search_range){ r.first + (uint32_t)(from - 1),
			    r.first + (uint32_t)(to - 1) };
	}
	*n = kept;
}

/* VANISHED needs CHANGEDSINCE, and QRESYNC enabled (RFC 7162 section 3.2.6). */
static enum err
check_modifiers(const struct session *s, struct command *c, const struct fetch_req *r)
{
	if (!r->vanished)
		return OK;
	if (!r->has_changedsince)
		c->text = "VANISHED needs CHANGEDSINCE";
	else if (!(s->enabled & ENABLED_QRESYNC))
		c->text = "QRESYNC has not been enabled";
	else
		return OK;
	return ERR_SYNTAX;
}

enum err
run_fetch(struct session *s, struct command *c)
{
	struct fetching f = { .s = s, .req = c->req };
	struct search_range *range;
	size_t n;
	enum err e = check_modifiers(s, c, f.req);

	/* RFC 5257 section 3.4: it may have been taken from him since SELECT. */
	if (e == OK && f.req->has_annotation && !(s->rights & ACL_READ))
		e = ERR_DENIED;
	if (e == OK)
		e = msglimit_partial(s, c, &f.req->partial);
	if (e == OK)
		e = selection_ranges(s, c, &f.req->set, &range, &n);
	if (e == OK && f.req->has_modseq)
		sync_enable_condstore(s);
	/* "first select the last 30 messages and then" (RFC 9394 section 3.4) */
	if (e == OK && f.req->partial.first != 0)
		keep_partial(&f.req->partial, range, &n);
	if (e == OK && f.req->has_changedsince)
		e = resync_fetch(s, c, f.req, &range, &n);
	if (e != OK)
		return e;
	f.down = msglimit_ranges(s, c, &range, &n);
	f.mark_seen = f.req->sets_seen && session_may(s, ACL_SEEN) == OK;
	f.writer = sync_writer(s);
	for (size_t i = 0; i < n; i++)
		fetch_range(&f, range[f.down ? n - 1 - i : i]);
	fetch_writer_free(f.writer);
	if (f.err == ERR_UNSUPPORTED) {
		c->code = "UNKNOWN-CTE";	/* RFC 3516 section 4.3 */
		c->text = "A part's transfer encoding is unknown";
	}
	if (f.err == ERR_SYNTAX)	/* RFC 5257 section 3.2.1 */
		c->text = "Some of these messages do not have such a body part";
	if (f.err == OK && f.gone) {
		c->code = "EXPUNGEISSUED";	/* RFC 5530 section 3 */
		c->text = "Some of these messages no longer exist";
		return ERR_NOTFOUND;
	}
	return f.err;
}
