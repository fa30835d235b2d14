/*
 * tlsclient.h - TLS as a client that looks at what it is shown
 *
 * For programs with which people try a server: any certificate is taken, and
 * what is wrong with it is told (tlsclient_facts()), so nothing secret that is
 * anybody's but the user's own belongs into such a connection.  OpenSSL's
 * default certificate authorities are asked.
 *
 * The descriptor stays the caller's; it must not block.
 */
#ifndef LIB_TLSCLIENT_H
#define LIB_TLSCLIENT_H

#include "lib/buf.h"
#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>

struct tlsclient;

/*
 * Shakes hands within SECONDS.  HOST is asked for (server_name) and looked for
 * in the certificate.  KEYFILE, PEM with our certificate, its chain and its
 * key, or NULL.  Anything but OK: WHY says, in words, what went wrong.
 */
enum err tlsclient_new(int fd, const char *host, const char *keyfile, int seconds,
    struct tlsclient **t, struct buf *why) MUST_CHECK;
void tlsclient_free(struct tlsclient *t);	/* says goodbye; NULL is allowed */

/* 1 to MAX bytes.  ERR_AGAIN: none now; ERR_CLOSED; ERR_SYNTAX: not TLS. */
enum err tlsclient_read(struct tlsclient *t, void *p, size_t max, size_t *got) MUST_CHECK;

/* All of them, waiting SECONDS at most for each that moves.  ERR_CLOSED, ERR_TIMEOUT. */
enum err tlsclient_write(struct tlsclient *t, const void *p, size_t n, int seconds) MUST_CHECK;

/* Appends lines: version and cipher, whose certificate, by whom, until when, is it good. */
void tlsclient_facts(const struct tlsclient *t, struct buf *lines);

int tlsclient_bits(const struct tlsclient *t);
bool tlsclient_has_certificate(const struct tlsclient *t);	/* we, by KEYFILE */

/*
 * Appends the channel binding "tls-exporter" (RFC 9266).  ERR_UNSUPPORTED: TLS
 * 1.2 without the extended master secret.
 */
enum err tlsclient_binding(const struct tlsclient *t, struct buf *out) MUST_CHECK;

#endif
