/*
 * ask.h - frontd's side of a dialogue with authd (imap/server/dialogue.h)
 */
#ifndef IMAP_FRONTD_ASK_H
#define IMAP_FRONTD_ASK_H

#include "imap/frontd/front.h"
#include "lib/err.h"

/*
 * Sends a question, now or when there is room for it, so A must last until the
 * answer or ask_end(); the dialogue is begun if there is none.  ANSWERED is called
 * from the loop when c->auth_fd is readable or has ended: ask_answer().
 * ERR_IO: nobody can be asked now.
 */
enum err ask(struct conn *c, const struct dialogue_ask *a, poll_fd_fn answered) MUST_CHECK;

/* The answer, in MESSAGE.  ERR_AGAIN: not yet; ERR_CLOSED: the dialogue has ended. */
enum err ask_answer(struct conn *c, struct buf *message, struct dialogue_answer *a) MUST_CHECK;

/* Ends the dialogue, if there is one. */
void ask_end(struct conn *c);

/*
 * What is known of what may be offered; NULL: authd has to be asked, perhaps only
 * for the challenge of a greeting.
 */
const struct offer *offer_find(const struct conn *c);
const struct offer *offer_learn(const struct conn *c, const struct dialogue_answer *a);

#endif
