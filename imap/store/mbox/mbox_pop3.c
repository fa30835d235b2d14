/*
 * mbox_pop3.c - how often POP3 clients may log in to a mailbox
 *
 * pop3_next is when all that was let in would have been spread over its
 * intervals.  Each login moves it on by one; who finds it further away than the
 * others of his lot may have moved it is too soon.
 */
#include "imap/store/mbox/mbox_pop3.h"

#include "imap/store/mbox/mbox_in.h"
#include "imap/store/upkeep/recover.h"

/* When the next one may come, after a login at NOW; 0: too soon. */
static int64_t
after_login(int64_t next, int64_t now, int64_t interval, int64_t at_once)
{
	/* The clock, or the options, may have been changed. */
	if (next < now || next > now + interval * at_once)
		next = now;
	if (next - now > interval * (at_once - 1))
		return 0;
	return next + interval;
}

enum err
mbox_pop3_login(struct mbox *m, int64_t now, int64_t interval, int64_t at_once)
{
	int64_t next;

	if (interval <= 0 || mailbox_lock(m->store, m->part, m->ix, m->entry) != OK)
		return OK;
	next = after_login(m->ix->h->pop3_next, now, interval, at_once);
	if (next > 0) {
		index_write_begin(m->ix);
		m->ix->h->pop3_next = next < UINT32_MAX ? (uint32_t)next : UINT32_MAX;
		index_write_end(m->ix);
	}
	index_unlock(m->ix);
	return next > 0 ? OK : ERR_AGAIN;
}
