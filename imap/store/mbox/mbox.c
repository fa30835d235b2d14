/* mbox.c - an open mailbox: what is known of it, single messages, their cache and bytes */
#include "imap/store/mbox/mbox_in.h"

#include "imap/disk/cache.h"
#include "imap/store/upkeep/recover.h"
#include "imap/disk/spool.h"
#include "imap/store/upkeep/spare.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	ENTRY_ARENA = 64 * 1024,
	BODY_READ_MAX = 128 * 1024,	/* larger ones are mapped */
};

static enum err
look_at_index(struct mbox *m)
{
	enum err e;

	if (!(m->flags & MBOX_PEEK))
		mailbox_look_after(m->store, m->part, m->ix, m->entry);
	e = mbox_snapshot(m, &m->h);
	return e == OK && m->h.state != 0 ? ERR_STALE : e;
}

/*
 * One that is being replaced (reconstruct) is opened again; one that has been
 * moved since the entry was read is looked for where it is now.
 */
static enum err
open_current_index(struct mbox *m)
{
	enum err e = mbox_open_index(m);

	for (int tries = 0; ; tries++) {
		m->h.state = 0;
		if (e == OK)
			e = look_at_index(m);
		if (e != ERR_STALE || tries == REOPEN_TRIES)
			break;
		index_close(m->ix);
		m->ix = NULL;
		e = m->h.state == INDEX_REPLACED ? mbox_open_index(m) : mbox_move_along(m);
	}
	if (e == ERR_STALE && m->h.state & INDEX_DELETED)
		log_err("mailbox %s: cyrus.index bears the mark of a deleted one; run "
		    "reconstruct", m->entry->name);
	return e == ERR_STALE ? ERR_BUSY : e;
}

/* Not ERR_NOTFOUND: the mailbox is in the list, and its mail must not be sent back. */
static enum err
no_partition(const struct mbentry *e)
{
	log_err("mailbox %s: partition %s is not in the configuration", e->name, e->partition);
	return ERR_CORRUPT;
}

enum err
mbox_open(struct store *s, const struct mbentry *entry, const char *userid,
    unsigned flags, struct mbox **mbox)
{
	struct mbox *m = mem_zero(1, sizeof(*m));
	size_t room = ENTRY_ARENA + (entry->acl != NULL ? strlen(entry->acl) : 0);
	enum err e;

	m->store = s;
	m->flags = flags;
	m->arena = arena_new(room);
	m->entry = mbox_copy_entry(m->arena, entry);
	m->userid = arena_copy(m->arena, userid, strlen(userid));
	m->part = store_partition_of(s, entry->partition);
	m->was_kept = mbox_is_kept(s, entry);
	buf_init(&m->body);
	buf_init(&m->cache_made);
	if (m->entry == NULL || m->userid == NULL)
		e = ERR_LIMIT;
	else if (m->part == NULL)
		e = no_partition(entry);
	else
		e = open_current_index(m);
	m->private_seen = e == OK && !mbox_is_owner(m->entry, userid);
	if (e == OK && !(flags & MBOX_PEEK))
		e = view_build(m);
	if (e != OK) {
		mbox_close(m);
		return e;
	}
	*mbox = m;
	return OK;
}

static void
drop_body(struct mbox *m)
{
	if (m->body_map.n > 0)
		file_unmap(m->body_map);
	m->body_map = (struct str){ NULL, 0 };
}

void
mbox_close(struct mbox *m)
{
	if (m == NULL)
		return;
	drop_body(m);
	ranked_drop(m);
	if (m->ix != NULL && !(m->flags & MBOX_PEEK))
		index_unload(m->ix);
	if (m->ix != NULL)
		spare_keep(m->store, m->ix);
	free(m->map);
	free(m->ghost);
	uidset_free(&m->recents);
	uidset_free(&m->own);
	uidset_free(&m->force);
	uidset_free(&m->seen);
	annots_free(&m->annots);
	annots_free(&m->watched);
	buf_free(&m->body);
	buf_free(&m->cache_made);
	arena_free(m->keyword_arena);
	arena_free(m->entry_arena);
	arena_free(m->arena);
	free(m);
}

/* --- what is known of it --- */

const struct mbentry *
mbox_entry(const struct mbox *m)
{
	return m->entry;
}

const char *
mbox_userid(const struct mbox *m)
{
	return m->userid;
}

bool
mbox_is_readonly(const struct mbox *m)
{
	return (m->flags & MBOX_READONLY) != 0;
}

const char *
mbox_keyword(struct mbox *m, unsigned i)
{
	if (i >= MBOX_KEYWORDS || mbox_load_keywords(m, m->ix->h->keywords_changed) != OK)
		return NULL;
	return m->keywords.keyword[i];
}

/* --- one message --- */

static void
fill_message(const struct mbox *m, const struct index_record *r, struct message *msg)
{
	*msg = (struct message){
		.uid = r->uid,
		.flags = r->flags & MSG_SYSTEM_FLAGS,
		.keywords = { { r->keywords[0], r->keywords[1] } },
		.recent = uidset_has(&m->recents, r->uid),
		.expunged = (r->flags & REC_EXPUNGED) != 0,
		.size = r->size,
		.modseq = r->modseq,
		.internaldate = r->internaldate,
		.zone_minutes = r->zone_minutes,
		.sentdate = r->sentdate,
		.savedate = r->savedate,
		.header_size = r->header_size,
		.blob = r->blob,
	};
	memcpy(msg->guid, r->guid, sizeof(msg->guid));
	if (m->private_seen) {
		msg->flags &= ~(uint32_t)MSG_SEEN;
		if (uidset_has(&m->seen, r->uid))
			msg->flags |= MSG_SEEN;
	}
}

