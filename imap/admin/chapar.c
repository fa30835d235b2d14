/*
 * chapar.c - the server's own tool: what does imapd.conf say?  Groups, certificates
 *
 *	chapar config check|show|explain NAME|man
 *	chapar group list|of|add|remove|delete|forget ...
 *	chapar tls check
 */
#include "imap/admin/conf_page.h"
#include "imap/admin/group.h"
#include "imap/server/secure.h"
#include "lib/conf.h"
#include "lib/tls_check.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct command {
	const char *path;
	const char *service;		/* whose prefix counts; or NULL */
	const char *name;		/* what is to be explained */
};

__attribute__((noreturn)) static void
usage(void)
{
	fputs("usage: chapar config check [-C FILE]\n"
	    "       chapar config show [-C FILE] [-s SERVICE]\n"
	    "       chapar config explain NAME [-C FILE] [-s SERVICE]\n"
	    "       chapar config man\n"
	    "       chapar group list [GROUP] [-C FILE]\n"
	    "       chapar group of USER [-C FILE]\n"
	    "       chapar group add GROUP [USER...] [-C FILE]\n"
	    "       chapar group remove GROUP USER... [-C FILE]\n"
	    "       chapar group delete GROUP [-C FILE]\n"
	    "       chapar group forget USER [-C FILE]\n"
	    "       chapar tls check [-C FILE] [-s SERVICE]\n", stderr);
	exit(EX_USAGE);
}

/* --- check --- */

static void
print_report(void *ctx, bool is_error, const char *line)
{
	int *count = ctx;

	(void)is_error;
	(*count)++;
	fprintf(stderr, "%s\n", line);
}

/* What lets the server start with a warning is an error here. */
static int
check(const struct command *c)
{
	struct conf *conf;
	int count = 0;
	enum err e = conf_read(c->path, c->service, print_report, &count, &conf);

	conf_free(conf);
	return e == OK && count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- show --- */

static void
show_line(const char *name, const char *value, const char *where)
{
	int width = printf("%s:%s%s", name, value != NULL && *value != '\0' ? " " : "",
	    value != NULL ? value : "");

	printf("%*s(%s)\n", width < 48 ? 48 - width : 1, "",
	    where != NULL ? where : value != NULL ? "default" : "not set");
}

static void
show_setting(void *ctx, const char *name, const char *value)
{
	show_line(name, value, conf_origin(ctx, name));
}

static int
show(const struct command *c)
{
	struct conf *conf;
	int count = 0;

	if (conf_read(c->path, c->service, print_report, &count, &conf) != OK)
		return EXIT_FAILURE;
	for (enum conf_opt o = 0; o < CONF_OPTIONS; o++) {
		const char *name = conf_option(o)->name;

		show_line(name, conf_string(conf, o), conf_origin(conf, name));
	}
	conf_each(conf, "", show_setting, conf);
	conf_free(conf);
	return EXIT_SUCCESS;
}

/* --- explain --- */

/* The text, broken into lines. */
static void
print_text(const char *text)
{
	struct str rest = str_c(text), word;
	size_t column = 0;

	while (str_next_word(&rest, &word)) {
		if (column > 0 && column + 1 + word.n > 76) {
			putchar('\n');
			column = 0;
		}
		column += (size_t)printf("%s%.*s", column > 0 ? " " : "    ", STR_ARG(word));
	}
	putchar('\n');
}

static void
print_bare_unit(const struct conf_option *o)
{
	static const char *const units[][2] = {
		{ "d", "days" }, { "h", "hours" }, { "m", "minutes" }, { "s", "seconds" },
		{ "B", "bytes" }, { "K", "kibibytes" }, { "M", "mebibytes" },
		{ "G", "gibibytes" },
	};

	if (o->type != CONF_DURATION && o->type != CONF_SIZE)
		return;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(o->unit_or_values, units[i][0]) == 0)
			printf("; a bare number counts %s", units[i][1]);
}

static void
explain_option(enum conf_opt o, const char *as)
{
	const struct conf_option *option = conf_option(o);
	struct buf kind = BUF_INIT;

	if (strcmp(as, option->name) != 0)
		printf("%s is an old name of %s.\n", as, option->name);
	conf_describe(option, &kind);
	printf("%s is %s", option->name, kind.p);
	print_bare_unit(option);
	if (option->default_ == NULL)
		printf(".\nBy default it is not set.\n\n");
	else
		printf(".\nThe default is %s.\n\n",
		    *option->default_ != '\0' ? option->default_ : "empty");
	print_text(option->text);
	buf_free(&kind);
}

static bool
explain_family(const char *name)
{
	const struct conf_family *f;

	for (size_t i = 0; (f = conf_family(i)) != NULL; i++) {
		if (!str_starts(str_c(name), str_c(f->prefix)))
			continue;
		printf("%s is an option of the form %s.\n\n", name, f->pattern);
		print_text(f->text);
		return true;
	}
	return false;
}

