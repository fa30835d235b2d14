/*
 * mbdir.c - the directories of mailboxes
 *
 * An entry says where its mailbox lies.  It is wrong only while that directory
 * or one above it is being moved: between rename(2) and the transaction that
 * corrects the entries, a moment or, after a kill, until the next change of
 * names finishes it.  The move is in the list ('M') before it begins.
 */
#include "imap/store/list/mbdir.h"

#include "imap/disk/index.h"
#include "imap/store/list/mbname.h"
#include "imap/disk/spool.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	HEADER_ARENA = 2 << 20,
	OPEN_TRIES = 20,
	SUFFIX_MAX = 1000,
};

/* --- moves --- */

void
mbmove_encode(struct buf *value, const struct mbmove *m)
{
	buf_add(value, m->id.b, sizeof(m->id.b));
	mbdb_add_string(value, m->partition);
	mbdb_add_string(value, m->from);
	mbdb_add_string(value, m->to);
}

enum err
mbmove_read(struct store *s, struct arena *arena, struct mbmove *m)
{
	struct buf value = BUF_INIT;
	struct str v, id;
	enum err e = mbdb_get(s, STR("M"), &value);

	v = buf_str(&value);
	if (e == OK && (!str_get_bytes(&v, sizeof(m->id.b), &id) ||
	    !mbdb_get_string(&v, arena, &m->partition) ||
	    !mbdb_get_string(&v, arena, &m->from) ||
	    !mbdb_get_string(&v, arena, &m->to) ||
	    m->partition == NULL || m->from == NULL || m->to == NULL))
		e = ERR_CORRUPT;
	if (e == OK)
		memcpy(m->id.b, id.p, sizeof(m->id.b));
	buf_free(&value);
	return e;
}

static bool
dir_is_in(struct str dir, struct str top)
{
	return dir.n >= top.n && memcmp(dir.p, top.p, top.n) == 0 &&
	    (dir.n == top.n || dir.p[top.n] == '/');
}

bool
mbmove_apply(const struct mbmove *m, const char *partition, struct str dir, struct buf *to)
{
	struct str from = str_c(m->from);

	if (strcmp(m->partition, partition) != 0 || !dir_is_in(dir, from))
		return false;
	buf_adds(to, m->to);
	buf_add(to, dir.p + from.n, dir.n - from.n);
	return true;
}

/* --- opening --- */

enum err
mbdir_identity(int dirfd, struct id128 *id)
{
	struct mailbox_header h;
	struct arena *arena;
	uint32_t uidvalidity;
	enum err e = index_identity(dirfd, id, &uidvalidity);

	if (e == OK)
		return OK;
	arena = arena_new(HEADER_ARENA);
	e = header_read(dirfd, arena, &h);
	if (e == OK)
		*id = h.id;
	arena_free(arena);
	return e;
}

/* ERR_NOTFOUND: there is no such directory or it is another mailbox's. */
static enum err
open_as(struct partition *part, const char *dir, const struct id128 *id, int *dirfd)
{
	struct id128 found;
	enum err e = file_open_dir(part->dirfd, dir, dirfd);

	if (e != OK)
		return e;
	e = mbdir_identity(*dirfd, &found);
	if (e == OK && !id128_eq(&found, id))
		e = ERR_NOTFOUND;
	if (e != OK)
		close(*dirfd);
	return e;
}

static enum err
open_moved(struct store *s, struct arena *arena, struct partition *part,
    const struct mbentry *e, int *dirfd)
{
	struct buf to = BUF_INIT;
	struct mbmove m;
	enum err err = mbmove_read(s, arena, &m);

	if (err == OK && !mbmove_apply(&m, part->name, str_c(e->dir), &to))
		err = ERR_NOTFOUND;
	if (err == OK)
		err = open_as(part, to.p, &e->id, dirfd);
	buf_free(&to);
	return err;
}

/*
 * The entry as it is now, its directory, and where that is being moved to.
 * If none of them is it although the list has not changed since, it is lost.
 */
static enum err
open_current(struct store *s, struct partition *part, const struct mbentry *was, int *dirfd)
{
	struct arena *arena = arena_new(MBDB_ARENA);
	struct mbentry *e;
	enum err err = ERR_BUSY;

	for (int i = 0; err == ERR_BUSY && i < OPEN_TRIES; i++) {
		uint64_t changes = kv_changes(s->mailboxes);

		err = mblist_lookup_id(s, arena, &was->id, &e);
		if (err != OK)
			break;
		if (strcmp(e->partition, part->name) != 0) {
			err = ERR_STALE;
			break;
		}
		err = open_as(part, e->dir, &e->id, dirfd);
		if (err == ERR_NOTFOUND)
			err = open_moved(s, arena, part, e, dirfd);
		if (err == ERR_NOTFOUND && changes != kv_changes(s->mailboxes))
			err = ERR_BUSY;
		if (err == ERR_NOTFOUND) {
			log_err("mailbox %s: %s/%s is not its directory or is missing; "
			    "run reconstruct", e->name, part->path, e->dir);
			err = ERR_CORRUPT;
		}
	}
	arena_free(arena);
	return err;
}

