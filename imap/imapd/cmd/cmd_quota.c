/*
 * GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208)
 *
 * A quota root is named like a mailbox, and so it is translated like one.
 * "Resources not named in the list are not limited in the quota root."
 */
#include "imap/imapd/cmd/cmd.h"
#include "imap/store/list/quota.h"

/* What a client is told when a root is not there. */
static enum err
no_root(struct command *c, enum err e)
{
	if (e == ERR_NOTFOUND)
		c->text = "Quota root does not exist";
	return e;
}

static void
put_resource(struct session *s, const char *name, uint64_t used, int64_t limit, bool *first)
{
	if (limit == QUOTA_UNLIMITED)
		return;
	reply_printf(s->reply, "%s%s %llu %lld", *first ? "" : " ", name,
	    (unsigned long long)used, (long long)limit);
	*first = false;
}

/* quota-response = "QUOTA" SP astring SP quota-list */
static void
put_quota(struct session *s, struct str root, const struct quota *q)
{
	bool first = true;
	reply_puts(s->reply, "* QUOTA ");
	reply_astring(s->reply, root);
	reply_puts(s->reply, " (");
	put_resource(s, "STORAGE", q->used_bytes / 1024, q->limit.kb, &first);
	put_resource(s, "MESSAGE", q->used_messages, q->limit.messages, &first);
	put_resource(s, "MAILBOX", q->used_mailboxes, q->limit.mailboxes, &first);
	put_resource(s, "ANNOTATION-STORAGE", q->used_annotation / 1024,
	    q->limit.annotation_kb, &first);
	reply_puts(s->reply, ")\r\n");
}

/* Only administrators and the owner see a root by its name, as in Cyrus. */
enum err
run_getquota(struct session *s, struct command *c)
{
	struct str external = ((const struct mailbox_req *)c->req)->mailbox;
	struct str root;
	struct quota q;
	enum err e = session_mailbox(s, c, external, &root);
	if (e == OK && !s->user->id.is_admin && !user_owns(s->user, root))
		return ERR_DENIED;
	if (e == OK)
		e = quota_get(s->store, c->arena, root, &q);
	if (e == OK)
		put_quota(s, external, &q);
	return no_root(c, e);
}

/* Of others' mailboxes nobody learns whether they exist. */
static bool
may_foresee(const struct session *s, struct str name)
{
	return name.n > 0 && (s->user->id.is_admin || user_owns(s->user, name));
}

/* quotaroot-response = "QUOTAROOT" SP mailbox *(SP astring) */
enum err
run_getquotaroot(struct session *s, struct command *c)
{
	struct str external = ((const struct mailbox_req *)c->req)->mailbox;
	struct str name;
	struct mbentry *entry;
	rights_t rights;
	const char *root;
	struct quota q;
	enum err e = session_mailbox(s, c, external, &name);
	if (s->user->id.is_anonymous)	/* RFC 9208 section 8 */
		return ERR_DENIED;
	if (e == OK)
		e = session_lookup(s, c, name, s->user->id.is_admin ? 0 : ACL_READ,
		    &entry, &rights);
	/* "The mailbox name parameter doesn't have to reference an existing mailbox." */
	if (e == ERR_NOTFOUND && may_foresee(s, name))
		e = OK;
	if (e != OK)
		return e;
	e = quota_root_of(s->store, c->arena, name, &root);
	if (e != OK && e != ERR_NOTFOUND)
		return e;
	bool has_root = e == OK
	    && quota_get(s->store, c->arena, str_c(root), &q) == OK;
	struct buf outside = BUF_INIT;
	if (has_root)
		name_to_external(&s->names, str_c(root), &outside);
	reply_puts(s->reply, "* QUOTAROOT ");
	reply_astring(s->reply, external);
	if (has_root) {
		reply_puts(s->reply, " ");
		reply_astring(s->reply, buf_str(&outside));
	}
	reply_crlf(s->reply);
	if (has_root)
		put_quota(s, buf_str(&outside), &q);
	buf_free(&outside);
	return OK;
}

/* "Any previous resource limits for the named quota root are discarded." */
static enum err
wanted_limits(struct command *c, struct quota_limits *l)
{
	const struct setquota_req *r = c->req;
	const struct quota_limit *limit = r->limits.item;
	*l = QUOTA_NO_LIMITS;
	for (size_t i = 0; i < r->limits.count; i++)
		switch (limit[i].resource) {
		case RESOURCE_STORAGE:
			l->kb = limit[i].limit;
			break;
		case RESOURCE_MESSAGE:
			l->messages = limit[i].limit;
			break;
		case RESOURCE_MAILBOX:
			l->mailboxes = limit[i].limit;
			break;
		case RESOURCE_ANNOTATION_STORAGE:
			l->annotation_kb = limit[i].limit;
			break;
		case RESOURCE_OTHER:
			c->text = "There is no such resource here";
			return ERR_UNSUPPORTED;
		}
	return OK;
}

/* No limits at all take the root away. */
enum err
run_setquota(struct session *s, struct command *c)
{
	const struct setquota_req *r = c->req;
	struct quota_limits limits;
	struct str root;
	struct quota q;
	enum err e = session_mailbox(s, c, r->root, &root);
	if (e == OK && !s->user->id.is_admin)
		e = ERR_DENIED;
	if (e == OK)
		e = wanted_limits(c, &limits);
	if (e != OK)
		return e;
	if (r->limits.count == 0) {
		e = quota_remove(s->store, root);
		return e == ERR_NOTFOUND ? OK : e;
	}
	e = quota_set(s->store, root, &limits);
	/* It is set, whether we can say how much is used or not. */
	if (e == OK && quota_get(s->store, c->arena, root, &q) == OK)
		put_quota(s, r->root, &q);
	return e;
}
