/*
 * fuzz_disk.c - any bytes are a file of the store (imap/disk)
 *
 * The first byte says of which kind; its high bit asks that checksums be made
 * right first, so that what lies behind them is reached, too.  Beside what the
 * sanitizers see it checks that what was read can be written and is then read
 * as the same, and that what is added to a damaged log is found again.
 */
#include "imap/disk/cache.h"
#include "imap/disk/header.h"
#include "imap/disk/ranks.h"
#include "imap/disk/rec.h"
#include "imap/disk/seen.h"
#include "imap/disk/uidset.h"
#include "imap/disk/wal.h"
#include "lib/arena.h"
#include "lib/crc.h"
#include "test/fuzz/place.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int dir = -1;

/* --- change records --- */

static void
encode_annots(struct str annots, struct buf *out)
{
	struct annot change[64];
	struct buf all = BUF_INIT;
	size_t n = 0;

	while (n < 64 && rec_annot_next(&annots, &change[n]))
		n++;
	/* More than fit are left as they are. */
	rec_add_annots(&all, change, n);
	buf_add_str(&all, annots);
	all.p[1] = (char)((all.n - 5) >> 24);
	all.p[2] = (char)((all.n - 5) >> 16);
	all.p[3] = (char)((all.n - 5) >> 8);
	all.p[4] = (char)(all.n - 5);
	buf_add_str(out, buf_str(&all));
	buf_free(&all);
}

/* R again as bytes: what was read says all there was. */
static void
encode(const struct rec *r, struct buf *out)
{
	switch (r->type) {
	case REC_MAILBOX:
		rec_add_mailbox(out, &r->mailbox);
		break;
	case REC_HEAD:
		rec_add_head(out, &r->head);
		break;
	case REC_MESSAGE:
		rec_add_message(out, &r->message);
		break;
	case REC_FLAGS:
		rec_add_flags(out, &r->flags);
		break;
	case REC_KEYWORD:
		rec_add_keyword(out, &r->keyword);
		break;
	case REC_SEEN:
		rec_add_seen(out, &r->seen);
		break;
	case REC_BLOB:
		rec_add_blob_head(out, &r->blob.id, r->blob.bytes.n);
		buf_add_str(out, r->blob.bytes);
		break;
	case REC_ANNOTS:
		encode_annots(r->annots, out);
		break;
	case REC_BAD:
		break;
	}
}

static void
fuzz_records(struct str s, bool mend)
{
	struct buf again = BUF_INIT;
	struct rec r, second;
	struct str walk;

	(void)mend;
	for (const char *at = s.p; rec_next(&s, &r); at = s.p) {
		buf_reset(&again);
		encode(&r, &again);
		/* A body may be longer than what this version reads of it. */
		fuzz_must(r.type == REC_BAD || again.n <= (size_t)(s.p - at), "record's length");
		walk = buf_str(&again);
		fuzz_must(r.type == REC_BAD || (rec_next(&walk, &second) && walk.n == 0 &&
		    second.type == r.type), "record read again");
	}
	fuzz_must(s.n == 0, "bytes behind the records");
	buf_free(&again);
}

/* --- cyrus.header --- */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
fuzz_header(struct str s, bool mend)
{
	struct arena *arena = arena_new(4 << 20);
	struct mailbox_header h, again;
	char crc[16];

	fuzz_put(dir, "cyrus.header", s);
	if (mend && s.n > 0) {
		/* Its last line is the checksum of all before. */
		snprintf(crc, sizeof(crc), "crc\t%08" PRIx32 "\n", crc32c(0, s.p, s.n));
		fuzz_append(dir, "cyrus.header", str_c(crc));
	}
	if (header_read(dir, arena, &h) == OK) {
		fuzz_must(h.name != NULL && h.acl != NULL, "a header's parts");
		fuzz_must(header_write(dir, &h, false) == OK, "header written");
		fuzz_must(header_read(dir, arena, &again) == OK, "header read again");
		fuzz_must(same_text(h.name, again.name) && same_text(h.acl, again.acl) &&
		    same_text(h.quotaroot, again.quotaroot) &&
		    same_text(h.specialuse, again.specialuse) && id128_eq(&h.id, &again.id) &&
		    h.uidvalidity == again.uidvalidity && h.flags == again.flags, "header");
		for (unsigned i = 0; i < MBOX_KEYWORDS; i++)
			fuzz_must(same_text(h.keyword[i], again.keyword[i]), "keyword");
	}
	arena_free(arena);
}

