/* index_write.c - cyrus.index: changing records, and the file as a whole */
#include "imap/disk/index_in.h"

#include "lib/file.h"
#include "lib/log.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SEEN_STEPS = 64 };		/* of unseen_from, for a record that is put */

static const char index_new[] = "cyrus.index.tmp";

enum err
index_reserve(struct index *ix, uint32_t n)
{
	uint64_t need = INDEX_HEADER_SIZE +
	    ((uint64_t)ix->h->records + n) * INDEX_RECORD_SIZE;
	uint64_t step;
	enum err e;

	if (need <= ix->file_len)
		return OK;
	step = ix->file_len / 8 < INDEX_GROW ? INDEX_GROW : ix->file_len / 8;
	if (ix->file_len + step > need)
		need = ix->file_len + step;
	need = (need + INDEX_GROW - 1) / INDEX_GROW * INDEX_GROW;
	e = file_allocate(ix->fd, ix->name, ix->file_len, need - ix->file_len);
	return e == OK ? index_map(ix) : e;
}

void
index_write_begin(struct index *ix)
{
	ensure(ix->locked);
	/* Odd already: the last writer died inside; we go on in his place. */
	if ((ix->h->seq & 1) == 0)
		atomic_fetch_add_explicit(index_seq_of(ix), 1, memory_order_acq_rel);
	atomic_thread_fence(memory_order_seq_cst);
}

void
index_write_end(struct index *ix)
{
	ensure((ix->h->seq & 1) == 1);
	ix->h->sums_crc = index_sums_crc(ix->h);
	atomic_fetch_add_explicit(index_seq_of(ix), 1, memory_order_release);
}

static void
count(struct index_header *h, const struct index_record *r, int sign)
{
	uint32_t one = (uint32_t)sign;

	if (r->flags & REC_EXPUNGED)
		return;
	h->exists += one;
	h->bytes += sign > 0 ? r->size : -r->size;
	h->unseen += (r->flags & MSG_SEEN) ? 0 : one;
	h->deleted += (r->flags & MSG_DELETED) ? one : 0;
	h->answered += (r->flags & MSG_ANSWERED) ? one : 0;
	h->flagged += (r->flags & MSG_FLAGGED) ? one : 0;
}

static bool
is_unseen(const struct index_record *r)
{
	return (r->flags & (MSG_SEEN | REC_EXPUNGED)) == 0;
}

/* Record AT has changed. */
static void
follow_unseen(struct index *ix, uint32_t at)
{
	struct index_header *h = ix->h;

	if (at < h->unseen_from && is_unseen(index_peek(ix, at)))
		h->unseen_from = at;
	for (int i = 0; i < SEEN_STEPS && h->unseen_from < h->records &&
	    !is_unseen(index_peek(ix, h->unseen_from)); i++)
		h->unseen_from++;
}

void
index_put(struct index *ix, const struct index_record *r)
{
	struct index_header *h = ix->h;
	struct index_record *base = (struct index_record *)((char *)h + INDEX_HEADER_SIZE);
	uint32_t at = h->records == 0 || r->uid > base[h->records - 1].uid ?
	    h->records : index_find(ix, h->records, r->uid);

	bool fresh = at == h->records;

	ensure(at < index_room(ix));
	if (!fresh && base[at].uid == r->uid) {
		count(h, &base[at], -1);
		if (r->modseq > h->changed_modseq)
			h->changed_modseq = r->modseq;
	} else if (!fresh) {
		/* Only replay of a log that a later file does not know. */
		log_err("%s/cyrus.index: message %u came after %u; ignored",
		    ix->name, r->uid, base[at].uid);
		return;
	}
	base[at] = *r;
	base[at].crc = index_record_crc(&base[at]);
	if (fresh) {
		/* Killed at the fault of a new page, we leave no empty record behind. */
		atomic_thread_fence(memory_order_release);
		h->records++;
	}
	count(h, r, 1);
	follow_unseen(ix, at);
	if (r->uid > h->last_uid)
		h->last_uid = r->uid;
	if (r->modseq > h->highestmodseq)
		h->highestmodseq = r->modseq;
}

