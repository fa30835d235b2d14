/*
 * fuzz_mime.c - any bytes are a message (imap/mime)
 *
 * Beside what the sanitizers see it checks that parts lie within their parents
 * and have the numbers by which they are found, that ENVELOPE and
 * BODYSTRUCTURE are well-formed IMAP and the same each time and in the cache,
 * that what is decoded is UTF-8, and that a text of many pieces is what it is
 * as one.
 */
#include "imap/disk/cache.h"
#include "imap/mime/binary.h"
#include "imap/mime/mime.h"
#include "lib/arena.h"
#include "lib/charset.h"

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

/* Every part is found by its numbers (RFC 3501 section 6.4.5). */
struct path {
	const struct mime_part *root;
	uint32_t number[2 * MIME_MAX_DEPTH];
	size_t n;
};

static void check_message_numbers(struct path *w, const struct mime_part *top);

static void
check_number(struct path *w, const struct mime_part *p, uint32_t number)
{
	if (w->n == 2 * MIME_MAX_DEPTH)
		return;
	w->number[w->n++] = number;
	must(mime_part_find(w->root, w->number, w->n) == p, "a part by its numbers");
	if (p->kind == MIME_MULTIPART) {
		number = 0;
		for (const struct mime_part *c = p->child; c != NULL; c = c->next)
			check_number(w, c, ++number);
		w->number[w->n] = number + 1;
		must(w->n == 2 * MIME_MAX_DEPTH ||
		    mime_part_find(w->root, w->number, w->n + 1) == NULL, "a part too many");
	} else if (p->kind == MIME_MESSAGE) {
		check_message_numbers(w, p->child);
	}
	w->n--;
}

static void
check_message_numbers(struct path *w, const struct mime_part *top)
{
	uint32_t number = 0;

	if (top->kind != MIME_MULTIPART) {
		check_number(w, top, 1);
		return;
	}
	for (const struct mime_part *c = top->child; c != NULL; c = c->next)
		check_number(w, c, ++number);
}

/*
 * The body again and again until it is more than one piece: as text what it is
 * when all of it is decoded and converted at once.
 */
static void
check_pieces(struct arena *arena, struct str message, const struct mime_part *root)
{
	struct buf big = BUF_INIT, body = BUF_INIT, once = BUF_INIT, pieces = BUF_INIT;
	struct str charset, line;
	struct mime_part *again;

	buf_add_str(&big, str_slice(message, 0, root->body_start));
	while (big.n < 150000) {
		buf_add_str(&big, str_slice(message, root->body_start, message.n));
		buf_adds(&big, "\r\n");
	}
	must(mime_parse(arena, buf_str(&big), &again) == OK && again->kind == MIME_LEAF, "leaf");
	if (mime_param_value(arena, &again->params, "charset", &charset) &&
	    charset_known(charset) && !str_ieq(charset, STR("us-ascii")) &&
	    mime_decode_body(buf_str(&big), again, &body) == OK) {
		size_t longest = 0;
		struct str left = buf_str(&body);

		while (left.n > 0) {
			line = str_slice(left, 0, str_chr(left, '\n'));
			left = str_slice(left, line.n + 1, left.n);
			longest = line.n > longest ? line.n : longest;
		}
		must(charset_to_utf8(charset, buf_str(&body), &once) == OK &&
		    mime_decode_text(buf_str(&big), again, &pieces) == OK, "big text");
		must(utf8_valid(buf_str(&pieces)), "big text is UTF-8");
		/* ISO-2022-JP's lines end in ASCII; not all that we are given do. */
		if (longest < 60000 && memchr(body.p, '\033', body.n) == NULL)
			must(str_eq(buf_str(&once), buf_str(&pieces)), "text in pieces");
	}
	buf_free(&big);
	buf_free(&body);
	buf_free(&once);
	buf_free(&pieces);
}

/* What is kept of a message is what is made of it. */
static void
check_cache(struct str message, const struct buf *envelope, const struct buf *structure)
{
	const uint8_t guid[32] = { 1 };
	struct buf entry = BUF_INIT;
	struct cache_facts facts;

	must(cache_build(message, guid, &entry, &facts) == OK, "an entry of the cache");
	must(cache_check(buf_str(&entry), guid), "a good entry");
	must(str_eq(cache_get(buf_str(&entry), CACHE_ENVELOPE), buf_str(envelope)) &&
	    str_eq(cache_get(buf_str(&entry), CACHE_BODYSTRUCTURE), buf_str(structure)),
	    "an entry's items");
	must(facts.header_size <= message.n, "an entry's facts");
	buf_free(&entry);
}

