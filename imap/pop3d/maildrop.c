/* maildrop.c - a mailbox as POP3 sees it */
#include "imap/pop3d/maildrop.h"

#include "imap/server/autocreate.h"
#include "imap/server/name.h"
#include "imap/store/list/mblist.h"
#include "imap/store/mbox/mbox_pop3.h"
#include "imap/store/mbox/txn.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OPEN_ARENA = 1 << 20 };

/* --- which mailbox --- */

/* Appends the internal name of FOLDER below the INBOX; in UTF-7 or UTF-8. */
static enum err
name_of(struct server *server, const struct user *user, struct str folder, struct buf *name)
{
	struct name_style style;
	struct buf external = BUF_INIT;
	enum err e;

	if (folder.n == 0) {
		buf_add_str(name, user->inbox);
		return OK;
	}
	name_style_init(&style, server->conf);
	style.userid = user->id.userid;
	style.utf8 = utf8_ascii_prefix(folder) < folder.n;
	style.alt = false;		/* there a folder may be called as it likes */
	buf_printf(&external, "INBOX%c%.*s", style.sep, STR_ARG(folder));
	e = name_to_internal(&style, buf_str(&external), name);
	buf_free(&external);
	return e;
}

/* May he read it, if that is asked (popuseacl)? */
static enum err
may_open(struct maildrop *d, const struct mbentry *e)
{
	rights_t rights = user_rights(d->user, e);

	if (!d->use_acl || (rights & ACL_READ))
		return OK;
	return rights & ACL_LOOKUP ? ERR_DENIED : ERR_NOTFOUND;
}

static enum err
open_mailbox(struct maildrop *d, struct arena *arena, struct str name)
{
	/* \Recent is IMAP's: told to a client that cannot hear it, it would be lost. */
	unsigned flags = d->use_flags ? 0 : MBOX_KEEP_RECENT;
	struct mbentry *entry;
	enum err e = mblist_lookup(d->server->store, arena, name, &entry);

	if (e == OK)
		e = entry->flags & MB_NOSELECT ? ERR_NOTFOUND : may_open(d, entry);
	if (e == OK)
		e = mbox_open(d->server->store, entry, d->user->id.userid, flags, &d->m);
	return e;
}

/* --- its messages --- */

static uint32_t
seq_of(const struct maildrop *d, uint32_t n)
{
	return d->seq != NULL ? d->seq[n - 1] : n;
}

/* With popuseimapflags what is \Deleted is not there. */
static enum err
hide_deleted(struct maildrop *d)
{
	struct message msg;
	uint32_t all = mbox_count(d->m), n = 0;
	enum err e = OK;

	d->seq = mem_get((size_t)all * sizeof(*d->seq));
	for (uint32_t seq = 1; seq <= all && e == OK; seq++) {
		e = mbox_message(d->m, seq, &msg);
		if (e == OK && !(msg.flags & MSG_DELETED))
			d->seq[n++] = seq;
	}
	d->count = n;
	return e;
}

/* The sum from the index's header if it is about this view, else from the records. */
static void
count_all(struct maildrop *d, const struct mbox_status *st)
{
	if (d->seq == NULL && st->exists == d->count && st->uidnext == mbox_uidnext(d->m) &&
	    st->highestmodseq == mbox_highestmodseq(d->m)) {
		d->all_bytes = st->bytes;
		return;
	}
	for (uint32_t n = 1; n <= d->count; n++)
		d->all_bytes += maildrop_size(d, n);
}

static enum err
take_stock(struct maildrop *d)
{
	struct mbox_status st;
	enum err e = mbox_status(d->m, &st);

	if (e != OK)
		return e;
	d->count = mbox_count(d->m);
	if (d->use_flags && st.deleted > 0)
		e = hide_deleted(d);
	if (e == OK) {
		d->mark = mem_zero((size_t)d->count + 1, 1);
		count_all(d, &st);
		maildrop_reset(d);
	}
	return e;
}

/* RFC 2449 section 6.5 */
static enum err
is_time(struct maildrop *d)
{
	const struct conf *conf = d->server->conf;

	return mbox_pop3_login(d->m, time(NULL), conf_seconds(conf, CONF_POPMINPOLL),
	    conf_int(conf, CONF_POPPOLLPADDING));
}

enum err
maildrop_open(struct server *server, struct user *user, struct str folder,
    struct maildrop *d)
{
	struct arena *arena = arena_new(OPEN_ARENA);
	struct buf name = BUF_INIT;
	enum err e;

	*d = (struct maildrop){
		.server = server, .user = user,
		.use_flags = conf_switch(server->conf, CONF_POPUSEIMAPFLAGS),
		.use_acl = conf_switch(server->conf, CONF_POPUSEACL),
	};
	e = server_open_store(server);
	/* As who he may not be: that is about him, not about the mailbox. */
	if (e == OK && (e = user_confirm(user, server->store)) == ERR_DENIED)
		e = ERR_AUTH;
	/* A failure is in the log; the user will hear that there is no mailbox. */
	if (e == OK && autocreate(server->store, arena, server->conf, user) != OK)
		log_debug("%s: no INBOX could be made", user->name);
	if (e == OK)
		e = name_of(server, user, folder, &name);
	if (e == OK)
		e = open_mailbox(d, arena, buf_str(&name));
	if (e == OK)
		e = is_time(d);
	if (e == OK)
		e = take_stock(d);
	if (e == ERR_AGAIN)
		log_info("%s: POP3 logins must be popminpoll apart", name.p);
	else if (e != OK)
		log_info("Unable to open maildrop %s of %s: %s", name.p, user->name, err_text(e));
	if (e != OK)
		maildrop_close(d);
	buf_free(&name);
	arena_free(arena);
	return e;
}

