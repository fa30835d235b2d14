/* tool.c - what the administrator's tools share */
#include "imap/admin/tool.h"

#include "imap/server/domain.h"
#include "imap/server/name.h"
#include "imap/server/owner.h"
#include "imap/server/setup.h"
#include "imap/server/username.h"
#include "lib/log.h"
#include "lib/logconf.h"
#include "lib/svc.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

enum { TOOL_ARENA = 1 << 30 };		/* a bound, not what is taken */

/* Errors count; a warning has been given by whoever starts the server. */
static void
report(void *ctx, bool is_error, const char *line)
{
	struct tool *t = ctx;

	if (is_error)
		fprintf(stderr, "%s: %s\n", t->program, line);
	t->failures += is_error;
}

void
tool_init(struct tool *t, const char *program, const char *conf_path)
{
	const char *path = conf_path != NULL ? conf_path : CONF_DEFAULT_PATH;
	enum err e;

	log_open(program, "stderr", LOG_LOCAL6);
	*t = (struct tool){ .program = program, .arena = arena_new(TOOL_ARENA) };
	e = conf_read(path, NULL, report, t, &t->conf);
	if (e != OK && t->failures == 0)
		fprintf(stderr, "%s: cannot use the configuration file %s: %s\n", program, path,
		    err_text(e));
	if (e != OK)
		exit(EX_CONFIG);
	umask((mode_t)conf_int(t->conf, CONF_UMASK));
	t->sep = conf_switch(t->conf, CONF_UNIXHIERARCHYSEP) ? '/' : '.';
	if (setup_params(t->arena, t->conf, &t->params) != OK) {
		fprintf(stderr, "%s: %s: the store's options are not usable\n", program, path);
		exit(EX_CONFIG);
	}
}

void
tool_open(struct tool *t)
{
	enum err e;

	/* Until here the log is stderr: no file of the log's may become root's. */
	owner_become(t->conf);
	/* Stopped with a lock it would let the whole server wait: master kills it then. */
	(void)signal(SIGTSTP, SIG_IGN);
	svc_sign_roll_as_tool(t->params.config_dir);
	log_open_conf(t->conf, t->program, isatty(STDERR_FILENO) ? "stderr" : NULL);
	t->notify = notify_open(conf_string(t->conf, CONF_IDLESOCKET));
	t->params.publish = notify_publish;
	t->params.publish_ctx = t->notify;
	e = store_open(&t->params, &t->s);
	if (e != OK) {
		fprintf(stderr, "%s: cannot open the store in %s: %s%s\n", t->program,
		    t->params.config_dir, err_text(e), e == ERR_IO && access(
		    t->params.config_dir, W_OK) != 0 ? "; run this as root or as the user to "
		    "whom the mail belongs" : "");
		exit(EX_TEMPFAIL);
	}
}

int
tool_close(struct tool *t)
{
	int status = t->failures > 0 ? EXIT_FAILURE : EXIT_SUCCESS;

	store_close(t->s);
	notify_close(t->notify);
	arena_free(t->arena);
	conf_free(t->conf);
	if (fflush(stdout) != 0) {
		perror(t->program);
		status = EXIT_FAILURE;
	}
	return status;
}

void
tool_fail(struct tool *t, const char *what, enum err e)
{
	fflush(stdout);
	fprintf(stderr, "%s: %s: %s\n", t->program, what, err_text(e));
	t->failures++;
}

/* --- names --- */

/* With '/' between components a '.' is part of one, kept as '^'. */
static void
translate(struct buf *b, size_t from, const char *these, const char *to)
{
	for (size_t i = from; i < b->n; i++) {
		const char *at = strchr(these, b->p[i]);

		if (b->p[i] != '\0' && at != NULL)
			b->p[i] = to[at - these];
	}
}

/*
 * "@domain" at the end of a name.  Behind '/' between levels there is none
 * before a level.
 */
static bool
split_domain(const struct tool *t, struct str *name, struct buf *domain)
{
	size_t at = domain_enabled(t->conf) ? str_rchr(*name, '@') : name->n;
	struct str d = str_slice(*name, at + 1, name->n);

	if (at == name->n || (t->sep == '/' && memchr(d.p, '/', d.n) != NULL))
		return false;
	if (str_eq(d, STR("internal")) && conf_string(t->conf, CONF_DEFAULTDOMAIN) == NULL)
		d.n = 0;
	if (d.n > 0 && !domain_in(d, domain))
		return false;
	if (domain_is_home(t->conf, buf_str(domain)))
		buf_reset(domain);
	*name = str_slice(*name, 0, at);
	return true;
}

/*
 * A pattern in a domain is DOMAIN_MARK domain DOMAIN_MARK pattern: which of its
 * levels has the domain, only a name that is matched can tell.
 */
