/*
 * unexpunge.c - bringing back messages that were expunged
 *
 * Each is appended anew in a transaction of its own; when all are in, the old
 * files go, which is flushed: else a power cut might bring one back beside the
 * mark that it is gone, and reconstruct take it for a message that somebody has
 * restored.  Killed in between, a message can be brought back twice.
 */
#include "imap/store/unexpunge.h"

#include "imap/store/mbox/mbox_in.h"
#include "imap/store/upkeep/reclaim.h"
#include "imap/store/upkeep/recover.h"
#include "imap/disk/spool.h"
#include "imap/store/mbox/txn.h"
#include "lib/file.h"
#include "lib/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* As its owner, whose \Seen is in the index; shared ones as nobody. */
static enum err
open_mailbox(struct store *s, const struct mbentry *e, struct mbox **m)
{
	struct str owner = mblist_owner(str_c(e->name));
	struct buf user = BUF_INIT;
	enum err err;

	buf_add_str(&user, owner);
	err = mbox_open(s, e, user.n > 0 ? user.p : "", MBOX_PEEK, m);
	buf_free(&user);
	return err;
}

static bool
can_be_restored(const struct index_record *r)
{
	return (r->flags & (REC_EXPUNGED | REC_RECLAIMED)) == REC_EXPUNGED;
}

enum err
expunged_walk(struct store *s, const struct mbentry *e, expunged_each_fn each, void *ctx)
{
	struct index_record r;
	struct mbox *m;
	enum err err = open_mailbox(s, e, &m), one;
	bool go_on = true;

	if (err != OK)
		return err;
	for (uint32_t i = 0; go_on && i < m->h.records; i++) {
		struct expunged x;
		char name[SPOOL_NAME];
		struct str map;

		if (index_get(m->ix, i, &r) != OK || !can_be_restored(&r))
			continue;
		spool_name(r.uid, name);
		one = file_map(m->ix->dirfd, name, &map);
		if (one != OK) {
			err = one == ERR_NOTFOUND ? err : one;
			continue;
		}
		x = (struct expunged){
			.uid = r.uid, .flags = r.flags & MSG_SYSTEM_FLAGS, .sent = r.sentdate,
			.received = r.internaldate, .when = r.changed, .bytes = map,
		};
		go_on = each(ctx, &x);
		file_unmap(map);
	}
	mbox_close(m);
	return err;
}

/* Its flags by name, and the one to add. */
static size_t
keywords_of(struct mbox *m, const struct index_record *r, const char *more, struct str *names)
{
	size_t n = 0;

	for (unsigned i = 0; i < MBOX_KEYWORDS; i++) {
		const char *name = r->keywords[i / 64] >> i % 64 & 1 ? mbox_keyword(m, i) : NULL;

		if (name != NULL)
			names[n++] = str_c(name);
	}
	if (more != NULL)
		names[n++] = str_c(more);
	return n;
}

/* Everybody's annotations of it, to be freed; the texts are borrowed from A. */
static struct annotate_params *
annotations_of(const struct annots *a, uint32_t uid, size_t *n)
{
	size_t first = annots_first(a, uid);
	struct annotate_params *p;

	for (*n = 0; first + *n < a->n && a->v[first + *n].uid == uid;)
		++*n;
	p = mem_zero(*n + 1, sizeof(*p));
	for (size_t i = 0; i < *n; i++) {
		const struct annot *one = &a->v[first + i];

		p[i] = (struct annotate_params){ .entry = one->entry, .owner = one->owner,
		    .value = one->value };
	}
	return p;
}

static enum err
append(struct mbox *m, struct blob *b, const struct append_params *p, uint32_t *new_uid)
{
	struct txn *t = txn_begin(m);
	enum err e;

	txn_ignore_quota(t);
	txn_append(t, b, p);
	e = txn_commit(t);
	if (e == OK)
		*new_uid = txn_result(t)->new_uids[0];
	txn_abort(t);
	return e;
}

static enum err
restore(struct mbox *m, const struct index_record *r, const struct unexpunge *u,
    uint32_t *new_uid)
{
	struct str names[MBOX_KEYWORDS + 1];
	struct append_params p = {
		.has_date = true, .internaldate = r->internaldate, .zone_minutes = r->zone_minutes,
		.flags = ((r->flags & MSG_SYSTEM_FLAGS) | u->flags)
		    & ~(u->undelete ? (uint32_t)MSG_DELETED : 0),
		.keywords = { names, keywords_of(m, r, u->keyword, names) },
	};
	struct annotate_params *notes;
	struct blob *b = NULL;
	const struct annots *a;
	char name[SPOOL_NAME];
	struct str map;
	enum err e = mbox_annots(m, &a);

	spool_name(r->uid, name);
	if (e == OK)
		e = file_map(m->ix->dirfd, name, &map);
	if (e != OK)
		return e == ERR_NOTFOUND ? OK : e;
	notes = annotations_of(a, r->uid, &p.annotates);
	p.annotate = notes;
	e = blob_new(m->store, m->entry->partition, &b);
	if (e == OK)
		e = blob_write(b, map.p, map.n);
	if (e == OK)
		e = blob_finish(b);
	if (e == OK)
		e = append(m, b, &p, new_uid);
	blob_free(b);
	free(notes);
	file_unmap(map);
	return e;
}

static enum err
restore_uid(struct mbox *m, uint32_t uid, const struct unexpunge *u, uint32_t *new_uid)
{
	struct index_header h;
	struct index_record r;
	enum err e = mbox_snapshot(m, &h);
	uint32_t at;

	if (e != OK)
		return e;
	at = index_find(m->ix, h.records, uid);
	if (at == h.records || index_get(m->ix, at, &r) != OK || r.uid != uid ||
	    !can_be_restored(&r))
		return OK;
	return restore(m, &r, u, new_uid);
}

/* Copies of it may depend on it until a checkpoint. */
static enum err
drop_old(struct mbox *m, const struct unexpunge *u, const uint32_t *new_uids)
{
	enum err e = store_checkpoint(m->store);
	uint32_t *back;
	size_t n = 0;

	if (e == OK)
		e = mailbox_lock(m->store, m->part, m->ix, m->entry);
	if (e != OK)
		return e;
	back = mem_zero(u->n + 1, sizeof(*back));
	for (size_t i = 0; i < u->n; i++)
		if (new_uids[i] != 0)
			back[n++] = u->uids[i];
	e = reclaim_uids(m->ix, back, n);
	index_unlock(m->ix);
	free(back);
	return e;
}

enum err
unexpunge(struct store *s, const struct mbentry *e, const struct unexpunge *u,
    uint32_t *new_uids)
{
	struct mbox *m;
	enum err err = open_mailbox(s, e, &m), dropped;

	memset(new_uids, 0, u->n * sizeof(*new_uids));
	if (err != OK)
		return err;
	for (size_t i = 0; err == OK && i < u->n; i++)
		err = restore_uid(m, u->uids[i], u, &new_uids[i]);
	dropped = drop_old(m, u, new_uids);
	/* Somebody else is at a checkpoint: cyr_expire will take them. */
	if (err == OK && dropped != ERR_BUSY)
		err = dropped;
	mbox_close(m);
	return err;
}
