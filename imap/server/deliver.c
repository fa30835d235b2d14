/* deliver.c - one message to any number of mailboxes */
#include "imap/server/deliver.h"

#include "imap/mime/mime.h"
#include "imap/server/domain.h"
#include "imap/server/name.h"
#include "imap/store/list/dup.h"
#include "imap/store/list/mblist.h"
#include "imap/store/list/quota.h"
#include "imap/store/mbox/mbox.h"
#include "imap/store/mbox/txn.h"
#include "lib/buf.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
	HEADER_MAX = 1 << 20,		/* where the Message-ID is looked for */
	GROUP_MAX = 500,		/* mailboxes in one commit */
	MAILBOX_FDS = 5,		/* directory, index, cache, history; one to spare */
	OTHER_FDS = 88,			/* the store, its databases and mailboxes just closed: 75 */
};

/* --- which mailbox --- */

/* PREFIX and PART, whose '.' are no separators, as a name in ARENA. */
static const char *
join(struct arena *arena, const char *prefix, struct str part, bool lowercase)
{
	size_t n = strlen(prefix);
	char *name = arena_alloc(arena, n + part.n + 1);

	if (name == NULL)
		return NULL;
	memcpy(name, prefix, n);
	for (size_t i = 0; i < part.n; i++) {
		char c = part.p[i];

		if (lowercase && c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		name[n + i] = c == '.' ? '^' : c;
	}
	return name;
}

/* NAME in DOMAIN, in ARENA. */
static const char *
in_domain(struct arena *arena, const char *name, struct str domain, const char *deleted)
{
	struct buf whole = BUF_INIT;
	const char *copy;

	if (name == NULL || domain.n == 0)
		return name;
	domain_put(str_c(name), deleted, domain, &whole);
	copy = arena_copy(arena, whole.p, whole.n);
	buf_free(&whole);
	return copy;
}

/* As join(), but the part is a mailbox name: '.' and '/' separate. */
static const char *
join_name(struct arena *arena, const char *prefix, struct str part)
{
	size_t n = strlen(prefix);
	bool dot = n > 0;
	char *name = arena_alloc(arena, n + dot + part.n + 1);

	if (name == NULL)
		return NULL;
	memcpy(name, prefix, n);
	if (dot)
		name[n++] = '.';
	for (size_t i = 0; i < part.n; i++)
		name[n + i] = part.p[i] == '/' ? '.' : part.p[i];
	return name;
}

/* Looks NAME up and asks for the right to post. */
static enum err
look(struct store *s, struct arena *arena, const struct identity *sender,
    const char *name, bool need_post, struct mbentry **e)
{
	enum err err;

	if (name == NULL)
		return ERR_LIMIT;
	if (mblist_check_name(str_c(name)) != OK)
		return ERR_NOTFOUND;
	err = mblist_lookup(s, arena, str_c(name), e);
	if (err != OK)
		return err;
	if ((*e)->flags & MB_NOSELECT)
		return ERR_NOTFOUND;
	if (need_post && !(mblist_rights(*e, sender) & ACL_POST))
		return ERR_DENIED;
	return OK;
}

/*
 * PART as an IMAP client would write it, below INBOX (the internal name of
 * USERID's) or, without USERID, at the top.  NULL: it is no such name.
 */
static const char *
client_name(struct arena *arena, char sep, const char *userid, struct str part)
{
	struct name_style style = {
		.sep = sep != '\0' ? sep : '.', .userid = userid, .is_admin = true,
	};
	struct buf outside = BUF_INIT, inside = BUF_INIT;
	const char *name = NULL;

	if (userid != NULL) {
		buf_adds(&outside, "INBOX");
		buf_addc(&outside, style.sep);
	}
	buf_add_str(&outside, part);
	if (name_to_internal(&style, buf_str(&outside), &inside) == OK)
		name = arena_copy(arena, inside.p, inside.n);
	buf_free(&outside);
	buf_free(&inside);
	return name;
}

/* A recipient's address: its domain in internal form, .n == 0 for none. */
struct address {
	struct str user, detail, domain;
	const char *deleted;		/* deletedprefix, for names */
};

/* The mailbox PART below PREFIX (""; or USERID's INBOX), in either spelling. */
static enum err
look_for_part(struct store *s, struct arena *arena, const struct deliver_policy *p,
    const struct identity *sender, const struct address *a, struct deliver_rcpt *r,
    struct mbentry **e)
{
	struct str domain = r->userid == NULL ? a->domain : STR("");
	const char *name = in_domain(arena, client_name(arena, p->sep, r->userid, a->detail),
	    domain, a->deleted);
	const char *prefix = r->userid != NULL ? r->mailbox : "";
	enum err err = name != NULL ? look(s, arena, sender, name, true, e) : ERR_NOTFOUND;

	if (err == ERR_NOTFOUND) {
		name = in_domain(arena, join_name(arena, prefix, a->detail), domain, a->deleted);
		err = look(s, arena, sender, name, true, e);
	}
	if (err == OK)
		r->mailbox = name;
	return err;
}

static enum err
resolve_shared(struct store *s, struct arena *arena, const struct deliver_policy *p,
    const struct identity *sender, const struct address *a, struct deliver_rcpt *r,
    struct mbentry **e)
{
	enum err err;

	r->userid = NULL;
	err = look_for_part(s, arena, p, sender, a, r, e);
	r->userid = "anonymous";
	return err;
}

static enum err
resolve_user(struct store *s, struct arena *arena, const struct deliver_policy *p,
    const struct identity *sender, const struct address *a,
    struct deliver_rcpt *r, struct mbentry **e)
{
	const char *inbox = in_domain(arena, join(arena, "user.", a->user, p->lowercase),
	    a->domain, a->deleted);
	struct mbentry *folder;
	enum err err;

	/* Anybody may send mail to a user: `p` is asked for folders only. */
	err = look(s, arena, sender, inbox, false, e);
	if (err != OK)
		return err;
	r->userid = inbox + strlen("user.");
	r->mailbox = r->inbox = inbox;
	if (a->detail.n > 0 && look_for_part(s, arena, p, sender, a, r, &folder) == OK)
		*e = folder;
	return OK;
}

/* False: the domain cannot be one. */
static bool
find_domain(struct arena *arena, const struct deliver_policy *p, struct str domain,
    struct address *a)
{
	struct buf in = BUF_INIT;
	bool ok = true;

	a->domain = STR("");
	if (p->domains == NULL || domain.n == 0)
		return true;
	a->deleted = conf_string(p->domains, CONF_DELETEDPREFIX);
	ok = domain_in(domain, &in);
	if (ok && !domain_is_home(p->domains, buf_str(&in))) {
		a->domain = (struct str){ arena_copy(arena, in.p, in.n), in.n };
		ok = a->domain.p != NULL;
	}
	buf_free(&in);
	return ok;
}

enum err
deliver_resolve(struct store *s, struct arena *arena, const struct deliver_policy *p,
    const struct identity *sender, struct str local, struct str domain,
    struct deliver_rcpt *r)
{
	struct address a = { .user = local, .detail = STR("") };
	struct str post = str_c(p->postuser != NULL ? p->postuser : "");
	const char *plus = local.n > 0 ? memchr(local.p, '+', local.n) : NULL;
	struct mbentry *e;
	enum err err;

	if (local.n == 0 || !find_domain(arena, p, domain, &a))
		return ERR_NOTFOUND;
	if (plus != NULL) {
		a.user.n = (size_t)(plus - local.p);
		a.detail = (struct str){ plus + 1, local.n - a.user.n - 1 };
	}
	err = ERR_NOTFOUND;
	if (plus != NULL && (a.user.n == 0 || str_ieq(a.user, post)))
		err = resolve_shared(s, arena, p, sender, &a, r, &e);
	/* There may be somebody of postuser's name. */
	if (a.user.n > 0 && (err == ERR_NOTFOUND || err == ERR_DENIED))
		err = resolve_user(s, arena, p, sender, &a, r, &e);
	if (err == OK && e->quotaroot != NULL && !r->ignore_quota)
		err = quota_check(s, str_c(e->quotaroot),
		    &(struct quota_change){ .bytes = 1, .messages = 1 }, true);
	return err;
}

/* --- delivery --- */

static struct str
message_id(struct arena *arena, struct blob *b)
{
	struct str header = blob_bytes(b), id, *ids;

	if (header.n > HEADER_MAX)
		header.n = HEADER_MAX;
	if (mime_field_value(arena, header, "message-id", &id) &&
	    mime_parse_msgids(arena, id, &ids) > 0)
		return ids[0];
	return (struct str){ "", 0 };
}

struct delivering {
	struct store *s;
	struct deliver_rcpt *r;
	struct mbox *m;
	struct txn *t;
	struct id128 id;
	struct str msgid;
	bool opened;			/* id is its mailbox's */
	const struct deliver_rcpt *same;	/* an earlier recipient's mailbox */
};

/* Under the mailbox's lock: has it come already? */
static bool
is_duplicate(void *ctx)
{
	struct delivering *d = ctx;
	int64_t when = 0;

	if (dup_check(d->s, d->msgid, &d->id, &when) != OK || when == 0)
		return false;
	log_info("dupelim: eliminated duplicate message to %s id %.*s",
	    d->r->mailbox, STR_ARG(d->msgid));
	d->r->duplicate = true;
	return true;
}

static void
remember(void *ctx, uint32_t uid)
{
	struct delivering *d = ctx;

	dup_mark(d->s, d->msgid, &d->id, time(NULL), uid);
}

static void
prepare(struct arena *arena, const struct deliver_policy *p, struct blob *b,
    struct delivering *d)
{
	struct append_params append = { .flags = d->r->flags };
	struct txn_guard guard = { is_duplicate, remember, d };
	struct mbentry *e;

	d->r->result = mblist_lookup(d->s, arena, str_c(d->r->mailbox), &e);
	if (d->r->result == OK)
		d->r->result = mbox_open(d->s, e, d->r->userid, MBOX_PEEK, &d->m);
	if (d->r->result != OK)
		return;
	d->id = e->id;
	d->opened = true;
	d->t = txn_begin(d->m);
	txn_may_overshoot(d->t);
	if (d->r->ignore_quota)
		txn_ignore_quota(d->t);
	if (p->suppress_duplicates && d->msgid.n > 0)
		txn_set_guard(d->t, &guard);
	txn_append(d->t, b, &append);
}

/* Two addresses of one mailbox: it gets one copy, and both hear how it went. */
static void
find_same(struct deliver_rcpt *r, struct delivering *d, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (!d[k].opened || d[k].same != NULL || !id128_eq(&d[k].id, &d[i].id))
			continue;
		d[i].same = &r[k];
		txn_abort(d[i].t);
		d[i].t = NULL;
		return;
	}
}

