/*
 * ENABLE (RFC 5161): extensions that the client must ask for
 *
 * One row an extension.  A word that is not in the table is ignored; so is one
 * that is on already, except that ENABLED does not name it.
 */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/session/sync.h"

static const struct {
	struct str name;
	unsigned bits;			/* enum enabled */
} extensions[] = {
	{ NAME("IMAP4rev2"), ENABLED_IMAP4REV2 },
	{ NAME("UTF8=ACCEPT"), ENABLED_UTF8 },
	{ NAME("CONDSTORE"), ENABLED_CONDSTORE },
	{ NAME("UIDONLY"), ENABLED_UIDONLY },
	{ NAME("QRESYNC"), ENABLED_QRESYNC | ENABLED_CONDSTORE },
};

static void
enable(struct session *s, struct str name)
{
	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++)
		if (str_ieq(name, extensions[i].name)
		    && (s->enabled & extensions[i].bits) != extensions[i].bits) {
			session_enable(s, extensions[i].bits);
			reply_puts(s->reply, " ");
			reply_put(s->reply, extensions[i].name);
		}
}

/* enable-data = "ENABLED" *(SP capability) */
enum err
run_enable(struct session *s, struct command *c)
{
	const struct enable_req *r = c->req;
	const struct str *name = r->capabilities.item;
	/* Its EXISTS went with a RECENT, and names would change their form. */
	for (size_t i = 0; s->mbox != NULL && i < r->capabilities.count; i++)
		if (str_ieq(name[i], STR("IMAP4rev2"))) {
			c->text = "Enable IMAP4rev2 before a mailbox is selected";
			return ERR_SYNTAX;
		}
	bool was_condstore = s->enabled & ENABLED_CONDSTORE;
	reply_puts(s->reply, "* ENABLED");
	for (size_t i = 0; i < r->capabilities.count; i++)
		enable(s, name[i]);
	reply_crlf(s->reply);
	if (!was_condstore && (s->enabled & ENABLED_CONDSTORE))
		sync_highest_modseq(s);
	return OK;
}
