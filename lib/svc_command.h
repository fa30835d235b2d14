/*
 * svc_command.h - what a service's command line in cyrus.conf says of it
 *
 * For others than its program: which that is, and whose imapd.conf it reads.
 */
#ifndef LIB_SVC_COMMAND_H
#define LIB_SVC_COMMAND_H

#include "lib/buf.h"
#include "lib/str.h"

#include <stdbool.h>

/* The last part of the path that CMD begins with: "imapd". */
struct str svc_command_program(const char *cmd);

/* Is it one that may speak TLS? */
bool svc_command_has_tls(const char *cmd);

/* If CMD has -C, its value takes PATH's place. */
void svc_command_conf(const char *cmd, struct buf *path);

#endif
