/* The threading algorithms over messages that exist only in this file. */
#include "imap/store/search/thread.h"

#include "lib/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MAX = 16 };

/* thread_run() is tested with a server; here it needs no mailbox. */
enum err
mbox_message(struct mbox *m, uint32_t seq, struct message *msg)
{
	(void)m;
	(void)seq;
	(void)msg;
	return ERR_NOTFOUND;
}

enum err
mbox_cache(struct mbox *m, uint32_t seq, enum cache_item item, struct str *bytes)
{
	(void)m;
	(void)seq;
	(void)item;
	(void)bytes;
	return ERR_NOTFOUND;
}

/* "1", "1 2" and "1 (2)(3)"; a dummy is left out. */
static void
render(const struct thread_node *node, struct buf *out)
{
	if (node->seq != 0)
		buf_addu(out, node->seq);
	if (node->child == NULL)
		return;
	if (node->seq != 0)
		buf_addc(out, ' ');
	if (node->child->next == NULL) {
		render(node->child, out);
		return;
	}
	for (const struct thread_node *c = node->child; c != NULL; c = c->next) {
		assert_ptr_equal(c->parent, node);
		buf_addc(out, '(');
		render(c, out);
		buf_addc(out, ')');
	}
}

/*
 * A message: date, ">" for a reply, subject, "|", id, references.  Its number
 * and internal date follow from its place; dates count from the end with "-".
 */
static void
read_message(struct arena *arena, const char *text, uint32_t seq, struct thread_message *m)
{
	struct str s = { arena_copy(arena, text, strlen(text)), strlen(text) }, word;
	uint64_t date;

	assert_true(str_next_word(&s, &word) && str_to_u64(word, &date));
	*m = (struct thread_message){ .seq = seq, .sentdate = (int64_t)date, .internaldate = seq };
	assert_true(str_next_word(&s, &word));
	if (word.p[0] == '>') {
		m->is_reply = true;
		word = str_slice(word, 1, word.n);
	}
	if (!str_eq(word, STR("-")))
		m->subject = word;
	if (str_next_word(&s, &word) && !str_eq(word, STR("-")))
		m->id = word;
	m->refs = arena_alloc(arena, MAX * sizeof(*m->refs));
	while (str_next_word(&s, &word))
		m->refs[m->ref_count++] = word;
}

struct row {
	const char *messages[MAX];
	const char *references, *refs, *ordered;
};

static const struct row rows[] = {
	{ { NULL }, "", "", "" },
	{ { "1 a x" }, "(1)", "(1)", "(1)" },
	/* a chain, and who answers whom */
	{ { "1 a x", "2 >a y x", "3 >a z x y" }, "(1 2 3)", "(1 2 3)", "(1 (2)(3))" },
	{ { "1 a x", "2 >a y x", "3 >a z x" }, "(1 (2)(3))", "(1 (2)(3))", "(1 (2)(3))" },
	/* siblings go by sent date, then by number */
	{ { "1 a x", "3 >a y x", "2 >a z x", "2 >a w x" }, "(1 (3)(4)(2))", "(1 (3)(4)(2))",
	    "(1 (3)(4)(2))" },
	/* a parent that is not there: one child stands for itself, two do not */
	{ { "1 a y x" }, "(1)", "(1)", "(1)" },
	{ { "1 a y x", "2 b z x" }, "((1)(2))", "((1)(2))", "(1)(2)" },
	/* within a thread the children are promoted */
	{ { "1 a x", "2 >a y x gone", "3 >a z x gone" }, "(1 (2)(3))", "(1 (2)(3))", "(1 (2)(3))" },
	/* a message twice: only the first has the id */
	{ { "1 a x", "1 b x", "2 c y x" }, "(1 3)(2)", "(2)(1 3)", "(1)(2)(3)" },
	/* loops are not made */
	{ { "1 a x y", "2 b y x" }, "(2 1)", "(2 1)", "(1)(2)" },
	{ { "1 a x x" }, "(1)", "(1)", "(1)" },
	/* who says himself who his parent is knows best */
	{ { "1 a x", "2 b y", "3 c z y", "4 d w x z" }, "(1)(2 3 4)", "(1)(2 3 4)", "(1)(2)(3)(4)" },
	{ { "4 d w x z", "1 a x", "2 b y", "3 c z y" }, "(2)(3 4 1)", "(2)(3 4 1)", "(2)(3)(4)(1)" },
	/* one subject: a reply below what it answers */
	{ { "1 a x", "2 >a y" }, "(1 2)", "(1)(2)", "(1 2)" },
	{ { "2 a x", "1 >a y" }, "(1 2)", "(1)(2)", "(2 1)" },
	/* two that answer nothing, or both something unknown: side by side */
	{ { "1 a x", "2 a y" }, "((1)(2))", "(1)(2)", "(1 2)" },
	{ { "1 >a x", "2 >a y" }, "((1)(2))", "(1)(2)", "(1 2)" },
	{ { "1 a x", "2 a y", "3 >a z" }, "((1)(2)(3))", "(1)(2)(3)", "(1 (2)(3))" },
	/* a dummy collects, and two become one */
	{ { "1 a y x", "2 a z x", "3 a w" }, "((1)(2)(3))", "((1)(2))(3)", "(1 (2)(3))" },
	{ { "1 a y x", "2 a z x", "3 a w v", "4 a u v" }, "((1)(2)(3)(4))", "((1)(2))((3)(4))",
	    "(1 (2)(3)(4))" },
	/* no subject brings nobody together */
	{ { "1 - x", "2 - y" }, "(1)(2)", "(1)(2)", "(1 2)" },
	/* REFS: the thread with the newest message is last */
	{ { "1 a x", "2 b y", "3 c z x" }, "(1 3)(2)", "(2)(1 3)", "(1)(2)(3)" },
	/* REFERENCES: by the first message of a thread */
	{ { "9 a x", "2 b y", "3 c z x" }, "(2)(1 3)", "(2)(1 3)", "(2)(3)(1)" },
};

