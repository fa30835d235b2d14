/*
 * CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE
 *
 * Who may: creating needs k on the nearest mailbox above; without one, only an
 * administrator may, and the user for his own INBOX and below it.  Deleting
 * needs x, renaming needs x on the old name (on all below it if it is no
 * mailbox itself) and what creating the new one needs.  Administrators have no x by themselves and must give it to
 * themselves first, as in Cyrus; moving a mailbox to another partition, its
 * name staying as it is, is theirs without it.
 */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/proto/objectid.h"
#include "imap/imapd/session/oldname.h"
#include "imap/imapd/session/watch.h"
#include "imap/server/autocreate.h"
#include "imap/server/specialuse.h"
#include "imap/server/usermove.h"
#include "imap/server/username.h"
#include "imap/store/list/mbname.h"
#include "imap/store/list/subs.h"
#include "imap/store/mbox/txn.h"
#include "lib/groups_own.h"
#include "lib/log.h"

/* --- CREATE --- */

/*
 * What lies above all accounts, and accounts of those whom SETACL takes for
 * somebody else, are no mailboxes.
 */
static bool
is_nobodys(struct str name)
{
	return str_eq(name, STR("user")) || str_eq(name, STR("user.anyone"))
	    || str_eq(name, STR("user.anonymous"));
}

/* May the user make a mailbox of this name? */
static enum err
may_create(struct session *s, struct command *c, struct str name)
{
	struct mbentry *parent;
	if (is_nobodys(name))
		return ERR_NAME;
	if (s->user->id.is_admin)
		return OK;
	if (str_eq(name, s->user->inbox))
		return autocreate_allows(s->server->conf, s->user) ? OK : ERR_DENIED;
	enum err e = mblist_parent(s->store, c->arena, name, &parent);
	if (e == ERR_NOTFOUND)
		return ERR_DENIED;
	if (e != OK)
		return e;
	return user_rights(s->user, parent) & ACL_CREATE ? OK : ERR_DENIED;
}

/*
 * "If the mailbox name is suffixed with the server's hierarchy separator
 * character, this is a declaration that the client intends to create mailbox
 * names under this name"; it changes nothing here.
 */
static struct str
without_separator(const struct session *s, struct str name)
{
	if (name.n > 1 && name.p[name.n - 1] == s->names.sep)
		name.n--;
	return name;
}

/* The user's own, as login would have made it. */
static enum err
create_inbox(struct session *s, struct command *c)
{
	struct mbentry *inbox;
	if (mblist_lookup(s->store, c->arena, s->user->inbox, &inbox) == OK)
		return ERR_EXISTS;
	return autocreate(s->store, c->arena, s->server->conf, s->user);
}

/* RFC 6154 section 3: only the owner's own folders are for something. */
static enum err
special_uses(struct session *s, struct command *c, struct str name, const char **uses)
{
	const struct create_req *r = c->req;
	const struct str *use = r->uses.item;
	struct buf list = BUF_INIT;
	enum err e = OK;
	for (size_t i = 0; e == OK && i < r->uses.count; i++)
		e = specialuse_add(use[i], &list);
	if (e == OK && list.n > 0 && !user_owns(s->user, name))
		e = ERR_UNSUPPORTED;
	if (e == OK && list.n > 0 && (*uses = arena_copy(c->arena, list.p, list.n)) == NULL)
		e = ERR_LIMIT;
	buf_free(&list);
	return e;
}

static enum err
create_failed(struct command *c, enum err e)
{
	if (e == ERR_NOTFOUND) {
		c->code = "CANNOT";
		c->text = "Partition does not exist";
	} else if (e == ERR_UNSUPPORTED) {
		c->code = "USEATTR";
		c->text = "There is no such special use here";
	} else if (e == ERR_DENIED) {
		c->code = "USEATTR";
		c->text = "Another mailbox has this special use";
	}
	return e;
}

/* "MUST include the MAILBOXID response code" (RFC 8474 section 4.1). */
static void
tell_id(struct session *s, struct command *c, struct str name)
{
	struct buf code = BUF_INIT;
	struct mbentry *e;
	if (mblist_lookup(s->store, c->arena, name, &e) == OK) {
		buf_adds(&code, "MAILBOXID ");
		objectid_put_mailbox(&e->id, &code);
		c->code = arena_copy(c->arena, code.p, code.n);
	}
	buf_free(&code);
}

