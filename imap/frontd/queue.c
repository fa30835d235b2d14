#include "imap/frontd/queue.h"

void
queue_join(struct conn *c)
{
	struct service *s = c->service;
	c->queue_next = NULL;
	c->queue_at = s->waiting != NULL ? s->last_waiting : &s->waiting;
	*c->queue_at = c;
	s->last_waiting = &c->queue_next;
}

void
queue_leave(struct conn *c)
{
	if (c->queue_at == NULL)
		return;
	*c->queue_at = c->queue_next;
	if (c->queue_next != NULL)
		c->queue_next->queue_at = c->queue_at;
	else
		c->service->last_waiting = c->queue_at;
	c->queue_at = NULL;
}