enum { DOMAIN_MARK = '\x01' };

void
tool_internal(const struct tool *t, const char *text, struct buf *internal)
{
	struct str name = str_c(text);
	struct buf bare = BUF_INIT, domain = BUF_INIT;
	bool is_pattern = strpbrk(text, "*%") != NULL;

	split_domain(t, &name, &domain);
	buf_add_str(&bare, name);
	if (t->sep == '/')
		translate(&bare, 0, "/.", ".^");
	if (is_pattern && domain.n > 0)
		buf_printf(internal, "%c%s%c%s", DOMAIN_MARK, domain.p, DOMAIN_MARK, bare.p);
	else
		domain_put(buf_str(&bare), conf_string(t->conf, CONF_DELETEDPREFIX),
		    buf_str(&domain), internal);
	buf_free(&bare);
	buf_free(&domain);
}

void
tool_external(const struct tool *t, const char *internal, struct buf *name)
{
	struct name_style style;

	name_style_init(&style, t->conf);
	style.is_admin = style.utf8 = true;
	name_to_external(&style, str_c(internal), name);
}

const char *
tool_name(struct tool *t, const char *internal)
{
	struct buf b = BUF_INIT;
	const char *name;

	tool_external(t, internal, &b);
	name = arena_copy(t->arena, b.p, b.n);
	buf_free(&b);
	return name != NULL ? name : internal;
}

void
tool_inbox(const struct tool *t, const char *user, struct buf *internal)
{
	struct buf userid = BUF_INIT;

	if (username_internal(t->conf, str_c(user), &userid) != OK) {
		buf_reset(&userid);
		buf_adds(&userid, user);
		translate(&userid, 0, ".", "^");
	}
	buf_printf(internal, "user.%s", userid.p);
	buf_free(&userid);
}

static bool
match(struct str pattern, struct str name)
{
	while (pattern.n > 0 && *pattern.p != '*' && *pattern.p != '%') {
		if (name.n == 0 || *name.p != *pattern.p)
			return false;
		pattern = str_slice(pattern, 1, pattern.n);
		name = str_slice(name, 1, name.n);
	}
	if (pattern.n == 0)
		return name.n == 0;
	for (size_t i = 0; ; i++) {
		if (match(str_slice(pattern, 1, pattern.n), str_slice(name, i, name.n)))
			return true;
		if (i == name.n || (*pattern.p == '%' && name.p[i] == '.'))
			return false;
	}
}

bool
tool_match(const struct tool *t, struct str pattern, struct str name)
{
	const char *deleted = conf_string(t->conf, CONF_DELETEDPREFIX);
	struct str domain, rest = str_slice(pattern, 1, pattern.n);
	struct buf bare = BUF_INIT;
	bool is;

	if (pattern.n == 0 || *pattern.p != DOMAIN_MARK)
		return match(pattern, name);
	(void)str_next_field(&rest, DOMAIN_MARK, &domain);
	if (!str_eq(domain_of(name, deleted), domain))
		return false;
	domain_take(name, deleted, &bare);
	is = match(rest, buf_str(&bare));
	buf_free(&bare);
	return is;
}

struct str
tool_fixed(const struct tool *t, struct str pattern)
{
	bool marked = pattern.n > 0 && *pattern.p == DOMAIN_MARK;
	struct str domain;
	size_t n, root;

	if (marked) {
		pattern = str_slice(pattern, 1, pattern.n);
		(void)str_next_field(&pattern, DOMAIN_MARK, &domain);
		root = domain_root(pattern, conf_string(t->conf, CONF_DELETEDPREFIX), &n);
		pattern = str_slice(pattern, 0, root + n);
	}
	for (size_t i = 0; i < pattern.n; i++)
		if (pattern.p[i] == '*' || pattern.p[i] == '%')
			pattern.n = i;
	return pattern;
}

/* --- numbers --- */

bool
tool_duration(const char *text, int64_t *seconds)
{
	double unit = 24 * 3600, value;
	char *end;

	value = strtod(text, &end);
	if (end == text || !isfinite(value) || value < 0 || value > 1e6 * 24 * 3600)
		return false;
	if (*end != '\0') {
		static const char units[] = "dhms";
		static const double in_seconds[] = { 24 * 3600, 3600, 60, 1 };
		const char *at = strchr(units, *end);

		if (at == NULL || end[1] != '\0')
			return false;
		unit = in_seconds[at - units];
	}
	*seconds = (int64_t)(value * unit);
	return true;
}

uint64_t
tool_number(const char *program, char option, const char *text)
{
	uint64_t n;

	if (!str_to_u64(str_c(text), &n)) {
		fprintf(stderr, "%s: -%c needs a number, not \"%s\"\n", program, option, text);
		exit(EX_USAGE);
	}
	return n;
}
