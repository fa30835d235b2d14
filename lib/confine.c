/* confine.c - which kind of process needs what; see confine.h */
#include "lib/confine.h"
#include "lib/confine_trees.h"
#include "lib/landlock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/process.h"
#include "lib/syscalls.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { NO, YES, REQUIRED };		/* of the option */

#ifdef __SANITIZE_ADDRESS__
static const bool is_sanitized = true;
#else
static const bool is_sanitized = false;
#endif

struct confine {
	int files;			/* list of Landlock; -1: none */
	struct syscalls *syscalls;	/* NULL: none */
	bool is_required;
};

static const struct {
	unsigned calls, trees;
} kinds[CONFINE_KINDS] = {
	[CONFINE_WORKER] = {
		SYSCALLS_FILES | SYSCALLS_UNIX | SYSCALLS_NETWORK | SYSCALLS_ACCEPT
		    | SYSCALLS_PAIRS | SYSCALLS_THREADS | SYSCALLS_CODE,
		TREES_SYSTEM | TREES_LOGIN | TREES_STORE,
	},
	[CONFINE_HANDED] = {
		SYSCALLS_FILES | SYSCALLS_UNIX | SYSCALLS_PAIRS | SYSCALLS_CODE,
		TREES_SYSTEM | TREES_STORE,
	},
	[CONFINE_AUTHD] = {
		SYSCALLS_FILES | SYSCALLS_UNIX | SYSCALLS_NETWORK | SYSCALLS_PAIRS
		    | SYSCALLS_THREADS | SYSCALLS_CODE | SYSCALLS_FORK,
		TREES_SYSTEM | TREES_LOGIN | TREES_USERS,
	},
	/* What it reads it says itself: confine_read(). */
	[CONFINE_FRONTD] = { SYSCALLS_ACCEPT | SYSCALLS_PAIRS | SYSCALLS_READ_FILES, 0 },
	/* Certificates and keys: confine_read_tls(). */
	[CONFINE_KEYD] = { SYSCALLS_READ_FILES | SYSCALLS_MEMORY_FILES, 0 },
	/* Of a log file another one is made; the socket goes with the process. */
	[CONFINE_DAEMON] = {
		SYSCALLS_FILES | SYSCALLS_UNIX | SYSCALLS_ACCEPT, TREES_LOG | TREES_SOCKETS,
	},
};

/* Groups from a directory are asked for by whoever wants to know rights. */
static unsigned
needed_calls(const struct conf *conf, enum confine_kind kind)
{
	unsigned calls = kinds[kind].calls;
	if (kind == CONFINE_HANDED && conf_has_word(conf, CONF_AUTH_MECH, "pts"))
		calls |= SYSCALLS_NETWORK | SYSCALLS_THREADS;
	return calls;
}

static unsigned
needed_trees(const struct conf *conf, enum confine_kind kind)
{
	unsigned trees = kinds[kind].trees;
	if (conf_has_word(conf, CONF_AUTH_MECH, "pts") && trees & TREES_SYSTEM)
		trees |= TREES_DIRECTORY;
	return trees;
}

static void
missing(const struct confine *c, const char *what)
{
	if (c->is_required)
		log_fatal(EX_UNAVAILABLE, "confine: required, but %s", what);
	log_notice("not confined as it could be: %s", what);
}

/* The time zone is read once: from here on its file may not be there. */
static void
fix_time_zone(void)
{
	if (getenv("TZ") == NULL)
		(void)setenv("TZ", ":/etc/localtime", 1);
	tzset();
}

struct confine *
confine_new(const struct conf *conf, enum confine_kind kind)
{
	int wanted = conf_enum(conf, CONF_CONFINE);
	if (wanted == NO)
		return NULL;
	struct confine *c = mem_zero(1, sizeof(*c));
	*c = (struct confine){ .files = -1, .is_required = wanted == REQUIRED };
	if (is_sanitized) {
		missing(c, "this is a build with sanitizers");
		free(c);
		return NULL;
	}
	unsigned calls = needed_calls(conf, kind);
	fix_time_zone();
	if (landlock_new(calls & SYSCALLS_NETWORK, &c->files) != OK
	    || trees_allow(c->files, conf, needed_trees(conf, kind)) != OK) {
		if (c->files >= 0)
			close(c->files);
		c->files = -1;
		missing(c, "files are as open as their modes are: the kernel has no Landlock,"
		    " or we may not use it (Linux 5.19 or later)");
	}
	if (syscalls_new(calls, &c->syscalls) != OK)
		missing(c, "all system calls are open: the kernel has no seccomp, or we may"
		    " not use it");
	return c;
}

bool
confine_read(struct confine *c, const char *path)
{
	return c != NULL && c->files >= 0
	    && landlock_allow(c->files, path, LANDLOCK_READ) == OK;
}

bool
confine_read_tls(struct confine *c, const struct conf *conf)
{
	return c != NULL && c->files >= 0 && trees_allow(c->files, conf, TREES_TLS) == OK;
}

void
confine_enter(struct confine *c)
{
	if (c == NULL)
		return;
	process_shut();
	if (c->files >= 0 && landlock_enter(c->files) != OK)
		missing(c, "Landlock refuses");
	if (c->files >= 0)
		close(c->files);
	c->files = -1;
	if (c->syscalls != NULL && syscalls_enter(c->syscalls) != OK)
		missing(c, "seccomp refuses");
}

void
confine_free(struct confine *c)
{
	if (c == NULL)
		return;
	if (c->files >= 0)
		close(c->files);
	syscalls_free(c->syscalls);
	free(c);
}
