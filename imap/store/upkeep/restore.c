/* restore.c - a message's file, made again from the log */
#include "imap/store/upkeep/restore.h"

#include "imap/disk/spool.h"
#include "imap/disk/wal.h"
#include "imap/store/list/mbdir.h"
#include "lib/mem.h"

#include <fcntl.h>
#include <unistd.h>

enum { ENTRY_ARENA = 256 * 1024 };

void
restore_carry(struct carried *c, const struct rec_blob *b)
{
	if (c->n == c->size) {
		c->size = c->size == 0 ? 8 : c->size * 2;
		c->blob = mem_grow(c->blob, c->size * sizeof(*c->blob));
	}
	c->blob[c->n++] = *b;
}

static const struct rec_blob *
carried_find(const struct carried *c, const struct id128 *id)
{
	for (size_t i = 0; i < c->n; i++)
		if (id128_eq(&c->blob[i].id, id))
			return &c->blob[i];
	return NULL;
}

/*
 * From the mailbox that it was copied from, which the log restored before.  An
 * original that is damaged itself takes no copy's place: what the disk does not
 * read now it may read later, and the log may have the bytes.
 */
static enum err
restore_copy(const struct restorer *r, int todir, const struct rec_message *m)
{
	struct arena *arena = arena_new(ENTRY_ARENA);
	struct mbentry *e;
	char name[SPOOL_NAME];
	bool copied, is_whole = false;
	int dirfd;
	enum err err = mblist_lookup_id(r->s, arena, &m->from_mailbox, &e);

	if (err == OK)
		err = mblist_open_dir(r->s, e, &dirfd);
	if (err == OK) {
		spool_name(m->from_uid, name);
		err = spool_verify(dirfd, m->from_uid, m->r.size, m->r.guid, &is_whole);
		if (err == OK && !is_whole)
			err = faccessat(dirfd, name, F_OK, 0) == 0 ? ERR_CORRUPT : ERR_NOTFOUND;
		if (err == OK)
			err = spool_link(dirfd, name, todir, m->r.uid, SPOOL_REPLACE, &copied);
		close(dirfd);
	}
	arena_free(arena);
	return err;
}

struct search {
	int dirfd;
	const struct rec_message *m;
	enum err err;
};

static bool
find_bytes(void *ctx, uint64_t lsn, struct str frame)
{
	struct search *s = ctx;
	struct rec r;

	(void)lsn;
	if (!rec_first(&frame))
		return false;
	while (rec_next(&frame, &r)) {
		if (r.type != REC_BLOB || !id128_eq(&r.blob.id, &s->m->r.blob))
			continue;
		s->err = spool_write(s->dirfd, s->m->r.uid, r.blob.bytes,
		    SPOOL_REPLACE);
		return false;
	}
	return true;
}

/*
 * A copy of what is gone: its mailbox was deleted or moved just before the
 * cut.  The bytes have the same id wherever they are.
 */
static enum err
restore_bytes(const struct restorer *r, int dirfd, const struct rec_message *m)
{
	struct search s = { .dirfd = dirfd, .m = m, .err = ERR_NOTFOUND };
	char name[SPOOL_NAME];
	bool copied;
	enum err e;

	spool_stage_name(&m->r.blob, name);
	if (faccessat(r->part->stagefd, name, F_OK, 0) == 0)
		return spool_link(r->part->stagefd, name, dirfd, m->r.uid, SPOOL_REPLACE,
		    &copied);
	e = wal_scan(r->part->wal, wal_checkpoint_lsn(r->part->wal), find_bytes, &s);
	return e == OK ? s.err : e;
}

enum err
restore_file(const struct restorer *r, int dirfd, const struct rec_message *m)
{
	const struct rec_blob *b;
	char name[SPOOL_NAME];
	bool copied;
	enum err e, again;
	bool is_there;

	spool_forget(dirfd, m->r.uid);
	/* One that cannot be read is written anew, or that fails too. */
	if (spool_verify(dirfd, m->r.uid, m->r.size, m->r.guid, &is_there) == OK &&
	    is_there)
		return OK;
	switch (m->source) {
	case SOURCE_INLINE:
		b = carried_find(&r->carried, &m->r.blob);
		return b != NULL ? spool_write(dirfd, m->r.uid, b->bytes, SPOOL_REPLACE) :
		    ERR_CORRUPT;
	case SOURCE_STAGE:
		spool_stage_name(&m->r.blob, name);
		return spool_link(r->part->stagefd, name, dirfd, m->r.uid, SPOOL_REPLACE,
		    &copied);
	case SOURCE_COPY:
		e = restore_copy(r, dirfd, m);
		if (e != ERR_NOTFOUND && e != ERR_CORRUPT)
			return e;
		again = restore_bytes(r, dirfd, m);
		return again == ERR_NOTFOUND ? e : again;
	}
	return ERR_CORRUPT;
}
