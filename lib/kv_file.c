/* kv_file.c - how a database environment opens and finds its files */
#include "lib/kv_file.h"

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/kv_room.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum err
flush_log_name(const char *path)
{
	const char *base = strrchr(path, '/');
	struct buf dir = BUF_INIT;
	enum err e;

	if (base == NULL || strncmp(base + 1, "log.", 4) != 0)
		return OK;
	buf_add(&dir, path, (size_t)(base - path));
	e = file_fsync_dir(AT_FDCWD, dir.p);
	buf_free(&dir);
	return e;
}

/* FD, or -1 with what is logged, and an errno which is an end of it. */
static int
opened(const char *path, int fd)
{
	int error = errno;

	if (fd >= 0 || (error != EMFILE && error != ENFILE && error != ENOSPC))
		return fd;
	log_err("DBERROR: open %s: %m", path);
	errno = error == ENOSPC ? EFBIG : ENOMEM;
	return -1;
}

int
kv_file_open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;
	int fd;

	if ((flags & O_CREAT) == 0)
		return opened(path, open(path, flags | O_CLOEXEC));
	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	/* Is it new?  Its name is to be flushed only then. */
	if ((flags & O_EXCL) == 0) {
		fd = open(path, (flags & ~O_CREAT) | O_CLOEXEC);
		if (fd >= 0 || errno != ENOENT)
			return opened(path, fd);
	}
	if (kv_room_take(path)) {
		fd = open(path, (flags & ~(O_CREAT | O_EXCL)) | O_CLOEXEC);
		if (fd >= 0 || file_unlink(AT_FDCWD, path) != OK)
			return opened(path, fd);
	}
	fd = open(path, flags | O_CLOEXEC, mode);
	if (fd < 0 || flush_log_name(path) == OK)
		return opened(path, fd);
	/* Whoever makes it again finds out whether it can be flushed by then. */
	close(fd);
	if (file_unlink(AT_FDCWD, path) == ERR_IO)
		log_warning("%s: could not be removed", path);
	errno = EIO;
	return -1;
}

void
kv_file_names_free(char **names, int count)
{
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

int
kv_file_names(const char *dir, char ***names, int *count)
{
	const struct dirent *f;
	DIR *d;
	int fd;

	*names = NULL;
	*count = 0;
	enum err e = file_open_dir(AT_FDCWD, dir, &fd);
	if (e == OK) {
		e = file_dir_open(fd, dir, &d);
		close(fd);
	}
	if (e != OK)
		return e == ERR_NOTFOUND ? ENOENT : EIO;
	while ((e = file_dir_next(d, dir, &f)) == OK && f != NULL) {
		*names = mem_grow(*names, ((size_t)*count + 1) * sizeof(**names));
		(*names)[(*count)++] = mem_copy(f->d_name);
	}
	closedir(d);
	if (e == OK)
		return 0;
	kv_file_names_free(*names, *count);
	*names = NULL;
	*count = 0;
	return EIO;
}
