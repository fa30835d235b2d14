/*
 * svc.h - the worker's side of master's protocol
 *
 * A worker that master started finds its listening socket at descriptor
 * SVC_LISTEN_FD and a pipe to master at SVC_STATUS_FD.  It tells master over
 * the pipe, one 8-byte message each, when it becomes busy with a connection
 * and when it is free again; master counts free workers and forks more.
 * Started by hand (no SVC environment) a worker serves its stdin and exits,
 * as under inetd.
 */
#ifndef LIB_SVC_H
#define LIB_SVC_H

#include "lib/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	SVC_STATUS_FD = 3,
	SVC_LISTEN_FD = 4,
};

enum svc_message_type {
	SVC_FREE = 1,		/* waits in accept() */
	SVC_BUSY = 2,		/* serves a connection */
};

/* What goes through the pipe: 8 bytes, host order, atomic. */
struct svc_message {
	uint32_t type;
	int32_t pid;
};

/* Environment variables that master sets for each worker. */
#define SVC_ENV_SERVICE	"CHAPAR_SERVICE"	/* name in cyrus.conf: "imap" */
#define SVC_ENV_ID	"CHAPAR_SERVICE_ID"

struct svc {
	const char *service;	/* name in cyrus.conf, or NULL by hand */
	int listen_fd;		/* -1 by hand */
	int status_fd;		/* -1 by hand */
};

void svc_init(struct svc *s);

/*
 * Waits for a connection and returns its descriptor; tells master before and
 * after.  ERR_CLOSED: master asks us to end (SIGTERM, SIGHUP for a reload, or
 * master is gone): exit with 0.  ERR_TIMEOUT after IDLE_SECONDS without work.
 */
enum err svc_accept(struct svc *s, int idle_seconds, int *fd) MUST_CHECK;
void svc_done(struct svc *s);	/* the connection is closed: free again */

#endif
