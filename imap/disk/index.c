/*
 * index.c - cyrus.index: the mapped list of a mailbox's messages
 *
 * File: the header in the first INDEX_HEADER_SIZE bytes, then records of
 * INDEX_RECORD_SIZE, in rising UID order; behind the last one zeros (room that
 * was reserved).  Layouts in index.h, in words in doc/formats.md.
 *
 * Invariants
 *  1. Records [0, records) have rising UIDs, none above last_uid, and a right
 *     crc when seq is even.
 *  2. exists, bytes, unseen ... are the sums over the records when seq is even.
 *  3. dirty_lsn is set before a commit's frame is appended to the log and
 *     cleared after it is in the file: not 0 under the lock means that its
 *     writer died, and the log from there on must be looked through.  In the same
 *     way writing_uid stands while there may be files above last_uid.
 *  4. UIDs of records never change, so index_find() needs no protection.
 *  5. Of the first unseen_from records each is MSG_SEEN or a tombstone when seq is
 *     even.  It may be lower than it could be, but follows in a few steps.
 *  6. sums_crc is of the words from applied_lsn on when seq is even; but not of
 *     recent_uid, cache_size, state and writing_*, which no log puts back, so
 *     that a power cut may tear them from the rest.  Who gets the lock looks
 *     at it before he changes anything (index_needs_repair()), else he would
 *     put his signature to the damage.  A kill inside leaves seq odd: sums are
 *     made anew then.  After a power cut any of the words may be old: replay
 *     makes them anew of each mailbox that has changed since the checkpoint.
 *
 * Nothing here is flushed at a commit: the log is.  A checkpoint flushes the
 * file; after a power cut replay puts back every record changed since.
 */
#include "imap/disk/index.h"

#include "lib/buf.h"
#include "lib/crc.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	GROW_MIN = 4096,
	MAP_AHEAD = 1 << 20,		/* mapped beyond the end of the file */
	UNLOAD_MIN = 64 * 1024,
	LOCK_WAIT_MS = 60000,
	SPINS = 100,			/* before it lets others run */
	SEEN_STEPS = 64,		/* of unseen_from, for a record that is put */
	READ_WAIT_MS = 200,
	CACHE_MAP_AHEAD = 1 << 20,
	CACHE_PIECE = 1 << 20,
};

static const char index_magic[8] = "chaparix";
static const char index_new[] = "cyrus.index.tmp", cache_new[] = "cyrus.cache.tmp";
static const char cache_magic[INDEX_CACHE_START] = "chapar cache 1\n";

static uint32_t
header_crc(const struct index_header *h)
{
	return crc32c(0, h, offsetof(struct index_header, seq));
}

static uint32_t
sums_crc(const struct index_header *h)
{
	const size_t from = offsetof(struct index_header, applied_lsn);
	struct index_header plain = *h;
	uint32_t crc;

	plain.recent_uid = plain.state = 0;
	plain.cache_size = plain.writing_lsn = 0;
	plain.writing_uid = 0;
	crc = crc32c(0, &plain.applied_lsn, offsetof(struct index_header, sums_crc) - from);
	return crc != 0 ? crc : 1;
}

bool
index_sums_valid(const struct index_header *h)
{
	return (h->seq & 1) != 0 || h->sums_crc == 0 || h->sums_crc == sums_crc(h);
}

/*
 * Without what is written outside of commits, so that a power cut may tear it
 * from the rest and no log puts it back: the cache's place (the entry checks
 * itself) and REC_RECLAIMED.
 */
static uint32_t
record_crc(const struct index_record *r)
{
	const size_t hole = offsetof(struct index_record, cache_offset);
	const size_t after = offsetof(struct index_record, header_size);
	struct index_record plain;

	if (r->flags & REC_RECLAIMED) {
		plain = *r;
		plain.flags &= ~(uint32_t)REC_RECLAIMED;
		r = &plain;
	}
	return crc32c(crc32c(0, r, hole), (const char *)r + after,
	    offsetof(struct index_record, crc) - after);
}

