/*
 * fuzz_store.c - any bytes are what a store finds at its mailbox (imap/store)
 *
 * The first byte says what: a frame of the log, cyrus.index, cyrus.cache, a
 * value of mailboxes.db, a quota file, a subscription file; its high bit asks
 * that checksums be made right first.  The store is opened once, and its one
 * mailbox put back as it was before each input.  Checked beside what the
 * sanitizers see: a log replayed twice is a log replayed once; a mailbox that
 * opens can be read, written and reconstructed, and is right after that; a
 * damaged cache changes no answer.
 */
#include "imap/disk/cache.h"
#include "imap/disk/header.h"
#include "imap/disk/rec.h"
#include "imap/disk/wal.h"
#include "imap/store/check.h"
#include "imap/store/list/local.h"
#include "imap/store/list/mbdb.h"
#include "imap/store/list/mbdir.h"
#include "imap/store/list/mblist.h"
#include "imap/store/list/quota.h"
#include "imap/store/list/subs.h"
#include "imap/store/mbox/blob.h"
#include "imap/store/mbox/mbox.h"
#include "imap/store/mbox/txn.h"
#include "imap/store/upkeep/replay.h"
#include "lib/crc.h"
#include "lib/file.h"
#include "lib/log.h"
#include "test/fuzz/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHANGE(octets, count)	(&(struct quota_change){ (octets), (count), 0 })
#define LIMITS(kb, count)	(&(struct quota_limits){ (kb), (count), -1, -1 })

enum { MESSAGES = 3, ARENA = 16 << 20 };

/* Stands for the mailbox's id in the input. */
static const char placeholder[17] = "\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11";

static struct {
	struct store *s;
	struct arena *arena;
	struct arena_mark empty;
	struct mbentry *e;
	int dir;			/* the mailbox's */
	struct {
		const char *name;
		struct buf bytes;
	} file[8];
	size_t files;
	struct buf quota;		/* its file */
	struct buf item[MESSAGES][CACHE_ITEMS];
} w;

static const char *const texts[MESSAGES] = {
	"From: a@example.org\r\nSubject: one\r\n\r\nfirst\r\n",
	"From: b@example.org\r\nTo: c@example.org\r\nSubject: two\r\nMIME-Version: 1.0\r\n"
	"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\none\r\n--x\r\n"
	"Content-Type: text/html\r\n\r\n<b>\r\n--x--\r\n",
	"Subject: three\r\n\r\nthird\r\n",
};

static enum err
append(struct mbox *m, const char *text)
{
	struct append_params p = { .flags = MSG_FLAGGED };
	struct txn *t = txn_begin(m);
	struct blob *b;
	enum err e;

	fuzz_must(blob_new(w.s, NULL, &b) == OK && blob_write(b, text, strlen(text)) == OK &&
	    blob_finish(b) == OK, "a blob");
	txn_append(t, b, &p);
	e = txn_commit(t);
	txn_abort(t);
	blob_free(b);
	return e;
}

static void
remember_items(struct mbox *m)
{
	struct str item;

	for (uint32_t i = 0; i < MESSAGES; i++)
		for (int k = 0; k < CACHE_ITEMS; k++) {
			fuzz_must(mbox_cache(m, i + 1, (enum cache_item)k, &item) == OK, "item");
			buf_add_str(&w.item[i][k], item);
		}
}

static void
remember_files(void)
{
	static const char *const names[] = { "cyrus.index", "cyrus.cache", "cyrus.header",
	    "1.", "2.", "3." };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		w.file[w.files].name = names[i];
		fuzz_must(file_slurp(w.dir, names[i], 1 << 20, &w.file[w.files].bytes) == OK,
		    names[i]);
		w.files++;
	}
}

