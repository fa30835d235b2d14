/* userfile.c - a user's small files */
#include "imap/store/list/userfile.h"

#include "imap/store/list/local.h"
#include "imap/store/list/mbname.h"
#include "lib/file.h"
#include "lib/lock.h"

#include <ctype.h>
#include <unistd.h>

enum { LOCK_MS = 30000 };

static void
add_dir(struct str user, struct buf *path)
{
	int c = user.n > 0 ? tolower((unsigned char)user.p[0]) : 'q';

	buf_printf(path, "user/%c", c >= 'a' && c <= 'z' ? c : 'q');
}

void
userfile_path(struct str user, const char *ext, struct buf *path)
{
	add_dir(user, path);
	buf_addc(path, '/');
	mbname_add_file(path, user);
	buf_adds(path, ext);
}

enum err
userfile_read(struct store *s, struct str user, const char *ext, struct buf *text)
{
	struct buf path = BUF_INIT;
	enum err e;

	userfile_path(user, ext, &path);
	e = file_slurp(s->config_fd, path.p, USERFILE_MAX, text);
	buf_free(&path);
	return e == ERR_NOTFOUND ? OK : e;
}

enum err
userfile_lock(struct store *s, struct str user, int *fd)
{
	struct buf dir = BUF_INIT;
	enum err e;

	add_dir(user, &dir);
	e = file_mkdirs(s->config_fd, dir.p, 0700);
	if (e == OK)
		e = file_open_dir(s->config_fd, dir.p, fd);
	buf_free(&dir);
	if (e != OK)
		return e;
	e = lock_exclusive(*fd, LOCK_QUOTA, LOCK_MS);
	if (e != OK)
		close(*fd);
	return e;
}

void
userfile_unlock(int fd)
{
	lock_release(fd, LOCK_QUOTA);
	close(fd);
}
