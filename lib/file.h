/*
 * file.h - durable file operations
 *
 * The only caller of open-for-writing, write, fsync, fdatasync, syncfs,
 * rename, link, unlink, mkdir, fallocate and ftruncate in the store, so that
 * crash tests can stand between the store and the disk in one place.
 *
 * All paths are relative to a directory descriptor DIRFD (AT_FDCWD is
 * allowed).  Every failure has been logged with path and errno when ERR_IO or
 * ERR_NOSPACE (ENOSPC, EDQUOT) comes back; ENOENT is ERR_NOTFOUND and EEXIST
 * is ERR_EXISTS, not logged.  Interrupted and short calls are resumed.
 */
#ifndef LIB_FILE_H
#define LIB_FILE_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* As openat(2), O_CLOEXEC added; *fd is the caller's to close. */
enum err file_open(int dirfd, const char *path, int flags, mode_t mode, int *fd) MUST_CHECK;
enum err file_open_dir(int dirfd, const char *path, int *fd) MUST_CHECK;

enum err file_write(int fd, const char *path, const void *p, size_t n) MUST_CHECK;
enum err file_write_at(int fd, const char *path, const void *p, size_t n, uint64_t off) MUST_CHECK;

/* Exactly N bytes, or ERR_CORRUPT (logged) if the file ends before. */
enum err file_read_at(int fd, const char *path, void *p, size_t n, uint64_t off) MUST_CHECK;

/* The whole of a file of at most MAX bytes, appended to B; ERR_LIMIT if longer. */
enum err file_slurp(int dirfd, const char *path, size_t max, struct buf *b) MUST_CHECK;

enum err file_size(int fd, const char *path, uint64_t *size) MUST_CHECK;
/* Takes room to grow to N bytes, which do not count yet; false: there is none. */
bool file_reserve(int fd, uint64_t n);
enum err file_allocate(int fd, const char *path, uint64_t off, uint64_t n) MUST_CHECK;
enum err file_truncate(int fd, const char *path, uint64_t size) MUST_CHECK;

enum err file_fsync(int fd, const char *path) MUST_CHECK;
enum err file_fdatasync(int fd, const char *path) MUST_CHECK;
enum err file_fsync_dir(int dirfd, const char *path) MUST_CHECK;	/* opens, fsyncs, closes */
enum err file_syncfs(int fd, const char *path) MUST_CHECK;

/*
 * The entries of a directory, DIRFD/"." for file_dir_open(), one by one but for
 * "." and ".."; *de is NULL after the last.  ERR_IO, which is logged: those that
 * were not seen may be there.  To be closed with closedir().
 */
enum err file_dir_open(int dirfd, const char *path, DIR **d) MUST_CHECK;
enum err file_dir_next(DIR *d, const char *path, const struct dirent **de) MUST_CHECK;

/* What is read next comes from the disk, but for what is still to be written:
 * after a flush that failed the cache may hold what the disk does not. */
void file_forget(int fd);

enum err file_rename(int fromdir, const char *from, int todir, const char *to) MUST_CHECK;
enum err file_link(int fromdir, const char *from, int todir, const char *to) MUST_CHECK;
enum err file_unlink(int dirfd, const char *path) MUST_CHECK;
enum err file_rmdir(int dirfd, const char *path) MUST_CHECK;
enum err file_mkdir(int dirfd, const char *path, mode_t mode) MUST_CHECK;

/* Also every missing parent; OK if it is there.  New entries are not flushed. */
enum err file_mkdirs(int dirfd, const char *path, mode_t mode) MUST_CHECK;

/*
 * Replaces PATH by the N bytes at P by way of a temporary name beside it: who
 * opens PATH sees the old bytes or the new ones.  With DURABLE also after a
 * power cut (file and directory are flushed before it returns); ERR_UNKNOWN:
 * it is replaced, but perhaps not after a power cut.
 */
enum err file_replace(int dirfd, const char *path, const void *p, size_t n,
    mode_t mode, bool durable) MUST_CHECK;

/* Removes what a process that was killed over file_replace() of PATH left. */
void file_sweep(int dirfd, const char *path);

/*
 * For what can be made anew and is not worth a word in the log: false if it cannot be
 * done, for want of room, say, or because the two are on different file systems.
 * The new file has an exclusive flock(2), which ends with *fd.
 */
bool file_try_make(int dirfd, const char *path, const void *p, size_t n, mode_t mode, int *fd);
bool file_try_rename(int fromdir, const char *from, int todir, const char *to);

/* A whole file mapped for reading; an empty file gives {"", 0}. */
enum err file_map(int dirfd, const char *path, struct str *map) MUST_CHECK;
void file_unmap(struct str map);

/* ENOSPC and EDQUOT to ERR_NOSPACE, ENOENT, EEXIST; others ERR_IO.  Logs nothing. */
enum err file_err(int err_no);

#endif
