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

struct fixture f;

int
fixture_setup_empty(void **state)
{
	(void)state;
	fixture_open(&f);
	return 0;
}

int
fixture_setup(void **state)
{
	(void)fixture_setup_empty(state);
	fixture_create(&f, "user.joe");
	return 0;
}

int
fixture_teardown(void **state)
{
	(void)state;
	fixture_close(&f);
	return 0;
}

void
fixture_open(struct fixture *fx)
{
	memset(fx, 0, sizeof(*fx));
	snprintf(fx->dir, sizeof(fx->dir), "/tmp/test_store.XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	snprintf(fx->config, sizeof(fx->config), "%s/config", fx->dir);
	snprintf(fx->spool, sizeof(fx->spool), "%s/spool", fx->dir);
	snprintf(fx->spool2, sizeof(fx->spool2), "%s/spool2", fx->dir);
	assert_int_equal(mkdir(fx->spool, 0700), 0);
	assert_int_equal(mkdir(fx->spool2, 0700), 0);
	fx->part[0] = (struct store_partition){ "default", fx->spool };
	fx->part[1] = (struct store_partition){ "second", fx->spool2 };
	fx->params = (struct store_params){
		.config_dir = fx->config,
		.partitions = fx->part,
		.partition_count = 2,
		.default_partition = "default",
		.expunge_delayed = true,
		.delete_delayed = false,
		.deleted_prefix = "DELETED",
		.default_acl = "anyone\tlrs\t",
	};
	assert_int_equal(store_open(&fx->params, &fx->s), OK);
	fx->arena = arena_new(16 << 20);
}

void
fixture_reopen(struct fixture *fx)
{
	store_close(fx->s);
	assert_int_equal(store_open(&fx->params, &fx->s), OK);
}

void
fixture_close(struct fixture *fx)
{
	store_close(fx->s);
	arena_free(fx->arena);
	fixture_shell("rm -rf %s", fx->dir);
}

void
fixture_create(struct fixture *fx, const char *name)
{
	struct mblist_create c = { .name = str_c(name) };

	assert_int_equal(mblist_create(fx->s, &c), OK);
}

struct mbox *
fixture_mbox(struct fixture *fx, const char *name, const char *user, unsigned flags)
{
	struct mbentry *e;
	struct mbox *m;

	assert_int_equal(mblist_lookup(fx->s, fx->arena, str_c(name), &e), OK);
	assert_int_equal(mbox_open(fx->s, e, user, flags, &m), OK);
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
fixture_append_blob(struct mbox *m, struct blob *b)
{
	struct append_params p = { .flags = 0 };
	struct txn *t = txn_begin(m);
	uint32_t uid;

	txn_append(t, b, &p);
	assert_int_equal(txn_commit(t), OK);
	uid = txn_result(t)->new_uids[0];
	txn_abort(t);
	return uid;
}

uint32_t
fixture_append(struct mbox *m, struct store *s, const char *text)
{
	struct blob *b = fixture_blob(s, text);
	uint32_t uid = fixture_append_blob(m, b);

	blob_free(b);
	return uid;
}

void
fixture_store(struct mbox *m, uint32_t uid, const struct store_params_flags *p)
{
	struct txn *t = txn_begin(m);

	txn_store(t, &uid, 1, p);
	assert_int_equal(txn_commit(t), OK);
	txn_abort(t);
}

void
fixture_shell(const char *fmt, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	assert_int_equal(system(command), 0);
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
check_quick_ways(struct fixture *fx, const struct mbentry *e)
{
	struct str owner = mblist_owner(str_c(e->name));
	char userid[64];
	struct mbox_status st, quick;
	struct message msg;
	uint32_t unseen = 0;
	struct mbox *m;

	snprintf(userid, sizeof(userid), "%.*s", STR_ARG(owner));
	assert_int_equal(mbox_open(fx->s, e, userid, MBOX_READONLY, &m), OK);
	for (uint32_t seq = 1; unseen == 0 && seq <= mbox_count(m); seq++) {
		assert_int_equal(mbox_message(m, seq, &msg), OK);
		if (!(msg.flags & MSG_SEEN))
			unseen = seq;
	}
	assert_int_equal(mbox_first_unseen(m), unseen);
	assert_int_equal(mbox_status(m, &st), OK);
	mbox_close(m);
	if (mbox_glance(fx->s, e, userid, &quick) == OK)
		assert_memory_equal(&quick, &st, sizeof(st));
}

void
fixture_check_sums(struct fixture *fx, const char *name)
{
	uint64_t bytes = 0;
	uint32_t exists = 0, unseen = 0, last = 0;
	struct index_record r;
	struct index_header h;
	struct mbentry *e;
	struct index *ix;
	int fd;

	assert_int_equal(mblist_lookup(fx->s, fx->arena, str_c(name), &e), OK);
	assert_int_equal(mblist_open_dir(fx->s, e, &fd), OK);
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
	check_quick_ways(fx, e);
}
