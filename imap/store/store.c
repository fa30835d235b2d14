/*
 * store.c - opening and closing the store
 *
 * Order at opening: directories, mailboxes.db (recovers itself), then each
 * partition's log.  Whoever is the first to open a log replays it, makes a
 * checkpoint of the result and clears the stage; the others wait.  After that
 * the list of mailboxes finishes what renames and deletions left.
 */
#include "imap/store/store.h"

#include "imap/disk/wal.h"
#include "imap/store/list/local.h"
#include "imap/store/list/mblist.h"
#include "imap/store/upkeep/checkpoint.h"
#include "imap/store/upkeep/reclaim.h"
#include "imap/store/upkeep/replay.h"
#include "imap/store/upkeep/spare.h"
#include "lib/buf.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const config_dirs[] = {
	"db", "quota", "user", "proc", "log", "msg", "socket", "lock",
};

static enum err
open_config_dir(struct store *s)
{
	enum err e = file_mkdirs(AT_FDCWD, s->params.config_dir, 0750);

	if (e == OK)
		e = file_open_dir(AT_FDCWD, s->params.config_dir, &s->config_fd);
	for (size_t i = 0; e == OK && i < sizeof(config_dirs) / sizeof(config_dirs[0]); i++)
		e = file_mkdirs(s->config_fd, config_dirs[i], 0750);
	if (e == OK)
		e = file_open(s->config_fd, "lock/names", O_RDWR | O_CREAT, 0600, &s->names_fd);
	return e;
}

static enum err
open_names(struct store *s)
{
	struct buf dir = BUF_INIT;
	enum err e;

	buf_printf(&dir, "%s/db", s->params.config_dir);
	e = mblist_open(s, dir.p);
	buf_free(&dir);
	return e;
}

static enum err
open_log(struct store *s, struct partition *p)
{
	struct buf path = BUF_INIT;
	bool cold = false;
	enum err e;

	buf_printf(&path, "%s/wal", p->path);
	e = file_mkdirs(p->dirfd, "wal", 0700);
	if (e == OK)
		e = file_open_dir(p->dirfd, "wal", &p->walfd);
	if (e == OK)
		e = wal_open(p->walfd, path.p, &p->wal, &cold);
	if (e == OK && cold) {
		e = replay_partition(s, p);
		if (e == OK)
			e = checkpoint_partition(s, p);
		if (e == OK)
			e = wal_resume(p->wal);
		if (e == OK) {
			checkpoint_clear_stage(p);
			wal_ready(p->wal);
			s->first = true;
		}
	}
	buf_free(&path);
	return e;
}

static enum err
open_partition(struct partition *p, const struct store_partition *params)
{
	enum err e;

	*p = (struct partition){ .name = params->name, .path = params->path,
	    .dirfd = -1, .stagefd = -1, .walfd = -1 };
	e = file_open_dir(AT_FDCWD, p->path, &p->dirfd);
	if (e == ERR_NOTFOUND)
		log_err("partition %s: directory %s does not exist; is its file system "
		    "mounted? mkimap makes it", p->name, p->path);
	if (e == OK)
		e = file_mkdirs(p->dirfd, "stage", 0700);
	if (e == OK)
		e = file_open_dir(p->dirfd, "stage", &p->stagefd);
	return e;
}

static enum err
open_partitions(struct store *s)
{
	enum err e = OK;

	s->part = mem_zero(s->params.partition_count, sizeof(*s->part));
	for (size_t i = 0; e == OK && i < s->params.partition_count; i++) {
		e = open_partition(&s->part[i], &s->params.partitions[i]);
		s->parts = i + 1;
	}
	return e;
}

enum err
store_open(const struct store_params *params, struct store **store)
{
	struct store *s = mem_zero(1, sizeof(*s));
	enum err e;

	s->params = *params;
	s->config_fd = s->names_fd = -1;
	e = open_config_dir(s);
	if (e == OK)
		e = open_partitions(s);
	if (e == OK)
		e = open_names(s);
	for (size_t i = 0; e == OK && i < s->parts; i++)
		e = open_log(s, &s->part[i]);
	if (e == OK && s->first)
		e = mblist_recover(s);
	if (e != OK) {
		store_close(s);
		return e;
	}
	*store = s;
	return OK;
}

static void
close_partition(struct partition *p)
{
	wal_close(p->wal);
	if (p->walfd >= 0)
		close(p->walfd);
	if (p->stagefd >= 0)
		close(p->stagefd);
	if (p->dirfd >= 0)
		close(p->dirfd);
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	spare_drop(s);
	for (size_t i = 0; i < s->parts; i++)
		close_partition(&s->part[i]);
	free(s->part);
	mblist_close(s);
	if (s->delivered != NULL)
		kv_close(s->delivered);
	if (s->names_fd >= 0)
		close(s->names_fd);
	if (s->config_fd >= 0)
		close(s->config_fd);
	free(s);
}

enum err
store_checkpoint(struct store *s)
{
	enum err e = OK, first = OK;

	for (size_t i = 0; i < s->parts; i++) {
		e = checkpoint_partition(s, &s->part[i]);
		if (e != OK && first == OK)
			first = e;
	}
	e = kv_checkpoint(s->mailboxes);
	return first != OK ? first : e;
}

void
store_maintain(struct store *s)
{
	enum err e;

	mblist_maintain(s);
	reclaim_noted(s);
	for (size_t i = 0; i < s->parts; i++) {
		if (!checkpoint_due(&s->part[i]))
			continue;
		e = checkpoint_partition(s, &s->part[i]);
		if (e != OK && e != ERR_BUSY)
			log_err("partition %s: checkpoint failed: %s", s->part[i].name,
			    err_text(e));
	}
}
