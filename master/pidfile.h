/*
 * pidfile.h - one master at a time
 *
 * The file is locked (flock) as long as master lives, so a stale one is no
 * obstacle and a live one cannot be overlooked.
 */
#ifndef MASTER_PIDFILE_H
#define MASTER_PIDFILE_H

#include "lib/err.h"

/* ERR_BUSY: another master has it; ERR_IO.  Both are logged. */
enum err pidfile_open(const char *path, int *fd) MUST_CHECK;

/* Writes our pid; after the last fork. */
enum err pidfile_write(int fd, const char *path) MUST_CHECK;

void pidfile_remove(int fd, const char *path);

#endif
