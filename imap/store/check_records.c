/*
 * check_records.c - a mailbox's records from its files and its old records
 */
#include "imap/store/check_in.h"

#include "imap/disk/annot.h"
#include "imap/disk/cache.h"
#include "imap/store/list/mbdir.h"
#include "imap/disk/spool.h"
#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	/* A file's number that is further above all others is no UID of ours. */
	UID_GAP = 1 << 24,
};

/* --- what is there --- */

static int
uid_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
add_uid(struct checking *c, uint32_t uid)
{
	if (c->uids == c->uid_size) {
		c->uid_size = c->uid_size == 0 ? 256 : c->uid_size * 2;
		c->uid = mem_grow(c->uid, c->uid_size * sizeof(*c->uid));
	}
	c->uid[c->uids++] = uid;
}

static void
odd_file(struct checking *c, const char *name)
{
	switch (c->p->odd) {
	case CHECK_ODD_IGNORE:
		return;
	case CHECK_ODD_REPORT:
		check_report(c, "\"%s\" is none of the server's files", name);
		return;
	case CHECK_ODD_REMOVE:
		check_report(c, "\"%s\" is none of the server's files; %s", name,
		    c->p->dry_run ? "it would be removed" : "removed");
		if (!c->p->dry_run && file_unlink(c->dirfd, name) != OK)
			c->res->remaining++;
		return;
	}
}

static enum err
take_file(struct checking *c, const char *name)
{
	uint32_t uid = spool_uid(name);
	struct stat st;

	if (fstatat(c->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno == ENOENT)
			return OK;
		log_io(name, "stat");
		return ERR_IO;
	}
	if (S_ISDIR(st.st_mode))
		return OK;
	if (uid != 0 && S_ISREG(st.st_mode))
		add_uid(c, uid);
	else if (!mbdir_is_ours(name))
		odd_file(c, name);
	return OK;
}

static enum err
list_files(struct checking *c)
{
	const struct dirent *de;
	DIR *d;
	enum err e = file_dir_open(c->dirfd, c->e->name, &d);

	if (e != OK)
		return e;
	while ((e = file_dir_next(d, c->e->name, &de)) == OK && de != NULL) {
		if (de->d_name[0] != '.')
			e = take_file(c, de->d_name);
		if (e != OK)
			break;
	}
	closedir(d);
	if (c->uids > 0)
		qsort(c->uid, c->uids, sizeof(*c->uid), uid_cmp);
	return e;
}

/* --- the new records --- */

/* A record made from the file alone; its date is the file's. */
static bool
from_file(struct checking *c, uint32_t uid, struct index_record *r)
{
	struct cache_facts facts;
	struct buf entry = BUF_INIT;
	char name[SPOOL_NAME];
	struct stat st;
	struct str map;
	enum err e;

	spool_name(uid, name);
	memset(r, 0, sizeof(*r));
	if (faccessat(c->dirfd, name, R_OK, AT_EACCESS) != 0 ||
	    fstatat(c->dirfd, name, &st, 0) != 0 ||
	    file_map(c->dirfd, name, &map) != OK) {
		check_report(c, "uid %u: the file cannot be read: %s", uid, strerror(errno));
		c->res->remaining++;
		return false;
	}
	sha256(map.p, map.n, r->guid);
	e = cache_build(map, r->guid, &entry, &facts);
	if (e == OK) {
		r->uid = uid;
		r->size = map.n;
		r->header_size = facts.header_size;
		r->internaldate = st.st_mtime;
		r->sentdate = facts.has_sentdate ? facts.sentdate : r->internaldate;
		r->savedate = r->changed = time(NULL);
		r->blob = id128_new();
		r->modseq = r->create_modseq = c->modseq;
	} else {
		check_report(c, "uid %u: the file is left out: %s", uid, err_text(e));
		c->res->remaining++;
	}
	buf_free(&entry);
	file_unmap(map);
	return e == OK;
}

static enum err
compare_file(const struct checking *c, const struct index_record *r, bool *same)
{
	char name[SPOOL_NAME];
	struct stat st;

	if (c->p->verify_content)
		return spool_verify(c->dirfd, r->uid, r->size, r->guid, same);
	*same = c->p->skip_sizes;
	if (*same)
		return OK;
	spool_name(r->uid, name);
	if (fstatat(c->dirfd, name, &st, 0) == 0)
		*same = (uint64_t)st.st_size == r->size;
	else if (errno != ENOENT) {
		log_io(name, "stat");
		return ERR_IO;
	}
	return OK;
}

/* What cannot be looked at is not condemned. */
static bool
file_agrees(struct checking *c, const struct index_record *r)
{
	bool same;
	enum err e = compare_file(c, r, &same);

	if (e == OK)
		return same;
	check_report(c, "uid %u: the file cannot be read (%s) and stays as it is", r->uid,
	    err_text(e));
	c->res->remaining++;
	return true;
}

