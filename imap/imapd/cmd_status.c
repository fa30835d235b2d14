/* STATUS: numbers of a mailbox without selecting it */
#include "imap/imapd/cmd.h"

static uint64_t
number_of(const struct mbox_status *st, enum status_item item)
{
	switch (item) {
	case STATUS_MESSAGES:
		return st->exists;
	case STATUS_RECENT:
		return st->recent;
	case STATUS_UIDNEXT:
		return st->uidnext;
	case STATUS_UIDVALIDITY:
		return st->uidvalidity;
	case STATUS_UNSEEN:
		return st->unseen;
	case STATUS_DELETED:
		return st->deleted;
	case STATUS_SIZE:
		return st->bytes;
	}
	return 0;
}

static void
put_status(struct session *s, const struct status_req *r, const struct mbox_status *st)
{
	bool first = true;
	reply_puts(s->reply, "* STATUS ");
	reply_astring(s->reply, r->mailbox);
	reply_puts(s->reply, " (");
	for (const struct word *w = status_words; w->name.n > 0; w++) {
		if (!(r->items & w->value))
			continue;
		reply_puts(s->reply, first ? "" : " ");
		reply_put(s->reply, w->name);
		reply_puts(s->reply, " ");
		reply_number(s->reply, number_of(st, w->value));
		first = false;
	}
	reply_puts(s->reply, ")\r\n");
}

enum err
run_status(struct session *s, struct command *c)
{
	const struct status_req *r = c->req;
	struct str name;
	struct mbentry *e;
	rights_t rights;
	struct mbox *m;
	struct mbox_status st;
	if (session_is_rev2(s) && (r->items & STATUS_RECENT)) {
		c->text = "IMAP4rev2 has no RECENT";
		return ERR_SYNTAX;
	}
	enum err err = session_mailbox(s, c, r->mailbox, &name);
	if (err == OK)
		err = session_lookup(s, c, name, ACL_READ, &e, &rights);
	if (err == OK && (e->flags & MB_NOSELECT))
		err = ERR_NOTFOUND;
	if (err == OK)
		err = mbox_open(s->store, e, s->user->id.userid,
		    MBOX_PEEK | MBOX_READONLY, &m);
	if (err != OK)
		return err;
	err = mbox_status(m, &st);
	mbox_close(m);
	if (err == OK)
		put_status(s, r, &st);
	return err;
}
