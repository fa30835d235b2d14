/* seen.c - cyrus.seen */
#include "imap/disk/seen.h"

#include "lib/crc.h"
#include "lib/file.h"
#include "lib/log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEEN_MAX = 256 << 20 };

static const char seen_file[] = "cyrus.seen";
static const char seen_new[] = "cyrus.seen.NEW";

static bool
next_line(struct str *file, struct str *line)
{
	const char *lf;

	if (file->n == 0 || (lf = memchr(file->p, '\n', file->n)) == NULL)
		return false;
	*line = (struct str){ file->p, (size_t)(lf - file->p) };
	file->n -= line->n + 1;
	file->p = lf + 1;
	return true;
}

/* Takes the bytes before the next TAB (or all) off LINE. */
static struct str
field(struct str *line)
{
	const char *tab = line->n > 0 ? memchr(line->p, '\t', line->n) : NULL;
	struct str f = { line->p, tab != NULL ? (size_t)(tab - line->p) : line->n };

	line->p += f.n + (tab != NULL);
	line->n -= f.n + (tab != NULL);
	return f;
}

static uint64_t
to_number(struct str s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(s.p[i] - '0');
	return n;
}

static bool
line_valid(struct str line)
{
	char want[9];
	size_t n = line.n;

	if (n < 9 || line.p[n - 9] != '\t')
		return false;
	snprintf(want, sizeof(want), "%08" PRIx32, crc32c(0, line.p, n - 9));
	return memcmp(want, line.p + n - 8, 8) == 0;
}

static bool
find_user(struct str file, struct str user, struct str *found)
{
	struct str line, rest;
	bool is_damaged = false;

	while (next_line(&file, &line)) {
		rest = line;
		if (!line_valid(line)) {
			is_damaged = true;
		} else if (str_eq(field(&rest), user)) {
			*found = rest;
			return true;
		}
	}
	if (is_damaged || file.n > 0)
		log_warning("cyrus.seen: a line is damaged; what somebody, perhaps %.*s, has "
		    "seen is forgotten", STR_ARG(user));
	return false;
}

static enum err
slurp(int dirfd, struct buf *b)
{
	enum err e = file_slurp(dirfd, seen_file, SEEN_MAX, b);

	/* It is not made before there is something to write. */
	if (e == OK && b->n == 0)
		log_warning("cyrus.seen: it is empty; what others than the owner have seen "
		    "is forgotten");
	return e == ERR_NOTFOUND ? OK : e;
}

enum err
seen_read(int dirfd, struct str user, struct uidset *set, uint32_t *recent_uid)
{
	struct buf b = BUF_INIT;
	struct str rest;
	enum err e = slurp(dirfd, &b);

	set->n = 0;
	*recent_uid = 0;
	if (e == OK && find_user(buf_str(&b), user, &rest)) {
		*recent_uid = (uint32_t)to_number(field(&rest));
		field(&rest);
		if (!uidset_parse(set, field(&rest)))
			log_err("cyrus.seen: bad set of user %.*s; taken as empty",
			    STR_ARG(user));
	}
	buf_free(&b);
	return e;
}

static void
add_line(struct buf *out, const struct rec_seen *s)
{
	size_t start = out->n;

	buf_add_str(out, s->user);
	buf_printf(out, "\t%" PRIu32 "\t%" PRId64 "\t", s->recent_uid, s->changed);
	buf_add_str(out, s->uids);
	buf_printf(out, "\t%08" PRIx32 "\n", crc32c(0, out->p + start, out->n - start));
}

/* On the disk before it takes the name: the log has one user's line only. */
static enum err
flush_new(int dirfd)
{
	enum err e;
	int fd;

	e = file_open(dirfd, seen_new, O_RDONLY, 0, &fd);
	if (e != OK)
		return e;
	e = file_fdatasync(fd, seen_new);
	close(fd);
	return e;
}

enum err
seen_prepare(int dirfd, const struct rec_seen *s)
{
	struct buf old = BUF_INIT, new = BUF_INIT;
	struct str file, line, rest;
	enum err e = slurp(dirfd, &old);

	file = buf_str(&old);
	while (e == OK && next_line(&file, &line)) {
		rest = line;
		if (str_eq(field(&rest), s->user) || !line_valid(line))
			continue;
		buf_add_str(&new, line);
		buf_addc(&new, '\n');
	}
	add_line(&new, s);
	if (e == OK)
		e = file_replace(dirfd, seen_new, new.p, new.n, 0600, false);
	if (e == OK)
		e = flush_new(dirfd);
	buf_free(&old);
	buf_free(&new);
	return e;
}

enum err
seen_apply(int dirfd)
{
	return file_rename(dirfd, seen_new, dirfd, seen_file);
}

void
seen_cancel(int dirfd)
{
	if (file_unlink(dirfd, seen_new) == ERR_IO)
		log_warning("%s: could not be removed", seen_new);
}