static void
finish(struct delivering *d)
{
	struct deliver_rcpt *r = d->r;

	if (d->t != NULL)
		r->result = txn_error(d->t);
	if (d->same != NULL) {
		r->result = d->same->result;
		r->uid = d->same->uid;
		r->duplicate = true;
	} else if (d->t != NULL && r->result == OK && !r->duplicate) {
		r->uid = txn_result(d->t)->new_uids[0];
		log_info("Delivered: <%.*s> to mailbox: %s uid=%u", STR_ARG(d->msgid),
		    r->mailbox, r->uid);
	}
	txn_abort(d->t);
	mbox_close(d->m);
}

/* One commit for the recipients FROM to END of D. */
static void
deliver_group(struct arena *arena, const struct deliver_policy *p, struct blob *b,
    struct deliver_rcpt *r, struct delivering *d, size_t from, size_t end)
{
	struct txn *txn[GROUP_MAX];
	size_t count = 0;

	for (size_t i = from; i < end; i++) {
		if (r[i].result == OK)
			prepare(arena, p, b, &d[i]);
		if (p->suppress_duplicates && d[i].t != NULL)
			find_same(r, d, i);
		if (d[i].t != NULL)
			txn[count++] = d[i].t;
	}
	/* Each transaction knows its own error, also of a failed commit. */
	if (count > 0 && txn_commit_all(txn, count, false) != OK)
		log_warning("delivery of %.*s failed for some or all recipients",
		    STR_ARG(d[from].msgid));
	for (size_t i = from; i < end; i++)
		finish(&d[i]);
}

