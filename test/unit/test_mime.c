/* test_mime.c - the structure of messages (imap/mime/mime.c) */
#include "imap/mime/mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* "type/subtype{body}", "multipart/x(...)", "message/rfc822<...>" */
static void
show(struct str message, const struct mime_part *part, struct buf *out)
{
	buf_add_str(out, part->type);
	buf_addc(out, '/');
	buf_add_str(out, part->subtype);
	buf_addc(out, part->kind == MIME_LEAF ? '{'
	    : part->kind == MIME_MESSAGE ? '<' : '(');
	for (const struct mime_part *p = part->child; p != NULL; p = p->next) {
		assert_ptr_equal(p->parent, part);
		show(message, p, out);
	}
	if (part->kind == MIME_LEAF)
		buf_add(out, message.p + part->body_start, part->body_size);
	buf_addc(out, part->kind == MIME_LEAF ? '}'
	    : part->kind == MIME_MESSAGE ? '>' : ')');
}

#define MP	"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
#define IN	"Content-Type: multipart/mixed; boundary=bb\r\n\r\n"
#define MSG	"Content-Type: message/rfc822\r\n"

static const struct {
	const char *message, *tree;
} trees[] = {
	/* no MIME at all */
	{ "", "text/plain{}" },
	{ "\r\n", "text/plain{}" },
	{ "\n", "text/plain{}" },
	{ "Subject: x", "text/plain{}" },
	{ "Subject: x\r\n", "text/plain{}" },
	{ "Subject: x\r\n\r\n", "text/plain{}" },
	{ "Subject: x\r\n\r\nhello\r\n", "text/plain{hello\r\n}" },
	{ "Subject: x\n\nhello\n", "text/plain{hello\n}" },
	{ "no header, just text\r\n", "text/plain{no header, just text\r\n}" },
	{ "Subject: x\r\nno empty line\r\n", "text/plain{no empty line\r\n}" },
	{ "From me Mon Jan 1\r\nSubject: x\r\n\r\ny", "text/plain{y}" },
	{ ">From me Mon Jan 1\r\nSubject: x\r\n\r\ny", "text/plain{y}" },
	{ "Subject : x\r\n \r\nB\xe9: y\r\n\r\nz", "text/plain{z}" },
	{ " begins with a fold\r\nA: b\r\n\r\nz", "text/plain{z}" },
	/* Content-Type that is none */
	{ "Content-Type: text\r\n\r\nx", "text/plain{x}" },
	{ "Content-Type: /plain\r\n\r\nx", "text/plain{x}" },
	{ "Content-Type: a b/c\r\n\r\nx", "text/plain{x}" },
	{ "Content-Type:\r\n\r\nx", "text/plain{x}" },
	{ "Content-Type: image / (hi) png\r\n\r\nx", "image/png{x}" },
	{ "Content-type: a/b\r\nContent-Type: c/d\r\n\r\nx", "a/b{x}" },
	{ "Content-Type: multipart/mixed\r\n\r\nx", "text/plain{x}" },
	{ "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\nx", "text/plain{x}" },
	/* preamble, epilogue, ends */
	{ MP "pre\r\n--b\r\n\r\n1\r\n--b\r\n\r\n2\r\n--b--\r\nepi",
	    "multipart/mixed(text/plain{1}text/plain{2})" },
	{ MP "--b\r\n\r\n1\r\n\r\n--b--", "multipart/mixed(text/plain{1\r\n})" },
	{ MP "--b\n\n1\n--b\n\n2\r\n--b--\n",
	    "multipart/mixed(text/plain{1}text/plain{2})" },
	{ MP "--b\r\n\r\n1\r\n--b\r\n\r\nno end\r\n",
	    "multipart/mixed(text/plain{1}text/plain{no end\r\n})" },
	{ MP "--b \t\r\n\r\n1\r\n--b-- \r\n", "multipart/mixed(text/plain{1})" },
	{ MP "--b\r\n\r\n\r\n--b--\r\n", "multipart/mixed(text/plain{})" },
	{ MP "--b\r\n\r\n--b--\r\n", "multipart/mixed(text/plain{})" },
	{ MP "--b\r\n--b--\r\n", "multipart/mixed(text/plain{})" },
	{ MP "--b", "multipart/mixed(text/plain{})" },
	{ MP "--b\r\nA: b\r\n--b\r\n\r\n2\r\n--b--",
	    "multipart/mixed(text/plain{}text/plain{2})" },
	{ MP "--b\r\n\r\n1\r\n--b--\r\n--b\r\n\r\n2\r\n",
	    "multipart/mixed(text/plain{1})" },
	{ "Content-Type: multipart/mixed; boundary=b\r\n--b\r\n\r\n1\r\n--b--",
	    "multipart/mixed(text/plain{1})" },
	/* not quite the boundary */
	{ MP "--b\r\n\r\n--bx\r\n-b\r\n --b\r\nx--b\r\n--b--x\r\n--b--",
	    "multipart/mixed(text/plain{--bx\r\n-b\r\n --b\r\nx--b\r\n--b--x})" },
	{ MP "--B\r\n\r\n1\r\n--b\r\n\r\n2", "multipart/mixed(text/plain{2})" },
	/* a multipart without a part */
	{ MP "just text\r\n", "multipart/mixed(text/plain{just text\r\n})" },
	{ MP, "multipart/mixed(text/plain{})" },
	{ MP "--b--\r\n", "multipart/mixed(text/plain{--b--\r\n})" },
	/* nested; one boundary begins with the other */
	{ MP "--b\r\n" IN "--bb\r\n\r\n1\r\n--bb--\r\n--b\r\n\r\n2\r\n--b--",
	    "multipart/mixed(multipart/mixed(text/plain{1})text/plain{2})" },
	{ MP "--b\r\n" IN "--bb\r\n\r\n1\r\n--b\r\n\r\n2\r\n--b--",
	    "multipart/mixed(multipart/mixed(text/plain{1})text/plain{2})" },
	{ MP "--b\r\n" IN "--bb\r\n\r\n1\r\n--b--\r\n--bb\r\n\r\n2",
	    "multipart/mixed(multipart/mixed(text/plain{1}))" },
	{ MP "--b\r\n" IN "--b--", "multipart/mixed(multipart/mixed(text/plain{}))" },
	{ MP "--b\r\n" MP "--b\r\n\r\n1\r\n--b--\r\n--b\r\n\r\n2\r\n--b--",
	    "multipart/mixed(multipart/mixed(text/plain{1})text/plain{2})" },
	/* where the boundary comes from */
	{ "Content-Type: multipart/mixed; boundary=\"b c\\\"\"\r\n\r\n"
	    "--b c\"\r\n\r\n1\r\n--b c\"--", "multipart/mixed(text/plain{1})" },
	{ "Content-Type: multipart/mixed; boundary*1=b; boundary*0=a\r\n\r\n"
	    "--ab\r\n\r\n1\r\n--ab--", "multipart/mixed(text/plain{1})" },
	{ "Content-Type: multipart/mixed; boundary*0*=us-ascii''%61; boundary*1=b"
	    "\r\n\r\n--ab\r\n\r\n1\r\n--ab--", "multipart/mixed(text/plain{1})" },
	{ "Content-Type: multipart/mixed;\r\n\tboundary=\"--=_a:b\"\r\n\r\n"
	    "----=_a:b\r\nX: y\r\n----=_a:b--", "multipart/mixed(text/plain{})" },
	{ "Content-Type: multipart/mixed; boundary=a/b=c (comment)\r\n\r\n"
	    "--a/b=c\r\n\r\n1\r\n--a/b=c--", "multipart/mixed(text/plain{1})" },
	{ "Content-Type: multipart/mixed; boundary=\"b   \"\r\n\r\n"
	    "--b\r\n\r\n1\r\n--b--", "multipart/mixed(text/plain{1})" },
	{ "Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n"
	    "--a\r\n\r\n1\r\n--a--", "multipart/mixed(text/plain{1})" },
	/* messages in messages */
	{ MSG "\r\nSubject: in\r\n\r\nx", "message/rfc822<text/plain{x}>" },
	{ MSG "\r\n" MP "--b\r\n\r\n1\r\n--b--",
	    "message/rfc822<multipart/mixed(text/plain{1})>" },
	{ MSG "\r\n", "message/rfc822<text/plain{}>" },
	{ MP "--b\r\n" MSG "\r\n--b--", "multipart/mixed(message/rfc822<text/plain{}>)" },
	{ MP "--b\r\n" MSG "\r\nA: b\r\n--b\r\n\r\n2",
	    "multipart/mixed(message/rfc822<text/plain{}>text/plain{2})" },
	{ MSG "Content-Transfer-Encoding: base64\r\n\r\neA==",
	    "message/rfc822{eA==}" },
	{ MSG "Content-Transfer-Encoding: 8bit\r\n\r\n\r\nx",
	    "message/rfc822<text/plain{x}>" },
	/* RFC 6532 section 3.7 */
	{ "Content-Type: message/global\r\n\r\nSubject: in\r\n\r\nx",
	    "message/global<text/plain{x}>" },
	{ "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nA: b\r\n\r\n"
	    "1\r\n--b\r\nContent-Type: text/plain\r\n\r\n2\r\n--b--",
	    "multipart/digest(message/rfc822<text/plain{1}>text/plain{2})" },
};

