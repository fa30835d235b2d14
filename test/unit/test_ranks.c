/* test_ranks.c - cyrus.sort by itself: what is read back, and what is not */
#include "imap/disk/ranks.h"

#include "lib/crc.h"

#include <endian.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { HEAD = 44, ROW = 12 };

static char dir[] = "/tmp/test-ranks-XXXXXX";
static int fd;
static const struct ranks_origin ours = { { { 1, 2, 3, 16 } }, 7, 1, 0x48010000 };
static const struct ranks_by subject = { 'S', 'u' }, from = { 'F', 'u' }, octets = { 'S', 'o' };

static int
setup(void **state)
{
	(void)state;
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	return fd < 0;
}

static int
teardown(void **state)
{
	char command[64];

	(void)state;
	close(fd);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static void
put(struct str bytes)
{
	int out = openat(fd, RANKS_FILE, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(out >= 0);
	assert_int_equal(write(out, bytes.p, bytes.n), bytes.n);
	close(out);
}

/* N messages with every STEPth UID, in another order each. */
static struct ranks_table
table(struct ranks_by by, size_t n, uint32_t step)
{
	struct ranks_table t = { .by = by };

	ranks_new(&t.ranks, n);
	for (size_t i = 0; i < n; i++) {
		t.ranks.uid[i] = 1 + (uint32_t)i * step;
		t.ranks.rank[i] = (uint32_t)(i * 7 % n) + 1;
	}
	t.ranks.highest = (uint32_t)n;
	return t;
}

/* The file as it is with T in it. */
static void
build(const struct ranks_table *t, size_t n, struct buf *file)
{
	buf_reset(file);
	ranks_build(fd, &ours, t, n, file);
}

static void
write_tables(const struct ranks_table *t, size_t n)
{
	struct buf file = BUF_INIT;

	build(t, n, &file);
	put(buf_str(&file));
	buf_free(&file);
}

static void
expect(const struct ranks_table *t)
{
	struct ranks r;

	assert_int_equal(ranks_read(fd, &ours, t->by, &r), OK);
	assert_int_equal(r.n, t->ranks.n);
	assert_int_equal(r.highest, t->ranks.highest);
	assert_memory_equal(r.uid, t->ranks.uid, r.n * 4);
	assert_memory_equal(r.rank, t->ranks.rank, r.n * 4);
	ranks_free(&r);
}

static enum err
try_read(const struct ranks_origin *o, struct ranks_by by)
{
	struct ranks r;
	enum err e = ranks_read(fd, o, by, &r);

	assert_true(e == OK || (r.n == 0 && r.uid == NULL));
	ranks_free(&r);
	return e;
}

static void
test_read_back(void **state)
{
	struct ranks_table a = table(subject, 100, 3), b = table(from, 60, 1), c = table(octets, 0, 1);
	struct ranks_table again = table(subject, 101, 2);

	(void)state;
	assert_int_equal(try_read(&ours, subject), ERR_NOTFOUND);
	write_tables(&a, 1);
	expect(&a);
	assert_int_equal(try_read(&ours, from), ERR_NOTFOUND);
	/* What somebody else has found out stays. */
	write_tables(&b, 1);
	expect(&a);
	expect(&b);
	write_tables((struct ranks_table[]){ again, c }, 2);
	expect(&again);
	expect(&b);
	expect(&c);
	/* But not what is mostly of messages that are gone. */
	ranks_free(&b.ranks);
	b = table(from, 50, 1);
	write_tables(&b, 1);
	assert_int_equal(try_read(&ours, subject), ERR_NOTFOUND);
	expect(&b);
	expect(&c);
	ranks_free(&a.ranks);
	ranks_free(&b.ranks);
	ranks_free(&c.ranks);
	ranks_free(&again.ranks);
}

static void
test_other_origin(void **state)
{
	struct ranks_table a = table(subject, 10, 1), b = table(from, 10, 1);
	struct ranks_origin other[4] = { ours, ours, ours, ours };

	(void)state;
	other[0].mailbox.b[15]++;
	other[1].uidvalidity++;
	other[2].keys++;
	other[3].unicode++;
	write_tables(&a, 1);
	for (size_t i = 0; i < 4; i++) {
		struct buf file = BUF_INIT;

		assert_int_equal(try_read(&other[i], subject), ERR_NOTFOUND);
		/* Nor does any of it come into the next file. */
		ranks_build(fd, &other[i], &b, 1, &file);
		assert_int_equal(file.n, HEAD + ROW + 4 + 80);
		buf_free(&file);
	}
	expect(&a);
	ranks_free(&a.ranks);
	ranks_free(&b.ranks);
}

/* Each byte changed, each length: all is noticed, and what is written then is sound. */
static void
test_damage(void **state)
{
	struct ranks_table t[2] = { table(subject, 20, 1), table(from, 15, 2) };
	struct buf good = BUF_INIT, bad = BUF_INIT;
	size_t end_of_subject = HEAD + 2 * ROW + 4 + 20 * 8;

	(void)state;
	build(t, 2, &good);
	for (size_t i = 0; i < good.n; i++) {
		buf_reset(&bad);
		buf_add_str(&bad, buf_str(&good));
		bad.p[i] ^= (char)(1 << i % 8);
		put(buf_str(&bad));
		/* Only what is read is looked at. */
		assert_int_equal(try_read(&ours, subject), i < end_of_subject ? ERR_CORRUPT : OK);
		assert_int_equal(try_read(&ours, from), i < HEAD + 2 * ROW + 4 ||
		    i >= end_of_subject ? ERR_CORRUPT : OK);
		write_tables(t, 1);
		expect(&t[0]);
		assert_int_not_equal(try_read(&ours, from), ERR_CORRUPT);
	}
	for (size_t i = 0; i < good.n; i++) {
		put(str_slice(buf_str(&good), 0, i));
		assert_int_equal(try_read(&ours, subject), ERR_CORRUPT);
		write_tables(t, 1);
		expect(&t[0]);
	}
	buf_addc(&good, '\0');
	put(buf_str(&good));
	assert_int_equal(try_read(&ours, subject), ERR_CORRUPT);
	for (size_t i = 0; i < 2; i++)
		ranks_free(&t[i].ranks);
	buf_free(&good);
	buf_free(&bad);
}

/* A file whose checksums are right, with whatever in it: rows, then the bytes of TABLE. */
static void
forge(uint32_t version, uint32_t count, uint32_t n, struct str bytes)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "chaparso");
	buf_add_u32(&b, version);
	buf_add_u32(&b, ours.keys);
	buf_add_u32(&b, ours.unicode);
	buf_add(&b, ours.mailbox.b, 16);
	buf_add_u32(&b, ours.uidvalidity);
	buf_add_u32(&b, count);
	for (uint32_t i = 0; i < count && i < 100; i++) {
		buf_adds(&b, "Su");
		buf_add_u16(&b, 0);
		buf_add_u32(&b, n);
		buf_add_u32(&b, crc32c(0, bytes.p, bytes.n));
	}
	buf_add_u32(&b, crc32c(0, b.p, b.n));
	buf_add_str(&b, bytes);
	put(buf_str(&b));
	buf_free(&b);
}

