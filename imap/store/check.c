/*
 * check.c - making a mailbox right again from what is there
 *
 * Order: lock; finish what the log holds for the mailbox, as far as the old
 * index can still be opened; read the old records; list the files; compute the
 * new records; put the new index in the old one's place (durably); mark the
 * old one replaced.  A crash before the rename changes nothing, after it the
 * mailbox is right: its base LSN keeps replay from applying the log to it.
 */
#include "imap/store/check.h"

#include "imap/store/cache.h"
#include "imap/store/index.h"
#include "imap/store/local.h"
#include "imap/store/quota.h"
#include "imap/store/recover.h"
#include "imap/store/spool.h"
#include "imap/store/wal.h"
#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { INDEX_MAX = 1 << 30, LOCK_WAIT_MS = 60000 };

struct checking {
	struct store *s;
	struct partition *part;
	const struct mbentry *e;
	const struct check_params *p;
	struct check_result *res;
	int dirfd;
	struct index_header old;	/* zero if it could not be read */
	struct index_record *rec;	/* the old ones that are good */
	uint32_t recs;
	uint32_t *uid;			/* of the files, rising */
	uint32_t uids, uid_size;
	struct index_record *new;
	uint32_t news;
	uint64_t modseq;		/* for what is found */
};

static void report(struct checking *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
report(struct checking *c, const char *fmt, ...)
{
	struct buf line = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&line, fmt, ap);
	va_end(ap);
	c->res->changed = true;
	if (c->p->report != NULL)
		c->p->report(c->p->ctx, c->e->name, line.p);
	log_notice("reconstruct: %s: %s", c->e->name, line.p);
	buf_free(&line);
}

/* --- what is there --- */

/* The log may know more than the index: through the usual way, if that works. */
static void
settle(struct checking *c)
{
	struct index *ix;
	int fd;

	if (mblist_open_dir(c->s, c->e, &fd) != OK)
		return;
	if (index_open(fd, c->e->name, &ix) != OK) {
		close(fd);
		return;
	}
	if (mailbox_lock(c->s, c->part, ix, c->e) == OK)
		index_unlock(ix);
	index_close(ix);
}

static enum err
read_old(struct checking *c)
{
	struct buf file = BUF_INIT;
	enum err e = file_slurp(c->dirfd, "cyrus.index", INDEX_MAX, &file);
	uint32_t last = 0;

	if (e == ERR_NOTFOUND || (e == OK && file.n < INDEX_HEADER_SIZE)) {
		report(c, "cyrus.index is missing");
		buf_free(&file);
		return OK;
	}
	if (e != OK)
		return e;
	memcpy(&c->old, file.p, sizeof(c->old));
	if (!index_header_valid(&c->old)) {
		report(c, "the header of cyrus.index is damaged");
		memset(&c->old, 0, sizeof(c->old));
	}
	c->rec = malloc(file.n);
	ensure(c->rec != NULL);
	for (size_t at = INDEX_HEADER_SIZE; at + INDEX_RECORD_SIZE <= file.n;
	    at += INDEX_RECORD_SIZE) {
		struct index_record *r = &c->rec[c->recs];

		memcpy(r, file.p + at, sizeof(*r));
		if (index_record_valid(r) && r->uid > last) {
			last = r->uid;
			c->recs++;
		} else if (r->uid != 0 && (at - INDEX_HEADER_SIZE) / INDEX_RECORD_SIZE < c->old.records) {
			c->res->damaged++;
			report(c, "record %zu is damaged", (at - INDEX_HEADER_SIZE) / INDEX_RECORD_SIZE);
		}
	}
	buf_free(&file);
	return OK;
}

