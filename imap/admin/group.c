/* group.c - chapar group: the server's own groups */
#include "imap/admin/group.h"
#include "imap/server/owner.h"
#include "imap/server/username.h"
#include "lib/arena.h"
#include "lib/conf.h"
#include "lib/file.h"
#include "lib/groups_own.h"
#include "lib/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <syslog.h>

enum { NAMES_ARENA = 16 << 20 };

struct task {
	struct conf *conf;
	int dirfd;			/* configdirectory */
	const char *group;		/* NULL: none was named */
	struct str *user;		/* in the form in which they log in */
	size_t users;
};

static int
failed(const char *what, enum err e)
{
	fprintf(stderr, "chapar: %s: %s\n", what, err_text(e));
	return EXIT_FAILURE;
}

/* --- to show --- */

struct shown {
	const char *only;		/* the group, or NULL for all */
	bool found;
};

static void
show(void *ctx, struct str name, struct str members)
{
	struct shown *s = ctx;
	struct str m;

	if (s->only == NULL) {
		printf("%.*s\n", STR_ARG(name));
		return;
	}
	if (!str_eq(name, str_c(s->only)))
		return;
	s->found = true;
	while (str_next_field(&members, '\t', &m))
		if (m.n > 0)
			printf("%.*s\n", STR_ARG(m));
}

/* All groups, or the members of one. */
static int
list(const struct task *t)
{
	struct shown s = { .only = t->group };
	enum err e = groups_own_walk(t->dirfd, show, &s);

	if (e == OK && t->group != NULL && !s.found)
		e = ERR_NOTFOUND;
	return e == OK ? EXIT_SUCCESS : failed(t->group != NULL ? t->group : "groups", e);
}

/* What the server takes somebody for, by all sources. */
static int
groups_of(const struct task *t)
{
	struct groups g = { .n = 0 };
	int status = EXIT_SUCCESS;

	groups_find(t->conf, t->user[0].p, &g);
	for (size_t i = 0; i < g.n; i++)
		puts(g.name[i]);
	if (g.doubtful) {
		fputs("chapar: there may be more: not all that was asked has answered\n", stderr);
		status = EX_TEMPFAIL;
	}
	groups_free(&g);
	return status;
}

/* --- to change --- */

static int
add(const struct task *t)
{
	enum err e = groups_own_add(t->dirfd, str_c(t->group), t->user, t->users);
	return e == OK ? EXIT_SUCCESS : failed(t->group, e);
}

static int
remove_members(const struct task *t)
{
	enum err e = groups_own_remove(t->dirfd, str_c(t->group), t->user, t->users);
	return e == OK ? EXIT_SUCCESS : failed(t->group, e);
}

static int
delete_group(const struct task *t)
{
	enum err e = groups_own_delete(t->dirfd, str_c(t->group));
	return e == OK ? EXIT_SUCCESS : failed(t->group, e);
}

static int
forget(const struct task *t)
{
	enum err e = groups_own_rename_user(t->dirfd, t->user[0], STR(""));
	return e == OK || e == ERR_NOTFOUND ? EXIT_SUCCESS : failed(t->user[0].p, e);
}

/* --- arguments --- */

static const struct {
	const char *name;
	int (*run)(const struct task *t);
	bool group;			/* the first argument is one */
	int least, most;		/* arguments */
} commands[] = {
	{ "list", list, true, 0, 1 },
	{ "of", groups_of, false, 1, 1 },
	{ "add", add, true, 1, 1 << 20 },
	{ "remove", remove_members, true, 2, 1 << 20 },
	{ "delete", delete_group, true, 1, 1 },
	{ "forget", forget, false, 1, 1 },
};

/* The users, each as he is called after login. */
static bool
take_users(struct task *t, struct arena *arena, char **argv, int n)
{
	t->user = arena_alloc(arena, ((size_t)n + 1) * sizeof(*t->user));
	for (int i = 0; i < n && t->user != NULL; i++) {
		struct buf internal = BUF_INIT, name = BUF_INIT;
		bool good = username_internal(t->conf, str_c(argv[i]), &internal) == OK;

		username_external(buf_str(&internal), &name);
		t->user[t->users++] = (struct str){ arena_copy(arena, name.p, name.n), name.n };
		buf_free(&internal);
		buf_free(&name);
		if (!good) {
			(void)failed(argv[i], ERR_NAME);
			return false;
		}
	}
	return t->user != NULL;
}

static void
report(void *ctx, bool is_error, const char *line)
{
	(void)ctx;
	if (is_error)
		fprintf(stderr, "%s\n", line);
}

/* As the user to whom the store belongs, lest a file be root's. */
static bool
open_task(struct task *t, const char *conf_path)
{
	const char *dir;

	log_open("chapar", "stderr", LOG_LOCAL6);
	if (conf_read(conf_path, NULL, report, NULL, &t->conf) != OK)
		return false;
	owner_become(t->conf);
	dir = conf_string(t->conf, CONF_CONFIGDIRECTORY);
	return dir != NULL && file_open_dir(AT_FDCWD, dir, &t->dirfd) == OK;
}

int
group_command(const char *conf_path, int argc, char **argv)
{
	struct task t = { .dirfd = -1 };
	struct arena *arena;
	int status = EX_CONFIG;

	for (size_t i = 0; argc > 0 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		int skip = 1 + (commands[i].group && argc > 1);

		if (strcmp(argv[0], commands[i].name) != 0)
			continue;
		if (argc - 1 < commands[i].least || argc - 1 > commands[i].most)
			return EX_USAGE;
		t.group = skip > 1 ? argv[1] : NULL;
		if (!open_task(&t, conf_path))
			return EX_CONFIG;
		arena = arena_new(NAMES_ARENA);
		status = EX_DATAERR;
		if (take_users(&t, arena, argv + skip, argc - skip))
			status = commands[i].run(&t);
		arena_free(arena);
		conf_free(t.conf);
		return fflush(stdout) == 0 ? status : EXIT_FAILURE;
	}
	return EX_USAGE;
}
