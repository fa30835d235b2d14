/*
 * dup.c - deliver.db: which messages were delivered where already
 *
 * A database of its own, in the configuration directory's deliver/, that is
 * not flushed: after a power cut it may have forgotten the last ones.
 * Key: Message-ID (its SHA-256 if it is very long), NUL, mailbox id.
 * Value: time, 8 bytes; UID, 4 bytes.
 */
#include "imap/store/list/dup.h"

#include "imap/store/list/local.h"
#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/log.h"

#include <time.h>

enum {
	MSGID_MAX = 500,
	BATCH = 500,
	COMPACT_MIN = 1000,		/* so many removed make it worth to compact the file */
};
static const char db_name[] = "deliver.db";

static enum err
open_db(struct store *s)
{
	struct buf dir = BUF_INIT;
	enum err e = OK;

	if (s->delivered != NULL)
		return OK;
	buf_printf(&dir, "%s/deliver", s->params.config_dir);
	e = kv_open(dir.p, db_name, KV_CREATE, &s->delivered);
	if (e == ERR_CORRUPT && (e = kv_reset(dir.p, db_name)) == OK)
		e = kv_open(dir.p, db_name, KV_CREATE, &s->delivered);
	if (e != OK)
		s->delivered = NULL;
	buf_free(&dir);
	return e;
}

/* After these the next call opens it anew. */
static enum err
after(struct store *s, enum err e)
{
	if (e == ERR_STALE || e == ERR_CORRUPT) {
		kv_close(s->delivered);
		s->delivered = NULL;
	}
	return e;
}

static void
make_key(struct str msgid, const struct id128 *mailbox, struct buf *key)
{
	uint8_t hash[SHA256_SIZE];

	if (msgid.n <= MSGID_MAX) {
		buf_add_str(key, msgid);
	} else {
		sha256(msgid.p, msgid.n, hash);
		buf_add(key, hash, sizeof(hash));
	}
	buf_addc(key, '\0');
	buf_add(key, mailbox->b, sizeof(mailbox->b));
}

static int64_t
when_of(struct str value)
{
	uint64_t when;

	return str_get_u64(&value, &when) ? (int64_t)when : 0;
}

enum err
dup_check(struct store *s, struct str msgid, const struct id128 *mailbox, int64_t *when)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	enum err e = open_db(s);

	*when = 0;
	make_key(msgid, mailbox, &key);
	if (e == OK)
		e = after(s, kv_get(s->delivered, buf_str(&key), &value));
	if (e == OK)
		*when = when_of(buf_str(&value));
	buf_free(&key);
	buf_free(&value);
	return e == ERR_NOTFOUND ? OK : e;
}

static enum err
put(struct store *s, struct str key, struct str value)
{
	struct kv_txn *txn;
	enum err e = kv_begin(s->delivered, &txn);

	if (e != OK)
		return e;
	e = kv_put(txn, key, value);
	if (e == OK)
		return kv_commit(txn);
	kv_abort(txn);
	return e;
}

void
dup_mark(struct store *s, struct str msgid, const struct id128 *mailbox, int64_t when,
    uint32_t uid)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	enum err e = open_db(s);

	make_key(msgid, mailbox, &key);
	buf_add_u64(&value, (uint64_t)when);
	buf_add_u32(&value, uid);
	if (e == OK)
		e = after(s, put(s, buf_str(&key), buf_str(&value)));
	if (e != OK)
		log_warning("deliver.db: a delivery is not noted (%s); should it come again "
		    "it will not be suppressed", err_text(e));
	buf_free(&key);
	buf_free(&value);
}

/* --- pruning --- */

struct prune {
	int64_t before;
	struct buf old;			/* keys, each led by its length */
	size_t n;
	struct buf next;		/* where to go on */
	bool more;
};

static bool
collect(void *ctx, struct str key, struct str value)
{
	struct prune *p = ctx;

	if (p->n == BATCH) {
		buf_reset(&p->next);
		buf_add_str(&p->next, key);
		p->more = true;
		return false;
	}
	if (when_of(value) <= p->before) {
		buf_add_u32(&p->old, (uint32_t)key.n);
		buf_add_str(&p->old, key);
		p->n++;
	}
	return true;
}

static enum err
delete_batch(struct store *s, struct prune *p, uint64_t *removed)
{
	struct str keys = buf_str(&p->old), key;
	struct kv_txn *txn;
	uint64_t gone = 0;
	uint32_t n;
	enum err e = kv_begin(s->delivered, &txn);

	if (e != OK)
		return e;
	while (e == OK && str_get_u32(&keys, &n) && str_get_bytes(&keys, n, &key)) {
		e = kv_del(txn, key);
		gone += e == OK;
		if (e == ERR_NOTFOUND)
			e = OK;
	}
	if (e != OK) {
		kv_abort(txn);
		return e;
	}
	e = kv_commit(txn);
	if (e == OK)
		*removed += gone;
	return e;
}

enum err
dup_prune(struct store *s, int64_t seconds, uint64_t *removed)
{
	struct prune p = { .before = (int64_t)time(NULL) - seconds, .old = BUF_INIT,
	    .next = BUF_INIT };
	enum err e = open_db(s);

	*removed = 0;
	do {
		p.n = 0;
		p.more = false;
		buf_reset(&p.old);
		if (e == OK)
			e = kv_walk(s->delivered, STR(""), buf_str(&p.next), collect, &p);
		if (e == OK && p.n > 0)
			e = delete_batch(s, &p, removed);
	} while (e == OK && p.more);
	/* Pages are used again, but half empty ones only by chance. */
	if (e == OK && *removed >= COMPACT_MIN)
		e = kv_compact(s->delivered);
	if (s->delivered != NULL)
		e = after(s, e);
	buf_free(&p.old);
	buf_free(&p.next);
	return e;
}
