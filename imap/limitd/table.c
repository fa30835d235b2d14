/*
 * Keys are in one hash table.  The hash is seeded with a random number, so
 * that nobody can choose addresses or names that meet in one bucket.  A key is
 * "idle" while nobody is connected by it: then it is in a list, the one
 * touched last first, and it is forgotten when it says nothing any more or when
 * there are too many.
 *
 * Invariants: a key is in one bucket; it is in the list of the idle exactly if
 * its connections and logins are 0.
 */
#include "imap/limitd/table.h"

#include "lib/digest.h"
#include "lib/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUCKETS_FIRST = 1024,
	SWEEP = 4,			/* keys that are looked at for each that comes */
	DOUBLINGS_MAX = 20,
	IPV6_HOST_BITS = 64,
};

enum kind { KIND_HOST, KIND_HOST_OF_PROTOCOL, KIND_ACCOUNT, KIND_ACCOUNT_OF_PROTOCOL,
    KIND_FRIEND };

struct name {				/* no padding: it is hashed and compared whole */
	uint8_t kind, protocol, zero[6];
	uint8_t address[16], account[16];
};

struct key {
	struct name name;
	struct key *next, **at;		/* in its bucket */
	struct key *newer, *older;	/* while idle */
	uint32_t connections, logins;
	uint32_t failures;
	int64_t last;			/* failure, or a friend's login */
	int64_t until;			/* when the next attempt's turn is */
};

struct table {
	struct key **buckets;
	size_t n_buckets;		/* a power of two */
	size_t n;
	struct key idle;		/* head of a ring: .older is touched last */
	uint64_t seed[2];
	uint32_t connections[LIMITS_PROTOCOLS];
};

struct table_session {
	uint8_t protocol;
	struct key *host;		/* NULL: exempt */
	struct key *account;		/* NULL: not logged in */
};

/* --- keys --- */

static uint64_t
mix(uint64_t h)
{
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 32;
}

