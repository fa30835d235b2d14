/*
 * oauth_claims.h - do these claims let somebody in here, and whom?
 *
 * Claims are those of a token whose signature is good (RFC 7519 section 4.1,
 * RFC 9068), or what the provider has answered about one (RFC 7662).
 */
#ifndef IMAP_SERVER_OAUTH_CLAIMS_H
#define IMAP_SERVER_OAUTH_CLAIMS_H

#include "lib/conf.h"
#include "lib/json.h"

#include <stdbool.h>
#include <stdint.h>

/* What the client is told (RFC 6750 section 3.1). */
enum oauth_fault { OAUTH_FINE, OAUTH_INVALID_REQUEST, OAUTH_INVALID_TOKEN, OAUTH_INSUFFICIENT_SCOPE };

struct oauth_claims {
	const struct json *claims;
	bool is_answer;			/* the provider's: it may leave out who and for whom */
	int64_t now;			/* seconds since 1970 */
};

/* OAUTH_FINE: *name is the user's.  Else *why is for the log. */
enum oauth_fault oauth_claims_check(const struct conf *conf, const struct oauth_claims *c,
    const char **name, const char **why);

#endif
