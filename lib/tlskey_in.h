/* tlskey_in.h - what goes between a holder of keys and who asks it */
#ifndef LIB_TLSKEY_IN_H
#define LIB_TLSKEY_IN_H

#include "lib/tlskey.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Request, one packet: u8 VERSION, u8 what, u8 padding, u8 hash, u32 serial, and
 *	SIGN	32 bytes of the key's name, then what is to be signed
 *	FETCH	(padding and hash are 0) 32 bytes, the hash of what the asker has,
 *		u8 length and service, u8 length and name
 * Reply: u8 VERSION, u8 status, u16 0, u32 serial, and
 *	SIGNED	the signature
 *	CHANGED	with it a descriptor, of a file whose bytes are a bundle
 *	USELESS	why
 * Numbers are big-endian.
 */
enum { TLSKEY_VERSION = 2, TLSKEY_HEAD = 8, TLSKEY_WHY_MAX = 700 };

enum tlskey_what { TLSKEY_SIGN = 1, TLSKEY_FETCH = 2 };

enum tlskey_padding { TLSKEY_NO_PADDING, TLSKEY_PKCS1, TLSKEY_PSS };

enum tlskey_status {
	TLSKEY_SIGNED, TLSKEY_NO_KEY, TLSKEY_NOT_TLS, TLSKEY_NOT_UNDERSTOOD, TLSKEY_FAILED,
	TLSKEY_SAME, TLSKEY_CHANGED, TLSKEY_NO_NAME, TLSKEY_USELESS,
};

/* By number; NULL: no hash (Ed25519). */
enum { TLSKEY_HASHES = 4 };
static const char *const tlskey_hashes[TLSKEY_HASHES] = {
	NULL, "SHA256", "SHA384", "SHA512",
};

/* The SHA-256 of KEY's SubjectPublicKeyInfo; false: it has none. */
bool tlskey_id(EVP_PKEY *key, uint8_t id[TLSKEY_ID]);

/* --- tlskey_ring.c --- */

/* Appends the signature to REPLY; WHAT is a request's, its head passed. */
enum tlskey_status tlskey_sign(const struct tlskey_ring *r, enum tlskey_padding padding,
    uint8_t hash, struct str what, struct buf *reply);

/* --- tlskey_line.c: the way to a holder --- */

struct tlskey_line {
	int queue;
	int fd;			/* our end of the pair; -1: none */
	pid_t owner;		/* whose it is */
	int patience;		/* ms */
	bool is_new;		/* nothing has been heard yet, nor said of patience */
	uint32_t serial;
	bool is_silent;		/* an answer has been waited for in vain */
	struct buf reply;	/* room for one */
};

void tlskey_line_init(struct tlskey_line *l, int queue);
void tlskey_line_patience(struct tlskey_line *l, int ms);

/*
 * Sends REQUEST, whose serial is filled in, and gives the answer's status and
 * the rest of it, good until the next question; *fd is what came with it, the
 * caller's, or -1.  ERR_TIMEOUT: there is none (logged when that begins).
 */
enum err tlskey_line_ask(struct tlskey_line *l, struct buf *request, uint8_t *status,
    struct str *rest, int *fd) MUST_CHECK;
void tlskey_line_close(struct tlskey_line *l);

/* --- tlskey_remote.c --- */

struct tlskey_line *tlskey_holder_line(struct tlskey_holder *h);

#endif
