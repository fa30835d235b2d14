/*
 * history.c - cyrus.history: which UIDs were changed or expunged at which modseq
 *
 * File: a head of HISTORY_HEAD bytes; packed blocks of old expunges (history_pack.h);
 * entries of HISTORY_ENTRY bytes in rising modseqs, the newest last.  Each commit
 * adds at least one entry.  Layouts in doc/formats.md.
 *
 * Invariants
 *  1. The last modseq that is there whole (`upto`) tells how far the file goes:
 *     of all commits after `from` up to it, each expunge is in the blocks or
 *     entries; of those after `cut` each change is in the entries.  So nothing
 *     is ever written behind a gap: an append or a redo of commit N looks
 *     whether upto is N - 1, and else adds what is missing from the index, or
 *     leaves it to the next.
 *  2. All entries above `cut`, and none of the blocks, may be written again.
 *     A byte that a reader may count on never changes but by rename.
 *  3. The index has every tombstone above its reclaimed_modseq.  Those up to it
 *     were dropped after history_settle() had made the file whole and durable.
 *
 * An append is one write(2) behind the last entry, between the flush of the log
 * and the change of the index, not flushed.  Killed in it: an entry that is cut
 * off is not counted; of several with one modseq all but the last say that more
 * follow, so a part of them is not taken for all.  dirty_lsn then has the next
 * locker redo the commit, which overwrites from the first entry of its modseq.
 *
 * Power cut.  What was written since the last checkpoint may be there or not,
 * page by page.  Replay cuts the file before the first entry that is damaged
 * or out of order, and redoes all commits since the checkpoint: the first one
 * overwrites from its modseq on, and goes on where the one before ended, which
 * the checkpoint has flushed.  If it does not (invariant 1), nothing is
 * redone, and the next writer takes what is missing from the index.
 *
 * A reader has taken a copy of the index's header before it opens the file.
 * Every commit in that copy was in the file by then, or never will be, which
 * `upto` tells; a file that has been replaced since holds no less.
 *
 * Whoever finds no file, another mailbox's (by id and UIDVALIDITY), one with a
 * bad head or one that ends before reclaimed_modseq makes it anew from the
 * records; its `from` is then reclaimed_modseq.  A damaged entry or block is
 * found by whoever reads it, and then nothing of the file is believed.
 */
#include "imap/disk/history_in.h"

#include "imap/disk/history_pack.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	KEEP = 2048,			/* entries that stay unpacked */
	LONG = 4 * KEEP,		/* from here on some are packed */
	RETRY_S = 60,			/* after a failure, before all is read again */
};

/* --- lists --- */

static void
list_add(struct history_list *l, const struct history_entry *e)
{
	if (l->n == l->size) {
		l->size = l->size == 0 ? 16 : l->size * 2;
		l->e = mem_grow(l->e, l->size * sizeof(*l->e));
	}
	if (l->n > 0)
		l->e[l->n - 1].more = l->e[l->n - 1].modseq == e->modseq;
	l->e[l->n] = *e;
	l->e[l->n++].more = false;
}

void
history_note(struct history_list *l, uint64_t modseq, enum history_kind kind, uint32_t uid)
{
	struct history_entry e = { modseq, { uid, uid }, kind, false };

	if (l->n > 0 && kind != HISTORY_NOTHING) {
		struct history_entry *last = &l->e[l->n - 1];

		if (last->modseq == modseq && last->kind == kind && last->uids.last + 1 == uid) {
			last->uids.last = uid;
			return;
		}
	}
	list_add(l, &e);
}

void
history_note_record(struct history_list *l, const struct index_record *r)
{
	history_note(l, r->modseq, r->flags & REC_EXPUNGED ? HISTORY_EXPUNGED : HISTORY_CHANGED,
	    r->uid);
}

void
history_free(struct history_list *l)
{
	free(l->e);
	*l = (struct history_list){ NULL, 0, 0 };
}

