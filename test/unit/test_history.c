/* test_history.c - cyrus.history by itself: long ones, and what crashes leave */
#include "imap/disk/history.h"

#include "lib/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { COMMITS = 30000, UIDS = 4000 };

static char dir[] = "/tmp/test-history-XXXXXX";
static struct index *ix;
static uint64_t expunged[UIDS + 1], changed[UIDS + 1];	/* by UID: when; 0: not yet */

static int
setup(void **state)
{
	struct id128 id = { { 1, 2, 3 } };
	int fd;

	(void)state;
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	assert_int_equal(index_create(fd, &id, 7, false), OK);
	assert_int_equal(index_open(fd, "test", &ix), OK);
	assert_int_equal(index_lock(ix), OK);
	memset(expunged, 0, sizeof(expunged));
	memset(changed, 0, sizeof(changed));
	return 0;
}

static int
teardown(void **state)
{
	char command[64];

	(void)state;
	index_close(ix);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static off_t
file_length(void)
{
	struct stat st;

	assert_int_equal(fstatat(ix->dirfd, "cyrus.history", &st, 0), 0);
	return st.st_size;
}

static int
truncateat_end(int lost)
{
	int fd = openat(ix->dirfd, "cyrus.history", O_WRONLY), r;

	assert_true(fd >= 0);
	r = ftruncate(fd, file_length() - lost);
	close(fd);
	return r;
}

static void
damage_entry_from_end(int entry)
{
	off_t at = file_length() - 24 * entry + 3;
	int fd = openat(ix->dirfd, "cyrus.history", O_RDWR);

	assert_int_equal(pwrite(fd, "xyz", 3, at), 3);
	close(fd);
}

static bool
commit(const struct history_list *l)
{
	uint64_t modseq = ix->h->highestmodseq + 1;
	bool is_long = history_append(ix, modseq, l);

	ix->h->highestmodseq = modseq;
	return is_long;
}

/* One commit: some are changed, some expunged, or nothing. */
static bool
random_commit(uint32_t limit)
{
	struct history_list l = { NULL, 0, 0 };
	uint64_t modseq = ix->h->highestmodseq + 1;
	bool is_long;

	for (int i = rand() % 4; i > 0; i--) {
		uint32_t uid = 1 + (uint32_t)rand() % limit, n = 1 + (uint32_t)rand() % 5;
		enum history_kind kind = rand() % 2 ? HISTORY_CHANGED : HISTORY_EXPUNGED;

		for (; n > 0 && uid <= limit && expunged[uid] == 0; n--, uid++) {
			history_note(&l, modseq, kind, uid);
			*(kind == HISTORY_CHANGED ? &changed[uid] : &expunged[uid]) = modseq;
		}
	}
	is_long = commit(&l);
	history_free(&l);
	return is_long;
}

static void
expect(uint64_t since)
{
	struct history_answer a;

	assert_int_equal(history_since(ix->dirfd, ix->h, since, &a), OK);
	assert_int_equal(a.upto, ix->h->highestmodseq);
	assert_true(a.from <= since);
	for (uint32_t uid = 1; uid <= UIDS; uid++) {
		assert_int_equal(uidset_has(&a.expunged, uid), expunged[uid] > since);
		if (since >= a.changed_from)
			assert_int_equal(uidset_has(&a.changed, uid), changed[uid] > since);
	}
	history_answer_free(&a);
}

static void
old_changes_are_forgotten_and_no_expunge(void **state)
{
	unsigned settled = 0;
	struct history_answer a;

	(void)state;
	srand(1);
	for (int i = 0; i < COMMITS; i++)
		if (random_commit(i * (UIDS / 2) / COMMITS + UIDS / 2)) {
			assert_int_equal(history_settle(ix), OK);
			settled++;
		}
	assert_true(settled > 2);
	assert_int_equal(history_since(ix->dirfd, ix->h, 0, &a), OK);
	assert_true(a.changed_from > COMMITS / 2);
	history_answer_free(&a);
	for (uint64_t since = 0; since <= ix->h->highestmodseq; since += 97)
		expect(since);
	expect(ix->h->highestmodseq);
}

/* Each message comes, is read and expunged by itself, for ever. */
static void
a_robots_mailbox_stays_small(void **state)
{
	(void)state;
	for (uint32_t uid = 1; uid <= COMMITS; uid++) {
		for (int i = 0; i < 3; i++) {
			struct history_list l = { NULL, 0, 0 };

			history_note(&l, ix->h->highestmodseq + 1,
			    i == 2 ? HISTORY_EXPUNGED : HISTORY_CHANGED, uid);
			if (commit(&l))
				assert_int_equal(history_settle(ix), OK);
			history_free(&l);
		}
	}
	assert_true(file_length() < 24 * 8200 + 4096);
}

static void
append_bytes(const char *p, size_t n)
{
	int fd = openat(ix->dirfd, "cyrus.history", O_WRONLY | O_APPEND);

	assert_int_equal(write(fd, p, n), n);
	close(fd);
}

static void
a_part_of_an_entry_does_not_count(void **state)
{
	off_t length;

	(void)state;
	srand(2);
	for (int i = 0; i < 20; i++)
		random_commit(UIDS);
	length = file_length();
	append_bytes("0123456789", 10);
	expect(0);
	random_commit(UIDS);
	assert_int_equal((file_length() - length) % 24 % 10, 0);
	for (uint64_t since = 0; since <= ix->h->highestmodseq; since++)
		expect(since);
}

/* Killed in the middle of a commit of three entries; cut there; done again. */
static void
a_commit_is_redone_from_any_point(void **state)
{
	(void)state;
	srand(3);
	for (int lost = 0; lost <= 24 * 3; lost += 4) {
		struct history_list l = { NULL, 0, 0 };
		uint64_t modseq = ix->h->highestmodseq + 1;
		uint32_t uid = 1 + (uint32_t)lost * 10;
		struct history_answer a;

		history_note(&l, modseq, HISTORY_CHANGED, uid);
		history_note(&l, modseq, HISTORY_EXPUNGED, uid + 2);
		history_note(&l, modseq, HISTORY_CHANGED, uid + 4);
		(void)commit(&l);
		changed[uid] = changed[uid + 4] = expunged[uid + 2] = modseq;
		expect(modseq - 1);
		assert_int_equal(truncateat_end(lost), 0);
		assert_int_equal(history_since(ix->dirfd, ix->h, 0, &a), OK);
		assert_int_equal(a.upto, lost == 0 ? modseq : modseq - 1);
		history_answer_free(&a);
		history_redo(ix, modseq, &l);
		history_free(&l);
		expect(0);
		expect(modseq - 1);
	}
}

/* Replay begins with a commit that the checkpoint is before: all is done anew. */
static void
replay_overwrites_what_came_after_the_checkpoint(void **state)
{
	struct history_list done[40];
	uint64_t first;

	(void)state;
	srand(4);
	for (int i = 0; i < 20; i++)
		random_commit(UIDS);
	first = ix->h->highestmodseq + 1;
	for (int i = 0; i < 40; i++) {
		uint32_t uid = 1 + (uint32_t)rand() % UIDS;

		done[i] = (struct history_list){ NULL, 0, 0 };
		if (expunged[uid] == 0)
			history_note(&done[i], first + (uint64_t)i, HISTORY_EXPUNGED, uid);
		if (expunged[uid] == 0)
			expunged[uid] = first + (uint64_t)i;
		(void)commit(&done[i]);
	}
	damage_entry_from_end(13);
	history_trim(ix);
	for (int i = 0; i < 40; i++) {
		history_redo(ix, first + (uint64_t)i, &done[i]);
		history_free(&done[i]);
	}
	for (uint64_t since = 0; since <= ix->h->highestmodseq; since++)
		expect(since);
	/* A commit behind a gap is not written. */
	history_redo(ix, ix->h->highestmodseq + 2, &(struct history_list){ NULL, 0, 0 });
	expect(0);
}

static void
another_mailboxs_is_not_believed(void **state)
{
	struct index_header h;
	struct history_answer a;

	(void)state;
	random_commit(UIDS);
	h = *ix->h;
	h.id.b[5]++;
	assert_int_equal(history_since(ix->dirfd, &h, 0, &a), ERR_NOTFOUND);
	h = *ix->h;
	h.uidvalidity++;
	assert_int_equal(history_since(ix->dirfd, &h, 0, &a), ERR_NOTFOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(old_changes_are_forgotten_and_no_expunge, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(a_robots_mailbox_stays_small, setup, teardown),
		cmocka_unit_test_setup_teardown(a_part_of_an_entry_does_not_count, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(a_commit_is_redone_from_any_point, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(replay_overwrites_what_came_after_the_checkpoint,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(another_mailboxs_is_not_believed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
