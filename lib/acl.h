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
	bool is_admin;
	bool is_anonymous;
};

/*
 * Letters to rights.  "c" means k and x, "d" means t and e and x as RFC 4314
 * section 2.1.1 says (for x: only with "c"); digits are ignored.  ERR_SYNTAX
 * for any other byte.
 */
enum err acl_parse_rights(struct str letters, rights_t *rights) MUST_CHECK;

/* Canonical order "lrswipkxtea" with the virtual c and d where complete. */
void acl_format_rights(rights_t rights, struct buf *out);

/* What ID may do under ACL.  Admins have l and a besides. */
rights_t acl_rights_of(struct str acl, const struct identity *id);

/*
 * A copy of ACL in OUT with IDENTIFIER's rights replaced ('='), added ('+')
 * or removed ('-'); no rights left removes the entry.
 */
enum err acl_change(struct str acl, struct str identifier, char mode,
    rights_t rights, struct buf *out) MUST_CHECK;

/* Iterates: moves *acl past one entry; false at the end. */
bool acl_next(struct str *acl, struct str *identifier, rights_t *rights);

#endif
