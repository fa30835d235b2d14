#include "master/helpers.h"
#include "lib/arena.h"
#include "lib/log.h"

static const char *const known[] = { "idled", "limitd" };
enum { KNOWN = sizeof(known) / sizeof(known[0]) };

/* The last part of a path. */
static struct str
base(struct str path)
{
	size_t slash = str_rchr(path, '/');
	return slash < path.n ? str_slice(path, slash + 1, path.n) : path;
}

/* Debian's wrapper has the program's name second: "/usr/sbin/cyrus idled". */
static bool
runs(const char *cmd, const char *program)
{
	struct str left = str_c(cmd), word;
	for (int i = 0; i < 2 && str_next_word(&left, &word); i++)
		if (str_eq(base(word), str_c(program)))
			return true;
	return false;
}

static bool
is_started(const struct mconf *conf, const char *program)
{
	static const enum mconf_section sections[] = { MCONF_START, MCONF_DAEMON };
	for (int i = 0; i < 2; i++)
		for (const struct mconf_entry *e = conf->first[sections[i]]; e != NULL; e = e->next)
			if (runs(e->cmd, program))
				return true;
	return false;
}

static void
add(struct mconf *conf, const char *program)
{
	struct mconf_entry *e = arena_new_obj(conf->arena, struct mconf_entry);
	if (e == NULL)
		return;
	*e = (struct mconf_entry){
		.next = conf->first[MCONF_DAEMON], .name = program, .cmd = program,
		.wait = true, .is_ours = true,
	};
	conf->first[MCONF_DAEMON] = e;
}

void
helpers_add(struct mconf *conf, const struct conf *options)
{
	const char *value = conf_string(options, CONF_DAEMONS);
	struct str left = str_c(value != NULL ? value : ""), word;
	while (str_next_word(&left, &word)) {
		const char *program = NULL;
		for (int i = 0; i < KNOWN; i++)
			if (str_eq(word, str_c(known[i])))
				program = known[i];
		if (program == NULL && !str_eq(word, STR("none")))
			log_err("daemons: \"%.*s\" is none that master starts by itself; want"
			    " idled, limitd or none", STR_ARG(word));
		else if (program != NULL && !is_started(conf, program))
			add(conf, program);
	}
}
