/*
 * janitor.h - removes what dead processes leave in proc/
 *
 * A worker writes a file named by its pid to the proc/ folder of the
 * configuration directory; if it is killed the file stays.  Nothing but files
 * with a number for a name is ever touched.
 */
#ifndef MASTER_JANITOR_H
#define MASTER_JANITOR_H

#include <sys/types.h>

/* That of one process that has ended. */
void janitor_forget(const char *config_dir, pid_t pid);

/* Those of all processes that are not there. */
void janitor_sweep(const char *config_dir);

#endif
