/*
 * acl.h - access control lists (RFC 4314, RFC 2086)
 *
 * An ACL in its stored form is text: identifier TAB rights TAB, repeated, in
 * the order in which they were set.  An identifier is a user, "anyone",
 * "anonymous" or "group:NAME"; with a leading "-" its rights are taken away
 * from what the others grant: effective = union of grants minus union of
 * negatives.
 */
#ifndef LIB_ACL_H
#define LIB_ACL_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t rights_t;

enum {
	ACL_LOOKUP = 1 << 0,		/* l */
	ACL_READ = 1 << 1,		/* r */
	ACL_SEEN = 1 << 2,		/* s */
	ACL_WRITE = 1 << 3,		/* w */
	ACL_INSERT = 1 << 4,		/* i */
	ACL_POST = 1 << 5,		/* p */
	ACL_CREATE = 1 << 6,		/* k */
	ACL_DELETEMBOX = 1 << 7,	/* x */
	ACL_DELETEMSG = 1 << 8,		/* t */
	ACL_EXPUNGE = 1 << 9,		/* e */
	ACL_ANNOTATE = 1 << 10,		/* n */
	ACL_ADMIN = 1 << 11,		/* a */
	ACL_ALL = (1 << 12) - 1,
};

/* Who asks.  All strings live as long as the struct. */
struct identity {
	const char *userid;		/* internal form; "anonymous" */
	const char *const *groups;	/* without "group:", NULL at the end; may be NULL */
	bool groups_doubtful;		/* he may be in others, too */
	bool is_admin;
	bool is_anonymous;
};

enum {
	ACL_IDENTIFIER_MAX = 512,	/* bytes of one identifier */
	ACL_MAX = 64 * 1024,		/* bytes of one list */
};

/*
 * Letters to rights.  "c" means k and x, "d" means t and e (RFC 4314 section
 * 2.1.1), so that the right to delete messages never gives the one to delete
 * the mailbox; digits are ignored.  ERR_SYNTAX for any other byte.
 */
enum err acl_parse_rights(struct str letters, rights_t *rights) MUST_CHECK;

/*
 * For clients, in the order "lrswipkxtecdan": the virtual c and d stand there
 * as soon as one of their members does, as RFC 4314 section 2.1.1 demands.
 * What is stored holds neither.
 */
void acl_format_rights(rights_t rights, struct buf *out);

/*
 * What ID may do under ACL.  Admins have l and a besides.  If his groups are
 * doubtful, those that are not known give him nothing, but any of them may take
 * away: a directory that does not answer opens no mailbox to anybody.  Somebody anonymous
 * is nobody else, whatever the name given: only "anonymous" and "anyone" count.
 */
rights_t acl_rights_of(struct str acl, const struct identity *id);

/*
 * Makes OUT a copy of ACL with IDENTIFIER's rights replaced ('='), added ('+')
 * or removed ('-'); no rights left removes the entry.  ACL must not lie in OUT.
 * ERR_NAME: nothing that can be an identifier (empty, "-", too long, control
 * characters); ERR_LIMIT: the list would be longer than ACL_MAX.  OUT is empty
 * then.
 */
enum err acl_change(struct str acl, struct str identifier, char mode,
    rights_t rights, struct buf *out) MUST_CHECK;

/*
 * Iterates: moves *acl past one entry; false at the end.  A damaged list gives
 * what can be read of it; letters that are unknown grant nothing.
 */
bool acl_next(struct str *acl, struct str *identifier, rights_t *rights);

#endif
