/* spool.c - message files */
#include "imap/disk/spool.h"

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

enum { SECTOR = 512 };

bool
spool_is_torn(int dirfd, uint32_t uid)
{
	static const char zeros[SECTOR];
	char name[SPOOL_NAME];
	struct str map;
	bool torn;

	spool_name(uid, name);
	if (faccessat(dirfd, name, R_OK, AT_EACCESS) != 0 ||
	    file_map(dirfd, name, &map) != OK)
		return false;
	torn = map.n == 0;
	for (size_t at = 0; !torn && at < map.n; at += SECTOR) {
		size_t n = map.n - at < SECTOR ? map.n - at : SECTOR;

		torn = memcmp(map.p + at, zeros, n) == 0;
	}
	file_unmap(map);
	return torn;
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

enum err
spool_verify(int dirfd, uint32_t uid, uint64_t size, const uint8_t guid[32], bool *same)
{
	uint8_t have[SHA256_SIZE];
	char name[SPOOL_NAME];
	struct str map;
	enum err e;

	*same = false;
	spool_name(uid, name);
	e = file_map(dirfd, name, &map);
	if (e != OK)
		return e == ERR_NOTFOUND ? OK : e;
	if (map.n == size) {
		sha256(map.p, map.n, have);
		*same = memcmp(have, guid, sizeof(have)) == 0;
	}
	file_unmap(map);
	return OK;
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