static size_t
bucket_of(const struct table *t, const struct name *name)
{
	uint64_t words[sizeof(*name) / 8], h = t->seed[0];

	memcpy(words, name, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		h = mix(h ^ words[i]) + t->seed[1];
	return (size_t)h & (t->n_buckets - 1);
}

static void
idle_remove(struct key *k)
{
	if (k->newer == NULL)
		return;
	k->newer->older = k->older;
	k->older->newer = k->newer;
	k->newer = k->older = NULL;
}

/* To the front. */
static void
idle_add(struct table *t, struct key *k)
{
	idle_remove(k);
	k->newer = &t->idle;
	k->older = t->idle.older;
	k->older->newer = k;
	t->idle.older = k;
}

static void
forget(struct table *t, struct key *k)
{
	idle_remove(k);
	*k->at = k->next;
	if (k->next != NULL)
		k->next->at = k->at;
	t->n--;
	free(k);
}

static void
link_key(struct table *t, struct key *k)
{
	k->at = &t->buckets[bucket_of(t, &k->name)];
	k->next = *k->at;
	if (k->next != NULL)
		k->next->at = &k->next;
	*k->at = k;
}

static void
grow(struct table *t)
{
	struct key **old = t->buckets;
	size_t n = t->n_buckets;

	t->n_buckets = n * 2;
	t->buckets = mem_zero(t->n_buckets, sizeof(struct key *));
	for (size_t i = 0; i < n; i++) {
		for (struct key *k = old[i], *next; k != NULL; k = next) {
			next = k->next;
			link_key(t, k);
		}
	}
	free(old);
}

static struct key *
find(const struct table *t, const struct name *name)
{
	struct key *k = t->buckets[bucket_of(t, name)];

	while (k != NULL && memcmp(&k->name, name, sizeof(*name)) != 0)
		k = k->next;
	return k;
}

static bool
says_nothing(const struct key *k, int64_t now)
{
	return now - k->last > (k->name.kind == KIND_FRIEND ? TABLE_FRIEND_MS : TABLE_MEMORY_MS);
}

static void
sweep(struct table *t, int64_t now)
{
	for (int i = 0; i < SWEEP && t->idle.newer != &t->idle
	    && says_nothing(t->idle.newer, now); i++)
		forget(t, t->idle.newer);
}

/* An idle one, if it is new. */
static struct key *
get(struct table *t, const struct name *name)
{
	struct key *k = find(t, name);

	if (k != NULL)
		return k;
	if (t->n >= TABLE_KEYS_MAX && t->idle.newer != &t->idle)
		forget(t, t->idle.newer);
	if (t->n == t->n_buckets)
		grow(t);
	k = mem_zero(1, sizeof(*k));
	k->name = *name;
	link_key(t, k);
	t->n++;
	idle_add(t, k);
	return k;
}

/* After a count went down. */
static void
put(struct table *t, struct key *k)
{
	if (k->connections > 0 || k->logins > 0)
		return;
	if (k->failures == 0)
		forget(t, k);
	else
		idle_add(t, k);
}

/* --- names of keys --- */

static bool
is_exempt(const struct netaddr *a)
{
	static const struct netaddr zero;

	return memcmp(a, &zero, sizeof(zero)) == 0;
}

static struct name
name_of(enum kind kind, unsigned protocol, const struct netaddr *address,
    const struct limits_account *account)
{
	struct name n = { .kind = (uint8_t)kind, .protocol = (uint8_t)protocol };

	if (address != NULL) {
		struct netaddr a = *address;

		if (!netaddr_is_ipv4(&a))
			netaddr_mask(&a, IPV6_HOST_BITS);
		memcpy(n.address, a.b, sizeof(n.address));
	}
	if (account != NULL)
		memcpy(n.account, account->b, sizeof(n.account));
	return n;
}

static unsigned
protocol_of(const struct limits_request *r)
{
	return r->protocol < LIMITS_PROTOCOLS ? r->protocol : LIMITS_OTHER;
}

/* --- sessions --- */

enum limits_verdict
table_connect(struct table *t, const struct limits_request *r, struct table_session **s)
{
	unsigned protocol = protocol_of(r);
	struct key *host = NULL;

	*s = NULL;
	if (r->max_all != 0 && t->connections[protocol] >= r->max_all)
		return LIMITS_ALL;
	if (!is_exempt(&r->address)) {
		struct name name = name_of(KIND_HOST_OF_PROTOCOL, protocol, &r->address, NULL);

		host = get(t, &name);
		if (r->max_one != 0 && host->connections >= r->max_one)
			return LIMITS_HOST;
		host->connections++;
		idle_remove(host);
	}
	t->connections[protocol]++;
	*s = mem_zero(1, sizeof(**s));
	**s = (struct table_session){ .protocol = (uint8_t)protocol, .host = host };
	return LIMITS_OK;
}

void
table_logout(struct table *t, struct table_session *s)
{
	if (s->account == NULL)
		return;
	s->account->logins--;
	put(t, s->account);
	s->account = NULL;
	if (s->host != NULL)
		s->host->logins--;	/* it has a connection still */
}

enum limits_verdict
table_login(struct table *t, struct table_session *s, const struct limits_request *r)
{
	struct name name = name_of(KIND_ACCOUNT_OF_PROTOCOL, s->protocol, NULL, &r->account);
	struct key *account;

	table_logout(t, s);
	if (s->host != NULL && r->max_one != 0 && s->host->logins >= r->max_one)
		return LIMITS_HOST_LOGINS;
	account = get(t, &name);
	if (r->max_all != 0 && account->logins >= r->max_all)
		return LIMITS_USER;
	account->logins++;
	idle_remove(account);
	s->account = account;
	if (s->host != NULL)
		s->host->logins++;
	return LIMITS_OK;
}

void
table_close(struct table *t, struct table_session *s)
{
	table_logout(t, s);
	t->connections[s->protocol]--;
	if (s->host != NULL) {
		s->host->connections--;
		put(t, s->host);
	}
	free(s);
}

/* --- failures --- */

static void
age(struct key *k, int64_t now)
{
	if (k->failures > 0 && now - k->last > TABLE_MEMORY_MS)
		k->failures = 0;
}

static struct key *
friend_of(const struct table *t, const struct limits_request *r, int64_t now)
{
	struct name name = name_of(KIND_FRIEND, 0, &r->address, &r->account);
	struct key *k = find(t, &name);

	/* A friend's failures are 1 more than they are: 0 would be forgotten. */
	return k != NULL && k->failures <= TABLE_FREE && now - k->last <= TABLE_FRIEND_MS
	    ? k : NULL;
}

/* Would its turn be too late? */
static bool
is_full(struct key *k, int64_t now, uint32_t cap)
{
	age(k, now);
	return k->failures >= TABLE_FREE && k->until - now > cap;
}

/* When the attempt's turn is; the next one's is BASE later if there are many. */
static int64_t
queue_up(struct key *k, int64_t now, uint32_t base)
{
	int64_t turn = now;

	if (k->failures < TABLE_FREE)
		return now;
	if (k->until > now)
		turn = k->until;
	k->until = turn + base;
	return turn;
}

/* The keys that an attempt concerns, those that count; how many. */
static size_t
keys_of(const struct limits_request *r, struct name names[2])
{
	static const struct limits_account nobody;
	size_t n = 0;

	if (memcmp(&r->account, &nobody, sizeof(nobody)) != 0)
		names[n++] = name_of(KIND_ACCOUNT, 0, NULL, &r->account);
	if (!is_exempt(&r->address))
		names[n++] = name_of(KIND_HOST, 0, &r->address, NULL);
	return n;
}

enum limits_verdict
table_attempt(struct table *t, const struct limits_request *r, int64_t now,
    uint32_t *pause_ms)
{
	uint32_t base = r->max_all, cap = r->max_one;
	struct name names[2];
	struct key *tried[2];
	size_t n = keys_of(r, names);
	int64_t turn = now;

	*pause_ms = 0;
	if (friend_of(t, r, now) != NULL)
		return LIMITS_OK;
	/* Who is refused takes no turn: one address must not use up an account's. */
	for (size_t i = 0; i < n; i++) {
		tried[i] = find(t, &names[i]);
		if (tried[i] != NULL && is_full(tried[i], now, cap))
			return LIMITS_FAILURES;
	}
	for (size_t i = 0; i < n; i++) {
		int64_t own = tried[i] != NULL ? queue_up(tried[i], now, base) : now;

		turn = own > turn ? own : turn;
	}
	*pause_ms = (uint32_t)(turn - now);
	return LIMITS_OK;
}

static uint32_t
fail(struct key *k, int64_t now, uint32_t base, uint32_t cap)
{
	uint64_t pause = base;

	age(k, now);
	k->failures++;
	k->last = now;
	if (k->failures > TABLE_FREE) {
		uint32_t doublings = k->failures - TABLE_FREE;

		pause <<= doublings < DOUBLINGS_MAX ? doublings : DOUBLINGS_MAX;
	}
	if (pause > cap)
		pause = cap > base ? cap : base;
	if (k->until < now + (int64_t)pause)
		k->until = now + (int64_t)pause;
	return (uint32_t)pause;
}

void
table_failed(struct table *t, const struct limits_request *r, int64_t now,
    uint32_t *pause_ms)
{
	uint32_t base = r->max_all, cap = r->max_one;
	struct key *friend = friend_of(t, r, now);
	struct name names[2];
	size_t n = keys_of(r, names);

	*pause_ms = base;
	if (friend != NULL) {
		friend->failures++;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct key *k = get(t, &names[i]);
		uint32_t own = fail(k, now, base, cap);

		idle_add(t, k);
		*pause_ms = own > *pause_ms ? own : *pause_ms;
	}
	sweep(t, now);
}

void
table_proved(struct table *t, const struct limits_request *r, int64_t now)
{
	struct name name = name_of(KIND_FRIEND, 0, &r->address, &r->account);
	struct key *k = get(t, &name);

	k->failures = 1;
	k->last = now;
	idle_add(t, k);
	sweep(t, now);
}

/* --- the table --- */

struct table *
table_new(void)
{
	struct table *t = mem_zero(1, sizeof(*t));

	t->n_buckets = BUCKETS_FIRST;
	t->buckets = mem_zero(t->n_buckets, sizeof(struct key *));
	t->idle.newer = t->idle.older = &t->idle;
	random_bytes(t->seed, sizeof(t->seed));
	return t;
}

void
table_free(struct table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n_buckets; i++) {
		for (struct key *k = t->buckets[i], *next; k != NULL; k = next) {
			next = k->next;
			free(k);
		}
	}
	free(t->buckets);
	free(t);
}

size_t
table_keys(const struct table *t)
{
	return t->n;
}
