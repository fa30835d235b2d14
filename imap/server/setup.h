/*
 * setup.h - what imapd.conf says about the store, in the store's own words
 *
 * The store reads no options; programs that open one build its parameters
 * here.
 */
#ifndef IMAP_SERVER_SETUP_H
#define IMAP_SERVER_SETUP_H

#include "imap/store/store.h"
#include "lib/arena.h"
#include "lib/conf.h"
#include "lib/err.h"

/*
 * Fills in PARAMS from CONF; what it points to is in ARENA and in CONF.
 * ERR_SYNTAX (logged): no configdirectory, no partition, the default one
 * missing, or a defaultacl that is none.
 */
enum err setup_params(struct arena *arena, const struct conf *conf,
    struct store_params *params) MUST_CHECK;

#endif
