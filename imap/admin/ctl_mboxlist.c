/*
 * ctl_mboxlist.c - the list of mailboxes as text, and against the spool
 *
 *	ctl_mboxlist [-C FILE] -d [-p PARTITION]	dump
 *	ctl_mboxlist [-C FILE] -u			undump from stdin
 *	ctl_mboxlist [-C FILE] -v			verify
 *
 * A line of a dump: name TAB partition SPACE acl, as Cyrus 2 wrote it; in what
 * is read a mailbox type (a number) may come before the partition and
 * "server!" may lead it, as later ones did.
 */
#include "imap/admin/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct options {
	const char *conf, *partition;
	char what;			/* 'd', 'u', 'v' */
};

__attribute__((noreturn)) static void
usage(void)
{
	fputs("usage: ctl_mboxlist [-C imapd.conf] -d [-p partition]\n"
	    "       ctl_mboxlist [-C imapd.conf] -u\n"
	    "       ctl_mboxlist [-C imapd.conf] -v\n", stderr);
	exit(EX_USAGE);
}

/* --- dump --- */

static bool
dump_one(void *ctx, const struct mbentry *e)
{
	const struct options *o = ctx;

	if (o->partition == NULL || strcmp(o->partition, e->partition) == 0)
		printf("%s\t%s %s\n", e->name, e->partition, e->acl);
	return !ferror(stdout);
}

/* --- undump --- */

struct line {
	struct str name, acl;
	const char *partition;
};

static bool
is_number(struct str s)
{
	uint64_t n;

	return str_to_u64(s, &n);
}

static bool
parse_line(struct tool *t, struct str text, struct line *l)
{
	struct str rest = text, field, server;

	if (!str_next_field(&rest, '\t', &l->name) || rest.p == NULL ||
	    !str_next_field(&rest, ' ', &field))
		return false;
	if (is_number(field) && (rest.p == NULL || !str_next_field(&rest, ' ', &field)))
		return false;
	if (memchr(field.p, '!', field.n) != NULL && !str_next_field(&field, '!', &server))
		return false;
	l->partition = arena_copy(t->arena, field.p, field.n);
	l->acl = rest.p != NULL ? rest : STR("");
	return l->name.n > 0 && field.n > 0 && l->partition != NULL;
}

static enum err
load(struct tool *t, const struct line *l)
{
	char *acl = arena_copy(t->arena, l->acl.p, l->acl.n);
	struct mblist_create c = { .name = l->name, .partition = l->partition, .acl = acl };
	enum err e = acl != NULL ? mblist_create(t->s, &c) : ERR_LIMIT;

	return e == ERR_EXISTS ? mblist_set_acl(t->s, l->name, l->acl) : e;
}

static void
undump(struct tool *t)
{
	char *text = NULL;
	size_t size = 0;
	ssize_t n;

	while ((n = getline(&text, &size, stdin)) > 0) {
		struct arena_mark mark = arena_mark(t->arena);
		struct line l;
		enum err e = ERR_SYNTAX;

		if (text[n - 1] == '\n')
			text[--n] = '\0';
		if (n == 0)
			continue;
		if (parse_line(t, (struct str){ text, (size_t)n }, &l))
			e = load(t, &l);
		if (e != OK)
			tool_fail(t, text, e);
		arena_rewind(t->arena, mark);
	}
	free(text);
}

/* --- verify --- */

static bool
verify_one(void *ctx, const struct mbentry *e)
{
	struct tool *t = ctx;
	enum err err;
	int fd;

	err = mblist_open_dir(t->s, e, &fd);
	if (err == OK)
		close(fd);
	if (err != OK && err != ERR_NOTFOUND && err != ERR_STALE)
		tool_fail(t, tool_name(t, e->name), err);
	return true;
}

static bool
report_unlisted(void *ctx, const struct mbentry *e)
{
	struct tool *t = ctx;

	printf("'%s' of partition %s, directory %s, is not in the list\n",
	    tool_name(t, e->name), e->partition, e->dir);
	t->failures++;
	return true;
}

static enum err
verify(struct tool *t)
{
	enum err e = mblist_walk(t->s, STR(""), verify_one, t);

	return e == OK ? mblist_adopt(t->s, NULL, false, report_unlisted, t) : e;
}

/* --- main --- */

static enum err
run(struct tool *t, struct options *o)
{
	if (o->what == 'd')
		return mblist_walk(t->s, STR(""), dump_one, o);
	if (o->what == 'v')
		return verify(t);
	undump(t);
	return OK;
}

int
main(int argc, char **argv)
{
	struct options o = { .conf = NULL };
	struct tool t;
	enum err e;
	int c;

	while ((c = getopt(argc, argv, "C:duvp:")) != -1) {
		switch (c) {
		case 'C': o.conf = optarg; break;
		case 'p': o.partition = optarg; break;
		case 'd': case 'u': case 'v':
			if (o.what != 0)
				usage();
			o.what = (char)c;
			break;
		default: usage();
		}
	}
	if (optind != argc || o.what == 0 || (o.partition != NULL && o.what != 'd'))
		usage();
	tool_init(&t, "ctl_mboxlist", o.conf);
	tool_open(&t);
	e = run(&t, &o);
	if (e != OK)
		tool_fail(&t, "mailboxes.db", e);
	return tool_close(&t);
}
