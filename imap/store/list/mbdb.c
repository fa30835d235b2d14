/*
 * mbdb.c - mailboxes.db: its records, and this process's copies of them
 *
 * Copies.  A table of SLOTS values, found by a hash of the key; each is good
 * for as long as kv_changes() says what it said before the value was read.
 * So a look-up of a name that is asked for again costs no lock and no system
 * call; "not there" is remembered in the same way.
 */
#include "imap/store/list/mbdb.h"

#include "imap/store/list/mbname.h"
#include "lib/crc.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	SLOTS = 512,
	ENTRY_VERSION = 1,
	ENTRY_STRINGS = 5,
	LIMITS_VERSION = 2,		/* 1: storage and messages only */
	OPEN_TRIES = 10,
};
static const uint32_t WANTED_MAX = 0xf0000000;	/* UIDVALIDITY: of the year 2097 */
static const uint32_t no_string = UINT32_MAX;
static const char db_name[] = "mailboxes.db";

struct slot {
	struct buf key, value;
	uint64_t changes;
	enum err result;		/* OK or ERR_NOTFOUND */
	bool used;
};

struct mblist_cache {
	char *dir;			/* of the environment */
	struct slot slot[SLOTS];
};

/* --- opening --- */

/*
 * Whoever moves a damaged environment away leaves nothing in its place for a
 * moment.  That it is not there must not be taken for a list without mailboxes.
 */
static enum err
open_kv(const char *dir, struct kv **kv)
{
	enum err e = ERR_STALE;

	for (int i = 0; i < OPEN_TRIES && (e == ERR_NOTFOUND || e == ERR_STALE); i++)
		e = kv_open(dir, db_name, KV_CREATE | KV_DURABLE, kv);
	return e == ERR_NOTFOUND || e == ERR_STALE ? ERR_BUSY : e;
}

static enum err
open_env(const char *dir, struct kv **kv)
{
	enum err e = open_kv(dir, kv);

	if (e != ERR_CORRUPT)
		return e;
	log_crit("%s/%s is damaged beyond recovery; it is moved away and built anew "
	    "from the spool", dir, db_name);
	e = kv_reset(dir, db_name);
	return e == OK || e == ERR_NOTFOUND || e == ERR_STALE ? open_kv(dir, kv) : e;
}

enum err
mbdb_open(struct store *s, const char *dir)
{
	enum err e = open_env(dir, &s->mailboxes);

	if (e != OK)
		return e;
	s->cache = mem_zero(1, sizeof(*s->cache));
	s->cache->dir = mem_copy(dir);
	for (size_t i = 0; i < SLOTS; i++) {
		buf_init(&s->cache->slot[i].key);
		buf_init(&s->cache->slot[i].value);
	}
	return OK;
}

void
mbdb_close(struct store *s)
{
	if (s->cache != NULL) {
		for (size_t i = 0; i < SLOTS; i++) {
			buf_free(&s->cache->slot[i].key);
			buf_free(&s->cache->slot[i].value);
		}
		free(s->cache->dir);
		free(s->cache);
		s->cache = NULL;
	}
	kv_close(s->mailboxes);
	s->mailboxes = NULL;
}

static void
forget_all(struct store *s)
{
	for (size_t i = 0; i < SLOTS; i++)
		s->cache->slot[i].used = false;
}

/*
 * Somebody has moved the environment away and made a new one.  Until its list
 * is whole nobody may hear that a mailbox does not exist: that would send mail
 * back.  Who opens the store fills it (mbopen.c), or one of us if he dies:
 * later, for just now we may hold locks.
 */
static enum err
rejoin(struct store *s)
{
	struct kv *kv;
	enum err e = open_kv(s->cache->dir, &kv);

	if (e != OK)
		return e;
	e = kv_get(kv, STR("F"), NULL);
	if (e != OK) {
		kv_close(kv);
		if (e != ERR_NOTFOUND)
			return e;
		log_warning("mailboxes.db: is being built anew; try again");
		s->list_missing = true;
		return ERR_BUSY;
	}
	kv_close(mbdb_swap(s, kv));
	s->list_missing = false;
	return OK;
}

