/* local.c - what every file of the local engine asks of the store */
#include "imap/store/list/local.h"

#include <string.h>

struct partition *
store_partition_of(struct store *s, const char *name)
{
	for (size_t i = 0; name != NULL && i < s->parts; i++)
		if (strcmp(s->part[i].name, name) == 0)
			return &s->part[i];
	return NULL;
}

const struct store_params *
store_params_of(const struct store *s)
{
	return &s->params;
}