static void
check(const struct row *row, enum thread_algorithm algorithm, const char *expected)
{
	struct arena *arena = arena_new(1 << 20);
	struct thread_message msgs[MAX];
	struct thread_node *roots;
	struct buf out = BUF_INIT;
	uint32_t n = 0;

	for (; row->messages[n] != NULL; n++)
		read_message(arena, row->messages[n], n + 1, &msgs[n]);
	assert_int_equal(thread_build(arena, algorithm, msgs, n, &roots), OK);
	for (struct thread_node *t = roots; t != NULL; t = t->next) {
		assert_null(t->parent);
		buf_addc(&out, '(');
		render(t, &out);
		buf_addc(&out, ')');
	}
	if (strcmp(out.p, expected) != 0)
		fail_msg("%s ...: %s, not %s", row->messages[0], out.p, expected);
	buf_free(&out);
	arena_free(arena);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check(&rows[i], THREAD_REFERENCES, rows[i].references);
		check(&rows[i], THREAD_REFS, rows[i].refs);
		check(&rows[i], THREAD_ORDEREDSUBJECT, rows[i].ordered);
	}
}

/* A thread a hundred thousand messages deep, and as many roots of one subject. */
static void
test_extremes(void **state)
{
	enum { MANY = 100000 };
	struct arena *arena = arena_new(256 << 20);
	struct thread_message *msgs = arena_alloc(arena, MANY * sizeof(*msgs));
	struct thread_node *roots;
	size_t n = 0;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		char id[16];

		snprintf(id, sizeof(id), "%u", i);
		msgs[i] = (struct thread_message){ .seq = i + 1, .subject = STR("daily"),
		    .id = { arena_copy(arena, id, strlen(id)), strlen(id) },
		    .refs = i > 0 ? &msgs[i - 1].id : NULL, .ref_count = i > 0 };
	}
	assert_int_equal(thread_build(arena, THREAD_REFERENCES, msgs, MANY, &roots), OK);
	for (struct thread_node *t = roots; t != NULL; t = t->child) {
		assert_null(t->next);
		assert_int_equal(t->seq, ++n);
	}
	assert_int_equal(n, MANY);
	for (uint32_t i = 0; i < MANY; i++)
		msgs[i].ref_count = 0;
	assert_int_equal(thread_build(arena, THREAD_REFERENCES, msgs, MANY, &roots), OK);
	assert_int_equal(roots->seq, 0);
	assert_null(roots->next);
	n = 0;
	for (struct thread_node *t = roots->child; t != NULL; t = t->next)
		assert_int_equal(t->seq, ++n);
	assert_int_equal(n, MANY);
	arena_free(arena);
}

static void
test_limit(void **state)
{
	struct thread_message msgs[2] = {
		{ .seq = 1, .id = { "a", 1 }, .subject = { "s", 1 } },
		{ .seq = 2, .id = { "b", 1 }, .subject = { "s", 1 } },
	};

	(void)state;
	for (size_t limit = 0; limit < 4096; limit += 8) {
		struct arena *arena = arena_new(limit);
		struct thread_node *roots;
		enum err e = thread_build(arena, THREAD_REFERENCES, msgs, 2, &roots);

		assert_true(e == ERR_LIMIT || (e == OK && roots != NULL));
		arena_free(arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
