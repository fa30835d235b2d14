/*
 * cyr_deny.c - keep somebody out
 *
 *	cyr_deny [-C FILE] [-s SERVICES] [-m MESSAGE] USER
 *	cyr_deny [-C FILE] -a USER
 *	cyr_deny [-C FILE] -l
 */
#include "imap/admin/tool.h"
#include "imap/server/owner.h"
#include "imap/server/user_deny.h"
#include "imap/server/username.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

__attribute__((noreturn)) static void
usage(void)
{
	fputs("usage: cyr_deny [-C imapd.conf] [-s services] [-m message] user\n"
	    "       cyr_deny [-C imapd.conf] -a user\n"
	    "       cyr_deny [-C imapd.conf] -l\n", stderr);
	exit(EX_USAGE);
}

static void
print(void *ctx, struct str user, struct str services, struct str message)
{
	(void)ctx;
	printf("%.*s\t%.*s\t%.*s\n", STR_ARG(user), STR_ARG(services), STR_ARG(message));
}

/* No control characters: TAB and LF mean something in the file. */
static bool
is_text(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 127)
			return false;
	return true;
}

/* The name as it is after login. */
static void
change(struct tool *t, const char *user, const char *services, const char *message)
{
	struct buf internal = BUF_INIT, name = BUF_INIT;
	enum err e = username_internal(t->conf, str_c(user), &internal);

	username_external(buf_str(&internal), &name);
	if (e == OK)
		e = user_deny(t->conf, name.p, services, message);
	if (e != OK)
		tool_fail(t, user, e);
	buf_free(&internal);
	buf_free(&name);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "allow", no_argument, NULL, 'a' }, { "list", no_argument, NULL, 'l' },
		{ "services", required_argument, NULL, 's' },
		{ "message", required_argument, NULL, 'm' }, { NULL, 0, NULL, 0 },
	};
	const char *conf = NULL, *services = NULL, *message = NULL;
	bool allow = false, list = false;
	struct tool t;
	int c;

	while ((c = getopt_long(argc, argv, "C:alm:s:", options, NULL)) != -1)
		switch (c) {
		case 'C': conf = optarg; break;
		case 'a': allow = true; break;
		case 'l': list = true; break;
		case 'm': message = optarg; break;
		case 's': services = optarg; break;
		default: usage();
		}
	if (optind + !list != argc || ((allow || list) && (services != NULL || message != NULL))
	    || (allow && list) || (services != NULL && (*services == '\0' || !is_text(services)))
	    || (message != NULL && !is_text(message)))
		usage();
	tool_init(&t, "cyr_deny", conf);
	owner_become(t.conf);
	if (list) {
		enum err e = user_deny_walk(t.conf, print, NULL);

		if (e != OK)
			tool_fail(&t, "the list", e);
	} else {
		change(&t, argv[optind], allow ? NULL : services != NULL ? services : "*",
		    message != NULL ? message : "");
	}
	if (fflush(stdout) != 0)
		t.failures++;
	return tool_close(&t);
}
