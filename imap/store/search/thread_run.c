/* thread_run.c - what threads are made of, from the index and the cache */
#include "imap/store/search/thread.h"

#include "imap/mime/hdr.h"
#include "imap/mime/lex.h"
#include "imap/mime/mime.h"

#include <string.h>

enum { HEADER_MEMORY = 16 << 20 };

struct gather {
	struct arena *arena;		/* what stays */
	struct arena *scratch;		/* one message's header */
	struct arena_mark empty;
	enum collation collation;
	struct buf base, key;
};

static bool
keep(struct arena *arena, struct str *s)
{
	s->p = arena_copy(arena, s->p, s->n);
	return s->p != NULL;
}

enum { SUBJECT, MESSAGE_ID, REFERENCES, IN_REPLY_TO, FIELDS };

/*
 * The values of the WANTED fields (bits), each {NULL, 0} if there is none, in one
 * walk.
 */
static void
find_fields(struct gather *g, struct str headers, unsigned wanted, struct str value[FIELDS])
{
	static const struct str names[FIELDS] = {
		{ "subject", 7 }, { "message-id", 10 }, { "references", 10 },
		{ "in-reply-to", 11 },
	};
	struct str name, raw;
	unsigned missing = wanted;

	memset(value, 0, FIELDS * sizeof(*value));
	while (missing != 0 && mime_next_field(&headers, &name, &raw))
		for (int i = 0; i < FIELDS; i++)
			if ((missing & 1u << i) && name.n == names[i].n
			    && str_ieq(name, names[i])) {
				value[i] = lex_unfold(g->scratch, hdr_value(name, raw));
				missing &= ~(1u << i);
			}
}

static bool
add_subject(struct gather *g, struct str value, struct thread_message *msg)
{
	buf_reset(&g->base);
	buf_reset(&g->key);
	if (value.p != NULL)
		mime_base_subject(value, &g->base, &msg->is_reply);
	collate_key(g->collation, buf_str(&g->base), &g->key);
	msg->subject = buf_str(&g->key);
	return keep(g->arena, &msg->subject);
}

static size_t
ids_of(struct gather *g, struct str value, struct str **ids)
{
	return value.p != NULL ? mime_parse_msgids(g->scratch, value, ids) : 0;
}

/* "use the first (if any) valid Message ID in the In-Reply-To header line" */
static bool
add_ids(struct gather *g, const struct str value[FIELDS], struct thread_message *msg)
{
	struct str *ids = NULL;
	size_t n = ids_of(g, value[MESSAGE_ID], &ids);

	if (n > 0) {
		msg->id = ids[0];
		if (!keep(g->arena, &msg->id))
			return false;
	}
	n = ids_of(g, value[REFERENCES], &ids);
	if (n == 0)
		n = ids_of(g, value[IN_REPLY_TO], &ids) > 0;
	if (n == 0)
		return true;
	msg->refs = arena_alloc(g->arena, n * sizeof(*msg->refs));
	for (size_t i = 0; i < n && msg->refs != NULL; i++) {
		msg->refs[i] = ids[i];
		if (!keep(g->arena, &msg->refs[i]))
			return false;
	}
	msg->ref_count = n;
	return msg->refs != NULL;
}

static const unsigned fields_of[] = {
	[THREAD_ORDEREDSUBJECT] = 1u << SUBJECT,
	[THREAD_REFERENCES] = (1u << FIELDS) - 1,
	[THREAD_REFS] = ((1u << FIELDS) - 1) & ~(1u << SUBJECT),
};

/* A message of which nothing can be had any more is one without a header. */
static enum err
gather_message(struct gather *g, struct mbox *m, enum thread_algorithm algorithm,
    struct thread_message *msg)
{
	struct message record;
	struct str headers, value[FIELDS];
	enum err e = mbox_message(m, msg->seq, &record);
	bool ok = true;

	if (e != OK)
		return e;
	msg->sentdate = record.sentdate;
	msg->internaldate = record.internaldate;
	if (mbox_cache(m, msg->seq, CACHE_HEADERS, &headers) != OK)
		headers = STR("");
	find_fields(g, headers, fields_of[algorithm], value);
	if (algorithm != THREAD_REFS)
		ok = add_subject(g, value[SUBJECT], msg);
	if (ok && algorithm != THREAD_ORDEREDSUBJECT)
		ok = add_ids(g, value, msg);
	arena_rewind(g->scratch, g->empty);
	return ok ? OK : ERR_LIMIT;
}

enum err
thread_run(struct mbox *m, struct arena *arena, enum thread_algorithm algorithm,
    enum collation collation, const uint32_t *seqs, size_t n, struct thread_node **roots)
{
	struct gather g = { .arena = arena, .scratch = arena_new(HEADER_MEMORY),
	    .collation = collation, .base = BUF_INIT, .key = BUF_INIT };
	struct thread_message *msgs = arena_alloc(arena, n * sizeof(*msgs) + 1);
	enum err e = msgs != NULL ? OK : ERR_LIMIT;

	g.empty = arena_mark(g.scratch);
	for (size_t i = 0; i < n && e == OK; i++) {
		msgs[i].seq = seqs[i];
		e = gather_message(&g, m, algorithm, &msgs[i]);
	}
	arena_free(g.scratch);
	buf_free(&g.base);
	buf_free(&g.key);
	return e == OK ? thread_build(arena, algorithm, msgs, n, roots) : e;
}
