/* test_header.c - cyrus.header comes back, and damage is found */
#include "imap/disk/header.h"
#include "imap/disk/witness.h"
#include "imap/store/list/mblist.h"

#include "lib/crc.h"
#include "lib/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static int dirfd_;
static struct arena *arena;

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_header.XXXXXX");
	assert_non_null(mkdtemp(dir));
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY);
	arena = arena_new(4 << 20);
	return dirfd_ < 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	arena_free(arena);
	close(dirfd_);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static const struct mailbox_header full = {
	.name = "user.joe.entw\xc3\xbcrfe", .id = { { 1, 2, 3, 255 } }, .uidvalidity = 4294967295u,
	.flags = MB_NOSELECT, .acl = "joe\tlrs\t-jim\tx\t", .quotaroot = "user.joe",
	.specialuse = "\\Drafts", .keyword = { [0] = "$Junk", [5] = "a b", [127] = "last" },
};

static void
comes_back(void **state)
{
	struct mailbox_header h;

	(void)state;
	assert_int_equal(header_read(dirfd_, arena, &h), ERR_NOTFOUND);
	assert_int_equal(header_write(dirfd_, &full, true), OK);
	assert_int_equal(header_read(dirfd_, arena, &h), OK);
	assert_string_equal(h.name, full.name);
	assert_true(id128_eq(&h.id, &full.id));
	assert_int_equal(h.uidvalidity, full.uidvalidity);
	assert_int_equal(h.flags, full.flags);
	assert_string_equal(h.acl, full.acl);
	assert_string_equal(h.quotaroot, full.quotaroot);
	assert_string_equal(h.specialuse, full.specialuse);
	for (int i = 0; i < MBOX_KEYWORDS; i++) {
		assert_int_equal(h.keyword[i] == NULL, full.keyword[i] == NULL);
		if (h.keyword[i] != NULL)
			assert_string_equal(h.keyword[i], full.keyword[i]);
	}
}

static void
little_is_enough(void **state)
{
	struct mailbox_header h, little = { .name = "a", .uidvalidity = 1 };

	(void)state;
	assert_int_equal(header_write(dirfd_, &little, false), OK);
	assert_int_equal(header_read(dirfd_, arena, &h), OK);
	assert_string_equal(h.acl, "");
	assert_null(h.quotaroot);
	assert_null(h.specialuse);
	assert_null(h.keyword[0]);
}

/* Any byte changed, any byte missing. */
static void
damage_is_found(void **state)
{
	struct buf good = BUF_INIT, bad = BUF_INIT;
	struct mailbox_header h;

	(void)state;
	assert_int_equal(header_write(dirfd_, &full, false), OK);
	assert_int_equal(file_slurp(dirfd_, "cyrus.header", 10000, &good), OK);
	for (size_t i = 0; i < witness_place(buf_str(&good)); i++) {
		buf_reset(&bad);
		buf_add_str(&bad, buf_str(&good));
		bad.p[i] ^= 4;
		assert_int_equal(file_replace(dirfd_, "cyrus.header", bad.p, bad.n, 0600, false), OK);
		assert_int_equal(header_read(dirfd_, arena, &h), ERR_CORRUPT);
		assert_int_equal(file_replace(dirfd_, "cyrus.header", good.p, i, 0600, false), OK);
		assert_int_equal(header_read(dirfd_, arena, &h), ERR_CORRUPT);
	}
	buf_free(&good);
	buf_free(&bad);
}

static void
expect_witness(uint32_t last_uid, uint64_t modseq)
{
	struct witness w;

	assert_int_equal(witness_read(dirfd_, &full.id, &w), OK);
	assert_int_equal(w.last_uid, last_uid);
	assert_int_equal(w.modseq, modseq);
}

static void
must_raise(uint32_t last_uid, uint64_t modseq)
{
	const struct witness w = { last_uid, modseq };

	assert_int_equal(witness_raise(dirfd_, &full.id, &w), OK);
}

