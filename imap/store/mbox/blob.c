/*
 * blob.c - a message on its way into the store
 *
 * Bytes go to memory until BLOB_MEMORY, then to stage/ID on the partition, in
 * pieces of WRITE_SIZE: lmtpd hands them over line by line.  A
 * staged blob's file is flushed with its directory by blob_finish(), before
 * any lock is taken and before any log frame names it; it stays until a
 * checkpoint has flushed the mailboxes' links to it (SOURCE_STAGE in rec.h).
 *
 * As long as the blob lives its file is locked, from before its first byte on:
 * by that a checkpoint knows the files of those who were killed.
 */
#include "imap/store/mbox/blob.h"

#include "imap/store/mbox/blob_in.h"
#include "imap/disk/spool.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { WRITE_SIZE = 64 * 1024 };

enum err
blob_new(struct store *s, const char *partition, struct blob **blob)
{
	struct partition *part = store_partition_of(s,
	    partition != NULL ? partition : s->params.default_partition);
	struct blob *b;

	if (part == NULL)
		return ERR_NOTFOUND;
	b = mem_zero(1, sizeof(*b));
	b->store = s;
	b->part = part;
	b->fd = -1;
	b->id = id128_new();
	b->hash = sha256_new();
	buf_init(&b->mem);
	buf_init(&b->cache);
	*blob = b;
	return OK;
}

static enum err
make_file(struct blob *b, const char *name)
{
	enum err e = file_open(b->part->stagefd, name, O_RDWR | O_CREAT | O_EXCL, 0600, &b->fd);

	if (e != OK) {
		b->fd = -1;
		return e;
	}
	/* Nobody else looks at an empty one. */
	if (flock(b->fd, LOCK_EX | LOCK_NB) == 0)
		return OK;
	log_io(name, "flock");
	return ERR_IO;
}

/* What is in memory to the stage file, which is made for it. */
static enum err
spill(struct blob *b)
{
	char name[SPOOL_NAME];
	enum err e = OK;

	spool_stage_name(&b->id, name);
	if (b->fd < 0)
		e = make_file(b, name);
	if (e != OK)
		return e;
	e = file_write(b->fd, name, b->mem.p, b->mem.n);
	buf_reset(&b->mem);
	return e;
}

enum err
blob_write(struct blob *b, const void *p, size_t n)
{
	enum err e = OK;

	if (b->failed != OK)
		return b->failed;
	sha256_add(b->hash, p, n);
	b->size += n;
	if (b->mem.n + n > (b->fd < 0 ? BLOB_MEMORY : WRITE_SIZE))
		e = spill(b);
	if (e == OK && b->fd >= 0 && n >= WRITE_SIZE)
		e = file_write(b->fd, b->part->path, p, n);
	else if (e == OK)
		buf_add(&b->mem, p, n);
	b->failed = e;
	return e;
}

bool
blob_in_memory(const struct blob *b)
{
	return b->fd < 0;
}

enum err
blob_to_file(struct blob *b)
{
	if (b->failed == OK && b->fd < 0)
		b->failed = spill(b);
	return b->failed;
}

enum err
blob_seal(struct blob *b)
{
	char name[SPOOL_NAME];
	enum err e = b->failed;

	if (b->sealed)
		return e;
	b->sealed = true;
	if (e == OK && b->fd >= 0) {
		spool_stage_name(&b->id, name);
		if (b->mem.n > 0)
			e = spill(b);
		buf_free(&b->mem);
		if (e == OK)
			e = file_map(b->part->stagefd, name, &b->map);
	}
	b->failed = e;
	return e;
}

enum err
blob_finish(struct blob *b)
{
	char name[SPOOL_NAME];
	enum err e = b->failed;

	if (b->finished)
		return e;
	b->finished = true;
	sha256_end(b->hash, b->guid);
	b->hash = NULL;
	e = blob_seal(b);
	if (e == OK && b->fd >= 0) {
		spool_stage_name(&b->id, name);
		e = file_fsync(b->fd, name);
		if (e == OK)
			e = file_fsync_dir(b->part->stagefd, ".");
	}
	if (e == OK)
		e = cache_build(blob_bytes(b), b->guid, &b->cache, &b->facts);
	b->failed = e;
	return e;
}

uint64_t
blob_size(const struct blob *b)
{
	return b->size;
}

struct str
blob_bytes(const struct blob *b)
{
	return b->fd >= 0 ? b->map : buf_str(&b->mem);
}

void
blob_free(struct blob *b)
{
	char name[SPOOL_NAME];

	if (b == NULL)
		return;
	if (b->fd >= 0) {
		file_unmap(b->map);
		close(b->fd);
		spool_stage_name(&b->id, name);
		if (!b->committed && file_unlink(b->part->stagefd, name) != OK)
			log_warning("%s/stage/%s: could not be removed", b->part->path, name);
	}
	if (b->hash != NULL)
		sha256_abort(b->hash);
	buf_free(&b->mem);
	buf_free(&b->cache);
	free(b);
}
