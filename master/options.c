#include "master/options.h"
#include "config.h"
#include "lib/conf.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const struct options defaults = {
	.imapd_conf = CONF_DEFAULT_PATH,
	.cyrus_conf = "/etc/cyrus.conf",
	.pidfile = "/var/run/cyrus-master.pid",
	.backlog = 1024,
	.sweeps = 1,
	.drain_seconds = 5,
};

__attribute__((noreturn)) static void
usage(void)
{
	fputs("usage: master [-C imapd.conf] [-M cyrus.conf] [-l backlog]"
	    " [-p pidfile]\n"
	    "              [-j sweeps] [-t seconds] [-d | -D] [-L logfile] [-v] [-V]\n",
	    stderr);
	exit(EX_USAGE);
}

static int
number(const char *text, int min, int max)
{
	char *end;
	errno = 0;
	long n = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || n < min || n > max)
		usage();
	return (int)n;
}

/* PATH so that it survives a chdir(). */
static void
set_path(char out[PATH_MAX], const char *path)
{
	char cwd[PATH_MAX];
	int n = *path == '/' || getcwd(cwd, sizeof(cwd)) == NULL
	    ? snprintf(out, PATH_MAX, "%s", path)
	    : snprintf(out, PATH_MAX, "%s/%s", cwd, path);
	if (n < 0 || n >= PATH_MAX) {
		fprintf(stderr, "master: the path \"%s\" is too long\n", path);
		exit(EX_USAGE);
	}
}

void
options_parse(int argc, char **argv, struct options *o)
{
	int c;
	*o = defaults;
	const char *verbose = getenv("CYRUS_VERBOSE");
	if (verbose != NULL)
		o->verbose = (int)strtol(verbose, NULL, 10);
	while ((c = getopt(argc, argv, "C:M:l:p:j:t:dDL:vV")) != -1) {
		switch (c) {
		case 'C':
			set_path(o->imapd_conf, optarg);
			o->imapd_conf_given = true;
			break;
		case 'M':
			set_path(o->cyrus_conf, optarg);
			break;
		case 'l':
			o->backlog = number(optarg, 1, 65535);
			break;
		case 'p':
			set_path(o->pidfile, optarg);
			break;
		case 'j':
			o->sweeps = number(optarg, 1, 1000);
			break;
		case 't':
			o->drain_seconds = number(optarg, 0, 86400);
			break;
		case 'd':
			o->detach = true;
			break;
		case 'D':
			o->foreground = true;
			break;
		case 'L':
			set_path(o->log_file, optarg);
			break;
		case 'v':
			o->verbose++;
			break;
		case 'V':
			puts("master, " PACKAGE_NAME " " PACKAGE_VERSION);
			exit(0);
		default:
			usage();
		}
	}
	if (optind != argc || (o->detach && o->foreground))
		usage();
}
