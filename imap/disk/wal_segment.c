/* wal_segment.c - the commit log's segments, and the stream that they are */
#include "imap/disk/wal_in.h"

#include "lib/file.h"
#include "lib/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void
wal_segment_name(uint64_t start, char name[32])
{
	snprintf(name, 32, "%016" PRIx64 ".log", start);
}

bool
wal_segment_is_whole(const struct wal *w, const char *name)
{
	struct stat st;

	return fstatat(w->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && st.st_size == WAL_SEGMENT;
}

static enum err
segment_fill(struct wal *w, int fd, const char *name)
{
	static const char zeros[65536];
	enum err e = OK;

	for (uint64_t off = 0; e == OK && off < WAL_SEGMENT; off += sizeof(zeros))
		e = file_write_at(fd, name, zeros, sizeof(zeros), off);
	if (e == OK)
		e = file_fsync(fd, name);
	(void)w;
	return e;
}

/* Filled under a name that nobody takes for a segment. */
static enum err
segment_make(struct wal *w, const char *name)
{
	enum err e;
	int fd;

	e = file_open(w->dirfd, "new", O_RDWR | O_CREAT | O_TRUNC, 0600, &fd);
	if (e != OK)
		return e;
	e = segment_fill(w, fd, "new");
	close(fd);
	if (e == OK)
		e = file_rename(w->dirfd, "new", w->dirfd, name);
	if (e != OK && file_unlink(w->dirfd, "new") != OK)
		log_warning("%s/new: could not be removed", w->path);
	return e;
}

/*
 * A new segment: a spare one renamed if there is one, else zeros.  Its name is
 * not yet durable: wal_stream_write() sees to that.
 */
static enum err
segment_create(struct wal *w, const char *name)
{
	char spare[32];
	enum err e;

	for (int i = 0; i < WAL_SPARE; i++) {
		snprintf(spare, sizeof(spare), "spare%d", i);
		if (!wal_segment_is_whole(w, spare))
			continue;
		e = file_rename(w->dirfd, spare, w->dirfd, name);
		if (e != ERR_NOTFOUND)
			return e;
	}
	return segment_make(w, name);
}

void
wal_segment_close(struct wal_segment *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

enum err
wal_segment_get(struct wal *w, uint64_t lsn, bool create, int *fd)
{
	uint64_t start = lsn - lsn % WAL_SEGMENT;
	struct wal_segment *s;
	char name[32];
	enum err e;

	for (int i = 0; i < WAL_OPEN_SEGMENTS; i++) {
		if (w->seg[i].fd >= 0 && w->seg[i].start == start) {
			*fd = w->seg[i].fd;
			return OK;
		}
	}
	wal_segment_name(start, name);
	s = &w->seg[w->next_seg++ % WAL_OPEN_SEGMENTS];
	wal_segment_close(s);
	e = file_open(w->dirfd, name, O_RDWR, 0600, &s->fd);
	if (e == ERR_NOTFOUND && create) {
		e = segment_create(w, name);
		if (e == OK)
			e = file_open(w->dirfd, name, O_RDWR, 0600, &s->fd);
	}
	if (e != OK) {
		s->fd = -1;
		return e;
	}
	s->start = start;
	*fd = s->fd;
	return OK;
}

enum err
wal_stream_read(struct wal *w, uint64_t lsn, void *p, size_t n)
{
	char *out = p;
	enum err e;
	int fd;

	while (n > 0) {
		uint64_t off = lsn % WAL_SEGMENT;
		size_t part = WAL_SEGMENT - off < n ? (size_t)(WAL_SEGMENT - off) : n;

		e = wal_segment_get(w, lsn, false, &fd);
		if (e == OK)
			e = file_read_at(fd, w->path, out, part, off);
		if (e != OK)
			return e;
		out += part;
		lsn += part;
		n -= part;
	}
	return OK;
}

/*
 * Before the first bytes of a segment: whoever gave it its name may have been
 * killed before that was on the disk.  If it cannot be brought there the
 * segment goes: flushing once more would not prove that it is.
 */
static enum err
flush_name(struct wal *w, uint64_t start)
{
	enum err e = file_fsync_dir(w->dirfd, ".");
	char name[32];

	if (e == OK)
		return OK;
	for (int i = 0; i < WAL_OPEN_SEGMENTS; i++)
		if (w->seg[i].start == start)
			wal_segment_close(&w->seg[i]);
	wal_segment_name(start, name);
	if (file_unlink(w->dirfd, name) == ERR_IO)
		log_warning("%s/%s: could not be removed", w->path, name);
	return e;
}

enum err
wal_stream_write(struct wal *w, uint64_t lsn, const void *p, size_t n)
{
	const char *in = p;
	enum err e;
	int fd;

	while (n > 0) {
		uint64_t off = lsn % WAL_SEGMENT;
		size_t part = WAL_SEGMENT - off < n ? (size_t)(WAL_SEGMENT - off) : n;

		e = wal_segment_get(w, lsn, true, &fd);
		if (e == OK && off == 0)
			e = flush_name(w, lsn);
		if (e == OK)
			e = file_write_at(fd, w->path, in, part, off);
		if (e != OK)
			return e;
		in += part;
		lsn += part;
		n -= part;
	}
	return OK;
}

/* --- all of them, and the spare ones --- */

bool
wal_has_spare(const struct wal *w)
{
	char spare[32];

	for (int i = 0; i < WAL_SPARE; i++) {
		snprintf(spare, sizeof(spare), "spare%d", i);
		if (wal_segment_is_whole(w, spare))
			return true;
	}
	return false;
}

enum err
wal_spare_make(struct wal *w)
{
	return segment_make(w, "spare0");
}

/* Is NAME a segment?  Its start in *start. */
static bool
is_segment(const char *name, uint64_t *start)
{
	char *end;

	if (strlen(name) != 20 || strcmp(name + 16, ".log") != 0)
		return false;
	*start = strtoull(name, &end, 16);
	return end == name + 16 && *start % WAL_SEGMENT == 0;
}

enum err
wal_each_segment(struct wal *w, wal_segment_fn fn, void *ctx)
{
	const struct dirent *de;
	uint64_t start;
	DIR *d;
	enum err e = file_dir_open(w->dirfd, w->path, &d);

	if (e != OK)
		return e;
	while ((e = file_dir_next(d, w->path, &de)) == OK && de != NULL)
		if (is_segment(de->d_name, &start))
			fn(w, de->d_name, start, ctx);
	closedir(d);
	return e;
}

/* An old segment becomes a spare one, or goes if there are enough. */
void
wal_segment_retire(struct wal *w, const char *name, uint64_t start, void *ctx)
{
	const struct wal_mark *m = ctx;
	char spare[32];

	if (start + WAL_SEGMENT > m->lsn)
		return;
	for (int i = 0; i < WAL_SPARE && wal_segment_is_whole(w, name); i++) {
		snprintf(spare, sizeof(spare), "spare%d", i);
		if (wal_segment_is_whole(w, spare))
			continue;
		if (file_rename(w->dirfd, name, w->dirfd, spare) == OK)
			return;
	}
	if (file_unlink(w->dirfd, name) != OK)
		log_warning("%s/%s: could not be removed", w->path, name);
}
