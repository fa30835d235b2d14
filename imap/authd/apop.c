/*
 * apop.c - see apop.h
 *
 *	<1234567890.1764000000.86400000.0123456789abcdef0123456789abcdef@host>
 *	 SASL's                milliseconds  half of an HMAC-SHA-256
 *
 * The key seals grants, too; those begin with the version of lib/fields.h, and
 * what is sealed here with a letter.
 */
#include "imap/authd/apop.h"
#include "lib/digest.h"

#include <inttypes.h>
#include <stdio.h>

enum { HALF = SHA256_SIZE / 2, HEX = 2 * HALF };

/* Of the challenge up to its last '.', in hexadecimal. */
static void
seal_of(const uint8_t key[GRANT_KEY], const char *service, struct str text, char hex[HEX + 1])
{
	struct buf b = BUF_INIT;
	uint8_t mac[SHA256_SIZE];
	buf_printf(&b, "APOP %s ", service);
	buf_add_str(&b, text);
	hmac_sha256(key, GRANT_KEY, b.p, b.n, mac);
	buf_free(&b);
	for (int i = 0; i < HALF; i++)
		snprintf(hex + 2 * i, 3, "%02x", mac[i]);
}

void
apop_seal(const uint8_t key[GRANT_KEY], const char *service, uint64_t now,
    struct str challenge, struct buf *out)
{
	size_t at = str_rchr(challenge, '@'), start = out->n;
	char hex[HEX + 1];
	if (at == challenge.n || challenge.p[0] != '<')
		return;
	buf_add_str(out, str_slice(challenge, 0, at));
	buf_printf(out, ".%" PRIu64, now);
	seal_of(key, service, str_slice(buf_str(out), start, out->n), hex);
	buf_printf(out, ".%s", hex);
	buf_add_str(out, str_slice(challenge, at, challenge.n));
}

bool
apop_is_ours(const uint8_t key[GRANT_KEY], const char *service, uint64_t now,
    struct str sealed)
{
	char hex[HEX + 1];
	uint64_t then;
	struct str inside = str_slice(sealed, 0, str_rchr(sealed, '@'));
	size_t dot = str_rchr(inside, '.');
	if (dot == inside.n)
		return false;
	struct str text = str_slice(inside, 0, dot), mac = str_slice(inside, dot + 1, inside.n);
	seal_of(key, service, text, hex);
	if (mac.n != HEX || !digest_eq(mac.p, hex, HEX))
		return false;
	size_t time = str_rchr(text, '.');
	return time < text.n && str_to_u64(str_slice(text, time + 1, text.n), &then)
	    && then <= now && now - then <= APOP_MS;
}
