/*
 * pass.h - datagrams with descriptors between our own processes
 *
 * SOCK_SEQPACKET pairs that master makes and its children inherit: nobody
 * connects by a path.  A message is one datagram and arrives whole or not at
 * all; with it come descriptors (SCM_RIGHTS).  Several processes may write to
 * one end and several read at the other: then it is a queue, and each message
 * is one reader's.
 *
 * Nothing here waits.  All descriptors are close-on-exec; the sockets of pairs
 * do not block.
 */
#ifndef LIB_PASS_H
#define LIB_PASS_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>

enum {
	PASS_MAX = 192 * 1024,		/* bytes of a message */
	PASS_FDS = 3,			/* descriptors with it */
};

/* A pair for both directions.  ERR_IO (logged). */
enum err pass_pair(int fds[2]) MUST_CHECK;

/* One way only: what is written to fds[0] is read at fds[1].  ERR_IO (logged). */
enum err pass_queue(int fds[2]) MUST_CHECK;

/* Is FD such a socket, and not one that connections are accepted from? */
bool pass_is_queue(int fd);

/*
 * Sends MESSAGE with N descriptors, which stay the caller's.  ERR_AGAIN: no
 * room now; ERR_CLOSED: nobody is there to read it; ERR_LIMIT: too long;
 * ERR_IO (logged).
 */
enum err pass_send(int fd, struct str message, const int *fds, int n) MUST_CHECK;

/*
 * Receives one message into *message, which is emptied first, and its
 * descriptors into FDS, all of PASS_FDS; those that did not come are -1.
 * ERR_AGAIN: there is none; ERR_CLOSED: the other end is gone; ERR_LIMIT: it
 * was too long, or had too many descriptors, or there was no room for them:
 * all that came of it has been closed; ERR_IO (logged).
 */
enum err pass_receive(int fd, struct buf *message, int fds[PASS_FDS]) MUST_CHECK;

/* Closes those that are not -1. */
void pass_close(int fds[PASS_FDS]);

#endif