/* --- writers: the file of an index --- */

static void
forget_file(struct index *ix)
{
	if (ix->historyfd >= 0)
		close(ix->historyfd);
	ix->historyfd = -1;
}

/* The one that has the name; *f is good until the lock is released. */
static enum err
open_file(struct index *ix, struct history_file *f)
{
	struct stat st;
	enum err e = OK;

	if (ix->historyfd >= 0 && (fstat(ix->historyfd, &st) != 0 || st.st_nlink == 0))
		forget_file(ix);
	if (ix->historyfd < 0)
		e = file_open(ix->dirfd, HISTORY_FILE, O_RDWR, 0, &f->fd);
	if (e != OK)
		return e;
	if (ix->historyfd < 0)
		ix->historyfd = f->fd;
	f->fd = ix->historyfd;
	return history_look_at(f, ix->h);
}

/*
 * A whole new file: the blocks PACKED, and L, of which all but the last KEEP
 * or so are packed behind them.
 */
static enum err
write_file(struct index *ix, struct history_head hd, struct str packed,
    const struct history_list *l, bool durable)
{
	struct buf blocks = BUF_INIT, file = BUF_INIT;
	size_t cut = l->n > KEEP ? l->n - KEEP : 0;
	enum err e;

	while (cut > 0 && cut < l->n && l->e[cut].modseq == l->e[cut - 1].modseq)
		cut++;
	if (cut > 0)
		hd.cut = l->e[cut - 1].modseq;
	buf_add_str(&blocks, packed);
	history_pack(&blocks, l->e, cut);
	hd.packed = blocks.n;
	history_add_head(&file, ix->h, &hd);
	buf_add_str(&file, buf_str(&blocks));
	for (size_t i = cut; i < l->n; i++)
		history_add_entry(&file, &l->e[i]);
	forget_file(ix);
	e = hd.packed > UINT32_MAX ? ERR_LIMIT :
	    file_replace(ix->dirfd, HISTORY_FILE, file.p, file.n, 0600, durable);
	buf_free(&blocks);
	buf_free(&file);
	return e;
}

static int
entry_cmp(const void *a, const void *b)
{
	const struct history_entry *x = a, *y = b;

	if (x->modseq != y->modseq)
		return x->modseq < y->modseq ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->uids.first < y->uids.first ? -1 : x->uids.first > y->uids.first;
}

/* What the records say of the modseqs above ABOVE; a damaged one says nothing. */
static enum err
list_records(struct index *ix, uint64_t above, struct history_list *l)
{
	struct history_list each = { NULL, 0, 0 };
	uint64_t highest = ix->h->highestmodseq;
	enum err e = OK;

	for (uint32_t i = 0; e == OK && i < ix->h->records; i++) {
		const struct index_record *r = index_peek(ix, i);
		struct history_entry entry = { r->modseq, { r->uid, r->uid },
		    r->flags & REC_EXPUNGED ? HISTORY_EXPUNGED : HISTORY_CHANGED, false };

		if (!index_record_valid(r) || r->modseq > highest)
			e = ERR_CORRUPT;
		else if (r->modseq > above)
			list_add(&each, &entry);
	}
	if (e == OK && each.n > 0)
		qsort(each.e, each.n, sizeof(*each.e), entry_cmp);
	for (size_t i = 0; e == OK && i < each.n; i++)
		history_note(l, each.e[i].modseq, each.e[i].kind, each.e[i].uids.first);
	if (e == OK && highest > above && (l->n == 0 || l->e[l->n - 1].modseq < highest))
		history_note(l, highest, HISTORY_NOTHING, 0);
	history_free(&each);
	return e;
}

