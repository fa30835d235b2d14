/* LANGUAGE (RFC 5255 section 3.2) */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/cmd/cmd_namespace.h"

static void
put_tag(struct session *s, enum language l)
{
	reply_puts(s->reply, "\"");
	reply_puts(s->reply, language_tag(l));
	reply_puts(s->reply, "\"");
}

static void
list_languages(struct session *s)
{
	reply_puts(s->reply, "* LANGUAGE (");
	for (unsigned l = 0; l < LANGUAGES; l++) {
		reply_puts(s->reply, l > 0 ? " " : "");
		put_tag(s, l);
	}
	reply_puts(s->reply, ")\r\n");
}

/* The first of the ranges that we know; what is said from here on is in it. */
enum err
run_language(struct session *s, struct command *c)
{
	const struct language_req *r = c->req;
	const struct str *range = r->ranges.item;
	enum language l;
	size_t i = 0;
	if (r->ranges.count == 0) {
		list_languages(s);
		return OK;
	}
	/* "*" before others says nothing (RFC 4647 section 3.4). */
	while (i < r->ranges.count && ((str_eq(range[i], STR("*")) && i + 1 < r->ranges.count)
	    || !language_find(range[i], &l)))
		i++;
	if (i == r->ranges.count) {
		c->text = "No such language";
		return ERR_UNSUPPORTED;
	}
	s->reply->language = l;
	reply_puts(s->reply, "* LANGUAGE (");
	put_tag(s, l);
	reply_puts(s->reply, ")\r\n");
	if (s->user != NULL)
		namespace_put(s);
	return OK;
}
