/*
 * conf_table.h - what conf.c and conf_read.c share; others use conf.h
 */
#ifndef LIB_CONF_TABLE_H
#define LIB_CONF_TABLE_H

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/conf.h"

/* A value with the place where it was set; of an option or of a family. */
struct conf_value {
	const char *text;	/* NULL: unset */
	const char *where;	/* "FILE:LINE"; NULL: the default */
	int64_t number;		/* of SWITCH, INT, DURATION (s), SIZE (B), ENUM */
	bool is_own;		/* was set with the service's prefix */
};

/* A setting of an open family. */
struct conf_setting {
	const char *name;
	struct conf_value value;
	struct conf_setting *next;
};

struct conf {
	struct arena *arena;
	const char *path;
	struct conf_value values[CONF_OPTIONS];
	struct conf_setting *settings;		/* in the order of the file */
};

/* The family that NAME belongs to, or NULL. */
const struct conf_family *conf_family_of(struct str name);

/*
 * The number that TEXT is for OPTION's type.  False: it is none, and WHY gets
 * what was expected ("a duration such as 90s, 30m or 1h30m").
 */
bool conf_parse_value(const struct conf_option *option, struct str text,
    int64_t *number, struct buf *why);

/*
 * Some old names counted differently: the text that means the same under the
 * new name; TEXT itself or a literal.
 */
const char *conf_convert_old(struct str name, const char *text);

#endif
