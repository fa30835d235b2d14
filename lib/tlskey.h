/*
 * tlskey.h - private keys of TLS certificates, here or with somebody else
 *
 * A server needs its private keys for one thing: a signature in each full
 * handshake (key exchanges that decrypt with it are not offered, see
 * tls_setup.c).  So a key is either local, read from its PEM file, or it lies
 * with a holder: a process that parses no client's input and answers one kind
 * of request, "sign this with the key of that certificate".
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

#include <openssl/types.h>
#include <stddef.h>

enum { TLSKEY_ID = 32, TLSKEY_REQUEST_MAX = 4096, TLSKEY_REPLY_MAX = 2048 };

/*
 * Reads a key, the caller's.  ERR_NOTFOUND, ERR_IO, ERR_CORRUPT; WHY gets what
 * to tell the administrator: "\"/etc/key.pem\" needs a passphrase; ...".
 */
enum err tlskey_read(const char *path, EVP_PKEY **key, char *why, size_t size) MUST_CHECK;

/* --- the asking side --- */

struct tlskey_holder;

/*
 * FD is a SOCK_SEQPACKET socket to a holder, for this process alone; it stays
 * the caller's.  An answer is waited for (signing takes a millisecond, whoever
 * does it) for at most 5 seconds.
 */
struct tlskey_holder *tlskey_holder_new(int fd);
void tlskey_holder_free(struct tlskey_holder *h);	/* after all its keys; NULL allowed */

/*
 * A key like any other for OpenSSL, which the holder signs with: H's is the
 * private half of PUBLIC.  The caller's.  ERR_UNSUPPORTED: of this type there
 * are only local ones.
 */
enum err tlskey_remote(struct tlskey_holder *h, EVP_PKEY *public, EVP_PKEY **key) MUST_CHECK;

/* --- the holder's side --- */

struct tlskey_ring;

struct tlskey_ring *tlskey_ring_new(void);
void tlskey_ring_free(struct tlskey_ring *r);	/* NULL is allowed */

/* Reads the key in PATH, as tlskey_read(); one that is there already stays. */
enum err tlskey_ring_add(struct tlskey_ring *r, const char *path, char *why,
    size_t size) MUST_CHECK;
size_t tlskey_ring_size(const struct tlskey_ring *r);

/*
 * One request, as it came in one packet: REPLY gets the packet to send back.
 * ERR_NOTFOUND: that key is not here (perhaps its file is new); ERR_SYNTAX,
 * ERR_DENIED (not what TLS signs), ERR_UNSUPPORTED: no server of ours asks so.
 * REPLY says it to the asker in each case.
 */
enum err tlskey_serve(const struct tlskey_ring *r, struct str request, struct buf *reply);

#endif
