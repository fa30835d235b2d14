/* index_file.c - cyrus.index of a mailbox that is not open here */
#include "imap/disk/index_in.h"

#include "lib/file.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum err
index_create(int dirfd, const struct id128 *id, uint32_t uidvalidity, bool durable)
{
	char page[INDEX_GROW] = { 0 };
	struct index_header h = {
		.version = INDEX_VERSION,
		.header_size = INDEX_HEADER_SIZE,
		.record_size = INDEX_RECORD_SIZE,
		.uidvalidity = uidvalidity,
		.id = *id,
		.highestmodseq = 1,
	};

	memcpy(h.magic, INDEX_MAGIC, sizeof(h.magic));
	h.crc = index_header_crc(&h);
	h.sums_crc = index_sums_crc(&h);
	memcpy(page, &h, sizeof(h));
	return file_replace(dirfd, "cyrus.index", page, sizeof(page), 0600, durable);
}

/*
 * A file that cannot be read is a damaged one, which concerns its mailbox only;
 * when it is us who lack something (descriptors, memory), it is no fault of it.
 */
enum err
index_read_failed(enum err e)
{
	return e == ERR_IO && (errno == EIO || errno == EISDIR || errno == EACCES ||
	    errno == EUCLEAN || errno == EBADMSG) ? ERR_CORRUPT : e;
}

static enum err
read_header(int dirfd, const char *file, int flags, struct index_header *h, int *fd)
{
	enum err e = file_open(dirfd, file, flags, 0, fd);

	if (e != OK)
		return index_read_failed(e);
	e = index_read_failed(file_read_at(*fd, file, h, sizeof(*h), 0));
	if (e == OK && !index_header_valid(h)) {
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
	h.crc = index_header_crc(&h);
	h.sums_crc = index_sums_crc(&h);
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