enum err
mbox_message(struct mbox *m, uint32_t seq, struct message *msg)
{
	struct index_record r;
	enum err e;

	if (seq == 0 || seq > m->count)
		return ERR_NOTFOUND;
	e = mbox_record(m, view_recno(m, seq), &r);
	if (e == OK)
		e = mbox_refresh_seen(m);
	if (e == OK)
		fill_message(m, &r, msg);
	return e;
}

static enum err
read_body(struct mbox *m, const char *name, uint64_t size, struct str *bytes)
{
	enum err e;
	int fd;

	e = file_open(m->ix->dirfd, name, O_RDONLY, 0, &fd);
	if (e != OK)
		return e;
	buf_reset(&m->body);
	e = file_read_at(fd, name, buf_reserve(&m->body, size), size, 0);
	close(fd);
	if (e != OK)
		return e;
	m->body.n = size;
	m->body.p[size] = '\0';
	*bytes = buf_str(&m->body);
	return OK;
}

static enum err
record_body(struct mbox *m, const struct index_record *r, struct str *bytes)
{
	char name[SPOOL_NAME];
	enum err e;

	drop_body(m);
	spool_name(r->uid, name);
	if (r->size <= BODY_READ_MAX) {
		e = read_body(m, name, r->size, bytes);
	} else {
		e = file_map(m->ix->dirfd, name, &m->body_map);
		if (e == OK && m->body_map.n != r->size) {
			log_err("%s/%s: %zu bytes, the index says %llu; run reconstruct",
			    m->entry->name, name, m->body_map.n,
			    (unsigned long long)r->size);
			e = ERR_CORRUPT;
		}
		if (e != OK)
			drop_body(m);
		else
			*bytes = m->body_map;
	}
	if (e == ERR_NOTFOUND && !(r->flags & REC_RECLAIMED) &&
	    !(index_state(m->ix) & INDEX_DELETED))
		log_err("IOERROR: %s/%s: message file is missing; put it back from a "
		    "backup, or run reconstruct to forget it", m->entry->name, name);
	return e;
}

enum err
mbox_body(struct mbox *m, uint32_t seq, struct str *bytes)
{
	struct index_record r;
	enum err e;

	if (seq == 0 || seq > m->count)
		return ERR_NOTFOUND;
	e = mbox_record(m, view_recno(m, seq), &r);
	return e == OK ? record_body(m, &r, bytes) : e;
}

/* --- its cache --- */

/*
 * Gives the record the new entry, if nobody else has done so meanwhile.  A
 * reader does not wait for a writer: the next one makes the entry again.
 */
static void
keep_entry(struct mbox *m, const struct index_record *old)
{
	struct index_record r;
	uint64_t offset;
	uint32_t at;

	if (index_try_lock(m->ix) != OK)
		return;
	at = index_find(m->ix, m->ix->h->records, old->uid);
	if (at < m->ix->h->records && index_get(m->ix, at, &r) == OK &&
	    r.uid == old->uid && r.cache_offset == old->cache_offset &&
	    index_cache_add(m->ix, buf_str(&m->cache_made), &offset) == OK) {
		r.cache_offset = offset;
		r.cache_len = (uint32_t)m->cache_made.n;
		index_write_begin(m->ix);
		index_refer_cache(m->ix, at, &r);
		index_write_end(m->ix);
	}
	index_unlock(m->ix);
}

static enum err
make_entry(struct mbox *m, const struct index_record *r, struct str *entry)
{
	struct cache_facts facts;
	struct str bytes;
	enum err e = record_body(m, r, &bytes);

	if (e != OK)
		return e;
	buf_reset(&m->cache_made);
	e = cache_build(bytes, r->guid, &m->cache_made, &facts);
	if (e != OK)
		return e;
	*entry = buf_str(&m->cache_made);
	if (!(m->flags & MBOX_READONLY))
		keep_entry(m, r);
	return OK;
}

/* The entry of record RECNO with its checksum tested. */
static enum err
find_entry(struct mbox *m, uint32_t recno, struct index_record *r, struct str *entry)
{
	enum err e = mbox_record(m, recno, r);

	m->cached.valid = false;
	if (e != OK)
		return e;
	if (r->cache_len > 0 &&
	    index_cache_get(m->ix, r->cache_offset, r->cache_len, entry) == OK &&
	    cache_check(*entry, r->guid))
		return OK;
	return make_entry(m, r, entry);
}

bool
mbox_has_cache(struct mbox *m, uint32_t seq)
{
	struct index_record r;
	struct str entry;
	uint32_t recno;

	if (seq == 0 || seq > m->count)
		return false;
	recno = view_recno(m, seq);
	return (m->cached.valid && m->cached.recno == recno) ||
	    (mbox_record(m, recno, &r) == OK && r.cache_len > 0 &&
	    index_cache_get(m->ix, r.cache_offset, r.cache_len, &entry) == OK &&
	    cache_check(entry, r.guid));
}

enum err
mbox_cache(struct mbox *m, uint32_t seq, enum cache_item item, struct str *bytes)
{
	struct index_record r;
	uint32_t recno;
	enum err e;

	if (seq == 0 || seq > m->count)
		return ERR_NOTFOUND;
	recno = view_recno(m, seq);
	/* Several items of one message are asked for in a row: check it once. */
	if (!m->cached.valid || m->cached.recno != recno) {
		e = find_entry(m, recno, &r, &m->cached.entry);
		if (e != OK)
			return e;
		m->cached.recno = recno;
		m->cached.valid = true;
	}
	*bytes = cache_get(m->cached.entry, item);
	return OK;
}
