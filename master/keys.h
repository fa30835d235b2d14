/*
 * keys.h - keyd, which has the private keys of TLS
 *
 * If any service has a certificate, as its own imapd.conf says it, there is one
 * more service, which is not in cyrus.conf: one process, keyd, that reads keys
 * and certificates and signs for those who do TLS (lib/tlskey.h): frontds, and
 * workers without frontd.  They reach it over a queue that outlives it.
 *
 * It is a worker like others, with master's books, back-off, reloads and all:
 * killed it is replaced, and at a reload another one takes over the queue.
 */
#ifndef MASTER_KEYS_H
#define MASTER_KEYS_H

#include "master/service_in.h"

/* Once, before all other services.  Ends the process if it cannot. */
void keys_begin(struct services *all);

/* The services are others: is keyd wanted? */
void keys_configure(struct services *all);

/* For an upgrade: the queue. */
void keys_hand_over(const struct services *all, service_socket_fn each, void *ctx);

void keys_end(struct services *all);

#endif
