/* test_store_torn.c - files that a kill or a power cut left half written */
#include "test/unit/store_fixture.h"

#include "imap/disk/index.h"
#include "imap/disk/wal.h"
#include "imap/store/list/local.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PAGE = 4096 };

static int
open_dir(void)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/user/joe", f.spool);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	return fd;
}

static struct index *
open_index(void)
{
	struct index *ix;

	assert_int_equal(index_open(open_dir(), "user.joe", &ix), OK);
	return ix;
}

static void
put_until_page(struct index *ix)
{
	struct index_record r = { .size = 1, .modseq = 2 };

	assert_int_equal(index_reserve(ix, 40), OK);
	index_write_begin(ix);
	while (INDEX_HEADER_SIZE + (ix->h->records + 1) * INDEX_RECORD_SIZE <= PAGE) {
		r.uid++;
		index_put(ix, &r);
	}
	index_write_end(ix);
}

/* The next record crosses into a page whose first touch ends the process. */
static void
kill_at_page_fault_leaves_no_empty_record(void **state)
{
	struct index *ix = open_index();
	struct index_record r = { .size = 1, .modseq = 3 };
	uint32_t before;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(index_lock(ix), OK);
	put_until_page(ix);
	before = ix->h->records;
	if ((pid = fork()) == 0) {
		signal(SIGSEGV, SIG_DFL);
		if (mprotect((char *)ix->h + PAGE, PAGE, PROT_NONE) != 0)
			_exit(1);
		r.uid = before + 1;
		index_write_begin(ix);
		index_put(ix, &r);
		_exit(2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(ix->h->records, before);
	index_unlock(ix);
	index_close(ix);
}

/* The flag lies in one sector and the checksum in another: no log has either. */
static void
reclaimed_flag_may_be_torn_off(void **state)
{
	struct index *ix = open_index();
	struct index_record r = { .uid = 1, .size = 1, .modseq = 2, .flags = REC_EXPUNGED };
	struct index_record *at;

	(void)state;
	assert_int_equal(index_lock(ix), OK);
	assert_int_equal(index_reserve(ix, 1), OK);
	index_write_begin(ix);
	index_put(ix, &r);
	at = (struct index_record *)((char *)ix->h + INDEX_HEADER_SIZE);
	at->flags |= REC_RECLAIMED;
	index_write_end(ix);
	assert_int_equal(index_get(ix, 0, &r), OK);
	assert_true(r.flags & REC_RECLAIMED);
	at->flags ^= MSG_SEEN;
	assert_false(index_record_valid(at));
	index_unlock(ix);
	index_close(ix);
}

/* The header's page reached the disk, the size that the index had grown to did not. */
static void
index_may_be_shorter_than_it_counts(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct index *ix;
	char path[160];

	(void)state;
	for (int i = 1; i <= 30; i++)
		assert_int_equal(fixture_append(m, f.s, "text"), i);
	mbox_close(m);
	store_close(f.s);
	snprintf(path, sizeof(path), "%s/user/joe/cyrus.index", f.spool);
	assert_int_equal(truncate(path, PAGE), 0);
	assert_int_equal(store_open(&f.params, &f.s), OK);
	ix = open_index();
	assert_int_equal(ix->h->records, 30);
	assert_int_equal(ix->h->exists, 30);
	index_close(ix);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(fixture_append(m, f.s, "more"), 31);
	mbox_close(m);
	fixture_check_sums(&f, "user.joe");
}

/* A page with dirty_lsn reached the disk, the log did not reach that place. */
static void
dirty_place_need_not_begin_a_frame(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct index *ix;

	(void)state;
	fixture_append(m, f.s, "one");
	fixture_append(m, f.s, "two");
	ix = open_index();
	assert_int_equal(index_lock(ix), OK);
	ix->h->dirty_lsn = wal_tail(f.s->part[0].wal) - 7;
	index_unlock(ix);
	assert_int_equal(fixture_append(m, f.s, "three"), 3);
	assert_int_equal(ix->h->dirty_lsn, 0);
	ix->h->dirty_lsn = wal_tail(f.s->part[0].wal) + 1000;
	assert_int_equal(fixture_append(m, f.s, "four"), 4);
	index_close(ix);
	mbox_close(m);
	fixture_check_sums(&f, "user.joe");
}

/* One mailbox's damage keeps nobody else from their mail. */
static void
damaged_header_does_not_stop_the_start(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	uint32_t uid = fixture_append(m, f.s, "one");
	struct str kw = STR("$Label1");
	const struct store_params_flags flag = { .op = STORE_ADD, .flags = MSG_FLAGGED,
	    .keywords = { &kw, 1 } };
	int dirfd, fd;

	(void)state;
	fixture_store(m, uid, &flag);
	fixture_append(m, f.s, "two");
	mbox_close(m);
	store_close(f.s);
	dirfd = open_dir();
	fd = openat(dirfd, "cyrus.header", O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	close(fd);
	close(dirfd);
	assert_int_equal(store_open(&f.params, &f.s), OK);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 2);
	fixture_expect_body(m, 2, "two");
	mbox_close(m);
}

static uint64_t
end_of_cache(struct index *ix, uint32_t at)
{
	const struct index_record *r = index_peek(ix, at);

	assert_true(r->cache_len > 0);
	return r->cache_offset + r->cache_len;
}

/* The header's page did not reach the disk, those of the records did. */
static void
nothing_is_written_over_cache_entries(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct index *ix;

	(void)state;
	fixture_append(m, f.s, "one");
	fixture_append(m, f.s, "two");
	mbox_close(m);
	ix = open_index();
	ix->h->cache_size = INDEX_CACHE_START;
	index_close(ix);
	fixture_reopen(&f);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	fixture_append(m, f.s, "three");
	mbox_close(m);
	ix = open_index();
	assert_true(index_peek(ix, 2)->cache_offset >= end_of_cache(ix, 1));
	assert_int_equal(ix->h->cache_size, end_of_cache(ix, 2));
	index_close(ix);
}

/* A header that counts more than there is, in a file that was just replaced. */
static void
a_replaced_file_is_not_believed(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct index *ix;
	uint64_t bytes;

	(void)state;
	fixture_append(m, f.s, "one");
	ix = open_index();
	ix->h->records = 10000000;
	ix->h->state = INDEX_REPLACED;
	index_close(ix);
	assert_int_equal(mbox_deleted_bytes(m, &bytes), OK);
	assert_int_equal(bytes, 0);
	mbox_close(m);
}

/* The list was lost; until another process has built it anew: */
static void
list_that_is_being_built_denies_no_mailbox(void **state)
{
	struct mbentry *e;
	struct store *other;

	(void)state;
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &e), OK);
	fixture_shell("rm -rf %s/db", f.config);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.ann"), &e), ERR_BUSY);
	assert_int_equal(store_open(&f.params, &other), OK);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &e), OK);
	store_close(other);
}