/* --- cyrus.seen --- */

/* Every line with its checksum. */
static void
put_seen(struct str s)
{
	struct buf b = BUF_INIT;

	while (s.n > 0) {
		struct str line = str_slice(s, 0, str_chr(s, '\n'));

		buf_add_str(&b, line);
		buf_printf(&b, "\t%08" PRIx32 "\n", crc32c(0, line.p, line.n));
		s = str_slice(s, line.n + 1, s.n);
	}
	fuzz_put(dir, "cyrus.seen", buf_str(&b));
	buf_free(&b);
}

static void
fuzz_seen(struct str s, bool mend)
{
	struct rec_seen line = { .user = STR("joe"), .recent_uid = 7, .changed = 9 };
	struct uidset set = UIDSET_INIT, jane = UIDSET_INIT, again = UIDSET_INIT;
	uint32_t recent = 0, recent_jane = 0;
	struct buf text = BUF_INIT;

	if (mend)
		put_seen(s);
	else
		fuzz_put(dir, "cyrus.seen", s);
	fuzz_must(seen_read(dir, STR("joe"), &set, &recent) == OK, "seen of joe");
	fuzz_must(seen_read(dir, STR("jane"), &jane, &recent_jane) == OK, "seen of jane");
	uidset_add(&set, 17, 17);
	uidset_format(&set, &text);
	line.uids = buf_str(&text);
	fuzz_must(seen_prepare(dir, &line) == OK && seen_apply(dir) == OK, "seen written");
	fuzz_must(seen_read(dir, STR("joe"), &again, &recent) == OK && recent == 7, "seen again");
	fuzz_must(uidset_has(&again, 17) && again.n == set.n, "seen of joe, again");
	uint32_t was = recent_jane;
	size_t ranges = jane.n;
	fuzz_must(seen_read(dir, STR("jane"), &jane, &recent_jane) == OK &&
	    recent_jane == was && jane.n == ranges, "seen of another user");
	uidset_free(&set);
	uidset_free(&jane);
	uidset_free(&again);
	buf_free(&text);
}

static void
fuzz_uidset(struct str s, bool mend)
{
	struct uidset set = UIDSET_INIT, again = UIDSET_INIT;
	struct buf text = BUF_INIT;
	bool good = uidset_parse(&set, s);

	(void)mend;
	fuzz_must(good || set.n == 0, "a bad set is empty");
	for (size_t i = 0; i < set.n; i++)
		fuzz_must(set.r[i].first <= set.r[i].last &&
		    (i == 0 || set.r[i - 1].last < set.r[i].first), "sorted");
	uidset_format(&set, &text);
	fuzz_must(set.n == 0 || uidset_parse(&again, buf_str(&text)), "set read again");
	fuzz_must(set.n == again.n, "set");
	if (set.n > 0) {
		uint32_t middle = set.r[0].first;

		uidset_remove(&set, middle);
		fuzz_must(!uidset_has(&set, middle), "removed");
		uidset_add(&set, middle, middle);
		fuzz_must(uidset_has(&set, middle), "added");
	}
	uidset_free(&set);
	uidset_free(&again);
	buf_free(&text);
}

/* --- entries of cyrus.cache --- */

static void
fuzz_cache(struct str s, bool mend)
{
	static const uint8_t guid[32] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct buf b = BUF_INIT;
	size_t head = 12 + 4 * CACHE_ITEMS;
	struct str entry;

	buf_add_str(&b, s);
	if (mend && b.n >= head + 4) {
		memcpy(b.p, "CHCF", 4);
		memcpy(b.p + 4, guid, 8);
		uint32_t crc = crc32c(crc32c(0, b.p, head), b.p + head + 4, b.n - head - 4);
		for (int i = 0; i < 4; i++)
			b.p[head + (size_t)i] = (char)(crc >> (24 - 8 * i));
	}
	entry = buf_str(&b);
	if (cache_check(entry, guid))
		for (int i = 0; i < CACHE_ITEMS; i++) {
			struct str item = cache_get(entry, (enum cache_item)i);

			fuzz_must(item.n == 0 || (item.p >= entry.p && item.p + item.n <=
			    entry.p + entry.n), "an item outside of its entry");
		}
	buf_free(&b);
}

/* --- the log --- */

struct seen_frames {
	size_t n;
	uint64_t last;
	struct str want;
	bool found;
};

