/* SELECT, EXAMINE, CHECK, CLOSE, UNSELECT */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/session/annotating.h"
#include "imap/imapd/proto/objectid.h"
#include "imap/imapd/session/oldname.h"
#include "imap/imapd/session/resync.h"
#include "imap/imapd/session/sync.h"
#include "imap/imapd/session/watch.h"
#include "imap/store/list/quota.h"
#include "imap/store/mbox/txn.h"

/* A storage limit that is nearly used up deserves a word. */
static void
warn_of_quota(struct session *s, struct command *c, const struct mbentry *e)
{
	struct quota q;
	if (e->quotaroot == NULL
	    || quota_get(s->store, c->arena, str_c(e->quotaroot), &q) != OK
	    || q.limit.kb <= 0 || q.limit.kb > INT64_MAX / 1024)
		return;
	uint64_t limit = (uint64_t)q.limit.kb * 1024;
	uint64_t percent = q.used_bytes / (limit / 100 + 1);
	uint64_t from = (uint64_t)conf_int(s->server->conf, CONF_QUOTAWARN);
	if (q.used_bytes >= limit)
		reply_untagged(s->reply, "NO [ALERT] Mailbox is over quota");
	else if (percent >= from)
		reply_untagged(s->reply, "NO [ALERT] Mailbox is at %u%% of quota",
		    (unsigned)percent);
}

/* What RFC 9051 appendix E has taken out. */
static void
describe_rev1(struct session *s)
{
	uint32_t unseen = s->enabled & ENABLED_UIDONLY ? 0 : mbox_first_unseen(s->mbox);
	reply_untagged(s->reply, "%u RECENT", mbox_recent(s->mbox));
	if (unseen > 0)
		reply_untagged(s->reply, "OK [UNSEEN %u] Ok", unseen);
}

/*
 * The untagged responses that RFC 3501 section 6.3.1 and RFC 9051 section 6.3.2
 * ask for.  NAME is the internal one.
 */
static void
describe(struct session *s, const struct select_req *r, struct str name)
{
	struct mbox *m = s->mbox;
	sync_mailbox_flags(s);
	reply_untagged(s->reply, "%u EXISTS", mbox_count(m));
	if (session_is_rev2(s))
		oldname_put(s, r->mailbox, name, true);
	else
		describe_rev1(s);
	reply_untagged(s->reply, "OK [UIDVALIDITY %u] Ok", mbox_uidvalidity(m));
	struct buf id = BUF_INIT;
	objectid_put_mailbox(&mbox_entry(m)->id, &id);
	reply_untagged(s->reply, "OK [MAILBOXID %s] Ok", id.p);
	buf_free(&id);
	reply_untagged(s->reply, "OK [UIDNEXT %u] Ok", mbox_uidnext(m));
	sync_highest_modseq(s);
	reply_untagged(s->reply, "OK [URLMECH INTERNAL] Ok");	/* RFC 4467 section 7 */
	annotating_put_level(s);
}

static void
leave(struct session *s)
{
	session_deselect(s);
	server_status(s->server, s->client, s->user->name, NULL);
}

/*
 * "If the SELECT fails, the previously selected mailbox is deselected"; so it
 * goes first.  A user who may read but change nothing gets it read-only.
 */
static enum err
open_mailbox(struct session *s, struct command *c, bool examine)
{
	const struct select_req *r = c->req;
	struct str name;
	struct mbentry *e;
	rights_t rights;
	enum err err = resync_check(s, c, r);
	if (err != OK)
		return err;
	if (s->mbox != NULL)		/* RFC 7162 section 3.2.11 */
		reply_untagged(s->reply, "OK [CLOSED] Previous mailbox is closed");
	session_deselect(s);
	if (r->params & (SELECT_CONDSTORE | SELECT_QRESYNC))
		session_enable(s, ENABLED_CONDSTORE);
	err = session_mailbox(s, c, r->mailbox, &name);
	if (err == OK)
		err = session_lookup(s, c, name, ACL_READ, &e, &rights);
	if (err == OK && (e->flags & MB_NOSELECT))
		err = ERR_NOTFOUND;
	if (err != OK)
		return err;
	bool may_change = rights & (ACL_SEEN | ACL_WRITE | ACL_INSERT | ACL_DELETEMSG
	    | ACL_EXPUNGE | ACL_ANNOTATE);
	bool readonly = examine || !may_change;
	/* RFC 5257 section 3.4: to change his own annotations he needs r only. */
	unsigned annotates = examine ? 0 : annotating_may(s, rights);
	unsigned how = !readonly ? 0 : annotates == 0 ? MBOX_READONLY : MBOX_KEEP_RECENT;
	err = mbox_open(s->store, e, s->user->id.userid,
	    how | (session_is_rev2(s) ? MBOX_NO_RECENT : 0), &s->mbox);
	bool tells_annotations = s->watch != NULL && (s->tells & EVENT_ANNOTATION_CHANGE);
	if (err == OK && ((r->params & SELECT_ANNOTATE) || tells_annotations)) {
		err = mbox_watch_annots(s->mbox);
		if (err != OK)
			mbox_close(s->mbox);
	}
	if (err != OK) {
		s->mbox = NULL;
		return err;
	}
	s->state = STATE_SELECTED;
	s->rights = rights;
	s->examined = readonly;
	describe(s, r, name);
	if (str_eq(name, s->user->inbox))
		warn_of_quota(s, c, e);
	server_status(s->server, s->client, s->user->name, mbox_entry(s->mbox)->name);
	if (r->params & SELECT_QRESYNC)
		err = resync_select(s, c, r);
	if (err == OK)
		c->code = readonly ? "READ-ONLY" : "READ-WRITE";
	else				/* "no mailbox is selected" */
		leave(s);
	return err;
}

enum err
run_select(struct session *s, struct command *c)
{
	return open_mailbox(s, c, false);
}

enum err
run_examine(struct session *s, struct command *c)
{
	return open_mailbox(s, c, true);
}

/* All that was acknowledged is durable already: a NOOP (section 6.4.1). */
enum err
run_check(struct session *s, struct command *c)
{
	return run_noop(s, c);
}

/*
 * Expunges in silence, "no messages are removed, and no error is given, if the
 * mailbox is selected by an EXAMINE command or is otherwise selected
 * read-only".  If it fails the mailbox stays selected.
 */
enum err
run_close(struct session *s, struct command *c)
{
	(void)c;
	if (!s->examined && (s->rights & ACL_EXPUNGE)) {
		struct txn *t = txn_begin(s->mbox);
		txn_expunge(t, NULL, 0, false);
		enum err e = txn_commit(t);
		if (e == OK)
			watch_own_commit(s, s->mbox, txn_result(t));
		txn_abort(t);
		if (e != OK && e != ERR_STALE)
			return e;
	}
	leave(s);
	return OK;
}

enum err
run_unselect(struct session *s, struct command *c)
{
	(void)c;
	leave(s);
	return OK;
}
