/*
 * The grammar, line by line (a section's brace may stand on either line):
 *
 *	section = NAME "{" *entry "}"
 *	entry   = name *(key "=" value)
 *	value   = DQUOTE *(char / "\" char) DQUOTE / *(any but space)
 *
 * Empty lines and lines that begin with "#" are skipped; so is the rest of a
 * line after a "#" that stands where a word could begin.
 */
#include "master/conf.h"
#include "lib/arena.h"
#include "lib/file.h"
#include "lib/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	MAX_FILE = 1 << 20,
	MAX_MEMORY = 8 << 20,
	DEFAULT_MAXFDS = 256,
	BABYSIT_FORKRATE = 10,
	MAX_NUMBER = 1000000,
	MIN_FDS = 32,
};

struct parser {
	const char *path;
	int line;
	int errors;
	conf_report_fn report;
	void *ctx;
	struct mconf *conf;
	int section;			/* -1: none is open */
	bool unknown;			/* in a section that we do not know */
	struct mconf_entry **tail[MCONF_SECTIONS];
};

static const char *const section_names[MCONF_SECTIONS] = {
	"START", "SERVICES", "EVENTS", "DAEMON",
};

__attribute__((format(printf, 3, 4))) static void
complain(struct parser *p, bool is_error, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;
	buf_printf(&b, "%s:%d: ", p->path, p->line);
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	if (p->report != NULL)
		p->report(p->ctx, is_error, b.p);
	if (is_error)
		p->errors++;
	buf_free(&b);
}

/* What a key's value is and where it goes. */
typedef bool (*set_fn)(struct parser *p, struct mconf_entry *e, const char *value);

static bool
get_number(const char *text, int base, int min, int max, int *number)
{
	char *end;
	errno = 0;
	long v = strtol(text, &end, base);
	if (end == text || *end != '\0' || errno != 0 || v < min || v > max)
		return false;
	*number = (int)v;
	return true;
}

static bool
set_cmd(struct parser *p, struct mconf_entry *e, const char *value)
{
	(void)p;
	e->cmd = value;
	return value[strspn(value, " \t")] != '\0';
}

static bool
set_listen(struct parser *p, struct mconf_entry *e, const char *value)
{
	(void)p;
	e->listen = value;
	return *value != '\0';
}

/* Cyrus's notifyd; files that have it must start. */
static bool
is_datagram(const struct mconf_entry *e)
{
	return strcasecmp(e->proto, "udp") == 0 || strcasecmp(e->proto, "udp4") == 0
	    || strcasecmp(e->proto, "udp6") == 0;
}

static bool
set_proto(struct parser *p, struct mconf_entry *e, const char *value)
{
	(void)p;
	e->proto = value;
	return strcasecmp(value, "tcp") == 0 || strcasecmp(value, "tcp4") == 0
	    || strcasecmp(value, "tcp6") == 0 || is_datagram(e);
}

static bool
set_prefork(struct parser *p, struct mconf_entry *e, const char *value)
{
	(void)p;
	return get_number(value, 10, 0, MAX_NUMBER, &e->prefork);
}

static bool
set_maxchild(struct parser *p, struct mconf_entry *e, const char *value)
{
	(void)p;
	return get_number(value, 10, -1, MAX_NUMBER, &e->maxchild);
}

static bool
set_maxfds(struct parser *p, struct mconf_entry *e, const char *value)
{
	(void)p;
	return get_number(value, 10, MIN_FDS, MAX_NUMBER, &e->maxfds);
}

static bool
set_maxforkrate(struct parser *p, struct mconf_entry *e, const char *value)
{
	(void)p;
	return get_number(value, 10, 0, MAX_NUMBER, &e->maxforkrate);
}

static bool
get_switch(const char *value, bool *on)
{
	static const char *const yes[] = { "1", "y", "yes", "t", "true", "on" };
	static const char *const no[] = { "0", "n", "no", "f", "false", "off" };
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		*on = strcasecmp(value, yes[i]) == 0;
		if (*on || strcasecmp(value, no[i]) == 0)
			return true;
	}
	return false;
}

static bool
set_babysit(struct parser *p, struct mconf_entry *e, const char *value)
{
	(void)p;
	return get_switch(value, &e->babysit);
}

static bool
set_mode(struct parser *p, struct mconf_entry *e, const char *value)
{
	(void)p;
	int mode;
	if (!get_number(value, 8, 0, 0777, &mode))
		return false;
	e->mode = (mode_t)mode;
	return true;
}

static bool
set_period(struct parser *p, struct mconf_entry *e, const char *value)
{
	(void)p;
	int minutes;
	if (!get_number(value, 10, 0, MAX_NUMBER, &minutes))
		return false;
	/* at= and cron= say more and win, whatever the order. */
	if (e->schedule.kind == SCHEDULE_ONCE && minutes > 0) {
		e->schedule.kind = SCHEDULE_PERIOD;
		e->schedule.period = minutes;
	}
	return true;
}

