/*
 * cmd_replace.c - REPLACE, UID REPLACE (RFC 8508)
 *
 * The new message comes and the old one goes in one step.  Only between two
 * partitions, which have a log each, there are two: the new one is durable
 * first, and if the old one cannot be removed then, the new one goes again.
 * Cut off in between both are there, and neither is lost.
 */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/session/compose.h"
#include "imap/imapd/session/target.h"
#include "imap/imapd/session/watch.h"
#include "imap/store/mbox/txn.h"
#include "lib/log.h"

#include <string.h>

/* The UID of the message that is to go. */
static enum err
find_old(struct session *s, struct command *c, uint32_t number, uint32_t *uid)
{
	uint32_t count = mbox_count(s->mbox), seq = number;

	if (number == 0)
		seq = count;
	else if (c->uid)
		seq = mbox_seq_from_uid(s->mbox, number);
	*uid = mbox_uid(s->mbox, seq);
	if (*uid != 0 && (!c->uid || number == 0 || *uid == number))
		return OK;
	c->text = "There is no such message";
	c->bad = !c->uid;
	return ERR_NOTFOUND;
}

/* The second step failed: as if the first had not been. */
static void
take_back(struct mbox *m, const struct txn_result *r)
{
	struct txn *t = txn_begin(m);

	txn_expunge(t, r->new_uids, r->new_count, true);
	if (txn_commit(t) != OK)
		log_warning("a replacement failed half way: both messages are there now");
	txn_abort(t);
}

/* The client must know the new UID before it hears that the old one is gone. */
static void
report(struct session *s, struct command *c, const struct composed *message,
    const struct txn_result *r)
{
	if (!message->may_be_told)
		return;
	append_uids(c, r);
	reply_untagged(s->reply, "OK [%s] Replacement message is there",
	    c->code != NULL ? c->code : "ALERT");
	c->code = NULL;
}

static enum err
replace(struct session *s, struct command *c, struct mbox *m, uint32_t uid,
    const struct composed *message)
{
	bool same = id128_eq(&mbox_entry(m)->id, &mbox_entry(s->mbox)->id);
	struct txn *t[2] = { txn_begin(same ? s->mbox : m), NULL };
	struct txn *removal = same ? t[0] : (t[1] = txn_begin(s->mbox));
	enum err e;

	txn_append(t[0], message->blob, &message->params);
	txn_expunge(removal, &uid, 1, true);
	txn_must_exist(removal);
	e = txn_commit_all(t, same ? 1 : 2, true);
	if (e == OK) {
		report(s, c, message, txn_result(t[0]));
		watch_own_commit(s, m, txn_result(t[0]));
	} else if (e == ERR_NOTFOUND)
		c->code = "EXPUNGEISSUED";	/* RFC 5530 section 3 */
	else if (e != ERR_UNKNOWN && txn_result(t[0])->new_count > 0)
		take_back(m, txn_result(t[0]));
	txn_abort(t[1]);
	txn_abort(t[0]);
	return e;
}

enum err
run_replace(struct session *s, struct command *c)
{
	const struct replace_req *req = c->req;
	struct composed message;
	struct mbox *m;
	rights_t rights;
	uint32_t uid;
	enum err e = session_may(s, ACL_DELETEMSG);

	if (e == OK)
		e = session_may(s, ACL_EXPUNGE);
	if (e == OK)
		e = find_old(s, c, req->number, &uid);
	if (e == OK)
		e = target_open(s, c, req->mailbox, &m, &rights);
	if (e != OK)
		return e;
	e = compose(s, c, &req->message, rights, &message);
	if (e == OK) {
		e = replace(s, c, m, uid, &message);
		compose_free(&message);
	}
	mbox_close(m);
	return e;
}
