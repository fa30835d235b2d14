#include "master/pidfile.h"
#include "lib/file.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * flock(2) and not fcntl(2):
 * the lock must survive the fork of -d, as it belongs to the open file.
 */
enum err
pidfile_open(const char *path, int *fd)
{
	enum err e = file_open(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0644, fd);
	if (e != OK) {
		if (e == ERR_NOTFOUND)
			log_err("cannot make pid file \"%s\": no such folder;"
			    " see -p", path);
		return e;
	}
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return OK;
	if (errno != EWOULDBLOCK) {
		log_err("cannot lock pid file \"%s\": %m", path);
		close(*fd);
		*fd = -1;
		return ERR_IO;
	}
	char pid[16] = "?";
	ssize_t n = pread(*fd, pid, sizeof(pid) - 1, 0);
	if (n > 0)
		pid[strspn(pid, "0123456789")] = '\0';
	log_crit("another master (pid %s) holds \"%s\"; end it first, or use"
	    " another -p", pid, path);
	close(*fd);
	*fd = -1;
	return ERR_BUSY;
}

enum err
pidfile_write(int fd, const char *path)
{
	char pid[16];
	int n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	(void)fchmod(fd, 0644);
	enum err e = file_truncate(fd, path, 0);
	if (e == OK)
		e = file_write_at(fd, path, pid, (size_t)n, 0);
	return e;
}

void
pidfile_remove(int fd, const char *path)
{
	if (file_unlink(AT_FDCWD, path) != OK)
		log_warning("the pid file \"%s\" stays", path);
	close(fd);
}
