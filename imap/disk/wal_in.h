/*
 * wal_in.h - inside of the commit log: wal.c appends to the open log, flushes and
 * scans it, wal_open.c opens it and finds out what the last who had it open left
 *
 * The layout of the files is at the top of wal.c.
 */
#ifndef IMAP_DISK_WAL_IN_H
#define IMAP_DISK_WAL_IN_H

#include "imap/disk/wal.h"
#include "imap/disk/wal_place.h"
#include "lib/buf.h"

#include <stdatomic.h>

enum {
	WAL_FRAME_HEADER = 24,
	WAL_VOIDED = 16,
	WAL_OPEN_SEGMENTS = 4,
	WAL_WAIT_MS = -1,		/* locks are held for one write or one flush only */
};

/* Who writes and who reads which word: doc/locking.md. */
struct wal_state {
	_Atomic uint32_t version;	/* of this struct */
	struct wal_place tail;
	struct wal_place flushed;	/* its chain is for the void frame put there */
	_Atomic uint64_t checkpoint;
	_Atomic uint32_t failed;	/* a flush failed: no more frames */
	_Atomic uint32_t distrusted;	/* files may lack what the log has */
	_Atomic uint32_t generation;	/* how often frames were made void */
	_Atomic uint64_t voided[WAL_VOIDED];	/* from where, by generation */
};

struct wal_segment {
	uint64_t start;
	int fd;				/* -1: none */
};

struct wal {
	int dirfd;
	char *path;
	struct wal_state *state;
	int state_fd, gate_fd, attach_fd, append_fd, flush_fd;
	bool has_gate;
	struct wal_segment seg[WAL_OPEN_SEGMENTS];
	unsigned next_seg;		/* which to close next */
	uint32_t generation;		/* when we appended last */
	uint64_t resume;		/* behind the damage that a cold opener found; 0: none */
};

/* A frame's header. */
struct wal_frame {
	uint32_t len, chain, crc;
	uint64_t lsn;
	bool is_void;
};

/* --- segments --- */

void wal_segment_name(uint64_t start, char name[32]);
/* Is NAME a file of a segment's full length? */
bool wal_segment_is_whole(const struct wal *w, const char *name);
/* The descriptor of the segment that holds LSN; with CREATE it is made. */
enum err wal_segment_get(struct wal *w, uint64_t lsn, bool create, int *fd) MUST_CHECK;
void wal_segment_close(struct wal_segment *s);
/* N bytes of the stream; ERR_NOTFOUND where it has no segment to read. */
enum err wal_stream_read(struct wal *w, uint64_t lsn, void *p, size_t n) MUST_CHECK;
enum err wal_stream_write(struct wal *w, uint64_t lsn, const void *p, size_t n) MUST_CHECK;
/* Old segments, or new ones, that are kept for later. */
bool wal_has_spare(const struct wal *w);
enum err wal_spare_make(struct wal *w) MUST_CHECK;
/* For wal_each_segment(), which calls FN for each that is there; ERR_IO, which
 * is logged: perhaps not for all. */
typedef void (*wal_segment_fn)(struct wal *w, const char *name, uint64_t start, void *ctx);
enum err wal_each_segment(struct wal *w, wal_segment_fn fn, void *ctx);
/* With a struct wal_mark: one before it becomes a spare, or goes. */
void wal_segment_retire(struct wal *w, const char *name, uint64_t start, void *ctx);

/* --- frames --- */

/* Does P look like a frame's header? */
bool wal_frame_decode(const char *p, struct wal_frame *f);
/*
 * The frame at LSN into PAYLOAD.  With CHAIN also its predecessor must be
 * right.  ERR_NOTFOUND: there is no valid frame.
 */
enum err wal_frame_read(struct wal *w, uint64_t lsn, const uint32_t *chain,
    struct wal_frame *f, struct buf *payload) MUST_CHECK;
/* Writes a frame, or the void frame [FROM, TO), its header last; sets F->crc, or *F. */
enum err wal_frame_write(struct wal *w, const struct iovec *iov, int iovcnt, uint64_t lsn,
    struct wal_frame *f) MUST_CHECK;
enum err wal_frame_write_void(struct wal *w, struct wal_mark from, uint64_t to,
    struct wal_frame *f) MUST_CHECK;
/* Flushes; a failure leaves the doubt to the next who appends. */
enum err wal_flush_range(struct wal *w, uint64_t from, uint64_t to) MUST_CHECK;

/* --- the checkpoint's file --- */

enum err wal_checkpoint_write(struct wal *w, struct wal_mark m) MUST_CHECK;
enum err wal_checkpoint_read(struct wal *w, struct wal_mark *m) MUST_CHECK;

#endif
