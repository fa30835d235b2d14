/*
 * conf_read.c - imapd.conf from file to struct conf
 *
 * The whole file is read and everything wrong with it is said, before the
 * answer is no.  The place of every setting is kept, for messages and for
 * `chapar config show`.
 */
#include "lib/conf_table.h"

#include "lib/file.h"
#include "lib/log.h"

#include <fcntl.h>
#include <string.h>

enum {
	INCLUDE_DEPTH = 8,
	MEMORY_MAX = 16 * CONF_FILE_MAX,
};

/* One reading of a configuration. */
struct reader {
	struct conf *conf;
	const char *service;		/* or NULL */
	conf_report_fn report;
	void *ctx;
	int depth;			/* of @include */
	bool has_failed;
	bool is_full;			/* MEMORY_MAX is used up */
	struct conf_setting **tail;
};

/* A line: where it stands and what it says. */
struct line {
	const char *file;
	unsigned number;
	const char *where;		/* "FILE:LINE" */
	struct str name;		/* in lower case, as written */
	const char *value;
};

static void read_file(struct reader *r, const char *path, const char *included_at);

/* --- saying what is wrong --- */

static void
say(struct reader *r, bool is_error, const struct buf *line)
{
	if (is_error)
		r->has_failed = true;
	if (r->report != NULL)
		r->report(r->ctx, is_error, line->p);
	else if (is_error)
		log_err("%s", line->p);
	else
		log_warning("%s", line->p);
}

__attribute__((format(printf, 4, 5))) static void
complain(struct reader *r, bool is_error, const char *where, const char *fmt, ...)
{
	struct buf line = BUF_INIT;
	va_list ap;

	buf_printf(&line, "%s: ", where);
	va_start(ap, fmt);
	buf_vprintf(&line, fmt, ap);
	va_end(ap);
	say(r, is_error, &line);
	buf_free(&line);
}

/* A copy for ever; past the limit of memory it is said once. */
static const char *
keep(struct reader *r, struct str s)
{
	const char *copy = arena_copy(r->conf->arena, s.p, s.n);

	if (copy == NULL && !r->is_full) {
		r->is_full = true;
		complain(r, true, r->conf->path, "all its files together are too long");
	}
	return copy != NULL ? copy : "";
}

/* --- one setting --- */

/* What a name means: an option, or a member of a family, and for which service. */
struct meaning {
	bool is_option;
	enum conf_opt option;
	const struct conf_family *family;
	struct str name;		/* without the prefix */
	bool is_own;			/* has our service's prefix */
	bool is_foreign;		/* has another service's */
};

static bool
find_plain(struct str name, struct meaning *m)
{
	m->name = name;
	m->is_option = conf_find(name, &m->option);
	m->family = m->is_option ? NULL : conf_family_of(name);
	return m->is_option || m->family != NULL;
}

/*
 * A plain name first, so that lmtp_downcase_rcpt is the option and not
 * "downcase_rcpt for lmtp"; then SERVICE_name, ours before any other.
 */
static bool
find(const struct reader *r, struct str name, struct meaning *m)
{
	*m = (struct meaning){ .is_option = false };
	if (find_plain(name, m))
		return true;
	if (r->service != NULL) {
		struct str prefix = str_c(r->service);

		if (name.n > prefix.n && str_istarts(name, prefix) && name.p[prefix.n] == '_' &&
		    find_plain(str_slice(name, prefix.n + 1, name.n), m)) {
			m->is_own = true;
			return true;
		}
	}
	for (size_t i = 1; i + 1 < name.n; i++)
		if (name.p[i] == '_' && find_plain(str_slice(name, i + 1, name.n), m)) {
			m->is_foreign = true;
			return true;
		}
	return false;
}

/*
 * Puts the new value where the old one stands, unless that one is for our
 * service and the new one for all.  Two of the same kind are a mistake: which
 * of them was meant?
 */
static void
put(struct reader *r, const struct line *l, struct conf_value *old, struct conf_value value)
{
	if (old->where != NULL && old->is_own == value.is_own)
		complain(r, true, l->where, "%.*s is set already, at %s; delete one of the two",
		    STR_ARG(l->name), old->where);
	else if (old->where == NULL || value.is_own)
		*old = value;
}

static void
put_setting(struct reader *r, const struct line *l, struct str name, struct conf_value value)
{
	struct conf_setting *s;

	for (s = r->conf->settings; s != NULL; s = s->next)
		if (str_eq(str_c(s->name), name)) {
			put(r, l, &s->value, value);
			return;
		}
	s = arena_new_obj(r->conf->arena, struct conf_setting);
	if (s == NULL)
		return;		/* keep() says so */
	s->name = keep(r, name);
	s->value = value;
	*r->tail = s;
	r->tail = &s->next;
}

