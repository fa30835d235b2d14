/*
 * domain.h - virtual domains: where they stand in internal names
 *
 * A user of a domain is fred@example.org, internally fred@example^org, one
 * component of a name.  So a mailbox's domain stands in the component that the
 * rest hangs from, which is the user's in user.X and the first one otherwise:
 *
 *	user.fred@example^org.sent		bb@example^org.announce
 *	DELETED.user.fred@example^org.sent.66F2A1B0
 *
 * Nothing in the store knows of this: names sort, are walked and get their
 * rights as any others.  A name without such an "@" is in no domain, which is
 * where the users of defaultdomain are.
 */
#ifndef IMAP_SERVER_DOMAIN_H
#define IMAP_SERVER_DOMAIN_H

#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/str.h"

#include <stdbool.h>

/* virtdomains is not off. */
bool domain_enabled(const struct conf *conf);

/*
 * From where on NAME's root, the component that may have a domain, goes and how
 * long it is; *n is 0 if there is none: "user", "DELETED.user".  DELETED is
 * deletedprefix.
 */
size_t domain_root(struct str name, const char *deleted, size_t *n);

/* The domain of a mailbox, in internal form; .n == 0: none. */
struct str domain_of(struct str name, const char *deleted);

/* The domain of a user or of a root, both in internal form; .n == 0: none. */
struct str domain_of_user(struct str user);

/* Appends NAME with DOMAIN put into its root, or without the one it has. */
void domain_put(struct str name, const char *deleted, struct str domain, struct buf *out);
void domain_take(struct str name, const char *deleted, struct buf *out);

/*
 * Appends the internal form of a domain as people write it: lower case, '^'
 * for '.'.  False, and nothing is appended: it cannot be a domain.
 */
bool domain_in(struct str domain, struct buf *out);
/* Appends it as people write it. */
void domain_out(struct str domain, struct buf *out);

/* Is DOMAIN, in internal form, that of the users without one? */
bool domain_is_home(const struct conf *conf, struct str domain);

#endif
