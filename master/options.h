/*
 * options.h - master's command line (master(8))
 */
#ifndef MASTER_OPTIONS_H
#define MASTER_OPTIONS_H

#include <limits.h>
#include <stdbool.h>

struct options {
	char imapd_conf[PATH_MAX];	/* -C, else the default */
	bool imapd_conf_given;
	char cyrus_conf[PATH_MAX];	/* -M */
	char pidfile[PATH_MAX];		/* -p */
	char log_file[PATH_MAX];	/* -L; empty: none */
	int backlog;			/* -l */
	int sweeps;			/* -j: a second */
	int drain_seconds;		/* -t */
	bool detach;			/* -d */
	bool foreground;		/* -D: keep the terminal */
	int verbose;			/* -v, CYRUS_VERBOSE */
};

/* Ends the process on -V (0) and on a wrong usage (EX_USAGE). */
void options_parse(int argc, char **argv, struct options *o);

#endif
