/*
 * ctl_mboxlist.c - the list of mailboxes as text, and against the spool
 *
 *	ctl_mboxlist [-C FILE] -d [-L] [-y] [-p PARTITION]	dump
 *	ctl_mboxlist [-C FILE] -u [-L]				undump from stdin
 *	ctl_mboxlist [-C FILE] -v				verify
 *
 * A dump is a JSON object with a member a mailbox, as Cyrus since 3.4 has it;
 * with -L a line a mailbox, as before: name TAB partition SPACE acl.  In such
 * a line a mailbox type (a number) may come before the partition and "server!"
 * may lead it.  What is undumped may be either: an object begins with "{".
 */
#include "lib/json.h"
#include "imap/admin/tool.h"
#include "imap/server/domain.h"
#include "imap/server/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct options {
	const char *conf, *partition;
	char what;			/* 'd', 'u', 'v' */
	bool lines;			/* -L */
	uint64_t printed;
};

enum { DUMP_MAX = 1 << 30 };

__attribute__((noreturn)) static void
usage(void)
{
	fputs("usage: ctl_mboxlist [-C imapd.conf] -d [-L] [-y] [-p partition]\n"
	    "       ctl_mboxlist [-C imapd.conf] -u [-L]\n"
	    "       ctl_mboxlist [-C imapd.conf] -v\n", stderr);
	exit(EX_USAGE);
}

/* --- dump --- */

/* {"fred":"lrs","anyone":"p"} */
static void
print_acl(const char *acl)
{
	struct str rest = str_c(acl), who;
	struct buf b = BUF_INIT;
	rights_t rights;

	putchar('{');
	for (bool first = true; acl_next(&rest, &who, &rights); first = false) {
		buf_reset(&b);
		buf_add_str(&b, who);
		if (!first)
			putchar(',');
		json_print_string(b.p);
		buf_reset(&b);
		acl_format_rights(rights, &b);
		printf(":\"%s\"", b.p);
	}
	putchar('}');
	buf_free(&b);
}

static void
print_member(const struct mbentry *e)
{
	char id[33];

	json_print_string(e->name);
	printf(":{\"acl\":");
	print_acl(e->acl);
	if (e->specialuse != NULL) {
		printf(",\"legacy_specialuse\":");
		json_print_string(e->specialuse);
	}
	id128_hex(&e->id, id);
	printf(",\"mbtype\":\"e\",\"partition\":");
	json_print_string(e->partition);
	printf(",\"uidvalidity\":%u,\"uniqueid\":\"%s\"}", e->uidvalidity, id);
}

static bool
dump_one(void *ctx, const struct mbentry *e)
{
	struct options *o = ctx;

	if (o->partition != NULL && strcmp(o->partition, e->partition) != 0)
		return true;
	if (o->lines) {
		printf("%s\t%s %s\n", e->name, e->partition, e->acl);
	} else {
		printf(o->printed++ > 0 ? ",\n" : "\n");
		print_member(e);
	}
	return !ferror(stdout);
}

static enum err
dump(struct tool *t, struct options *o)
{
	enum err e;

	if (!o->lines)
		putchar('{');
	e = mblist_walk(t->s, STR(""), dump_one, o);
	if (!o->lines)
		printf("\n}\n");
	return e;
}

/* --- undump --- */

struct line {
	const char *name, *partition, *specialuse;
	struct buf acl;
	uint32_t uidvalidity;
};

/*
 * A mailbox of a dump is made without its messages, and its UIDs begin at 1.  If it was
 * here under the dump's UIDVALIDITY, and was deleted, clients would take new messages
 * for those that they know: then it gets another one.
 */
static uint32_t
unused(const struct line *l, uint32_t highest)
{
	return l->uidvalidity > highest ? l->uidvalidity : 0;
}

/* HIGHEST: the UIDVALIDITY up to which all may have been used before this run. */
static enum err
load(struct tool *t, const struct line *l, uint32_t highest)
{
	struct mblist_create c = {
		.name = str_c(l->name), .partition = l->partition, .acl = l->acl.p,
		.uidvalidity = unused(l, highest), .specialuse = l->specialuse,
	};
	enum err e = mblist_create(t->s, &c);

	return e == ERR_EXISTS ? mblist_set_acl(t->s, c.name, buf_str(&l->acl)) : e;
}

