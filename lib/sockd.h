/*
 * sockd.h - the life of a daemon that serves a UNIX socket: idled, limitd
 *
 * One process, one event loop (lib/poll.h).  Options: -C FILE another
 * imapd.conf, -d debug (in the foreground, log on stderr), -f foreground.
 * SIGTERM ends it, SIGHUP opens the log anew.  Only one such daemon can answer
 * at a socket.
 *
 * Master may have given it a queue (lib/pass.h) as SVC_LISTEN_FD beside that, over
 * which those send an end of a pair who can see no path.
 */
#ifndef LIB_SOCKD_H
#define LIB_SOCKD_H

#include "lib/conf.h"
#include "lib/poll.h"

struct sockd {
	const char *name;
	enum conf_opt socket;		/* a PATH */
	/* What is served; LISTEN_FD and CONF stay the caller's and outlive it. */
	void *(*start)(struct poll *poll, int listen_fd, const struct conf *conf);
	void (*stop)(void *served);
	/* FD, the callee's, came over the queue that master gave us; NULL: none can. */
	void (*take)(void *served, int fd);
};

/* All of the program's main(); returns the exit status. */
int sockd_main(int argc, char **argv, const struct sockd *program);

#endif