/* Anew from the index: what was dropped from that is not remembered. */
static enum err
rebuild(struct index *ix)
{
	struct history_head hd = { .from = ix->h->reclaimed_modseq, .cut = ix->h->reclaimed_modseq };
	struct history_list l = { NULL, 0, 0 };
	enum err e = list_records(ix, hd.from, &l);

	if (e == OK)
		e = write_file(ix, hd, (struct str){ "", 0 }, &l, false);
	if (e == OK && hd.from > 0)
		log_warning("mailbox %s: cyrus.history was made anew; which messages were "
		    "expunged up to modseq %" PRIu64 " is not known any more", ix->name,
		    hd.from);
	history_free(&l);
	return e;
}

static enum err
put(struct index *ix, const struct history_file *f, uint64_t at, const struct history_list *l)
{
	struct buf b = BUF_INIT;
	enum err e;

	for (size_t i = 0; i < l->n; i++)
		history_add_entry(&b, &l->e[i]);
	e = file_write_at(f->fd, ix->name, b.p, b.n, history_place(f, at));
	buf_free(&b);
	return e;
}

/* Adds what the index knows and the file does not. */
static enum err
catch_up(struct index *ix, const struct history_file *f, uint64_t upto)
{
	struct history_list l = { NULL, 0, 0 };
	enum err e;

	if (upto < ix->h->reclaimed_modseq)
		return ERR_CORRUPT;
	e = list_records(ix, upto, &l);
	if (e == OK)
		e = put(ix, f, f->n, &l);
	history_free(&l);
	return e;
}

/* The file holds all that the index does. */
static enum err
make_whole(struct index *ix, struct history_file *f)
{
	uint64_t highest = ix->h->highestmodseq, upto;
	enum err e = open_file(ix, f);

	if (e == OK)
		e = history_find_upto(f, f->n, &upto);
	if (e == OK && upto == highest)
		return OK;
	if (e == OK)
		e = upto < highest ? catch_up(ix, f, upto) : ERR_CORRUPT;
	if (e == ERR_CORRUPT)
		log_notice("mailbox %s: cyrus.history is damaged, or not the index's", ix->name);
	if (e == ERR_NOTFOUND || e == ERR_CORRUPT) {
		forget_file(ix);
		e = rebuild(ix);
	}
	return e == OK ? open_file(ix, f) : e;
}

bool
history_append(struct index *ix, uint64_t modseq, const struct history_list *list)
{
	struct history_list nothing = { NULL, 0, 0 };
	const struct history_list *l = list;
	time_t now = ix->history_retry != 0 ? time(NULL) : 0;
	struct history_file f;
	enum err e;

	if (ix->history_retry > now)
		return false;
	if (l->n == 0) {
		history_note(&nothing, modseq, HISTORY_NOTHING, 0);
		l = &nothing;
	}
	e = make_whole(ix, &f);
	if (e == OK)
		e = put(ix, &f, f.n, l);
	ix->history_retry = e == OK ? 0 : time(NULL) + RETRY_S;
	history_free(&nothing);
	return e == OK && f.n + l->n > LONG;
}

/* --- after a crash --- */

/* How many of the entries have a lower modseq. */
static uint64_t
count_below(const struct history_file *f, uint64_t modseq)
{
	struct history_entry e;
	uint64_t n = f->n;

	while (n > 0 && (history_read_entry(f, n - 1, &e) != OK || e.modseq >= modseq))
		n--;
	return n;
}

void
history_redo(struct index *ix, uint64_t modseq, const struct history_list *list)
{
	struct history_list nothing = { NULL, 0, 0 };
	uint64_t upto = 0, n;
	struct history_file f;
	enum err e;

	if (open_file(ix, &f) != OK || modseq <= f.head.cut)
		return;
	n = count_below(&f, modseq);
	e = history_find_upto(&f, n, &upto);
	history_note(&nothing, modseq, HISTORY_NOTHING, 0);
	if (e == OK && upto == modseq - 1) {
		e = put(ix, &f, n, list->n > 0 ? list : &nothing);
		n += list->n > 0 ? list->n : 1;
	}
	/* What was behind is redone next, if there was anything. */
	if (n < f.n && file_truncate(f.fd, ix->name, history_place(&f, n)) != OK)
		e = ERR_IO;
	if (e != OK)
		log_warning("mailbox %s: a change is missing in cyrus.history, for now",
		    ix->name);
	history_free(&nothing);
}

