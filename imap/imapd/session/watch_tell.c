/* watch_tell.c - LIST, STATUS, METADATA responses (RFC 5465 section 5) */
#include "imap/imapd/session/watch_tell.h"

#include "imap/imapd/session/list.h"
#include "imap/imapd/session/status.h"

static void
put_attribute(struct reply *r, const char *attribute, bool *first)
{
	reply_puts(r, *first ? "" : " ");
	reply_puts(r, attribute);
	*first = false;
}

static void
put_attributes(struct session *s, const struct list_name *n, unsigned flags)
{
	struct reply *r = s->reply;
	bool first = true;

	if (!n->exists || (flags & TELL_GONE))
		put_attribute(r, "\\NonExistent", &first);
	else if (n->noselect)
		put_attribute(r, "\\Noselect", &first);
	if (flags & TELL_NO_ACCESS)
		put_attribute(r, "\\NoAccess", &first);
	if (n->subscribed)
		put_attribute(r, "\\Subscribed", &first);
	if (n->exists && n->specialuse != NULL && n->specialuse[0] != '\0')
		put_attribute(r, n->specialuse, &first);
	put_attribute(r, n->children == CHILDREN_SOME ? "\\HasChildren" : "\\HasNoChildren",
	    &first);
}

static void
put_name(struct session *s, struct str internal)
{
	struct buf name = BUF_INIT;

	name_to_external(&s->names, internal, &name);
	reply_astring(s->reply, buf_str(&name));
	buf_free(&name);
}

void
watch_tell_name(struct session *s, struct arena *arena, struct str name, unsigned flags,
    struct str old)
{
	struct arena_mark mark = arena_mark(arena);
	struct list_name n;

	list_one(s, arena, name, &n);
	reply_puts(s->reply, "* LIST (");
	put_attributes(s, &n, flags);
	reply_printf(s->reply, ") \"%c\" ", s->names.sep);
	put_name(s, name);
	if (old.p != NULL) {
		reply_puts(s->reply, " (\"OLDNAME\" (");
		put_name(s, old);
		reply_puts(s->reply, "))");
	}
	reply_crlf(s->reply);
	arena_rewind(arena, mark);
}

void
watch_tell_status(struct session *s, const struct watched *w, unsigned items,
    const struct mbox_status *st)
{
	const struct status status = { .st = *st, .id = w->id };
	struct buf name = BUF_INIT;

	name_to_external(&s->names, w->name, &name);
	status_put(s, buf_str(&name), items, &status);
	buf_free(&name);
}

/* --- METADATA --- */

struct telling {
	struct session *s;
	struct str name;
	bool any;
};

static void
put_entry(void *ctx, bool private, struct str entry)
{
	struct telling *t = ctx;
	struct buf full = BUF_INIT;

	if (!t->any) {
		reply_puts(t->s->reply, "* METADATA ");
		if (t->name.n > 0)
			put_name(t->s, t->name);
		else
			reply_puts(t->s->reply, "\"\"");
	}
	t->any = true;
	buf_adds(&full, private ? "/private" : "/shared");
	buf_add_str(&full, entry);
	reply_puts(t->s->reply, " ");
	reply_astring(t->s->reply, buf_str(&full));
	buf_free(&full);
}

void
watch_tell_notes(struct session *s, struct str name, const struct told_notes *was,
    const struct told_notes *is)
{
	struct telling t = { .s = s, .name = name };

	told_notes_compare(was, is, put_entry, &t);
	if (t.any)
		reply_crlf(s->reply);
}

void
watch_tell_overflow(struct session *s)
{
	reply_untagged(s->reply, "OK [NOTIFICATIONOVERFLOW] There is too much to tell; "
	    "nothing will be told until the next NOTIFY");
}
