/*
 * oauth.h - OAUTHBEARER (RFC 7628) and XOAUTH2: a token instead of a password
 *
 * Cyrus SASL has neither.  The client sends one message with a token that its
 * provider gave it; here it is found out whose it is: by the provider's keys
 * (oauth_jwks) if it is a JWT, or by asking the provider
 * (oauth_introspection_url).  Whoever has the token is its user: so these
 * mechanisms are offered where a plaintext password would be allowed.
 *
 * A token that is not good is answered with a challenge in JSON, which tells
 * the client why and where to get another; what it says to that does not
 * matter, and the exchange has failed.
 */
#ifndef IMAP_SERVER_OAUTH_H
#define IMAP_SERVER_OAUTH_H

#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>

enum oauth_mechanism { OAUTH_NONE, OAUTHBEARER, XOAUTH2 };

/*
 * For the process, and those that will be copied from it: loads what is needed,
 * and says in the log what is wrong with the options.
 */
void oauth_prepare(const struct conf *conf);

/* Is this one of them, is it configured, and does sasl_mech_list not leave it out? */
enum oauth_mechanism oauth_find(const struct conf *conf, struct str name);

/* Appends " PREFIXOAUTHBEARER" and " PREFIXXOAUTH2", as far as they are. */
void oauth_mechanisms(const struct conf *conf, const char *prefix, struct buf *out);

struct oauth_result {
	struct buf name;		/* whose token it is */
	struct buf wanted;		/* whom the client wants to be; empty: the same */
	struct buf error;		/* ERR_AUTH: the challenge, if there is to be one */
	struct buf why;			/* not OK: for the log */
};

/*
 * OK: see *r.  ERR_AUTH; ERR_IO: the provider cannot be asked now.  This may wait
 * for it, for oauth_timeout twice at most.
 */
enum err oauth_check(const struct conf *conf, enum oauth_mechanism mechanism,
    struct str message, struct oauth_result *r) MUST_CHECK;
void oauth_result_fini(struct oauth_result *r);

#endif
