/* mbox_status.c - counts of messages, mostly from the index's header */
#include "imap/store/mbox/mbox_in.h"

#include "lib/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* How many records have one of the UIDs: a few looks a range. */
static uint32_t
count_in(struct mbox *m, const struct index_header *h, const struct uidset *uids)
{
	uint32_t n = 0;

	for (size_t i = 0; i < uids->n; i++) {
		uint32_t last = uids->r[i].last;

		n += last == UINT32_MAX ? h->records : index_find(m->ix, h->records, last + 1);
		n -= index_find(m->ix, h->records, uids->r[i].first);
	}
	return n;
}

static uint32_t
count_unseen(struct mbox *m, const struct index_header *h)
{
	uint32_t n = 0;

	if (h->exists == h->records)
		return h->exists - count_in(m, h, &m->seen);
	for (uint32_t i = 0; i < h->records; i++) {
		const struct index_record *r = index_peek(m->ix, i);

		n += !(r->flags & REC_EXPUNGED) && !uidset_has(&m->seen, r->uid);
	}
	return n;
}

/* Messages that no session was told of: the last ones. */
static uint32_t
count_recent(struct mbox *m, const struct index_header *h, uint32_t told)
{
	uint32_t n = 0;

	if (told >= h->last_uid)
		return 0;
	if (h->exists == h->records)
		return h->records - index_find(m->ix, h->records, told + 1);
	for (uint32_t i = h->records; i > 0; i--) {
		const struct index_record *r = index_peek(m->ix, i - 1);

		if (r->uid <= told)
			break;
		n += !(r->flags & REC_EXPUNGED);
	}
	return n;
}

enum err
mbox_status(struct mbox *m, struct mbox_status *st)
{
	struct index_header h;
	enum err e = mbox_snapshot(m, &h);

	if (e == OK && h.state & INDEX_REPLACED) {
		e = mbox_reopen(m);
		h = m->h;
	}
	if (e == OK && h.state & INDEX_DELETED)
		e = ERR_NOTFOUND;
	if (e == OK)
		e = mbox_load_seen(m, &h);
	if (e != OK)
		return e;
	*st = (struct mbox_status){
		.exists = h.exists,
		.recent = count_recent(m, &h, m->private_seen ? m->seen_recent : h.recent_uid),
		.unseen = m->private_seen ? count_unseen(m, &h) : h.unseen,
		.deleted = h.deleted,
		.uidnext = h.last_uid + 1,
		.uidvalidity = h.uidvalidity,
		.highestmodseq = h.highestmodseq,
		.bytes = h.bytes,
	};
	return OK;
}

enum err
mbox_deleted_bytes(struct mbox *m, uint64_t *bytes)
{
	struct index_header h;
	enum err e = mbox_snapshot(m, &h);

	*bytes = 0;
	for (uint32_t i = 0; e == OK && i < h.records; i++) {
		const struct index_record *r = index_peek(m->ix, i);

		if ((r->flags & (MSG_DELETED | REC_EXPUNGED)) == MSG_DELETED)
			*bytes += r->size;
	}
	return e;
}

/* --- without opening the mailbox --- */

/*
 * One read(2) of what writers change by the mapping: if a commit was under way
 * the checksum tells, for it is of all that a commit changes.
 */
static enum err
read_header(const struct partition *part, const struct mbentry *e, struct index_header *h)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/cyrus.index", e->dir), fd;
	bool read;

	if (n <= 0 || n >= PATH_MAX || file_open(part->dirfd, path, O_RDONLY, 0, &fd) != OK)
		return ERR_BUSY;
	read = file_read_at(fd, path, h, sizeof(*h), 0) == OK;
	close(fd);
	return read && index_header_valid(h) && (h->seq & 1) == 0 && h->sums_crc != 0 &&
	    index_sums_valid(h) && h->state == 0 && id128_eq(&h->id, &e->id) ? OK : ERR_BUSY;
}

enum err
mbox_glance(struct store *s, const struct mbentry *entry, const char *userid,
    struct mbox_status *st)
{
	struct partition *part = store_partition_of(s, entry->partition);
	struct index_header h;

	if (part == NULL || !str_eq(mblist_owner(str_c(entry->name)), str_c(userid)) ||
	    read_header(part, entry, &h) != OK)
		return ERR_BUSY;
	/* Which of them some session was told of, the records say. */
	if (h.recent_uid != 0 && h.recent_uid < h.last_uid)
		return ERR_BUSY;
	*st = (struct mbox_status){
		.exists = h.exists,
		.recent = h.recent_uid == 0 ? h.exists : 0,
		.unseen = h.unseen,
		.deleted = h.deleted,
		.uidnext = h.last_uid + 1,
		.uidvalidity = h.uidvalidity,
		.highestmodseq = h.highestmodseq,
		.bytes = h.bytes,
	};
	return OK;
}
