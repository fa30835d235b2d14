/* mbopen.c - the list of mailboxes when a process opens the store */
#include "imap/store/list/mblist.h"

#include "imap/store/list/mbdb.h"
#include "imap/store/list/mbverify.h"
#include "imap/store/names/mbpending.h"
#include "imap/store/names/mbrebuild.h"
#include "lib/lock.h"
#include "lib/log.h"

enum { MEND_WAIT_MS = 120000 };

static enum err
rebuild(struct store *s)
{
	enum err e = lock_exclusive(s->names_fd, LOCK_NAMES, -1);

	if (e != OK)
		return e;
	/* Somebody else may have done it while we waited. */
	e = mbdb_get(s, STR("F"), NULL);
	if (e == ERR_NOTFOUND)
		e = mblist_rebuild(s);
	lock_release(s->names_fd, LOCK_NAMES);
	return e;
}

enum err
mblist_open(struct store *s, const char *dir)
{
	enum err e = mbdb_open(s, dir);

	if (e == OK)
		e = mbdb_get(s, STR("F"), NULL);
	/* It opens and cannot be read: the second time it is moved away. */
	if (e == ERR_BUSY && s->list_missing) {
		mbdb_close(s);
		s->list_missing = false;
		e = mbdb_open(s, dir);
		if (e == OK)
			e = mbdb_get(s, STR("F"), NULL);
	}
	return e == ERR_NOTFOUND ? rebuild(s) : e;
}

/*
 * As at the opening of the store, but while the list is not whole the old
 * environment stays in its place: whoever asks it hears that it is stale, and
 * not that there is no such mailbox.
 */
static enum err
complete(struct store *s)
{
	struct kv *kv, *old;
	enum err e = mbdb_open_again(s, &kv);

	if (e != OK)
		return e;
	old = mbdb_swap(s, kv);
	e = mbdb_get(s, STR("F"), NULL);
	if (e == ERR_NOTFOUND)
		e = mblist_rebuild(s);
	kv_close(e == OK ? old : mbdb_swap(s, old));
	return e;
}

void
mblist_maintain(struct store *s)
{
	enum err e;

	if (!s->list_missing)
		return;
	/* Busy: somebody is building it, or changes names in the new one. */
	e = lock_exclusive(s->names_fd, LOCK_NAMES, 0);
	if (e != OK)
		return;
	e = complete(s);
	lock_release(s->names_fd, LOCK_NAMES);
	if (e != OK)
		log_err("mailboxes.db: cannot be built anew: %s", err_text(e));
	s->list_missing = e != OK;
}

enum err
mblist_mend(struct store *s, bool *was_damaged)
{
	enum err e = lock_exclusive(s->names_fd, LOCK_NAMES, MEND_WAIT_MS);

	*was_damaged = false;
	if (e != OK)
		return e;
	e = mbverify(s);
	if (e == ERR_CORRUPT) {
		*was_damaged = true;
		e = complete(s);
		s->list_missing = e != OK;
	}
	lock_release(s->names_fd, LOCK_NAMES);
	return e;
}

enum err
mblist_recover(struct store *s)
{
	enum err e = names_lock(s);

	if (e == OK)
		names_unlock(s);
	return e;
}

void
mblist_close(struct store *s)
{
	mbdb_close(s);
}
