/*
 * cyr_info.c - what is configured and who is connected
 *
 *	cyr_info [-C FILE] [-M FILE] [-n SERVICE] conf|conf-all|conf-default|conf-lint|proc
 *
 * Reads files only; the store is not opened.
 */
#include "imap/server/owner.h"
#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/file.h"
#include "lib/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { PROC_LINE_MAX = 8192 };

__attribute__((noreturn)) static void
usage(void)
{
	fputs("usage: cyr_info [-C imapd.conf] [-M cyrus.conf] [-n service] command\n"
	    "       commands: conf, conf-all, conf-default, conf-lint, proc\n", stderr);
	exit(EX_USAGE);
}

/* --- the configuration --- */

static void
print_setting(void *ctx, const char *name, const char *value)
{
	(void)ctx;
	printf("%s: %s\n", name, value);
}

static int
print_conf(const struct conf *conf, bool all)
{
	for (enum conf_opt o = 0; o < CONF_OPTIONS; o++) {
		const struct conf_option *option = conf_option(o);
		const char *value = conf_string(conf, o);
		bool is_default = value == option->default_ || (value != NULL &&
		    option->default_ != NULL && strcmp(value, option->default_) == 0);

		if (all || (conf_origin(conf, option->name) != NULL && !is_default))
			print_setting(NULL, option->name, value != NULL ? value : "");
	}
	conf_each(conf, "", print_setting, NULL);
	return EXIT_SUCCESS;
}

static int
run_conf(const struct conf *conf)
{
	return print_conf(conf, false);
}

static int
run_conf_all(const struct conf *conf)
{
	return print_conf(conf, true);
}

static int
run_conf_default(const struct conf *conf)
{
	(void)conf;
	for (enum conf_opt o = 0; o < CONF_OPTIONS; o++) {
		const struct conf_option *option = conf_option(o);

		print_setting(NULL, option->name, option->default_ != NULL
		    ? option->default_ : "");
	}
	return EXIT_SUCCESS;
}

/* What is not recognized was printed when the file was read. */
static int
run_conf_lint(const struct conf *conf)
{
	(void)conf;
	return EXIT_SUCCESS;
}

/* --- who is connected --- */

static bool
is_running(const char *name)
{
	char *end;
	long pid = strtol(name, &end, 10);

	return *end == '\0' && pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* service TAB [host] TAB user TAB mailbox; empty fields are left out. */
static void
print_process(int dirfd, const char *name)
{
	struct buf line = BUF_INIT;

	if (file_slurp(dirfd, name, PROC_LINE_MAX, &line) == OK && line.n > 0) {
		struct str rest = buf_str(&line), field;

		if (rest.p[rest.n - 1] == '\n')
			rest.n--;
		printf("%s", name);
		while (rest.p != NULL && str_next_field(&rest, '\t', &field))
			if (field.n > 0)
				printf(" %.*s", STR_ARG(field));
		putchar('\n');
	}
	buf_free(&line);
}

static int
run_proc(const struct conf *conf)
{
	const char *path = conf_string(conf, CONF_PROC_PATH);
	struct dirent *de;
	DIR *d;

	owner_become(conf);
	d = path != NULL ? opendir(path) : NULL;
	if (d == NULL) {
		fprintf(stderr, "cyr_info: %s: %s\n", path != NULL ? path : "proc_path",
		    path != NULL ? strerror(errno) : "not set");
		return EXIT_FAILURE;
	}
	while ((de = readdir(d)) != NULL)
		if (is_running(de->d_name))
			print_process(dirfd(d), de->d_name);
	closedir(d);
	return EXIT_SUCCESS;
}

/* --- main --- */

static const struct command {
	const char *name;
	int (*run)(const struct conf *conf);
	bool shows_reports;
} commands[] = {
	{ "conf", run_conf, false },
	{ "conf-all", run_conf_all, false },
	{ "conf-default", run_conf_default, false },
	{ "conf-lint", run_conf_lint, true },
	{ "proc", run_proc, false },
};

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	usage();
}

static void
report(void *ctx, bool is_error, const char *line)
{
	const struct command *c = ctx;

	if (c->shows_reports)
		printf("%s\n", line);
	else if (is_error)
		fprintf(stderr, "cyr_info: %s\n", line);
}

int
main(int argc, char **argv)
{
	const char *path = CONF_DEFAULT_PATH, *service = NULL;
	const struct command *command;
	struct conf *conf;
	int c, status;

	while ((c = getopt(argc, argv, "C:M:n:s:")) != -1) {
		switch (c) {
		case 'C': path = optarg; break;
		case 'M': break;	/* any prefix of an option may be a service */
		case 'n': service = optarg; break;
		case 's':
			fputs("cyr_info: -s is not supported: there is no version to compare "
			    "with\n", stderr);
			exit(EX_USAGE);
		default: usage();
		}
	}
	if (optind + 1 != argc)
		usage();
	command = find_command(argv[optind]);
	log_open("cyr_info", "stderr", 0);
	if (conf_read(path, service, report, (void *)(uintptr_t)command, &conf) != OK)
		return EX_CONFIG;
	status = command->run(conf);
	conf_free(conf);
	return fflush(stdout) == 0 ? status : EXIT_FAILURE;
}
