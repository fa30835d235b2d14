/*
 * ipurge.c - deletes messages by age or size
 *
 *	ipurge [-f] [-C FILE] [-x] [-X] [-i] [-s] [-o] [-n] [-v] [-M]
 *	    [-d DAYS | -b BYTES | -k KBYTES | -m MBYTES] [PATTERN...]
 */
#include "imap/admin/tool.h"
#include "lib/mem.h"
#include "imap/store/mbox/txn.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { DAY = 24 * 3600, BATCH = 1000 };

struct options {
	const char *conf;
	bool force, exact, delivery, invert, skip_flagged, only_deleted, dry_run, verbose;
	bool no_children;
	int64_t days, bytes;		/* -1: not asked for */
};

struct purge {
	struct tool *t;
	const struct options *o;
	char **pattern;
	int patterns;
	int64_t now;
	bool *matched;			/* for each pattern: any mailbox? */
	uint64_t seen, seen_bytes, purged, purged_bytes;
};

__attribute__((noreturn)) static void
usage(void)
{
	fputs("usage: ipurge [-f] [-C imapd.conf] [-x] [-X] [-i] [-s] [-o] [-n] [-v] [-M]\n"
	    "           [-d days | -b bytes | -k Kbytes | -m Mbytes] [mailbox-pattern...]\n",
	    stderr);
	exit(EX_USAGE);
}

/* --- which --- */

static bool
compare(const struct options *o, int64_t value, int64_t limit)
{
	bool hit = o->exact ? value == limit : value > limit;

	return hit != o->invert;
}

static bool
is_doomed(const struct purge *p, const struct message *m)
{
	const struct options *o = p->o;
	int64_t sent = o->delivery ? m->internaldate : m->sentdate;

	if ((o->skip_flagged && (m->flags & MSG_FLAGGED)) ||
	    (o->only_deleted && !(m->flags & MSG_DELETED)))
		return false;
	if (o->days >= 0)
		return compare(o, (p->now - sent) / DAY, o->days);
	if (o->bytes >= 0)
		return compare(o, (int64_t)m->size, o->bytes);
	return true;
}

/* Below shared folders only, unless forced; and what matches a pattern. */
static bool
is_looked_at(struct purge *p, const char *name)
{
	struct str n = str_c(name);
	bool is = p->patterns == 0;

	for (int i = 0; i < p->patterns; i++) {
		struct buf b = BUF_INIT;
		bool hit;

		tool_internal(p->t, p->pattern[i], &b);
		hit = tool_match(p->t, buf_str(&b), n);
		if (!hit && !p->o->no_children) {
			buf_adds(&b, ".*");
			hit = tool_match(p->t, buf_str(&b), n);
		}
		buf_free(&b);
		p->matched[i] |= hit;
		is |= hit;
	}
	return is && (p->o->force || n.n < 5 || memcmp(n.p, "user.", 5) != 0);
}

/* --- deleting --- */

/*
 * No view: nobody's \Recent is claimed.  If reconstruct has given a new UIDVALIDITY
 * since SEEN was opened, these UIDs are other messages'; if it does later, the
 * commit says ERR_STALE.
 */
static enum err
expunge(struct purge *p, const struct mbentry *entry, const struct mbox *seen,
    const uint32_t *uids, size_t n)
{
	struct mbox *m;
	struct txn *t;
	enum err e;

	if (n == 0 || p->o->dry_run)
		return OK;
	e = mbox_open(p->t->s, entry, "", MBOX_PEEK, &m);
	if (e != OK)
		return e;
	if (mbox_uidvalidity(m) != mbox_uidvalidity(seen)) {
		mbox_close(m);
		return ERR_STALE;
	}
	t = txn_begin(m);
	txn_expunge(t, uids, n, true);
	e = txn_commit(t);
	txn_abort(t);
	mbox_close(m);
	return e;
}

static void
note(struct purge *p, const struct mbentry *entry, const struct message *msg)
{
	if (p->o->dry_run)
		printf("%s: message %u, %" PRIu64 " bytes\n", tool_name(p->t, entry->name),
		    msg->uid, msg->size);
	p->purged_bytes += msg->size;
}

