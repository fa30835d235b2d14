/*
 * subs.h - subscriptions: user/J/USER.sub in the configuration directory, one
 * internal mailbox name and a TAB a line, sorted.  Subscribed names need not exist.
 */
#ifndef IMAP_STORE_LIST_SUBS_H
#define IMAP_STORE_LIST_SUBS_H

#include "imap/store/list/params.h"
#include "lib/err.h"

enum err subs_set(struct store *s, struct str user, struct str name, bool subscribed) MUST_CHECK;

/* In hierarchical order; NAME is borrowed for the call. */
typedef bool (*subs_each_fn)(void *ctx, struct str name);
enum err subs_walk(struct store *s, struct str user, struct str prefix, subs_each_fn each, void *ctx) MUST_CHECK;
enum err subs_has(struct store *s, struct str user, struct str name, bool *subscribed) MUST_CHECK;

#endif
