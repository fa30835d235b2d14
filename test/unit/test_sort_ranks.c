/* Sorting with what earlier sessions have found out, over a mailbox that exists only in this file. */
#include "imap/store/mbox/ranked.h"
#include "imap/store/search/sort.h"
#include "imap/store/search/sort_ranks.h"
#include "lib/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX = 3000 };

/* Message SEQ is mail[view[SEQ - 1]]; its UID is that place and 1. */
static struct {
	char subject[12];
	int64_t date;
	bool unreadable;
} mail[MAX];
static uint32_t view[MAX], count;
static unsigned keys;			/* made since */

static struct {				/* cyrus.sort: one table */
	struct ranks ranks;
	struct ranks_by by;
	unsigned reads, writes;
} file;

uint32_t
mbox_count(const struct mbox *m)
{
	(void)m;
	return count;
}

uint32_t
mbox_uid(struct mbox *m, uint32_t seq)
{
	(void)m;
	return view[seq - 1] + 1;
}

enum err
mbox_message(struct mbox *m, uint32_t seq, struct message *msg)
{
	(void)m;
	*msg = (struct message){ .uid = view[seq - 1] + 1, .sentdate = mail[view[seq - 1]].date };
	return OK;
}

enum err
mbox_annots(struct mbox *m, const struct annots **a)
{
	(void)m, (void)a;
	return ERR_NOTFOUND;
}

const char *
mbox_userid(const struct mbox *m)
{
	(void)m;
	return "";
}

enum err
mbox_cache(struct mbox *m, uint32_t seq, enum cache_item item, struct str *bytes)
{
	static char headers[64];

	(void)m, (void)item;
	keys++;
	if (mail[view[seq - 1]].unreadable)
		return ERR_IO;
	snprintf(headers, sizeof(headers), "Subject: %s\r\n", mail[view[seq - 1]].subject);
	*bytes = str_c(headers);
	return OK;
}

static void
copy(const struct ranks *from, struct ranks *to)
{
	ranks_new(to, from->n);
	memcpy(to->uid, from->uid, from->n * sizeof(*to->uid));
	memcpy(to->rank, from->rank, from->n * sizeof(*to->rank));
	to->highest = from->highest;
}

enum err
ranked_read(struct mbox *m, uint32_t version, struct ranks_by by, struct ranks *r)
{
	(void)m;
	assert_int_equal(version, SORT_KEYS);
	file.reads++;
	if (file.ranks.n == 0 || by.text != file.by.text || by.collation != file.by.collation)
		return ERR_NOTFOUND;
	copy(&file.ranks, r);
	return OK;
}

void
ranked_keep(struct mbox *m, uint32_t version, struct ranks_by by, struct ranks *r)
{
	(void)m;
	assert_int_equal(version, SORT_KEYS);
	for (size_t i = 0; i < r->n; i++) {
		assert_true(i == 0 || r->uid[i] > r->uid[i - 1]);
		assert_in_range(r->rank[i], 1, r->highest);
		assert_false(mail[r->uid[i] - 1].unreadable);
	}
	ranks_free(&file.ranks);
	file.ranks = *r;
	file.by = by;
	file.writes++;
	*r = (struct ranks){ .n = 0 };
}

/* --- what is right --- */

static bool by_date, reversed;

static const char *
text(uint32_t seq)
{
	return mail[view[seq - 1]].unreadable ? "" : mail[view[seq - 1]].subject;
}

static int
plain(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int order = strcmp(text(x), text(y));
	int64_t dx = mail[view[x - 1]].date, dy = mail[view[y - 1]].date;

	if (reversed)
		order = -order;
	if (order == 0 && by_date)
		order = (dx > dy) - (dx < dy);
	return order != 0 ? order : (x > y) - (x < y);
}

/* Sorts every STEPth message, and is right. */
static void
expect_sorted(uint32_t step)
{
	struct sort_criterion c[2] = { { .by = SORT_SUBJECT, .reverse = reversed }, { .by = SORT_DATE } };
	struct sort_order order = { c, by_date ? 2 : 1, COLLATE_OCTET };
	uint32_t *seqs = mem_get(MAX * sizeof(*seqs)), *right = mem_get(MAX * sizeof(*right));
	size_t n = 0;

	for (uint32_t i = 1; i <= count; i += step)
		seqs[n++] = i;
	memcpy(right, seqs, n * sizeof(*seqs));
	qsort(right, n, sizeof(*right), plain);
	keys = 0;
	assert_int_equal(sort_run(NULL, &order, seqs, n), OK);
	assert_memory_equal(seqs, right, n * sizeof(*seqs));
	free(seqs);
	free(right);
}

static int
setup(void **state)
{
	(void)state;
	srand(7);
	count = MAX;
	for (uint32_t i = 0; i < MAX; i++) {
		snprintf(mail[i].subject, sizeof(mail[i].subject), "%d", rand() % 1500);
		mail[i].date = rand() % 100 - 50;
		mail[i].unreadable = false;
		view[i] = i;
	}
	by_date = reversed = false;
	ranks_free(&file.ranks);
	file.reads = file.writes = 0;
	return 0;
}

