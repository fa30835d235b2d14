/*
 * conf.h - imapd.conf
 *
 * Every option stands once in lib/conf_options.def: name, type, default, the
 * text for imapd.conf(5).  From that list come enum conf_opt (CONF_TIMEOUT
 * for "timeout"), the parser's type checks, the manual page and
 * `chapar config`.  Beside the list there are open families of options whose
 * names the administrator or another library chooses: partition-NAME, sasl_*.
 *
 * The file: "name: value" lines, # comments, @include: PATH (relative to the
 * file that says so); a backslash at the end of a line joins the next to it.
 * A name may carry a service's prefix ("imap_timeout"), which wins for that
 * service.  Durations take units (30m, 1h30m; a bare number is in the option's
 * own unit), sizes too (10M).  An ill-typed value, or an option that is set
 * twice, is an error with file and line; an unknown name is a warning with the
 * nearest known one, so that old files start.  {configdirectory} stands for
 * that option's value in paths and strings.
 *
 * The configuration is read once and never changes in a process; results are
 * borrowed from it for ever.
 */
#ifndef LIB_CONF_H
#define LIB_CONF_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_type {
	CONF_STRING, CONF_SWITCH, CONF_INT, CONF_DURATION, CONF_SIZE, CONF_ENUM,
	CONF_LIST, CONF_PATH,
};

enum conf_opt {
#define OPTION(id, name, type, default_, unit_or_values, text)	CONF_##id,
#include "lib/conf_options.def"
#undef OPTION
	CONF_OPTIONS
};

struct conf;

/* One thing wrong with a file, for people: "imapd.conf:12: ...". */
typedef void (*conf_report_fn)(void *ctx, bool is_error, const char *line);

/*
 * Reads PATH for SERVICE (the name in cyrus.conf: "imap", "lmtp"; NULL for
 * tools).  With REPORT NULL, what is wrong goes to the log.  ERR_SYNTAX after
 * reporting all errors; ERR_NOTFOUND, ERR_IO or ERR_LIMIT (a file over
 * CONF_FILE_MAX), reported too.
 */
enum err conf_read(const char *path, const char *service, conf_report_fn report,
    void *ctx, struct conf **conf) MUST_CHECK;
void conf_free(struct conf *conf);

enum { CONF_FILE_MAX = 1 << 20 };

/*
 * A report for the programs that master starts: logs errors only.  Master has
 * read the same file before and has logged the warnings, once for all.
 */
void conf_log_errors(void *ctx, bool is_error, const char *line);

/* The file it was read from. */
const char *conf_path(const struct conf *c);

/* The text of an option of any type, as set or the default; NULL: unset. */
const char *conf_string(const struct conf *c, enum conf_opt o);

/* Values, each for options of its own type only; an unset number is 0. */
bool conf_switch(const struct conf *c, enum conf_opt o);
int64_t conf_int(const struct conf *c, enum conf_opt o);
int64_t conf_seconds(const struct conf *c, enum conf_opt o);
int64_t conf_bytes(const struct conf *c, enum conf_opt o);
int conf_enum(const struct conf *c, enum conf_opt o);	/* index in the values */

/* Does a LIST (or a string of words) hold WORD? */
bool conf_has_word(const struct conf *c, enum conf_opt o, const char *word);

/*
 * By name: "partition-NAME" and other open families, NULL if it is not set;
 * and any option of the table, as conf_string().
 */
const char *conf_get(const struct conf *c, const char *name);

/* Calls EACH for every setting of an open family whose name starts with PREFIX. */
typedef void (*conf_each_fn)(void *ctx, const char *name, const char *value);
void conf_each(const struct conf *c, const char *prefix, conf_each_fn each, void *ctx);

/* "FILE:LINE" where the option was set, or NULL if it was not. */
const char *conf_origin(const struct conf *c, const char *name);

/* --- the table itself, for tools and the manual page --- */

struct conf_option {
	const char *name;
	enum conf_type type;
	const char *default_;		/* NULL: unset */
	const char *unit_or_values;
	const char *text;
};

const struct conf_option *conf_option(enum conf_opt o);

/* What its value is, as in "timeout is a duration such as 90s, 30m or 1h30m". */
void conf_describe(const struct conf_option *option, struct buf *b);

/* The title of the section that this option begins, or NULL. */
const char *conf_group(enum conf_opt o);

/* An open family: every name that begins with PREFIX. */
struct conf_family {
	const char *prefix;
	const char *pattern;		/* as people write it: "partition-NAME" */
	enum conf_type type;
	const char *text;
};

/* One after the other from 0; NULL after the last. */
const struct conf_family *conf_family(size_t i);

/* A name of other versions that means an option of ours; NULL after the last. */
struct conf_old_name {
	const char *name;
	enum conf_opt now;
};

const struct conf_old_name *conf_old_name(size_t i);

/* By name in lower case, old names included; false: no such option. */
bool conf_find(struct str name, enum conf_opt *o);

/* The known name nearest to a misspelt one; NULL if none is near. */
const char *conf_nearest(struct str name);

/* Where it is unless -C says otherwise. */
#define CONF_DEFAULT_PATH	"/etc/imapd.conf"

#endif