static void
set_option(struct reader *r, const struct line *l, const struct meaning *m)
{
	const struct conf_option *o = conf_option(m->option);
	struct conf_value v = { .where = l->where, .is_own = m->is_own };
	struct buf why = BUF_INIT;

	v.text = conf_convert_old(m->name, l->value);
	if (v.text[0] == '\0' && o->type != CONF_STRING && o->type != CONF_LIST) {
		complain(r, true, l->where, "%.*s has no value", STR_ARG(l->name));
	} else if (!conf_parse_value(o, str_c(v.text), &v.number, &why)) {
		complain(r, true, l->where, "%.*s: \"%s\" is not %s", STR_ARG(l->name),
		    v.text, why.p);
	} else if (!m->is_foreign) {
		put(r, l, &r->conf->values[m->option], v);
	}
	buf_free(&why);
}

static void
set_member(struct reader *r, const struct line *l, const struct meaning *m)
{
	struct conf_value v = {
		.text = l->value, .where = l->where, .is_own = m->is_own,
	};
	const struct conf_option as_option = {
		.type = m->family->type, .unit_or_values = "",
	};
	struct buf why = BUF_INIT;

	if (!conf_parse_value(&as_option, str_c(v.text), &v.number, &why))
		complain(r, true, l->where, "%.*s: \"%s\" is not %s", STR_ARG(l->name),
		    v.text, why.p);
	else if (!m->is_foreign)
		put_setting(r, l, m->name, v);
	buf_free(&why);
}

static void
set(struct reader *r, const struct line *l)
{
	struct meaning m;
	const char *nearest;

	if (find(r, l->name, &m)) {
		if (m.is_option)
			set_option(r, l, &m);
		else
			set_member(r, l, &m);
		return;
	}
	nearest = conf_nearest(l->name);
	if (nearest != NULL)
		complain(r, false, l->where, "unknown option %.*s; is %s meant?",
		    STR_ARG(l->name), nearest);
	else
		complain(r, false, l->where, "unknown option %.*s is ignored",
		    STR_ARG(l->name));
}

/* --- one line --- */

/* A path that is not absolute is beside the file that names it. */
static void
include(struct reader *r, const struct line *l)
{
	struct buf path = BUF_INIT;
	struct str file = str_c(l->file);
	size_t slash = str_rchr(file, '/');

	if (l->value[0] == '\0') {
		complain(r, true, l->where, "@include: names no file");
		return;
	}
	if (r->depth >= INCLUDE_DEPTH) {
		complain(r, true, l->where, "@include: is too deep; does %s include itself?",
		    l->value);
		return;
	}
	if (l->value[0] != '/' && slash < file.n)
		buf_add_str(&path, str_slice(file, 0, slash + 1));
	buf_adds(&path, l->value);
	r->depth++;
	read_file(r, keep(r, buf_str(&path)), l->where);
	r->depth--;
	buf_free(&path);
}

/* Letters, digits, "-" and "_", to lower case; the include mark too. */
static bool
is_name(struct str s)
{
	if (s.n > 0 && s.p[0] == '@')
		s = str_slice(s, 1, s.n);
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return s.n > 0;
}

static struct str
lower_case(struct reader *r, struct str s)
{
	struct buf b = BUF_INIT;
	const char *copy;

	for (size_t i = 0; i < s.n; i++)
		buf_addc(&b, s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | ' ') : s.p[i]);
	copy = keep(r, buf_str(&b));
	buf_free(&b);
	return str_c(copy);
}

static bool
has_control(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return true;
	return false;
}

/* Number: of the first of the joined lines that make TEXT. */
static void
read_line(struct reader *r, const char *file, unsigned number, struct str text)
{
	struct line l = { .file = file, .number = number };
	struct buf where = BUF_INIT;
	size_t colon;
	struct str name;

	text = str_trim(text);
	if (text.n == 0 || text.p[0] == '#')
		return;
	buf_printf(&where, "%s:%u", file, number);
	l.where = keep(r, buf_str(&where));
	buf_free(&where);
	colon = str_chr(text, ':');
	name = str_trim(str_slice(text, 0, colon));
	if (has_control(text)) {
		complain(r, true, l.where, "there is a control character in this line");
	} else if (colon == text.n || !is_name(name)) {
		complain(r, true, l.where, "not of the form \"name: value\"");
	} else {
		l.name = lower_case(r, name);
		l.value = keep(r, str_trim(str_slice(text, colon + 1, text.n)));
		if (str_eq(l.name, STR("@include")))
			include(r, &l);
		else
			set(r, &l);
	}
}

/* --- one file --- */

/* The next line, without its end. */
static struct str
next_line(struct str *rest)
{
	size_t n = str_chr(*rest, '\n');
	struct str line = str_slice(*rest, 0, n);

	*rest = str_slice(*rest, n + 1, rest->n);
	if (str_ends(line, STR("\r")))
		line.n--;
	return line;
}

/* A comment never goes on, whatever it ends in. */
static bool
goes_on(struct str line, const struct buf *before)
{
	return str_ends(line, STR("\\")) &&
	    !(before->n == 0 && str_starts(str_trim(line), STR("#")));
}

