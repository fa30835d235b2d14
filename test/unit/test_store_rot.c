/* test_store_rot.c - files that are not what was written last, and what prevents that */
#include "test/unit/store_fixture.h"

#include "imap/disk/index.h"
#include "imap/store/check.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* --- a mailbox that is copied to another partition --- */

/* The names that came into the directory, in order; a letter before each. */
static void
read_events(int fd, char *log, size_t size)
{
	char bytes[16384] __attribute__((aligned(8)));
	ssize_t n = read(fd, bytes, sizeof(bytes));

	log[0] = '\0';
	assert_true(n > 0);
	for (ssize_t at = 0; at < n; ) {
		const struct inotify_event *ev = (const struct inotify_event *)(bytes + at);
		size_t have = strlen(log);

		snprintf(log + have, size - have, "%c%s ", ev->mask & IN_CREATE ? '+' :
		    ev->mask & IN_CLOSE_WRITE ? '.' : '>', ev->name);
		at += (ssize_t)sizeof(*ev) + ev->len;
	}
}

/* A cut in the middle of it leaves nothing that looks whole. */
static void
index_of_a_copy_comes_last(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	int fd = inotify_init1(IN_CLOEXEC);
	char log[4096], to[160];
	const char *at;

	(void)state;
	for (int i = 0; i < 10; i++)
		fixture_append(m, f.s, "text");
	mbox_close(m);
	fixture_shell("mkdir -p %s/user/joe", f.spool2);
	snprintf(to, sizeof(to), "%s/user/joe", f.spool2);
	assert_true(inotify_add_watch(fd, to,
	    IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO) >= 0);
	assert_int_equal(mblist_rename(f.s, STR("user.joe"), STR("user.joe"), "second"), OK);
	read_events(fd, log, sizeof(log));
	close(fd);
	assert_null(strstr(log, "+cyrus.index "));
	at = strstr(log, ">cyrus.index ");
	assert_non_null(at);
	assert_non_null(strstr(log, ".10. "));
	assert_non_null(strstr(log, ".cyrus.header "));
	/* Behind it only what is done with a mailbox. */
	assert_null(strstr(at, ". "));
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 10);
	fixture_expect_body(m, 10, "text");
	mbox_close(m);
	fixture_check_sums(&f, "user.joe");
}

/* --- the header's sums --- */

static int
open_file(const char *name)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/user/joe/%s", f.spool, name);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	return fd;
}

static void
set_flags(struct mbox *m, uint32_t uid, uint32_t flags)
{
	struct store_params_flags p = { .op = STORE_ADD, .flags = flags };

	fixture_store(m, uid, &p);
}

struct word {
	size_t at, n;
	uint64_t value;
};
#define WORD(field, value) \
	{ offsetof(struct index_header, field), sizeof(((struct index_header *)0)->field), value }

static const struct word words[] = {
	WORD(records, 0), WORD(records, 2), WORD(records, 100), WORD(records, UINT32_MAX),
	WORD(exists, 0), WORD(exists, 1000000), WORD(unseen, 77), WORD(deleted, 77),
	WORD(answered, 77), WORD(flagged, 77), WORD(bytes, 0), WORD(bytes, UINT64_MAX),
	WORD(last_uid, 0), WORD(last_uid, 3), WORD(last_uid, UINT32_MAX),
	WORD(highestmodseq, 0), WORD(highestmodseq, 3), WORD(highestmodseq, UINT64_MAX),
	WORD(changed_modseq, UINT64_MAX), WORD(keywords_changed, 1), WORD(seen_changed, UINT64_MAX),
	WORD(reclaimed_modseq, UINT64_MAX), WORD(applied_lsn, UINT64_MAX),
	WORD(sums_crc, 1),
};

static void
damage_word(const struct word *w)
{
	int fd = open_file("cyrus.index");

	assert_int_equal(pwrite(fd, &w->value, w->n, (off_t)w->at), w->n);
	close(fd);
}

