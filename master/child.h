/*
 * child.h - processes that master starts and whose end it learns
 *
 * Every child is known by its pid from fork to wait, with the name of its
 * entry in cyrus.conf and what to call when it ends.  Commands are split at
 * spaces; no shell, no user input.
 *
 * A program is named by an absolute path, or found beside the master binary;
 * in a build tree, where every program has a folder of its own, also in
 * ../imap/NAME/, ../imap/admin/ and ../sieve/NAME/ as seen from there.
 * Programs so found get master's own -C option if they have none.
 */
#ifndef MASTER_CHILD_H
#define MASTER_CHILD_H

#include "lib/err.h"
#include "lib/poll.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct children;

/* Called when PID, a child or a child's orphan, has been stopped (stopped.h). */
typedef void (*child_stop_fn)(void *ctx, pid_t pid);

/* What all children have in common; strings are borrowed for ever. */
struct child_setup {
	struct poll *poll;
	child_stop_fn on_stop;
	void *ctx;			/* its own */
	int roll_fd;			/* becomes SVC_ROLL_FD; -1: none */
	int tickets_fd;			/* workers' who do TLS: becomes SVC_TICKETS_FD; -1: none */
	const char *imapd_conf;		/* to pass on as -C; NULL: none */
	bool keep_output;		/* stdout and stderr stay master's */
	bool drop_root;			/* become UID, GID and USER's groups */
	uid_t uid;
	gid_t gid;
	const char *user;
};

struct child_spec {
	const char *name;	/* in cyrus.conf */
	const char *cmd;
	int status_fd;		/* becomes SVC_STATUS_FD; -1: none */
	int listen_fd;		/* becomes SVC_LISTEN_FD; -1: none */
	bool has_key;
	int key_fd;		/* then becomes SVC_KEY_FD */
	bool does_tls;		/* with clients, and so has tickets */
	int holder_fd;		/* then becomes SVC_HOLDER_FD; -1: none */
	int maxfds;		/* 0: as master has it */
	unsigned id;		/* SVC_ENV_ID */
	bool is_worker;		/* gets SVC_ENV_SERVICE and outlives master */
	bool is_template;	/* and SVC_ENV_TEMPLATE */
	bool keeps_root;	/* drops it itself, when it has opened what it needs */
	bool is_daemon;		/* gets CYRUS_ISDAEMON: not to go to the background */
};

/* STATUS is wait(2)'s. */
typedef void (*child_exit_fn)(void *ctx, pid_t pid, int status);

struct children *children_new(const struct child_setup *setup);
void children_free(struct children *c);		/* kills nobody */

/*
 * ERR_NOTFOUND: no such program; ERR_IO: no fork.  Both are logged.  FN is
 * called from children_reap(), never from here.
 */
enum err child_spawn(struct children *c, const struct child_spec *spec,
    child_exit_fn fn, void *ctx, pid_t *pid) MUST_CHECK;

/* The CTX that was given for PID together with FN; NULL if there is none. */
void *children_find(const struct children *c, pid_t pid, child_exit_fn fn);

/*
 * Takes all that have ended, on SIGCHLD, and kills those that were stopped and
 * do not go on.
 */
void children_reap(struct children *c);


/*
 * Takes in a child that was not started here: by an earlier image of master,
 * or copied from a template.
 */
void children_adopt(struct children *c, pid_t pid, child_exit_fn fn, void *ctx);

/* How many were given FN, and sends SIGNO (0: nothing) to each. */
int children_signal_all(const struct children *c, child_exit_fn fn, int signo);

/* The path of the master binary as it was called. */
const char *children_own_path(const struct children *c);

/* Whom children run as, if not as master itself. */
bool children_user(const struct children *c, uid_t *uid, gid_t *gid);

int children_count(const struct children *c);

/* Sends SIGNO to all. */
void children_signal(const struct children *c, int signo);

/* "exit 75", "signal 11 (Segmentation fault), core dumped". */
void child_print_status(int status, char *text, size_t size);

#endif