/* What people and the server knew of a message beside its bytes. */
static void
keep_facts(struct index_record *to, const struct index_record *from)
{
	to->flags = from->flags & MSG_SYSTEM_FLAGS & ~(uint32_t)MSG_DELETED;
	memcpy(to->keywords, from->keywords, sizeof(to->keywords));
	to->internaldate = from->internaldate;
	to->zone_minutes = from->zone_minutes;
	to->savedate = from->savedate;
}

static void
bury(struct checking *c, struct index_record *r)
{
	r->flags |= REC_EXPUNGED | REC_RECLAIMED;
	r->modseq = c->modseq;
	r->changed = time(NULL);
	c->res->changed = true;
}

/* The file's message gets a new UID; what is known of it is KNOWN's, or nothing. */
static bool
move(struct checking *c, uint32_t uid, const struct index_record *known)
{
	struct index_record *r = &c->moved[c->moves];

	if (c->last_uid == UINT32_MAX) {
		check_report(c, "uid %u: there is no UID left that it could get; "
		    "the file is left as it is", uid);
		c->res->remaining++;
		return false;
	}
	if (!from_file(c, uid, r))
		return false;
	if (known != NULL)
		keep_facts(r, known);
	r->uid = ++c->last_uid;
	c->moved_from[c->moves++] = uid;
	c->res->found++;
	c->res->changed = true;
	return true;
}

static void
mismatch(struct checking *c, struct index_record *r)
{
	const char *what = c->p->mismatch == CHECK_REPORT
	    ? "it is left so; -R takes it for a new message, -U removes it"
	    : c->p->mismatch == CHECK_NEW_UID ? "it becomes a new message" : "removed";

	check_report(c, "uid %u: the file is not the message that was stored; %s", r->uid, what);
	switch (c->p->mismatch) {
	case CHECK_REPORT:
		c->res->remaining++;
		return;
	case CHECK_NEW_UID:
		if (move(c, r->uid, r))
			bury(c, r);
		return;
	case CHECK_REMOVE:
		c->gone[c->gones++] = r->uid;
		bury(c, r);
		return;
	}
}

/* May a message that no record knows have had this UID, and no other message? */
static bool
may_keep_uid(const struct checking *c, uint32_t uid)
{
	if (uid > c->known_uid)
		return uid - c->known_uid <= UID_GAP;
	return c->anew || c->res->damaged > 0;
}

static int
record_cmp(const void *key, const void *record)
{
	return uid_cmp(key, &((const struct index_record *)record)->uid);
}

/* Will there be a message of this UID? */
static bool
is_message(const struct checking *c, uint32_t uid)
{
	const struct index_record *r = c->recs == 0 ? NULL :
	    bsearch(&uid, c->rec, c->recs, sizeof(*c->rec), record_cmp);

	return r != NULL ? !(r->flags & REC_EXPUNGED) :
	    uid > c->known_uid && may_keep_uid(c, uid);
}

