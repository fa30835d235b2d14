/*
 * progress.h - a word now and then while a command takes long (RFC 9585)
 *
 * So that the client does not give up, and can show how far it is.  Every
 * imap_inprogress_interval seconds at most, and none before that.
 */
#ifndef IMAP_IMAPD_SESSION_PROGRESS_H
#define IMAP_IMAPD_SESSION_PROGRESS_H

#include "imap/imapd/session/session.h"
#include "imap/store/search/search.h"

struct progress {
	struct session *s;
	struct str tag;
	int64_t interval_ns;		/* 0: never */
	int64_t next_ns;
};

/* C begins now; TAG is borrowed from it. */
void progress_begin(struct progress *p, struct session *s, const struct command *c);

/*
 * DONE of TOTAL (0: nobody knows) are behind us: says so if it is time.  Costs
 * a look at the clock.
 */
void progress_step(struct progress *p, uint64_t done, uint64_t total);

/* The same as a search calls it; P must live as long as the search. */
struct search_progress progress_of_search(struct progress *p);

#endif
