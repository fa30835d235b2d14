/*
 * mbcreate.c - making a mailbox
 *
 * The directory, cyrus.index and cyrus.header are made and flushed before the
 * transaction that puts the name into the list.  Killed before it, the files
 * are left, of an id that nobody knows; mbdir_choose() clears them away.  In
 * this order: what has a header is a whole mailbox to who builds the list anew.
 */
#include "imap/store/names/mbcreate.h"

#include "imap/disk/index.h"
#include "imap/store/list/mbdir.h"
#include "imap/store/list/mbname.h"
#include "imap/store/list/quota.h"
#include "imap/store/list/topic.h"
#include "imap/store/names/mbpending.h"
#include "lib/file.h"
#include "lib/log.h"

#include <string.h>
#include <unistd.h>

/* The owner's INBOX gives him all rights; else as the parent; else the default. */
static enum err
choose_acl(struct store *s, struct arena *arena, const struct mblist_create *c,
    const struct mbentry *parent, const char **acl)
{
	struct str owner = mblist_owner(c->name);
	struct buf b = BUF_INIT;
	enum err e = OK;

	if (c->acl != NULL)
		buf_adds(&b, c->acl);
	else if (parent != NULL && !mbname_is_inbox(c->name))
		buf_adds(&b, parent->acl);
	else if (owner.n > 0)
		e = acl_change(STR(""), owner, '=', ACL_ALL, &b);
	else if (s->params.default_acl != NULL)
		buf_adds(&b, s->params.default_acl);
	*acl = arena_copy(arena, b.p, b.n);
	buf_free(&b);
	return e != OK ? e : *acl != NULL ? OK : ERR_LIMIT;
}

static enum err
describe(struct store *s, struct arena *arena, const struct mblist_create *c,
    struct mbentry *e)
{
	struct mbentry *parent = NULL;
	enum err err = mblist_parent(s, arena, c->name, &parent);

	if (err != OK && err != ERR_NOTFOUND)
		return err;
	if (err == ERR_NOTFOUND)
		parent = NULL;
	*e = (struct mbentry){ .id = id128_new(), .specialuse = c->specialuse };
	e->name = arena_copy(arena, c->name.p, c->name.n);
	e->partition = c->partition != NULL ? c->partition :
	    parent != NULL ? parent->partition : s->params.default_partition;
	err = choose_acl(s, arena, c, parent, &e->acl);
	if (err == OK)
		err = quota_root_of(s, arena, c->name, &e->quotaroot);
	return err == ERR_NOTFOUND ? OK : err;
}

static enum err
write_files(int dirfd, const struct mbentry *e)
{
	struct mailbox_header h = {
		.name = e->name, .id = e->id, .uidvalidity = e->uidvalidity,
		.flags = e->flags, .acl = e->acl, .quotaroot = e->quotaroot,
		.specialuse = e->specialuse,
	};
	enum err err = index_create(dirfd, &e->id, e->uidvalidity, true);

	return err == OK ? header_write(dirfd, &h, true) : err;
}

static enum err
make_files(struct store *s, const struct mbentry *e)
{
	struct partition *part = store_partition_of(s, e->partition);
	enum err err;
	int dirfd;

	err = mbdir_make(part, e->dir, &dirfd);
	if (err != OK)
		return err;
	err = write_files(dirfd, e);
	if (err != OK)
		mbdir_empty(dirfd, e->dir);
	close(dirfd);
	if (err != OK)
		mbdir_prune(part, e->dir);
	return err;
}

static void
unmake_files(struct store *s, const struct mbentry *e)
{
	struct partition *part = store_partition_of(s, e->partition);
	int dirfd;

	if (file_open_dir(part->dirfd, e->dir, &dirfd) != OK)
		return;
	mbdir_empty(dirfd, e->dir);
	close(dirfd);
	mbdir_prune(part, e->dir);
}

/* Killed before enter(), the next change of names removes what there is. */
static enum err
announce(struct store *s, const struct mbentry *e)
{
	struct kv_txn *txn;
	enum err err = mbdb_begin(s, &txn);

	if (err != OK)
		return err;
	err = mbpending_add(txn, PENDING_COPY, &e->id, e->partition, e->dir);
	return mbdb_end(s, txn, err);
}

