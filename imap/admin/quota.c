/*
 * quota.c - quota roots: limits and usage, and making them right
 *
 *	quota [-C FILE] [-f] [-n] [-q] [-J] [-d DOMAIN] [-u] [PREFIX...]
 */
#include "lib/json.h"
#include "imap/admin/tool.h"
#include "imap/server/domain.h"
#include "imap/store/list/quota.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct options {
	const char *conf, *domain;
	bool fix, dry_run, quiet, json, users;
};

struct report {
	struct tool *t;
	const struct options *o;
	struct str prefix;
	int printed;
};

__attribute__((noreturn)) static void
usage(void)
{
	fputs("usage: quota [-C imapd.conf] [-d domain] [-f] [-n] [-q] [-J] [-u] "
	    "[mailbox-prefix | user]...\n", stderr);
	exit(EX_USAGE);
}

/* Is the root in the domain that was asked for? */
static bool
is_wanted(const struct report *r, const char *root)
{
	struct buf d = BUF_INIT;
	bool is = true;

	if (r->o->users && strlen(root) != r->prefix.n && root[r->prefix.n] != '.')
		return false;
	if (r->o->domain != NULL)
		is = domain_in(str_c(r->o->domain), &d)
		    && str_eq(domain_of(str_c(root), r->t->params.deleted_prefix), buf_str(&d));
	buf_free(&d);
	return is;
}

/* --- making right --- */

static void
report_root(void *ctx, const char *mailbox, const char *was, const char *is)
{
	struct report *r = ctx;

	printf("%s: quota root %s --> %s\n", tool_name(r->t, mailbox),
	    was != NULL ? tool_name(r->t, was) : "(none)",
	    is != NULL ? tool_name(r->t, is) : "(none)");
}

static bool
recount(void *ctx, const struct quota *q)
{
	struct report *r = ctx;
	uint64_t was, is;
	enum err e;

	if (!is_wanted(r, q->root))
		return true;
	e = quota_recount(r->t->s, str_c(q->root), !r->o->dry_run, &was, &is);
	if (e != OK)
		tool_fail(r->t, tool_name(r->t, q->root), e);
	else if (was != is)
		printf("%s: STORAGE usage was %" PRIu64 ", now %" PRIu64 "\n",
		    tool_name(r->t, q->root), was, is);
	return true;
}

/* --- reporting --- */

static void
print_line(int64_t limit, uint64_t used, const char *resource, const char *root)
{
	if (limit > 0)
		printf(" %7" PRId64 " %8" PRIu64, limit, used * 100 / (uint64_t)limit);
	else if (limit == 0)
		printf(" %7d         ", 0);
	else
		printf("                 ");
	printf(" %8" PRIu64 " %20s %s\n", used, resource, root);
}

static void
print_json(const char *root, const char *resource, uint64_t used, int64_t limit, bool first)
{
	if (first) {
		json_print_string(root);
		printf(":{");
	} else {
		printf(",");
	}
	printf("\"%s\":{\"used\":%" PRIu64, resource, used);
	if (limit >= 0)
		printf(",\"limit\":%" PRId64, limit);
	printf("}");
}

static bool
print_root(void *ctx, const struct quota *q)
{
	struct report *r = ctx;
	const char *root = tool_name(r->t, q->root);
	uint64_t kb = q->used_bytes / 1024, annotation_kb = q->used_annotation / 1024;

	if (!is_wanted(r, q->root))
		return true;
	if (r->o->json) {
		if (r->printed++ > 0)
			printf(",");
		print_json(root, "STORAGE", kb, q->limit.kb, true);
		print_json(root, "MESSAGE", q->used_messages, q->limit.messages, false);
		if (q->limit.mailboxes >= 0)
			print_json(root, "MAILBOX", q->used_mailboxes, q->limit.mailboxes,
			    false);
		print_json(root, "X-ANNOTATION-STORAGE", annotation_kb,
		    q->limit.annotation_kb, false);
		printf("}");
		return true;
	}
	print_line(q->limit.kb, kb, "STORAGE", root);
	if (q->limit.messages >= 0)
		print_line(q->limit.messages, q->used_messages, "MESSAGE", root);
	if (q->limit.annotation_kb >= 0)
		print_line(q->limit.annotation_kb, annotation_kb, "X-ANNOTATION-STORAGE",
		    root);
	if (q->limit.mailboxes >= 0)
		print_line(q->limit.mailboxes, q->used_mailboxes, "MAILBOX", root);
	return true;
}

/* --- main --- */

static void
run(struct report *r, const char *arg, bool printing)
{
	struct buf prefix = BUF_INIT;
	enum err e;

	if (r->o->users && arg != NULL)
		tool_inbox(r->t, arg, &prefix);
	else if (arg != NULL)
		tool_internal(r->t, arg, &prefix);
	r->prefix = buf_str(&prefix);
	if (printing) {
		e = quota_walk(r->t->s, r->prefix, print_root, r);
	} else {
		e = quota_repair_roots(r->t->s, r->prefix, !r->o->dry_run, report_root, r);
		if (e == OK)
			e = quota_walk(r->t->s, r->prefix, recount, r);
	}
	if (e != OK)
		tool_fail(r->t, arg != NULL ? arg : "quota roots", e);
	buf_free(&prefix);
}

static void
run_all(struct report *r, int argc, char **argv, bool printing)
{
	if (argc == 0)
		run(r, NULL, printing);
	for (int i = 0; i < argc; i++)
		run(r, argv[i], printing);
}

int
main(int argc, char **argv)
{
	struct options o = { .conf = NULL };
	struct tool t;
	struct report r = { .t = &t, .o = &o };
	int c;

	while ((c = getopt(argc, argv, "C:d:fnqJu")) != -1) {
		switch (c) {
		case 'C': o.conf = optarg; break;
		case 'd': o.domain = optarg; break;
		case 'f': o.fix = true; break;
		case 'n': o.dry_run = true; break;
		case 'q': o.quiet = true; break;
		case 'J': o.json = true; break;
		case 'u': o.users = true; break;
		default: usage();
		}
	}
	tool_init(&t, "quota", o.conf);
	tool_open(&t);
	if (o.fix || o.dry_run)
		run_all(&r, argc - optind, argv + optind, false);
	if (!o.quiet) {
		printf(o.json ? "{" : "   Quota   %% Used     Used             Resource Root\n");
		run_all(&r, argc - optind, argv + optind, true);
		if (o.json)
			printf("}\n");
	}
	return tool_close(&t);
}
