/* keys_tell.h - what keyd, and who asks it, are given when they start */
#ifndef MASTER_KEYS_TELL_H
#define MASTER_KEYS_TELL_H

#include "master/service_in.h"

/* Is S in cyrus.conf, now, and may its program speak TLS? */
bool keys_concern(const struct service *s);

/* What who does TLS is to have as SVC_HOLDER_FD; -1: no keyd is wanted. */
int keys_fd(const struct services *all);

/*
 * What keyd is told when it starts (lib/svc_front.h): a descriptor for it, to be
 * closed when it has been started; -1 (logged): none.
 */
int keys_tell(const struct services *all);

#endif
