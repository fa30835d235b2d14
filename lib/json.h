/*
 * json.h - just enough JSON (RFC 8259) for dumps of the list of mailboxes
 *
 * A text becomes a tree in an arena.  Strings are UTF-8 and end with a NUL; one
 * that holds a NUL is a syntax error here.  Numbers and true, false and null
 * keep their text.
 */
#ifndef LIB_JSON_H
#define LIB_JSON_H

#include "lib/arena.h"
#include "lib/str.h"

#include <stddef.h>

enum { JSON_DEPTH = 16 };

enum json_kind { JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_OTHER };

struct json {
	enum json_kind kind;
	const char *key;		/* in an object */
	const char *text;		/* of strings and others */
	struct json *child, *next;
};

/* NULL: no JSON, too deep, or the arena is full; *line is where. */
struct json *json_parse(struct arena *arena, struct str text, size_t *line);

/* The member KEY, or NULL; its text, or NULL. */
const struct json *json_get(const struct json *object, const char *key);
const char *json_text(const struct json *object, const char *key);

/* To stdout, quoted. */
void json_print_string(const char *s);

#endif
