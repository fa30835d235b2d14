/* mbset.c - entries that are changed together */
#include "imap/store/list/mbset.h"

#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

static const char *
copy(struct mbset *set, const char *text)
{
	const char *c = text != NULL ? arena_copy(set->arena, text, strlen(text)) : NULL;

	if (text != NULL && c == NULL)
		set->err = ERR_LIMIT;
	return c;
}

bool
mbset_add(struct mbset *set, const struct mbentry *e)
{
	struct mbentry *c = arena_new_obj(set->arena, struct mbentry);

	if (c == NULL) {
		set->err = ERR_LIMIT;
		return false;
	}
	*c = *e;
	c->name = copy(set, e->name);
	c->partition = copy(set, e->partition);
	c->dir = copy(set, e->dir);
	c->acl = copy(set, e->acl);
	c->quotaroot = copy(set, e->quotaroot);
	c->specialuse = copy(set, e->specialuse);
	if (set->n == set->size) {
		set->size = set->size == 0 ? 16 : set->size * 2;
		set->e = mem_grow(set->e, set->size * sizeof(struct mbentry *));
	}
	set->e[set->n++] = c;
	return set->err == OK;
}

void
mbset_publish(struct store *s, const struct mbset *set)
{
	for (size_t i = 0; s->params.publish != NULL && i < set->n; i++)
		s->params.publish(s->params.publish_ctx, &set->e[i]->id);
}

void
mbset_free(struct mbset *set)
{
	free(set->e);
	arena_free(set->arena);
}
