#include "imap/server/setup.h"
#include "lib/acl.h"
#include "lib/log.h"

#include <string.h>

enum { MAX_PARTITIONS = 256 };

struct partitions {
	struct store_partition v[MAX_PARTITIONS];
	size_t n;
	bool too_many;
};

static void
add_partition(void *ctx, const char *name, const char *value)
{
	struct partitions *p = ctx;
	if (p->n == MAX_PARTITIONS) {
		p->too_many = true;
		return;
	}
	p->v[p->n++] = (struct store_partition){
		.name = name + strlen("partition-"), .path = value,
	};
}

static enum err
set_partitions(struct arena *arena, const struct conf *conf, struct store_params *params)
{
	struct partitions found = { .n = 0 };
	conf_each(conf, "partition-", add_partition, &found);
	if (found.too_many || found.n == 0) {
		log_err("%s: %s", conf_path(conf), found.n == 0
		    ? "no partition; set partition-default: DIRECTORY"
		    : "more than 256 partitions");
		return ERR_SYNTAX;
	}
	params->default_partition = conf_string(conf, CONF_DEFAULTPARTITION);
	bool has_default = false;
	for (size_t i = 0; i < found.n; i++)
		has_default |= strcmp(found.v[i].name, params->default_partition) == 0;
	if (!has_default) {
		log_err("%s: defaultpartition is \"%s\", but there is no partition-%s",
		    conf_path(conf), params->default_partition,
		    params->default_partition);
		return ERR_SYNTAX;
	}
	size_t size = found.n * sizeof(found.v[0]);
	void *copy = arena_alloc(arena, size);
	if (copy == NULL)
		return ERR_LIMIT;
	memcpy(copy, found.v, size);
	params->partitions = copy;
	params->partition_count = found.n;
	return OK;
}

/* The next word of *s, empty at the end. */
static struct str
next_word(struct str *s)
{
	while (s->n > 0 && (*s->p == ' ' || *s->p == '\t'))
		s->p++, s->n--;
	struct str word = { s->p, 0 };
	while (word.n < s->n && s->p[word.n] != ' ' && s->p[word.n] != '\t')
		word.n++;
	s->p += word.n;
	s->n -= word.n;
	return word;
}

/* "anyone lrs fred all" in stored form. */
static enum err
set_default_acl(struct arena *arena, const struct conf *conf, struct store_params *params)
{
	struct str text = str_c(conf_string(conf, CONF_DEFAULTACL)), who;
	struct buf acl = BUF_INIT;
	enum err e = OK;
	while (e == OK && (who = next_word(&text)).n > 0) {
		rights_t rights = ACL_ALL;
		struct str letters = next_word(&text);
		if (!str_eq(letters, STR("all")))
			e = letters.n == 0 ? ERR_SYNTAX
			    : acl_parse_rights(letters, &rights);
		buf_add_str(&acl, who);
		buf_addc(&acl, '\t');
		acl_format_rights(rights, &acl);
		buf_addc(&acl, '\t');
	}
	if (e != OK)
		log_err("%s: defaultacl must be pairs of identifier and rights: \"%s\"",
		    conf_path(conf), conf_string(conf, CONF_DEFAULTACL));
	params->default_acl = arena_copy(arena, acl.p, acl.n);
	buf_free(&acl);
	return e == OK && params->default_acl == NULL ? ERR_LIMIT : e;
}

enum err
setup_params(struct arena *arena, const struct conf *conf, struct store_params *params)
{
	*params = (struct store_params){
		.config_dir = conf_string(conf, CONF_CONFIGDIRECTORY),
		.expunge_delayed = conf_enum(conf, CONF_EXPUNGE_MODE) == 0,
		.expunge_grace = conf_seconds(conf, CONF_EXPUNGE_GRACE),
		.delete_delayed = conf_enum(conf, CONF_DELETE_MODE) == 0,
		.deleted_prefix = conf_string(conf, CONF_DELETEDPREFIX),
		.hash_spool = conf_switch(conf, CONF_HASHIMAPSPOOL),
	};
	if (params->config_dir == NULL) {
		log_err("%s: configdirectory is not set", conf_path(conf));
		return ERR_SYNTAX;
	}
	enum err e = set_partitions(arena, conf, params);
	return e != OK ? e : set_default_acl(arena, conf, params);
}
