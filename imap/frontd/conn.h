/*
 * conn.h - the life of a connection (front.h has its stages)
 */
#ifndef IMAP_FRONTD_CONN_H
#define IMAP_FRONTD_CONN_H

#include "imap/frontd/front.h"

/* A client has come to S; FD is the connection's. */
void conn_begin(struct service *s, int fd);

/*
 * Does what C's stage allows, and then waits for what it needs next.  C may be no
 * more after that.
 */
void conn_resume(struct conn *c);

/* Says goodbye to those who have had their time; often. */
void conn_expire(struct front *f);

/* Says goodbye to all who have not logged in: the server ends. */
void conn_end_all(struct front *f);

#endif