struct kv *
mbdb_swap(struct store *s, struct kv *kv)
{
	struct kv *old = s->mailboxes;

	s->mailboxes = kv;
	forget_all(s);
	return old;
}

enum err
mbdb_open_again(struct store *s, struct kv **kv)
{
	return open_env(s->cache->dir, kv);
}

/* --- reading --- */

/* Damage that shows while we run.  Just now we may hold locks. */
static enum err
note_damage(struct store *s, enum err e)
{
	if (e != ERR_CORRUPT)
		return e;
	if (!s->list_missing)
		log_warning("mailboxes.db: is damaged and will be built anew; try again");
	s->list_missing = true;
	return ERR_BUSY;
}

void
mbdb_condemn(struct store *s, const char *why)
{
	kv_condemn(s->mailboxes, why);
	forget_all(s);
	(void)note_damage(s, ERR_CORRUPT);
}

static enum err
read_kv(struct store *s, struct str key, struct buf *value)
{
	enum err e = kv_get(s->mailboxes, key, value);

	if (e == ERR_STALE && (e = rejoin(s)) == OK)
		e = kv_get(s->mailboxes, key, value);
	return note_damage(s, e);
}

enum err
mbdb_get(struct store *s, struct str key, struct buf *value)
{
	struct slot *c = &s->cache->slot[crc32c(0, key.p, key.n) % SLOTS];
	uint64_t changes = kv_changes(s->mailboxes);

	if (!c->used || c->changes != changes || !str_eq(buf_str(&c->key), key)) {
		buf_reset(&c->key);
		buf_reset(&c->value);
		buf_add_str(&c->key, key);
		c->changes = changes;
		c->result = read_kv(s, key, &c->value);
		c->used = c->result == OK || c->result == ERR_NOTFOUND;
	}
	if (c->result == OK && value != NULL)
		buf_add_str(value, buf_str(&c->value));
	return c->result;
}

struct walking {
	kv_each_fn each;
	void *ctx;
	struct buf next;		/* the least key behind those that were given */
};

static bool
walk_one(void *ctx, struct str key, struct str value)
{
	struct walking *w = ctx;

	buf_reset(&w->next);
	buf_add_str(&w->next, key);
	buf_addc(&w->next, '\0');
	return w->each(w->ctx, key, value);
}

/* In the new environment it goes on, or a mailbox would be counted twice. */
enum err
mbdb_walk(struct store *s, struct str prefix, kv_each_fn each, void *ctx)
{
	struct walking w = { each, ctx, BUF_INIT };
	enum err e = kv_walk(s->mailboxes, prefix, prefix, walk_one, &w);

	if (e == ERR_STALE && (e = rejoin(s)) == OK)
		e = kv_walk(s->mailboxes, prefix, buf_str(&w.next), walk_one, &w);
	buf_free(&w.next);
	return note_damage(s, e);
}

enum err
mbdb_begin(struct store *s, struct kv_txn **txn)
{
	enum err e = kv_begin(s->mailboxes, txn);

	if (e == ERR_STALE && (e = rejoin(s)) == OK)
		e = kv_begin(s->mailboxes, txn);
	return note_damage(s, e);
}

enum err
mbdb_begin_small(struct store *s, struct kv_txn **txn)
{
	enum err e = kv_begin_small(s->mailboxes, txn);

	if (e == ERR_STALE && (e = rejoin(s)) == OK)
		e = kv_begin_small(s->mailboxes, txn);
	return note_damage(s, e);
}

/* --- keys --- */

void
mbdb_name_key(struct buf *key, enum mbdb_kind kind, struct str name)
{
	buf_addc(key, (char)kind);
	mbname_add_key(key, name);
}

void
mbdb_id_key(struct buf *key, enum mbdb_kind kind, const struct id128 *id)
{
	buf_addc(key, (char)kind);
	buf_add(key, id->b, sizeof(id->b));
}

