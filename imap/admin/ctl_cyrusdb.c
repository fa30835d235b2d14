/*
 * ctl_cyrusdb.c - the databases, before the server starts and now and then
 *
 *	ctl_cyrusdb [-C FILE] -r [-x]	recover
 *	ctl_cyrusdb [-C FILE] -c	checkpoint
 *
 * Opening the store recovers whatever needs it, here as in every worker.
 */
#include "imap/admin/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

__attribute__((noreturn)) static void
usage(void)
{
	fputs("usage: ctl_cyrusdb [-C imapd.conf] -r [-x]\n"
	    "       ctl_cyrusdb [-C imapd.conf] -c\n", stderr);
	exit(EX_USAGE);
}

int
main(int argc, char **argv)
{
	bool recover = false, only = false, checkpoint = false;
	const char *path = NULL;
	struct tool t;
	enum err e = OK;
	int c;

	while ((c = getopt(argc, argv, "C:rxc")) != -1) {
		switch (c) {
		case 'C': path = optarg; break;
		case 'r': recover = true; break;
		case 'x': only = true; break;
		case 'c': checkpoint = true; break;
		default: usage();
		}
	}
	if (optind != argc || recover == checkpoint || (only && !recover))
		usage();
	tool_init(&t, "ctl_cyrusdb", path);
	tool_open(&t);
	/* Also beside a checkpoint: somebody may have been killed since the start. */
	if (!only)
		e = mblist_recover(t.s);
	if (checkpoint && (e == OK || e == ERR_BUSY))
		e = store_checkpoint(t.s);
	/* Somebody else is at it: that will do. */
	if (e != OK && e != ERR_BUSY)
		tool_fail(&t, t.params.config_dir, e);
	return tool_close(&t);
}
