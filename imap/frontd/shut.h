/*
 * shut.h - frontd gives up everything but its descriptors
 *
 * It reads nothing any more but configdirectory/msg, and makes no socket
 * (lib/confine.h): certificates come from keyd.  With frontd_user, where master is
 * root's, it is that user from here on, without groups, in an empty root directory, and
 * of files there is msg only, if Landlock sees to it that there are no others.  No client
 * has been heard before.
 */
#ifndef IMAP_FRONTD_SHUT_H
#define IMAP_FRONTD_SHUT_H

#include "imap/frontd/front.h"

/* CONF is the server's own.  Ends the process if that cannot be, and must. */
void shut_in(struct front *f, const struct conf *conf);

#endif