static void
expect_right(struct mbox *m, uint32_t uidnext, uint64_t modseq)
{
	struct mbox_status st;

	assert_int_equal(mbox_status(m, &st), OK);
	assert_int_equal(st.exists, 5);
	assert_int_equal(st.unseen, 4);
	assert_int_equal(st.deleted, 1);
	assert_int_equal(st.uidnext, uidnext);
	assert_true(st.highestmodseq >= modseq && st.highestmodseq < modseq + 100);
	fixture_check_sums(&f, "user.joe");
}

static void
fill_five(struct mbox *m)
{
	for (int i = 0; i < 5; i++)
		fixture_append(m, f.s, "text");
	set_flags(m, 2, MSG_SEEN);
	set_flags(m, 3, MSG_DELETED);
}

/* Whoever meets it first, reader or writer, in a session that goes on or in a new one. */
static void
damaged_sums_are_mended(const struct word *w, bool with_log)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0), *other;
	struct mbox_status st;
	struct mbox_update u;

	fill_five(m);
	if (!with_log)
		assert_int_equal(store_checkpoint(f.s), OK);
	assert_int_equal(mbox_status(m, &st), OK);
	damage_word(w);
	expect_right(m, 6, st.highestmodseq);
	damage_word(w);
	assert_int_equal(fixture_append(m, f.s, "six"), 6);
	damage_word(w);
	assert_int_equal(mbox_refresh(m, f.arena, 0, &u), OK);
	assert_int_equal(mbox_count(m), 6);
	fixture_expect_body(m, 6, "six");
	damage_word(w);
	other = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(other), 6);
	assert_int_equal(mbox_uidnext(other), 7);
	mbox_close(other);
	mbox_close(m);
	/* While the server is stopped. */
	damage_word(w);
	fixture_reopen(&f);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(fixture_append(m, f.s, "seven"), 7);
	mbox_close(m);
	fixture_check_sums(&f, "user.joe");
}

static void
each_damaged_word_is_mended(void **state)
{
	for (size_t i = 0; i < 2 * sizeof(words) / sizeof(words[0]); i++) {
		fixture_setup(state);
		damaged_sums_are_mended(&words[i / 2], i % 2 == 0);
		fixture_teardown(state);
	}
}

/* Nothing but the witness in cyrus.header knows which UIDs were given. */
static void
witness_knows_the_last_uid(void **state)
{
	const struct word none = WORD(records, 0), low = WORD(last_uid, 0);
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);

	(void)state;
	fill_five(m);
	mbox_close(m);
	assert_int_equal(store_checkpoint(f.s), OK);
	store_close(f.s);
	damage_word(&none);
	damage_word(&low);
	fixture_shell("truncate -s %d %s/user/joe/cyrus.index", INDEX_HEADER_SIZE, f.spool);
	assert_int_equal(store_open(&f.params, &f.s), OK);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 0);
	assert_int_equal(mbox_uidnext(m), 6);
	assert_true(mbox_highestmodseq(m) >= 7);
	mbox_close(m);
}

/* --- an index that is older than its mailbox --- */

static void
save_index(void)
{
	fixture_shell("cp %s/user/joe/cyrus.index %s/saved", f.spool, f.dir);
}

/* In place, as rot does it, or by another file, as from a backup. */
static void
put_index_back(bool in_place)
{
	fixture_shell("cp %s %s/saved %s/user/joe/cyrus.index", in_place ? "" : "--remove-destination",
	    f.dir, f.spool);
}

static void
expect_file(uint32_t uid, const char *text)
{
	char bytes[500] = "", name[20];
	int fd;

	snprintf(name, sizeof(name), "%u.", uid);
	fd = open_file(name);
	assert_true(read(fd, bytes, sizeof(bytes) - 1) > 0);
	close(fd);
	assert_non_null(strstr(bytes, text));
}

static void
note_finding(void *ctx, const char *mailbox, const char *line)
{
	(void)mailbox;
	strncat(ctx, line, 200);
	strcat(ctx, "; ");
}