static bool
each_frame(void *ctx, uint64_t lsn, struct str payload)
{
	struct seen_frames *f = ctx;

	fuzz_must(f->n == 0 || lsn > f->last, "frames in order");
	f->last = lsn;
	f->n++;
	f->found |= str_eq(payload, f->want);
	return true;
}

/* Makes headers of frames right, one after the other, as their lengths say. */
static void
mend_frames(struct buf *b, uint64_t lsn)
{
	uint32_t chain = 0, crc;
	size_t at = 0;

	while (b->n - at >= 24) {
		unsigned char *p = (unsigned char *)b->p + at;
		size_t len = (size_t)p[6] << 8 | p[7];

		if (len > b->n - at - 24)
			len = b->n - at - 24;
		struct buf h = BUF_INIT;
		buf_add(&h, "CHWF", 4);
		buf_add_u32(&h, (uint32_t)len);
		buf_add_u64(&h, lsn + at);
		buf_add_u32(&h, chain);
		crc = crc32c(crc32c(0, h.p, 20), p + 24, len);
		buf_add_u32(&h, crc);
		memcpy(p, h.p, 24);
		buf_free(&h);
		chain = crc;
		at += 24 + len;
	}
}

static void
put_log(struct str s, bool mend)
{
	struct buf b = BUF_INIT, checkpoint = BUF_INIT;
	char name[32];

	buf_add_str(&b, s);
	if (mend)
		mend_frames(&b, WAL_SEGMENT);
	snprintf(name, sizeof(name), "%016x.log", WAL_SEGMENT);
	fuzz_put(dir, name, buf_str(&b));
	if (faccessat(dir, name, F_OK, 0) == 0)
		fuzz_extend(dir, name, WAL_SEGMENT);
	buf_add(&checkpoint, "CHCP", 4);
	buf_add_u64(&checkpoint, WAL_SEGMENT);
	buf_add_u32(&checkpoint, 0);
	buf_add_u32(&checkpoint, crc32c(0, checkpoint.p, checkpoint.n));
	fuzz_put(dir, "checkpoint", buf_str(&checkpoint));
	buf_free(&checkpoint);
	buf_free(&b);
}

static size_t
scan(struct wal *w, struct str want, bool *found)
{
	struct seen_frames f = { .want = want };

	fuzz_must(wal_scan(w, wal_checkpoint_lsn(w), each_frame, &f) == OK, "scan");
	*found = f.found;
	return f.n;
}

static void
fuzz_log(struct str s, bool mend)
{
	struct str text = STR("this frame was appended behind whatever there was");
	struct iovec iov = { (void *)(uintptr_t)text.p, text.n };
	uint64_t start, end;
	struct wal *w;
	size_t n = 0;
	bool cold, found;

	put_log(s, mend);
	for (int i = 0; i < 2; i++) {
		fuzz_must(wal_open(dir, "wal", &w, &cold) == OK && cold, "log opened");
		size_t now = scan(w, text, &found);
		fuzz_must(i == 0 || (found && now == n), "the log after it was closed");
		wal_ready(w);
		if (i == 0) {
			fuzz_must(wal_append(w, &iov, 1, &start, &end) == OK &&
			    wal_flush(w, end) == OK, "append");
			n = scan(w, text, &found);
			fuzz_must(found && n == now + 1, "the frame that was appended");
		}
		wal_close(w);
	}
	fuzz_empty(dir);
}

/* The checkpoint file is any bytes, the log has one good frame. */
static void
fuzz_checkpoint(struct str s, bool mend)
{
	struct wal *w;
	bool cold;

	put_log(STR(""), false);
	fuzz_put(dir, "checkpoint", s);
	if (mend && s.n >= 16) {
		struct buf b = BUF_INIT;

		buf_add(&b, "CHCP", 4);
		buf_add(&b, s.p + 4, 12);
		buf_add_u32(&b, crc32c(0, b.p, b.n));
		fuzz_put(dir, "checkpoint", buf_str(&b));
		buf_free(&b);
	}
	if (wal_open(dir, "wal", &w, &cold) == OK) {
		wal_ready(w);
		wal_close(w);
	}
	fuzz_empty(dir);
}

/* --- cyrus.sort --- */

enum { RANKS_HEAD = 44, RANKS_ROW = 12 };

static const struct ranks_origin ranks_ours = { { { 1, 2, 3 } }, 7, 1, 2 };

