/*
 * reconstruct.c - makes mailboxes right from what is there
 *
 *	reconstruct [-C FILE] [-rfnGqI] [-u] NAME...
 *	reconstruct [-C FILE] -m
 */
#include "imap/admin/tool.h"
#include "imap/store/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct options {
	const char *conf, *partition;
	bool children, find, list, users, quiet;
	struct check_params check;
};

struct run {
	struct tool *t;
	struct options *o;
	struct str pattern;
	int matched;
};

__attribute__((noreturn)) static void
usage(void)
{
	fputs("usage: reconstruct [-C imapd.conf] [-p partition] [-rfnGqs] [-u] mailbox...\n"
	    "       reconstruct [-C imapd.conf] -m\n", stderr);
	exit(EX_USAGE);
}

static void
print_finding(void *ctx, const char *mailbox, const char *line)
{
	struct run *r = ctx;

	printf("%s: %s\n", tool_name(r->t, mailbox), line);
}

static void
check_one(struct run *r, const struct mbentry *e)
{
	struct check_result result = { 0 };
	enum err err = check_mailbox(r->t->s, e, &r->o->check, &result);

	if (err != OK)
		tool_fail(r->t, tool_name(r->t, e->name), err);
	else if (!r->o->quiet)
		printf("%s\n", tool_name(r->t, e->name));
	fflush(stdout);
}

static bool
is_wanted(const struct run *r, const struct mbentry *e)
{
	struct buf below = BUF_INIT;
	bool is = tool_match(r->pattern, str_c(e->name));

	if (r->o->partition != NULL && strcmp(r->o->partition, e->partition) != 0)
		return false;
	if (!is && r->o->children) {
		buf_add_str(&below, r->pattern);
		buf_adds(&below, ".*");
		is = tool_match(buf_str(&below), str_c(e->name));
		buf_free(&below);
	}
	return is;
}

static bool
visit(void *ctx, const struct mbentry *e)
{
	struct run *r = ctx;

	if (is_wanted(r, e)) {
		r->matched++;
		check_one(r, e);
	}
	return true;
}

static bool
report_added(void *ctx, const struct mbentry *e)
{
	struct run *r = ctx;

	printf("%s: %s to the list\n", tool_name(r->t, e->name),
	    r->o->check.dry_run ? "would be added" : "added");
	return true;
}

static void
reconstruct(struct run *r, const char *arg)
{
	struct buf name = BUF_INIT;
	struct str fixed;
	enum err e = OK;

	if (r->o->users)
		tool_inbox(arg, &name);
	else
		tool_internal(r->t, arg, &name);
	r->pattern = fixed = buf_str(&name);
	r->matched = 0;
	/* What comes before the first wildcard is all that need be looked through. */
	for (size_t i = 0; i < fixed.n; i++)
		if (fixed.p[i] == '*' || fixed.p[i] == '%')
			fixed.n = i;
	if (r->o->find)
		e = mblist_adopt(r->t->s, fixed, !r->o->check.dry_run, report_added, r);
	if (e == OK)
		e = mblist_walk(r->t->s, fixed, visit, r);
	if (e == OK && r->matched == 0)
		e = ERR_NOTFOUND;
	if (e != OK)
		tool_fail(r->t, arg, e);
	buf_free(&name);
}

static void
read_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt(argc, argv, "C:p:rfnGqsmux")) != -1) {
		switch (c) {
		case 'C': o->conf = optarg; break;
		case 'p': o->partition = optarg; break;
		case 'r': o->children = true; break;
		case 'f': o->find = true; break;
		case 'n': o->check.dry_run = true; break;
		case 'G': o->check.verify_content = true; break;
		case 'q': o->quiet = true; break;
		case 's': case 'x': break;	/* always quick; always imports */
		case 'm': o->list = true; break;
		case 'u': o->users = true; break;
		default: usage();
		}
	}
	if ((optind == argc) != o->list)
		usage();
}

int
main(int argc, char **argv)
{
	struct options o = { .conf = NULL };
	struct tool t;
	struct run r = { .t = &t, .o = &o };
	enum err e;

	read_options(argc, argv, &o);
	o.check.report = print_finding;
	o.check.ctx = &r;
	tool_init(&t, "reconstruct", o.conf);
	tool_open(&t);
	if (o.list) {
		e = mblist_adopt(t.s, STR(""), !o.check.dry_run, report_added, &r);
		if (e != OK)
			tool_fail(&t, "mailboxes.db", e);
	}
	for (int i = optind; i < argc; i++)
		reconstruct(&r, argv[i]);
	return tool_close(&t);
}
