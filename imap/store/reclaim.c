/* reclaim.c - giving back the room of expunged messages */
#include "imap/store/reclaim.h"

#include "imap/store/local.h"
#include "imap/store/recover.h"
#include "imap/store/spool.h"
#include "lib/file.h"
#include "lib/log.h"

#include <sys/file.h>
#include <unistd.h>

void
reclaim_hold(struct index *ix)
{
	/* Somebody who asks whether he is alone has it for a moment only. */
	if (flock(ix->fd, LOCK_SH) != 0)
		log_io(ix->name, "flock cyrus.index");
}

bool
reclaim_alone(struct index *ix)
{
	bool alone = flock(ix->fd, LOCK_EX | LOCK_NB) == 0;

	/* A failed conversion has lost the shared lock: take it again. */
	reclaim_hold(ix);
	return alone;
}

uint32_t
reclaim_files(struct index *ix, int64_t before)
{
	uint32_t n = 0;
	char name[SPOOL_NAME];

	for (uint32_t i = 0; i < ix->h->records; i++) {
		const struct index_record *old = index_peek(ix, i);
		struct index_record r;
		enum err e;

		if ((old->flags & (REC_EXPUNGED | REC_RECLAIMED)) != REC_EXPUNGED ||
		    old->changed > before || index_get(ix, i, &r) != OK)
			continue;
		spool_name(r.uid, name);
		e = file_unlink(ix->dirfd, name);
		if (e != OK && e != ERR_NOTFOUND)
			continue;
		n += e == OK;
		r.flags |= REC_RECLAIMED;
		index_write_begin(ix);
		index_put(ix, &r);
		index_write_end(ix);
	}
	return n;
}

enum err
reclaim_mailbox(struct store *s, const struct mbentry *e, int64_t before, uint32_t *reclaimed)
{
	struct index *ix;
	enum err err;
	int dirfd;

	*reclaimed = 0;
	err = mblist_open_dir(s, e, &dirfd);
	if (err != OK)
		return err;
	err = index_open(dirfd, e->name, &ix);
	if (err != OK) {
		close(dirfd);
		return err;
	}
	err = mailbox_lock(s, store_partition_of(s, e->partition), ix, e);
	if (err == OK) {
		*reclaimed = reclaim_files(ix, before);
		index_unlock(ix);
	}
	index_close(ix);
	return err;
}
