/*
 * check.c - making a mailbox right again from what is there
 *
 * Order: a new UIDVALIDITY if one is needed; lock; finish what the log holds
 * for the mailbox, as far as the old index can still be opened; read the old
 * records; list the files; compute the new records; give files that change
 * their UID a second name; write cyrus.header; put the new index in the old
 * one's place (durably); mark the old one replaced; take the old names away;
 * make cyrus.history fit it.
 * A crash before the rename of the index changes nothing that clients see,
 * after it the mailbox is right: its base LSN keeps replay from applying the
 * log to it.  Second names that a crash has left are met again by the next
 * run, which knows them by their inode.
 */
#include "imap/store/check.h"

#include "imap/disk/history.h"
#include "imap/disk/ranks.h"
#include "imap/disk/spool.h"
#include "imap/store/check_in.h"
#include "imap/store/list/mbdir.h"
#include "imap/store/list/quota.h"
#include "imap/store/names/mbpending.h"
#include "imap/store/upkeep/checkpoint.h"
#include "imap/store/upkeep/recover.h"
#include "lib/buf.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LOCK_WAIT_MS = 60000,
	HEADER_ARENA = 4 << 20,
};

/* --- cyrus.header --- */

static bool
same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Flags that messages have but whose names are lost get some name. */
static void
name_keywords(struct checking *c, struct arena *arena)
{
	uint64_t used[2] = { 0, 0 };

	for (uint32_t i = 0; i < c->news; i++) {
		used[0] |= c->new[i].keywords[0];
		used[1] |= c->new[i].keywords[1];
	}
	for (unsigned i = 0; i < MBOX_KEYWORDS; i++) {
		struct buf name = BUF_INIT;

		if (!(used[i / 64] >> i % 64 & 1) || c->header.keyword[i] != NULL)
			continue;
		buf_printf(&name, "recovered-%u", i);
		check_report(c, "the name of a flag is lost; it is called %s now", name.p);
		c->header.keyword[i] = arena_copy(arena, name.p, name.n);
		c->header_changed = c->res->changed = true;
		buf_free(&name);
	}
}

static enum err
check_header(struct checking *c, struct arena *arena)
{
	struct mailbox_header *h = &c->header;
	enum err e = header_read(c->dirfd, arena, h);

	if (e != OK && e != ERR_NOTFOUND && e != ERR_CORRUPT)
		return e;
	if (e != OK)
		memset(h, 0, sizeof(*h));
	if (e != OK || !same(h->name, c->e->name) || !id128_eq(&h->id, &c->e->id) ||
	    h->uidvalidity != c->e->uidvalidity || !same(h->acl, c->e->acl) ||
	    !same(h->quotaroot, c->e->quotaroot) || !same(h->specialuse, c->e->specialuse)) {
		check_report(c, "cyrus.header %s; it is made from the list of mailboxes",
		    e == OK ? "is out of date" : e == ERR_NOTFOUND ? "is missing" : "is damaged");
		c->header_changed = true;
	}
	h->name = c->e->name;
	h->id = c->e->id;
	h->uidvalidity = c->e->uidvalidity;
	h->flags = c->e->flags;
	h->acl = c->e->acl;
	h->quotaroot = c->e->quotaroot;
	h->specialuse = c->e->specialuse;
	name_keywords(c, arena);
	return OK;
}

/* --- putting it in place --- */

/* Second names for the files whose UID changes. */
static enum err
link_moved(struct checking *c)
{
	enum err e = OK;

	for (uint32_t i = 0; e == OK && i < c->moves; i++) {
		char from[SPOOL_NAME];
		bool copied;

		spool_name(c->moved_from[i], from);
		e = spool_link(c->dirfd, from, c->dirfd, c->moved[i].uid,
		    SPOOL_NEW, &copied);
	}
	return e == OK && c->moves > 0 ? file_fsync_dir(c->dirfd, ".") : e;
}

static void
unlink_all(struct checking *c, const uint32_t *uid, uint32_t n)
{
	char name[SPOOL_NAME];

	for (uint32_t i = 0; i < n; i++) {
		spool_name(uid[i], name);
		if (file_unlink(c->dirfd, name) == ERR_IO)
			c->res->remaining++;
	}
}

/*
 * Before the index whose last UID is above them, and whose records say that they
 * are gone: of what a power cut left beside such an index the next run would make
 * messages.  Beside the old one it finds that they are missing, or nothing.
 */
