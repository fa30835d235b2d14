/* STATUS: numbers of a mailbox without selecting it */
#include "imap/imapd/cmd.h"

enum status_item {
	STATUS_MESSAGES = 1,
	STATUS_RECENT = 2,
	STATUS_UIDNEXT = 4,
	STATUS_UIDVALIDITY = 8,
	STATUS_UNSEEN = 16,
};

static const struct {
	const char *name;
	enum status_item item;
} items[] = {
	{ "MESSAGES", STATUS_MESSAGES }, { "RECENT", STATUS_RECENT },
	{ "UIDNEXT", STATUS_UIDNEXT }, { "UIDVALIDITY", STATUS_UIDVALIDITY },
	{ "UNSEEN", STATUS_UNSEEN },
};
enum { ITEMS = sizeof(items) / sizeof(items[0]) };

struct status_req {
	struct str mailbox;
	unsigned items;
};

/* status-att = "MESSAGES" / "RECENT" / "UIDNEXT" / "UIDVALIDITY" / "UNSEEN" */
static bool
status_att(struct parser *p, unsigned *wanted)
{
	for (size_t i = 0; i < ITEMS; i++)
		if (parse_word(p, items[i].name)) {
			*wanted |= items[i].item;
			return true;
		}
	return parse_expect(p, "a status item");
}

/* status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")" */
enum err
parse_status(struct parser *p, void **req)
{
	struct status_req *r = arena_new_obj(p->arena, struct status_req);
	if (r == NULL)
		return ERR_LIMIT;
	*req = r;
	if (!parse_sp(p) || !parse_mailbox(p, &r->mailbox) || !parse_sp(p)
	    || !parse_char(p, '('))
		return parse_failed(p);
	do {
		if (!status_att(p, &r->items))
			return parse_failed(p);
	} while (parse_peek(p, ' ') && parse_sp(p));
	return parse_char(p, ')') && parse_end(p) ? OK : parse_failed(p);
}

static uint32_t
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
	for (size_t i = 0; i < ITEMS; i++) {
		if (!(r->items & items[i].item))
			continue;
		reply_puts(s->reply, first ? "" : " ");
		reply_puts(s->reply, items[i].name);
		reply_puts(s->reply, " ");
		reply_number(s->reply, number_of(st, items[i].item));
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