static bool
set_at(struct parser *p, struct mconf_entry *e, const char *value)
{
	(void)p;
	return schedule_parse_at(str_c(value), &e->schedule) == OK;
}

static bool
set_cron(struct parser *p, struct mconf_entry *e, const char *value)
{
	(void)p;
	return schedule_parse_cron(str_c(value), &e->schedule) == OK;
}

static bool
set_wait(struct parser *p, struct mconf_entry *e, const char *value)
{
	(void)p;
	return get_switch(value, &e->wait);
}

#define IN(section)	(1U << MCONF_##section)

static const struct key {
	const char *name;
	unsigned sections;
	set_fn set;
	const char *want;
} keys[] = {
	{ "cmd", IN(START) | IN(SERVICES) | IN(EVENTS) | IN(DAEMON), set_cmd,
	    "a command" },
	{ "listen", IN(SERVICES), set_listen, "PORT, HOST:PORT or a path" },
	{ "proto", IN(SERVICES), set_proto, "tcp, tcp4 or tcp6" },
	{ "prefork", IN(SERVICES), set_prefork, "a number" },
	{ "maxchild", IN(SERVICES), set_maxchild, "a number, -1 for no limit" },
	{ "maxfds", IN(SERVICES), set_maxfds, "a number from 32 on" },
	{ "maxforkrate", IN(SERVICES), set_maxforkrate, "a number" },
	{ "babysit", IN(SERVICES), set_babysit, "yes or no" },
	{ "mode", IN(SERVICES), set_mode, "an octal mode, 0000 to 0777" },
	{ "period", IN(EVENTS), set_period, "minutes" },
	{ "at", IN(EVENTS), set_at, "HHMM" },
	{ "cron", IN(EVENTS), set_cron, "five fields as in crontab(5)" },
	{ "wait", IN(DAEMON), set_wait, "yes or no" },
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static char *
keep(struct parser *p, const void *text, size_t n)
{
	char *copy = arena_copy(p->conf->arena, text, n);
	if (copy == NULL)
		complain(p, true, "the file needs more memory than it may have");
	return copy;
}

static void
skip_space(struct str *s)
{
	while (s->n > 0 && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r')) {
		s->p++;
		s->n--;
	}
}

/* Bytes up to a space or one of STOP. */
static struct str
get_word(struct str *s, const char *stop)
{
	struct str word = { s->p, 0 };
	while (s->n > 0 && *s->p != ' ' && *s->p != '\t' && *s->p != '\r'
	    && (*s->p == '\0' || strchr(stop, *s->p) == NULL)) {
		word.n++;
		s->p++;
		s->n--;
	}
	return word;
}

static bool
get_value(struct parser *p, struct str *s, struct buf *value)
{
	if (s->n == 0 || *s->p != '"') {
		buf_add_str(value, get_word(s, ""));
		return true;
	}
	for (s->p++, s->n--; s->n > 0; s->p++, s->n--) {
		if (*s->p == '"') {
			s->p++;
			s->n--;
			return true;
		}
		if (*s->p == '\\' && s->n > 1) {
			s->p++;
			s->n--;
		}
		buf_addc(value, *s->p);
	}
	complain(p, true, "a quoted value does not end on its line");
	return false;
}

static void
set_key(struct parser *p, struct mconf_entry *e, struct str name, const char *value)
{
	for (int i = 0; i < KEYS; i++) {
		if (!str_ieq(name, str_c(keys[i].name)))
			continue;
		if (!(keys[i].sections & 1U << p->section))
			complain(p, false, "%s= means nothing in section %s",
			    keys[i].name, section_names[p->section]);
		else if (!keys[i].set(p, e, value))
			complain(p, true, "%s=\"%s\": want %s", keys[i].name,
			    value, keys[i].want);
		return;
	}
	complain(p, false, "unknown argument \"%.*s\" of \"%s\" is ignored",
	    STR_ARG(name), e->name);
}

/* 1*(key "=" value); false: the rest of the line makes no sense. */
static bool
get_arguments(struct parser *p, struct str s, struct mconf_entry *e)
{
	struct buf value = BUF_INIT;
	bool ok = true;
	for (skip_space(&s); ok && s.n > 0 && *s.p != '#'; skip_space(&s)) {
		struct str name = get_word(&s, "=");
		if (name.n == 0 || s.n == 0 || *s.p != '=') {
			complain(p, true, "want KEY=VALUE at \"%.*s\"", STR_ARG(name));
			ok = false;
			break;
		}
		s.p++;
		s.n--;
		buf_reset(&value);
		ok = get_value(p, &s, &value);
		if (ok && memchr(value.p, '\0', value.n) != NULL) {
			complain(p, true, "a NUL byte in the value of %.*s",
			    STR_ARG(name));
			ok = false;
		}
		char *kept = ok ? keep(p, value.p, value.n) : NULL;
		ok = kept != NULL;
		if (ok)
			set_key(p, e, name, kept);
	}
	buf_free(&value);
	return ok;
}

static void
check_entry(struct parser *p, struct mconf_entry *e)
{
	if (e->cmd == NULL)
		complain(p, true, "\"%s\" has no cmd=", e->name);
	if (p->section == MCONF_SERVICES) {
		if (e->listen == NULL)
			complain(p, true, "service \"%s\" has no listen=", e->name);
		if (e->babysit && e->prefork == 0)
			e->prefork = 1;
		if (e->babysit && e->maxforkrate == 0)
			e->maxforkrate = BABYSIT_FORKRATE;
		if (e->maxchild >= 0 && e->prefork > e->maxchild)
			e->prefork = e->maxchild;
		for (const struct mconf_entry *o = p->conf->first[MCONF_SERVICES];
		    o != NULL; o = o->next)
			if (strcmp(o->name, e->name) == 0)
				complain(p, true, "service \"%s\" is in line %d"
				    " already", e->name, o->line);
	}
	if (p->section == MCONF_EVENTS && e->schedule.kind == SCHEDULE_CRON
	    && schedule_next(&e->schedule, 0) < 0)
		complain(p, true, "the time of \"%s\" never comes", e->name);
}

static void
parse_entry(struct parser *p, struct str s)
{
	struct str name = get_word(&s, "={}\"");
	struct mconf_entry *e = arena_new_obj(p->conf->arena, struct mconf_entry);
	const char *kept = keep(p, name.p, name.n);
	if (e == NULL || kept == NULL)
		return;
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];
		bool good = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z')
		    || c == '-' || c == '_';
		if (!good) {
			complain(p, true, "a name may hold letters, digits, - and _");
			return;
		}
	}
	if (name.n == 0 || (s.n > 0 && *s.p == '=')) {
		complain(p, true, "want NAME KEY=VALUE ...");
		return;
	}
	*e = (struct mconf_entry){
		.name = kept, .line = p->line, .proto = "tcp", .maxchild = -1,
		.maxfds = DEFAULT_MAXFDS, .mode = 0777,
	};
	if (!get_arguments(p, s, e))
		return;
	if (is_datagram(e)) {
		complain(p, false, "service \"%s\" is left out: there are no services for"
		    " proto=\"%s\"", e->name, e->proto);
		return;
	}
	check_entry(p, e);
	*p->tail[p->section] = e;
	p->tail[p->section] = &e->next;
}