enum err
mblist_open_dir(struct store *s, const struct mbentry *e, int *dirfd)
{
	struct partition *part = store_partition_of(s, e->partition);
	enum err err;

	if (part == NULL) {
		log_err("mailbox %s: partition %s is not in the configuration", e->name,
		    e->partition);
		return ERR_CORRUPT;
	}
	err = open_as(part, e->dir, &e->id, dirfd);
	return err == ERR_NOTFOUND ? open_current(s, part, e, dirfd) : err;
}

/*
 * In the mailbox's own directory.  A mailbox without it that is in the list is
 * damaged; one that was deleted, or moved, since we opened the directory is not.
 */
static enum err
index_missing(struct store *s, const struct mbentry *e)
{
	struct arena *arena = arena_new(MBDB_ARENA);
	struct mbentry *now;
	enum err err = mblist_lookup_id(s, arena, &e->id, &now);

	if (err == OK && (strcmp(now->dir, e->dir) != 0 ||
	    strcmp(now->partition, e->partition) != 0))
		err = ERR_STALE;
	if (err == OK) {
		log_err("mailbox %s: cyrus.index is missing; run reconstruct", e->name);
		err = ERR_CORRUPT;
	}
	arena_free(arena);
	return err;
}

enum err
mblist_open_index(struct store *s, const struct mbentry *e, struct index **ix)
{
	int dirfd;
	enum err err = mblist_open_dir(s, e, &dirfd);

	if (err != OK)
		return err;
	err = index_open(dirfd, e->name, ix);
	if (err != OK)
		close(dirfd);
	return err == ERR_NOTFOUND ? index_missing(s, e) : err;
}

/* --- choosing and making --- */

bool
mbdir_is_ours(const char *file)
{
	return strncmp(file, "cyrus.", 6) == 0 || spool_uid(file) != 0;
}

