/*
 * tool.h - what the administrator's tools share
 *
 * A tool reads imapd.conf (-C FILE), becomes the user to whom the mail belongs
 * if root started it, and opens the store.  What it was asked for goes to
 * stdout; what went wrong goes to stderr if that is a terminal, else to the
 * log as the configuration says, and in the tool's own words to stderr always.
 *
 * Names of mailboxes are written as an administrator's IMAP client writes
 * them: user.johndoe, or user/johndoe with unixhierarchysep, and user.fred@example.org
 * with virtdomains; in UTF-8.
 */
#ifndef IMAP_ADMIN_TOOL_H
#define IMAP_ADMIN_TOOL_H

#include "imap/server/notify.h"
#include "imap/store/list/mblist.h"
#include "imap/store/store.h"
#include "lib/arena.h"
#include "lib/conf.h"

#include <stdint.h>

struct tool {
	const char *program;
	struct conf *conf;
	struct arena *arena;
	struct store_params params;
	struct store *s;
	struct notify *notify;
	char sep;			/* in names as people write them */
	int failures;
};

/* Reads the configuration (NULL: the default one); ends the process if it cannot. */
void tool_init(struct tool *t, const char *program, const char *conf_path);

/* Becomes the owner and opens the store; ends the process if it cannot. */
void tool_open(struct tool *t);

/* Closes all; the exit status: EXIT_FAILURE if tool_fail() was called. */
int tool_close(struct tool *t);

/* "PROGRAM: WHAT: why" to stderr, and counts it. */
void tool_fail(struct tool *t, const char *what, enum err e);

/* A name from the command line to internal form and back, appended. */
void tool_internal(const struct tool *t, const char *name, struct buf *internal);
void tool_external(const struct tool *t, const char *internal, struct buf *name);
/* As the last, in memory that lives as long as the tool. */
const char *tool_name(struct tool *t, const char *internal);

/* The INBOX of a user: "user.X" with his internal name. */
void tool_inbox(const struct tool *t, const char *user, struct buf *internal);

/*
 * Does the internal NAME match PATTERN (internal too), where '*' stands for
 * anything and '%' for anything but the hierarchy's separator?
 */
bool tool_match(const struct tool *t, struct str pattern, struct str name);

/* What each name that matches begins with: what is before the first wildcard. */
struct str tool_fixed(const struct tool *t, struct str pattern);

/*
 * A time span: a number with fraction and a unit d, h, m or s; without a unit
 * days.  False if it is none.
 */
bool tool_duration(const char *text, int64_t *seconds);

/* The option's number, or ends the process. */
uint64_t tool_number(const char *program, char option, const char *text);

#endif
