/*
 * named_filter.h - searches by name (RFC 5466)
 *
 * FILTER name stands for the search program that the user keeps in the server's
 * annotation /private/filters/values/name, or if he has none for the one in
 * /shared/filters/values/name.  It is put in its place before the search; what is
 * in it may be FILTER again.
 *
 * Limits: NAMED_FILTER_DEPTH within each other, which also ends circles, and
 * NAMED_FILTERS in one search.
 */
#ifndef IMAP_IMAPD_SESSION_NAMED_FILTER_H
#define IMAP_IMAPD_SESSION_NAMED_FILTER_H

#include "imap/imapd/session/session.h"

enum { NAMED_FILTER_DEPTH = 10, NAMED_FILTERS = 100 };

/*
 * Gives each SEARCH_FILTER in KEY its program.  With an error c->code and c->text
 * say which one cannot be had: it is not there, or no search program.
 */
enum err named_filters(struct session *s, struct command *c, struct search_key *key) MUST_CHECK;

/*
 * May the server's annotation ENTRY (without its "/private" or "/shared") be set
 * to VALUE?  "The server SHOULD verify that each search criterion stored ... is a
 * full and correct search criterion" (section 3.2).
 */
bool named_filter_may_be(const struct session *s, struct arena *arena, struct str entry,
    struct str value);

#endif
