/*
 * peer.h - a worker's connection before login: TLS, and what login.h is told
 *
 * The stream's side of the login stage.  Nothing here knows who the client is.
 */
#ifndef IMAP_SERVER_PEER_H
#define IMAP_SERVER_PEER_H

#include "imap/server/login.h"
#include "imap/server/server.h"

/* A dialogue with this client; the caller's. */
struct login *peer_login(const struct server *s, const struct client *c);

/* May STARTTLS be offered now? */
bool peer_may_start_tls(const struct server *s, const struct client *c);

/*
 * The reply to STARTTLS is in the stream: flushes it and shakes hands, logs
 * what came of it, and tells L.
 */
enum err peer_start_tls(const struct server *s, struct client *c, struct login *l) MUST_CHECK;

/*
 * The answer to the login is in the stream: flushes it, and from here on both
 * directions go through LAYER, of login_take_layer(), which becomes the
 * stream's.
 */
void peer_start_layer(struct client *c, struct sasl_conn *layer);

/* Lets login_pause_ms() pass, but not when master wants us to end. */
void peer_pause(const struct login *l);

#endif
