/* mbopen.c - the list of mailboxes when a process opens the store */
#include "imap/store/mblist.h"

#include "imap/store/mbdb.h"
#include "imap/store/mbpending.h"
#include "imap/store/mbrebuild.h"
#include "lib/lock.h"

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
	return e == ERR_NOTFOUND ? rebuild(s) : e;
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
