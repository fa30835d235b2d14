/* front_tell.h - what a frontd that is about to start is told (lib/svc_front.h) */
#ifndef MASTER_FRONT_TELL_H
#define MASTER_FRONT_TELL_H

#include "master/service_in.h"

/* A descriptor for it, to be closed when it has been started; -1 (logged): none. */
int front_tell(const struct services *all);

#endif