static void
test_forged(void **state)
{
	static const struct {
		uint32_t uid[2], rank[2];
		enum err e;
	} rows[] = {
		{ { 1, 2 }, { 1, 1 }, OK },
		{ { 1, UINT32_MAX }, { RANKS_MAX, 1 }, OK },
		{ { 0, 1 }, { 1, 1 }, ERR_CORRUPT },
		{ { 2, 2 }, { 1, 1 }, ERR_CORRUPT },
		{ { 2, 1 }, { 1, 1 }, ERR_CORRUPT },
		{ { 1, 2 }, { 0, 1 }, ERR_CORRUPT },
		{ { 1, 2 }, { 1, RANKS_MAX + 1 }, ERR_CORRUPT },
		{ { 1, 2 }, { UINT32_MAX, 1 }, ERR_CORRUPT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t b[4] = { htobe32(rows[i].uid[0]), htobe32(rows[i].uid[1]),
		    htobe32(rows[i].rank[0]), htobe32(rows[i].rank[1]) };

		forge(1, 1, 2, (struct str){ (char *)b, sizeof(b) });
		assert_int_equal(try_read(&ours, subject), rows[i].e);
	}
	forge(2, 1, 0, STR(""));
	assert_int_equal(try_read(&ours, subject), ERR_NOTFOUND);
	forge(1, 0, 0, STR(""));
	assert_int_equal(try_read(&ours, subject), ERR_NOTFOUND);
	forge(1, 1, 0, STR(""));
	assert_int_equal(try_read(&ours, subject), OK);
	forge(1, 1, RANKS_MAX, STR("12345678"));
	assert_int_equal(try_read(&ours, subject), ERR_CORRUPT);
	forge(1, RANKS_TABLES, 0, STR(""));
	assert_int_equal(try_read(&ours, subject), OK);
	forge(1, RANKS_TABLES + 1, 0, STR(""));
	assert_int_equal(try_read(&ours, subject), ERR_CORRUPT);
	forge(1, UINT32_MAX, 0, STR(""));
	assert_int_equal(try_read(&ours, subject), ERR_CORRUPT);
	/* Long enough for what it promises, a hole: nobody has so many messages. */
	forge(1, 1, RANKS_MAX + 1, STR(""));
	assert_int_equal(truncate(strcat(strcpy((char[64]){ "" }, dir), "/" RANKS_FILE),
	    HEAD + ROW + 4 + ((off_t)RANKS_MAX + 1) * 8), 0);
	assert_int_equal(try_read(&ours, subject), ERR_CORRUPT);
}

/* What is no file at all. */
static void
test_no_file(void **state)
{
	struct ranks_table t = table(subject, 5, 1);
	struct buf file = BUF_INIT;

	(void)state;
	assert_int_equal(mkdirat(fd, RANKS_FILE, 0700), 0);
	assert_int_not_equal(try_read(&ours, subject), OK);
	build(&t, 1, &file);
	assert_int_equal(file.n, HEAD + ROW + 4 + 40);
	buf_free(&file);
	ranks_free(&t.ranks);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_origin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_file, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
