/*
 * stock.h - what keyd has: the certificates and keys of all services
 */
#ifndef IMAP_KEYD_STOCK_H
#define IMAP_KEYD_STOCK_H

#include "lib/conf.h"
#include "lib/confine.h"
#include "lib/tlskey.h"

struct stock;

/*
 * Takes what master says at SVC_LISTEN_FD (lib/svc_front.h), which is closed, and
 * reads the configurations of all services; CONF_PATH is for those whose command
 * names none.  *queue is where askers come from, the caller's, or -1.
 */
struct stock *stock_open(const char *conf_path, int *queue);

/* Reads the defaults' files, as who we are now.  What is wrong is told who asks. */
void stock_read(struct stock *s);

/* What will be read again.  False: nothing sees to it that it is no more. */
bool stock_allow(const struct stock *s, struct confine *c);

/* Good as long as S. */
const struct tlskey_stand *stock_stand(const struct stock *s);

/* Wipes former keys whose time is over. */
void stock_tidy(struct stock *s);

/* Wipes all keys. */
void stock_close(struct stock *s);

#endif
