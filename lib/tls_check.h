/*
 * tls_check.h - are the certificates of imapd.conf any good?
 *
 * For people, before a client finds out: every certificate that a context of
 * these options would use, and what speaks against it.
 */
#ifndef LIB_TLS_CHECK_H
#define LIB_TLS_CHECK_H

#include "lib/tls.h"

enum { TLS_CHECK_DAYS = 14 };	/* that a certificate should still be good for */

/* A line; IS_WRONG: somebody should do something about it. */
typedef void (*tls_check_fn)(void *ctx, bool is_wrong, const char *line);

/*
 * False if anything is wrong: files that cannot be used, a key that is another
 * certificate's, a chain with a gap, a name that is not the directory's, an end
 * that is past or near.
 */
bool tls_check(const struct tls_params *p, tls_check_fn tell, void *ctx);

#endif