/* Twice: the second time it finds nothing. */
static void
reconstruct(char findings[5000])
{
	char again[5000] = "";
	struct check_params p = { .report = note_finding, .ctx = findings };
	struct check_result r;
	struct mbentry *e;

	findings[0] = '\0';
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &e), OK);
	assert_int_equal(check_mailbox(f.s, e, &p, &r), OK);
	p.ctx = again;
	assert_int_equal(check_mailbox(f.s, e, &p, &r), OK);
	assert_string_equal(again, "");
	assert_false(r.changed);
}

/* ONE to THREE are in the index that is put back; FOUR and FIVE came after it. */
static void
fill_around_the_backup(void)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);

	fixture_append(m, f.s, "ONE");
	fixture_append(m, f.s, "TWO");
	fixture_append(m, f.s, "THREE");
	save_index();
	fixture_append(m, f.s, "FOUR");
	fixture_append(m, f.s, "FIVE");
	mbox_close(m);
}

/* All five, each under a UID that never meant another. */
static void
expect_all(struct mbox *m, const char *sixth)
{
	static const char *const text[] = { "ONE", "TWO", "THREE", "FOUR", "FIVE" };
	uint32_t found[6] = { 0 };

	for (uint32_t seq = 1; seq <= mbox_count(m); seq++) {
		struct str bytes;

		assert_int_equal(mbox_body(m, seq, &bytes), OK);
		for (uint32_t i = 0; i < 6; i++) {
			const char *t = i < 5 ? text[i] : sixth;

			if (memmem(bytes.p, bytes.n, t, strlen(t)) != NULL)
				found[i] = mbox_uid(m, seq);
		}
	}
	assert_int_equal(mbox_count(m), 6);
	for (uint32_t i = 0; i < 6; i++)
		assert_true(found[i] == i + 1 || found[i] > 6 || (i == 5 && found[i] == 6));
}

static void
older_index(bool checkpoint, bool running, bool in_place, bool look_first)
{
	char findings[5000];
	struct mbox *m;
	uint64_t modseq;

	fill_around_the_backup();
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	modseq = mbox_highestmodseq(m);
	mbox_close(m);
	if (checkpoint)
		assert_int_equal(store_checkpoint(f.s), OK);
	if (!running)
		store_close(f.s);
	put_index_back(in_place);
	if (!running)
		assert_int_equal(store_open(&f.params, &f.s), OK);
	if (look_first) {
		m = fixture_mbox(&f, "user.joe", "joe", 0);
		/* In place under a session it is known with the next message only. */
		assert_true(mbox_uidnext(m) == 6 || running);
		assert_true(mbox_highestmodseq(m) >= modseq || running);
		mbox_close(m);
	}
	m = fixture_mbox(&f, "user.joe", "joe", MBOX_PEEK);
	assert_int_equal(fixture_append(m, f.s, "SIXTH"), 6);
	mbox_close(m);
	expect_file(4, "FOUR");
	expect_file(5, "FIVE");
	expect_file(6, "SIXTH");
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_true(mbox_highestmodseq(m) > modseq);
	mbox_close(m);
	fixture_check_sums(&f, "user.joe");
	reconstruct(findings);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	expect_all(m, "SIXTH");
	mbox_close(m);
	fixture_check_sums(&f, "user.joe");
}

static void
older_index_gives_no_uid_twice(void **state)
{
	for (unsigned i = 0; i < 16; i++) {
		fixture_setup(state);
		older_index(i & 1, i & 2, i & 4, i & 8);
		fixture_teardown(state);
	}
}

/* reconstruct alone, before any mail has come: each message as it was. */
static void
older_index_is_mended(void **state)
{
	char findings[5000];
	struct mbox *m;

	(void)state;
	fill_around_the_backup();
	assert_int_equal(store_checkpoint(f.s), OK);
	store_close(f.s);
	put_index_back(false);
	assert_int_equal(store_open(&f.params, &f.s), OK);
	reconstruct(findings);
	assert_non_null(strstr(findings, "older than the mailbox"));
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 5);
	assert_int_equal(mbox_uid(m, 5), 5);
	fixture_expect_body(m, 5, "FIVE");
	assert_int_equal(fixture_append(m, f.s, "SIXTH"), 6);
	mbox_close(m);
}

