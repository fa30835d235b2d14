/*
 * unexpunge.c - lists and brings back messages that were expunged
 *
 *	unexpunge [-C FILE] -l MAILBOX [UID...]
 *	unexpunge [-C FILE] -a|-t TIME|-u [-d] [-v] [-f FLAG] MAILBOX [UID...]
 */
#include "imap/admin/tool.h"
#include "lib/mem.h"
#include "imap/mime/mime.h"
#include "imap/store/mbox/mbox.h"
#include "imap/store/unexpunge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { HEADER_ARENA = 64 << 20, MINUTE = 60, HOUR = 3600, DAY = 24 * HOUR, WEEK = 7 * DAY };

struct options {
	const char *conf, *flag;
	char what;			/* 'l', 'a', 't', 'u' */
	int64_t seconds;		/* -t */
	bool undelete, verbose;
};

struct run {
	struct tool *t;
	const struct options *o;
	uint32_t *uid;			/* of the command line, rising */
	size_t uids;
	uint32_t *found;
	size_t founds, room;
	int64_t now;
};

__attribute__((noreturn)) static void
usage(void)
{
	fputs("usage: unexpunge [-C imapd.conf] -l mailbox [uid...]\n"
	    "       unexpunge [-C imapd.conf] -t time-interval [-d] [-v] [-f flag] mailbox\n"
	    "       unexpunge [-C imapd.conf] -a [-d] [-v] [-f flag] mailbox\n"
	    "       unexpunge [-C imapd.conf] -u [-d] [-v] [-f flag] mailbox uid...\n", stderr);
	exit(EX_USAGE);
}

/* --- which --- */

static int
uid_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static bool
is_wanted(const struct run *r, const struct expunged *m)
{
	if (r->o->what == 't')
		return m->when >= r->now - r->o->seconds;
	return r->uids == 0 ||
	    bsearch(&m->uid, r->uid, r->uids, sizeof(*r->uid), uid_cmp) != NULL;
}

static bool
note(void *ctx, const struct expunged *m)
{
	struct run *r = ctx;

	if (!is_wanted(r, m))
		return true;
	if (r->founds == r->room) {
		r->room = r->room == 0 ? 64 : r->room * 2;
		r->found = mem_grow(r->found, r->room * sizeof(*r->found));
	}
	r->found[r->founds++] = m->uid;
	return true;
}

/* --- listing --- */

static void
print_time(const char *label, int64_t when)
{
	time_t t = (time_t)when;
	struct tm tm;
	char text[64];

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y", &tm) == 0)
		snprintf(text, sizeof(text), "?");
	printf("\t%s: %s\n", label, text);
}

/* Nothing that a terminal would obey. */
static void
print_field(struct arena *arena, struct str header, const char *name, const char *label)
{
	struct buf text = BUF_INIT;
	struct str value;

	if (mime_field_value(arena, header, name, &value)) {
		mime_decode_header(value, &text);
		for (size_t i = 0; i < text.n; i++)
			if ((unsigned char)text.p[i] < ' ' || text.p[i] == 127)
				text.p[i] = ' ';
		printf("\t%s: %s\n", label, text.n > 0 ? text.p : "");
	}
	buf_free(&text);
}

static bool
print_message(void *ctx, const struct expunged *m)
{
	struct run *r = ctx;
	struct arena *arena;
	struct mime_part *root;

	if (!is_wanted(r, m))
		return true;
	printf("UID: %u\n\tSize: %zu\n", m->uid, m->bytes.n);
	print_time("Sent", m->sent);
	print_time("Recv", m->received);
	print_time("Expg", m->when);
	arena = arena_new(HEADER_ARENA);
	if (mime_parse(arena, m->bytes, &root) == OK) {
		struct str header = { m->bytes.p, root->header_size };

		print_field(arena, header, "from", "From");
		print_field(arena, header, "to", "To  ");
		print_field(arena, header, "cc", "Cc  ");
		print_field(arena, header, "bcc", "Bcc ");
		print_field(arena, header, "subject", "Subj");
	}
	arena_free(arena);
	putchar('\n');
	return true;
}

/* --- bringing back --- */

/* "-f Flagged" is the system flag, "-f \Restored" the user's "Restored". */
static void
set_flag(struct unexpunge *u, const char *flag)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} system[] = {
		{ "seen", MSG_SEEN }, { "answered", MSG_ANSWERED }, { "flagged", MSG_FLAGGED },
		{ "deleted", MSG_DELETED }, { "draft", MSG_DRAFT },
	};

	if (flag == NULL)
		return;
	flag += *flag == '\\';
	for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++)
		if (strcasecmp(flag, system[i].name) == 0) {
			u->flags = system[i].bit;
			return;
		}
	u->keyword = flag;
}

