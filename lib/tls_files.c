/* tls_files.c - noticing that files have changed, without being told */
#include "lib/tls_in.h"

#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { YOUNG = 5 };	/* seconds */

static void
look(const char *path, struct stat *st)
{
	if (stat(path, st) != 0)
		*st = (struct stat){ .st_size = 0 };
}

void
tls_files_add(struct tls_files *f, const char *path)
{
	if (path == NULL || *path == '\0')
		return;
	f->v = mem_grow(f->v, (f->n + 1) * sizeof(*f->v));
	f->v[f->n].path = mem_copy(path);
	look(f->v[f->n].path, &f->v[f->n].st);
	f->n++;
}

void
tls_files_free(struct tls_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i].path);
	free(f->v);
	*f = (struct tls_files){ .v = NULL };
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino
	    && a->st_size == b->st_size
	    && a->st_mtim.tv_sec == b->st_mtim.tv_sec
	    && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec
	    && a->st_ctim.tv_sec == b->st_ctim.tv_sec
	    && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

bool
tls_files_changed(const struct tls_files *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct stat now;
		look(f->v[i].path, &now);
		if (!is_same(&f->v[i].st, &now))
			return true;
	}
	return false;
}

/* A file that is gone counts: somebody is about to put another one there. */
bool
tls_files_are_young(const struct tls_files *f)
{
	time_t now = time(NULL);
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].st.st_ctime > now - YOUNG && f->v[i].st.st_ctime <= now + YOUNG)
			return true;
	return false;
}