/* The newest messages are expunged and gone, so no file tells. */
static void
witness_alone_tells(void **state)
{
	struct mbox *m;

	(void)state;
	fill_around_the_backup();
	assert_int_equal(store_checkpoint(f.s), OK);
	store_close(f.s);
	put_index_back(false);
	fixture_shell("rm %s/user/joe/4. %s/user/joe/5.", f.spool, f.spool);
	assert_int_equal(store_open(&f.params, &f.s), OK);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_uidnext(m), 6);
	mbox_close(m);
}

/* --- files of commits that never were --- */

static void
make_file(uint32_t uid, const char *text)
{
	fixture_shell("printf 'Subject: x\r\n\r\n%s\r\n' >%s/user/joe/%u.", text, f.spool, uid);
}

/* Nobody knows what it is: it is left alone, and so is its UID. */
static void
unknown_file_is_never_written_over(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	char findings[5000];

	(void)state;
	fixture_append(m, f.s, "ONE");
	make_file(2, "UNKNOWN");
	make_file(5, "UNKNOWN");
	assert_int_equal(fixture_append(m, f.s, "TWO"), 6);
	assert_int_equal(fixture_append(m, f.s, "THREE"), 7);
	mbox_close(m);
	expect_file(2, "UNKNOWN");
	expect_file(5, "UNKNOWN");
	fixture_check_sums(&f, "user.joe");
	reconstruct(findings);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 5);
	assert_int_equal(mbox_uid(m, 4), 8);
	mbox_close(m);
}

/* A copy meets it, too, and a delivery to several mailboxes. */
static void
unknown_file_among_several(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0), *other;
	struct append_params p = { .flags = 0 };
	struct blob *b = fixture_blob(f.s, "BOTH");
	const uint32_t uid = 1;
	struct mbox_update u;
	struct txn *t[2];

	(void)state;
	fixture_create(&f, "user.ann");
	other = fixture_mbox(&f, "user.ann", "ann", 0);
	fixture_append(other, f.s, "ONE");
	make_file(1, "UNKNOWN");
	t[0] = txn_begin(other);
	t[1] = txn_begin(m);
	txn_append(t[0], b, &p);
	txn_append(t[1], b, &p);
	assert_int_equal(txn_commit_all(t, 2, false), OK);
	assert_int_equal(txn_result(t[0])->new_uids[0], 2);
	assert_int_equal(txn_result(t[1])->new_count, 1);
	assert_int_equal(txn_result(t[1])->new_uids[0], 2);
	txn_abort(t[0]);
	txn_abort(t[1]);
	make_file(3, "UNKNOWN");
	assert_int_equal(mbox_refresh(other, f.arena, 0, &u), OK);
	t[0] = txn_begin(m);
	txn_copy(t[0], other, &uid, 1);
	assert_int_equal(txn_commit(t[0]), OK);
	assert_int_equal(txn_result(t[0])->new_uids[0], 4);
	txn_abort(t[0]);
	blob_free(b);
	mbox_close(m);
	mbox_close(other);
	expect_file(1, "UNKNOWN");
	expect_file(2, "BOTH");
	expect_file(3, "UNKNOWN");
	expect_file(4, "ONE");
	fixture_check_sums(&f, "user.joe");
	fixture_check_sums(&f, "user.ann");
}

/* What a power cut leaves of a commit that was not: empty, or with holes. */
static void
make_torn_files(void)
{
	fixture_shell(": >%s/user/joe/2.", f.spool);
	fixture_shell("(head -c 512 /dev/zero | tr '\\0' x; head -c 600 /dev/zero) >%s/user/joe/3.", f.spool);
	make_file(4, "UNKNOWN");
}

