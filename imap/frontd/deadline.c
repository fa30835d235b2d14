#include "imap/frontd/deadline.h"

void
deadline_set(struct conn *c)
{
	struct front *f = c->service->front;
	c->deadline = poll_now(f->poll) + LOGIN_SECONDS * INT64_C(1000);
	c->next = NULL;
	c->at = f->last;
	*f->last = c;
	f->last = &c->next;
}

void
deadline_clear(struct conn *c)
{
	struct front *f = c->service->front;
	if (c->at == NULL)
		return;
	*c->at = c->next;
	if (c->next != NULL)
		c->next->at = c->at;
	else
		f->last = c->at;
	c->at = NULL;
}

struct conn *
deadline_missed(const struct front *f)
{
	return f->first != NULL && f->first->deadline <= poll_now(f->poll) ? f->first : NULL;
}
