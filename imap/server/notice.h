/* notice.h - files in which an administrator puts a word for all clients */
#ifndef IMAP_SERVER_NOTICE_H
#define IMAP_SERVER_NOTICE_H

#include "lib/buf.h"

#include <stdbool.h>

/*
 * The first line of PATH in configdirectory, without control characters,
 * appended to TEXT; false if there is no such file.
 */
bool notice_read(int config_dirfd, const char *path, struct buf *text);

/* The server's name in greetings: servername, or what gethostname(2) says; appended. */
struct conf;
void notice_hostname(const struct conf *conf, struct buf *name);

#endif
