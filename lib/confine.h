/*
 * confine.h - a process gives up what it does not need, for ever
 *
 * Before anybody's bytes are read.  What each kind of process needs is one
 * table in confine.c: which system calls (syscalls.h), which files (landlock.h,
 * confine_trees.h).  Besides, the process can gain no rights any more, no other
 * process of its user can look into it, and it leaves no core.
 *
 * Option confine: "no" leaves all that away, for debuggers, cores and memory
 * checkers; with "required" a process that cannot confine itself ends; else it
 * says once in the log what is missing, and works.  A build with sanitizers
 * does not confine itself: they trace, and read /proc.
 *
 * A template (svc.h) makes the list, which takes two milliseconds, and each copy
 * enters it, which takes 0.2 to 0.5 of one (on a busy machine), once in its life
 * and not once a session.  So what is a copy's own lies in no other copy's reach.
 */
#ifndef LIB_CONFINE_H
#define LIB_CONFINE_H

#include "lib/conf.h"

#include <stdbool.h>

enum confine_kind {
	CONFINE_WORKER,		/* serves clients from the first byte, TLS and SASL included */
	CONFINE_HANDED,		/* is handed users over who have logged in */
	CONFINE_AUTHD,
	CONFINE_FRONTD,
	CONFINE_KEYD,
	CONFINE_DAEMON,		/* idled, limitd: one socket, which is open */
	CONFINE_KINDS
};

struct confine;

/*
 * What a process of KIND may do under CONF.  NULL: nothing is to be given up.
 * Ends the process if it cannot be and is required.
 */
struct confine *confine_new(const struct conf *conf, enum confine_kind kind);

/*
 * What else it may read: PATH, or what the options of another configuration
 * name for TLS.  False: Landlock is not there to see to it that it is no more
 * than that.
 */
bool confine_read(struct confine *c, const char *path);
bool confine_read_tls(struct confine *c, const struct conf *conf);

/* From here on it holds.  Ends the process as confine_new(). */
void confine_enter(struct confine *c);		/* NULL is allowed */

void confine_free(struct confine *c);		/* NULL is allowed */

#endif