void
maildrop_close(struct maildrop *d)
{
	mbox_close(d->m);
	free(d->seq);
	free(d->mark);
	d->m = NULL;
	d->seq = NULL;
	d->mark = NULL;
}

enum err
maildrop_has(const struct maildrop *d, uint32_t n)
{
	if (n == 0 || n > d->count)
		return ERR_NOTFOUND;
	return maildrop_is_deleted(d, n) ? ERR_STALE : OK;
}

bool
maildrop_is_deleted(const struct maildrop *d, uint32_t n)
{
	return (d->mark[n - 1] & MARK_DELETED) != 0;
}

uint64_t
maildrop_size(struct maildrop *d, uint32_t n)
{
	struct message msg;

	return mbox_message(d->m, seq_of(d, n), &msg) == OK ? msg.size : 0;
}

uint32_t
maildrop_uid(struct maildrop *d, uint32_t n)
{
	return mbox_uid(d->m, seq_of(d, n));
}

/*
 * Nothing is read from a mailbox, or written to it, once it has been deleted.  Of
 * one that was moved to another partition it is not there any more: the client
 * has to come again.
 */
static enum err
look_again(struct maildrop *d)
{
	if (mbox_follow(d->m) != OK)
		log_debug("the new cyrus.index of the maildrop cannot be read");
	if (!mbox_lookup(d->m))
		return ERR_STALE;
	if (mbox_is_gone(d->m))
		return ERR_AGAIN;
	return may_open(d, mbox_entry(d->m)) == OK ? OK : ERR_DENIED;
}

enum err
maildrop_read(struct maildrop *d, uint32_t n, struct str *bytes, uint32_t *header_size)
{
	struct message msg;
	enum err e = look_again(d);

	if (e == OK)
		e = mbox_message(d->m, seq_of(d, n), &msg);
	if (e == OK)
		e = mbox_body(d->m, seq_of(d, n), bytes);
	/* It may be the whole mailbox that went, just now. */
	if (e == ERR_NOTFOUND && look_again(d) != OK)
		e = look_again(d);
	if (e == OK)
		*header_size = msg.header_size < bytes->n ? msg.header_size : (uint32_t)bytes->n;
	return e;
}

/* --- marks --- */

void
maildrop_retrieved(struct maildrop *d, uint32_t n)
{
	if (d->use_flags)
		d->mark[n - 1] |= MARK_SEEN;
}

enum err
maildrop_delete(struct maildrop *d, uint32_t n)
{
	if (d->use_acl && !(user_rights(d->user, mbox_entry(d->m)) & ACL_DELETEMSG))
		return ERR_DENIED;
	d->mark[n - 1] |= MARK_DELETED;
	d->left--;
	d->bytes -= maildrop_size(d, n);
	return OK;
}

void
maildrop_reset(struct maildrop *d)
{
	if (d->left < d->count || d->use_flags)
		memset(d->mark, 0, d->count);
	d->left = d->count;
	d->bytes = d->all_bytes;
}

/* The UIDs of what has the mark, rising; *n of them, the caller's. */
static uint32_t *
marked(struct maildrop *d, enum maildrop_mark mark, size_t *n)
{
	uint32_t *uids;

	*n = 0;
	for (uint32_t i = 0; i < d->count; i++)
		*n += (d->mark[i] & mark) != 0;
	uids = mem_get(*n * sizeof(*uids) + 1);
	*n = 0;
	for (uint32_t i = 0; i < d->count; i++)
		if (d->mark[i] & mark)
			uids[(*n)++] = maildrop_uid(d, i + 1);
	return uids;
}

/* One transaction, so one flush, and after a crash all of it or nothing. */
static enum err
commit(struct maildrop *d, const uint32_t *gone, size_t gone_n, const uint32_t *seen,
    size_t seen_n)
{
	struct store_params_flags add_seen = { .op = STORE_ADD, .flags = MSG_SEEN };
	struct txn *t = txn_begin(d->m);
	enum err e;

	if (seen_n > 0)
		txn_store(t, seen, seen_n, &add_seen);
	if (gone_n > 0)
		txn_expunge(t, gone, gone_n, true);
	e = txn_commit(t);
	if (e == OK && gone_n > 0)
		log_notice("Expunged %zu messages from %s", txn_result(t)->expunged_count,
		    mbox_entry(d->m)->name);
	txn_abort(t);
	return e;
}

enum err
maildrop_update(struct maildrop *d)
{
	size_t gone_n, seen_n;
	uint32_t *gone = marked(d, MARK_DELETED, &gone_n);
	uint32_t *seen = marked(d, MARK_SEEN, &seen_n);
	enum err e = OK;
	rights_t rights;

	if (gone_n + seen_n > 0)
		e = look_again(d);
	rights = d->use_acl ? user_rights(d->user, mbox_entry(d->m)) : ACL_ALL;
	if (!(rights & ACL_SEEN))
		seen_n = 0;
	if (e == OK && gone_n > 0 && !(rights & ACL_DELETEMSG))
		e = ERR_DENIED;
	if (e == OK && gone_n + seen_n > 0)
		e = commit(d, gone, gone_n, seen, seen_n);
	if (e != OK)
		log_info("maildrop %s of %s: nothing was deleted: %s",
		    mbox_entry(d->m)->name, d->user->name, err_text(e));
	free(gone);
	free(seen);
	return e;
}
