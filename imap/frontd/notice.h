/* notice.h - what an administrator says to all: msg/shutdown */
#ifndef IMAP_FRONTD_NOTICE_H
#define IMAP_FRONTD_NOTICE_H

#include "imap/frontd/front.h"

/*
 * Its text, if there is such a file now, else NULL.  Looks once in a few seconds
 * only, but for who has just come (FRESH).
 */
const char *notice_of_shutdown(struct service *s, int64_t now_ms, bool fresh);

#endif
