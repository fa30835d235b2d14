/* index_cache.c - cyrus.cache, the file beside an index */
#include "imap/disk/index_in.h"

#include "lib/file.h"
#include "lib/log.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	CACHE_MAP_AHEAD = 1 << 20,
	CACHE_PIECE = 1 << 20,
};

static const char cache_new[] = "cyrus.cache.tmp";
static const char cache_magic[INDEX_CACHE_START] = "chapar cache 1\n";

void
index_cache_close(struct index *ix)
{
	if (ix->cache_map != NULL)
		munmap((void *)(uintptr_t)ix->cache_map, ix->cache_map_len);
	if (ix->cachefd >= 0)
		close(ix->cachefd);
	ix->cache_map = NULL;
	ix->cache_map_len = ix->cache_file_len = 0;
	ix->cachefd = -1;
}

/* Under the lock: one that lost its name would be written to for nobody. */
static void
close_replaced_cache(struct index *ix)
{
	struct stat st;

	if (ix->cachefd >= 0 && fstat(ix->cachefd, &st) == 0 && st.st_nlink == 0)
		index_cache_close(ix);
}

static enum err
cache_open(struct index *ix)
{
	enum err e;

	if (ix->cachefd >= 0)
		return OK;
	e = file_open(ix->dirfd, "cyrus.cache", O_RDWR | O_CREAT, 0600, &ix->cachefd);
	if (e != OK)
		ix->cachefd = -1;
	return e;
}

enum err
index_cache_add(struct index *ix, struct str entry, uint64_t *offset)
{
	uint64_t at = ix->h->cache_size, size;
	enum err e;

	close_replaced_cache(ix);
	e = cache_open(ix);
	if (e == OK)
		e = file_size(ix->cachefd, ix->name, &size);
	/* The header may be damaged, or the file cut short. */
	if (e == OK && at > size)
		at = size;
	if (e == OK && at < INDEX_CACHE_START) {
		e = file_write_at(ix->cachefd, ix->name, cache_magic, INDEX_CACHE_START, 0);
		at = INDEX_CACHE_START;
	}
	if (e == OK)
		e = file_write_at(ix->cachefd, ix->name, entry.p, entry.n, at);
	if (e != OK)
		return e;
	*offset = at;
	ix->h->cache_size = at + entry.n;
	return OK;
}

static enum err
cache_map(struct index *ix)
{
	uint64_t size;
	enum err e = file_size(ix->cachefd, ix->name, &size);
	void *p;

	if (e != OK)
		return e;
	ix->cache_file_len = size;
	if (ix->cache_map != NULL && size <= ix->cache_map_len)
		return OK;
	if (ix->cache_map != NULL)
		munmap((void *)(uintptr_t)ix->cache_map, ix->cache_map_len);
	ix->cache_map = NULL;
	ix->cache_map_len = size + size / 2 + CACHE_MAP_AHEAD;
	p = mmap(NULL, ix->cache_map_len, PROT_READ, MAP_SHARED, ix->cachefd, 0);
	if (p == MAP_FAILED) {
		log_io(ix->name, "mmap cyrus.cache");
		ix->cache_file_len = 0;
		return ERR_IO;
	}
	ix->cache_map = p;
	return OK;
}

enum err
index_cache_get(struct index *ix, uint64_t offset, uint32_t len, struct str *entry)
{
	enum err e = cache_open(ix);

	if (e == OK && (ix->cache_map == NULL || offset + len > ix->cache_file_len))
		e = cache_map(ix);
	if (e != OK)
		return e;
	if (offset < INDEX_CACHE_START || offset > ix->cache_file_len ||
	    len > ix->cache_file_len - offset)
		return ERR_NOTFOUND;
	*entry = (struct str){ ix->cache_map + offset, len };
	return OK;
}

static enum err
write_out(struct new_cache *c)
{
	enum err e = file_write(c->fd, cache_new, c->b.p, c->b.n);

	buf_reset(&c->b);
	return e;
}

enum err
index_cache_begin(int dirfd, struct new_cache *c)
{
	*c = (struct new_cache){ .dirfd = dirfd, .b = BUF_INIT };
	enum err e = file_open(dirfd, cache_new, O_WRONLY | O_CREAT | O_TRUNC, 0600, &c->fd);

	if (e == OK)
		buf_add(&c->b, cache_magic, sizeof(cache_magic));
	c->size = c->b.n;
	return e;
}

enum err
index_cache_put(struct new_cache *c, struct str entry, uint64_t *offset)
{
	*offset = c->size;
	c->size += entry.n;
	buf_add_str(&c->b, entry);
	return c->b.n < CACHE_PIECE ? OK : write_out(c);
}

enum err
index_cache_end(struct new_cache *c, bool replace)
{
	enum err e = replace ? write_out(c) : OK;

	if (e == OK && replace)
		e = file_rename(c->dirfd, cache_new, c->dirfd, "cyrus.cache");
	if (!replace || e != OK)
		file_sweep(c->dirfd, "cyrus.cache");
	close(c->fd);
	buf_free(&c->b);
	return e;
}
