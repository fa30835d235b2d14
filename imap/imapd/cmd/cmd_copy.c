/*
 * cmd_copy.c - COPY and MOVE (RFC 3501 section 6.4.7, RFC 4315, RFC 6851)
 *
 * All messages or none: "If the COPY command is unsuccessful for any reason,
 * server implementations MUST restore the destination mailbox to its state
 * before the COPY attempt."  One transaction is just that.  A MOVE commits
 * the copy and the removal in one step.
 */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/session/annotating.h"
#include "imap/imapd/session/msglimit.h"
#include "imap/imapd/session/selection.h"
#include "imap/imapd/session/sync.h"
#include "imap/imapd/session/target.h"
#include "imap/imapd/session/watch.h"
#include "imap/imapd/proto/uidset_text.h"
#include "imap/store/mbox/txn.h"

struct copying {
	struct mbox *target;
	rights_t rights;		/* on the target */
	uint32_t *uids;
	size_t n;
	bool move;
};

/* "COPYUID" SP uidvalidity SP source UIDs SP their new UIDs */
static void
copyuid(const struct txn_result *r, struct buf *code)
{
	buf_adds(code, "COPYUID ");
	buf_addu(code, r->uidvalidity);
	buf_addc(code, ' ');
	uidset_text(r->source_uids, r->new_count, code);
	buf_addc(code, ' ');
	uidset_text(r->new_uids, r->new_count, code);
}

/*
 * COPYUID goes into the tagged reply; MOVE says it before its EXPUNGEs.  "In the
 * case of a mailbox that has permissions set so that the client can COPY to the
 * mailbox, but not SELECT or EXAMINE it, the server MUST NOT send a COPYUID".
 */
static void
report(struct session *s, struct command *c, const struct txn_result *r,
    const struct copying *job)
{
	struct buf code = BUF_INIT;

	if (r->new_count == 0 || !(job->rights & ACL_READ))
		return;
	copyuid(r, &code);
	if (job->move) {
		reply_puts(s->reply, "* OK [");
		reply_put(s->reply, buf_str(&code));
		reply_puts(s->reply, "] Moved\r\n");
	} else {
		c->code = arena_copy(c->arena, code.p, code.n);
	}
	buf_free(&code);
}

/*
 * What is not there: "the target mailbox [...] can be created", a message that
 * somebody has expunged, or the selected mailbox itself?  Of that the client
 * hears a BYE, too.
 */
static void
say_what_is_missing(struct session *s, struct command *c, struct mbox *target, enum err e)
{
	if (!mbox_lookup(target)) {
		c->code = "TRYCREATE";
	} else if (mbox_is_gone(s->mbox)) {
		c->code = "UNAVAILABLE";
		c->text = "The selected mailbox was deleted or moved meanwhile";
	} else if (e == ERR_NOTFOUND) {
		c->code = "EXPUNGEISSUED";
		c->text = "A message was expunged meanwhile";
	}
}

static enum err
copy(struct session *s, struct command *c, const struct copying *job)
{
	struct txn *t[2] = { txn_begin(job->target), NULL };
	bool move = job->move;
	enum err e;

	/* RFC 4314 section 4, COPY: flags that may not be set are left out. */
	txn_drop_flags(t[0], ~sync_settable_flags(job->rights), !(job->rights & ACL_WRITE));
	/* RFC 5257 section 4.6: as well. */
	txn_copied_annots(t[0], annotating_may(s, job->rights));
	txn_copy(t[0], s->mbox, job->uids, job->n);
	if (move) {
		t[1] = txn_begin(s->mbox);
		txn_expunge(t[1], job->uids, job->n, true);
	}
	e = txn_commit_all(t, move ? 2 : 1, true);
	if (e == OK) {
		report(s, c, txn_result(t[0]), job);
		watch_own_commit(s, job->target, txn_result(t[0]));
		if (move && txn_result(t[1])->expunged_count > 0)
			sync_expunged(s, c, true);	/* RFC 6851 section 4.4 */
	} else if (e == ERR_NOTFOUND || e == ERR_STALE) {
		say_what_is_missing(s, c, job->target, e);
	}
	txn_abort(t[1]);
	txn_abort(t[0]);
	return e;
}

static enum err
copy_or_move(struct session *s, struct command *c, bool move)
{
	const struct copy_req *req = c->req;
	struct copying job = { .move = move };
	uint32_t max = msglimit_for_saving(s);
	enum err e = selection_uids(s, c, &req->set, &job.uids, &job.n);

	if (e == OK && move)
		msglimit_uids(s, c, &job.uids, &job.n);
	else if (e == OK && job.n > max)
		e = msglimit_refuse(c, max, job.uids[job.n - max]);
	if (e == OK)
		e = target_open(s, c, req->mailbox, &job.target, &job.rights);
	if (e == OK && job.n > 0)
		e = copy(s, c, &job);
	mbox_close(job.target);
	return e;
}

enum err
run_copy(struct session *s, struct command *c)
{
	return copy_or_move(s, c, false);
}

/* RFC 6851 section 4.1: the user needs what STORE \Deleted and EXPUNGE need. */
enum err
run_move(struct session *s, struct command *c)
{
	enum err e = session_may(s, ACL_DELETEMSG);

	if (e == OK)
		e = session_may(s, ACL_EXPUNGE);
	return e == OK ? copy_or_move(s, c, true) : e;
}
