/*
 * reconstruct.c - makes mailboxes right from what is there
 *
 *	reconstruct [-C FILE] [-p PARTITION] [-rfsnqGNRUoO] [-u] [NAME...]
 *	reconstruct [-C FILE] [-rq] -V max [-u] NAME...
 *	reconstruct [-C FILE] [-n] -m
 */
#include "imap/admin/tool.h"
#include "imap/store/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct options {
	const char *conf, *partition, *version;
	bool children, find, list, users, quiet;
	struct check_params check;
};

struct run {
	struct tool *t;
	struct options *o;
	struct str pattern;
	struct buf added;		/* names, each with a NUL */
	int matched;
};

__attribute__((noreturn)) static void
usage(void)
{
	fputs("usage: reconstruct [-C imapd.conf] [-p partition] [-rfsnqGNRUoO] [-u] [name...]\n"
	    "       reconstruct [-C imapd.conf] [-rq] -V max [-u] name...\n"
	    "       reconstruct [-C imapd.conf] [-n] -m\n", stderr);
	exit(EX_USAGE);
}

/* --- which --- */

static bool
matches(const struct run *r, const char *name, bool or_below)
{
	struct buf below = BUF_INIT;
	bool is = tool_match(r->t, r->pattern, str_c(name));

	if (!is && or_below) {
		buf_add_str(&below, r->pattern);
		buf_adds(&below, ".*");
		is = tool_match(r->t, buf_str(&below), str_c(name));
		buf_free(&below);
	}
	return is;
}

static bool
was_added(const struct run *r, const char *name)
{
	for (size_t at = 0; at < r->added.n; at += strlen(r->added.p + at) + 1)
		if (strcmp(r->added.p + at, name) == 0)
			return true;
	return false;
}

/* Of those that are not in the list: -p makes a look-up of one partition. */
static bool
is_sought(void *ctx, const struct mbentry *e)
{
	const struct run *r = ctx;

	return (r->o->partition == NULL || strcmp(r->o->partition, e->partition) == 0) &&
	    matches(r, e->name, r->o->find || r->o->children);
}

static bool
report_added(void *ctx, const struct mbentry *e)
{
	struct run *r = ctx;

	printf("%s: %s to the list\n", tool_name(r->t, e->name),
	    r->o->check.dry_run ? "would be added" : "added");
	buf_add(&r->added, e->name, strlen(e->name) + 1);
	r->matched++;
	return true;
}

/* --- one mailbox --- */

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

	if (err == ERR_STALE)
		printf("%s: deleted or renamed meanwhile\n", tool_name(r->t, e->name));
	else if (err != OK)
		tool_fail(r->t, tool_name(r->t, e->name), err);
	else if (!r->o->quiet)
		printf("%s\n", tool_name(r->t, e->name));
	r->t->failures += result.remaining > 0;
	fflush(stdout);
}

static bool
visit(void *ctx, const struct mbentry *e)
{
	struct run *r = ctx;

	if (!matches(r, e->name, r->o->children) && !was_added(r, e->name))
		return true;
	r->matched++;
	/* There is one version of the index; whatever is open is of that. */
	if (r->o->version == NULL)
		check_one(r, e);
	return true;
}

/* --- main --- */

static void
reconstruct(struct run *r, const char *arg)
{
	struct buf name = BUF_INIT;
	struct str fixed;
	enum err e = OK;

	if (r->o->users)
		tool_inbox(r->t, arg, &name);
	else
		tool_internal(r->t, arg, &name);
	r->pattern = buf_str(&name);
	fixed = tool_fixed(r->t, r->pattern);
	r->matched = 0;
	buf_reset(&r->added);
	if (r->o->find || r->o->partition != NULL)
		e = mblist_adopt(r->t->s, is_sought, !r->o->check.dry_run, report_added, r);
	if (e == OK)
		e = mblist_walk(r->t->s, fixed, visit, r);
	if (e == OK && r->matched == 0)
		e = ERR_NOTFOUND;
	if (e != OK)
		tool_fail(r->t, arg, e);
	buf_free(&name);
}

static void
repair_list(struct run *r)
{
	bool was_damaged;
	enum err e = mblist_mend(r->t->s, &was_damaged);

	/* With -n, too: nobody can use it as it is. */
	if (e == OK && was_damaged)
		puts("mailboxes.db: was damaged; it is built anew from the spool");
	if (e == OK)
		e = mblist_adopt(r->t->s, NULL, !r->o->check.dry_run, report_added, r);
	if (e != OK)
		tool_fail(r->t, "mailboxes.db", e);
}

__attribute__((noreturn)) static void
refuse(char option, const char *why)
{
	fprintf(stderr, "reconstruct: -%c is not supported: %s\n", option, why);
	exit(EX_USAGE);
}

static void
check_option(int c, struct check_params *p)
{
	switch (c) {
	case 'n': p->dry_run = true; break;
	case 's': p->skip_sizes = true; break;
	case 'G': p->verify_content = true; break;
	case 'N': p->renew = true; break;
	case 'R': p->mismatch = CHECK_NEW_UID; break;
	case 'U': p->mismatch = CHECK_REMOVE; break;
	case 'o': p->odd = CHECK_ODD_IGNORE; break;
	case 'O': p->odd = CHECK_ODD_REMOVE; break;
	/* Of no effect since Cyrus 2.4; and the list is always preferred. */
	case 'k': case 'g': case 'M': break;
	case 'x': refuse('x', "what cyrus.header says is always imported");
	case 'P': refuse('P', "give names with -f, or all with -m");
	case 'I': refuse('I', "of two mailboxes with one id the list never takes the second");
	default: usage();
	}
}

static void
read_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt(argc, argv, "C:p:rfnNGqsmuxRUoOMV:kgIP")) != -1) {
		switch (c) {
		case 'C': o->conf = optarg; break;
		case 'p': o->partition = optarg; break;
		case 'r': o->children = true; break;
		case 'f': o->find = true; break;
		case 'q': o->quiet = true; break;
		case 'm': o->list = true; break;
		case 'u': o->users = true; break;
		case 'V': o->version = optarg; break;
		default: check_option(c, &o->check);
		}
	}
	if (o->version != NULL && strcmp(o->version, "max") != 0 && strcmp(o->version, "1") != 0)
		refuse('V', "there is one version of cyrus.index only; say -V max");
	if (o->list ? optind != argc : optind == argc && (o->children || o->find ||
	    o->users || o->partition != NULL || o->version != NULL))
		usage();
}

int
main(int argc, char **argv)
{
	struct options o = { .conf = NULL };
	struct tool t;
	struct run r = { .t = &t, .o = &o, .added = BUF_INIT };

	read_options(argc, argv, &o);
	o.check.report = print_finding;
	o.check.ctx = &r;
	tool_init(&t, "reconstruct", o.conf);
	tool_open(&t);
	if (o.list)
		repair_list(&r);
	else if (optind == argc)
		reconstruct(&r, "*");
	for (int i = optind; i < argc; i++)
		reconstruct(&r, argv[i]);
	buf_free(&r.added);
	return tool_close(&t);
}