static bool
header_valid(const struct index_header *h)
{
	return memcmp(h->magic, index_magic, sizeof(index_magic)) == 0 &&
	    h->version == INDEX_VERSION && h->header_size == INDEX_HEADER_SIZE &&
	    h->record_size == INDEX_RECORD_SIZE && h->crc == header_crc(h);
}

enum err
index_create(int dirfd, const struct id128 *id, uint32_t uidvalidity, bool durable)
{
	char page[GROW_MIN] = { 0 };
	struct index_header h = {
		.version = INDEX_VERSION,
		.header_size = INDEX_HEADER_SIZE,
		.record_size = INDEX_RECORD_SIZE,
		.uidvalidity = uidvalidity,
		.id = *id,
		.highestmodseq = 1,
	};

	memcpy(h.magic, index_magic, sizeof(h.magic));
	h.crc = header_crc(&h);
	h.sums_crc = sums_crc(&h);
	memcpy(page, &h, sizeof(h));
	return file_replace(dirfd, "cyrus.index", page, sizeof(page), 0600, durable);
}

bool
index_record_valid(const struct index_record *r)
{
	return r->uid != 0 && r->crc == record_crc(r);
}

bool
index_header_valid(const struct index_header *h)
{
	return header_valid(h);
}

/*
 * A file that cannot be read is a damaged one, which concerns its mailbox only;
 * when it is us who lack something (descriptors, memory), it is no fault of it.
 */
static enum err
read_failed(enum err e)
{
	return e == ERR_IO && (errno == EIO || errno == EISDIR || errno == EACCES ||
	    errno == EUCLEAN || errno == EBADMSG) ? ERR_CORRUPT : e;
}

static enum err
read_header(int dirfd, const char *file, int flags, struct index_header *h, int *fd)
{
	enum err e = file_open(dirfd, file, flags, 0, fd);

	if (e != OK)
		return read_failed(e);
	e = read_failed(file_read_at(*fd, file, h, sizeof(*h), 0));
	if (e == OK && !header_valid(h)) {
		log_err("cyrus.index: damaged header; run reconstruct");
		e = ERR_CORRUPT;
	}
	if (e != OK)
		close(*fd);
	return e;
}

enum err
index_header_read(int dirfd, struct index_header *h)
{
	enum err e;
	int fd;

	e = read_header(dirfd, "cyrus.index", O_RDONLY, h, &fd);
	if (e == OK)
		close(fd);
	return e;
}

enum err
index_rebase(int dirfd, const char *file, uint64_t base_lsn)
{
	struct index_header h;
	enum err e;
	int fd;

	e = read_header(dirfd, file, O_RDWR, &h, &fd);
	if (e != OK)
		return e;
	h.base_lsn = base_lsn;
	h.dirty_lsn = h.applied_lsn = 0;
	h.seq &= ~(uint64_t)1;
	h.state = 0;
	h.crc = header_crc(&h);
	h.sums_crc = sums_crc(&h);
	e = file_write_at(fd, file, &h, sizeof(h), 0);
	close(fd);
	return e;
}

enum err
index_usage(int dirfd, struct index_usage *u, bool *in_commit)
{
	struct index_header h, again;
	enum err e = index_header_read(dirfd, &h);

	/*
	 * The sums change only while seq is odd.  Of two equal readings they
	 * are of one state, in whatever order the bytes of each were fetched.
	 * All bytes: the checksum is of all.
	 */
	if (e == OK)
		e = index_header_read(dirfd, &again);
	if (e != OK)
		return e;
	*u = (struct index_usage){ .bytes = h.bytes, .messages = h.exists,
	    .annotation = h.annotation };
	*in_commit = h.dirty_lsn != 0 || (h.seq & 1) != 0 || memcmp(&h, &again, sizeof(h)) != 0;
	/* Whoever opens the mailbox next puts them right, and counts the root. */
	return *in_commit || index_sums_valid(&h) ? OK : ERR_CORRUPT;
}

enum err
index_identity(int dirfd, struct id128 *id, uint32_t *uidvalidity)
{
	struct index_header h;
	enum err e = index_header_read(dirfd, &h);

	if (e != OK)
		return e;
	*id = h.id;
	*uidvalidity = h.uidvalidity;
	return OK;
}

