/*
 * jwt.h - tokens that somebody has signed (RFC 7519), and the keys for them
 *
 * A JSON Web Token in the compact form of RFC 7515 is a header, claims and a
 * signature.  jwt_parse() takes it apart; nothing in it is true before
 * jwt_verify() has said OK, and whether the claims mean anything here (who
 * issued it, for whom, until when) is the caller's affair.
 *
 * Signatures are those of a private key: RS256 to RS512, PS256 to PS512, ES256
 * to ES512, and EdDSA with Ed25519.  "none", and HS256 and its like, for which who can verify can sign,
 * do not exist here, whatever the token says; and a key is used only with the
 * algorithms of its type.
 *
 * Limits.  A token of JWT_MAX bytes; a set of JWT_KEYS_MAX keys; RSA keys of
 * 2048 bits or more.
 */
#ifndef LIB_JWT_H
#define LIB_JWT_H

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/json.h"
#include "lib/str.h"

#include <stdbool.h>

enum {
	JWT_MAX = 32 * 1024,
	JWT_KEYS_MAX = 64,
};

struct jwt_keys;

/*
 * A set of keys (RFC 7517 section 5).  What is not for signatures, or of a type
 * that we do not know, is left out.  ERR_SYNTAX: no such set; it may be empty.
 */
enum err jwt_keys_parse(struct str json, struct jwt_keys **keys) MUST_CHECK;
size_t jwt_keys_count(const struct jwt_keys *keys);
void jwt_keys_free(struct jwt_keys *keys);	/* NULL allowed */

struct jwt {
	struct str text;		/* borrowed: the token */
	const struct json *header, *claims;	/* objects in the arena */
	const char *algorithm;
	const char *key_id;		/* or NULL */
};

/* Three parts with dots between them: worth a try. */
bool jwt_is_like(struct str token);

/* ERR_SYNTAX: it is none, or has what may not be ignored; *why says what. */
enum err jwt_parse(struct arena *arena, struct str token, struct jwt *t,
    const char **why) MUST_CHECK;

/*
 * ERR_NOTFOUND: there is no key for it (newer keys may have one); ERR_AUTH: the
 * signature is wrong; ERR_UNSUPPORTED: an algorithm that we do not take.
 */
enum err jwt_verify(const struct jwt *t, const struct jwt_keys *keys,
    const char **why) MUST_CHECK;

#endif
