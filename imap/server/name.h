/*
 * name.h - mailbox names as clients write them and as the store keeps them
 *
 * The one place that knows about altnamespace, unixhierarchysep, INBOX in any
 * case, other users' names, modified UTF-7 and what domains look like outside.
 *
 *	                   internal              external
 *	                                         default         altnamespace,
 *	                                                         unixhierarchysep
 *	own INBOX          user.fred             INBOX           INBOX
 *	own folder         user.fred.a           INBOX.a         a
 *	somebody's INBOX   user.wilma            user.wilma      Other Users/wilma
 *	somebody's folder  user.wilma.a          user.wilma.a    Other Users/wilma/a
 *	shared folder      bb.announce           bb.announce     Shared Folders/bb/announce
 *
 * Internally components are joined by '.', and a '.' within a component, which
 * only '/' as a separator allows, is kept as '^'.  Outside everything is in
 * modified UTF-7, or in UTF-8 for clients that have enabled it; inside in
 * UTF-8, form C.
 *
 * Domains (domain.h).  Whoever belongs to one never sees its name: its users
 * and administrators write and read names as if there were no other.  Global
 * administrators write it at the end, as Cyrus has it:
 *
 *	                   internal                   fred@example.org    administrator
 *	fred's folder      user.fred@example^org.a    INBOX.a             user.fred.a@example.org
 *	wilma's INBOX      user.wilma@example^org     user.wilma          user.wilma@example.org
 *	shared folder      bb@example^org.news        bb.news             bb.news@example.org
 *	in no domain       user.john                                      user.john
 *
 * With crossdomains a user sees others in all domains, with the domain in the
 * place that it has inside; so there it can be told from a level's name only if
 * the separator is '/':
 *
 *	                   internal                 fred@example.org
 *	wilma's folder     user.wilma@a^net.x       Other Users/wilma@a.net/x
 *	in his own         user.wilma@example^org   Other Users/wilma@example.org; with
 *	                                            crossdomains_onlyother ".../wilma"
 *	shared folder      bb@example^org.news      Shared Folders/bb/news
 *
 * What is behind an administrator's last "@" is a domain; so one whose name
 * has an "@" in it, and no domain, gets the default one: user.john.a@b@internal,
 * or with whatever defaultdomain is.
 */
#ifndef IMAP_SERVER_NAME_H
#define IMAP_SERVER_NAME_H

#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>

struct name_style {
	char sep;			/* '.' or '/' */
	bool alt;			/* altnamespace */
	const char *userid;		/* whose INBOX is "INBOX"; NULL before login */
	const char *other;		/* userprefix, without separator */
	const char *shared;		/* sharedprefix */
	bool utf8;			/* outside is UTF-8, too (RFC 9051, RFC 6855) */
	bool is_admin;			/* sees everything as in the default style */
	bool domains;			/* virtdomains is not off */
	bool tagged;			/* domains stand where they do inside */
	bool crosses;			/* crossdomains: users of other domains are there */
	bool bare_own;			/* crossdomains_onlyother */
	const char *home;		/* domain of what is in none; NULL: "internal" */
	const char *deleted;		/* deletedprefix */
};

void name_style_init(struct name_style *n, const struct conf *conf);

/*
 * Appends the internal name.  ERR_NAME: bad UTF-7 or UTF-8, an empty component, a byte
 * or a length that no mailbox name may have, or a name that cannot be one
 * (the prefix of a namespace itself).
 */
enum err name_to_internal(const struct name_style *n, struct str external,
    struct buf *internal) MUST_CHECK;

/* Appends the external name, in modified UTF-7 or UTF-8. */
void name_to_external(const struct name_style *n, struct str internal, struct buf *external);

/*
 * Appends an identifier of an ACL, "fred", "-fred@example.org", in its internal
 * form, or as NAME_STYLE's user writes it.  Users of a domain mean their own;
 * groups, "anyone" and "anonymous" stay as they are.
 */
void name_identifier_in(const struct name_style *n, struct str id, struct buf *internal);
void name_identifier_out(const struct name_style *n, struct str id, struct buf *external);

/* The style's own domain, in internal form; .n == 0: none. */
struct str name_domain(const struct name_style *n);

/*
 * The prefixes of RFC 2342 in external form, with separator: "INBOX.",
 * "user.", "".  The caller gives valid buffers and frees them.
 */
struct name_prefixes {
	struct buf personal, other, shared;
};
/* Appends TEXT as such a prefix, with separator. */
void name_prefix(const struct name_style *n, const char *text, struct buf *external);
void name_prefixes(const struct name_style *n, struct name_prefixes *p);

#endif
