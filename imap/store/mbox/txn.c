/* txn.c - collecting intentions */
#include "imap/store/mbox/txn_in.h"

#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

enum { TXN_ARENA = 256 << 20 };

struct txn *
txn_begin(struct mbox *m)
{
	struct txn *t = mem_zero(1, sizeof(*t));

	t->m = m;
	t->arena = arena_new(TXN_ARENA);
	t->last = &t->first;
	t->copied = COPY_SHARED | COPY_OWN;
	return t;
}

void
txn_abort(struct txn *t)
{
	if (t == NULL)
		return;
	free(t->new_uids.v);
	free(t->source_uids.v);
	free(t->modified.v);
	free(t->expunged.v);
	arena_free(t->arena);
	free(t);
}

static struct intent *
intend(struct txn *t, enum intent_type type)
{
	struct intent *i = arena_new_obj(t->arena, struct intent);

	if (i == NULL) {
		t->err = ERR_LIMIT;
		return NULL;
	}
	i->type = type;
	*t->last = i;
	t->last = &i->next;
	return i;
}

static bool
copy_names(struct txn *t, struct flag_names *names)
{
	struct str *copy;

	if (names->count == 0)
		return true;
	copy = arena_alloc(t->arena, names->count * sizeof(*copy));
	if (copy == NULL)
		return false;
	for (size_t i = 0; i < names->count; i++) {
		const char *p = arena_copy(t->arena, names->name[i].p, names->name[i].n);

		if (p == NULL)
			return false;
		copy[i] = (struct str){ p, names->name[i].n };
	}
	names->name = copy;
	return true;
}

static bool
copy_uids(struct txn *t, struct intent *i, const uint32_t *uids, size_t n)
{
	uint32_t *copy;

	i->n = n;
	if (uids == NULL)
		return true;
	copy = arena_alloc(t->arena, (n + 1) * sizeof(*copy));
	if (copy == NULL)
		return false;
	if (n > 0)
		memcpy(copy, uids, n * sizeof(*copy));
	i->uids = copy;
	return true;
}

void
txn_append(struct txn *t, struct blob *b, const struct append_params *p)
{
	struct intent *i = intend(t, INTENT_APPEND);

	if (i == NULL)
		return;
	i->blob = b;
	i->append = *p;
	if (!copy_names(t, &i->append.keywords))
		t->err = ERR_LIMIT;
}

void
txn_store(struct txn *t, const uint32_t *uids, size_t n, const struct store_params_flags *p)
{
	struct intent *i = intend(t, INTENT_STORE);

	if (i == NULL)
		return;
	i->store = *p;
	if (!copy_names(t, &i->store.keywords) || !copy_uids(t, i, uids, n))
		t->err = ERR_LIMIT;
}

void
txn_expunge(struct txn *t, const uint32_t *uids, size_t n, bool any)
{
	struct intent *i = intend(t, INTENT_EXPUNGE);

	if (i == NULL)
		return;
	i->any = any;
	if (!copy_uids(t, i, uids, n))
		t->err = ERR_LIMIT;
}

void
txn_must_exist(struct txn *t)
{
	t->must_exist = true;
}

void
txn_copy(struct txn *t, struct mbox *from, const uint32_t *uids, size_t n)
{
	struct intent *i = intend(t, INTENT_COPY);

	if (i == NULL)
		return;
	i->from = from;
	if (!copy_uids(t, i, uids, n))
		t->err = ERR_LIMIT;
}

static bool
copy_str(struct txn *t, struct str *s)
{
	if (s->p == NULL)
		return true;
	s->p = arena_copy(t->arena, s->p, s->n);
	return s->p != NULL;
}

static bool
copy_annotates(struct txn *t, struct annotate_list *l)
{
	struct annotate_params *copy = arena_alloc(t->arena, (l->n + 1) * sizeof(*copy));

	for (size_t i = 0; copy != NULL && i < l->n; i++) {
		copy[i] = l->one[i];
		if (!copy_str(t, &copy[i].entry) || !copy_str(t, &copy[i].owner) ||
		    !copy_str(t, &copy[i].value))
			return false;
	}
	l->one = copy;
	return copy != NULL;
}

void
txn_annotate_list(struct txn *t, const uint32_t *uids, size_t n,
    const struct annotate_list *l)
{
	struct intent *i = intend(t, INTENT_ANNOTATE);

	if (i == NULL)
		return;
	i->annotate = *l;
	if (!copy_uids(t, i, uids, n) || !copy_annotates(t, &i->annotate))
		t->err = ERR_LIMIT;
}

void
txn_annotate(struct txn *t, const uint32_t *uids, size_t n, const struct annotate_params *p)
{
	txn_annotate_list(t, uids, n, &(struct annotate_list){ .one = p, .n = 1 });
}

void
txn_copied_annots(struct txn *t, unsigned which)
{
	t->copied = which;
}

void
txn_drop_flags(struct txn *t, uint32_t flags, bool keywords)
{
	t->dropped = flags;
	t->drops_keywords = keywords;
}

void
txn_may_overshoot(struct txn *t)
{
	t->may_overshoot = true;
}

void
txn_ignore_quota(struct txn *t)
{
	t->ignore_quota = true;
}

void
txn_set_guard(struct txn *t, const struct txn_guard *g)
{
	t->guard = *g;
}

enum err
txn_error(const struct txn *t)
{
	return t->err;
}

const struct txn_result *
txn_result(const struct txn *t)
{
	return &t->result;
}