static void
test_trees(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(trees) / sizeof(*trees); i++) {
		struct arena *arena = arena_new(1 << 20);
		struct str message = str_c(trees[i].message);
		struct mime_part *root;
		struct buf out = BUF_INIT;

		assert_int_equal(mime_parse(arena, message, &root), OK);
		show(message, root, &out);
		if (strcmp(out.p, trees[i].tree) != 0)
			print_message("row %zu: %s\n", i, trees[i].message);
		assert_string_equal(out.p, trees[i].tree);
		buf_free(&out);
		arena_free(arena);
	}
}

static void
test_nul(void **state)
{
	struct arena *arena = arena_new(1 << 20);
	struct str message = STR("A\0: x\r\nContent-Type: te\0xt/html\r\n\r\n\0\n");
	struct str with = STR(MP "--b\r\n\r\n\0--b\r\n--b\0\r\n--b--\0\r\n");
	struct mime_part *root;

	(void)state;
	assert_int_equal(mime_parse(arena, message, &root), OK);
	assert_int_equal(root->header_size, 0);
	assert_int_equal(root->body_size, message.n);
	assert_int_equal(mime_parse(arena, with, &root), OK);
	assert_int_equal(root->children, 1);
	assert_int_equal(root->child->body_size, 20);
	arena_free(arena);
}