/*
 * What if the folder is deleted or renamed between RCPT and here?  The address was
 * good, and still is: that of a folder that is not there means the INBOX, and a
 * permanent error would send the mail back.
 */
static bool
falls_back(struct deliver_rcpt *r)
{
	if ((r->result != ERR_NOTFOUND && r->result != ERR_STALE) || r->inbox == NULL ||
	    strcmp(r->mailbox, r->inbox) == 0)
		return false;
	r->mailbox = r->inbox;
	r->result = OK;
	return true;
}

/* How many mailboxes may be open at once, with all else a worker holds open. */
static size_t
group_size(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur < OTHER_FDS + MAILBOX_FDS)
		return 1;
	size_t n = (size_t)(r.rlim_cur - OTHER_FDS) / MAILBOX_FDS;
	return n < GROUP_MAX ? n : GROUP_MAX;
}

void
deliver_message(struct store *s, struct arena *arena, const struct deliver_policy *p,
    struct blob *b, struct deliver_rcpt *r, size_t n)
{
	struct delivering *d = mem_zero(n + 1, sizeof(*d));
	struct str msgid = message_id(arena, b);
	struct arena_mark mark = arena_mark(arena);
	size_t group = group_size(), end;

	for (size_t i = 0; i < n; i++)
		d[i] = (struct delivering){ .s = s, .r = &r[i], .msgid = msgid };
	for (size_t from = 0; from < n; from = end) {
		end = n - from < group ? n : from + group;
		deliver_group(arena, p, b, r, d, from, end);
		arena_rewind(arena, mark);
	}
	for (size_t i = 0; i < n; i++) {
		if (!falls_back(&r[i]))
			continue;
		d[i] = (struct delivering){ .s = s, .r = &r[i], .msgid = msgid };
		deliver_group(arena, p, b, r, d, i, i + 1);
		arena_rewind(arena, mark);
	}
	free(d);
}