/* What the first one has found out costs the second one no key. */
static void
test_kept(void **state)
{
	(void)state;
	expect_sorted(1);
	assert_int_equal(keys, MAX);
	assert_int_equal(file.writes, 1);
	assert_int_equal(file.ranks.n, MAX);
	expect_sorted(1);
	assert_int_equal(keys, 0);
	for (int i = 0; i < 4; i++) {
		by_date = i & 1;
		reversed = i & 2;
		expect_sorted(1);
		expect_sorted(3);
		expect_sorted(2);
		assert_int_equal(keys, 0);
	}
	assert_int_equal(file.writes, 1);
	/* Of a few messages it is cheaper to make the keys. */
	file.reads = 0;
	expect_sorted(MAX / 10);
	assert_int_equal(file.reads, 0);
	assert_int_equal(keys, 10);
}

/* Of a part of a mailbox nothing is kept unless it is half of it; then all is. */
static void
test_parts(void **state)
{
	(void)state;
	expect_sorted(3);
	assert_int_equal(keys, MAX / 3);
	assert_int_equal(file.writes, 0);
	expect_sorted(2);
	assert_int_equal(file.ranks.n, MAX);
	count = SORT_RANKS_MIN - 1;
	file.reads = 0;
	expect_sorted(1);
	assert_int_equal(file.reads, 0);
	assert_int_equal(file.writes, 1);
}

/* New ones find their places by a few keys, whatever they are equal to. */
static void
test_new_ones(void **state)
{
	(void)state;
	count = MAX - 90;
	expect_sorted(1);
	count = MAX - 90 + 10;
	expect_sorted(1);
	assert_in_range(keys, 10, 10 * 16);
	assert_int_equal(file.writes, 1);
	count = MAX;
	expect_sorted(3);			/* nor of a part of it */
	assert_int_equal(file.writes, 1);
	expect_sorted(1);
	assert_in_range(keys, 90, 90 * 16);
	assert_int_equal(file.writes, 2);
	assert_int_equal(file.ranks.n, MAX);
	expect_sorted(1);
	assert_int_equal(keys, 0);
}

/* At random: some are gone, some are new, before, between and behind. */
static void
test_random(void **state)
{
	(void)state;
	for (int round = 0; round < 300; round++) {
		uint32_t share = (uint32_t)rand() % 40 + 1;

		setup(NULL);
		srand((unsigned)round);
		for (uint32_t i = 0; i < MAX; i++)
			snprintf(mail[i].subject, sizeof(mail[i].subject), "%d",
			    rand() % (1 + round * 10));
		for (count = 0; count < MAX - 30; count++)
			view[count] = count;
		expect_sorted(1);
		count = 0;
		for (uint32_t i = 0; i < MAX; i++)
			if ((uint32_t)rand() % 40 >= share - 1)
				view[count++] = i;
		/* Ranks may have gaps. */
		for (size_t i = 0; i < file.ranks.n; i++)
			file.ranks.rank[i] = file.ranks.rank[i] * 3 - 1;
		file.ranks.highest *= 3;
		expect_sorted(1);
		expect_sorted(2);
	}
}

/* What could not be read is sorted as if it were empty, and that is not kept. */
static void
test_unreadable(void **state)
{
	(void)state;
	mail[5].unreadable = mail[MAX - 1].unreadable = true;
	expect_sorted(1);
	assert_int_equal(file.ranks.n, MAX - 2);
	expect_sorted(1);
	assert_int_equal(file.writes, 1);
	mail[5].unreadable = mail[MAX - 1].unreadable = false;
	expect_sorted(1);

	/* Those that are new meet one that can be read no more: nothing is certain. */
	setup(NULL);
	count = MAX - 80;
	expect_sorted(1);
	for (uint32_t i = 0; i < count; i++)
		mail[i].unreadable = true;
	count = MAX;
	for (size_t i = 0; i < 2; i++) {
		struct sort_criterion c = { .by = SORT_SUBJECT };
		struct sort_order order = { &c, 1, COLLATE_OCTET };
		uint32_t *seqs = mem_get(MAX * sizeof(*seqs));

		for (uint32_t j = 0; j < count; j++)
			seqs[j] = j + 1;
		assert_int_equal(sort_run(NULL, &order, seqs, count), OK);
		free(seqs);
	}
	assert_int_equal(file.writes, 1);
}

/* A file that is mostly of messages that are gone is made smaller. */
static void
test_gone(void **state)
{
	(void)state;
	expect_sorted(1);
	for (count = 0; count < MAX / 3; count++)
		view[count] = count * 3;
	expect_sorted(1);
	assert_int_equal(keys, 0);
	assert_int_equal(file.writes, 2);
	assert_int_equal(file.ranks.n, MAX / 3);
	expect_sorted(1);
	assert_int_equal(file.writes, 2);
}

static int
teardown(void **state)
{
	(void)state;
	ranks_free(&file.ranks);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unreadable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
