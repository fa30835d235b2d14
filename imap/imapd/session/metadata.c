/* metadata.c - METADATA responses (RFC 5464 section 4.4) */
#include "imap/imapd/session/metadata.h"

#include "imap/store/names/notes.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

static const char private_prefix[] = "/private", shared_prefix[] = "/shared";

bool
metadata_may(rights_t rights)
{
	return rights & ACL_LOOKUP
	    && rights & (ACL_READ | ACL_SEEN | ACL_WRITE | ACL_INSERT | ACL_POST);
}

static bool
is_private(struct str entry)
{
	return entry.n >= sizeof(private_prefix) - 1
	    && memcmp(entry.p, private_prefix, sizeof(private_prefix) - 1) == 0;
}

struct str
metadata_owner(const struct session *s, struct str entry)
{
	return is_private(entry) ? str_c(s->user->id.userid) : STR("");
}

struct str
metadata_entry(struct str entry)
{
	size_t n = is_private(entry) ? sizeof(private_prefix) - 1 : sizeof(shared_prefix) - 1;

	return (struct str){ entry.p + n, entry.n - n };
}

/* --- what there is --- */

enum err
metadata_of_mailbox(struct session *s, const struct mbentry *e, struct annots *a)
{
	const char *userid = s->user->id.userid;
	const struct annots *all;
	struct mbox *m;
	enum err err = mbox_open(s->store, e, userid, MBOX_PEEK | MBOX_READONLY, &m);

	if (err != OK)
		return err;
	err = mbox_annots(m, &all);
	for (size_t i = 0; err == OK && i < all->n && all->v[i].uid == 0; i++)
		if (all->v[i].owner.n == 0 || str_eq(all->v[i].owner, str_c(userid)))
			annots_put(a, &all->v[i]);
	mbox_close(m);
	if (err == OK && e->specialuse != NULL && user_owns(s->user, str_c(e->name)))
		annots_put(a, &(struct annot){ .owner = str_c(userid),
		    .entry = STR("/specialuse"), .value = str_c(e->specialuse) });
	return err;
}

enum err
metadata_of_server(struct session *s, struct annots *a)
{
	const char *admin = conf_string(s->server->conf, CONF_SERVERADMIN);
	enum err e = notes_read(s->store, STR(""), a);

	if (e == OK)
		e = notes_read(s->store, str_c(s->user->id.userid), a);
	if (e == OK && admin != NULL)
		annots_put(a, &(struct annot){ .owner = STR(""), .entry = STR("/admin"),
		    .value = str_c(admin) });
	return e;
}

/* --- what of it is asked for --- */

/* Is ONE the entry ASKED, or as deep below it as DEPTH says? */
static bool
is_asked(const struct annot *one, struct str asked, enum metadata_depth depth)
{
	struct str e = one->entry;

	if (str_eq(e, asked))
		return true;
	if (depth == DEPTH_NONE || e.n <= asked.n + 1
	    || (asked.n > 0 && memcmp(e.p, asked.p, asked.n) != 0) || e.p[asked.n] != '/')
		return false;
	return depth == DEPTH_ALL
	    || memchr(e.p + asked.n + 1, '/', e.n - asked.n - 1) == NULL;
}

struct answer {
	struct session *s;
	struct str name;
	bool any;			/* the line has begun */
	bool *told;			/* of each annotation: each once */
	size_t longest;
};

static void
put_value(struct reply *r, struct str value)
{
	/* Only a literal8 can hold a NUL. */
	if (value.n > 0 && memchr(value.p, '\0', value.n) != NULL) {
		reply_puts(r, "~");
		reply_literal(r, value);
	} else {
		reply_nstring(r, value);
	}
}

static void
put_entry(struct answer *w, bool private, struct str entry, struct str value)
{
	struct reply *r = w->s->reply;
	struct buf full = BUF_INIT;

	if (!w->any) {
		reply_puts(r, "* METADATA ");
		reply_astring(r, w->name);
		reply_puts(r, " (");
	} else {
		reply_puts(r, " ");
	}
	w->any = true;
	buf_adds(&full, private ? private_prefix : shared_prefix);
	buf_add_str(&full, entry);
	reply_astring(r, buf_str(&full));
	reply_puts(r, " ");
	put_value(r, value);
	buf_free(&full);
}

/* One entry of the request; one that is not there has the value NIL. */
static void
answer_entry(struct answer *w, const struct metadata_query *q, struct str asked,
    const struct annots *a)
{
	struct str owner = metadata_owner(w->s, asked), entry = metadata_entry(asked);
	bool found = false;

	for (size_t i = 0; i < a->n; i++) {
		const struct annot *one = &a->v[i];

		if (!str_eq(one->owner, owner) || !is_asked(one, entry, q->depth))
			continue;
		found = true;
		if (w->told[i])
			continue;
		w->told[i] = true;
		if (q->has_maxsize && one->value.n > q->maxsize)
			w->longest = one->value.n > w->longest ? one->value.n : w->longest;
		else
			put_entry(w, owner.n > 0, one->entry, one->value);
	}
	if (!found && entry.n > 0)
		put_entry(w, owner.n > 0, entry, (struct str){ NULL, 0 });
}

size_t
metadata_put(struct session *s, struct str name, const struct metadata_query *q,
    const struct annots *a)
{
	struct answer w = { .s = s, .name = name, .told = mem_zero(a->n + 1, sizeof(bool)) };
	const struct str *entry = q->entries.item;

	for (size_t i = 0; i < q->entries.count; i++)
		answer_entry(&w, q, entry[i], a);
	if (w.any)
		reply_puts(s->reply, ")\r\n");
	free(w.told);
	return w.longest;
}
