/*
 * trace.h - the record of what processes did to the disk, in one order
 *
 * A file mapped by all who record: head, then records, each with the ino of
 * the file it is about.  Inode numbers must not be used again while a trace is
 * made: the recorded folder lies on a tmpfs, which counts them up.
 *
 * The lock is held around the call to the kernel and the record of it, so the
 * order of the records is the order of what happened.  It is a robust mutex:
 * a process that is killed leaves nobody waiting.  Nothing here may be called
 * by a signal handler that came in between: trace_enter() says no then.
 */
#ifndef TEST_CRASH_POWERCUT_TRACE_H
#define TEST_CRASH_POWERCUT_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trace_type {
	TRACE_WRITE = 1,	/* ino, off, data */
	TRACE_MAPPED,		/* as WRITE, by a store into a mapping */
	TRACE_TRUNCATE,		/* ino, off: the new size */
	TRACE_ALLOCATE,		/* ino, off: the size at least */
	TRACE_SYNC,		/* ino: a file's data and size */
	TRACE_SYNC_DIR,		/* ino: all names so far */
	TRACE_SYNC_FS,
	TRACE_CREATE,		/* parent, name, ino */
	TRACE_MKDIR,		/* parent, name, ino */
	TRACE_LINK,		/* parent, name, ino */
	TRACE_UNLINK,		/* parent, name */
	TRACE_RMDIR,		/* parent, name */
	TRACE_RENAME,		/* parent, name, parent2, name2 behind a NUL, ino */
	TRACE_EVENT,		/* text: what a client was promised */
};

/* As it stands in the file, in host order; data follows, padded to 8 bytes. */
struct trace_record {
	uint32_t n;		/* bytes of data */
	uint16_t type, unused;
	uint32_t pid, unused2;
	uint64_t ino, off, parent, parent2;
};

/* Makes the file; called once, before anybody attaches.  0, or -1. */
int trace_create(const char *path, size_t size);

/* 0, or -1.  The file stays mapped until the process ends. */
int trace_attach(const char *path);
const char *trace_path(void);	/* NULL: not attached */

bool trace_enter(void);		/* false: not attached, or inside already */
void trace_leave(void);
void trace_add(const struct trace_record *r, const void *data);

/* A client's words between two records; takes the lock. */
void trace_event(const char *text);

#endif
