/*
 * tlskey.h - private keys of TLS certificates, here or with somebody else
 *
 * A server needs its private keys for one thing: a signature in each full
 * handshake (key exchanges that decrypt with it are not offered, see
 * tls_setup.c).  So a key is either local, read from its PEM file, or it lies
 * with a holder, keyd(8): a process that parses no client's input and answers
 * two questions, "what are the certificates of that name?" (tls_bundle.h) and
 * "sign this with the key of that certificate".
 *
 * The holder hashes and signs what TLS signs, and nothing else: it looks at
 * what it is given (RFC 8446 section 4.4.3, RFC 5246 section 7.4.3).  Who has
 * taken over the asker can pretend to be this server for as long as he has it,
 * but cannot take the key away, nor have a mail, a certificate or a message of
 * another protocol signed.
 *
 * A key's name is the SHA-256 of its SubjectPublicKeyInfo.
 */
#ifndef LIB_TLSKEY_H
#define LIB_TLSKEY_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"
#include "lib/tls_bundle.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

enum { TLSKEY_ID = 32, TLSKEY_REQUEST_MAX = 4096, TLSKEY_REPLY_MAX = 4096 };

/*
 * Reads a key, the caller's.  ERR_NOTFOUND, ERR_IO, ERR_CORRUPT; WHY gets what
 * to tell the administrator: "\"/etc/key.pem\" needs a passphrase; ...".
 */
enum err tlskey_read(const char *path, EVP_PKEY **key, char *why, size_t size) MUST_CHECK;

/* Appends a file as a whole; who asked wipes it (buf_wipe()).  False: see errno. */
bool tlskey_slurp(const char *path, struct buf *text);

/* --- the asking side --- */

struct tlskey_holder;

/*
 * QUEUE (lib/pass.h) leads to whichever holder there is: it is sent one end of
 * a pair, and asked over the other, by this process alone; a copy of the
 * process finds its own way.  QUEUE stays the caller's.
 *
 * An answer is waited for (signing takes a millisecond, whoever does it): if
 * the holder ends meanwhile, for the next one, but in all at most so many
 * milliseconds, 5000 unless something else is said, and the first time 15000:
 * the holder may just be starting, too.  After that nobody waits
 * any more: every question fails at once until the holder has been heard.  So
 * a process that serves many is held up once, and not by each of them.
 */
struct tlskey_holder *tlskey_holder_new(int queue);
void tlskey_holder_patience(struct tlskey_holder *h, int ms);
void tlskey_holder_free(struct tlskey_holder *h);	/* after all its keys; NULL allowed */

/*
 * A key like any other for OpenSSL, which the holder signs with: H's is the
 * private half of PUBLIC.  The caller's.  ERR_UNSUPPORTED: of this type there
 * are only local ones.
 */
enum err tlskey_remote(struct tlskey_holder *h, EVP_PKEY *public, EVP_PKEY **key) MUST_CHECK;

/*
 * The certificates of NAME ("": the default) for SERVICE, if they are others
 * than those whose hash is in STOCK (initialized; all 0: none): *changed, and
 * STOCK has them.  ERR_NOTFOUND: no such name; ERR_CORRUPT: they are of no use, and
 * WHY says why; ERR_TIMEOUT: nobody answers (logged).
 */
enum err tlskey_fetch(struct tlskey_holder *h, const char *service, const char *name,
    struct tls_stock *stock, bool *changed, char *why, size_t size) MUST_CHECK;

/* --- the holder's side --- */

struct tlskey_ring;
struct tls_shelf;

enum { TLSKEY_GRACE = 600 };	/* seconds that a former key can still be asked for */

struct tlskey_ring *tlskey_ring_new(void);
void tlskey_ring_free(struct tlskey_ring *r);	/* NULL is allowed; wipes all keys */

/*
 * One more certificate has this key; one less.  A key that none has is wiped
 * TLSKEY_GRACE later, or with the call after that: until then handshakes that
 * began with the certificate end with it.
 */
void tlskey_ring_put(struct tlskey_ring *r, EVP_PKEY *key);
void tlskey_ring_drop(struct tlskey_ring *r, EVP_PKEY *key);
void tlskey_ring_expire(struct tlskey_ring *r, int seconds_ago);
size_t tlskey_ring_size(const struct tlskey_ring *r);

/* What a holder has. */
struct tlskey_stand {
	const struct tlskey_ring *ring;
	/* A service's certificates; NULL: no such service. */
	struct tls_shelf *(*shelf)(void *ctx, struct str service);
	void *ctx;
};

/*
 * One request, as it came in one packet: REPLY gets the packet to send back,
 * *fd a descriptor to send with it and to close, or -1.  ERR_NOTFOUND: that key
 * or name is not here; ERR_SYNTAX, ERR_DENIED (not what TLS signs),
 * ERR_UNSUPPORTED: no server of ours asks so; ERR_CORRUPT: the files of that
 * name are of no use.  REPLY says it to the asker in each case.
 */
enum err tlskey_serve(const struct tlskey_stand *stand, struct str request,
    struct buf *reply, int *fd) MUST_CHECK;

#endif
