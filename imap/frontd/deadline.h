/*
 * deadline.h - those who have not logged in yet, the oldest first
 *
 * All have the same time, so whoever is put into the list goes to its end.
 */
#ifndef IMAP_FRONTD_DEADLINE_H
#define IMAP_FRONTD_DEADLINE_H

#include "imap/frontd/front.h"

/* From now on C has LOGIN_SECONDS. */
void deadline_set(struct conn *c);

/* Or all the time it wants. */
void deadline_clear(struct conn *c);

/* The first whose time is over, or NULL. */
struct conn *deadline_missed(const struct front *f);

#endif
