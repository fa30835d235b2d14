/*
 * cmd_append.c - APPEND (RFC 9051 section 6.3.12), of several messages (RFC 3502)
 *
 * The messages are in blobs, where the reader put them as they came; whether
 * the mailbox exists and there is room is known only now.  One transaction
 * takes all of them or none.
 */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/proto/uidset_text.h"
#include "imap/imapd/session/compose.h"
#include "imap/imapd/session/msglimit.h"
#include "imap/imapd/session/target.h"
#include "imap/imapd/session/watch.h"
#include "imap/store/mbox/txn.h"

static enum err
append_all(struct session *s, struct command *c, struct mbox *m, const struct composed *message, size_t n)
{
	struct txn *t = txn_begin(m);
	enum err e;

	for (size_t i = 0; i < n; i++)
		txn_append(t, message[i].blob, &message[i].params);
	e = txn_commit(t);
	if (e == OK) {
		if (message->may_be_told)
			append_uids(c, txn_result(t));
		watch_own_commit(s, m, txn_result(t));
	} else if (e == ERR_STALE) {
		c->code = "TRYCREATE";
	} else if (e == ERR_LIMIT) {
		c->text = "Too many different keywords in this mailbox";
	}
	txn_abort(t);
	return e;
}

void
append_uids(struct command *c, const struct txn_result *r)
{
	struct buf code = BUF_INIT;

	buf_printf(&code, "APPENDUID %u ", r->uidvalidity);
	uidset_text(r->new_uids, r->new_count, &code);
	c->code = arena_copy(c->arena, code.p, code.n);
	buf_free(&code);
}

enum err
run_append(struct session *s, struct command *c)
{
	const struct append_req *req = c->req;
	const struct append_message *a = req->messages.item;
	size_t n = req->messages.count, made = 0;
	struct composed *message = arena_alloc(c->arena, n * sizeof(*message));
	struct mbox *m;
	rights_t rights;
	enum err e;

	if (message == NULL)
		return ERR_LIMIT;
	if (n > msglimit_for_saving(s))
		return msglimit_refuse(c, msglimit_for_saving(s), 0);
	e = target_open(s, c, req->mailbox, &m, &rights);
	if (e != OK)
		return e;
	while (made < n && e == OK) {
		e = compose(s, c, &a[made], rights, &message[made]);
		made += e == OK;
	}
	if (e == OK)
		e = append_all(s, c, m, message, n);
	for (size_t i = 0; i < made; i++)
		compose_free(&message[i]);
	mbox_close(m);
	return e;
}
