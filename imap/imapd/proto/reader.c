/*
 * A command is refused by noting why and going on to its end, where the next
 * one begins.  The end of a refused command is its first line without a
 * nonsynchronizing literal: for a synchronizing one no continuation is sent,
 * and a client that gets its tagged reply instead must not send it.
 *
 * Invariant: text holds at most max.command bytes.
 */
#include "imap/imapd/proto/reader.h"
#include "imap/imapd/proto/literal.h"
#include "imap/imapd/proto/parse.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

static const size_t NOT_APPEND = SIZE_MAX;

struct reader {
	struct stream *in;
	struct reply *out;
	struct store *store;		/* NULL: no messages yet */
	struct reader_limits max;
	struct buf text;
	struct buf line;
	enum err refused;		/* the command at hand; OK: not yet */
	size_t append_at;		/* where an APPEND's mailbox begins; 0: not looked */
	size_t mailbox_end;		/* and where it ends; 0: not known */
	size_t looked;			/* up to here for annotations, */
	unsigned depth;			/*   within so many lists there, */
	bool annotation;		/*   the first of them ANNOTATION's */
	size_t message_room;		/* in in->message */
	uint64_t in_memory;		/* bytes of its messages that are, */
	unsigned files;			/*   and how many are in files */
	struct line_tail tail;		/* of the last line */
};

struct reader *
reader_new(struct stream *in, struct reply *out)
{
	struct reader *r = mem_get(sizeof(*r));
	*r = (struct reader){
		.in = in, .out = out,
		.max = { READER_EARLY, READER_EARLY, 0 },
		.text = BUF_INIT, .line = BUF_INIT,
	};
	return r;
}

void
reader_free(struct reader *r)
{
	if (r == NULL)
		return;
	buf_wipe(&r->text);		/* LOGIN's password was in it */
	buf_wipe(&r->line);
	free(r);
}

void
reader_before_login(struct reader *r)
{
	r->store = NULL;
	r->max = (struct reader_limits){ .literal = READER_EARLY, .command = READER_EARLY };
}

void
reader_allow_messages(struct reader *r, struct store *s, const struct reader_limits *max)
{
	r->store = s;
	r->max = *max;
}

/* Bytes that have come; before waiting for some, what we said is sent. */
static enum err
fill(struct reader *r, struct str *have)
{
	if (stream_pending(r->in) == 0) {
		enum err e = stream_flush(r->out->out);
		if (e != OK)
			return e;
	}
	return stream_peek(r->in, have);
}

/*
 * Appends a line with its end to LINE, as much of it as MAX allows.  OK also
 * if it is cut; *cut says so.
 */
static enum err
read_line(struct reader *r, struct buf *line, size_t max, bool *cut)
{
	size_t all = 0;
	r->tail.n = 0;
	*cut = false;
	for (;;) {
		struct str have;
		enum err e = fill(r, &have);
		if (e != OK)
			return e;
		const char *lf = memchr(have.p, '\n', have.n);
		size_t n = lf != NULL ? (size_t)(lf - have.p) + 1 : have.n;
		size_t room = line->n < max ? max - line->n : 0;
		buf_add(line, have.p, n < room ? n : room);
		*cut |= n > room;
		line_tail_keep(&r->tail, have.p, n);
		stream_skip(r->in, n);
		if (lf != NULL)
			return OK;
		all += n;
		if (all > READER_MAX_SKIP) {
			reply_bye(r->out, "[TOOBIG] Line too long even to be dropped");
			return ERR_CLOSED;
		}
	}
}

static void
refuse(struct reader *r, struct input *in, enum err why, const char *code,
    const char *problem)
{
	if (r->refused != OK)
		return;
	r->refused = why;
	in->code = code;
	in->problem = problem;
}

/* "APPEND" SP / "REPLACE" SP seq-number SP / "UID REPLACE" SP uniqueid SP */
static bool
skip_name(struct parser *p)
{
	uint32_t number;
	struct parser start = *p;
	if (parse_word(p, "APPEND"))
		return parse_sp(p);
	*p = start;
	if (parse_word(p, "UID") && !parse_sp(p))
		return false;
	if (!parse_word(p, "REPLACE") || !parse_sp(p))
		return false;
	if (parse_char(p, '*'))
		return parse_sp(p);
	return parse_number(p, &number) && parse_sp(p);
}

/* Where the mailbox of an APPEND begins, NOT_APPEND in another command. */
static size_t
find_append(const struct reader *r)
{
	struct parser p;
	struct str tag;
	parser_init(&p, buf_str(&r->text), NULL);
	return parse_tag(&p, &tag) && parse_sp(&p) && skip_name(&p) ? p.at : NOT_APPEND;
}

