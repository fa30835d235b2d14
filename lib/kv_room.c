/*
 * kv_room.c - room on the disk for the next regions of a database environment
 *
 * Old regions are written over with zeros before they are used again, not cut
 * to nothing: that would set their blocks free.  Berkeley DB does not mind a
 * region's file that is longer than the region.
 */
#include "lib/kv_room.h"

#include "lib/file.h"
#include "lib/log.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REGION		"__db."
#define ROOM		"kv.room."
#define OLD		"kv.room.old."
#define CACHE_FILE	"__db.003"

enum {
	REGIONS_MAX = 9,
	ROOM_MAX = 512 << 10,	/* for one: most of the cache can do without */
};

bool
kv_room_is_region(const char *name)
{
	size_t n = strlen(REGION);

	return strncmp(name, REGION, n) == 0 && strlen(name) == n + 3
	    && strspn(name + n, "0123456789") == 3;
}

static bool
clear(int dir_fd, const char *name)
{
	static const char zeros[64 << 10];
	uint64_t size, part;
	int fd;

	enum err e = file_open(dir_fd, name, O_RDWR, 0, &fd);
	if (e != OK)
		return false;
	e = file_size(fd, name, &size);
	for (uint64_t at = 0; e == OK && at < size; at += part) {
		part = size - at < sizeof(zeros) ? size - at : sizeof(zeros);
		e = file_write_at(fd, name, zeros, (size_t)part, at);
	}
	close(fd);
	return e == OK;
}

bool
kv_room_save(int dir_fd, const char *name)
{
	char old[32];

	snprintf(old, sizeof(old), OLD "%.3s", name + strlen(REGION));
	return clear(dir_fd, name) && file_rename(dir_fd, name, dir_fd, old) == OK;
}

/* PATH ends with BASE, a region's name; as above, from PREFIX. */
static bool
take(const char *path, const char *base, const char *prefix)
{
	struct buf room = BUF_INIT;
	struct stat st;

	buf_add(&room, path, (size_t)(base - path));
	buf_printf(&room, "%s%s", prefix, base + strlen(REGION));
	bool is_there = lstat(room.p, &st) == 0 && S_ISREG(st.st_mode)
	    && file_rename(AT_FDCWD, room.p, AT_FDCWD, path) == OK;
	buf_free(&room);
	return is_there;
}

bool
kv_room_take(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base == NULL ? path : base + 1;
	return kv_room_is_region(base) && (take(path, base, OLD) || take(path, base, ROOM));
}

static void
keep_for(int dir_fd, const char *region, uint64_t size)
{
	struct stat st;
	char name[32];
	int fd;

	snprintf(name, sizeof(name), ROOM "%.3s", region + strlen(REGION));
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0
	    && (!S_ISREG(st.st_mode) || (uint64_t)st.st_blocks * 512 >= size))
		return;
	if (file_open(dir_fd, name, O_RDWR | O_CREAT, 0640, &fd) != OK)
		return;
	if (!file_reserve(fd, size))
		log_debug("%s: no room for later", name);
	close(fd);
}

void
kv_room_keep(int dir_fd)
{
	struct stat st;
	char name[32];

	for (int i = 1; i <= REGIONS_MAX; i++) {
		snprintf(name, sizeof(name), REGION "%03d", i);
		if (fstatat(dir_fd, name, &st, 0) != 0)
			return;
		uint64_t size = (uint64_t)st.st_size;
		keep_for(dir_fd, name, size < ROOM_MAX ? size : ROOM_MAX);
	}
}

bool
kv_room_fill_cache(int dir_fd, unsigned size)
{
	int fd;

	if (file_open(dir_fd, CACHE_FILE, O_RDWR, 0, &fd) != OK)
		return true;
	bool is_full = file_allocate(fd, CACHE_FILE, 0, size) == OK;
	close(fd);
	return is_full;
}
