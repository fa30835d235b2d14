#include "imap/server/autocreate.h"
#include "imap/server/specialuse.h"
#include "imap/store/list/mblist.h"
#include "imap/store/list/quota.h"
#include "imap/store/list/subs.h"
#include "lib/log.h"

#include <string.h>

bool
autocreate_allows(const struct conf *conf, const struct user *u)
{
	return conf_int(conf, CONF_AUTOCREATE_QUOTA) >= 0 && !u->id.is_admin
	    && !u->id.is_anonymous;
}

/* The next of *list, which "|" separates, without white space around it. */
static bool
next_folder(struct str *list, struct str *folder)
{
	do {
		if (list->n == 0)
			return false;
		const char *bar = memchr(list->p, '|', list->n);
		size_t n = bar != NULL ? (size_t)(bar - list->p) : list->n;
		*folder = (struct str){ list->p, n };
		list->p += n + (bar != NULL);
		list->n -= n + (bar != NULL);
		while (folder->n > 0 && *folder->p == ' ')
			folder->p++, folder->n--;
		while (folder->n > 0 && folder->p[folder->n - 1] == ' ')
			folder->n--;
	} while (folder->n == 0);
	return true;
}

/* "user.fred.Drafts" */
static struct str
below_inbox(const struct user *u, struct str folder, struct buf *name)
{
	buf_reset(name);
	buf_add_str(name, u->inbox);
	buf_addc(name, '.');
	buf_add_str(name, folder);
	return buf_str(name);
}

static void
create_folders(struct store *s, const struct conf *conf, const struct user *u)
{
	struct buf name = BUF_INIT;
	struct str list = str_c(conf_string(conf, CONF_AUTOCREATE_INBOX_FOLDERS)), folder;
	enum err e;
	while (next_folder(&list, &folder)) {
		struct mblist_create m = {
			.name = below_inbox(u, folder, &name),
			.specialuse = specialuse_of_folder(conf, folder),
		};
		if ((e = mblist_create(s, &m)) != OK && e != ERR_EXISTS)
			log_warning("autocreate: cannot make %s: %s", name.p, err_text(e));
	}
	list = str_c(conf_string(conf, CONF_AUTOCREATE_SUBSCRIBE_FOLDERS));
	while (next_folder(&list, &folder)) {
		e = subs_set(s, str_c(u->id.userid), below_inbox(u, folder, &name), true);
		if (e != OK)
			log_warning("autocreate: cannot subscribe to %s: %s", name.p,
			    err_text(e));
	}
	buf_free(&name);
}

static enum err
set_storage(struct store *s, struct str root, int64_t kb)
{
	struct quota_limits l = QUOTA_NO_LIMITS;

	l.kb = kb;
	return quota_set(s, root, &l);
}

enum err
autocreate(struct store *s, struct arena *arena, const struct conf *conf,
    const struct user *u)
{
	struct mbentry *inbox;
	if (!autocreate_allows(conf, u))
		return OK;
	enum err e = mblist_lookup(s, arena, u->inbox, &inbox);
	if (e != ERR_NOTFOUND)
		return e;
	struct mblist_create m = { .name = u->inbox };
	e = mblist_create(s, &m);
	if (e == ERR_EXISTS)		/* another session of his was faster */
		return OK;
	int64_t kb = conf_int(conf, CONF_AUTOCREATE_QUOTA);
	if (e == OK && kb > 0)
		e = set_storage(s, u->inbox, kb);
	if (e != OK) {
		log_err("autocreate: cannot make %.*s: %s", STR_ARG(u->inbox), err_text(e));
		return e;
	}
	log_notice("autocreate: made %.*s", STR_ARG(u->inbox));
	create_folders(s, conf, u);
	return OK;
}
