/*
 * helpers.h - daemons that cyrus.conf need not name
 *
 * Workers of mail services want idled and limitd, of which the files that
 * people bring along from Cyrus have the first commented out and have never
 * heard of the second.  So master starts those that the option daemons names by
 * itself, and waits for them before it serves, unless cyrus.conf starts such a
 * program in START or DAEMON already.
 */
#ifndef MASTER_HELPERS_H
#define MASTER_HELPERS_H

#include "lib/conf.h"
#include "master/conf.h"

/* Adds what is missing to DAEMON of CONF; OPTIONS outlive it. */
void helpers_add(struct mconf *conf, const struct conf *options);

#endif
