/*
 * ldap.h - questions to a directory (LDAP version 3)
 *
 * Every call waits for the server, up to the time limit.  Failures are not
 * logged; the words are in the buffer that directory_open() was given.
 *
 * The system's own ldap.conf(5) counts where nothing is said here.
 */
#ifndef LIB_LDAP_H
#define LIB_LDAP_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>

struct directory;

struct directory_params {
	const char *uri;		/* one or more, separated by spaces */
	const char *bind_dn, *password;	/* NULL: anonymous */
	bool sasl;			/* by these instead of bind_dn: */
	const char *mech;
	const char *authcid, *authzid, *realm;	/* or NULL */
	bool start_tls, verify_peer;
	const char *ca_file, *ca_dir, *ciphers, *cert, *key;	/* or NULL */
	int timeout;			/* seconds, for each step */
	int time_limit;			/* what the server is told of it */
	bool referrals;			/* followed */
	int deref;			/* never, searching, finding, always: 0 to 3 */
};

enum directory_scope { DIRECTORY_SUB, DIRECTORY_ONE, DIRECTORY_BASE };

/*
 * Connects, starts TLS, binds.  ERR_IO, ERR_AUTH (the bind was refused).  WHY gets
 * the words for this and for later failures, and must live as long.
 */
enum err directory_open(const struct directory_params *p, struct buf *why,
    struct directory **d) MUST_CHECK;
void directory_close(struct directory *d);	/* NULL allowed */

/*
 * Calls EACH for each value of ATTRIBUTE in each entry that is found, and first
 * for the entry itself, VALUE.p being NULL.  ATTRIBUTE NULL: entries only.
 * ERR_NOTFOUND: there is no BASE; ERR_LIMIT: too many, EACH has got some;
 * ERR_IO, ERR_DENIED.
 */
typedef void (*directory_each_fn)(void *ctx, const char *dn, struct str value);
enum err directory_search(struct directory *d, const char *base,
    enum directory_scope scope, const char *filter, const char *attribute,
    directory_each_fn each, void *ctx) MUST_CHECK;

/*
 * TEXT so that it stands for itself in a filter (RFC 4515) or in a value of a
 * distinguished name (RFC 4514); appended.
 */
void directory_escape_filter(struct str text, struct buf *out);
void directory_escape_dn(struct str text, struct buf *out);

/* Appends the value of the first RDN of DN; false: it is none. */
bool directory_rdn(struct str dn, struct buf *out);

/* Is DN the same as BASE or below it? */
bool directory_is_below(struct str dn, const char *base);

#endif
