/*
 * mbpath.c - where a mailbox's files are
 *
 *	mbpath [-C FILE] [-lmqs] [-u | -p] [-a | -DMSU] NAME...
 */
#include "imap/admin/tool.h"
#include "imap/store/list/mbname.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { SHOW_DATA = 1, SHOW_META = 2, SHOW_SIEVE = 4, SHOW_USER = 8 };

struct options {
	const char *conf;
	bool users, paths, quiet, stop;
	unsigned show;
};

__attribute__((noreturn)) static void
usage(void)
{
	fputs("usage: mbpath [-C imapd.conf] [-lmqs] [-u | -p] [-a | -DMSU] name...\n", stderr);
	exit(EX_USAGE);
}

static const char *
partition_path(const struct tool *t, const char *name)
{
	for (size_t i = 0; i < t->params.partition_count; i++)
		if (strcmp(t->params.partitions[i].name, name) == 0)
			return t->params.partitions[i].path;
	return "?";
}

/* The directory, and in it the name, of files that belong to a user. */
static void
print_user_path(const struct tool *t, const char *dir, struct str owner, const char *end)
{
	struct buf file = BUF_INIT;
	int c = tolower((unsigned char)owner.p[0]);

	mbname_add_file(&file, owner);
	printf("%s/%s/%c/%s%s\n", t->params.config_dir, dir, c >= 'a' && c <= 'z' ? c : 'q',
	    file.p, end);
	buf_free(&file);
}

static void
print_entry(const struct tool *t, const struct mbentry *e, const struct options *o)
{
	struct str owner = mblist_owner(str_c(e->name));

	if (o->show & (SHOW_DATA | SHOW_META))
		printf("%s/%s\n", partition_path(t, e->partition), e->dir);
	if ((o->show & SHOW_SIEVE) && owner.n > 0)
		print_user_path(t, "sieve", owner, "");
	if ((o->show & SHOW_USER) && owner.n > 0)
		print_user_path(t, "user", owner, ".sub");
}

struct search {
	const struct tool *t;
	const char *path;
	struct buf name;
};

static bool
compare_path(void *ctx, const struct mbentry *e)
{
	struct search *s = ctx;
	const char *root = partition_path(s->t, e->partition);
	size_t n = strlen(root);

	if (strncmp(s->path, root, n) == 0 && s->path[n] == '/' &&
	    strcmp(s->path + n + 1, e->dir) == 0)
		buf_adds(&s->name, e->name);
	return s->name.n == 0;
}

/* The mailbox that lies at a path: its name. */
static enum err
print_name(struct tool *t, const char *path)
{
	struct buf trimmed = BUF_INIT;
	struct search s = { .t = t, .name = BUF_INIT };
	enum err e;

	buf_adds(&trimmed, path);
	while (trimmed.n > 1 && trimmed.p[trimmed.n - 1] == '/')
		buf_truncate(&trimmed, trimmed.n - 1);
	s.path = trimmed.p;
	e = mblist_walk(t->s, STR(""), compare_path, &s);
	if (e == OK && s.name.n == 0)
		e = ERR_NOTFOUND;
	if (e == OK)
		printf("%s\n", tool_name(t, s.name.p));
	buf_free(&s.name);
	buf_free(&trimmed);
	return e;
}

static enum err
print_paths(struct tool *t, const char *arg, const struct options *o)
{
	struct buf name = BUF_INIT;
	struct mbentry *entry;
	enum err e;

	if (o->paths)
		return print_name(t, arg);
	if (o->users)
		tool_inbox(t, arg, &name);
	else
		tool_internal(t, arg, &name);
	e = mblist_lookup(t->s, t->arena, buf_str(&name), &entry);
	if (e == OK)
		print_entry(t, entry, o);
	buf_free(&name);
	return e;
}

static void
read_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt(argc, argv, "C:lmqsupaADMSU")) != -1) {
		switch (c) {
		case 'C': o->conf = optarg; break;
		case 'l': break;		/* there are no remote ones */
		case 'm': case 'M': o->show |= SHOW_META; break;
		case 'q': o->quiet = true; break;
		case 's': o->stop = true; break;
		case 'u': o->users = true; break;
		case 'p': o->paths = true; break;
		case 'a': o->show = SHOW_DATA | SHOW_SIEVE | SHOW_USER; break;
		case 'A': case 'D': o->show |= SHOW_DATA; break;
		case 'S': o->show |= SHOW_SIEVE; break;
		case 'U': o->show |= SHOW_USER; break;
		default: usage();
		}
	}
	if (o->show == 0)
		o->show = SHOW_DATA;
	if (optind == argc || (o->users && o->paths))
		usage();
}

int
main(int argc, char **argv)
{
	struct options o = { .conf = NULL };
	struct tool t;
	enum err e;

	read_options(argc, argv, &o);
	tool_init(&t, "mbpath", o.conf);
	tool_open(&t);
	for (int i = optind; i < argc && (t.failures == 0 || !o.stop); i++) {
		e = print_paths(&t, argv[i], &o);
		if (e != OK && o.quiet)
			t.failures++;
		else if (e != OK)
			tool_fail(&t, argv[i], e);
	}
	return tool_close(&t);
}
