/*
 * cyr_expire.c - gives back the room of what was deleted long enough ago
 *
 *	cyr_expire [-C FILE] [-A TIME] [-D TIME] [-E TIME] [-X TIME] [-actx]
 *	    [-p PREFIX | -u USER] [-v]
 */
#include "imap/admin/tool.h"
#include "imap/store/list/dup.h"
#include "imap/store/upkeep/reclaim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

struct options {
	const char *conf, *prefix, *user;
	int64_t delete, expire, expunge;	/* seconds; -1: not asked for */
	bool no_expunge, verbose, nothing;
};

struct expire {
	struct tool *t;
	const struct options *o;
	int64_t now;
	struct buf prefix;			/* of the mailboxes that are looked at */
	struct buf doomed;			/* names, each with a NUL */
	uint64_t mailboxes, messages, deleted;
};

__attribute__((noreturn)) static void
usage(void)
{
	fputs("usage: cyr_expire [-C imapd.conf] [-A time] [-D time] [-E time] [-X time] [-actx]\n"
	    "           [-p mailbox-prefix | -u user] [-v]\n"
	    "       at least one of -A, -D, -E, -X and -t; times like 3, 0.5d, 12h\n", stderr);
	exit(EX_USAGE);
}

/* --- messages --- */

static bool
is_looked_at(const struct expire *x, const struct mbentry *e)
{
	size_t n = x->prefix.n;

	/* A user's mailboxes, not those of one whose name begins alike. */
	return x->o->user == NULL || e->name[n] == '\0' || e->name[n] == '.';
}

static bool
expunge_one(void *ctx, const struct mbentry *e)
{
	struct expire *x = ctx;
	uint32_t n = 0;
	enum err err;

	if (!is_looked_at(x, e))
		return true;
	err = reclaim_mailbox(x->t->s, e, x->now - x->o->expunge, &n);
	if (err != OK && err != ERR_NOTFOUND)
		tool_fail(x->t, tool_name(x->t, e->name), err);
	if (x->o->verbose && n > 0)
		fprintf(stderr, "%s: %u messages\n", tool_name(x->t, e->name), n);
	x->mailboxes++;
	x->messages += n;
	return true;
}

static enum err
expunge(struct expire *x)
{
	enum err e = store_checkpoint(x->t->s);

	if (e == OK)
		e = mblist_walk(x->t->s, buf_str(&x->prefix), expunge_one, x);
	if (x->o->verbose && e == OK)
		fprintf(stderr, "Expunged %" PRIu64 " messages from %" PRIu64 " mailboxes\n",
		    x->messages, x->mailboxes);
	return e;
}

/* --- mailboxes --- */

/* PREFIX.NAME.TIME in 8 hex digits: when was it deleted?  0: it is none. */
static int64_t
deleted_at(const struct tool *t, const char *name, struct str *original)
{
	size_t n = strlen(name), p = strlen(t->params.deleted_prefix);
	char *end;
	long long when;

	if (n < p + 11 || strncmp(name, t->params.deleted_prefix, p) != 0 || name[p] != '.' ||
	    name[n - 9] != '.')
		return 0;
	when = strtoll(name + n - 8, &end, 16);
	*original = (struct str){ name + p + 1, n - p - 1 - 9 };
	return *end == '\0' ? when : 0;
}

static bool
find_doomed(void *ctx, const struct mbentry *e)
{
	struct expire *x = ctx;
	struct str original;
	int64_t when = deleted_at(x->t, e->name, &original);
	struct str wanted = buf_str(&x->prefix);

	if (when == 0 || when > x->now - x->o->delete || original.n < wanted.n ||
	    memcmp(original.p, wanted.p, wanted.n) != 0 ||
	    (x->o->user != NULL && original.n > wanted.n && original.p[wanted.n] != '.'))
		return true;
	buf_add(&x->doomed, e->name, strlen(e->name) + 1);
	return true;
}

static enum err
delete_old(struct expire *x)
{
	enum err e = mblist_walk(x->t->s, str_c(x->t->params.deleted_prefix), find_doomed, x);

	for (size_t at = 0; e == OK && at < x->doomed.n; ) {
		const char *name = x->doomed.p + at;
		enum err err = mblist_delete(x->t->s, str_c(name), true);

		if (err != OK && err != ERR_NOTFOUND)
			tool_fail(x->t, tool_name(x->t, name), err);
		if (err == OK)
			x->deleted++;
		if (err == OK && x->o->verbose)
			fprintf(stderr, "Removing: %s\n", tool_name(x->t, name));
		at += strlen(name) + 1;
	}
	if (x->o->verbose && e == OK)
		fprintf(stderr, "Removed %" PRIu64 " deleted mailboxes\n", x->deleted);
	return e;
}

/* --- deliver.db --- */

static enum err
prune(struct expire *x)
{
	uint64_t removed;
	enum err e = dup_prune(x->t->s, x->o->expire, &removed);

	if (e == OK && x->o->verbose)
		fprintf(stderr, "Removed %" PRIu64 " entries of the database of deliveries\n",
		    removed);
	return e;
}

/* --- main --- */

static void
duration(const char *text, int64_t *seconds)
{
	if (!tool_duration(text, seconds)) {
		fprintf(stderr, "cyr_expire: %s is not a time such as 3, 0.5d or 12h\n", text);
		exit(EX_USAGE);
	}
}

static void
read_options(int argc, char **argv, struct options *o)
{
	int64_t unused;
	int c;

	while ((c = getopt(argc, argv, "C:A:D:E:X:xp:u:vact")) != -1) {
		switch (c) {
		case 'A': duration(optarg, &unused); o->nothing = true; break;
		case 'C': o->conf = optarg; break;
		case 'D': duration(optarg, &o->delete); break;
		case 'E': duration(optarg, &o->expire); break;
		case 'X': duration(optarg, &o->expunge); break;
		case 'x': o->no_expunge = true; break;
		case 'p': o->prefix = optarg; break;
		case 'u': o->user = optarg; break;
		case 'v': o->verbose = true; break;
		case 't': o->nothing = true; break;
		case 'a': case 'c': break;	/* annotations, conversations: none here */
		default: usage();
		}
	}
	if (optind != argc || (o->delete < 0 && o->expire < 0 && o->expunge < 0 && !o->nothing) ||
	    (o->prefix != NULL && o->user != NULL))
		usage();
}

static void
step(struct expire *x, bool wanted, enum err (*run)(struct expire *), const char *what)
{
	enum err e = wanted ? run(x) : OK;

	if (e != OK)
		tool_fail(x->t, what, e);
}

int
main(int argc, char **argv)
{
	struct options o = { .delete = -1, .expire = -1, .expunge = -1 };
	struct tool t;
	struct expire x = { .t = &t, .o = &o, .prefix = BUF_INIT, .doomed = BUF_INIT };

	read_options(argc, argv, &o);
	tool_init(&t, "cyr_expire", o.conf);
	tool_open(&t);
	x.now = time(NULL);
	if (o.prefix != NULL)
		tool_internal(&t, o.prefix, &x.prefix);
	if (o.user != NULL)
		tool_inbox(&t, o.user, &x.prefix);
	step(&x, o.expire >= 0, prune, "deliver.db");
	step(&x, o.delete >= 0, delete_old, "deleted mailboxes");
	step(&x, o.expunge >= 0 && !o.no_expunge, expunge, "expunged messages");
	buf_free(&x.prefix);
	buf_free(&x.doomed);
	return tool_close(&t);
}