/* Cyrus writes users as they log in, in ours '.' is '^' already. */
static enum err
add_right(struct tool *t, struct line *l, struct str who, rights_t rights)
{
	struct buf now = BUF_INIT, id = BUF_INIT;
	struct name_style style;
	enum err e;

	name_style_init(&style, t->conf);
	name_identifier_in(&style, who, &id);
	buf_add_str(&now, buf_str(&l->acl));
	buf_reset(&l->acl);
	e = acl_change(buf_str(&now), buf_str(&id), '=', rights, &l->acl);
	buf_free(&now);
	buf_free(&id);
	return e;
}

/* Cyrus writes a domain in front: "example.org!user.fred". */
static const char *
take_name(struct tool *t, struct str name)
{
	struct buf domain = BUF_INIT, internal = BUF_INIT;
	size_t mark = str_chr(name, '!');
	const char *copy;

	if (mark < name.n && domain_enabled(t->conf)
	    && domain_in(str_slice(name, 0, mark), &domain)) {
		if (domain_is_home(t->conf, buf_str(&domain)))
			buf_reset(&domain);
		domain_put(str_slice(name, mark + 1, name.n), t->params.deleted_prefix,
		    buf_str(&domain), &internal);
	} else {
		buf_add_str(&internal, name);
	}
	copy = arena_copy(t->arena, internal.p, internal.n);
	buf_free(&domain);
	buf_free(&internal);
	return copy;
}

static bool
is_number(struct str s)
{
	uint64_t n;

	return str_to_u64(s, &n);
}

static bool
parse_line(struct tool *t, struct str text, struct line *l)
{
	struct str rest = text, name, field, server;
	rights_t rights;
	enum err e = OK;

	if (!str_next_field(&rest, '\t', &name) || rest.p == NULL ||
	    !str_next_field(&rest, ' ', &field))
		return false;
	if (is_number(field) && (rest.p == NULL || !str_next_field(&rest, ' ', &field)))
		return false;
	if (memchr(field.p, '!', field.n) != NULL && !str_next_field(&field, '!', &server))
		return false;
	l->name = take_name(t, name);
	l->partition = arena_copy(t->arena, field.p, field.n);
	if (rest.p == NULL)
		rest = STR("");
	while (e == OK && acl_next(&rest, &name, &rights))
		e = add_right(t, l, name, rights);
	return e == OK && field.n > 0 && l->name != NULL && *l->name != '\0' &&
	    l->partition != NULL;
}

static void
undump_lines(struct tool *t, struct str text)
{
	struct str rest = text, one;

	while (rest.n > 0 && str_next_field(&rest, '\n', &one)) {
		struct arena_mark mark = arena_mark(t->arena);
		struct line l = { .acl = BUF_INIT };
		enum err e = ERR_SYNTAX;
		const char *what = arena_copy(t->arena, one.p, one.n);

		if (one.n > 0 && parse_line(t, one, &l))
			e = load(t, &l, 0);
		if (one.n > 0 && e != OK)
			tool_fail(t, what != NULL ? what : "a line", e);
		buf_free(&l.acl);
		arena_rewind(t->arena, mark);
		if (rest.p == NULL)
			return;
	}
}

static enum err
take_acl(struct tool *t, const struct json *acl, struct line *l)
{
	enum err e = acl == NULL || acl->kind == JSON_OBJECT ? OK : ERR_SYNTAX;
	rights_t rights;

	for (const struct json *a = e == OK && acl != NULL ? acl->child : NULL;
	    e == OK && a != NULL; a = a->next) {
		e = a->text == NULL ? ERR_SYNTAX : acl_parse_rights(str_c(a->text), &rights);
		if (e == OK)
			e = add_right(t, l, str_c(a->key), rights);
	}
	return e;
}

static enum err
load_member(struct tool *t, const struct json *m, uint32_t highest)
{
	struct line l = {
		.name = take_name(t, str_c(m->key)), .partition = json_text(m, "partition"),
		.specialuse = json_text(m, "legacy_specialuse"), .acl = BUF_INIT,
	};
	const char *uidvalidity = json_text(m, "uidvalidity");
	uint64_t n = 0;
	enum err e = l.name == NULL ? ERR_LIMIT : m->kind == JSON_OBJECT ? take_acl(t, json_get(m, "acl"), &l) : ERR_SYNTAX;

	if (uidvalidity != NULL && (!str_to_u64(str_c(uidvalidity), &n) || n > UINT32_MAX))
		e = ERR_SYNTAX;
	l.uidvalidity = (uint32_t)n;
	if (e == OK)
		e = load(t, &l, highest);
	buf_free(&l.acl);
	return e;
}

