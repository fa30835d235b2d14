/*
 * ranked.c - cyrus.sort, read and replaced
 *
 * A new file is written in the partition's stage directory, under a lock of its own that
 * ends with its writer: what he leaves there when he is killed a checkpoint removes,
 * as it does with a message on its way in.  Only then the mailbox's lock is
 * taken, if it is free, to give the file its name.  With the lock nobody removes the
 * mailbox, and the index says that nobody has: so a deleted mailbox's directory stays
 * empty, and one that was made anew in its place gets no foreign file; should it, the file
 * says whose it is.
 */
#include "imap/store/mbox/ranked.h"

#include "imap/disk/spool.h"
#include "imap/store/mbox/mbox_in.h"
#include "lib/charset.h"
#include "lib/file.h"
#include "lib/log.h"

#include <unistd.h>

enum { TRIES = 8 };			/* each writes a file that perhaps nobody gets */

static struct ranks_origin
origin(const struct mbox *m, uint32_t keys)
{
	return (struct ranks_origin){ .mailbox = m->h.id, .uidvalidity = m->h.uidvalidity,
	    .keys = keys, .unicode = charset_version() };
}

enum err
ranked_read(struct mbox *m, uint32_t keys, struct ranks_by by, struct ranks *r)
{
	struct ranks_origin o = origin(m, keys);
	enum err e = ranks_read(m->ix->dirfd, &o, by, r);

	/* An older index than the file knows: its UIDs may come to mean something else. */
	if (e == OK && r->n > 0 && r->uid[r->n - 1] > m->ix->h->last_uid) {
		ranks_free(r);
		e = ERR_CORRUPT;
	}
	if (e == ERR_CORRUPT)
		log_notice("mailbox %s: %s is damaged; it is made anew", m->entry->name,
		    RANKS_FILE);
	return e == OK ? OK : ERR_NOTFOUND;
}

void
ranked_keep(struct mbox *m, uint32_t keys, struct ranks_by by, struct ranks *r)
{
	size_t i = 0;

	while (i < m->rankings && (m->ranking[i].by.text != by.text
	    || m->ranking[i].by.collation != by.collation))
		i++;
	if (i == RANKED_KEPT || r->n > RANKS_MAX || r->highest > RANKS_MAX) {
		ranks_free(r);
		return;
	}
	if (i < m->rankings)
		ranks_free(&m->ranking[i].ranks);
	else
		m->rankings++;
	m->ranking[i] = (struct ranks_table){ .by = by, .ranks = *r };
	m->ranking_keys = keys;
	m->ranking_tries = 0;
	*r = (struct ranks){ .n = 0 };
}

bool
ranked_waits(const struct mbox *m)
{
	return m->rankings > 0;
}

void
ranked_drop(struct mbox *m)
{
	while (m->rankings > 0)
		ranks_free(&m->ranking[--m->rankings].ranks);
}

/* The staged file gets its name.  ERR_BUSY: not now. */
static enum err
name_it(struct mbox *m, const char *staged)
{
	enum err e = index_try_lock(m->ix);

	if (e != OK)
		return e;
	if (!file_try_rename(m->part->stagefd, staged, m->ix->dirfd, RANKS_FILE))
		e = ERR_IO;
	index_unlock(m->ix);
	return e;
}

static enum err
write_file(struct mbox *m, struct str bytes)
{
	struct id128 id = id128_new();
	char name[SPOOL_NAME];
	enum err e;
	int fd;

	spool_stage_name(&id, name);
	if (!file_try_make(m->part->stagefd, name, bytes.p, bytes.n, 0600, &fd))
		return ERR_NOSPACE;
	e = name_it(m, name);
	if (e != OK && file_unlink(m->part->stagefd, name) != OK)
		log_warning("%s/stage/%s: could not be removed", m->part->path, name);
	close(fd);
	return e;
}

void
ranked_write(struct mbox *m)
{
	struct buf file = BUF_INIT;
	struct ranks_origin o;
	enum err e;

	if (m->rankings == 0)
		return;
	o = origin(m, m->ranking_keys);
	ranks_build(m->ix->dirfd, &o, m->ranking, m->rankings, &file);
	e = write_file(m, buf_str(&file));
	buf_free(&file);
	if (e != ERR_BUSY || ++m->ranking_tries == TRIES)
		ranked_drop(m);
}
