/* STATUS: numbers of a mailbox without selecting it */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/session/status.h"

enum err
run_status(struct session *s, struct command *c)
{
	const struct status_req *r = c->req;
	struct str name;
	struct mbentry *e;
	rights_t rights;
	struct status st;
	if (!status_is_legal(s, c, r->items))
		return ERR_SYNTAX;
	enum err err = session_mailbox(s, c, r->mailbox, &name);
	if (err == OK)
		err = session_lookup(s, c, name, ACL_READ, &e, &rights);
	if (err == OK)
		err = status_read(s, e, r->items, &st);
	if (err == OK)
		status_put(s, r->mailbox, r->items, &st);
	return err;
}
