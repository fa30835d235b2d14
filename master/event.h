/*
 * event.h - EVENTS: commands at their times
 *
 * Times are local wall-clock times and looked at anew every minute, so a
 * clock that is set does no harm.  A command that still runs when it is due
 * again is left alone and the turn is skipped, with a log line.
 */
#ifndef MASTER_EVENT_H
#define MASTER_EVENT_H

#include "lib/buf.h"
#include "lib/poll.h"
#include "master/child.h"
#include "master/conf.h"

struct events;

struct events *events_new(struct poll *poll, struct children *children);
void events_free(struct events *ev);

/*
 * Makes the events those of CONF, which may be freed afterwards.  One that
 * was there with the same command and time keeps its turn.
 */
void events_configure(struct events *ev, const struct mconf *conf);

/* Starts no more; ends those that run (SIGTERM). */
void events_stop(struct events *ev);

void events_status(const struct events *ev, struct buf *out);

#endif
