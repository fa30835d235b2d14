/*
 * mbexamine.c - what header and index say of mailboxes and their messages
 *
 *	mbexamine [-C FILE] [-u UID | -s SEQNUM] MAILBOX...
 *	mbexamine [-C FILE] -q|-c MAILBOX...
 */
#include "imap/admin/tool.h"
#include "imap/store/check.h"
#include "imap/store/mbox/mbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct options {
	const char *conf;
	uint32_t uid, seq;		/* 0: all */
	bool quota, files;
};

struct run {
	struct tool *t;
	const struct options *o;
	struct str pattern;
	int matched;
};

__attribute__((noreturn)) static void
usage(void)
{
	fputs("usage: mbexamine [-C imapd.conf] [-u uid | -s seqnum] mailbox...\n"
	    "       mbexamine [-C imapd.conf] -q|-c mailbox...\n", stderr);
	exit(EX_USAGE);
}

/* --- the mailbox --- */

static void
print_header(const struct run *r, const struct mbentry *e, struct mbox *m)
{
	const char *root = "?";
	char id[33];
	bool any = false;

	for (size_t i = 0; i < r->t->params.partition_count; i++)
		if (strcmp(r->t->params.partitions[i].name, e->partition) == 0)
			root = r->t->params.partitions[i].path;
	id128_hex(&e->id, id);
	printf(" Mailbox Header Info:\n  Path to mailbox: %s/%s\n  Mailbox ACL: %s\n"
	    "  Unique ID: %s\n  User Flags: ", root, e->dir, e->acl, id);
	for (unsigned i = 0; i < MBOX_KEYWORDS; i++) {
		const char *name = mbox_keyword(m, i);

		if (name != NULL)
			printf("%s%s", any ? " " : "", name);
		any |= name != NULL;
	}
	printf(any ? "\n\n" : "[none]\n\n");
}

static void
count_flags(struct mbox *m, uint32_t *answered, uint32_t *flagged)
{
	struct message msg;

	for (uint32_t seq = 1; seq <= mbox_count(m); seq++)
		if (mbox_message(m, seq, &msg) == OK) {
			*answered += (msg.flags & MSG_ANSWERED) != 0;
			*flagged += (msg.flags & MSG_FLAGGED) != 0;
		}
}

static enum err
print_index(struct mbox *m)
{
	uint32_t answered = 0, flagged = 0;
	struct mbox_status st;
	enum err e = mbox_status(m, &st);

	if (e != OK)
		return e;
	count_flags(m, &answered, &flagged);
	printf(" Index Header Info:\n"
	    "  Number of Messages: %u  Mailbox Size: %" PRIu64 " bytes\n"
	    "  UIDValidity: %u  Last UID: %u\n"
	    "  Deleted: %u  Answered: %u  Flagged: %u  Unseen: %u\n"
	    "  Highest Mod Sequence: %" PRIu64 "\n\n", st.exists, st.bytes, st.uidvalidity,
	    st.uidnext - 1, st.deleted, answered, flagged, st.unseen, st.highestmodseq);
	return OK;
}

/* --- its messages --- */

static void
print_flags(struct mbox *m, const struct message *msg)
{
	static const char *const names[] = { "SEEN", "ANSWERED", "FLAGGED", "DELETED", "DRAFT" };

	printf("      > SYSTEMFLAGS:");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (msg->flags & 1U << i)
			printf(" %s", names[i]);
	printf("\n      > USERFLAGS:");
	for (unsigned i = 0; i < MBOX_KEYWORDS; i++) {
		const char *name = msg->keywords.w[i / 64] >> i % 64 & 1
		    ? mbox_keyword(m, i) : NULL;

		if (name != NULL)
			printf(" %s", name);
	}
	putchar('\n');
}

static void
print_message(struct mbox *m, uint32_t seq, const struct message *msg)
{
	printf("%06u> UID:%08u   INT_DATE:%" PRId64 " SENTDATE:%" PRId64 " SAVEDATE:%" PRId64
	    " SIZE:%-6" PRIu64 "\n      > HDRSIZE:%-6u MODSEQ:%" PRIu64 " GUID:", seq, msg->uid,
	    msg->internaldate, msg->sentdate, msg->savedate, msg->size, msg->header_size,
	    msg->modseq);
	for (size_t i = 0; i < sizeof(msg->guid); i++)
		printf("%02x", msg->guid[i]);
	putchar('\n');
	print_flags(m, msg);
}