/* Its writer is killed inside while we have the mailbox open: we finish his work. */
static void
reader_repairs_a_torn_record(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct mbox_update u;
	struct index *ix;
	struct message msg;

	(void)state;
	fixture_append(m, f.s, "one");
	fixture_append(m, f.s, "two");
	assert_int_equal(mbox_refresh(m, f.arena, 0, &u), OK);
	ix = open_index();
	assert_int_equal(index_lock(ix), OK);
	ix->h->dirty_lsn = ix->h->applied_lsn;
	index_write_begin(ix);
	memset((char *)(uintptr_t)index_peek(ix, 1) + 8, 0xff, 20);
	index_unlock(ix);
	assert_int_equal(mbox_message(m, 2, &msg), OK);
	assert_int_equal(msg.uid, 2);
	assert_int_equal(ix->h->dirty_lsn, 0);
	index_close(ix);
	mbox_close(m);
	fixture_check_sums(&f, "user.joe");
}

/*
 * Neither readers nor writers believe a count that the file contradicts, as if
 * a writer had died inside.
 */
static void
count_beyond_the_file_is_damage(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", MBOX_PEEK), *other;
	struct append_params p = { .flags = 0 };
	struct blob *b = fixture_blob(f.s, "one");
	struct mbentry *e;
	uint32_t count = 1000000;
	uint64_t seq = 1000001;
	struct txn *t = txn_begin(m);
	int dir = open_dir(), fd = openat(dir, "cyrus.index", O_RDWR);

	(void)state;
	assert_int_equal(pwrite(fd, &seq, sizeof(seq),
	    offsetof(struct index_header, seq)), sizeof(seq));
	assert_int_equal(pwrite(fd, &count, sizeof(count),
	    offsetof(struct index_header, records)), sizeof(count));
	txn_append(t, b, &p);
	assert_int_equal(txn_commit(t), ERR_CORRUPT);
	txn_abort(t);
	close(fd);
	close(dir);
	blob_free(b);
	mbox_close(m);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &e), OK);
	assert_int_equal(mbox_open(f.s, e, "joe", 0, &other), ERR_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kill_at_page_fault_leaves_no_empty_record,
		    fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(reader_repairs_a_torn_record, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(reclaimed_flag_may_be_torn_off, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(index_may_be_shorter_than_it_counts, fixture_setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(dirty_place_need_not_begin_a_frame, fixture_setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(damaged_header_does_not_stop_the_start, fixture_setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(nothing_is_written_over_cache_entries, fixture_setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(a_replaced_file_is_not_believed, fixture_setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(list_that_is_being_built_denies_no_mailbox, fixture_setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(count_beyond_the_file_is_damage, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
