/* conf.c - what a configuration says */
#include "lib/conf.h"

#include "lib/conf_table.h"
#include "lib/log.h"

#include <string.h>

void
conf_free(struct conf *conf)
{
	if (conf != NULL)
		arena_free(conf->arena);
}

void
conf_log_errors(void *ctx, bool is_error, const char *line)
{
	(void)ctx;
	if (is_error)
		log_err("%s", line);
}

const char *
conf_path(const struct conf *c)
{
	return c->path;
}

const char *
conf_string(const struct conf *c, enum conf_opt o)
{
	return c->values[o].text;
}

/* To ask an option for what it is not is our own mistake, not the file's. */
static int64_t
number(const struct conf *c, enum conf_opt o, enum conf_type type)
{
	ensure(conf_option(o)->type == type);
	return c->values[o].number;
}

bool
conf_switch(const struct conf *c, enum conf_opt o)
{
	return number(c, o, CONF_SWITCH) != 0;
}

int64_t
conf_int(const struct conf *c, enum conf_opt o)
{
	return number(c, o, CONF_INT);
}

int64_t
conf_seconds(const struct conf *c, enum conf_opt o)
{
	return number(c, o, CONF_DURATION);
}

int64_t
conf_bytes(const struct conf *c, enum conf_opt o)
{
	return number(c, o, CONF_SIZE);
}

int
conf_enum(const struct conf *c, enum conf_opt o)
{
	return (int)number(c, o, CONF_ENUM);
}

bool
conf_has_word(const struct conf *c, enum conf_opt o, const char *word)
{
	const char *text = conf_string(c, o);
	struct str rest = str_c(text != NULL ? text : ""), w;

	while (str_next_word(&rest, &w))
		if (str_eq(w, str_c(word)))
			return true;
	return false;
}

static const struct conf_value *
find(const struct conf *c, const char *name)
{
	enum conf_opt o;

	if (conf_find(str_c(name), &o))
		return &c->values[o];
	for (const struct conf_setting *s = c->settings; s != NULL; s = s->next)
		if (strcmp(s->name, name) == 0)
			return &s->value;
	return NULL;
}

const char *
conf_get(const struct conf *c, const char *name)
{
	const struct conf_value *v = find(c, name);

	return v != NULL ? v->text : NULL;
}

const char *
conf_origin(const struct conf *c, const char *name)
{
	const struct conf_value *v = find(c, name);

	return v != NULL ? v->where : NULL;
}

void
conf_each(const struct conf *c, const char *prefix, conf_each_fn each, void *ctx)
{
	for (const struct conf_setting *s = c->settings; s != NULL; s = s->next)
		if (str_starts(str_c(s->name), str_c(prefix)))
			each(ctx, s->name, s->value.text);
}