/* It rises, survives a new header, and is nobody else's. */
static void
witness_stays(void **state)
{
	const struct id128 other = { { 9 } };
	struct mailbox_header h;
	struct witness w;

	(void)state;
	assert_int_equal(header_write(dirfd_, &full, true), OK);
	must_raise(0, 0);
	expect_witness(0, 0);
	must_raise(7, 30);
	expect_witness(7, 30);
	must_raise(5, 31);
	expect_witness(7, 31);
	must_raise(UINT32_MAX, UINT64_MAX);
	expect_witness(UINT32_MAX, UINT64_MAX);
	assert_int_equal(header_write(dirfd_, &full, true), OK);
	expect_witness(UINT32_MAX, UINT64_MAX);
	assert_int_equal(header_read(dirfd_, arena, &h), OK);
	assert_int_equal(witness_read(dirfd_, &other, &w), ERR_NOTFOUND);
	assert_int_equal(w.last_uid, 0);
}

/* A damaged or cut line leaves the other one, and the header, good. */
static void
half_a_witness(void **state)
{
	struct buf good = BUF_INIT, bad = BUF_INIT;
	struct mailbox_header h;
	struct witness w;
	size_t end;

	(void)state;
	assert_int_equal(header_write(dirfd_, &full, true), OK);
	must_raise(3, 10);
	must_raise(4, 11);
	assert_int_equal(file_slurp(dirfd_, "cyrus.header", 10000, &good), OK);
	end = witness_place(buf_str(&good));
	assert_int_equal(good.n, end + 2 * WITNESS_LINE);
	for (size_t i = end; i < good.n; i++) {
		buf_reset(&bad);
		buf_add_str(&bad, buf_str(&good));
		bad.p[i] ^= 4;
		assert_int_equal(file_replace(dirfd_, "cyrus.header", bad.p, bad.n, 0600, false), OK);
		assert_int_equal(header_read(dirfd_, arena, &h), OK);
		assert_int_equal(witness_read(dirfd_, &full.id, &w), OK);
		assert_true((w.last_uid == 3 && w.modseq == 10) || (w.last_uid == 4 && w.modseq == 11));
		/* The next one does not take the good line's place. */
		must_raise(5, 12);
		expect_witness(5, 12);
		assert_int_equal(file_replace(dirfd_, "cyrus.header", good.p, i, 0600, false), OK);
		assert_int_equal(header_read(dirfd_, arena, &h), OK);
		(void)!witness_read(dirfd_, &full.id, &w);
		assert_true(w.last_uid <= 4);
	}
	buf_free(&good);
	buf_free(&bad);
}

/* A right checksum of something else. */
static void
nonsense_is_refused(void **state)
{
	static const char *const texts[] = {
		"", "chapar header 2\nname\ta\nuidvalidity\t1\nacl\t\n",
		"chapar header 1\nname\ta\nuidvalidity\t1\n",
		"chapar header 1\nname\ta\nuidvalidity\t0\nacl\t\n",
		"chapar header 1\nname\ta\nuidvalidity\t4294967296\nacl\t\n",
		"chapar header 1\nname\ta\nuidvalidity\t1x\nacl\t\n",
		"chapar header 1\nname\ta\nid\t12\nuidvalidity\t1\nacl\t\n",
		"chapar header 1\nname\ta\nuidvalidity\t1\nacl\t\nkeyword\t128\tx\n",
		"chapar header 1\nname\ta\nuidvalidity\t1\nacl\t\nkeyword\t-1\tx\n",
		"chapar header 1\nname\ta\nuidvalidity\t1\nacl\t\nnonsense\n",
	};
	struct mailbox_header h;
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		buf_reset(&b);
		buf_adds(&b, texts[i]);
		buf_printf(&b, "crc\t%08x\n", crc32c(0, b.p, b.n));
		assert_int_equal(file_replace(dirfd_, "cyrus.header", b.p, b.n, 0600, false), OK);
		assert_int_equal(header_read(dirfd_, arena, &h), ERR_CORRUPT);
	}
	buf_reset(&b);
	buf_adds(&b, "chapar header 1\nname\ta\nuidvalidity\t1\nacl\t\nlater\tsomething\n");
	buf_printf(&b, "crc\t%08x\n", crc32c(0, b.p, b.n));
	assert_int_equal(file_replace(dirfd_, "cyrus.header", b.p, b.n, 0600, false), OK);
	assert_int_equal(header_read(dirfd_, arena, &h), OK);
	buf_free(&b);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(comes_back),
		TEST(little_is_enough),
		TEST(damage_is_found),
		TEST(witness_stays),
		TEST(half_a_witness),
		TEST(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
