/*
 * cmd_append.c - APPEND (RFC 3501 section 6.3.11, RFC 4315 section 3)
 *
 * The message is in c->blob, where the reader put it as it came; whether the
 * mailbox exists and there is room is known only now.
 */
#include "imap/imapd/cmd.h"
#include "imap/imapd/sync.h"
#include "imap/imapd/target.h"
#include "imap/store/blob.h"
#include "imap/store/txn.h"

/*
 * The flags that the user may set there.  RFC 4314 section 4, APPEND: without
 * the right the flag is not set, "the server MUST NOT fail the APPEND".
 */
static void
permitted_flags(const struct append_req *req, rights_t rights, struct append_params *p)
{
	p->flags = req->flags.system & sync_settable_flags(rights);
	if (rights & ACL_WRITE)
		p->keywords = (struct flag_names){ req->flags.keyword, req->flags.count };
}

static enum err
append(struct command *c, struct mbox *m, const struct append_params *p)
{
	struct txn *t = txn_begin(m);
	enum err e;

	txn_append(t, c->blob, p);
	e = txn_commit(t);
	if (e == OK) {
		const struct txn_result *r = txn_result(t);
		struct buf code = BUF_INIT;

		buf_printf(&code, "APPENDUID %u %u", r->uidvalidity, r->new_uids[0]);
		c->code = arena_copy(c->arena, code.p, code.n);
		buf_free(&code);
	} else if (e == ERR_STALE) {
		c->code = "TRYCREATE";
	} else if (e == ERR_LIMIT) {
		c->text = "Too many different keywords in this mailbox";
	}
	txn_abort(t);
	return e;
}

enum err
run_append(struct session *s, struct command *c)
{
	const struct append_req *req = c->req;
	struct append_params p = {
		.has_date = req->has_date, .internaldate = req->date.seconds,
		.zone_minutes = req->date.zone_minutes,
	};
	struct mbox *m;
	rights_t rights;
	enum err e;

	if (req->size == 0) {
		c->text = "A message of no bytes cannot be stored";
		return ERR_UNSUPPORTED;
	}
	e = target_open(s, c, req->mailbox, &m, &rights);
	if (e != OK)
		return e;
	permitted_flags(req, rights, &p);
	e = append(c, m, &p);
	mbox_close(m);
	return e;
}
