/* annotating.c - who may store annotations of messages, and how much (RFC 5257) */
#include "imap/imapd/session/annotating.h"

/* Section 4.1 */
enum { MIN_MAXSIZE = 1024 };

unsigned
annotating_may(const struct session *s, rights_t rights)
{
	return (rights & ACL_ANNOTATE ? COPY_SHARED : 0)
	    | (rights & ACL_READ && !s->user->id.is_anonymous ? COPY_OWN : 0);
}

unsigned
annotating_here(const struct session *s)
{
	return mbox_is_readonly(s->mbox) ? 0 : annotating_may(s, s->rights);
}

static uint64_t
max_size(const struct session *s)
{
	uint64_t max = (uint64_t)conf_bytes(s->server->conf, CONF_ANNOTATION_MAXSIZE);

	return max < MIN_MAXSIZE ? MIN_MAXSIZE : max;
}

void
annotating_too_many(struct command *c)
{
	c->code = "ANNOTATE TOOMANY";
	c->text = "Too many annotations";
}

static enum err
check(struct session *s, struct command *c, const struct annotation_value *v, unsigned may)
{
	if (!v->shared && s->user->id.is_anonymous) {
		c->text = "There are no private annotations for anonymous users";
		return ERR_UNSUPPORTED;
	}
	if (!(may & (v->shared ? COPY_SHARED : COPY_OWN)))
		return ERR_DENIED;
	if (v->value.n <= max_size(s))
		return OK;
	c->code = "ANNOTATE TOOBIG";
	c->text = "The value is too long";
	return ERR_LIMIT;
}

static size_t
count_values(const struct annotation_set *set)
{
	const struct annotation_entry *entry = set->entries.item;
	size_t n = 0;

	for (size_t i = 0; i < set->entries.count; i++)
		n += entry[i].values.count;
	return n;
}

enum err
annotating_params(struct session *s, struct command *c, const struct annotation_set *set,
    unsigned may, struct annotate_list *l)
{
	const struct annotation_entry *entry = set->entries.item;
	struct annotate_params *p = arena_alloc(c->arena, count_values(set) * sizeof(*p) + 1);
	struct str own = str_c(s->user->id.userid);
	enum err e = p != NULL ? OK : ERR_LIMIT;

	*l = (struct annotate_list){ .one = p };
	for (size_t i = 0; i < set->entries.count; i++) {
		const struct annotation_value *v = entry[i].values.item;

		for (size_t k = 0; e == OK && k < entry[i].values.count; k++) {
			e = check(s, c, &v[k], may);
			p[l->n++] = (struct annotate_params){ .entry = entry[i].name,
			    .owner = v[k].shared ? STR("") : own, .value = v[k].value,
			    .max = (size_t)conf_int(s->server->conf, CONF_ANNOTATION_MAXENTRIES) };
		}
	}
	return e;
}

void
annotating_put_level(struct session *s)
{
	const char *no_private = s->user->id.is_anonymous ? " NOPRIVATE" : "";

	if (annotating_here(s) == 0)
		reply_untagged(s->reply, "OK [ANNOTATIONS READ-ONLY%s] Ok", no_private);
	else
		reply_untagged(s->reply, "OK [ANNOTATIONS %llu%s] Ok",
		    (unsigned long long)max_size(s), no_private);
}
