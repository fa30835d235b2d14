/* spare.c - indexes kept open for the next who needs them, the latest first */
#include "imap/store/upkeep/spare.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool
is_there(const struct index *ix, const struct partition *part, const char *dir)
{
	char path[PATH_MAX];
	struct stat now, ours;
	int n = snprintf(path, sizeof(path), "%s/cyrus.index", dir);

	return n > 0 && n < PATH_MAX &&
	    fstatat(part->dirfd, path, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstat(ix->fd, &ours) == 0 && now.st_dev == ours.st_dev &&
	    now.st_ino == ours.st_ino && (uint64_t)now.st_size >= ix->file_len;
}

static struct index *
remove_at(struct store *s, size_t at)
{
	struct index *ix = s->spare[at].ix;

	s->spares--;
	memmove(s->spare + at, s->spare + at + 1, (s->spares - at) * sizeof(s->spare[0]));
	return ix;
}

struct index *
spare_take(struct store *s, const struct partition *part, const struct mbentry *e)
{
	size_t at = 0;

	while (at < s->spares && !id128_eq(&s->spare[at].id, &e->id))
		at++;
	if (at == s->spares)
		return NULL;
	struct index *ix = remove_at(s, at);
	/* The mapping is touched only when the file is known to be that long. */
	if (is_there(ix, part, e->dir) && index_header_valid(ix->h) && ix->h->state == 0 &&
	    id128_eq(&ix->h->id, &e->id) && strcmp(ix->name, e->name) == 0)
		return ix;
	index_close(ix);
	return NULL;
}

void
spare_keep(struct store *s, struct index *ix)
{
	if (ix->h->state != 0) {
		index_close(ix);
		return;
	}
	index_rest(ix);
	if (s->spares == SPARES)
		index_close(remove_at(s, SPARES - 1));
	memmove(s->spare + 1, s->spare, s->spares * sizeof(s->spare[0]));
	s->spare[0] = (struct spare){ .ix = ix, .id = ix->h->id };
	s->spares++;
}

void
spare_drop(struct store *s)
{
	while (s->spares > 0)
		index_close(remove_at(s, 0));
}