static void
put_u32(struct buf *b, size_t at, uint32_t v)
{
	for (size_t i = 0; i < 4; i++)
		b->p[at + i] = (char)(v >> (24 - 8 * i));
}

/* Ours, of as many tables as fit, each with its checksum and as long as fits. */
static void
mend_ranks(struct buf *b)
{
	size_t count = (unsigned char)b->p[RANKS_HEAD - 1], fit, at;

	fit = (b->n - RANKS_HEAD - 4) / RANKS_ROW;
	count = count < fit ? count : fit;
	memcpy(b->p, "chaparso\0\0\0\1\0\0\0\1\0\0\0\2", 20);
	memcpy(b->p + 20, ranks_ours.mailbox.b, 16);
	put_u32(b, 36, ranks_ours.uidvalidity);
	put_u32(b, 40, (uint32_t)count);
	at = RANKS_HEAD + count * RANKS_ROW + 4;
	for (size_t i = 0; i < count; i++) {
		size_t row = RANKS_HEAD + i * RANKS_ROW, n = (unsigned char)b->p[row + 7];

		n = n * 8 <= b->n - at ? n : (b->n - at) / 8;
		put_u32(b, row + 4, (uint32_t)n);
		put_u32(b, row + 8, crc32c(0, b->p + at, n * 8));
		at += n * 8;
	}
	put_u32(b, RANKS_HEAD + count * RANKS_ROW,
	    crc32c(0, b->p, RANKS_HEAD + count * RANKS_ROW));
	buf_truncate(b, at);
}

/* What was read is in order; written again, beside one more, it is read as the same. */
static void
check_ranks(struct ranks_by by)
{
	struct ranks_table more = { .by = { by.text, (char)(by.collation + 1) } };
	struct ranks r, again;
	struct buf file = BUF_INIT;

	if (ranks_read(dir, &ranks_ours, by, &r) != OK)
		return;
	for (size_t i = 0; i < r.n; i++)
		fuzz_must((i == 0 || r.uid[i] > r.uid[i - 1]) && r.rank[i] > 0 &&
		    r.rank[i] <= r.highest && r.highest <= RANKS_MAX, "ranks");
	ranks_new(&more.ranks, r.n);
	memcpy(more.ranks.uid, r.uid, r.n * 4);
	memcpy(more.ranks.rank, r.rank, r.n * 4);
	ranks_build(dir, &ranks_ours, &more, 1, &file);
	fuzz_put(dir, RANKS_FILE, buf_str(&file));
	fuzz_must(ranks_read(dir, &ranks_ours, more.by, &again) == OK && again.n == r.n,
	    "a table that was written");
	ranks_free(&again);
	if (ranks_read(dir, &ranks_ours, by, &again) == OK)
		fuzz_must(again.n == r.n && memcmp(again.uid, r.uid, r.n * 4) == 0 &&
		    memcmp(again.rank, r.rank, r.n * 4) == 0, "a table that was there");
	ranks_free(&again);
	ranks_free(&more.ranks);
	ranks_free(&r);
	buf_free(&file);
}

static void
fuzz_ranks(struct str s, bool mend)
{
	struct buf b = BUF_INIT;

	buf_add_str(&b, s);
	if (mend && b.n >= RANKS_HEAD + 4)
		mend_ranks(&b);
	fuzz_put(dir, RANKS_FILE, buf_str(&b));
	check_ranks((struct ranks_by){ 'S', 'u' });
	if (b.n >= RANKS_HEAD + RANKS_ROW) {
		fuzz_put(dir, RANKS_FILE, buf_str(&b));
		check_ranks((struct ranks_by){ b.p[RANKS_HEAD], b.p[RANKS_HEAD + 1] });
	}
	buf_free(&b);
	fuzz_empty(dir);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const targets[])(struct str s, bool mend) = {
		fuzz_records, fuzz_header, fuzz_seen, fuzz_uidset, fuzz_cache, fuzz_log,
		fuzz_checkpoint,
	};
	const size_t n = sizeof(targets) / sizeof(targets[0]);
	size_t which = size > 0 ? data[0] & 0x7f : 0;
	bool mend = size > 0 && (data[0] & 0x80) != 0;
	struct str s = size > 0 ? (struct str){ (const char *)data + 1, size - 1 } : STR("");

	if (dir < 0)
		dir = fuzz_place();
	/* The last of them came later: inputs mean what they did before. */
	if (which == n)
		fuzz_ranks(s, mend);
	else if (size > 0)
		targets[which % n](s, mend);
	return 0;
}
