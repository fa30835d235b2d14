/*
 * tls_shelf.h - the certificates and keys of a service, as they were last good
 *
 * For one set of options (tls.h): the default's, and those of the names below
 * sni_dir that somebody has asked for.  Files are looked at whenever somebody
 * asks.  What has changed is taken as a whole, once it is all there and fits
 * together; until then, and if that never comes, it stays as it was.  A
 * certificate and its key are two files, so between the two renames they never
 * fit: only after a few seconds it is an error in the log, once.
 *
 * Used by whoever has the files: a server's own process, or the holder of its
 * keys (tlskey.h).
 */
#ifndef LIB_TLS_SHELF_H
#define LIB_TLS_SHELF_H

#include "lib/tls.h"
#include "lib/tls_bundle.h"

struct tls_shelf;
struct tlskey_ring;

enum { TLS_SHELF_NAME_MAX = 256 };

/* P, as for a context; RING gets the keys, too, NULL: nobody else does. */
struct tls_shelf *tls_shelf_new(const struct tls_params *p, struct tlskey_ring *ring);
void tls_shelf_free(struct tls_shelf *s);	/* NULL is allowed */

/*
 * What there is for NAME, a host or "*.example.org", "": the default; good
 * until the next call.  ERR_NOTFOUND, of a name: there is none.  Any other
 * error, and any of the default: it has never been good; WHY says what is wrong.
 */
enum err tls_shelf_find(struct tls_shelf *s, const char *name, const struct tls_stock **stock,
    char *why, size_t size) MUST_CHECK;

/*
 * A host_name (RFC 6066 section 3), perhaps with "*." before it: it becomes part of a
 * path, so nothing but letters, digits, "-", "_" and single dots between them.
 */
bool tls_shelf_is_name(struct str name);

#endif