/* Offsets, sizes and lines, down to the last byte. */
static void
test_sizes(void **state)
{
	static const char message[] = "A: b\r\n" MP		/* 6 + 45 */
	    "pre\r\n--b\r\n"					/* 51: 10 */
	    "C: d\r\n\r\n1\r\n2\r\n"				/* 61: 8 + 6 */
	    "--b\r\n" MSG "\r\n"				/* 75: 5, 80: 32 */
	    "S: t\r\n\r\nx\r\n\r\n--b--\r\n";			/* 112: 8 + 5 */
	struct arena *arena = arena_new(1 << 20);
	const struct mime_part *p, *q;
	struct mime_part *root;

	(void)state;
	assert_int_equal(mime_parse(arena, str_c(message), &root), OK);
	assert_int_equal(root->header_start, 0);
	assert_int_equal(root->header_size, 51);
	assert_int_equal(root->body_start, 51);
	assert_int_equal(root->body_size, sizeof(message) - 1 - 51);
	assert_int_equal(root->body_lines, 14);
	assert_int_equal(root->children, 2);
	p = root->child;
	assert_int_equal(p->header_start, 61);
	assert_int_equal(p->header_size, 8);
	assert_int_equal(p->body_start, 69);
	assert_int_equal(p->body_size, 4);
	assert_int_equal(p->body_lines, 1);
	q = p->next;
	assert_int_equal(q->header_start, 80);
	assert_int_equal(q->header_size, 32);
	assert_int_equal(q->body_start, 112);
	assert_int_equal(q->body_size, 11);
	assert_int_equal(q->body_lines, 3);
	assert_int_equal(q->child->header_start, 112);
	assert_int_equal(q->child->header_size, 8);
	assert_int_equal(q->child->body_size, 3);
	assert_int_equal(q->child->body_lines, 1);
	arena_free(arena);
}