/* The quota root's file; the caller closes its directory. */
static int
quota_dir(void)
{
	int dir = openat(w.s->config_fd, "quota", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	fuzz_must(dir >= 0, "quota");
	return dir;
}

static void
make_world(void)
{
	static char config[128], spool[128];
	static struct store_partition part = { "default", spool };
	static struct store_params p = { .config_dir = config, .partitions = &part,
	    .partition_count = 1, .default_partition = "default", .expunge_delayed = true,
	    .deleted_prefix = "DELETED", .default_acl = "joe\tlrswipkxtecda\t" };
	struct mblist_create c = { .name = STR("user.joe") };
	struct mbox *m;

	snprintf(config, sizeof(config), "%s/config", fuzz_path());
	snprintf(spool, sizeof(spool), "%s/spool", fuzz_path());
	fuzz_must(mkdir(spool, 0700) == 0, "mkdir");
	fuzz_must(store_open(&p, &w.s) == OK, "store_open");
	w.arena = arena_new(ARENA);
	w.empty = arena_mark(w.arena);
	fuzz_must(mblist_create(w.s, &c) == OK, "create");
	fuzz_must(quota_set(w.s, STR("user.joe"), LIMITS(1000, 1000)) == OK, "quota");
	fuzz_must(mblist_lookup(w.s, w.arena, STR("user.joe"), &w.e) == OK, "lookup");
	fuzz_must(mbox_open(w.s, w.e, "joe", 0, &m) == OK, "open");
	for (int i = 0; i < MESSAGES; i++)
		fuzz_must(append(m, texts[i]) == OK, "append");
	mbox_close(m);
	fuzz_must(mbox_open(w.s, w.e, "joe", 0, &m) == OK, "open");
	remember_items(m);
	mbox_close(m);
	fuzz_must(mblist_open_dir(w.s, w.e, &w.dir) == OK, "directory");
	remember_files();
	int dir = quota_dir();
	fuzz_must(file_slurp(dir, "user.joe", 4096, &w.quota) == OK, "user.joe's quota");
	close(dir);
}

/* Everybody who still has the old index sees that it is not the mailbox any more. */
static void
disown_index(void)
{
	uint32_t state = INDEX_REPLACED;
	int fd = openat(w.dir, "cyrus.index", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	if (pwrite(fd, &state, sizeof(state), offsetof(struct index_header, state)) < 0)
		abort();
	close(fd);
}

/* Reconstruct has given it a new UIDVALIDITY: so has what is put back. */
static void
renew(void)
{
	struct index_header *h = (struct index_header *)(void *)w.file[0].bytes.p;
	struct mailbox_header header;

	if (h->uidvalidity == w.e->uidvalidity)
		return;
	h->uidvalidity = w.e->uidvalidity;
	h->crc = crc32c(0, h, offsetof(struct index_header, seq));
	h->sums_crc = 0;		/* it is of crc, too */
	fuzz_put(w.dir, "cyrus.index", buf_str(&w.file[0].bytes));
	fuzz_must(header_read(w.dir, w.arena, &header) == OK, "cyrus.header");
	header.uidvalidity = w.e->uidvalidity;
	fuzz_must(header_write(w.dir, &header, false) == OK, "cyrus.header");
	buf_reset(&w.file[2].bytes);
	fuzz_must(file_slurp(w.dir, "cyrus.header", 1 << 20, &w.file[2].bytes) == OK,
	    "cyrus.header");
}

static void
look_up(void)
{
	arena_rewind(w.arena, w.empty);
	fuzz_must(mblist_lookup(w.s, w.arena, STR("user.joe"), &w.e) == OK, "lookup");
}

/* The log forgets all there was; the mailbox is as at the beginning. */
static void
put_back(void)
{
	struct wal *wal = w.s->part[0].wal;

	fuzz_must(wal_checkpoint_set(wal, wal_mark(wal)) == OK, "checkpoint");
	disown_index();
	fuzz_empty(w.dir);
	for (size_t i = 0; i < w.files; i++)
		fuzz_put(w.dir, w.file[i].name, buf_str(&w.file[i].bytes));
	int dir = quota_dir();
	fuzz_put(dir, "user.joe", buf_str(&w.quota));
	close(dir);
	look_up();
	renew();
}

/* S with the mailbox's id where the placeholder stands. */
static void
fill_in(struct str s, struct buf *out)
{
	char *at;

	buf_add_str(out, s);
	while (out->n >= 16 && (at = memmem(out->p, out->n, placeholder, 16)) != NULL)
		memcpy(at, w.e->id.b, 16);
}

static void
read_all(struct mbox *m)
{
	struct mbox_update u;
	struct message msg;
	struct str bytes;

	fuzz_must(mbox_refresh(m, w.arena, 0, &u) != ERR_SYNTAX, "refresh");
	for (uint32_t i = 1; i <= mbox_count(m); i++) {
		if (mbox_message(m, i, &msg) != OK)
			continue;
		for (int k = 0; k < CACHE_ITEMS; k++)
			if (mbox_cache(m, i, (enum cache_item)k, &bytes) == OK && bytes.n > 0)
				fuzz_must(bytes.p[0] + bytes.p[bytes.n - 1] != 512, "bytes");
		if (mbox_body(m, i, &bytes) == OK)
			fuzz_must(bytes.n < 1 << 20, "body");
	}
	(void)mbox_first_unseen(m);
}

static void
use_mailbox(void)
{
	struct mbox *m;

	if (mbox_open(w.s, w.e, "joe", 0, &m) != OK)
		return;
	read_all(m);
	if (append(m, texts[0]) == OK)
		read_all(m);
	mbox_close(m);
}

static void
report(void *ctx, const char *mailbox, const char *line)
{
	(void)ctx;
	log_info("%s: %s", mailbox, line);
}

static void
must_be_whole(struct mbox *m)
{
	struct message msg;
	struct str bytes;

	for (uint32_t i = 1; i <= mbox_count(m); i++)
		fuzz_must(mbox_message(m, i, &msg) == OK && mbox_body(m, i, &bytes) == OK &&
		    bytes.n == msg.size, "a reconstructed mailbox has its messages");
}

/* Whatever there was, reconstruct makes it right, and says so. */
static void
reconstruct(void)
{
	struct check_params p = { .mismatch = CHECK_NEW_UID, .report = report };
	struct check_result r;
	struct mbox *m;

	if (check_mailbox(w.s, w.e, &p, &r) != OK)
		return;
	look_up();
	fuzz_must(check_mailbox(w.s, w.e, &p, &r) == OK && !r.changed && r.damaged == 0,
	    "reconstruct leaves something for the next time");
	look_up();
	fuzz_must(mbox_open(w.s, w.e, "joe", 0, &m) == OK, "a reconstructed mailbox opens");
	fuzz_must(mbox_count(m) == r.messages, "its messages");
	read_all(m);
	if (r.remaining == 0)
		must_be_whole(m);
	/* Unless what the header says was the last UID is the last one that there is. */
	enum err e = append(m, texts[2]);
	fuzz_must(e == OK || e == ERR_QUOTA || mbox_uidnext(m) == 0 ||
	    mbox_highestmodseq(m) == UINT64_MAX, "a reconstructed mailbox takes mail");
	mbox_close(m);
}

/* --- the log --- */

static void
index_bytes(struct buf *b)
{
	struct index_header *h;

	buf_reset(b);
	fuzz_must(file_slurp(w.dir, "cyrus.index", 64 << 20, b) == OK, "cyrus.index");
	h = (struct index_header *)(void *)b->p;
	/* These count on from what is there: others look once too often. */
	h->seq = h->keywords_changed = h->seen_changed = h->changed_modseq = 0;
}

static void
fuzz_frame(struct str s, bool mend)
{
	struct buf b = BUF_INIT, once = BUF_INIT, twice = BUF_INIT, body = BUF_INIT;
	struct partition *part = &w.s->part[0];
	struct iovec iov;
	uint64_t start, end;

	if (mend)
		rec_begin(&b, 1700000000);
	fill_in(s, &body);
	buf_add_str(&b, buf_str(&body));
	iov = (struct iovec){ b.p, b.n };
	fuzz_must(b.n == 0 || wal_append(part->wal, &iov, 1, &start, &end) == OK, "append");
	if (replay_partition(w.s, part) == OK) {
		index_bytes(&once);
		fuzz_must(replay_partition(w.s, part) == OK, "replayed again");
		index_bytes(&twice);
		fuzz_must(str_eq(buf_str(&once), buf_str(&twice)), "replaying twice");
	}
	use_mailbox();
	reconstruct();
	buf_free(&b);
	buf_free(&body);
	buf_free(&once);
	buf_free(&twice);
}

/* --- cyrus.index, cyrus.cache --- */

static void
mend_record(struct index_record *r)
{
	const size_t hole = offsetof(struct index_record, cache_offset);
	const size_t after = offsetof(struct index_record, header_size);
	uint32_t flags = r->flags;

	r->flags &= ~(uint32_t)REC_RECLAIMED;
	r->crc = crc32c(crc32c(0, r, hole), (const char *)r + after,
	    offsetof(struct index_record, crc) - after);
	r->flags = flags;
}

static void
fuzz_index(struct str s, bool mend)
{
	struct buf b = BUF_INIT;
	struct index_header *h;

	fill_in(s, &b);
	buf_reserve(&b, INDEX_HEADER_SIZE);
	if (mend && b.n >= INDEX_HEADER_SIZE) {
		h = (struct index_header *)(void *)b.p;
		memcpy(h, w.file[0].bytes.p, offsetof(struct index_header, base_lsn));
		h->crc = crc32c(0, h, offsetof(struct index_header, seq));
		for (size_t at = INDEX_HEADER_SIZE; at + INDEX_RECORD_SIZE <= b.n;
		    at += INDEX_RECORD_SIZE)
			mend_record((struct index_record *)(void *)(b.p + at));
	}
	disown_index();
	fuzz_put(w.dir, "cyrus.index", buf_str(&b));
	use_mailbox();
	reconstruct();
	buf_free(&b);
}

static void
fuzz_cache_file(struct str s, bool mend)
{
	struct str item;
	struct mbox *m;
	struct buf b = BUF_INIT;

	/* Over what is there, from a place in it on. */
	buf_add_str(&b, buf_str(&w.file[1].bytes));
	if (mend && s.n > 1) {
		size_t at = (unsigned char)s.p[0] * b.n / 256;

		b.n = at;
		s = str_slice(s, 1, s.n);
	}
	buf_add_str(&b, s);
	fuzz_put(w.dir, "cyrus.cache", buf_str(&b));
	buf_free(&b);
	fuzz_must(mbox_open(w.s, w.e, "joe", 0, &m) == OK, "open");
	for (uint32_t i = 0; i < MESSAGES; i++)
		for (int k = 0; k < CACHE_ITEMS; k++)
			fuzz_must(mbox_cache(m, i + 1, (enum cache_item)k, &item) == OK &&
			    str_eq(item, buf_str(&w.item[i][k])), "a damaged cache answers");
	fuzz_must(append(m, texts[1]) == OK, "append");
	mbox_close(m);
}

/* --- what belongs to names --- */

static void
fuzz_value(struct str s, bool mend)
{
	struct mbentry *e;
	struct quota_limits l;

	(void)mend;
	if (mbdb_decode(w.arena, STR("user.x"), s, &e) == OK)
		fuzz_must(e->acl != NULL && e->partition != NULL, "an entry's parts");
	(void)mbdb_get_limits(s, &l);
}

static void
fuzz_quota(struct str s, bool mend)
{
	struct quota q;
	char crc[16];
	uint64_t was, is;
	int dir = quota_dir();

	fuzz_put(dir, "user.joe", s);
	if (mend) {
		snprintf(crc, sizeof(crc), "%08x\n", crc32c(0, s.p, s.n));
		fuzz_append(dir, "user.joe", str_c(crc));
	}
	close(dir);
	fuzz_must(quota_get(w.s, w.arena, STR("user.joe"), &q) == OK, "quota_get");
	fuzz_must(quota_check(w.s, STR("user.joe"), CHANGE(1, 1), false) != ERR_CORRUPT, "quota_check");
	int held;
	quota_add(w.s, STR("user.joe"), CHANGE(-100000, -7), &held);
	quota_added(held);
	fuzz_must(quota_recount(w.s, STR("user.joe"), true, &was, &is) == OK, "recount");
	fuzz_must(quota_get(w.s, w.arena, STR("user.joe"), &q) == OK &&
	    q.used_messages == MESSAGES && q.limit.kb == 1000, "counted anew");
}

static bool
each_name(void *ctx, struct str name)
{
	size_t *n = ctx;

	fuzz_must(name.n < 1 << 20, "a subscribed name");
	(*n)++;
	return true;
}

static void
fuzz_subs(struct str s, bool mend)
{
	int dir;
	size_t before = 0, after = 0;
	bool has = false;

	(void)mend;
	fuzz_must(subs_set(w.s, STR("joe"), STR("user.joe"), true) == OK, "subscribe");
	dir = openat(w.s->config_fd, "user/j", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fuzz_must(dir >= 0, "user/j");
	fuzz_put(dir, "joe.sub", s);
	close(dir);
	if (subs_walk(w.s, STR("joe"), STR(""), each_name, &before) != OK)
		return;
	fuzz_must(subs_set(w.s, STR("joe"), STR("user.joe.x"), true) == OK, "subscribe");
	fuzz_must(subs_has(w.s, STR("joe"), STR("user.joe.x"), &has) == OK && has, "has");
	fuzz_must(subs_walk(w.s, STR("joe"), STR(""), each_name, &after) == OK &&
	    after >= 1, "walk");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const targets[])(struct str s, bool mend) = {
		fuzz_frame, fuzz_index, fuzz_cache_file, fuzz_value, fuzz_quota, fuzz_subs,
	};

	if (w.s == NULL)
		make_world();
	if (size == 0)
		return 0;
	put_back();
	targets[(data[0] & 0x7f) % (sizeof(targets) / sizeof(targets[0]))](
	    (struct str){ (const char *)data + 1, size - 1 }, (data[0] & 0x80) != 0);
	return 0;
}
