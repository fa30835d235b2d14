/* status.c - STATUS responses (RFC 9051 section 6.3.11) */
#include "imap/imapd/session/status.h"

#include "imap/imapd/proto/objectid.h"
#include "imap/imapd/session/sync.h"

bool
status_is_legal(const struct session *s, struct command *c, unsigned items)
{
	if (!session_is_rev2(s) || !(items & STATUS_RECENT))
		return true;
	c->text = "IMAP4rev2 has no RECENT";
	return false;
}

enum err
status_read(struct session *s, const struct mbentry *e, unsigned items, struct status *st)
{
	struct mbox *m;
	enum err err;

	if (e->flags & MB_NOSELECT)
		return ERR_NOTFOUND;
	if (items & STATUS_HIGHESTMODSEQ)
		sync_enable_condstore(s);
	st->id = e->id;
	st->deleted_bytes = 0;
	if (!(items & STATUS_DELETED_STORAGE) &&
	    mbox_glance(s->store, e, s->user->id.userid, &st->st) == OK)
		return OK;
	err = mbox_open(s->store, e, s->user->id.userid, MBOX_PEEK | MBOX_READONLY, &m);
	if (err != OK)
		return err;
	err = mbox_status(m, &st->st);
	if (err == OK && (items & STATUS_DELETED_STORAGE) && st->st.deleted > 0)
		err = mbox_deleted_bytes(m, &st->deleted_bytes);
	mbox_close(m);
	return err;
}

static void
put_value(struct session *s, enum status_item item, const struct status *st)
{
	struct buf id = BUF_INIT;

	switch (item) {
	case STATUS_MESSAGES:
		reply_number(s->reply, st->st.exists);
		break;
	case STATUS_RECENT:
		reply_number(s->reply, st->st.recent);
		break;
	case STATUS_UIDNEXT:
		reply_number(s->reply, st->st.uidnext);
		break;
	case STATUS_UIDVALIDITY:
		reply_number(s->reply, st->st.uidvalidity);
		break;
	case STATUS_UNSEEN:
		reply_number(s->reply, st->st.unseen);
		break;
	case STATUS_DELETED:
		reply_number(s->reply, st->st.deleted);
		break;
	case STATUS_DELETED_STORAGE:
		/* As "the sum of the RFC822.SIZE", which it may be: in octets. */
		reply_number(s->reply, st->deleted_bytes);
		break;
	case STATUS_SIZE:
		reply_number(s->reply, st->st.bytes);
		break;
	case STATUS_HIGHESTMODSEQ:
		reply_number(s->reply, st->st.highestmodseq);
		break;
	case STATUS_APPENDLIMIT:
		reply_number(s->reply, session_append_limit(s));
		break;
	case STATUS_MAILBOXID:
		objectid_put_mailbox(&st->id, &id);
		reply_put(s->reply, buf_str(&id));
		break;
	}
	buf_free(&id);
}

void
status_put(struct session *s, struct str name, unsigned items, const struct status *st)
{
	bool first = true;

	reply_puts(s->reply, "* STATUS ");
	reply_astring(s->reply, name);
	reply_puts(s->reply, " (");
	for (const struct word *w = status_words; w->name.n > 0; w++) {
		if (!(items & w->value))
			continue;
		reply_puts(s->reply, first ? "" : " ");
		reply_put(s->reply, w->name);
		reply_puts(s->reply, " ");
		put_value(s, w->value, st);
		first = false;
	}
	reply_puts(s->reply, ")\r\n");
}