enum err
index_mark(int dirfd, enum index_state state)
{
	struct index_header h;
	uint32_t s;
	enum err e;
	int fd;

	e = read_header(dirfd, "cyrus.index", O_RDWR, &h, &fd);
	if (e != OK)
		return e;
	s = h.state | (uint32_t)state;
	e = file_write_at(fd, "cyrus.index", &s, sizeof(s),
	    offsetof(struct index_header, state));
	if (e == OK)
		e = file_fdatasync(fd, "cyrus.index");
	close(fd);
	return e;
}

/* --- opening and mapping --- */

static void
unmap(struct index *ix)
{
	if (ix->h != NULL)
		munmap(ix->h, ix->map_len);
	ix->h = NULL;
}

/* Maps the file as it is now and some room to grow into. */
static enum err
map(struct index *ix)
{
	enum err e = file_size(ix->fd, ix->name, &ix->file_len);
	void *p;

	if (e != OK)
		return e;
	if (ix->file_len < INDEX_HEADER_SIZE) {
		log_err("%s/cyrus.index: too short; run reconstruct", ix->name);
		return ERR_CORRUPT;
	}
	if (ix->h != NULL && ix->file_len <= ix->map_len)
		return OK;
	unmap(ix);
	ix->map_len = (size_t)ix->file_len + ix->file_len / 2 + MAP_AHEAD;
	p = mmap(NULL, ix->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, ix->fd, 0);
	if (p == MAP_FAILED) {
		log_io(ix->name, "mmap cyrus.index");
		return ERR_IO;
	}
	ix->h = p;
	return OK;
}

enum err
index_open(int dirfd, const char *name, struct index **index)
{
	struct index *ix = mem_zero(1, sizeof(*ix));
	enum err e;

	*ix = (struct index){ .dirfd = dirfd, .fd = -1, .cachefd = -1, .historyfd = -1,
	    .name = mem_copy(name) };
	e = read_failed(file_open(dirfd, "cyrus.index", O_RDWR, 0, &ix->fd));
	if (e == OK)
		e = map(ix);
	if (e == OK && !header_valid(ix->h)) {
		log_err("%s/cyrus.index: damaged header; run reconstruct", name);
		e = ERR_CORRUPT;
	}
	if (e != OK) {
		ix->dirfd = -1;
		index_close(ix);
		return e;
	}
	*index = ix;
	return OK;
}

static void
close_cache(struct index *ix)
{
	if (ix->cache_map != NULL)
		munmap((void *)(uintptr_t)ix->cache_map, ix->cache_map_len);
	if (ix->cachefd >= 0)
		close(ix->cachefd);
	ix->cache_map = NULL;
	ix->cache_map_len = ix->cache_file_len = 0;
	ix->cachefd = -1;
}

void
index_close(struct index *ix)
{
	if (ix == NULL)
		return;
	if (ix->locked)
		index_unlock(ix);
	unmap(ix);
	close_cache(ix);
	if (ix->historyfd >= 0)
		close(ix->historyfd);
	if (ix->fd >= 0)
		close(ix->fd);
	if (ix->dirfd >= 0)
		close(ix->dirfd);
	free(ix->name);
	free(ix);
}

void
index_unload(struct index *ix)
{
	if (ix->file_len > UNLOAD_MIN && madvise(ix->h, ix->map_len, MADV_DONTNEED) != 0)
		log_io(ix->name, "madvise cyrus.index");
}

void
index_rest(struct index *ix)
{
	if (ix->locked)
		index_unlock(ix);
	close_cache(ix);
	if (ix->historyfd >= 0)
		close(ix->historyfd);
	ix->historyfd = -1;
	/* What reclaim_hold() has taken. */
	if (flock(ix->fd, LOCK_UN) != 0)
		log_io(ix->name, "flock cyrus.index");
}

/* --- reading --- */