/* Has a run that was killed given the file its new name already? */
static bool
has_second_name(const struct checking *c, uint32_t uid)
{
	char name[SPOOL_NAME];
	struct stat st, other;

	spool_name(uid, name);
	if (fstatat(c->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_nlink < 2)
		return false;
	for (uint32_t i = 0; i < c->uids; i++) {
		if (c->uid[i] == uid || !is_message(c, c->uid[i]))
			continue;
		spool_name(c->uid[i], name);
		if (fstatat(c->dirfd, name, &other, AT_SYMLINK_NOFOLLOW) == 0 &&
		    other.st_ino == st.st_ino)
			return true;
	}
	return false;
}

static void
add_known(struct checking *c, const struct index_record *known, bool has_file)
{
	struct index_record *r = &c->new[c->news++];
	bool is_gone = (known->flags & REC_EXPUNGED) != 0;

	*r = *known;
	if (!is_gone && !has_file) {
		check_report(c, "uid %u: the message file is missing", r->uid);
		c->res->missing++;
		bury(c, r);
	} else if (!is_gone && !file_agrees(c, r)) {
		mismatch(c, r);
	} else if ((r->flags & REC_RECLAIMED) && has_file && has_second_name(c, r->uid)) {
		c->gone[c->gones++] = r->uid;
	} else if ((r->flags & REC_RECLAIMED) && has_file && move(c, r->uid, r)) {
		check_report(c, "uid %u: the message file is there again; it is uid %u now",
		    r->uid, c->last_uid);
	}
}

static void
add_unknown(struct checking *c, uint32_t uid)
{
	if (!may_keep_uid(c, uid)) {
		if (has_second_name(c, uid))
			c->gone[c->gones++] = uid;
		else if (move(c, uid, NULL))
			check_report(c, "uid %u: found; it is uid %u now", uid, c->last_uid);
		return;
	}
	if (c->intact && c->res->damaged == 0 && spool_is_torn(c->dirfd, uid)) {
		check_report(c, "uid %u: the file is what a power cut left of a message that "
		    "was never taken; %s", uid, c->p->dry_run ? "it would be removed" : "removed");
		c->gone[c->gones++] = uid;
		return;
	}
	if (!from_file(c, uid, &c->new[c->news]))
		return;
	check_report(c, "uid %u: found", uid);
	c->news++;
	c->res->found++;
	c->res->changed = true;
}

/* Which UIDs have been given, and which modseqs? */
static void
find_highest(struct checking *c)
{
	c->known_uid = c->old.last_uid;
	c->modseq = c->old.highestmodseq;
	for (uint32_t i = 0; i < c->recs; i++) {
		if (c->rec[i].uid > c->known_uid)
			c->known_uid = c->rec[i].uid;
		if (c->rec[i].modseq > c->modseq)
			c->modseq = c->rec[i].modseq;
	}
	if (c->witness.modseq > c->modseq)
		c->modseq = c->witness.modseq;
	c->modseq++;
	c->last_uid = c->known_uid;
	if (c->witness.last_uid > c->last_uid)
		c->last_uid = c->witness.last_uid;
	for (uint32_t i = 0; i < c->uids; i++)
		if (c->uid[i] > c->last_uid && may_keep_uid(c, c->uid[i]))
			c->last_uid = c->uid[i];
}

static void *
room_for(size_t n, size_t size)
{
	void *p = mem_zero(n + 1, size);

	return p;
}

static void
merge(struct checking *c)
{
	uint32_t i = 0, k = 0;

	c->new = room_for((size_t)c->recs + 2 * (size_t)c->uids, sizeof(*c->new));
	c->moved = room_for(c->uids, sizeof(*c->moved));
	c->moved_from = room_for(c->uids, sizeof(*c->moved_from));
	c->gone = room_for(c->uids, sizeof(*c->gone));
	while (i < c->recs || k < c->uids) {
		bool known = i < c->recs && (k == c->uids || c->rec[i].uid <= c->uid[k]);
		bool file = k < c->uids && (i == c->recs || c->uid[k] <= c->rec[i].uid);

		if (known)
			add_known(c, &c->rec[i], file);
		else
			add_unknown(c, c->uid[k]);
		i += known;
		k += file;
	}
	/* Their UIDs are above all others. */
	memcpy(c->new + c->news, c->moved, c->moves * sizeof(*c->new));
	c->news += c->moves;
}

static int
by_uid(const void *uid, const void *record)
{
	uint32_t a = *(const uint32_t *)uid, b = ((const struct index_record *)record)->uid;

	return a < b ? -1 : a > b;
}

static bool
exists(const struct checking *c, uint32_t uid)
{
	const struct index_record *r = c->news == 0 ? NULL :
	    bsearch(&uid, c->new, c->news, sizeof(*c->new), by_uid);

	return r != NULL && !(r->flags & REC_EXPUNGED);
}

/* Damaged lines have been told of, and go when the file is next written. */
static enum err
count_annotations(struct checking *c)
{
	struct annots a = ANNOTS_INIT;
	enum err e = annots_read(c->dirfd, ANNOTS_FILE, &a);

	for (size_t i = 0; i < a.n; i++)
		if (a.v[i].uid == 0 || exists(c, a.v[i].uid))
			c->annotation += annot_size(&a.v[i]);
	c->annotated = a.n > 0;
	annots_free(&a);
	return e;
}

/* The sums of an index that else would do. */
static void
check_sums(struct checking *c)
{
	struct index_header sum = { .records = c->news };
	const struct index_header *h = &c->old;
	uint64_t modseq = 0;
	bool unseen_before = false;

	for (uint32_t i = 0; i < c->news; i++) {
		const struct index_record *r = &c->new[i];

		if (r->modseq > modseq)
			modseq = r->modseq;
		if (r->flags & REC_EXPUNGED)
			continue;
		unseen_before |= i < h->unseen_from && !(r->flags & MSG_SEEN);
		sum.exists++;
		sum.bytes += r->size;
		sum.unseen += !(r->flags & MSG_SEEN);
		sum.deleted += (r->flags & MSG_DELETED) != 0;
		sum.answered += (r->flags & MSG_ANSWERED) != 0;
		sum.flagged += (r->flags & MSG_FLAGGED) != 0;
	}
	c->res->messages = sum.exists;
	if (c->res->changed || (!unseen_before && sum.records == h->records && sum.exists == h->exists &&
	    sum.bytes == h->bytes && sum.unseen == h->unseen && sum.deleted == h->deleted &&
	    sum.answered == h->answered && sum.flagged == h->flagged &&
	    c->annotation == h->annotation && (!c->annotated || h->annotations_changed != 0) &&
	    c->known_uid == h->last_uid && modseq <= h->highestmodseq))
		return;
	check_report(c, "the sums in cyrus.index are wrong");
	c->res->changed = true;
}

enum err
check_records(struct checking *c)
{
	enum err e = check_read_index(c);

	if (e == OK)
		e = list_files(c);
	if (e == OK) {
		find_highest(c);
		merge(c);
		e = count_annotations(c);
	}
	if (e == OK)
		check_sums(c);
	return e;
}