/* As in names, what lies below a directory comes directly behind it. */
void
mbdb_dir_key(struct buf *key, const char *partition, struct str dir)
{
	size_t at;

	buf_addc(key, MBDB_DIR);
	buf_adds(key, partition);
	buf_addc(key, '\0');
	at = key->n;
	buf_add_str(key, dir);
	for (; at < key->n; at++)
		if (key->p[at] == '/')
			key->p[at] = '\1';
}

/* --- entries --- */

void
mbdb_add_string(struct buf *b, const char *s)
{
	if (s == NULL) {
		buf_add_u32(b, no_string);
		return;
	}
	buf_add_u32(b, (uint32_t)strlen(s));
	buf_adds(b, s);
}

bool
mbdb_get_string(struct str *b, struct arena *arena, const char **s)
{
	struct str bytes;
	uint32_t n;

	if (!str_get_u32(b, &n))
		return false;
	*s = NULL;
	if (n == no_string)
		return true;
	if (!str_get_bytes(b, n, &bytes))
		return false;
	*s = arena_copy(arena, bytes.p, bytes.n);
	return *s != NULL;
}

void
mbdb_add_limits(struct buf *value, const struct quota_limits *l)
{
	buf_add_u8(value, LIMITS_VERSION);
	buf_add_u64(value, (uint64_t)l->kb);
	buf_add_u64(value, (uint64_t)l->messages);
	buf_add_u64(value, (uint64_t)l->mailboxes);
	buf_add_u64(value, (uint64_t)l->annotation_kb);
}

static bool
get_limit(struct str *value, int64_t *limit)
{
	uint64_t n;

	if (!str_get_u64(value, &n))
		return false;
	*limit = (int64_t)n;
	return true;
}

bool
mbdb_get_limits(struct str value, struct quota_limits *l)
{
	uint8_t version;

	*l = QUOTA_NO_LIMITS;
	return str_get_u8(&value, &version) && version >= 1 && version <= LIMITS_VERSION &&
	    get_limit(&value, &l->kb) && get_limit(&value, &l->messages) &&
	    (version == 1 || (get_limit(&value, &l->mailboxes) &&
	    get_limit(&value, &l->annotation_kb)));
}

enum err
mbdb_root_of(struct kv_txn *txn, struct str name, struct str *root)
{
	struct buf key = BUF_INIT;
	enum err e;

	do {
		buf_reset(&key);
		mbdb_name_key(&key, MBDB_QUOTA, name);
		e = kv_txn_get(txn, buf_str(&key), NULL);
	} while (e == ERR_NOTFOUND && mbname_up(&name));
	buf_free(&key);
	*root = name;
	return e;
}

static void
encode(struct buf *value, const struct mbentry *e)
{
	buf_add_u8(value, ENTRY_VERSION);
	buf_add(value, e->id.b, sizeof(e->id.b));
	buf_add_u32(value, e->uidvalidity);
	buf_add_u32(value, e->flags);
	mbdb_add_string(value, e->partition);
	mbdb_add_string(value, e->dir);
	mbdb_add_string(value, e->acl);
	mbdb_add_string(value, e->quotaroot);
	mbdb_add_string(value, e->specialuse);
}

bool
mbdb_is_damaged(struct str value)
{
	struct str v = value, part;
	uint32_t n;
	uint8_t version;

	if (!str_get_u8(&v, &version) || version == 0)
		return true;
	if (version != ENTRY_VERSION)
		return false;
	if (!str_get_bytes(&v, sizeof(struct id128), &part) || !str_get_u32(&v, &n) ||
	    !str_get_u32(&v, &n))
		return true;
	for (int i = 0; i < ENTRY_STRINGS; i++)
		if (!str_get_u32(&v, &n) || (n != no_string && !str_get_bytes(&v, n, &part)))
			return true;
	return false;
}