/* A whole file with these records. */
static void
build(struct buf *file, const struct index_header *h, struct index_record *r, uint32_t n)
{
	size_t size = INDEX_HEADER_SIZE + (size_t)n * INDEX_RECORD_SIZE;
	size_t room = (size + INDEX_GROW - 1) / INDEX_GROW * INDEX_GROW;
	struct index_header *to = (struct index_header *)buf_reserve(file, room);

	memset(file->p, 0, room);
	*to = *h;
	memcpy(to->magic, INDEX_MAGIC, sizeof(to->magic));
	to->version = INDEX_VERSION;
	to->header_size = INDEX_HEADER_SIZE;
	to->record_size = INDEX_RECORD_SIZE;
	to->seq = to->dirty_lsn = to->writing_lsn = to->state = to->writing_uid = 0;
	to->records = n;
	to->exists = to->unseen = to->deleted = to->answered = to->flagged = 0;
	to->bytes = 0;
	to->unseen_from = n;
	for (uint32_t i = n; i-- > 0;) {
		r[i].crc = index_record_crc(&r[i]);
		count(to, &r[i], 1);
		if (is_unseen(&r[i]))
			to->unseen_from = i;
	}
	if (n > 0)
		memcpy(file->p + INDEX_HEADER_SIZE, r, (size_t)n * INDEX_RECORD_SIZE);
	to->crc = index_header_crc(to);
	to->sums_crc = index_sums_crc(to);
	file->n = room;
}

enum err
index_replace(int dirfd, const struct index_header *h, struct index_record *r, uint32_t n)
{
	struct buf file = BUF_INIT;
	enum err e;

	build(&file, h, r, n);
	e = file_replace(dirfd, "cyrus.index", file.p, file.n, 0600, true);
	buf_free(&file);
	return e;
}

static enum err
write_flushed(int dirfd, const char *path, struct str bytes)
{
	enum err e;
	int fd;

	e = file_open(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC, 0600, &fd);
	if (e != OK)
		return e;
	e = file_write(fd, path, bytes.p, bytes.n);
	if (e == OK)
		e = file_fsync(fd, path);
	close(fd);
	return e;
}

/*
 * From before the rename until the old file says that it was replaced seq is
 * odd: killed there, readers of the old file take the lock, and whoever has
 * that sees that the name is another file's (notice_removal()).  The mark comes
 * after the new name is on the disk, or a power cut leaves the old file with it.
 */
enum err
index_succeed(struct index *ix, const struct index_header *h, struct index_record *r, uint32_t n)
{
	struct buf file = BUF_INIT;
	enum err e;

	build(&file, h, r, n);
	e = write_flushed(ix->dirfd, index_new, buf_str(&file));
	buf_free(&file);
	if (e == OK) {
		index_write_begin(ix);
		e = file_rename(ix->dirfd, index_new, ix->dirfd, "cyrus.index");
		/* If that fails it has been told; the mark is for the living, now. */
		if (e == OK)
			(void)!file_fsync_dir(ix->dirfd, ".");
		if (e == OK)
			ix->h->state |= INDEX_REPLACED;
		index_write_end(ix);
	}
	if (e != OK)
		file_sweep(ix->dirfd, "cyrus.index");
	return e;
}

void
index_refer_cache(struct index *ix, uint32_t at, const struct index_record *r)
{
	struct index_record *to =
	    (struct index_record *)((char *)ix->h + INDEX_HEADER_SIZE) + at;

	to->cache_offset = r->cache_offset;
	to->cache_len = r->cache_len;
}

uint32_t
index_ordered(struct index *ix)
{
	uint32_t fit = index_room(ix), last = 0, n = 0;

	while (n < ix->h->records && n < fit && index_peek(ix, n)->uid > last)
		last = index_peek(ix, n++)->uid;
	return n;
}

void
index_trim(struct index *ix)
{
	ix->h->records = index_ordered(ix);
}

/*
 * Where the next cache entry goes is in no log: after a power cut it may be older
 * than the records are, and who reads their entries has them mapped.
 */
static void
keep_clear_of(struct index_header *h, const struct index_record *r)
{
	if (r->cache_len > 0 && r->cache_offset <= UINT64_MAX - r->cache_len &&
	    h->cache_size < r->cache_offset + r->cache_len)
		h->cache_size = r->cache_offset + r->cache_len;
}

void
index_recount(struct index *ix)
{
	struct index_header *h = ix->h;

	h->exists = h->unseen = h->deleted = h->answered = h->flagged = 0;
	h->bytes = 0;
	h->unseen_from = h->records;
	for (uint32_t i = h->records; i-- > 0;) {
		count(h, index_peek(ix, i), 1);
		keep_clear_of(h, index_peek(ix, i));
		if (is_unseen(index_peek(ix, i)))
			h->unseen_from = i;
	}
}
