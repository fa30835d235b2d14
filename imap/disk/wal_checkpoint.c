/* wal_checkpoint.c - where the replay of a log starts */
#include "imap/disk/wal_in.h"

#include "lib/crc.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"

#include <fcntl.h>
#include <unistd.h>

enum {
	CHECKPOINT_MAGIC = 0x43484350,	/* "CHCP" */
	CHECKPOINT_SIZE = 20,
};

enum err
wal_checkpoint_write(struct wal *w, struct wal_mark m)
{
	struct buf b = BUF_INIT;
	enum err e;
	int fd;

	buf_add_u32(&b, CHECKPOINT_MAGIC);
	buf_add_u64(&b, m.lsn);
	buf_add_u32(&b, m.chain);
	buf_add_u32(&b, crc32c(0, b.p, b.n));
	e = file_replace(w->dirfd, "checkpoint", b.p, b.n, 0600, true);
	/* 20 bytes in the sector it has; without them the log cannot give room back. */
	if (e == ERR_NOSPACE && file_open(w->dirfd, "checkpoint", O_WRONLY, 0, &fd) == OK) {
		e = file_write_at(fd, "checkpoint", b.p, b.n, 0);
		if (e == OK)
			e = file_fsync(fd, "checkpoint");
		close(fd);
	}
	buf_free(&b);
	return e;
}

enum err
wal_checkpoint_read(struct wal *w, struct wal_mark *m)
{
	struct buf b = BUF_INIT;
	struct str s;
	uint32_t magic, crc;
	enum err e = file_slurp(w->dirfd, "checkpoint", 4096, &b);

	if (e != OK) {
		buf_free(&b);
		return e;
	}
	s = buf_str(&b);
	if (b.n != CHECKPOINT_SIZE || !str_get_u32(&s, &magic) ||
	    magic != CHECKPOINT_MAGIC || !str_get_u64(&s, &m->lsn) ||
	    !str_get_u32(&s, &m->chain) || !str_get_u32(&s, &crc) ||
	    crc != crc32c(0, b.p, CHECKPOINT_SIZE - 4)) {
		log_err("%s/checkpoint: damaged", w->path);
		e = ERR_CORRUPT;
	}
	buf_free(&b);
	return e;
}

enum err
wal_checkpoint_set(struct wal *w, struct wal_mark m)
{
	enum err e;

	/* A frame that is not flushed must not lie before the checkpoint. */
	e = wal_flush(w, m.lsn);
	if (e == OK)
		e = wal_checkpoint_write(w, m);
	if (e != OK)
		return e;
	/* Appenders take spares: keep them out while files change names. */
	e = lock_exclusive(w->append_fd, LOCK_WAL_APPEND, WAL_WAIT_MS);
	if (e != OK)
		return e;
	if (atomic_load(&w->state->checkpoint) < m.lsn)
		atomic_store(&w->state->checkpoint, m.lsn);
	for (int i = 0; i < WAL_OPEN_SEGMENTS; i++)
		wal_segment_close(&w->seg[i]);
	/* Of those that are not seen the next checkpoint takes care. */
	(void)wal_each_segment(w, wal_segment_retire, &m);
	lock_release(w->append_fd, LOCK_WAL_APPEND);
	return OK;
}
