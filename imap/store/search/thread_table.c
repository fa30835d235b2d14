#include "imap/store/search/thread_in.h"

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

	for (; key.n >= sizeof(w); key = str_slice(key, sizeof(w), key.n)) {
		memcpy(&w, key.p, sizeof(w));
		h = mix(h, w + seed);
	}
	w = 0;
	if (key.n > 0)
		memcpy(&w, key.p, key.n);
	h = mix(mix(h, w), seed);
	return h != 0 ? h : 1;
}

static struct thread_slot *
find_slot(const struct thread_table *t, uint64_t hash, struct str key)
{
	size_t at = hash & (t->size - 1);

	while (t->slot[at].hash != 0
	    && (t->slot[at].hash != hash || !str_eq(t->slot[at].key, key)))
		at = (at + 1) & (t->size - 1);
	return &t->slot[at];
}

static void
grow(struct thread_table *t)
{
	struct thread_table bigger = *t;

	bigger.size = t->size > 0 ? t->size * 2 : FIRST_SIZE;
	bigger.slot = mem_zero(bigger.size, sizeof(*bigger.slot));
	for (size_t i = 0; i < t->size; i++)
		if (t->slot[i].hash != 0)
			*find_slot(&bigger, t->slot[i].hash, t->slot[i].key) = t->slot[i];
	free(t->slot);
	*t = bigger;
}

struct thread_slot *
thread_table_find(struct thread_table *t, struct str key)
{
	uint64_t hash = hash_of(t->seed, key);
	struct thread_slot *slot;

	if (t->used * 2 >= t->size)
		grow(t);
	slot = find_slot(t, hash, key);
	if (slot->hash == 0) {
		*slot = (struct thread_slot){ .key = key, .hash = hash };
		t->used++;
	}
	return slot;
}

void
thread_table_free(struct thread_table *t)
{
	free(t->slot);
	t->slot = NULL;
	t->size = t->used = 0;
}
