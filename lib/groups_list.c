/* groups_list.c - the list itself */
#include "lib/groups.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_GROUPS = 10000 };		/* of one user; more make it doubtful */

void
groups_add(struct groups *g, struct str name)
{
	if (name.n == 0 || memchr(name.p, '\0', name.n) != NULL)
		return;
	for (size_t i = 0; i < g->n; i++)
		if (str_eq(str_c(g->name[i]), name))
			return;
	if (g->n == MAX_GROUPS) {
		g->doubtful = true;
		return;
	}
	if (g->n + 1 >= g->size) {
		g->size = g->size * 2 + 16;
		g->name = mem_grow(g->name, g->size * sizeof(*g->name));
	}
	char *copy = mem_get(name.n + 1);
	memcpy(copy, name.p, name.n);
	copy[name.n] = '\0';
	g->name[g->n++] = copy;
	g->name[g->n] = NULL;
}

const char *const *
groups_names(const struct groups *g)
{
	static const char *const none[] = { NULL };
	return g->n > 0 ? g->name : none;
}

void
groups_free(struct groups *g)
{
	for (size_t i = 0; i < g->n; i++)
		free((char *)(uintptr_t)g->name[i]);
	free(g->name);
	*g = (struct groups){ .n = 0 };
}