static enum err
create(struct session *s, struct command *c, struct str name)
{
	const struct create_req *r = c->req;
	struct mblist_create m = { .name = name };
	if (str_eq(name, s->user->inbox) && !s->user->id.is_admin)
		return r->uses.count > 0 ? ERR_UNSUPPORTED : create_inbox(s, c);
	if (r->partition.n > 0
	    && (m.partition = arena_copy(c->arena, r->partition.p, r->partition.n)) == NULL)
		return ERR_LIMIT;
	enum err e = special_uses(s, c, name, &m.specialuse);
	return e == OK ? mblist_create(s->store, &m) : e;
}

enum err
run_create(struct session *s, struct command *c)
{
	const struct create_req *r = c->req;
	struct str name;
	enum err e = session_mailbox(s, c, without_separator(s, r->mailbox), &name);
	if (e == OK)
		e = may_create(s, c, name);
	if (e == OK && r->partition.n > 0 && !s->user->id.is_admin)
		e = ERR_DENIED;
	if (e != OK)
		return e;
	e = create(s, c, name);
	if (e != OK)
		return create_failed(c, e);
	watch_own_names(s, name, false);
	tell_id(s, c, name);
	if (session_is_rev2(s))
		oldname_put(s, r->mailbox, name, false);
	return OK;
}

/* --- DELETE --- */

/* Is NAME somebody's INBOX? */
static bool
is_account(struct str name)
{
	struct str owner = mblist_owner(name);
	return owner.p != NULL && owner.p + owner.n == name.p + name.n;
}

/*
 * INBOX cannot be deleted by its user.  An administrator's DELETE of user.X is
 * the end of the account: the mailboxes below go too, as in Cyrus.
 */
enum err
run_delete(struct session *s, struct command *c)
{
	struct str external = ((const struct mailbox_req *)c->req)->mailbox;
	struct str name;
	struct mbentry *entry;
	rights_t rights;
	enum err e = session_mailbox(s, c, external, &name);
	if (e == OK && str_eq(name, s->user->inbox))
		return ERR_DENIED;
	if (e == OK)
		e = session_lookup(s, c, name, ACL_DELETEMBOX, &entry, &rights);
	if (e != OK)
		return e;
	bool account = is_account(name);
	if (account && !s->user->id.is_admin)
		return ERR_DENIED;
	e = account ? mblist_delete_tree(s->store, name, false)
	    : mblist_delete(s->store, name, false);
	if (e == OK)
		watch_own_names(s, name, account);
	/* Who deletes what he has selected knows that it is gone. */
	if (e == OK && s->mbox != NULL && !mbox_lookup(s->mbox))
		session_deselect(s);
	if (e == OK && session_is_rev2(s))
		oldname_put_gone(s, external, name);
	return e;
}

/* --- RENAME --- */

/*
 * "The annotations are copied from the original INBOX to the renamed mailbox, i.e.,
 * mailbox annotations are preserved on the INBOX" (RFC 5464 section 4.1).
 */
static void
copy_annotations(struct txn *t, const struct annots *a)
{
	for (size_t i = 0; i < a->n && a->v[i].uid == 0; i++) {
		const struct annotate_params p = { .entry = a->v[i].entry,
		    .owner = a->v[i].owner, .value = a->v[i].value };
		txn_annotate(t, NULL, 0, &p);
	}
}