/* ERR_EXISTS: there is something in it but directories. */
static enum err
look_for_files(int dirfd, const char *dir)
{
	const struct dirent *de = NULL;
	enum err e;
	DIR *d;

	e = file_dir_open(dirfd, dir, &d);
	if (e != OK)
		return e;
	while (e == OK && (e = file_dir_next(d, dir, &de)) == OK && de != NULL) {
		struct stat st;

		if (de->d_type != DT_DIR && (de->d_type != DT_UNKNOWN ||
		    fstatat(dirfd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISDIR(st.st_mode)))
			e = ERR_EXISTS;
	}
	closedir(d);
	return e;
}

/*
 * What a process left that was killed while it made a mailbox: an index and a
 * header without messages, of an id that is not in the list.
 */
static bool
is_abandoned(struct store *s, int dirfd)
{
	struct buf key = BUF_INIT;
	struct index_header h;
	bool abandoned = false;

	if (index_header_read(dirfd, &h) == OK && h.last_uid == 0) {
		mbdb_id_key(&key, MBDB_ID, &h.id);
		abandoned = mbdb_get(s, buf_str(&key), NULL) == ERR_NOTFOUND;
		buf_free(&key);
	}
	return abandoned;
}

enum err
mbdir_look_in_list(struct store *s, const char *partition, struct str dir)
{
	struct buf key = BUF_INIT;
	enum err e;

	mbdb_dir_key(&key, partition, dir);
	e = mbdb_get(s, buf_str(&key), NULL);
	buf_free(&key);
	return e == OK ? ERR_EXISTS : e == ERR_NOTFOUND ? OK : e;
}

/* A file in the place of a folder is taken like a folder with something in it. */
static enum err
no_folder(const struct partition *part, const char *dir, enum err e)
{
	struct stat st;

	if (e == ERR_NOTFOUND)
		return OK;
	return fstatat(part->dirfd, dir, &st, AT_SYMLINK_NOFOLLOW) == 0
	    && !S_ISDIR(st.st_mode) ? ERR_EXISTS : e;
}

/* ERR_EXISTS: DIR is taken.  Another error says nothing of it. */
static enum err
look_if_free(struct store *s, struct partition *part, const char *dir, bool to_move_to)
{
	enum err e;
	int fd;

	e = mbdir_look_in_list(s, part->name, str_c(dir));
	if (e != OK)
		return e;
	e = file_open_dir(part->dirfd, dir, &fd);
	if (e != OK)
		return no_folder(part, dir, e);
	if (is_abandoned(s, fd))
		mbdir_empty(fd, dir);
	if (to_move_to)
		e = file_rmdir(part->dirfd, dir) == OK ? OK : ERR_EXISTS;
	else
		e = look_for_files(fd, dir);
	close(fd);
	return e;
}

enum err
mbdir_choose(struct store *s, struct partition *part, struct str name, bool to_move_to,
    struct buf *dir)
{
	size_t n;

	mbname_add_dir(dir, name, s->params.hash_spool);
	n = dir->n;
	for (int i = 2; i < SUFFIX_MAX; i++) {
		enum err e = look_if_free(s, part, dir->p, to_move_to);
		if (e != ERR_EXISTS)
			return e;
		buf_truncate(dir, n);
		buf_printf(dir, "%%~%d", i);
	}
	log_err("partition %s: too many leftovers at %.*s; remove them", part->name,
	    (int)n, dir->p);
	return ERR_EXISTS;
}

bool
mbdir_is_canonical(const struct store *s, struct str name, struct str dir)
{
	struct buf c = BUF_INIT;
	bool is;

	mbname_add_dir(&c, name, s->params.hash_spool);
	is = dir.n >= c.n && memcmp(dir.p, c.p, c.n) == 0 &&
	    (dir.n == c.n || (dir.n > c.n + 2 && memcmp(dir.p + c.n, "%~", 2) == 0 &&
	    memchr(dir.p + c.n, '/', dir.n - c.n) == NULL));
	buf_free(&c);
	return is;
}

enum err
mbdir_flush_above(struct partition *part, const char *dir)
{
	struct buf above = BUF_INIT;
	enum err e = OK;

	buf_adds(&above, dir);
	while (e == OK && above.n > 0) {
		const char *slash = strrchr(above.p, '/');

		buf_truncate(&above, slash != NULL ? (size_t)(slash - above.p) : 0);
		e = file_fsync_dir(part->dirfd, above.n > 0 ? above.p : ".");
	}
	buf_free(&above);
	return e;
}

enum err
mbdir_make(struct partition *part, const char *dir, int *dirfd)
{
	enum err e = file_mkdirs(part->dirfd, dir, 0700);

	if (e == OK)
		e = mbdir_flush_above(part, dir);
	if (e == OK && dirfd != NULL)
		e = file_open_dir(part->dirfd, dir, dirfd);
	return e;
}

/* --- cyrus.header --- */

static enum err
write_header(int dirfd, const struct mbentry *e)
{
	struct arena *arena = arena_new(HEADER_ARENA);
	struct mailbox_header h = { 0 };
	enum err err = header_read(dirfd, arena, &h);

	if (err == ERR_NOTFOUND || err == ERR_CORRUPT) {
		log_warning("mailbox %s: cyrus.header is made anew; names of user flags "
		    "are lost", e->name);
		memset(&h, 0, sizeof(h));
		err = OK;
	}
	h.name = e->name;
	h.id = e->id;
	h.uidvalidity = e->uidvalidity;
	h.flags = e->flags;
	h.acl = e->acl;
	h.quotaroot = e->quotaroot;
	h.specialuse = e->specialuse;
	if (err == OK)
		err = header_write(dirfd, &h, true);
	arena_free(arena);
	return err;
}

enum err
mbdir_sync_header(struct store *s, const struct mbentry *e)
{
	enum err err;
	int dirfd;

	err = mblist_open_dir(s, e, &dirfd);
	if (err != OK)
		return err;
	err = lock_exclusive(dirfd, LOCK_MAILBOX, MAILBOX_LOCK_MS);
	if (err == OK) {
		err = write_header(dirfd, e);
		lock_release(dirfd, LOCK_MAILBOX);
	}
	close(dirfd);
	return err;
}

/* --- removing --- */

static void
remove_file(int dirfd, const char *dir, const char *name)
{
	if (file_unlink(dirfd, name) == ERR_IO)
		log_warning("%s/%s: left behind", dir, name);
}

/*
 * The header first and the index, which may bear the mark of deletion, last:
 * what a power cut leaves in between must not look like a mailbox to who builds
 * the list anew.
 */
void
mbdir_empty(int dirfd, const char *dir)
{
	const struct dirent *de;
	DIR *d;

	if (file_dir_open(dirfd, dir, &d) != OK)
		return;
	remove_file(dirfd, dir, "cyrus.header");
	while (file_dir_next(d, dir, &de) == OK && de != NULL) {
		if (mbdir_is_ours(de->d_name)) {
			if (strcmp(de->d_name, "cyrus.index") != 0)
				remove_file(dirfd, dir, de->d_name);
		} else if (de->d_type == DT_REG) {
			log_warning("%s/%s: not a file of ours; it stays", dir, de->d_name);
		}
	}
	closedir(d);
	remove_file(dirfd, dir, "cyrus.index");
}

void
mbdir_prune(struct partition *part, const char *dir)
{
	struct buf path = BUF_INIT;

	buf_adds(&path, dir);
	while (path.n > 0 && file_rmdir(part->dirfd, path.p) == OK) {
		const char *slash = strrchr(path.p, '/');

		buf_truncate(&path, slash != NULL ? (size_t)(slash - path.p) : 0);
	}
	buf_free(&path);
}
