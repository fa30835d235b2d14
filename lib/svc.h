/*
 * svc.h - the worker's side of master's protocol
 *
 * A worker that master started finds its listening socket at descriptor
 * SVC_LISTEN_FD and a pipe to master at SVC_STATUS_FD.  It tells master over
 * the pipe, one 8-byte message each, when it becomes busy with a connection
 * and when it is free again; master counts free workers and forks more.
 * Under load, when the next connection waits already, nothing is said: the
 * worker just stays busy.  Started by hand (no SVC environment) a worker
 * serves its stdin and exits, as under inetd: svc_accept() then gives 0, and
 * output goes to 1.
 *
 * Signals.  SIGHUP: finish the session, if any, then end (reload, drain).
 * SIGTERM: end the session too, as soon as it waits for its client; the
 * session's stream hears of it through svc_stop_fd().  Both are blocked or
 * quiet while a session runs, so no system call of a session is interrupted.
 * A worker also ends, when it is free, if master is gone; if that happens
 * during a session, it lets go of the listening socket at once, so that a new
 * master can have the address.
 *
 * Queues.  At SVC_LISTEN_FD there may be a queue (pass.h) instead, over which
 * sessions are handed over that began elsewhere (handover.h).  Nothing else
 * changes: a message is a connection.
 *
 * Templates.  Starting a program costs ten milliseconds and a megabyte: its
 * libraries are linked anew.  A program that calls svc_template() is started
 * by master once for each service; whatever it has set up before the call is
 * shared by all its copies, each a worker and a child of master.
 */
#ifndef LIB_SVC_H
#define LIB_SVC_H

#include "lib/buf.h"
#include "lib/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	SVC_STATUS_FD = 3,
	SVC_LISTEN_FD = 4,
	SVC_ROLL_FD = 5,	/* see svc_sign_roll() */
	SVC_TICKETS_FD = 6,	/* see lib/tickets.h */
	SVC_KEY_FD = 7,		/* of grants (handover.h), if there are any */
	SVC_HOLDER_FD = 8,	/* see lib/tlskey.h: leads to keyd */
};

enum svc_message_type {
	SVC_FREE = 1,		/* waits in accept() */
	SVC_BUSY = 2,		/* serves a connection */
	SVC_TEMPLATE = 3,	/* waits for SVC_COPY_SIGNAL */
	SVC_COPIED = 4,		/* a copy's first word */
	SVC_NOT_COPIED = 5,	/* the template's: no copy could be made */
};

/* What goes through the pipe, host order, atomic. */
struct svc_message {
	uint32_t type;
	int32_t pid;
	int32_t template;	/* SVC_COPIED: of which; else 0 */
};

/* Sent by master with sigqueue(3): one more copy. */
#define SVC_COPY_SIGNAL	SIGRTMIN

/* The roll: a process signs at the byte of its pid's number, a tool so much higher. */
#define SVC_ROLL_FILE	"master.roll"
#define SVC_ROLL_TOOLS	(INT64_C(1) << 32)

/* Environment variables that master sets for each worker. */
#define SVC_ENV_SERVICE	"CHAPAR_SERVICE"	/* name in cyrus.conf: "imap" */
#define SVC_ENV_ID	"CHAPAR_SERVICE_ID"
#define SVC_ENV_TEMPLATE "CHAPAR_TEMPLATE"	/* master wants a template */
#define SVC_ENV_TICKETS	"CHAPAR_TICKETS"	/* number of tickets_fd()'s descriptor */
#define SVC_ENV_HOLDER	"CHAPAR_HOLDER"		/* and of that which leads to keyd */

/* Called once, the first time that no client stands there; an error ends the wait. */
typedef enum err (*svc_idle_fn)(void *ctx);

struct svc {
	const char *service;	/* name in cyrus.conf, or NULL by hand */
	int listen_fd;		/* -1 by hand */
	bool is_queue;		/* it is no listener: see above */
	struct buf message;	/* of a queue: what came with the connection, */
	int control_fd;		/*   and its second descriptor, the caller's */
	int status_fd;		/* -1 by hand */
	int wait_fd;		/* epoll over the two and the stop signal */
	int state;		/* last told to master; 0: nothing yet */
	int served;		/* connections accepted so far */
	svc_idle_fn on_idle;	/* NULL: none, or it has been called */
	void *on_idle_ctx;
	void (*on_copy)(void *ctx);	/* NULL: none */
	void *on_copy_ctx;
};

/* Once, first thing in main(); ends the process if the system refuses. */
void svc_init(struct svc *s);

/*
 * Does nothing unless master asked for a template.  Else the process becomes
 * one: OK is returned in each copy, which goes on as a worker; ERR_CLOSED in
 * the template when it has to end: exit with 0.  Before the call nothing may
 * be opened that copies cannot share: a database, a lock, a connection.
 * PROGRAM is for ps(1).
 */
enum err svc_template(struct svc *s, const char *program) MUST_CHECK;

/*
 * What a template is to do before each copy, so that copies share what has
 * become of things since it started.
 */
void svc_on_copy(struct svc *s, void (*fn)(void *ctx), void *ctx);

/*
 * In a copy of a process: takes no part any more in the waiting of the other,
 * and tells master of itself (svc_template.c).
 */
void svc_renew(struct svc *s, pid_t template);

/*
 * Signs the roll at SVC_ROLL_FD, by which a later master learns that this
 * process is there (master/roll.h); done for those that master starts, by and
 * for each copy.  Lasts through exec and until SVC_ROLL_FD is closed.
 */
void svc_sign_roll(void);

/*
 * The same for a tool that somebody runs by hand, if a master has made a roll
 * in CONFIG_DIR: once, before it takes a lock.
 */
void svc_sign_roll_as_tool(const char *config_dir);

/*
 * For programs with a loop of their own (poll.h) instead of svc_accept(): tells
 * master that we are SVC_FREE or SVC_BUSY, if that is news.
 */
void svc_tell_state(struct svc *s, enum svc_message_type type);

/* Tells master something; what is lost if its pipe is full matters less. */
void svc_tell(struct svc *s, enum svc_message_type type, pid_t template);

/* What can be made ready while nobody waits: done before master is told of it. */
void svc_on_idle(struct svc *s, svc_idle_fn fn, void *ctx);

/*
 * Waits for a connection and returns its descriptor, which does not block;
 * the one before is done with.  Tells master what changes.  ERR_CLOSED:
 * master asks us to end (SIGTERM, SIGHUP for a reload, or master is gone):
 * exit with 0.  ERR_TIMEOUT after IDLE_SECONDS (0: never) without work.
 */
enum err svc_accept(struct svc *s, int idle_seconds, int *fd) MUST_CHECK;

/*
 * After svc_accept(): no other client or session can be had by this process,
 * whoever asks for it; it ends after the one that it has.
 */
void svc_let_go(struct svc *s);

/* Readable from SIGTERM on, for stream_stop_fd(). */
int svc_stop_fd(void);

/* Has master (or somebody) told us to end, now (SIGTERM) or soon (SIGHUP)? */
bool svc_stopping(void);

#endif