static void
read_text(struct reader *r, const char *file, struct str rest)
{
	struct buf joined = BUF_INIT;
	unsigned number = 0, first = 1;

	if (str_starts(rest, STR("\xef\xbb\xbf")))	/* a byte order mark */
		rest = str_slice(rest, 3, rest.n);
	while (rest.n > 0 && !r->is_full) {
		struct str line = next_line(&rest);

		number++;
		if (goes_on(line, &joined) && rest.n > 0) {
			buf_add(&joined, line.p, line.n - 1);
			continue;
		}
		buf_add_str(&joined, line);
		read_line(r, file, first, buf_str(&joined));
		buf_reset(&joined);
		first = number + 1;
	}
	buf_free(&joined);
}

/* INCLUDED_AT: the line that asks for it; NULL: the file itself. */
static void
read_file(struct reader *r, const char *path, const char *included_at)
{
	struct buf text = BUF_INIT;
	enum err e = file_slurp(AT_FDCWD, path, CONF_FILE_MAX, &text);

	if (e == OK)
		read_text(r, path, buf_str(&text));
	else
		complain(r, true, included_at, "cannot read %s: %s", path, err_text(e));
	buf_free(&text);
}

/* --- the whole --- */

static const char *
substitute(struct reader *r, const char *text)
{
	const char *directory = r->conf->values[CONF_CONFIGDIRECTORY].text;
	struct str rest = str_c(text), mark = STR("{configdirectory}");
	size_t at = str_find(rest, mark);
	struct buf out = BUF_INIT;
	const char *copy;

	if (at == rest.n || directory == NULL)
		return text;
	for (; at < rest.n; at = str_find(rest, mark)) {
		buf_add_str(&out, str_slice(rest, 0, at));
		buf_adds(&out, directory);
		rest = str_slice(rest, at + mark.n, rest.n);
	}
	buf_add_str(&out, rest);
	copy = keep(r, buf_str(&out));
	buf_free(&out);
	return copy;
}

static void
fill_in(struct reader *r)
{
	struct buf why = BUF_INIT;

	for (enum conf_opt o = 0; o < CONF_OPTIONS; o++) {
		const struct conf_option *option = conf_option(o);
		struct conf_value *v = &r->conf->values[o];

		if (v->where == NULL && option->default_ != NULL) {
			v->text = option->default_;
			ensure(conf_parse_value(option, str_c(v->text), &v->number, &why));
		}
		if (o != CONF_CONFIGDIRECTORY && v->text != NULL &&
		    (option->type == CONF_PATH || option->type == CONF_STRING))
			v->text = substitute(r, v->text);
	}
	for (struct conf_setting *s = r->conf->settings; s != NULL; s = s->next)
		s->value.text = substitute(r, s->value.text);
	buf_free(&why);
}

/* A default partition that nobody named is the first one there is. */
static void
check_partitions(struct reader *r)
{
	struct conf_value *def = &r->conf->values[CONF_DEFAULTPARTITION];
	const struct str prefix = STR("partition-");
	const char *first = NULL;

	for (struct conf_setting *s = r->conf->settings; s != NULL; s = s->next) {
		struct str name = str_c(s->name);

		if (!str_starts(name, prefix))
			continue;
		name = str_slice(name, prefix.n, name.n);
		if (first == NULL)
			first = name.p;
		if (str_ieq(name, str_c(def->text))) {
			def->text = name.p;
			return;
		}
	}
	if (first == NULL)
		complain(r, false, r->conf->path, "there is no partition; add a line such as"
		    " \"partition-default: /var/spool/imap\"");
	else if (def->where != NULL)
		complain(r, true, def->where, "there is no option partition-%s", def->text);
	else
		def->text = first;
}

static void
check_whole(struct reader *r)
{
	const struct conf_value *directory = &r->conf->values[CONF_CONFIGDIRECTORY];

	if (directory->text == NULL)
		complain(r, true, r->conf->path, "configdirectory is not set; add a line such as"
		    " \"configdirectory: /var/imap\"");
	else if (str_find(str_c(directory->text), STR("{configdirectory}")) <
	    strlen(directory->text))
		complain(r, true, directory->where, "configdirectory cannot hold itself");
	check_partitions(r);
}

static enum err
read_main(struct reader *r)
{
	struct buf text = BUF_INIT;
	enum err e = file_slurp(AT_FDCWD, r->conf->path, CONF_FILE_MAX, &text);

	if (e == OK)
		read_text(r, r->conf->path, buf_str(&text));
	else
		complain(r, true, r->conf->path, "cannot read it: %s", err_text(e));
	buf_free(&text);
	return e;
}

enum err
conf_read(const char *path, const char *service, conf_report_fn report,
    void *ctx, struct conf **conf)
{
	struct reader r = { .service = service, .report = report, .ctx = ctx };
	struct arena *arena = arena_new(MEMORY_MAX);
	enum err e;

	*conf = NULL;
	r.conf = arena_new_obj(arena, struct conf);
	r.conf->arena = arena;
	r.conf->path = path;
	r.conf->path = keep(&r, str_c(path));
	r.tail = &r.conf->settings;
	e = read_main(&r);
	if (e == OK) {
		fill_in(&r);
		check_whole(&r);
		if (r.has_failed)
			e = ERR_SYNTAX;
	}
	if (e == OK)
		*conf = r.conf;
	else
		conf_free(r.conf);
	return e;
}
