/* cmd_comparator.c - COMPARATOR (RFC 5255 section 4.7) */
#include "imap/imapd/cmd/cmd.h"

/* The comparators that any of the patterns means, as bits; the first: *FIRST. */
static unsigned
matching(const struct comparator_req *req, enum collation *first)
{
	const struct str *pattern = req->patterns.item;
	unsigned found = 0;

	for (size_t i = 0; i < req->patterns.count; i++)
		for (enum collation c = 0; c < COLLATIONS; c++) {
			if (!collate_matches(c, pattern[i]))
				continue;
			if (found == 0)
				*first = c;
			found |= 1u << c;
		}
	return found;
}

static void
put_name(struct session *s, enum collation c)
{
	reply_puts(s->reply, "\"");
	reply_puts(s->reply, collate_name(c));
	reply_puts(s->reply, "\"");
}

/* "COMPARATOR" SP comp-sel-quoted [SP "(" comp-id-quoted *(SP comp-id-quoted) ")"] */
static void
tell(struct session *s, unsigned found)
{
	const char *before = " (";

	reply_puts(s->reply, "* COMPARATOR ");
	put_name(s, s->collation);
	for (enum collation c = 0; c < COLLATIONS && (found & (found - 1)); c++) {
		if (!(found & 1u << c))
			continue;
		reply_puts(s->reply, before);
		put_name(s, c);
		before = " ";
	}
	reply_puts(s->reply, found & (found - 1) ? ")\r\n" : "\r\n");
}

enum err
run_comparator(struct session *s, struct command *c)
{
	const struct comparator_req *req = c->req;
	unsigned found = 0;

	if (req->patterns.count > 0) {
		found = matching(req, &s->collation);
		if (found == 0) {
			c->code = "BADCOMPARATOR";
			c->text = "No such comparator";
			return ERR_UNSUPPORTED;
		}
	}
	tell(s, found);
	return OK;
}
