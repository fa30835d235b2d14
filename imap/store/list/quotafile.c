/*
 * quotafile.c - quota/ROOT: the cached sum of one quota root
 *
 * Five lines of numbers, padded with blanks, QUOTAFILE_SIZE bytes in all:
 *   bytes used
 *   limit in KiB, -1: none
 *   messages used, limit of messages
 *   octets of annotations used, limit in KiB, limit of mailboxes
 *   count of writes, CRC of all before it in hex
 * Files of version 0.1 lack the fourth line; they are read, too, for the limits.
 * One pwrite() of it is whole to every reader who has the lock; who reads
 * without it beside a writer may get some of either, which the CRC finds, and
 * reads again.  A power cut may leave an old one, which replaying the log
 * corrects, or rubbish, which the CRC finds too.
 * All bits set in the bytes used: the sum is not known, somebody counts.
 */
#include "imap/store/list/quotafile.h"

#include "imap/store/list/mbname.h"
#include "lib/crc.h"
#include "lib/digest.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	QUOTAFILE_SIZE = 21 + 21 + 42 + 63 + 30,
	OLD_SIZE = 21 + 21 + 42 + 30,
	CRC_SIZE = 9,
	FILE_NAME_MAX = 240,
	LOCK_MS = 30000,
	PEEKS = 10,			/* before it lets others run for longer, */
	PEEKS_MAX = 200,		/*   a millisecond each time */
};

static void
path_of(struct str root, struct buf *path)
{
	buf_adds(path, "quota/");
	mbname_add_file(path, root);
}

bool
quotafile_possible(struct str root)
{
	struct buf path = BUF_INIT;
	bool ok;

	mbname_add_file(&path, root);
	ok = path.n <= FILE_NAME_MAX;
	buf_free(&path);
	return ok;
}

/* Removed by somebody (quotafile_remove()) while we waited for its lock? */
static bool
is_gone(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

enum err
quotafile_lock(struct store *s, struct str root, bool create, int *fd)
{
	struct buf path = BUF_INIT;
	enum err e;

	path_of(root, &path);
	do {
		e = file_open(s->config_fd, path.p, O_RDWR | (create ? O_CREAT : 0), 0600, fd);
		if (e == OK && (e = lock_exclusive(*fd, LOCK_QUOTA, LOCK_MS)) != OK)
			close(*fd);
		if (e != OK || !is_gone(*fd))
			break;
		quotafile_unlock(*fd);
	} while (true);
	buf_free(&path);
	return e;
}

void
quotafile_unlock(int fd)
{
	lock_release(fd, LOCK_QUOTA);
	close(fd);
}

/* Numbers out of range cannot pass the checksum. */
static bool
parse(const char *text, struct quotafile *q)
{
	uint32_t crc;

	return sscanf(	/* NOLINT(cert-err34-c) */
	    text, "%" SCNu64 " %" SCNd64 " %" SCNu64 " %" SCNd64 " %" SCNu64 " %" SCNd64
	    " %" SCNd64 " %" SCNu64 " %" SCNx32, &q->bytes, &q->limit.kb, &q->messages,
	    &q->limit.messages, &q->annotation, &q->limit.annotation_kb,
	    &q->limit.mailboxes, &q->changes, &crc) == 9 &&
	    crc == crc32c(0, text, QUOTAFILE_SIZE - CRC_SIZE);
}

static bool
parse_old(const char *text, struct quotafile *q)
{
	uint32_t crc;

	*q = (struct quotafile){ .limit = QUOTA_NO_LIMITS };
	return sscanf(	/* NOLINT(cert-err34-c) */
	    text, "%" SCNu64 " %" SCNd64 " %" SCNu64 " %" SCNd64 " %" SCNu64
	    " %" SCNx32, &q->bytes, &q->limit.kb, &q->messages, &q->limit.messages,
	    &q->changes, &crc) == 6 && crc == crc32c(0, text, OLD_SIZE - CRC_SIZE);
}

static enum err
judge(bool is_whole, const struct quotafile *q)
{
	return !is_whole ? ERR_CORRUPT : q->bytes == QUOTAFILE_UNKNOWN ? ERR_STALE : OK;
}

enum err
quotafile_read(int fd, struct quotafile *q)
{
	char text[QUOTAFILE_SIZE + 1];
	ssize_t n;

	do
		n = pread(fd, text, QUOTAFILE_SIZE, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		log_io("quota", "read");
		return ERR_IO;
	}
	text[n] = '\0';
	if (n == OLD_SIZE)
		return judge(parse_old(text, q), q);
	return judge(n == QUOTAFILE_SIZE && parse(text, q), q);
}

enum err
quotafile_write(int fd, const struct quotafile *q)
{
	char text[QUOTAFILE_SIZE + 1];
	int n;

	n = snprintf(text, sizeof(text), "%20" PRIu64 "\n%20" PRId64 "\n%20" PRIu64
	    " %20" PRId64 "\n%20" PRIu64 " %20" PRId64 " %20" PRId64 "\n%20" PRIu64 " ",
	    q->bytes, q->limit.kb, q->messages, q->limit.messages, q->annotation,
	    q->limit.annotation_kb, q->limit.mailboxes, q->changes + 1);
	ensure(n == QUOTAFILE_SIZE - CRC_SIZE);
	snprintf(text + n, sizeof(text) - (size_t)n, "%08x\n", crc32c(0, text, (size_t)n));
	return file_write_at(fd, "quota", text, QUOTAFILE_SIZE, 0);
}

uint64_t
quotafile_first_change(void)
{
	uint64_t n;

	random_bytes(&n, sizeof(n));
	return n >> 1;		/* far from the end */
}

/*
 * Torn by somebody who is writing, or damaged?  Who gets the lock at once knows, and
 * a damaged file costs nobody a wait.
 */
static enum err
read_beside_writers(int fd, struct quotafile *q)
{
	enum err e = quotafile_read(fd, q);

	for (int i = 1; e == ERR_CORRUPT && i < PEEKS_MAX; i++) {
		if (i >= PEEKS && lock_shared(fd, LOCK_QUOTA, 0) == OK) {
			e = quotafile_read(fd, q);
			lock_release(fd, LOCK_QUOTA);
			return e;
		}
		if (i >= PEEKS)
			(void)poll(NULL, 0, 1);
		else
			sched_yield();
		e = quotafile_read(fd, q);
	}
	return e;
}

enum err
quotafile_peek(struct store *s, struct str root, struct quotafile *q)
{
	struct buf path = BUF_INIT;
	enum err e;
	int fd;

	path_of(root, &path);
	e = file_open(s->config_fd, path.p, O_RDONLY, 0, &fd);
	if (e == OK) {
		e = read_beside_writers(fd, q);
		close(fd);
	}
	buf_free(&path);
	return e;
}

enum err
quotafile_flush(struct store *s, struct str root)
{
	struct buf path = BUF_INIT;
	enum err e;
	int fd;

	path_of(root, &path);
	e = file_open(s->config_fd, path.p, O_RDWR, 0, &fd);
	if (e == OK) {
		e = file_fsync(fd, path.p);
		close(fd);
	}
	if (e == OK)
		e = file_fsync_dir(s->config_fd, "quota");
	buf_free(&path);
	return e;
}

enum err
quotafile_remove(struct store *s, struct str root)
{
	struct buf path = BUF_INIT;
	enum err e;

	path_of(root, &path);
	e = file_unlink(s->config_fd, path.p);
	buf_free(&path);
	return e == ERR_NOTFOUND ? OK : e;
}