static enum err
purge_mailbox(struct purge *p, const struct mbentry *entry, struct mbox *m, uint32_t *purged)
{
	uint32_t uids[BATCH];
	struct message msg;
	size_t n = 0;
	enum err e = OK;

	for (uint32_t seq = 1; e == OK && seq <= mbox_count(m); seq++) {
		if (mbox_message(m, seq, &msg) != OK || msg.expunged)
			continue;
		p->seen++;
		p->seen_bytes += msg.size;
		if (!is_doomed(p, &msg))
			continue;
		note(p, entry, &msg);
		++*purged;
		uids[n++] = msg.uid;
		if (n == BATCH) {
			e = expunge(p, entry, m, uids, n);
			n = 0;
		}
	}
	return e == OK ? expunge(p, entry, m, uids, n) : e;
}

static bool
purge_one(void *ctx, const struct mbentry *entry)
{
	struct purge *p = ctx;
	uint32_t purged = 0;
	struct mbox *m;
	enum err e;

	if (!is_looked_at(p, entry->name))
		return true;
	if (p->o->verbose)
		printf("Working on %s...\n", tool_name(p->t, entry->name));
	e = mbox_open(p->t->s, entry, "", MBOX_READONLY, &m);
	if (e == OK) {
		e = purge_mailbox(p, entry, m, &purged);
		mbox_close(m);
	}
	if (e != OK && e != ERR_NOTFOUND)
		tool_fail(p->t, tool_name(p->t, entry->name), e);
	p->purged += purged;
	return true;
}

/* --- main --- */

static void
print_totals(const struct purge *p)
{
	printf("Total messages    \t\t %" PRIu64 "\nTotal bytes       \t\t %" PRIu64 "\n"
	    "Deleted messages  \t\t %" PRIu64 "\nDeleted bytes     \t\t %" PRIu64 "\n"
	    "Remaining messages\t\t %" PRIu64 "\nRemaining bytes   \t\t %" PRIu64 "\n",
	    p->seen, p->seen_bytes, p->purged, p->purged_bytes,
	    p->seen - p->purged, p->seen_bytes - p->purged_bytes);
}

static void
complain_of_unmatched(struct purge *p)
{
	for (int i = 0; i < p->patterns; i++) {
		if (p->matched[i])
			continue;
		fprintf(stderr, "ipurge: couldn't find %s, check spelling\n", p->pattern[i]);
		p->t->failures++;
	}
}

static void
read_options(int argc, char **argv, struct options *o)
{
	int c, measures = 0;

	while ((c = getopt(argc, argv, "C:fxXisonvMd:b:k:m:")) != -1) {
		measures += strchr("dbkm", c) != NULL;
		switch (c) {
		case 'C': o->conf = optarg; break;
		case 'f': o->force = true; break;
		case 'x': o->exact = true; break;
		case 'X': o->delivery = true; break;
		case 'i': o->invert = true; break;
		case 's': o->skip_flagged = true; break;
		case 'o': o->only_deleted = true; break;
		case 'n': o->dry_run = true; break;
		case 'v': o->verbose = true; break;
		case 'M': o->no_children = true; break;
		case 'd': o->days = (int64_t)tool_number("ipurge", 'd', optarg); break;
		case 'b': o->bytes = (int64_t)tool_number("ipurge", 'b', optarg); break;
		case 'k': o->bytes = (int64_t)tool_number("ipurge", 'k', optarg) * 1024; break;
		case 'm': o->bytes = (int64_t)tool_number("ipurge", 'm', optarg) << 20; break;
		default: usage();
		}
	}
	if (measures > 1 || (measures == 0 && !o->only_deleted))
		usage();
}

int
main(int argc, char **argv)
{
	struct options o = { .days = -1, .bytes = -1 };
	struct tool t;
	struct purge p = { .t = &t, .o = &o, .now = time(NULL) };
	enum err e;

	read_options(argc, argv, &o);
	p.pattern = argv + optind;
	p.patterns = argc - optind;
	p.matched = mem_zero((size_t)p.patterns + 1, sizeof(*p.matched));
	tool_init(&t, "ipurge", o.conf);
	tool_open(&t);
	e = mblist_walk(t.s, STR(""), purge_one, &p);
	if (e != OK)
		tool_fail(&t, "mailboxes.db", e);
	else
		complain_of_unmatched(&p);
	if (o.verbose)
		print_totals(&p);
	free(p.matched);
	return tool_close(&t);
}
