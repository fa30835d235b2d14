#include "imap/store/search/thread_in.h"

#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 1024 };

static uint64_t
mix(uint64_t h, uint64_t w)
{
	h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static uint64_t
hash_of(uint64_t seed, struct str key)
{
	uint64_t h = mix(seed, key.n), w;

	for (; key.n >= sizeof(w); key.p += sizeof(w), key.n -= sizeof(w)) {
		memcpy(&w, key.p, sizeof(w));
		h = mix(h, w + seed);
	}
	w = 0;
	if (key.n > 0)
		memcpy(&w, key.p, key.n);
	return mix(mix(h, w), seed);
}

static const uint64_t upper = UINT64_C(0xffffffff00000000);

/* Where KEY is, or is to be. */
static size_t
find_place(const struct thread_table *t, uint64_t hash, struct str key)
{
	size_t at = hash & (t->size - 1);

	for (; t->place[at] != 0; at = (at + 1) & (t->size - 1))
		if ((t->place[at] & upper) == (hash & upper)
		    && str_eq(t->slot[(t->place[at] & ~upper) - 1].key, key))
			break;
	return at;
}

static void
grow(struct thread_table *t)
{
	size_t size = t->size > 0 ? t->size * 2 : FIRST_SIZE;

	while (size < 2 * t->expected)
		size *= 2;
	free(t->place);
	t->place = mem_get(size * sizeof(*t->place));
	memset(t->place, 0, size * sizeof(*t->place));
	t->size = size;
	for (size_t i = 0; i < t->used; i++) {
		size_t at = t->slot[i].hash & (size - 1);

		while (t->place[at] != 0)
			at = (at + 1) & (size - 1);
		t->place[at] = (t->slot[i].hash & upper) | (i + 1);
	}
}

static void
add_slot(struct thread_table *t, uint64_t hash, struct str key)
{
	if (t->used == t->room) {
		t->room = t->room > 0 ? t->room * 2 : t->size / 2;
		t->slot = mem_grow(t->slot, t->room * sizeof(*t->slot));
	}
	t->slot[t->used++] = (struct thread_slot){ .key = key, .hash = hash };
}

struct thread_slot *
thread_table_find(struct thread_table *t, struct str key)
{
	uint64_t hash = hash_of(t->seed, key);
	size_t at;

	ensure(t->used < UINT32_MAX - 1);
	if (t->used * 2 >= t->size)
		grow(t);
	at = find_place(t, hash, key);
	if (t->place[at] == 0) {
		add_slot(t, hash, key);
		t->place[at] = (hash & upper) | t->used;
	}
	return &t->slot[(t->place[at] & ~upper) - 1];
}

void
thread_table_free(struct thread_table *t)
{
	free(t->slot);
	free(t->place);
	*t = (struct thread_table){ .arena = t->arena, .seed = t->seed };
}
