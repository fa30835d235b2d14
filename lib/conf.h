/*
 * conf.h - imapd.conf
 *
 * Every option stands once in lib/conf_options.def: name, type, default, the
 * text for imapd.conf(5).  From that list come enum conf_opt (CONF_TIMEOUT
 * for "timeout"), the parser's type checks, the manual page and
 * `chapar config`.
 *
 * The file: "name: value" lines, # comments, @include: PATH.  A name may carry
 * a service's prefix ("imap_timeout"), which wins for that service.  Durations
 * take units (30m, 1h; a bare number is in the option's own unit), sizes too
 * (10M).  An ill-typed value is an error with file and line; an unknown name
 * is a warning with the nearest known one, so that old files start.
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
 * tools).  ERR_SYNTAX after reporting all errors; ERR_NOTFOUND.
 */
enum err conf_read(const char *path, const char *service, conf_report_fn report,
    void *ctx, struct conf **conf) MUST_CHECK;
void conf_free(struct conf *conf);

const char *conf_path(const struct conf *c);
const char *conf_string(const struct conf *c, enum conf_opt o);	/* NULL: unset */
bool conf_switch(const struct conf *c, enum conf_opt o);
int64_t conf_int(const struct conf *c, enum conf_opt o);
int64_t conf_seconds(const struct conf *c, enum conf_opt o);
int64_t conf_bytes(const struct conf *c, enum conf_opt o);
int conf_enum(const struct conf *c, enum conf_opt o);	/* index in the values */
bool conf_has_word(const struct conf *c, enum conf_opt o, const char *word);

/* "partition-NAME" and other open families: NULL if it is not set. */
const char *conf_get(const struct conf *c, const char *name);
/* Calls EACH for every setting whose name starts with PREFIX. */
typedef void (*conf_each_fn)(void *ctx, const char *name, const char *value);
void conf_each(const struct conf *c, const char *prefix, conf_each_fn each, void *ctx);

/* Where it is unless -C says otherwise. */
#define CONF_DEFAULT_PATH	"/etc/imapd.conf"

#endif
