/*
 * sasl.h - Cyrus SASL as a server: who is this client?
 *
 * One struct sasl_service a process (library initialisation, the sasl_*
 * options of imapd.conf); one struct sasl_conn a client's login dialogue.
 * Passwords are never logged and wiped after use.
 */
#ifndef LIB_SASL_H
#define LIB_SASL_H

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/err.h"

#include <stdbool.h>

struct sasl_conn;

/* SERVICE is SASL's service name: "imap", "pop", "lmtp", "sieve".  Once. */
enum err sasl_service_init(const struct conf *conf, const char *service) MUST_CHECK;

enum err sasl_conn_new(const char *local_ip_port, const char *remote_ip_port,
    bool is_tls, int tls_bits, bool allow_plaintext, struct sasl_conn **conn) MUST_CHECK;
void sasl_conn_free(struct sasl_conn *c);

/* Tells it that TLS has started since. */
void sasl_conn_tls(struct sasl_conn *c, int tls_bits, bool allow_plaintext);

/* Mechanisms that may be offered now, separated and each led by PREFIX. */
void sasl_mechanisms(struct sasl_conn *c, const char *prefix, struct buf *out);

/* LOGIN and USER/PASS: ERR_AUTH if wrong. */
enum err sasl_check_password(struct sasl_conn *c, struct str user, struct str password) MUST_CHECK;

/*
 * One step of an exchange; bytes are raw, base64 is the protocol's affair.
 * INITIAL is NULL if the client sent none.  OK: done; ERR_AGAIN: send
 * CHALLENGE and call sasl_step() with the answer; ERR_AUTH; ERR_UNSUPPORTED:
 * no such mechanism now.
 */
enum err sasl_start(struct sasl_conn *c, struct str mechanism,
    const struct str *initial, struct buf *challenge) MUST_CHECK;
enum err sasl_step(struct sasl_conn *c, struct str response, struct buf *challenge) MUST_CHECK;

/* After OK: who proved it (authcid) and as whom (authzid, else the same). */
const char *sasl_authcid(struct sasl_conn *c);
const char *sasl_authzid(struct sasl_conn *c);

/* After a failure: why, for the log only. */
const char *sasl_why(struct sasl_conn *c);

#endif