static _Atomic uint64_t *
seq_of(const struct index *ix)
{
	return (_Atomic uint64_t *)&ix->h->seq;
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

uint32_t
index_state(const struct index *ix)
{
	return atomic_load_explicit((_Atomic uint32_t *)&ix->h->state,
	    memory_order_acquire);
}

static uint64_t
read_begin(struct index *ix)
{
	uint64_t s = atomic_load_explicit(seq_of(ix), memory_order_relaxed);

	/* Under the lock an odd number is our own: do not wait for ourselves. */
	if (ix->locked)
		return s;
	for (int64_t i = 0, end = 0;; i++) {
		s = atomic_load_explicit(seq_of(ix), memory_order_acquire);
		if ((s & 1) == 0)
			return s;
		if (i < SPINS)
			continue;
		if (end == 0)
			end = now_ms() + READ_WAIT_MS;
		else if (now_ms() > end)
			return s;	/* its writer is dead or starved */
		sched_yield();
	}
}

static bool
read_retry(struct index *ix, uint64_t s)
{
	atomic_thread_fence(memory_order_acquire);
	return (s & 1) == 0 &&
	    atomic_load_explicit(seq_of(ix), memory_order_relaxed) != s;
}

uint32_t
index_room(const struct index *ix)
{
	return (uint32_t)((ix->file_len - INDEX_HEADER_SIZE) / INDEX_RECORD_SIZE);
}

static enum err
has_room_for(const struct index *ix, uint32_t records)
{
	if (records <= index_room(ix))
		return OK;
	log_err("%s/cyrus.index: header counts %u records, file holds %u; run reconstruct",
	    ix->name, records, index_room(ix));
	return ERR_CORRUPT;
}

enum err
index_check_room(const struct index *ix)
{
	return has_room_for(ix, ix->h->records);
}

enum err
index_snapshot(struct index *ix, struct index_header *h)
{
	uint64_t s;

	do {
		s = read_begin(ix);
		memcpy(h, ix->h, sizeof(*h));
	} while (read_retry(ix, s));
	/* Whoever gets the lock mends it, as he would after a dead writer. */
	if (!ix->locked && !index_sums_valid(h))
		return ERR_BUSY;
	if (h->records > index_room(ix)) {
		enum err e = map(ix);

		if (e != OK)
			return e;
		e = has_room_for(ix, h->records);
		if (e != OK)
			return e;
	}
	return (s & 1) ? ERR_BUSY : OK;
}

bool
index_unchanged(const struct index *ix, const struct index_header *h)
{
	return atomic_load_explicit(seq_of(ix), memory_order_acquire) == h->seq &&
	    index_state(ix) == h->state;
}

const struct index_record *
index_peek(struct index *ix, uint32_t recno)
{
	return (const struct index_record *)((const char *)ix->h + INDEX_HEADER_SIZE) + recno;
}

enum err
index_get(struct index *ix, uint32_t recno, struct index_record *r)
{
	uint64_t s;

	if (recno >= index_room(ix))
		return ERR_NOTFOUND;
	do {
		s = read_begin(ix);
		memcpy(r, index_peek(ix, recno), sizeof(*r));
	} while (read_retry(ix, s));
	if ((s & 1) && !ix->locked)
		return ERR_BUSY;
	if (r->crc != record_crc(r)) {
		log_err("%s/cyrus.index: record %u fails its checksum; run reconstruct",
		    ix->name, recno);
		return ERR_CORRUPT;
	}
	return OK;
}

uint32_t
index_find(struct index *ix, uint32_t count, uint32_t uid)
{
	uint32_t lo = 0, hi = count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (index_peek(ix, mid)->uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* --- the lock --- */

/* A file that was taken away under us: what is written there is lost. */
static void
notice_removal(struct index *ix)
{
	struct stat st;

	if (fstat(ix->fd, &st) == 0 && st.st_nlink == 0 && ix->h->state == 0) {
		log_notice("mailbox %s: cyrus.index was replaced by somebody who did not "
		    "come to tell, or removed by hand", ix->name);
		ix->h->state = INDEX_REPLACED;
	}
}

static enum err
lock_within(struct index *ix, int ms)
{
	enum err e = lock_exclusive(ix->dirfd, LOCK_MAILBOX, ms);

	if (e != OK)
		return e;
	ix->locked = true;
	notice_removal(ix);
	if (ix->h->state != 0) {
		index_unlock(ix);
		return ERR_STALE;
	}
	e = map(ix);
	if (e != OK)
		index_unlock(ix);
	return e;
}

enum err
index_lock(struct index *ix)
{
	enum err e = lock_within(ix, LOCK_WAIT_MS);

	if (e == ERR_BUSY)
		log_warning("mailbox %s: locked for more than %d s", ix->name,
		    LOCK_WAIT_MS / 1000);
	return e;
}

enum err
index_lock_if_free(struct index *ix)
{
	return lock_within(ix, 0);
}

enum err
index_try_lock(struct index *ix)
{
	enum err e = lock_within(ix, 0);

	if (e != OK)
		return e;
	e = index_needs_repair(ix) ? ERR_BUSY : index_check_room(ix);
	if (e != OK)
		index_unlock(ix);
	return e;
}

void
index_unlock(struct index *ix)
{
	ix->locked = false;
	lock_release(ix->dirfd, LOCK_MAILBOX);
}

bool
index_needs_repair(const struct index *ix)
{
	return ix->h->dirty_lsn != 0 || ix->h->writing_uid != 0 || (ix->h->seq & 1) != 0 || !index_sums_valid(ix->h);
}

/* --- changing --- */

enum err
index_reserve(struct index *ix, uint32_t n)
{
	uint64_t need = INDEX_HEADER_SIZE +
	    ((uint64_t)ix->h->records + n) * INDEX_RECORD_SIZE;
	uint64_t step;
	enum err e;

	if (need <= ix->file_len)
		return OK;
	step = ix->file_len / 8 < GROW_MIN ? GROW_MIN : ix->file_len / 8;
	if (ix->file_len + step > need)
		need = ix->file_len + step;
	need = (need + GROW_MIN - 1) / GROW_MIN * GROW_MIN;
	e = file_allocate(ix->fd, ix->name, ix->file_len, need - ix->file_len);
	return e == OK ? map(ix) : e;
}

void
index_write_begin(struct index *ix)
{
	ensure(ix->locked);
	/* Odd already: the last writer died inside; we go on in his place. */
	if ((ix->h->seq & 1) == 0)
		atomic_fetch_add_explicit(seq_of(ix), 1, memory_order_acq_rel);
	atomic_thread_fence(memory_order_seq_cst);
}

void
index_write_end(struct index *ix)
{
	ensure((ix->h->seq & 1) == 1);
	ix->h->sums_crc = sums_crc(ix->h);
	atomic_fetch_add_explicit(seq_of(ix), 1, memory_order_release);
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
	base[at].crc = record_crc(&base[at]);
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
	size_t room = (size + GROW_MIN - 1) / GROW_MIN * GROW_MIN;
	struct index_header *to = (struct index_header *)buf_reserve(file, room);

	memset(file->p, 0, room);
	*to = *h;
	memcpy(to->magic, index_magic, sizeof(to->magic));
	to->version = INDEX_VERSION;
	to->header_size = INDEX_HEADER_SIZE;
	to->record_size = INDEX_RECORD_SIZE;
	to->seq = to->dirty_lsn = to->writing_lsn = to->state = to->writing_uid = 0;
	to->records = n;
	to->exists = to->unseen = to->deleted = to->answered = to->flagged = 0;
	to->bytes = 0;
	to->unseen_from = n;
	for (uint32_t i = n; i-- > 0;) {
		r[i].crc = record_crc(&r[i]);
		count(to, &r[i], 1);
		if (is_unseen(&r[i]))
			to->unseen_from = i;
	}
	if (n > 0)
		memcpy(file->p + INDEX_HEADER_SIZE, r, (size_t)n * INDEX_RECORD_SIZE);
	to->crc = header_crc(to);
	to->sums_crc = sums_crc(to);
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

void
index_recount(struct index *ix)
{
	struct index_header *h = ix->h;

	h->exists = h->unseen = h->deleted = h->answered = h->flagged = 0;
	h->bytes = 0;
	h->unseen_from = h->records;
	for (uint32_t i = h->records; i-- > 0;) {
		count(h, index_peek(ix, i), 1);
		if (is_unseen(index_peek(ix, i)))
			h->unseen_from = i;
	}
}

/* --- cyrus.cache --- */

/* Under the lock: one that lost its name would be written to for nobody. */
static void
close_replaced_cache(struct index *ix)
{
	struct stat st;

	if (ix->cachefd >= 0 && fstat(ix->cachefd, &st) == 0 && st.st_nlink == 0)
		close_cache(ix);
}

static enum err
cache_open(struct index *ix)
{
	enum err e;

	if (ix->cachefd >= 0)
		return OK;
	e = file_open(ix->dirfd, "cyrus.cache", O_RDWR | O_CREAT, 0600, &ix->cachefd);
	if (e != OK)
		ix->cachefd = -1;
	return e;
}

enum err
index_cache_add(struct index *ix, struct str entry, uint64_t *offset)
{
	uint64_t at = ix->h->cache_size, size;
	enum err e;

	close_replaced_cache(ix);
	e = cache_open(ix);
	if (e == OK)
		e = file_size(ix->cachefd, ix->name, &size);
	/* The header may be damaged, or the file cut short. */
	if (e == OK && at > size)
		at = size;
	if (e == OK && at < INDEX_CACHE_START) {
		e = file_write_at(ix->cachefd, ix->name, cache_magic, INDEX_CACHE_START, 0);
		at = INDEX_CACHE_START;
	}
	if (e == OK)
		e = file_write_at(ix->cachefd, ix->name, entry.p, entry.n, at);
	if (e != OK)
		return e;
	*offset = at;
	ix->h->cache_size = at + entry.n;
	return OK;
}

static enum err
cache_map(struct index *ix)
{
	uint64_t size;
	enum err e = file_size(ix->cachefd, ix->name, &size);
	void *p;

	if (e != OK)
		return e;
	ix->cache_file_len = size;
	if (ix->cache_map != NULL && size <= ix->cache_map_len)
		return OK;
	if (ix->cache_map != NULL)
		munmap((void *)(uintptr_t)ix->cache_map, ix->cache_map_len);
	ix->cache_map = NULL;
	ix->cache_map_len = size + size / 2 + CACHE_MAP_AHEAD;
	p = mmap(NULL, ix->cache_map_len, PROT_READ, MAP_SHARED, ix->cachefd, 0);
	if (p == MAP_FAILED) {
		log_io(ix->name, "mmap cyrus.cache");
		ix->cache_file_len = 0;
		return ERR_IO;
	}
	ix->cache_map = p;
	return OK;
}

enum err
index_cache_get(struct index *ix, uint64_t offset, uint32_t len, struct str *entry)
{
	enum err e = cache_open(ix);

	if (e == OK && (ix->cache_map == NULL || offset + len > ix->cache_file_len))
		e = cache_map(ix);
	if (e != OK)
		return e;
	if (offset < INDEX_CACHE_START || offset > ix->cache_file_len ||
	    len > ix->cache_file_len - offset)
		return ERR_NOTFOUND;
	*entry = (struct str){ ix->cache_map + offset, len };
	return OK;
}

static enum err
write_out(struct new_cache *c)
{
	enum err e = file_write(c->fd, cache_new, c->b.p, c->b.n);

	buf_reset(&c->b);
	return e;
}

enum err
index_cache_begin(int dirfd, struct new_cache *c)
{
	*c = (struct new_cache){ .dirfd = dirfd, .b = BUF_INIT };
	buf_add(&c->b, cache_magic, sizeof(cache_magic));
	c->size = c->b.n;
	return file_open(dirfd, cache_new, O_WRONLY | O_CREAT | O_TRUNC, 0600, &c->fd);
}

enum err
index_cache_put(struct new_cache *c, struct str entry, uint64_t *offset)
{
	*offset = c->size;
	c->size += entry.n;
	buf_add_str(&c->b, entry);
	return c->b.n < CACHE_PIECE ? OK : write_out(c);
}

enum err
index_cache_end(struct new_cache *c, bool replace)
{
	enum err e = replace ? write_out(c) : OK;

	if (e == OK && replace)
		e = file_rename(c->dirfd, cache_new, c->dirfd, "cyrus.cache");
	if (!replace || e != OK)
		file_sweep(c->dirfd, "cyrus.cache");
	close(c->fd);
	buf_free(&c->b);
	return e;
}