static enum err
enter(struct store *s, const struct mbentry *e)
{
	struct kv_txn *txn;
	enum err err = mbdb_begin(s, &txn);

	if (err != OK)
		return err;
	err = mbpending_remove(txn, PENDING_COPY, &e->id, e->partition, e->dir);
	if (err == OK)
		err = mbdb_note_uidvalidity(txn, e->uidvalidity);
	if (err == OK)
		err = mbdb_put(txn, e);
	return mbdb_end(s, txn, err);
}

/* --- special use --- */

struct use_search {
	struct str owner;
	const char *use;
	const char *except;		/* the mailbox that may have it */
	bool taken;
};

/* Have two lists of words, separated by blanks, one in common? */
static bool
have_common_word(const char *a, const char *b)
{
	while (*a != '\0') {
		size_t n = strcspn(a, " ");

		for (const char *w = b; *w != '\0';) {
			size_t m = strcspn(w, " ");

			if (n > 0 && m == n && memcmp(a, w, n) == 0)
				return true;
			w += m + strspn(w + m, " ");
		}
		a += n + strspn(a + n, " ");
	}
	return false;
}

static bool
note_use(void *ctx, const struct mbentry *e)
{
	struct use_search *u = ctx;

	u->taken = e->specialuse != NULL && str_eq(mblist_owner(str_c(e->name)), u->owner) &&
	    (u->except == NULL || strcmp(e->name, u->except) != 0) &&
	    have_common_word(e->specialuse, u->use);
	return !u->taken;
}

enum err
mbcreate_check_use(struct store *s, struct str name, const char *use, const char *except)
{
	struct use_search u = { .owner = mblist_owner(name), .use = use, .except = except };
	struct buf inbox = BUF_INIT;
	enum err e;

	if (use == NULL || u.owner.n == 0)
		return OK;
	buf_adds(&inbox, "user.");
	buf_add_str(&inbox, u.owner);
	e = mblist_walk(s, buf_str(&inbox), note_use, &u);
	buf_free(&inbox);
	return e == OK && u.taken ? ERR_DENIED : e;
}

static enum err
create(struct store *s, struct arena *arena, const struct mblist_create *c)
{
	struct mbentry *there, e;
	struct partition *part;
	struct buf dir = BUF_INIT;
	enum err err = mblist_lookup(s, arena, c->name, &there);

	if (err != ERR_NOTFOUND)
		return err == OK ? ERR_EXISTS : err;
	err = mbcreate_check_use(s, c->name, c->specialuse, NULL);
	if (err == OK)
		err = quota_check_mailbox(s, c->name);
	if (err == OK)
		err = describe(s, arena, c, &e);
	if (err != OK)
		return err;
	part = store_partition_of(s, e.partition);
	if (part == NULL)
		return ERR_NOTFOUND;
	err = mbdir_choose(s, part, c->name, false, &dir);
	e.dir = dir.p;
	if (err == OK)
		err = mbdb_new_uidvalidity(s, c->uidvalidity, &e.uidvalidity);
	if (err == OK)
		err = announce(s, &e);
	if (err == OK)
		err = make_files(s, &e);
	if (err == OK) {
		err = enter(s, &e);
		/*
		 * A commit that fails has not been done, nor will a recovery find it:
		 * Berkeley DB takes the record back when it cannot flush it.
		 */
		if (err != OK)
			unmake_files(s, &e);
	}
	buf_free(&dir);
	return err;
}

enum err
mblist_create(struct store *s, const struct mblist_create *c)
{
	struct arena *arena;
	enum err e = mblist_check_name(c->name);

	if (e == OK)
		e = names_lock(s);
	if (e != OK)
		return e;
	arena = arena_new(MBDB_ARENA);
	e = create(s, arena, c);
	arena_free(arena);
	names_unlock(s);
	if (e == OK)
		topic_publish(s, TOPIC_NAMES, c->name);
	return e;
}