enum err
mbdb_decode(struct arena *arena, struct str name, struct str value, struct mbentry **entry)
{
	struct mbentry *e = arena_new_obj(arena, struct mbentry);
	struct str v = value, id;
	uint32_t flags = 0;
	uint8_t version = 0;

	if (e == NULL)
		return ERR_LIMIT;
	e->name = arena_copy(arena, name.p, name.n);
	if (!str_get_u8(&v, &version) || version != ENTRY_VERSION ||
	    !str_get_bytes(&v, sizeof(e->id.b), &id) ||
	    !str_get_u32(&v, &e->uidvalidity) || !str_get_u32(&v, &flags) ||
	    !mbdb_get_string(&v, arena, &e->partition) ||
	    !mbdb_get_string(&v, arena, &e->dir) ||
	    !mbdb_get_string(&v, arena, &e->acl) ||
	    !mbdb_get_string(&v, arena, &e->quotaroot) ||
	    !mbdb_get_string(&v, arena, &e->specialuse) ||
	    e->name == NULL || e->partition == NULL || e->dir == NULL || e->acl == NULL) {
		log_err("mailboxes.db: the entry of %.*s cannot be read (version %u); "
		    "run reconstruct -m", STR_ARG(name), version);
		return ERR_CORRUPT;
	}
	memcpy(e->id.b, id.p, sizeof(e->id.b));
	e->flags = flags;
	*entry = e;
	return OK;
}

enum err
mbdb_put(struct kv_txn *txn, const struct mbentry *e)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	enum err err;

	mbdb_name_key(&key, MBDB_NAME, str_c(e->name));
	encode(&value, e);
	err = kv_put(txn, buf_str(&key), buf_str(&value));
	if (err == OK) {
		buf_reset(&key);
		mbdb_id_key(&key, MBDB_ID, &e->id);
		err = kv_put(txn, buf_str(&key), str_c(e->name));
	}
	if (err == OK) {
		buf_reset(&key);
		mbdb_dir_key(&key, e->partition, str_c(e->dir));
		err = kv_put(txn, buf_str(&key),
		    (struct str){ (const char *)e->id.b, sizeof(e->id.b) });
	}
	buf_free(&key);
	buf_free(&value);
	return err;
}

enum err
mbdb_remove(struct kv_txn *txn, const struct mbentry *e)
{
	struct buf key = BUF_INIT;
	enum err err;

	mbdb_name_key(&key, MBDB_NAME, str_c(e->name));
	err = kv_del(txn, buf_str(&key));
	if (err == OK) {
		buf_reset(&key);
		mbdb_id_key(&key, MBDB_ID, &e->id);
		err = kv_del(txn, buf_str(&key));
	}
	if (err == OK) {
		buf_reset(&key);
		mbdb_dir_key(&key, e->partition, str_c(e->dir));
		err = kv_del(txn, buf_str(&key));
	}
	buf_free(&key);
	return err;
}

/* --- pending work --- */

static void
pending_key(struct buf *key, enum mbpending_kind kind)
{
	buf_addc(key, MBDB_PENDING);
	buf_addc(key, (char)kind);
}

static void
place_key(struct buf *key, enum mbpending_kind kind, const struct id128 *id,
    const char *partition, const char *dir)
{
	pending_key(key, kind);
	buf_add(key, id->b, sizeof(id->b));
	if (partition == NULL)
		return;
	buf_adds(key, partition);
	buf_addc(key, '\0');
	buf_adds(key, dir);
}

enum err
mbpending_add(struct kv_txn *txn, enum mbpending_kind kind, const struct id128 *id,
    const char *partition, const char *dir)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	enum err e;

	place_key(&key, kind, id, partition, dir);
	mbdb_add_string(&value, partition);
	mbdb_add_string(&value, dir);
	e = kv_put(txn, buf_str(&key), buf_str(&value));
	buf_free(&key);
	buf_free(&value);
	return e;
}

