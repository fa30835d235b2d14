/*
 * conf.h - cyrus.conf(5)
 *
 * Four sections of entries, "NAME KEY=VALUE ...".  What is read is checked:
 * an ill-formed line or value is an error with file and line; an unknown key
 * or section is a warning, so that old files start.
 *
 * Ownership.  All strings belong to the struct mconf.
 */
#ifndef MASTER_CONF_H
#define MASTER_CONF_H

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/str.h"
#include "master/schedule.h"

#include <stdbool.h>
#include <sys/types.h>

enum mconf_section {
	MCONF_START,
	MCONF_SERVICES,
	MCONF_EVENTS,
	MCONF_DAEMON,
	MCONF_SECTIONS
};

struct mconf_entry {
	struct mconf_entry *next;	/* in the order of the file */
	const char *name;
	int line;
	const char *cmd;
	/* SERVICES */
	const char *listen;
	const char *proto;		/* "tcp", "tcp4", "tcp6" */
	int prefork;
	int maxchild;			/* -1: no limit */
	int maxfds;
	int maxforkrate;		/* a second; 0: no limit */
	bool babysit;
	mode_t mode;			/* of a UNIX socket */
	/* EVENTS */
	struct schedule schedule;
	/* DAEMON */
	bool wait;
	bool is_ours;			/* not in the file: helpers.h */
};

struct mconf {
	struct arena *arena;
	struct mconf_entry *first[MCONF_SECTIONS];
};

/* ERR_SYNTAX after all errors have been reported; ERR_NOTFOUND, ERR_IO. */
enum err mconf_read(const char *path, conf_report_fn report, void *ctx,
    struct mconf **conf) MUST_CHECK;

/* The same from memory; PATH is for messages. */
enum err mconf_parse(struct str text, const char *path, conf_report_fn report,
    void *ctx, struct mconf **conf) MUST_CHECK;
void mconf_free(struct mconf *conf);

#endif
