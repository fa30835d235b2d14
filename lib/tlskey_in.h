/* tlskey_in.h - what goes between a holder of keys and who asks it */
#ifndef LIB_TLSKEY_IN_H
#define LIB_TLSKEY_IN_H

#include "lib/tlskey.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Request, one packet: u8 VERSION, u8 padding, u8 hash, u8 0, u32 serial,
 * 32 bytes of the key's name, then what is to be signed.
 * Reply: u8 VERSION, u8 status, u16 0, u32 serial, then the signature.
 * Numbers are big-endian.
 */
enum { TLSKEY_VERSION = 1, TLSKEY_HEAD = 8 };

enum tlskey_padding { TLSKEY_NO_PADDING, TLSKEY_PKCS1, TLSKEY_PSS };

enum tlskey_status {
	TLSKEY_SIGNED, TLSKEY_NO_KEY, TLSKEY_NOT_TLS, TLSKEY_NOT_UNDERSTOOD, TLSKEY_FAILED,
};

/* By number; NULL: no hash (Ed25519). */
enum { TLSKEY_HASHES = 4 };
static const char *const tlskey_hashes[TLSKEY_HASHES] = {
	NULL, "SHA256", "SHA384", "SHA512",
};

/* The SHA-256 of KEY's SubjectPublicKeyInfo; false: it has none. */
bool tlskey_id(EVP_PKEY *key, uint8_t id[TLSKEY_ID]);

#endif