static enum err
undump_json(struct tool *t, struct str text)
{
	size_t line;
	struct json *all = json_parse(t->arena, text, &line);
	uint32_t highest;
	enum err known = mblist_highest_uidvalidity(t->s, &highest);

	if (known != OK)
		return known;

	if (all == NULL || all->kind != JSON_OBJECT) {
		fprintf(stderr, "ctl_mboxlist: line %zu of the input is no JSON; nothing was "
		    "changed\n", line);
		t->failures++;
		return OK;
	}
	for (const struct json *m = all->child; m != NULL; m = m->next) {
		enum err e = load_member(t, m, highest);

		if (e != OK)
			tool_fail(t, m->key, e);
	}
	return OK;
}

static enum err
undump(struct tool *t, const struct options *o)
{
	struct buf text = BUF_INIT;
	enum err e = OK;
	struct str s;
	size_t n;

	do {
		char *room = buf_reserve(&text, 65536);

		n = fread(room, 1, 65536, stdin);
		text.n += n;
	} while (n > 0 && text.n < DUMP_MAX);
	if (ferror(stdin) || text.n >= DUMP_MAX) {
		buf_free(&text);
		return ferror(stdin) ? ERR_IO : ERR_LIMIT;
	}
	s = buf_str(&text);
	while (s.n > 0 && strchr(" \t\r\n", *s.p) != NULL && *s.p != '\0')
		s = str_slice(s, 1, s.n);
	if (s.n > 0 && *s.p == '{' && !o->lines)
		e = undump_json(t, s);
	else
		undump_lines(t, s);
	buf_free(&text);
	return e;
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
	if (err == ERR_NOTFOUND || err == ERR_CORRUPT) {
		printf("'%s' has a DB entry but no directory on partition '%s'\n",
		    tool_name(t, e->name), e->partition);
		t->failures++;
	} else if (err != OK && err != ERR_STALE) {
		tool_fail(t, tool_name(t, e->name), err);
	}
	return true;
}

static bool
report_unlisted(void *ctx, const struct mbentry *e)
{
	struct tool *t = ctx;

	printf("'%s' has a directory '%s' but no DB entry\n", tool_name(t, e->name), e->dir);
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

__attribute__((noreturn)) static void
refuse(char option, const char *why)
{
	fprintf(stderr, "ctl_mboxlist: -%c is not supported: %s\n", option, why);
	exit(EX_USAGE);
}

static void
read_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt(argc, argv, "C:duvp:Lyxf:mawi")) != -1) {
		switch (c) {
		case 'C': o->conf = optarg; break;
		case 'p': o->partition = optarg; break;
		case 'L': o->lines = true; break;
		case 'y': break;		/* none are hidden */
		case 'd': case 'u': case 'v':
			if (o->what != 0)
				usage();
			o->what = (char)c;
			break;
		case 'x': refuse('x', "delete mailboxes by IMAP");
		case 'f': refuse('f', "there is one list, in configdirectory/db");
		case 'm': case 'a': case 'w': case 'i':
			refuse((char)c, "there is no MUPDATE server here");
		default: usage();
		}
	}
	if (optind != argc || o->what == 0 || (o->partition != NULL && o->what != 'd') ||
	    (o->lines && o->what == 'v'))
		usage();
}

static enum err
run(struct tool *t, struct options *o)
{
	if (o->what == 'd')
		return dump(t, o);
	return o->what == 'v' ? verify(t) : undump(t, o);
}

int
main(int argc, char **argv)
{
	struct options o = { .conf = NULL };
	struct tool t;
	enum err e;

	read_options(argc, argv, &o);
	tool_init(&t, "ctl_mboxlist", o.conf);
	tool_open(&t);
	e = run(&t, &o);
	if (e != OK)
		tool_fail(&t, "mailboxes.db", e);
	return tool_close(&t);
}