static int
uid_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static enum err
list_files(struct checking *c)
{
	int fd = openat(c->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *de;

	if (d == NULL) {
		log_io(c->e->name, "opendir");
		if (fd >= 0)
			close(fd);
		return ERR_IO;
	}
	while ((de = readdir(d)) != NULL) {
		uint32_t uid = spool_uid(de->d_name);

		if (uid == 0)
			continue;
		if (c->uids == c->uid_size) {
			c->uid_size = c->uid_size == 0 ? 256 : c->uid_size * 2;
			c->uid = realloc(c->uid, c->uid_size * sizeof(*c->uid));
			ensure(c->uid != NULL);
		}
		c->uid[c->uids++] = uid;
	}
	closedir(d);
	if (c->uids > 0)
		qsort(c->uid, c->uids, sizeof(*c->uid), uid_cmp);
	return OK;
}

/* --- the new records --- */

/* A record made from the file alone; its date is the file's. */
static enum err
from_file(struct checking *c, uint32_t uid, struct index_record *r)
{
	struct cache_facts facts;
	struct buf entry = BUF_INIT;
	char name[SPOOL_NAME];
	struct stat st;
	struct str map;
	enum err e;

	spool_name(uid, name);
	e = file_map(c->dirfd, name, &map);
	if (e != OK)
		return e;
	memset(r, 0, sizeof(*r));
	if (fstatat(c->dirfd, name, &st, 0) == 0)
		r->internaldate = st.st_mtime;
	sha256(map.p, map.n, r->guid);
	e = cache_build(map, r->guid, &entry, &facts);
	if (e == OK) {
		r->uid = uid;
		r->size = map.n;
		r->header_size = facts.header_size;
		r->sentdate = facts.has_sentdate ? facts.sentdate : r->internaldate;
		r->savedate = r->changed = time(NULL);
		r->blob = id128_new();
		r->modseq = r->create_modseq = c->modseq;
	}
	buf_free(&entry);
	file_unmap(map);
	return e;
}

static bool
file_agrees(struct checking *c, const struct index_record *r)
{
	char name[SPOOL_NAME];
	struct stat st;

	if (c->p->verify_content)
		return spool_verify(c->dirfd, r->uid, r->size, r->guid);
	spool_name(r->uid, name);
	return fstatat(c->dirfd, name, &st, 0) == 0 && (uint64_t)st.st_size == r->size;
}

/* The file differs from its record: its content counts, the flags stay. */
static enum err
remake(struct checking *c, struct index_record *r)
{
	struct index_record new;
	enum err e = from_file(c, r->uid, &new);

	if (e != OK)
		return e;
	new.flags = r->flags;
	memcpy(new.keywords, r->keywords, sizeof(new.keywords));
	new.internaldate = r->internaldate;
	new.zone_minutes = r->zone_minutes;
	new.savedate = r->savedate;
	report(c, "uid %u: the file is not what the record says", r->uid);
	*r = new;
	return OK;
}

static enum err
add_known(struct checking *c, struct index_record r, bool has_file)
{
	enum err e = OK;

	if (!(r.flags & REC_EXPUNGED) && !has_file) {
		report(c, "uid %u: the message file is missing", r.uid);
		c->res->missing++;
		r.flags |= REC_EXPUNGED | REC_RECLAIMED;
		r.modseq = c->modseq;
		r.changed = time(NULL);
	} else if (!(r.flags & REC_EXPUNGED) && !file_agrees(c, &r)) {
		e = remake(c, &r);
	}
	c->new[c->news++] = r;
	return e;
}

static enum err
add_unknown(struct checking *c, uint32_t uid)
{
	enum err e = from_file(c, uid, &c->new[c->news]);

	if (e != OK)
		return e;
	report(c, "uid %u: found", uid);
	c->res->found++;
	c->news++;
	return OK;
}

static enum err
merge(struct checking *c)
{
	uint32_t i = 0, k = 0;
	enum err e = OK;

	c->new = calloc((size_t)c->recs + c->uids + 1, sizeof(*c->new));
	ensure(c->new != NULL);
	while (e == OK && (i < c->recs || k < c->uids)) {
		bool known = i < c->recs && (k == c->uids || c->rec[i].uid <= c->uid[k]);
		bool file = k < c->uids && (i == c->recs || c->uid[k] <= c->rec[i].uid);

		e = known ? add_known(c, c->rec[i], file) : add_unknown(c, c->uid[k]);
		i += known;
		k += file;
	}
	return e;
}

/* --- putting it in place --- */

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
	h.base_lsn = wal_tail(c->part->wal);
	if (c->news > 0 && c->new[c->news - 1].uid > h.last_uid)
		h.last_uid = c->new[c->news - 1].uid;
	e = index_replace(c->dirfd, &h, c->new, c->news);
	if (e == OK && old >= 0)
		e = file_write_at(old, c->e->name, &state, sizeof(state),
		    offsetof(struct index_header, state));
	if (old >= 0)
		close(old);
	return e;
}

static enum err
check_locked(struct checking *c)
{
	enum err e = read_old(c);

	c->modseq = c->old.highestmodseq + 1;
	for (uint32_t i = 0; i < c->recs; i++)
		if (c->rec[i].modseq >= c->modseq)
			c->modseq = c->rec[i].modseq + 1;
	if (e == OK)
		e = list_files(c);
	if (e == OK)
		e = merge(c);
	for (uint32_t i = 0; i < c->news; i++)
		c->res->messages += !(c->new[i].flags & REC_EXPUNGED);
	if (e == OK && c->res->changed && !c->p->dry_run)
		e = replace(c);
	return e;
}

enum err
check_mailbox(struct store *s, const struct mbentry *e, const struct check_params *p,
    struct check_result *r)
{
	struct checking c = { .s = s, .e = e, .p = p, .res = r, .dirfd = -1,
	    .part = store_partition_of(s, e->partition) };
	uint64_t was, is;
	enum err err;

	memset(r, 0, sizeof(*r));
	if (c.part == NULL)
		return ERR_NOTFOUND;
	settle(&c);
	err = file_open_dir(c.part->dirfd, e->dir, &c.dirfd);
	if (err != OK)
		return err;
	err = lock_exclusive(c.dirfd, LOCK_MAILBOX, LOCK_WAIT_MS);
	if (err == OK) {
		err = check_locked(&c);
		lock_release(c.dirfd, LOCK_MAILBOX);
	}
	if (err == OK && r->changed && !p->dry_run && e->quotaroot != NULL)
		err = quota_recount(s, str_c(e->quotaroot), true, &was, &is);
	close(c.dirfd);
	free(c.rec);
	free(c.uid);
	free(c.new);
	return err;
}