static void
torn_files_go(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	char findings[5000];

	(void)state;
	fixture_append(m, f.s, "ONE");
	make_torn_files();
	/* The whole one may be a message: its UID is passed over. */
	assert_int_equal(fixture_append(m, f.s, "TWO"), 5);
	mbox_close(m);
	expect_file(4, "UNKNOWN");
	reconstruct(findings);
	assert_non_null(strstr(findings, "uid 4: found"));
	assert_null(strstr(findings, "uid 2"));
	assert_null(strstr(findings, "uid 3"));
}

static void
reconstruct_removes_torn_files(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	char findings[5000];

	(void)state;
	fixture_append(m, f.s, "ONE");
	mbox_close(m);
	make_torn_files();
	reconstruct(findings);
	assert_non_null(strstr(findings, "uid 2: the file is what a power cut left"));
	assert_non_null(strstr(findings, "uid 3: the file is what a power cut left"));
	assert_non_null(strstr(findings, "uid 4: found"));
	reconstruct(findings);
	assert_string_equal(findings, "");
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 2);
	mbox_close(m);
}

/* Of an older index nobody knows: its torn files may be damaged messages. */
static void
torn_files_of_an_older_index_stay(void **state)
{
	char findings[5000];

	(void)state;
	fill_around_the_backup();
	assert_int_equal(store_checkpoint(f.s), OK);
	store_close(f.s);
	put_index_back(false);
	fixture_shell(": >%s/user/joe/6.", f.spool);
	assert_int_equal(store_open(&f.params, &f.s), OK);
	reconstruct(findings);
	assert_non_null(strstr(findings, "uid 6: found"));
}

static void
mark_as_being_written(uint32_t uid, uint64_t lsn)
{
	const struct word to = WORD(writing_uid, uid), at = WORD(writing_lsn, lsn);

	damage_word(&at);
	damage_word(&to);
}

/* What a writer left who was killed goes, and its UIDs are free. */
static void
unfinished_files_go(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0), *other;
	char findings[5000];

	(void)state;
	fixture_append(m, f.s, "ONE");
	assert_int_equal(store_checkpoint(f.s), OK);
	make_file(2, "UNFINISHED");
	make_file(4, "UNFINISHED");
	mark_as_being_written(4, 1);
	other = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(other), 1);
	mbox_close(other);
	assert_int_equal(fixture_append(m, f.s, "TWO"), 2);
	mbox_close(m);
	expect_file(2, "TWO");
	reconstruct(findings);
	assert_string_equal(findings, "");
}

/* The mark came with an index from a backup: those files are messages by now. */
static void
mark_from_a_backup_is_not_believed(void **state)
{
	struct mbox *m;

	(void)state;
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	fixture_append(m, f.s, "ONE");
	mbox_close(m);
	mark_as_being_written(5, 1);
	save_index();
	fixture_reopen(&f);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(fixture_append(m, f.s, "TWO"), 2);
	mbox_close(m);
	assert_int_equal(store_checkpoint(f.s), OK);
	store_close(f.s);
	put_index_back(false);
	assert_int_equal(store_open(&f.params, &f.s), OK);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(fixture_append(m, f.s, "THREE"), 3);
	mbox_close(m);
	expect_file(2, "TWO");
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_damaged_word_is_mended),
		TEST(witness_knows_the_last_uid),
		cmocka_unit_test(older_index_gives_no_uid_twice),
		TEST(older_index_is_mended),
		TEST(witness_alone_tells),
		TEST(unknown_file_is_never_written_over),
		TEST(unknown_file_among_several),
		TEST(torn_files_go),
		TEST(reconstruct_removes_torn_files),
		TEST(torn_files_of_an_older_index_stay),
		TEST(unfinished_files_go),
		TEST(mark_from_a_backup_is_not_believed),
		TEST(index_of_a_copy_comes_last),
	};

	return cmocka_run_group_tests_name("store rot", tests, NULL, NULL);
}