/* Moves all messages of one mailbox to another, in one step. */
static enum err
move_all(struct session *s, struct command *c, const struct mbentry *from,
    const struct mbentry *to)
{
	struct mbox *source = NULL, *target = NULL;
	const char *userid = s->user->id.userid;
	enum err e = mbox_open(s->store, from, userid, 0, &source);
	if (e == OK)
		e = mbox_open(s->store, to, userid, MBOX_PEEK, &target);
	uint32_t n = e == OK ? mbox_count(source) : 0;
	uint32_t *uids = e == OK ? arena_alloc(c->arena, (n + 1) * sizeof(*uids)) : NULL;
	if (e == OK && uids == NULL)
		e = ERR_LIMIT;
	for (uint32_t seq = 1; e == OK && seq <= n; seq++)
		uids[seq - 1] = mbox_uid(source, seq);
	const struct annots *a;
	if (e == OK)
		e = mbox_annots(source, &a);
	if (e == OK) {
		struct txn *t[2] = { txn_begin(target), txn_begin(source) };
		txn_copied_annots(t[0], COPY_SHARED | COPY_OWN | COPY_OTHERS);
		txn_copy(t[0], source, uids, n);
		txn_expunge(t[1], uids, n, true);
		copy_annotations(t[0], a);
		e = txn_commit_all(t, 2, true);
		for (int i = 0; i < 2 && e == OK; i++)
			watch_own_commit(s, i == 0 ? target : source, txn_result(t[i]));
		txn_abort(t[0]);
		txn_abort(t[1]);
	}
	mbox_close(target);
	mbox_close(source);
	return e;
}

/* After a move into it that failed with E: is nothing there, on the disk either? */
static bool
surely_empty(struct session *s, const struct mbentry *to, enum err e)
{
	struct mbox *m = NULL;
	bool empty;

	/* A flush that failed: what will be found there, nobody knows. */
	if (e == ERR_IO || e == ERR_UNKNOWN || mbox_open(s->store, to, s->user->id.userid, MBOX_READONLY, &m) != OK)
		return false;
	empty = mbox_count(m) == 0;
	mbox_close(m);
	return empty;
}

/*
 * "Renaming INBOX is permitted, and has special behavior.  It moves all
 * messages in INBOX to a new mailbox with the given name, leaving INBOX empty.
 * ... inferior names of INBOX are unaffected."  If the move fails the new
 * mailbox, empty, goes again; but never with messages that may be nowhere else.
 */
static enum err
rename_inbox(struct session *s, struct command *c, struct str to)
{
	struct mbentry *inbox, *new = NULL;
	struct mblist_create m = { .name = to };
	enum err e = mblist_lookup(s->store, c->arena, s->user->inbox, &inbox);
	if (e == OK)
		e = mblist_create(s->store, &m);
	if (e != OK)
		return e;
	watch_own_names(s, to, false);
	e = mblist_lookup(s->store, c->arena, to, &new);
	if (e == OK)
		e = move_all(s, c, inbox, new);
	if (e != OK && ((new != NULL && !surely_empty(s, new, e)) ||
	    mblist_delete(s->store, to, true) != OK))
		log_err("mailbox %.*s, made by a RENAME that failed, is left over; it may "
		    "hold messages", STR_ARG(to));
	return e;
}

struct below {
	struct session *s;
	struct str top;
	rights_t all, any;		/* that the user has on each, on one of them */
	bool is;			/* there is one */
};

static bool
look_below(void *ctx, const struct mbentry *e)
{
	struct below *b = ctx;
	rights_t rights;

	if (!mbname_is_in(str_c(e->name), b->top))
		return true;
	rights = user_rights(b->s->user, e);
	b->all &= rights;
	b->any |= rights;
	b->is = true;
	return true;
}

/* A name without a mailbox goes with all that is below it, so x is needed there. */
static enum err
may_rename_below(struct session *s, struct str name)
{
	struct below b = { .s = s, .top = name, .all = ~(rights_t)0 };
	enum err e = mblist_walk(s->store, name, look_below, &b);

	if (e != OK)
		return e;
	if (b.is && (b.all & ACL_DELETEMBOX))
		return OK;
	return b.any & ACL_LOOKUP ? ERR_DENIED : ERR_NOTFOUND;
}

static enum err
may_rename(struct session *s, struct command *c, struct str name, rights_t need)
{
	struct mbentry *entry;
	rights_t rights;
	enum err e = mblist_lookup(s->store, c->arena, name, &entry);

	if (e == ERR_NOTFOUND && need == ACL_DELETEMBOX && !is_nobodys(name))
		return may_rename_below(s, name);
	return e == OK ? session_lookup(s, c, name, need, &entry, &rights) : e;
}

/*
 * An account has another name: what names the person follows.  What could not is
 * no reason to say that the rename has failed, which a client would take for
 * "nothing has changed": it is told, and in the log.
 */