enum err
mbpending_remove(struct kv_txn *txn, enum mbpending_kind kind, const struct id128 *id,
    const char *partition, const char *dir)
{
	struct buf key = BUF_INIT;
	enum err e;

	place_key(&key, kind, id, partition, dir);
	e = kv_del(txn, buf_str(&key));
	buf_free(&key);
	return e;
}

/* The value tells one change from the next. */
enum err
mbpending_add_sum(struct kv_txn *txn, const char *quotaroot)
{
	struct buf key = BUF_INIT;
	struct id128 id = id128_new();
	enum err e;

	pending_key(&key, PENDING_SUM);
	buf_adds(&key, quotaroot);
	e = kv_put(txn, buf_str(&key), (struct str){ (const char *)id.b, sizeof(id.b) });
	buf_free(&key);
	return e;
}

enum err
mbpending_get_sum(struct store *s, struct str quotaroot, struct buf *note)
{
	struct buf key = BUF_INIT;
	enum err e;

	pending_key(&key, PENDING_SUM);
	buf_add_str(&key, quotaroot);
	e = mbdb_get(s, buf_str(&key), note);
	buf_free(&key);
	return e;
}

/*
 * Without LOCK_NAMES, by whoever needed the sum: who makes a change meanwhile puts
 * another note, and who is doing what is pending counts once more, in vain.
 */
enum err
mbpending_remove_sum(struct store *s, struct str quotaroot, struct str note)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	struct kv_txn *txn;
	enum err e = mbdb_begin_small(s, &txn);

	if (e != OK)
		return e;
	pending_key(&key, PENDING_SUM);
	buf_add_str(&key, quotaroot);
	e = kv_txn_get(txn, buf_str(&key), &value);
	if (e == OK && str_eq(buf_str(&value), note))
		e = kv_del(txn, buf_str(&key));
	e = mbdb_end(s, txn, e == ERR_NOTFOUND ? OK : e);
	buf_free(&key);
	buf_free(&value);
	return e;
}

/* --- UIDVALIDITY --- */

static enum err
decode_highest(enum err e, const struct buf *value, uint32_t *highest)
{
	struct str v = buf_str(value);

	*highest = 0;
	if (e == OK && !str_get_u32(&v, highest))
		return ERR_CORRUPT;
	return e == ERR_NOTFOUND ? OK : e;
}

enum err
mbdb_note_uidvalidity(struct kv_txn *txn, uint32_t used)
{
	struct buf value = BUF_INIT;
	uint32_t highest;
	enum err e = decode_highest(kv_txn_get(txn, STR("V"), &value), &value, &highest);

	if (e == OK && used > highest) {
		buf_reset(&value);
		buf_add_u32(&value, used);
		e = kv_put(txn, STR("V"), buf_str(&value));
	}
	buf_free(&value);
	return e;
}

enum err
mblist_highest_uidvalidity(struct store *s, uint32_t *highest)
{
	struct buf value = BUF_INIT;
	enum err e = decode_highest(mbdb_get(s, STR("V"), &value), &value, highest);

	buf_free(&value);
	return e;
}

enum err
mbdb_new_uidvalidity(struct store *s, uint32_t wanted, uint32_t *given)
{
	uint32_t highest;
	enum err e = mblist_highest_uidvalidity(s, &highest);

	*given = wanted != 0 ? wanted : (uint32_t)time(NULL);
	if (wanted == 0 && *given <= highest)
		*given = highest + 1;
	/* Behind the last comes 0, which is none, and then the same ones again. */
	if (e == OK && (wanted > WANTED_MAX || *given == 0)) {
		log_err("mailboxes.db: UIDVALIDITY %u leaves none for later mailboxes",
		    wanted != 0 ? wanted : highest);
		e = ERR_LIMIT;
	}
	return e;
}

enum err
mbdb_end(struct store *s, struct kv_txn *txn, enum err e)
{
	if (e == OK)
		return kv_commit(txn);
	kv_abort(txn);
	/* Within the transaction its own values were read, and may be kept. */
	forget_all(s);
	return e;
}