static enum err
remove_gone(struct checking *c)
{
	unlink_all(c, c->gone, c->gones);
	return c->gones > 0 ? file_fsync_dir(c->dirfd, ".") : OK;
}

/* Old cache entries are found by nobody who does not check them: behind them. */
static uint64_t
cache_end(const struct checking *c)
{
	struct stat st;

	if (fstatat(c->dirfd, "cyrus.cache", &st, 0) != 0)
		return 0;
	return (uint64_t)st.st_size;
}

static enum err
replace(struct checking *c)
{
	struct index_header h = c->old;
	int old = openat(c->dirfd, "cyrus.index", O_RDWR | O_CLOEXEC);
	uint32_t state = INDEX_REPLACED;
	enum err e;

	h.id = c->e->id;
	h.uidvalidity = c->e->uidvalidity;
	h.highestmodseq = c->modseq;
	h.changed_modseq = c->modseq;
	h.last_uid = c->last_uid;
	/* A lost record may have been a tombstone. */
	if (c->res->damaged > 0)
		h.reclaimed_modseq = c->modseq;
	if (c->anew)
		h.cache_size = cache_end(c);
	if (c->header_changed)
		h.keywords_changed = c->modseq;
	h.annotation = c->annotation;
	h.annotations_changed = c->annotated ? c->modseq : 0;
	e = checkpoint_settle(c->part, &h.base_lsn);
	if (e == OK)
		e = index_replace(c->dirfd, &h, c->new, c->news);
	/* If not, who locks the old one next finds that it has no name any more. */
	if (e == OK && old >= 0 && file_write_at(old, c->e->name, &state, sizeof(state),
	    offsetof(struct index_header, state)) != OK)
		log_warning("mailbox %s: the old cyrus.index cannot be marked", c->e->name);
	if (old >= 0)
		close(old);
	return e;
}

static enum err
put(struct checking *c)
{
	enum err e = link_moved(c);

	if (e == OK && c->header_changed)
		e = header_write(c->dirfd, &c->header, true);
	/* Made anew when somebody needs it: what was wrong may be in it, too. */
	if (e == OK && c->res->changed)
		(void)!file_unlink(c->dirfd, RANKS_FILE);
	if (e == OK)
		e = remove_gone(c);
	if (e == OK && c->res->changed)
		e = replace(c);
	/* What a cut leaves of these is known by its second name. */
	if (e == OK)
		unlink_all(c, c->moved_from, c->moves);
	return e;
}

static enum err
check_locked(struct checking *c)
{
	struct arena *arena = arena_new(HEADER_ARENA);
	enum err e = check_records(c);

	if (e == OK)
		e = check_header(c, arena);
	if (e == OK && !c->p->dry_run)
		e = put(c);
	arena_free(arena);
	return e;
}

/* --- all of it --- */

/* It will be read through the mapping, where a bad sector is the end of the process. */
static bool
open_readable(struct checking *c, struct index **ix)
{
	if (mblist_open_index(c->s, c->e, ix) != OK)
		return false;
	if (index_read_through(*ix) == OK)
		return true;
	index_close(*ix);
	return false;
}

/* The log may know more than the index: through the usual way, if that works. */
static void
settle(struct checking *c)
{
	struct index *ix;

	if (!open_readable(c, &ix))
		return;
	if (mailbox_lock(c->s, c->part, ix, c->e) == OK)
		index_unlock(ix);
	index_close(ix);
}

/*
 * cyrus.history follows from the index: as far as that tells, and what is left
 * of it, it is made whole.  Whoever asks for what it has forgotten hears of
 * every UID that is not there.
 */
static void
check_history(struct checking *c)
{
	struct index *ix;

	if (!open_readable(c, &ix))
		return;
	if (mailbox_lock(c->s, c->part, ix, c->e) == OK) {
		/* That of another UIDVALIDITY is no use, but nobody misses it either. */
		if (history_check(ix) == ERR_CORRUPT && !c->renewed) {
			check_report(c, "cyrus.history is damaged%s", c->p->dry_run ? "" :
			    "; it is made anew from the index");
			c->res->changed = true;
		}
		if (!c->p->dry_run && history_settle(ix) != OK)
			c->res->remaining++;
		index_unlock(ix);
	}
	index_close(ix);
}

/*
 * Before the mailbox's lock, for it changes the list: a new UIDVALIDITY if it
 * is not known any more which UIDs were given.
 */
