/*
 * fuzz_imapparse.c - any bytes are a command's arguments (imap/imapd)
 *
 * The first two bytes choose the command and whether "UID" stood before it.  Beside what the sanitizers see it checks that a request which was
 * accepted is whole, and that a refusal says what was expected where.
 */
#include "imap/imapd/message/search_resolve.h"
#include "imap/imapd/proto/grammar.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool x, const char *what)
{
	if (!x) {
		fprintf(stderr, "fuzz_imapparse: %s\n", what);
		abort();
	}
}

/* A mailbox of 100 messages with even UIDs, for what sets are resolved in. */
uint32_t
mbox_count(const struct mbox *m)
{
	(void)m;
	return 100;
}

uint32_t
mbox_uid(struct mbox *m, uint32_t seq)
{
	(void)m;
	return 2 * seq;
}

uint32_t
mbox_seq_from_uid(struct mbox *m, uint32_t uid)
{
	(void)m;
	return uid > 200 ? 101 : uid < 2 ? 1 : (uid + 1) / 2;
}

bool
cache_has_header(struct str name)
{
	return name.n < 5;
}

/* Names that may be asked for, and attributes. */
static void
check_query(const struct annotation_query *q)
{
	const struct str *entry = q->entries.item;

	must(q->entries.count > 0 && q->entries.count <= ANNOTATION_MAX_MATCHES, "entries");
	must(q->attribs > 0 && q->attribs < 16, "attributes");
	for (size_t i = 0; i < q->entries.count; i++)
		must(entry[i].n > 0 && entry[i].n <= ANNOTATION_MAX_NAME
		    && entry[i].p[entry[i].n - 1] != '/', "an entry");
}

static void
check_fetch(const struct fetch_req *req)
{
	must(req->items != NULL && (req->set.saved || req->set.count > 0), "an empty FETCH");
	for (const struct fetch_item *i = req->items; i; i = i->next) {
		const struct fetch_section *s = &i->section;

		if (i->op == FETCH_ANNOTATION)
			check_query(&i->annotation);
		if (i->op != FETCH_SECTION)
			continue;
		must(s->label.n > 0 && s->label.p[s->label.n - 1] == ' ', "label");
		must(s->parts <= SECTION_MAX_DEPTH, "section depth");
		for (size_t k = 0; k < s->label.n; k++)
			must(s->label.p[k] >= ' ' && s->label.p[k] < 0x7f, "label's bytes");
	}
}

static void
check_key(const struct search_key *key, unsigned depth)
{
	must(depth <= 2 * parse_limits_default.nesting, "search depth");
	if (key->op == SEARCH_NOT || key->op == SEARCH_OR)
		must(key->child != NULL, "an operator without operands");
	if (key->op == SEARCH_SEQ)
		for (size_t i = 0; i < key->ranges; i++)
			must(key->range[i].first <= key->range[i].last
			    && key->range[i].last <= 100, "a range beyond the mailbox");
	for (const struct search_key *k = key->child; k; k = k->next)
		check_key(k, depth + 1);
}

static void
check_search(struct arena *arena, struct search_req *req)
{
	struct uidset saved = UIDSET_INIT;

	uidset_add(&saved, 3, 7);
	if (search_resolve(arena, NULL, &saved, req->key) == OK)
		check_key(req->key, 0);
	uidset_free(&saved);
}

/* Mostly the two with the largest grammars, sometimes any. */
static enum request
choose(unsigned a, unsigned b)
{
	if (b >> 5 == 7)
		return a % REQUESTS;
	return a & 1 ? REQ_FETCH : REQ_SEARCH;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(16 * 1024 * 1024);
	struct parser p;
	void *req = NULL;
	enum request r;
	enum err e;

	if (size >= 2) {
		parser_init(&p, (struct str){ (const char *)data + 2, size - 2 }, arena);
		p.uid = data[1] & 1;
		r = choose(data[0], data[1]);
		if (grammar[r].uid_args == NULL)
			p.uid = false;
		e = grammar_parse(&p, r, &req);
		if (e == OK && r == REQ_FETCH)
			check_fetch(req);
		else if (e == OK && (r == REQ_SEARCH || r == REQ_SORT || r == REQ_THREAD))
			check_search(arena, req);
		else if (e != OK)
			must(e != ERR_SYNTAX || (p.expected && p.expected_at <= p.in.n),
			    "a refusal without words");
	}
	arena_free(arena);
	return 0;
}