static const struct {
	uint32_t path[4];
	size_t n;
	const char *body;		/* NULL: no such part */
} finds[] = {
	{ { 0 }, 0, "--b" },
	{ { 1 }, 1, "one" },
	{ { 2 }, 1, "Content" },
	{ { 3 }, 1, "Subject" },
	{ { 4 }, 1, NULL },
	{ { 0 }, 1, NULL },
	{ { 1, 1 }, 2, NULL },
	{ { 2, 1 }, 2, "two" },
	{ { 2, 2 }, 2, "three" },
	{ { 2, 3 }, 2, NULL },
	{ { 2, 1, 1 }, 3, NULL },
	{ { 3, 1 }, 2, "four" },
	{ { 3, 1, 1 }, 3, NULL },
	{ { 3, 2 }, 2, NULL },
};

/* A message that is all header ends where the delimiter's CRLF begins. */
static void
test_header_only(void **state)
{
	static const char message[] = MP "--b\r\n" MSG "\r\nA: b\r\n\r\n--b--";
	static const char twice[] = MP "--b\r\n" MSG "\r\n" MSG "\r\n--b--";
	static const char inner[] = MP "--b\r\n" IN "--bb\r\nA: b\r\n\r\n--b--";
	struct arena *arena = arena_new(1 << 20);
	const struct mime_part *p;
	struct mime_part *root;

	(void)state;
	assert_int_equal(mime_parse(arena, str_c(message), &root), OK);
	p = root->child;
	assert_int_equal(p->body_size, 6);
	assert_int_equal(p->body_lines, 1);
	assert_int_equal(p->child->header_size, 6);
	assert_int_equal(p->child->body_start, p->body_start + 6);
	assert_int_equal(p->child->body_size, 0);
	assert_int_equal(mime_parse(arena, str_c(twice), &root), OK);
	p = root->child;
	assert_int_equal(p->body_size, 30);
	assert_int_equal(p->child->header_size, 30);
	assert_int_equal(p->child->body_size, 0);
	assert_int_equal(p->child->child->header_start, p->body_start + 30);
	assert_int_equal(p->child->child->header_size, 0);
	assert_int_equal(mime_parse(arena, str_c(inner), &root), OK);
	p = root->child;
	assert_int_equal(p->body_size, 12);
	assert_int_equal(p->child->header_size, 6);
	assert_int_equal(p->child->body_start, p->body_start + 12);
	arena_free(arena);
}

/* The body of a part, or NULL if it does not begin with BODY. */
static void
test_part_find(void **state)
{
	static const char message[] = MP "--b\r\n\r\none\r\n"
	    "--b\r\n" MSG "\r\n" IN "--bb\r\n\r\ntwo\r\n--bb\r\n\r\nthree\r\n"
	    "--b\r\n" MSG "\r\nSubject: x\r\n\r\nfour\r\n--b--";
	struct arena *arena = arena_new(1 << 20);
	struct mime_part *root;

	(void)state;
	assert_int_equal(mime_parse(arena, str_c(message), &root), OK);
	for (size_t i = 0; i < sizeof(finds) / sizeof(*finds); i++) {
		const struct mime_part *p =
		    mime_part_find(root, finds[i].path, finds[i].n);

		if (finds[i].body == NULL) {
			assert_null(p);
			continue;
		}
		assert_non_null(p);
		assert_memory_equal(message + p->body_start, finds[i].body,
		    strlen(finds[i].body));
	}
	arena_free(arena);
}