static enum err
print_messages(const struct run *r, struct mbox *m)
{
	struct message msg;

	printf(" Message Info:\n");
	for (uint32_t seq = 1; seq <= mbox_count(m); seq++) {
		enum err e = mbox_message(m, seq, &msg);

		if (e != OK)
			return e;
		if ((r->o->seq == 0 || seq == r->o->seq) &&
		    (r->o->uid == 0 || msg.uid == r->o->uid))
			print_message(m, seq, &msg);
	}
	return OK;
}

/* As its owner, whose \Seen is in the index. */
static enum err
examine(struct run *r, const struct mbentry *e)
{
	struct str owner = mblist_owner(str_c(e->name));
	char *user = arena_copy(r->t->arena, owner.p, owner.n);
	struct mbox *m;
	enum err err = user == NULL ? ERR_LIMIT :
	    mbox_open(r->t->s, e, user, MBOX_READONLY, &m);

	if (err != OK)
		return err;
	print_header(r, e, m);
	err = print_index(m);
	if (err == OK)
		err = print_messages(r, m);
	mbox_close(m);
	return err;
}

/* --- against the files --- */

static void
print_finding(void *ctx, const char *mailbox, const char *line)
{
	(void)ctx;
	(void)mailbox;
	printf("  %s\n", line);
}

/* What reconstruct would say; nothing is changed. */
static enum err
compare(struct run *r, const struct mbentry *e)
{
	struct check_params p = {
		.dry_run = true, .verify_content = r->o->files, .odd = CHECK_ODD_IGNORE,
		.report = print_finding,
	};
	struct check_result result = { 0 };
	enum err err = check_mailbox(r->t->s, e, &p, &result);

	r->t->failures += err == OK && (result.changed || result.remaining > 0);
	return err;
}

/* --- main --- */

static bool
visit(void *ctx, const struct mbentry *e)
{
	struct run *r = ctx;
	enum err err;

	if (!tool_match(r->t, r->pattern, str_c(e->name)))
		return true;
	r->matched++;
	printf("Examining %s...\n", tool_name(r->t, e->name));
	err = r->o->quota || r->o->files ? compare(r, e) : examine(r, e);
	if (err != OK)
		tool_fail(r->t, tool_name(r->t, e->name), err);
	return !ferror(stdout);
}

static void
run(struct run *r, const char *arg)
{
	struct buf pattern = BUF_INIT;
	enum err e;

	tool_internal(r->t, arg, &pattern);
	r->pattern = buf_str(&pattern);
	r->matched = 0;
	e = mblist_walk(r->t->s, STR(""), visit, r);
	if (e == OK && r->matched == 0)
		e = ERR_NOTFOUND;
	if (e != OK)
		tool_fail(r->t, arg, e);
	buf_free(&pattern);
}

static uint32_t
number(char option, const char *text)
{
	uint64_t n = tool_number("mbexamine", option, text);

	if (n == 0 || n > UINT32_MAX)
		usage();
	return (uint32_t)n;
}

int
main(int argc, char **argv)
{
	struct options o = { .conf = NULL };
	struct tool t;
	struct run r = { .t = &t, .o = &o };
	int c;

	while ((c = getopt(argc, argv, "C:u:s:qc")) != -1) {
		switch (c) {
		case 'C': o.conf = optarg; break;
		case 'u': o.uid = number('u', optarg); break;
		case 's': o.seq = number('s', optarg); break;
		case 'q': o.quota = true; break;
		case 'c': o.files = true; break;
		default: usage();
		}
	}
	if (optind == argc || (o.uid != 0) + (o.seq != 0) + o.quota + o.files > 1)
		usage();
	tool_init(&t, "mbexamine", o.conf);
	tool_open(&t);
	for (int i = optind; i < argc; i++)
		run(&r, argv[i]);
	return tool_close(&t);
}