static enum err
renew(struct checking *c, struct mbentry *e)
{
	struct index_header h;
	enum err err = index_header_read(c->dirfd, &h);

	if ((err == OK && check_header_is_ours(c, &h) && !c->p->renew) || c->p->dry_run)
		return OK;
	/* We lack something (descriptors, memory): that says nothing of the mailbox. */
	if (err != OK && err != ERR_CORRUPT && err != ERR_NOTFOUND)
		return err;
	err = mblist_renew_uidvalidity(c->s, str_c(e->name), &e->uidvalidity);
	c->renewed = err == OK;
	if (err == OK)
		check_report(c, "its UIDVALIDITY is %u now: clients will read all of it again",
		    e->uidvalidity);
	return err;
}

/* *NOW in ARENA; ERR_STALE if the mailbox was deleted, or moved, since it was listed. */
static enum err
look_it_up(struct checking *c, struct arena *arena, struct mbentry **now)
{
	enum err e = mblist_lookup_id(c->s, arena, &c->e->id, now);

	if (e == ERR_NOTFOUND || (e == OK && (strcmp((*now)->dir, c->e->dir) != 0 ||
	    strcmp((*now)->partition, c->e->partition) != 0)))
		e = ERR_STALE;
	return e;
}

static enum err
look_again(struct checking *c)
{
	struct arena *arena = arena_new(MBDB_ARENA);
	struct mbentry *now;
	enum err e = look_it_up(c, arena, &now);

	arena_free(arena);
	return e;
}

/* With the lock on names, so that it is not deleted just then. */
static enum err
make_directory(struct checking *c)
{
	enum err e = look_again(c);

	if (e != OK)
		return e;
	check_report(c, "its directory %s/%s is missing%s", c->part->path, c->e->dir,
	    c->p->dry_run ? "" : "; an empty one is made");
	return c->p->dry_run ? ERR_NOTFOUND : mbdir_make(c->part, c->e->dir, &c->dirfd);
}

static enum err
open_directory(struct checking *c)
{
	enum err e = file_open_dir(c->part->dirfd, c->e->dir, &c->dirfd);

	if (e != ERR_NOTFOUND)
		return e;
	e = names_lock(c->s);
	if (e != OK)
		return e;
	e = make_directory(c);
	names_unlock(c->s);
	return e;
}

/*
 * The header is made from what the list says now, with the lock that whoever brings
 * a change of the list into it needs, too: rights that were taken away do not
 * come back by what they were when the mailbox was listed.
 */
static enum err
check(struct checking *c, struct arena *arena, struct mbentry *e)
{
	struct mbentry *now;
	enum err err = renew(c, e);

	if (err == OK)
		err = lock_exclusive(c->dirfd, LOCK_MAILBOX, LOCK_WAIT_MS);
	if (err != OK)
		return err;
	/* What was just deleted, and is not removed yet, must not look like a mailbox. */
	err = look_it_up(c, arena, &now);
	if (err == OK) {
		*e = *now;
		err = check_locked(c);
	}
	if (err == OK && !c->p->dry_run)
		spool_sweep(c->dirfd);
	lock_release(c->dirfd, LOCK_MAILBOX);
	return err;
}

enum err
check_mailbox(struct store *s, const struct mbentry *entry, const struct check_params *p,
    struct check_result *r)
{
	struct mbentry e = *entry;
	struct checking c = { .s = s, .e = &e, .p = p, .res = r, .dirfd = -1,
	    .part = store_partition_of(s, e.partition) };
	struct arena *arena;
	uint64_t was, is;
	enum err err;

	memset(r, 0, sizeof(*r));
	if (c.part == NULL)
		return ERR_NOTFOUND;
	settle(&c);
	err = open_directory(&c);
	if (err != OK)
		return err;
	arena = arena_new(MBDB_ARENA);
	err = check(&c, arena, &e);
	if (err == OK)
		check_history(&c);
	if (err == ERR_NOTFOUND && look_again(&c) == ERR_STALE)
		err = ERR_STALE;
	if (err == OK && r->changed && !p->dry_run && e.quotaroot != NULL)
		err = quota_recount(s, str_c(e.quotaroot), true, &was, &is);
	if (err == ERR_BUSY)
		err = OK;	/* whoever looks at the sum next counts it */
	close(c.dirfd);
	free(c.rec);
	free(c.uid);
	free(c.new);
	free(c.moved);
	free(c.moved_from);
	free(c.gone);
	arena_free(arena);
	return err;
}