/* Does the literal that the text announces belong to "URL ", as CATENATE has it? */
static bool
is_url(const struct reader *r)
{
	struct str s = str_slice(buf_str(&r->text), r->mailbox_end, r->text.n);
	s.n = str_rchr(s, '{');
	return s.n > 5 && (s.p[s.n - 5] == '(' || s.p[s.n - 5] == ' ') &&
	    str_ieq(str_slice(s, s.n - 4, s.n), STR("URL "));
}

/* Moves past a quoted string, or to the end. */
static size_t
skip_quoted(struct str s, size_t at)
{
	for (at++; at < s.n && s.p[at] != '"'; at++)
		at += s.p[at] == '\\' && at + 1 < s.n;
	return at;
}

/* Is it within APPEND's "ANNOTATION (...)"?  Goes on from where it came the last time. */
static bool
in_annotation(struct reader *r)
{
	static const struct str name = { " ANNOTATION ", 12 };
	struct str s = buf_str(&r->text);
	size_t at = r->looked > r->mailbox_end ? r->looked : r->mailbox_end;
	for (; at < s.n; at++) {
		if (s.p[at] == '"') {
			at = skip_quoted(s, at);
		} else if (s.p[at] == '(') {
			if (r->depth++ == 0)
				r->annotation = at >= name.n
				    && str_ieq(str_slice(s, at - name.n, at), name);
		} else if (s.p[at] == ')' && r->depth > 0) {
			r->depth--;
		}
	}
	r->looked = s.n;
	return r->depth > 0 && r->annotation;
}

/*
 * Is the literal of SIZE bytes that the text announces a message, or a piece of
 * one?  The others that APPEND can have are its mailbox, right behind the
 * command's name, URLs, and in annotations.  Asked for each literal of a command, of
 * which there can be many: what comes before them, however long, is looked at once.
 */
static bool
is_message(struct reader *r, uint64_t size)
{
	struct parser p;
	struct str mailbox;
	if (r->store == NULL)
		return false;
	if (r->append_at == 0)
		r->append_at = find_append(r);
	if (r->append_at == NOT_APPEND)
		return false;
	if (r->mailbox_end == 0) {
		parser_init(&p, buf_str(&r->text), NULL);
		p.at = r->append_at;
		if (parse_peek(&p, '{') && !parse_literal(&p, &mailbox))
			return false;
		r->mailbox_end = p.at;
	}
	if (!in_annotation(r) && !is_url(r))
		return true;
	/* Its bytes will be behind the CRLF; or it is refused. */
	if (size < SIZE_MAX - r->looked - 2)
		r->looked += 2 + (size_t)size;
	return false;
}

/* Reads N bytes and drops them. */
static enum err
skip(struct reader *r, uint64_t n)
{
	while (n > 0) {
		struct str have;
		enum err e = fill(r, &have);
		if (e != OK)
			return e;
		size_t take = have.n < n ? have.n : (size_t)n;
		stream_skip(r->in, take);
		n -= take;
	}
	return OK;
}

static enum err
read_to_memory(struct reader *r, size_t n)
{
	while (n > 0) {
		struct str have;
		enum err e = fill(r, &have);
		if (e != OK)
			return e;
		size_t take = have.n < n ? have.n : n;
		buf_add(&r->text, have.p, take);
		stream_skip(r->in, take);
		n -= take;
	}
	return OK;
}

static struct message_literal *
add_message(struct reader *r, struct input *in)
{
	if (in->messages == r->message_room) {
		r->message_room = r->message_room == 0 ? 4 : 2 * r->message_room;
		in->message = mem_grow(in->message, r->message_room * sizeof(*in->message));
	}
	return &in->message[in->messages++];
}

/* Counts where its bytes are; when memory is used up they go to its file. */
static enum err
place_message(struct reader *r, struct input *in, struct message_literal *m)
{
	enum err e = OK;
	if (blob_in_memory(m->blob) && r->in_memory + m->size > READER_MEMORY)
		e = blob_to_file(m->blob);
	if (blob_in_memory(m->blob))
		r->in_memory += m->size;
	else if (++r->files > READER_FILES)
		refuse(r, in, ERR_LIMIT, "LIMIT", "Too many large messages at once");
	return e;
}

