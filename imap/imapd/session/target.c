/* target.c - the mailbox that APPEND, COPY and MOVE put messages into */
#include "imap/imapd/session/target.h"

enum err
target_open(struct session *s, struct command *c, struct str name, struct mbox **m,
    rights_t *rights)
{
	struct mbentry *entry;
	struct str internal;
	enum err e = session_mailbox(s, c, name, &internal);

	if (e == OK)
		e = session_lookup(s, c, internal, ACL_INSERT, &entry, rights);
	if (e == OK && (entry->flags & MB_NOSELECT))
		e = ERR_NOTFOUND;
	if (e == OK)
		e = mbox_open(s->store, entry, s->user->id.userid, MBOX_PEEK, m);
	if (e == ERR_NOTFOUND)
		c->code = "TRYCREATE";
	return e;
}
