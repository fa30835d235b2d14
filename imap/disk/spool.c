/* spool.c - message files */
#include "imap/disk/spool.h"

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/file.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
spool_name(uint32_t uid, char name[SPOOL_NAME])
{
	snprintf(name, SPOOL_NAME, "%u.", uid);
}

uint32_t
spool_uid(const char *name)
{
	uint64_t v = 0;
	const char *p = name;

	if (*p < '1' || *p > '9')
		return 0;
	for (; *p >= '0' && *p <= '9' && v <= UINT32_MAX; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	return p[0] == '.' && p[1] == '\0' && v <= UINT32_MAX ? (uint32_t)v : 0;
}

void
spool_stage_name(const struct id128 *blob, char name[SPOOL_NAME])
{
	id128_hex(blob, name);
}

enum err
spool_is_free(int dirfd, uint32_t uid)
{
	char name[SPOOL_NAME];

	spool_name(uid, name);
	if (faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return ERR_EXISTS;
	return errno == ENOENT ? OK : file_err(errno);
}

static enum err
clear_name(int dirfd, const char *name)
{
	enum err e = file_unlink(dirfd, name);

	return e == ERR_NOTFOUND ? OK : e;
}

enum err
spool_write(int dirfd, uint32_t uid, struct str bytes, enum spool_over over)
{
	char name[SPOOL_NAME];
	enum err e;
	int fd;

	spool_name(uid, name);
	e = file_open(dirfd, name, O_WRONLY | O_CREAT | O_EXCL, 0600, &fd);
	if (e == ERR_EXISTS && over == SPOOL_REPLACE) {
		e = clear_name(dirfd, name);
		if (e == OK)
			e = file_open(dirfd, name, O_WRONLY | O_CREAT | O_EXCL, 0600, &fd);
	}
	if (e != OK)
		return e;
	e = file_write(fd, name, bytes.p, bytes.n);
	if (close(fd) != 0 && e == OK) {
		log_io(name, "close");
		e = file_err(errno);
	}
	if (e != OK && clear_name(dirfd, name) != OK)
		log_warning("%s: a part of a message could not be removed", name);
	return e;
}

static enum err
copy(int fromdir, const char *from, int dirfd, uint32_t uid, enum spool_over over)
{
	struct str map;
	enum err e = file_map(fromdir, from, &map);

	if (e != OK)
		return e;
	e = spool_write(dirfd, uid, map, over);
	file_unmap(map);
	return e;
}

enum err
spool_copy(int fromdir, const char *from, int dirfd, uint32_t uid)
{
	return copy(fromdir, from, dirfd, uid, SPOOL_NEW);
}

enum err
spool_link(int fromdir, const char *from, int dirfd, uint32_t uid, enum spool_over over,
    bool *copied)
{
	char name[SPOOL_NAME];
	enum err e;

	*copied = false;
	spool_name(uid, name);
	if (linkat(fromdir, from, dirfd, name, 0) == 0)
		return OK;
	if (errno == EMLINK || errno == EXDEV) {
		*copied = true;
		return copy(fromdir, from, dirfd, uid, over);
	}
	/* Else a failure to report. */
	if (errno == EEXIST && over == SPOOL_REPLACE) {
		e = clear_name(dirfd, name);
		if (e != OK)
			return e;
	}
	return file_link(fromdir, from, dirfd, name);
}

enum err
spool_highest(int dirfd, const char *path, uint32_t max, uint32_t *uid)
{
	const struct dirent *de;
	DIR *d;
	enum err e = file_dir_open(dirfd, path, &d);

	*uid = 0;
	if (e != OK)
		return e;
	while ((e = file_dir_next(d, path, &de)) == OK && de != NULL) {
		uint32_t found = spool_uid(de->d_name);

		if (found > *uid && found <= max)
			*uid = found;
	}
	closedir(d);
	return e;
}

/* --- looking at one that may not be what it was --- */

enum {
	SECTOR = 512,
	PIECE = 64 * 1024,		/* whole sectors */
};

/*
 * Its pieces, until EACH has had enough.  Read and not mapped: what the disk
 * cannot read is an error, and does not end the process.
 */
typedef bool (*piece_fn)(void *ctx, struct str piece);

static enum err
each_piece(int dirfd, const char *name, piece_fn each, void *ctx)
{
	struct buf b = BUF_INIT;
	char *bytes = buf_reserve(&b, PIECE);
	uint64_t size, at = 0;
	bool go_on = true;
	enum err e;
	int fd;

	e = file_open(dirfd, name, O_RDONLY, 0, &fd);
	if (e == OK) {
		e = file_size(fd, name, &size);
		while (e == OK && go_on && at < size) {
			size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;

			e = file_read_at(fd, name, bytes, n, at);
			if (e == OK)
				go_on = each(ctx, (struct str){ bytes, n });
			at += n;
		}
		close(fd);
	}
	buf_free(&b);
	return e;
}

struct tear {
	bool found, empty;
};

static bool
look_for_tear(void *ctx, struct str piece)
{
	static const char zeros[SECTOR];
	struct tear *t = ctx;

	t->empty = false;
	for (size_t at = 0; !t->found && at < piece.n; at += SECTOR)
		t->found = memcmp(piece.p + at, zeros,
		    piece.n - at < SECTOR ? piece.n - at : SECTOR) == 0;
	return !t->found;
}

bool
spool_is_torn(int dirfd, uint32_t uid)
{
	struct tear t = { .empty = true };
	char name[SPOOL_NAME];

	spool_name(uid, name);
	return faccessat(dirfd, name, R_OK, AT_EACCESS) == 0 &&
	    each_piece(dirfd, name, look_for_tear, &t) == OK && (t.found || t.empty);
}

void
spool_forget(int dirfd, uint32_t uid)
{
	char name[SPOOL_NAME];
	int fd;

	spool_name(uid, name);
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	file_forget(fd);
	close(fd);
}

struct reading {
	struct sha256 *digest;
	uint64_t left;			/* of the size that it should have */
};

static bool
add_piece(void *ctx, struct str piece)
{
	struct reading *r = ctx;

	if (piece.n > r->left) {
		r->left = UINT64_MAX;
		return false;
	}
	r->left -= piece.n;
	sha256_add(r->digest, piece.p, piece.n);
	return true;
}

enum err
spool_verify(int dirfd, uint32_t uid, uint64_t size, const uint8_t guid[32], bool *same)
{
	struct reading r = { .digest = sha256_new(), .left = size };
	uint8_t have[SHA256_SIZE];
	char name[SPOOL_NAME];
	enum err e;

	*same = false;
	spool_name(uid, name);
	e = each_piece(dirfd, name, add_piece, &r);
	sha256_end(r.digest, have);
	if (e == OK)
		*same = r.left == 0 && memcmp(have, guid, sizeof(have)) == 0;
	return e == ERR_NOTFOUND ? OK : e;
}

void
spool_sweep(int dirfd)
{
	static const char *const names[] = {
		"cyrus.index", "cyrus.cache", "cyrus.header", "cyrus.seen.NEW",
		"cyrus.annotations.NEW",
	};
	/* Prepared for a commit that has not come about. */
	static const char *const prepared[] = { "cyrus.seen.NEW", "cyrus.annotations.NEW" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		file_sweep(dirfd, names[i]);
	for (size_t i = 0; i < sizeof(prepared) / sizeof(prepared[0]); i++)
		if (faccessat(dirfd, prepared[i], F_OK, 0) == 0)
			(void)!file_unlink(dirfd, prepared[i]);
}