static bool
count_good(void *ctx, const struct history_entry *e)
{
	uint64_t *n = ctx;

	(void)e;
	++*n;
	return true;
}

void
history_trim(struct index *ix)
{
	uint64_t good = 0;
	struct history_file f;

	if (open_file(ix, &f) != OK)
		return;
	if (history_walk(&f, 0, count_good, &good) == ERR_CORRUPT && good < f.n &&
	    file_truncate(f.fd, ix->name, history_place(&f, good)) != OK)
		log_warning("mailbox %s: cyrus.history could not be cut", ix->name);
}

void
history_mend(struct index *ix)
{
	struct history_file f;
	enum err e = make_whole(ix, &f);

	if (e != OK)
		log_warning("mailbox %s: cyrus.history is not whole, for now: %s", ix->name,
		    err_text(e));
}

/* --- making it short and durable --- */

static bool
take_entry(void *ctx, const struct history_entry *e)
{
	list_add(ctx, e);
	return true;
}

static void
look_only(void *ctx, const struct history_entry *e)
{
	(void)ctx;
	(void)e;
}

/* All of the file, each checksum tested. */
static enum err
read_all(const struct history_file *f, struct buf *packed, struct history_list *l)
{
	enum err e;

	(void)buf_reserve(packed, f->head.packed);
	e = file_read_at(f->fd, HISTORY_FILE, packed->p, f->head.packed, HISTORY_HEAD);
	if (e != OK)
		return e;
	packed->n = f->head.packed;
	if (!history_unpack(buf_str(packed), 0, look_only, NULL))
		return ERR_CORRUPT;
	return history_walk(f, 0, take_entry, l);
}

void
history_raise_modseq(struct index *ix)
{
	struct history_entry last;
	struct history_file f;
	uint64_t given;

	if (open_file(ix, &f) != OK)
		return;
	given = f.n > 0 && history_read_entry(&f, f.n - 1, &last) == OK ? last.modseq : f.head.cut;
	if (given > ix->h->highestmodseq)
		ix->h->highestmodseq = given;
}

enum err
history_check(struct index *ix)
{
	struct history_list l = { NULL, 0, 0 };
	struct buf packed = BUF_INIT;
	struct history_file f;
	enum err e = open_file(ix, &f);

	if (e == OK)
		e = read_all(&f, &packed, &l);
	history_free(&l);
	buf_free(&packed);
	return e;
}

static enum err
flush(struct index *ix, const struct history_file *f)
{
	enum err e = file_fdatasync(f->fd, ix->name);

	return e == OK ? file_fsync_dir(ix->dirfd, ".") : e;
}

enum err
history_settle(struct index *ix)
{
	struct history_list l = { NULL, 0, 0 };
	struct buf packed = BUF_INIT;
	struct history_file f;
	enum err e = make_whole(ix, &f);

	if (e == OK)
		e = read_all(&f, &packed, &l);
	if (e == ERR_CORRUPT) {
		log_notice("mailbox %s: cyrus.history is damaged", ix->name);
		e = rebuild(ix);
		if (e == OK)
			e = open_file(ix, &f);
		l.n = 0;
	}
	if (e == OK && l.n > LONG)
		e = write_file(ix, f.head, buf_str(&packed), &l, true);
	else if (e == OK)
		e = flush(ix, &f);
	history_free(&l);
	buf_free(&packed);
	return e;
}

enum err
history_tidy(struct index *ix)
{
	struct history_file f;
	enum err e = open_file(ix, &f);

	if (e == OK && f.n > LONG)
		return history_settle(ix);
	return e == ERR_NOTFOUND || e == ERR_CORRUPT ? OK : e;
}