static void
check_text(struct str message, const struct mime_part *p)
{
	struct buf whole = BUF_INIT, out = BUF_INIT;
	enum err e = mime_decode_text(message, p, &whole);
	enum err f = mime_decode_body(message, p, &out);

	must(e == f, "text and body disagree");
	must(out.n <= p->body_size, "decoded text is longer");
	must(e != OK || utf8_valid(buf_str(&whole)), "text is UTF-8");
	buf_free(&whole);
	buf_free(&out);
}

static void
check_header(struct arena *arena, struct str header)
{
	struct str name, raw, rest = header, *ids;
	struct buf out = BUF_INIT, text = BUF_INIT;
	int64_t seconds;
	bool is_reply;
	int zone;

	while (mime_next_field(&rest, &name, &raw)) {
		struct str value = { raw.p + name.n, raw.n - name.n };

		buf_reset(&text);
		mime_decode_header(value, &text);
		mime_base_subject(value, &text, &is_reply);
		must(utf8_valid(buf_str(&text)), "a header's text is UTF-8");
		mime_parse_date(value, &seconds, &zone);
		mime_parse_msgids(arena, value, &ids);
		mime_parse_addresses(arena, value);
		mime_header_fields(header, &name, 1, is_reply, &out);
		mime_field_value(arena, header, "subject", &value);
		if (out.n > 1 << 20)
			break;
	}
	buf_free(&text);
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

static enum err
to_buf(void *ctx, const void *p, size_t n)
{
	buf_add(ctx, p, n);
	return OK;
}

/* With NULs or not: what may be appended has none, and stays as it is if it had none. */
static void
check_binary(struct str message)
{
	struct buf out = BUF_INIT, again = BUF_INIT;
	struct binary_sink sink = { to_buf, &out };
	bool nul = str_chr(message, '\0') < message.n;
	enum err e = binary_encode(message, &sink);

	must(e == OK || (nul && e == ERR_UNSUPPORTED), "binary_encode");
	if (e == OK) {
		must(str_chr(buf_str(&out), '\0') == out.n, "no NULs");
		must(nul || str_eq(buf_str(&out), message), "as it was");
		sink.ctx = &again;
		must(binary_encode(buf_str(&out), &sink) == OK &&
		    str_eq(buf_str(&out), buf_str(&again)), "encoded once");
	}
	buf_free(&out);
	buf_free(&again);
}

static void
check_preview(struct str message, const struct mime_part *root)
{
	struct buf out = BUF_INIT;
	unsigned n = 0;
	uint32_t code;

	mime_preview(message, root, &out);
	must(utf8_valid(buf_str(&out)), "a preview is UTF-8");
	for (struct str s = buf_str(&out); s.n > 0; n++) {
		must(utf8_next(&s, &code), "a character");
		must(code >= ' ', "one line");
	}
	must(n <= MIME_MAX_PREVIEW && (n == 0 || (out.p[0] != ' ' && out.p[out.n - 1] != ' ')),
	    "a preview");
	buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str message = { (const char *)data, size };
	struct arena *arena = arena_new(64 << 20), *second = arena_new(64 << 20);
	struct mime_part *root;
	struct buf out = BUF_INIT, envelope = BUF_INIT, again = BUF_INIT;

	must(mime_parse(arena, message, &root) == OK, "mime_parse");
	must(root->header_start == 0, "root");
	must(root->body_start + root->body_size == size, "root's end");
	check_part(arena, message, root);
	check_message_numbers(&(struct path){ .root = root }, root);
	mime_envelope(message, root, &envelope);
	check_list(buf_str(&envelope));
	mime_body(message, root, &out);
	check_list(buf_str(&out));
	buf_reset(&out);
	mime_bodystructure(message, root, &out);
	check_list(buf_str(&out));
	check_cache(message, &envelope, &out);
	/* Some only, for it takes long. */
	if (size % 16 == 0 && root->kind == MIME_LEAF && root->body_size > 0 && size < 4096)
		check_pieces(second, message, root);
	check_binary(message);
	check_preview(message, root);
	must(mime_parse(second, message, &root) == OK, "mime_parse again");
	mime_bodystructure(message, root, &again);
	must(str_eq(buf_str(&out), buf_str(&again)), "the same structure again");
	buf_free(&out);
	buf_free(&again);
	buf_free(&envelope);
	arena_free(arena);
	arena_free(second);
	return 0;
}
