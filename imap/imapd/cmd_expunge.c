/* cmd_expunge.c - EXPUNGE, UID EXPUNGE (RFC 3501 section 6.4.3, RFC 4315) */
#include "imap/imapd/cmd.h"
#include "imap/imapd/selection.h"
#include "imap/store/txn.h"

/* Without UID before it EXPUNGE has no arguments: *REQ is NULL then. */
enum err
parse_expunge(struct parser *p, void **out)
{
	struct sequence_set *set = NULL;

	if (p->uid) {
		set = arena_new_obj(p->arena, struct sequence_set);
		if (!set)
			return ERR_LIMIT;
		if (!parse_sp(p) || !parse_sequence_set(p, set))
			return parse_failed(p);
	}
	*out = set;
	return parse_end(p) ? OK : parse_failed(p);
}

/* The EXPUNGE responses are the session loop's, with what others removed. */
enum err
run_expunge(struct session *s, struct command *c)
{
	const struct sequence_set *set = c->req;
	uint32_t *uids = NULL;
	size_t n = 0;
	enum err e = session_may(s, ACL_EXPUNGE);

	if (e == OK && set)
		e = selection_uids(s, c, set, &uids, &n);
	if (e != OK || (set && n == 0))
		return e;

	struct txn *t = txn_begin(s->mbox);

	txn_expunge(t, uids, n, false);
	e = txn_commit(t);
	txn_abort(t);
	return e;
}