static enum err
restore(struct run *r, const struct mbentry *e)
{
	struct unexpunge u = { .uids = r->found, .n = r->founds, .undelete = r->o->undelete };
	uint32_t *new_uids = mem_zero(r->founds + 1, sizeof(*new_uids)), restored = 0;
	const char *name = tool_name(r->t, e->name);
	enum err err;

	set_flag(&u, r->o->flag);
	err = unexpunge(r->t->s, e, &u, new_uids);
	for (size_t i = 0; i < u.n; i++) {
		if (new_uids[i] == 0)
			continue;
		restored++;
		if (r->o->verbose)
			printf("Unexpunged %s: %u => %u\n", name, u.uids[i], new_uids[i]);
	}
	if (r->o->verbose)
		printf("restored %u expunged messages\n", restored);
	free(new_uids);
	return err;
}

/* Of those that were named each must be there. */
static void
complain_of_missing(struct run *r)
{
	for (size_t i = 0; i < r->uids; i++)
		if (r->founds == 0 || bsearch(&r->uid[i], r->found, r->founds,
		    sizeof(*r->found), uid_cmp) == NULL) {
			fprintf(stderr, "unexpunge: UID %u: no such expunged message\n", r->uid[i]);
			r->t->failures++;
		}
}

static enum err
run(struct run *r, const char *mailbox)
{
	struct buf name = BUF_INIT;
	struct mbentry *e;
	enum err err, one;

	tool_internal(r->t, mailbox, &name);
	err = mblist_lookup(r->t->s, r->t->arena, buf_str(&name), &e);
	buf_free(&name);
	if (err != OK)
		return err;
	if (r->o->what == 'l')
		return expunged_walk(r->t->s, e, print_message, r);
	err = expunged_walk(r->t->s, e, note, r);
	complain_of_missing(r);
	/* Of those that cannot be read we tell; the others come back. */
	one = r->founds > 0 ? restore(r, e) : OK;
	return err != OK ? err : one;
}

/* --- main --- */

/* 90, 90s, 15m, 24h, 3d, 2w */
static int64_t
interval(const char *text)
{
	static const struct {
		char letter;
		int seconds;
	} units[] = { { 's', 1 }, { 'm', MINUTE }, { 'h', HOUR }, { 'd', DAY }, { 'w', WEEK } };
	struct str s = str_c(text);
	int64_t unit = 1;
	uint64_t n;

	for (size_t i = 0; s.n > 0 && i < sizeof(units) / sizeof(units[0]); i++)
		if (s.p[s.n - 1] == units[i].letter) {
			unit = units[i].seconds;
			s.n--;
			break;
		}
	if (!str_to_u64(s, &n) || n > (uint64_t)INT32_MAX) {
		fprintf(stderr, "unexpunge: \"%s\" is not a time such as 90s, 15m, 24h, 3d, 2w\n",
		    text);
		exit(EX_USAGE);
	}
	return (int64_t)n * unit;
}

static void
read_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt(argc, argv, "C:lat:udvf:")) != -1) {
		switch (c) {
		case 'C': o->conf = optarg; break;
		case 'd': o->undelete = true; break;
		case 'v': o->verbose = true; break;
		case 'f': o->flag = optarg; break;
		case 't':
			o->seconds = interval(optarg);
			/* FALLTHROUGH */
		case 'l': case 'a': case 'u':
			if (o->what != 0)
				usage();
			o->what = (char)c;
			break;
		default: usage();
		}
	}
	if (o->what == 0 || optind == argc || (o->what == 'u') > (argc - optind > 1) ||
	    (argc - optind > 1 && o->what != 'u' && o->what != 'l'))
		usage();
}

static void
read_uids(struct run *r, char **argv, size_t n)
{
	r->uid = mem_zero(n + 1, sizeof(*r->uid));
	for (; r->uids < n; r->uids++) {
		uint64_t uid;

		if (!str_to_u64(str_c(argv[r->uids]), &uid) || uid == 0 || uid > UINT32_MAX) {
			fprintf(stderr, "unexpunge: \"%s\" is no UID\n", argv[r->uids]);
			exit(EX_USAGE);
		}
		r->uid[r->uids] = (uint32_t)uid;
	}
	qsort(r->uid, n, sizeof(*r->uid), uid_cmp);
}

int
main(int argc, char **argv)
{
	struct options o = { .conf = NULL };
	struct tool t;
	struct run r = { .t = &t, .o = &o, .now = time(NULL) };
	enum err e;

	read_options(argc, argv, &o);
	read_uids(&r, argv + optind + 1, (size_t)(argc - optind - 1));
	tool_init(&t, "unexpunge", o.conf);
	tool_open(&t);
	e = run(&r, argv[optind]);
	if (e != OK)
		tool_fail(&t, argv[optind], e);
	free(r.uid);
	free(r.found);
	return tool_close(&t);
}
