#include "imap/frontd/line.h"

#include <stddef.h>

void
line_join(struct line *l, struct place *place, struct conn *c)
{
	*place = (struct place){
		.conn = c, .line = l, .at = l->first != NULL ? l->last : &l->first,
	};
	*place->at = place;
	l->last = &place->next;
}

void
line_leave(struct place *place)
{
	if (place->line == NULL)
		return;
	*place->at = place->next;
	if (place->next != NULL)
		place->next->at = place->at;
	else
		place->line->last = place->at;
	place->line = NULL;
}

struct conn *
line_first(const struct line *l)
{
	return l->first != NULL ? l->first->conn : NULL;
}
