/*
 * oauth_keys.h - the provider's keys, from a file or a URL (oauth_jwks)
 *
 * They are kept for the process's life: a file is read again when it is another
 * one, a URL when oauth_jwks_ttl is over.  What cannot be had is not tried
 * again at once, and what was had before goes on to be used for a day.
 */
#ifndef IMAP_SERVER_OAUTH_KEYS_H
#define IMAP_SERVER_OAUTH_KEYS_H

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/jwt.h"

#include <stdbool.h>

enum {
	OAUTH_KEYS_PAUSE = 60,		/* seconds between two tries */
	OAUTH_KEYS_OLD = 24 * 3600,	/* after that they are no good */
};

/*
 * *keys is valid until the next call.  NEWER: those of the last call lack one, so
 * fetch them if that is not too soon.  ERR_IO: there are none; it has been
 * logged.
 */
enum err oauth_keys(const struct conf *conf, bool newer, const struct jwt_keys **keys) MUST_CHECK;

#endif
