/*
 * fuzz_mime.c - any bytes are a message (imap/mime)
 *
 * For libFuzzer (test/fuzz/run) or, with replay.c, for files.  Beside what the
 * sanitizers see it checks that parts lie within their parents, that ENVELOPE
 * and BODYSTRUCTURE are well-formed IMAP, and that text read in pieces is the
 * text read at once.
 */
#include "imap/mime/mime.h"
#include "lib/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool x, const char *what)
{
	if (!x) {
		fprintf(stderr, "fuzz_mime: %s\n", what);
		abort();
	}
}

/* string = quoted / literal; NIL and numbers pass as atoms */
static void
check_item(struct str *s)
{
	size_t i = 0, n = 0;

	if (s->p[0] == '"') {
		for (i = 1; i < s->n && s->p[i] != '"'; i++) {
			i += s->p[i] == '\\';
			must(i < s->n && (unsigned char)s->p[i] < 0x80
			    && s->p[i] != '\r' && s->p[i] != '\n' && s->p[i] != '\0',
			    "character in a quoted string");
		}
		i++;
	} else if (s->p[0] == '{') {
		for (i = 1; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++)
			n = n * 10 + (size_t)(s->p[i] - '0');
		must(i > 1 && s->n - i >= 3 && memcmp(s->p + i, "}\r\n", 3) == 0,
		    "literal");
		i += 3;
		must(s->n - i >= n && memchr(s->p + i, '\0', n) == NULL, "NUL");
		i += n;
	} else {
		while (i < s->n && strchr(" ()", s->p[i]) == NULL)
			i++;
		must(i == 3 ? memcmp(s->p, "NIL", 3) == 0
		    || (s->p[0] >= '0' && s->p[0] <= '9') : i > 0, "atom");
	}
	must(i <= s->n, "unfinished string");
	*s = (struct str){ s->p + i, s->n - i };
}

/* Parentheses, and single spaces between items; none between lists. */
static void
check_list(struct str s)
{
	size_t depth = 0;

	do {
		must(s.n > 0, "open parenthesis");
		if (s.p[0] == '(' || s.p[0] == ')') {
			depth += s.p[0] == '(' ? 1 : (size_t)-1;
			s = (struct str){ s.p + 1, s.n - 1 };
		} else if (s.p[0] == ' ') {
			must(s.n > 1 && s.p[1] != ' ' && s.p[1] != ')', "space");
			s = (struct str){ s.p + 1, s.n - 1 };
		} else {
			check_item(&s);
		}
	} while (depth > 0);
	must(s.n == 0, "bytes behind the list");
}

static void
check_place(const struct mime_part *p, size_t size)
{
	uint64_t end = p->body_start + p->body_size, lines = p->body_lines;
	const struct mime_part *up = p->parent;
	size_t n = 0;

	must(p->header_start + p->header_size <= p->body_start, "header size");
	must(end <= size && lines <= p->body_size, "body size");
	must(up == NULL || (p->header_start >= up->body_start
	    && end <= up->body_start + up->body_size), "outside of its parent");
	must(p->next == NULL || p->next->header_start >= end, "parts overlap");
	for (const struct mime_part *c = p->child; c != NULL; c = c->next)
		n++;
	must(n == p->children, "children");
	must((n > 0) == (p->kind != MIME_LEAF), "kind");
	must(p->kind != MIME_MESSAGE || n == 1, "message");
}

static void
check_text(struct str message, const struct mime_part *p)
{
	struct buf whole = BUF_INIT, out = BUF_INIT;
	enum err e = mime_decode_text(message, p, &whole);
	enum err f = mime_decode_body(message, p, &out);

	must(e == f, "text and body disagree");
	must(out.n <= p->body_size, "decoded text is longer");
	buf_free(&whole);
	buf_free(&out);
}

static void
check_header(struct arena *arena, struct str header)
{
	struct str name, raw, rest = header, *ids;
	struct buf out = BUF_INIT;
	int64_t seconds;
	bool is_reply;
	int zone;

	while (mime_next_field(&rest, &name, &raw)) {
		struct str value = { raw.p + name.n, raw.n - name.n };

		mime_decode_header(value, &out);
		mime_base_subject(value, &out, &is_reply);
		mime_parse_date(value, &seconds, &zone);
		mime_parse_msgids(arena, value, &ids);
		mime_parse_addresses(arena, value);
		mime_header_fields(header, &name, 1, is_reply, &out);
		mime_field_value(arena, header, "subject", &value);
		if (out.n > 1 << 20)
			break;
	}
	buf_free(&out);
}

static void
check_part(struct arena *arena, struct str message, const struct mime_part *p)
{
	check_place(p, message.n);
	if (p->kind == MIME_LEAF)
		check_text(message, p);
	check_header(arena,
	    (struct str){ message.p + p->header_start, p->header_size });
	for (const struct mime_part *c = p->child; c != NULL; c = c->next)
		check_part(arena, message, c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str message = { (const char *)data, size };
	struct arena *arena = arena_new(64 << 20);
	struct mime_part *root;
	struct buf out = BUF_INIT;

	must(mime_parse(arena, message, &root) == OK, "mime_parse");
	must(root->header_start == 0, "root");
	must(root->body_start + root->body_size == size, "root's end");
	check_part(arena, message, root);
	mime_envelope(message, root, &out);
	check_list(buf_str(&out));
	buf_reset(&out);
	mime_body(message, root, &out);
	check_list(buf_str(&out));
	buf_reset(&out);
	mime_bodystructure(message, root, &out);
	check_list(buf_str(&out));
	buf_free(&out);
	arena_free(arena);
	return 0;
}
