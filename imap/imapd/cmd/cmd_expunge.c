/* cmd_expunge.c - EXPUNGE, UID EXPUNGE (RFC 3501 section 6.4.3, RFC 4315) */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/session/msglimit.h"
#include "imap/imapd/session/selection.h"
#include "imap/imapd/session/sync.h"
#include "imap/store/mbox/txn.h"

enum err
run_expunge(struct session *s, struct command *c)
{
	const struct expunge_req *req = c->req;
	uint32_t *uids = NULL;
	size_t n = 0;
	enum err e = session_may(s, ACL_EXPUNGE);

	if (e == OK && c->uid)
		e = selection_uids(s, c, &req->set, &uids, &n);
	if (e != OK || (c->uid && n == 0))
		return e;
	if (c->uid)			/* no other is limited (RFC 9738 section 3.1) */
		msglimit_deleted(s, c, &uids, &n);

	struct txn *t = txn_begin(s->mbox);

	txn_expunge(t, uids, n, false);
	e = txn_commit(t);
	if (e == OK && txn_result(t)->expunged_count > 0)
		sync_expunged(s, c, false);
	txn_abort(t);
	return e;
}
