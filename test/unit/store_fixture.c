/* store_fixture.c - a private store in a temporary directory */
#include "test/unit/store_fixture.h"

#include "imap/disk/index.h"
#include "lib/buf.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

void
fixture_open(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/test_store.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->config, sizeof(f->config), "%s/config", f->dir);
	snprintf(f->spool, sizeof(f->spool), "%s/spool", f->dir);
	snprintf(f->spool2, sizeof(f->spool2), "%s/spool2", f->dir);
	assert_int_equal(mkdir(f->spool, 0700), 0);
	assert_int_equal(mkdir(f->spool2, 0700), 0);
	f->part[0] = (struct store_partition){ "default", f->spool };
	f->part[1] = (struct store_partition){ "second", f->spool2 };
	f->params = (struct store_params){
		.config_dir = f->config,
		.partitions = f->part,
		.partition_count = 2,
		.default_partition = "default",
		.expunge_delayed = true,
		.delete_delayed = false,
		.deleted_prefix = "DELETED",
		.default_acl = "anyone\tlrs\t",
	};
	assert_int_equal(store_open(&f->params, &f->s), OK);
	f->arena = arena_new(16 << 20);
}

void
fixture_reopen(struct fixture *f)
{
	store_close(f->s);
	assert_int_equal(store_open(&f->params, &f->s), OK);
}

void
fixture_close(struct fixture *f)
{
	char command[128];

	store_close(f->s);
	arena_free(f->arena);
	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	assert_int_equal(system(command), 0);
}

void
fixture_create(struct fixture *f, const char *name)
{
	struct mblist_create c = { .name = str_c(name) };

	assert_int_equal(mblist_create(f->s, &c), OK);
}

struct mbox *
fixture_mbox(struct fixture *f, const char *name, const char *user, unsigned flags)
{
	struct mbentry *e;
	struct mbox *m;

	assert_int_equal(mblist_lookup(f->s, f->arena, str_c(name), &e), OK);
	assert_int_equal(mbox_open(f->s, e, user, flags, &m), OK);
	return m;
}

struct blob *
fixture_blob(struct store *s, const char *text)
{
	struct buf msg = BUF_INIT;
	struct blob *b;

	buf_printf(&msg, "From: a@example.org\r\nSubject: %s\r\n\r\n%s\r\n", text, text);
	assert_int_equal(blob_new(s, NULL, &b), OK);
	assert_int_equal(blob_write(b, msg.p, msg.n), OK);
	assert_int_equal(blob_finish(b), OK);
	buf_free(&msg);
	return b;
}

uint32_t
fixture_append(struct mbox *m, struct store *s, const char *text)
{
	struct append_params p = { .flags = 0 };
	struct blob *b = fixture_blob(s, text);
	struct txn *t = txn_begin(m);
	uint32_t uid;

	txn_append(t, b, &p);
	assert_int_equal(txn_commit(t), OK);
	uid = txn_result(t)->new_uids[0];
	txn_abort(t);
	blob_free(b);
	return uid;
}

void
fixture_expect_body(struct mbox *m, uint32_t seq, const char *text)
{
	struct buf want = BUF_INIT;
	struct str bytes;

	buf_printf(&want, "From: a@example.org\r\nSubject: %s\r\n\r\n%s\r\n", text, text);
	assert_int_equal(mbox_body(m, seq, &bytes), OK);
	assert_int_equal(bytes.n, want.n);
	assert_memory_equal(bytes.p, want.p, want.n);
	buf_free(&want);
}

/* What is told without looking at all messages is what looking at them tells. */
static void
check_quick_ways(struct fixture *f, const struct mbentry *e)
{
	struct str owner = mblist_owner(str_c(e->name));
	char userid[64];
	struct mbox_status st, quick;
	struct message msg;
	uint32_t unseen = 0;
	struct mbox *m;

	snprintf(userid, sizeof(userid), "%.*s", STR_ARG(owner));
	assert_int_equal(mbox_open(f->s, e, userid, MBOX_READONLY, &m), OK);
	for (uint32_t seq = 1; unseen == 0 && seq <= mbox_count(m); seq++) {
		assert_int_equal(mbox_message(m, seq, &msg), OK);
		if (!(msg.flags & MSG_SEEN))
			unseen = seq;
	}
	assert_int_equal(mbox_first_unseen(m), unseen);
	assert_int_equal(mbox_status(m, &st), OK);
	mbox_close(m);
	if (mbox_glance(f->s, e, userid, &quick) == OK)
		assert_memory_equal(&quick, &st, sizeof(st));
}

void
fixture_check_sums(struct fixture *f, const char *name)
{
	uint64_t bytes = 0;
	uint32_t exists = 0, unseen = 0, last = 0;
	struct index_record r;
	struct index_header h;
	struct mbentry *e;
	struct index *ix;
	int fd;

	assert_int_equal(mblist_lookup(f->s, f->arena, str_c(name), &e), OK);
	assert_int_equal(mblist_open_dir(f->s, e, &fd), OK);
	assert_int_equal(index_open(fd, name, &ix), OK);
	assert_int_equal(index_snapshot(ix, &h), OK);
	for (uint32_t i = 0; i < h.records; i++) {
		assert_int_equal(index_get(ix, i, &r), OK);
		assert_true(r.uid > last);
		last = r.uid;
		if (r.flags & REC_EXPUNGED)
			continue;
		exists++;
		bytes += r.size;
		unseen += !(r.flags & MSG_SEEN);
		assert_true(i >= h.unseen_from || r.flags & MSG_SEEN);
	}
	assert_int_equal(h.exists, exists);
	assert_int_equal(h.bytes, bytes);
	assert_int_equal(h.unseen, unseen);
	assert_true(h.last_uid >= last);
	index_close(ix);
	check_quick_ways(f, e);
}