static void
move_user(struct session *s, struct command *c, struct str from, struct str to)
{
	struct str old = mblist_owner(from), new = mblist_owner(to);
	struct buf was = BUF_INIT, is = BUF_INIT;
	username_external(old, &was);
	username_external(new, &is);
	enum err e = groups_own_rename_user(s->server->config_dirfd, buf_str(&was), buf_str(&is));
	if (e != OK && e != ERR_NOTFOUND)
		log_err("%s is still called %s in the groups: %s", is.p, was.p, err_text(e));
	bool all = e == OK || e == ERR_NOTFOUND;
	e = usermove(s->store, c->arena, old, new);
	if (e != OK)
		log_err("not all rights, subscriptions and annotations of %s are %s's now: %s",
		    was.p, is.p, err_text(e));
	if (!all || e != OK) {
		c->code = "ALERT";
		c->text = "Renamed, but not all that names the user could follow; see the server's log";
	}
	buf_free(&was);
	buf_free(&is);
}

/* Both names and the rights on them. */
static enum err
check_rename(struct session *s, struct command *c, struct str *from, struct str *to)
{
	const struct rename_req *r = c->req;
	enum err e = session_mailbox(s, c, r->from, from);
	if (e == OK)
		e = session_mailbox(s, c, without_separator(s, r->to), to);
	bool stays = e == OK && str_eq(*from, *to);
	if (e == OK)
		e = may_rename(s, c, *from, stays ? ACL_ADMIN : ACL_DELETEMBOX);
	if (e == OK && r->partition.n > 0 && !s->user->id.is_admin)
		e = ERR_DENIED;
	if (e == OK && !stays)
		e = may_create(s, c, *to);
	/* Somebody's INBOX is moved by an administrator only. */
	if (e == OK && is_account(*from) && !s->user->id.is_admin
	    && !str_eq(*from, s->user->inbox))
		e = ERR_DENIED;
	return e;
}

enum err
run_rename(struct session *s, struct command *c)
{
	const struct rename_req *r = c->req;
	struct str from, to;
	const char *partition = NULL;
	enum err e = check_rename(s, c, &from, &to);
	if (e != OK)
		return e;
	if (r->partition.n > 0
	    && (partition = arena_copy(c->arena, r->partition.p, r->partition.n)) == NULL)
		return ERR_LIMIT;
	if (str_eq(from, to) && partition == NULL)
		return ERR_EXISTS;
	if (str_eq(from, s->user->inbox) && !s->user->id.is_admin)
		return rename_inbox(s, c, to);
	e = mblist_rename(s->store, from, to, partition);
	if (e == OK)
		watch_own_rename(s, from, to);
	if (e == OK && session_is_rev2(s)) {
		oldname_put_gone(s, r->from, from);
		oldname_put(s, r->to, to, false);
	}
	if (e == OK && is_account(from) && is_account(to) && !str_eq(from, to))
		move_user(s, c, from, to);
	return e;
}

/* --- subscriptions --- */

static enum err
set_subscription(struct session *s, struct command *c, bool subscribed)
{
	struct str external = ((const struct mailbox_req *)c->req)->mailbox;
	struct str name;
	enum err e = session_mailbox(s, c, external, &name);
	if (e != OK)
		return e;
	e = subs_set(s->store, str_c(s->user->id.userid), name, subscribed);
	if (e == OK)
		watch_own_names(s, name, false);
	return e;
}

/*
 * Only mailboxes that the user may know of: "A server MAY validate the mailbox
 * argument to SUBSCRIBE to verify that it exists."
 */
enum err
run_subscribe(struct session *s, struct command *c)
{
	struct str external = ((const struct mailbox_req *)c->req)->mailbox;
	struct str name;
	struct mbentry *entry;
	rights_t rights;
	enum err e = session_mailbox(s, c, external, &name);
	if (e == OK)
		e = session_lookup(s, c, name, ACL_LOOKUP, &entry, &rights);
	return e == OK ? set_subscription(s, c, true) : e;
}

enum err
run_unsubscribe(struct session *s, struct command *c)
{
	return set_subscription(s, c, false);
}