/* Without a readable file the explanation has still been given. */
static void
print_present(const struct command *c, const char *service, const char *name)
{
	const char *value, *where;
	struct conf *conf;
	int count = 0;

	if (conf_read(c->path, service, print_report, &count, &conf) != OK)
		return;
	value = conf_get(conf, name);
	where = conf_origin(conf, name);
	if (where != NULL)
		printf("\nIt is set to \"%s\" at %s.\n", value, where);
	else
		printf("\nIt is not set in %s.\n", conf_path(conf));
	conf_free(conf);
}

static bool
explain_name(const char *name)
{
	enum conf_opt o;

	if (!conf_find(str_c(name), &o))
		return explain_family(name);
	explain_option(o, name);
	return true;
}

static bool
is_known(const char *name)
{
	enum conf_opt o;

	return conf_find(str_c(name), &o) || str_starts(str_c(name), STR("sasl_"));
}

/* imap_timeout is timeout for a service.  The option that is left; NULL: there is none. */
static const char *
without_service(const char *name)
{
	const char *rest = name;

	while ((rest = strchr(rest, '_')) != NULL)
		if (rest++ > name && is_known(rest))
			return rest;
	return NULL;
}

static bool
explain_for_service(const struct command *c, const char *name)
{
	const char *rest = without_service(name);
	struct buf service = BUF_INIT;

	if (rest == NULL)
		return false;
	buf_add(&service, name, (size_t)(rest - name - 1));
	printf("%s is %s for the service %s of cyrus.conf only.\n", name, rest, service.p);
	(void)explain_name(rest);
	print_present(c, service.p, rest);
	buf_free(&service);
	return true;
}

static int
explain(const struct command *c)
{
	struct buf name = BUF_INIT;
	bool found;

	for (const char *p = c->name; *p != '\0'; p++)
		buf_addc(&name, (char)tolower((unsigned char)*p));
	found = explain_name(name.p);
	if (found)
		print_present(c, c->service, name.p);
	else
		found = explain_for_service(c, name.p);
	if (!found) {
		const char *nearest = conf_nearest(buf_str(&name));

		fprintf(stderr, "chapar: there is no option %s%s%s%s\n", name.p,
		    nearest != NULL ? "; is " : "", nearest != NULL ? nearest : "",
		    nearest != NULL ? " meant?" : "");
	}
	buf_free(&name);
	return found ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- the manual page --- */

static int
man(const struct command *c)
{
	struct buf page = BUF_INIT;
	bool is_good;

	(void)c;
	conf_page(&page);
	is_good = fwrite(page.p, 1, page.n, stdout) == page.n && fflush(stdout) == 0;
	buf_free(&page);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- certificates --- */

static void
print_finding(void *ctx, bool is_wrong, const char *line)
{
	(void)ctx;
	printf("%s%s\n", is_wrong ? "WRONG: " : "", line);
}

static int
tls(const struct command *c)
{
	struct conf *conf;
	struct tls_params params;
	int count = 0, status = EXIT_SUCCESS;

	if (conf_read(c->path, c->service, print_report, &count, &conf) != OK)
		return EXIT_FAILURE;
	if (!secure_params(conf, "imap", &params))
		puts("no TLS: tls_server_cert is not set");
	else if (!tls_check(&params, print_finding, NULL))
		status = EXIT_FAILURE;
	conf_free(conf);
	return status;
}

static const struct {
	const char *what, *name;
	int (*run)(const struct command *c);
	int arguments;
} commands[] = {
	{ "config", "check", check, 0 },
	{ "config", "show", show, 0 },
	{ "config", "explain", explain, 1 },
	{ "config", "man", man, 0 },
	{ "tls", "check", tls, 0 },
};

int
main(int argc, char **argv)
{
	struct command c = { .path = CONF_DEFAULT_PATH };
	int opt;

	while ((opt = getopt(argc, argv, "C:s:")) != -1) {
		switch (opt) {
		case 'C':
			c.path = optarg;
			break;
		case 's':
			c.service = optarg;
			break;
		default:
			usage();
		}
	}
	argc -= optind;
	argv += optind;
	if (argc > 1 && strcmp(argv[0], "group") == 0) {
		int status = group_command(c.path, argc - 1, argv + 1);

		if (status != EX_USAGE)
			return status;
		usage();
	}
	if (argc < 2)
		usage();
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[0], commands[i].what) != 0
		    || strcmp(argv[1], commands[i].name) != 0)
			continue;
		if (argc != 2 + commands[i].arguments)
			usage();
		c.name = argv[2];
		return commands[i].run(&c);
	}
	usage();
}