/* A message alone: part 1 is its body; of a message/rfc822, 1.1 is what it holds. */
static void
test_part_find_single(void **state)
{
	static const uint32_t ones[] = { 1, 1, 1 };
	struct arena *arena = arena_new(1 << 20);
	struct mime_part *root;

	(void)state;
	assert_int_equal(mime_parse(arena, STR("A: b\r\n\r\nx"), &root), OK);
	assert_ptr_equal(mime_part_find(root, ones, 1), root);
	assert_null(mime_part_find(root, ones, 2));
	assert_int_equal(mime_parse(arena, STR(MSG "\r\nA: b\r\n\r\nx"), &root), OK);
	assert_ptr_equal(mime_part_find(root, ones, 1), root);
	assert_ptr_equal(mime_part_find(root, ones, 2), root->child);
	assert_null(mime_part_find(root, ones, 3));
	arena_free(arena);
}

static size_t
count_parts(const struct mime_part *part, size_t depth, size_t *deepest)
{
	size_t n = 1;

	if (depth > *deepest)
		*deepest = depth;
	for (const struct mime_part *p = part->child; p != NULL; p = p->next)
		n += count_parts(p, depth + 1, deepest);
	return n;
}

/* COUNT times UNIT in a multipart, in an arena of LIMIT bytes. */
static size_t
parse_many(const char *unit, size_t count, size_t limit, size_t *deepest)
{
	struct arena *arena = arena_new(limit);
	struct buf message = BUF_INIT;
	struct mime_part *root;
	struct buf out = BUF_INIT;
	size_t n;

	*deepest = 0;
	buf_adds(&message, MP);
	for (size_t i = 0; i < count; i++)
		buf_adds(&message, unit);
	assert_int_equal(mime_parse(arena, buf_str(&message), &root), OK);
	n = count_parts(root, 1, deepest);
	mime_bodystructure(buf_str(&message), root, &out);
	assert_true(out.n > 0);
	buf_free(&out);
	buf_free(&message);
	arena_free(arena);
	return n;
}

static void
test_limits(void **state)
{
	size_t deepest;

	(void)state;
	assert_int_equal(parse_many("--b\r\n\r\nx\r\n", 20000, 64 << 20, &deepest),
	    MIME_MAX_PARTS);
	assert_int_equal(parse_many("--b\r\n" MP, 1000, 64 << 20, &deepest),
	    1001);
	assert_int_equal(deepest, MIME_MAX_DEPTH);
	assert_int_equal(parse_many("--b\r\n" MSG "\r\n", 1000, 64 << 20, &deepest),
	    2001);
	assert_int_equal(deepest, 3);
	assert_int_equal(parse_many("\r\n--b\r\n" MSG "\r\n" MSG "\r\n" MP,
	    1000, 64 << 20, &deepest), 3001);
	assert_int_equal(deepest, MIME_MAX_DEPTH);
	/* a small arena is a limit as well */
	assert_in_range(parse_many("--b\r\n\r\nx\r\n", 20000, 10000, &deepest), 5, 40);
	assert_in_range(parse_many("--b\r\n" MP, 1000, 10000, &deepest), 5, 40);
}

static void
test_no_memory(void **state)
{
	struct arena *arena = arena_new(16);
	struct mime_part *root;

	(void)state;
	assert_int_equal(mime_parse(arena, STR("A: b\r\n\r\n"), &root), ERR_LIMIT);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trees),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_header_only),
		cmocka_unit_test(test_part_find),
		cmocka_unit_test(test_part_find_single),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