static void
open_section(struct parser *p, struct str s)
{
	struct str name = get_word(&s, "{");
	skip_space(&s);
	p->unknown = true;
	p->section = 0;
	for (int i = 0; i < MCONF_SECTIONS; i++) {
		if (str_ieq(name, str_c(section_names[i]))) {
			p->section = i;
			p->unknown = false;
		}
	}
	if (p->unknown)
		complain(p, false, "unknown section \"%.*s\" is ignored; known are"
		    " START SERVICES EVENTS DAEMON", STR_ARG(name));
	if (s.n == 0 || *s.p != '{')
		complain(p, true, "want \"{\" after \"%.*s\"", STR_ARG(name));
}

static void
parse_line(struct parser *p, struct str s)
{
	skip_space(&s);
	if (s.n == 0 || *s.p == '#')
		return;
	if (p->section < 0) {
		open_section(p, s);
		return;
	}
	if (*s.p == '}') {
		p->section = -1;
		s.p++;
		s.n--;
		parse_line(p, s);
		return;
	}
	if (!p->unknown)
		parse_entry(p, s);
}

enum err
mconf_parse(struct str text, const char *path, conf_report_fn report, void *ctx,
    struct mconf **conf)
{
	struct parser p = {
		.path = path, .report = report, .ctx = ctx, .section = -1,
	};
	*conf = NULL;
	p.conf = mem_zero(1, sizeof(*p.conf));
	p.conf->arena = arena_new(MAX_MEMORY);
	for (int i = 0; i < MCONF_SECTIONS; i++)
		p.tail[i] = &p.conf->first[i];
	while (text.n > 0) {
		const char *lf = memchr(text.p, '\n', text.n);
		size_t n = lf != NULL ? (size_t)(lf - text.p) : text.n;
		p.line++;
		parse_line(&p, (struct str){ text.p, n });
		n += lf != NULL;
		text.p += n;
		text.n -= n;
	}
	if (p.section >= 0)
		complain(&p, true, "the file ends inside section %s",
		    p.unknown ? "that we do not know" : section_names[p.section]);
	if (p.errors > 0) {
		mconf_free(p.conf);
		return ERR_SYNTAX;
	}
	*conf = p.conf;
	return OK;
}

enum err
mconf_read(const char *path, conf_report_fn report, void *ctx, struct mconf **conf)
{
	struct buf text = BUF_INIT;
	*conf = NULL;
	enum err e = file_slurp(AT_FDCWD, path, MAX_FILE, &text);
	if (e == OK)
		e = mconf_parse(buf_str(&text), path, report, ctx, conf);
	buf_free(&text);
	return e;
}

void
mconf_free(struct mconf *conf)
{
	if (conf == NULL)
		return;
	arena_free(conf->arena);
	free(conf);
}
