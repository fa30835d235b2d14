/*
 * janitor.h - removes what dead processes leave in proc/
 *
 * A worker writes a file named by its pid to the folder of option proc_path;
 * if it is killed the file stays.  Nothing but files
 * with a number for a name is ever touched.
 */
#ifndef MASTER_JANITOR_H
#define MASTER_JANITOR_H

#include <sys/types.h>

/* That of one process that has ended. */
void janitor_forget(const char *proc_path, pid_t pid);

/* Those of all processes that are not there. */
void janitor_sweep(const char *proc_path);

#endif