/* The message's bytes into a blob; only the stream's errors come back. */
static enum err
read_to_blob(struct reader *r, struct input *in, const struct announced *a)
{
	struct message_literal *m = add_message(r, in);
	uint64_t n = a->size;
	*m = (struct message_literal){ .at = r->text.n, .size = n, .eight = a->eight };
	enum err stored = blob_new(r->store, NULL, &m->blob);
	if (stored != OK)
		m->blob = NULL;
	while (n > 0 && stored == OK) {
		struct str have;
		enum err e = fill(r, &have);
		if (e != OK)
			return e;
		size_t take = have.n < n ? have.n : (size_t)n;
		m->has_nul |= memchr(have.p, '\0', take) != NULL;
		stored = blob_write(m->blob, have.p, take);
		stream_skip(r->in, take);
		n -= take;
	}
	if (stored == OK)
		stored = place_message(r, in, m);
	if (stored != OK)
		refuse(r, in, stored, NULL, NULL);
	else if (m->has_nul && !a->eight)	/* CHAR8 */
		refuse(r, in, ERR_UNSUPPORTED, NULL, "Message contains NUL characters");
	return skip(r, n);
}

/* Looks at what the literal would cost, before it is asked for. */
static void
judge(struct reader *r, struct input *in, const struct announced *a, bool message)
{
	uint64_t size = a->size;
	size_t used = r->text.n + 2;	/* with the CRLF before its bytes */
	if (used > r->max.command)
		refuse(r, in, ERR_LIMIT, "TOOBIG", "Command too long");
	else if (r->max.literal_minus && !a->sync && a->size > READER_LITERAL_MINUS)
		refuse(r, in, ERR_SYNTAX, "TOOBIG",	/* BAD, for APPEND too */
		    "Literals of more than 4096 bytes must be synchronizing");
	else if (message && in->messages == READER_MESSAGES)
		refuse(r, in, ERR_LIMIT, "LIMIT", "Too many messages at once");
	else if (message && size > r->max.message)
		refuse(r, in, ERR_LIMIT, "TOOBIG", "Message size exceeds fixed limit");
	else if (!message && (size > r->max.literal
	    || size > r->max.command - used))
		refuse(r, in, ERR_LIMIT, "TOOBIG", "Literal too big");
}

/* The literal that the last line announces; *end: the command ends here. */
static enum err
read_literal(struct reader *r, struct input *in, const struct announced *a, bool *end)
{
	bool message = is_message(r, a->size);
	judge(r, in, a, message);
	*end = r->refused != OK && a->sync;
	if (*end)
		return OK;
	if (r->refused != OK && a->size > READER_MAX_SKIP) {
		reply_bye(r->out, "[TOOBIG] Literal too big even to be dropped");
		return ERR_CLOSED;
	}
	if (r->refused != OK)
		return skip(r, a->size);
	buf_adds(&r->text, "\r\n");
	if (a->sync)
		reply_continue(r->out, "go ahead");
	if (message)
		return read_to_blob(r, in, a);
	return read_to_memory(r, (size_t)a->size);
}

/* Lines and literals until the command's end. */
static enum err
assemble(struct reader *r, struct input *in)
{
	for (bool end = false; !end;) {
		bool cut;
		enum err e = read_line(r, &r->text, r->max.command, &cut);
		if (e != OK)
			return e;
		if (cut)
			refuse(r, in, ERR_LIMIT, "TOOBIG", "Command too long");
		else
			line_chomp(&r->text);
		struct announced a;
		end = !line_tail_announces(&r->tail, &a);
		if (!end && (e = read_literal(r, in, &a, &end)) != OK)
			return e;
	}
	return OK;
}

enum err
reader_next(struct reader *r, struct input *in)
{
	*in = (struct input){ .message = NULL };
	buf_reset(&r->text);
	r->refused = OK;
	r->append_at = r->mailbox_end = r->message_room = r->looked = 0;
	r->depth = 0;
	r->in_memory = r->files = 0;
	enum err e = assemble(r, in);
	if (e == OK)
		e = r->refused;
	if (e != OK)
		input_free(in);
	in->text = buf_str(&r->text);
	return e;
}

void
input_free(struct input *in)
{
	for (size_t i = 0; i < in->messages; i++)
		blob_free(in->message[i].blob);
	free(in->message);
	in->message = NULL;
	in->messages = 0;
}

enum err
reader_line(struct reader *r, struct str *line)
{
	bool cut;
	buf_wipe(&r->line);		/* a password may have been in it */
	enum err e = read_line(r, &r->line, READER_EARLY, &cut);
	if (e == OK && cut)
		e = ERR_LIMIT;
	line_chomp(&r->line);
	*line = buf_str(&r->line);
	return e;
}

void
reader_forget(struct reader *r, size_t keep)
{
	if (r->text.size > keep)
		explicit_bzero(r->text.p + keep, r->text.size - keep);
	buf_wipe(&r->line);
	stream_forget(r->in);
}
