/*
 * dialogue.h - what frontd and authd say to each other
 *
 * frontd opens a dialogue by a peer message in the service's auth queue, with
 * one end of a pair (lib/pass.h) and the first question; over the pair authd
 * answers, and what is asked further is asked there, one thing at a time.  The
 * end of the pair is the end of the dialogue, and so is a grant; with one comes,
 * if a security layer was agreed on, what the client and the worker are to be
 * connected with (imap/authd/layer.h).  One dialogue
 * is one connection, with or without TLS, and all its attempts.
 *
 * authd believes what frontd says of the connection, for nobody else knows it;
 * frontd believes authd all of it, but can neither read a grant's seal nor
 * make one (lib/handover.h).
 *
 * Ownership.  What was decoded points into the message.
 */
#ifndef IMAP_SERVER_DIALOGUE_H
#define IMAP_SERVER_DIALOGUE_H

#include "imap/server/login.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

enum { DIALOGUE_BYTES = 64 * 1024 };	/* of one password, response, challenge */

enum dialogue_question {
	QUESTION_OFFER = 1,			/* which mechanisms, each led by .name; APOP? */
	QUESTION_PASSWORD = 2,		/* .name, .bytes: login_password() */
	QUESTION_START = 3,			/* .name, .bytes or none: login_start() */
	QUESTION_STEP = 4,			/* .bytes: login_step() */
	QUESTION_APOP = 5,			/* .name, .bytes, .challenge: login_apop() */
};

struct dialogue_ask {
	uint64_t what;			/* enum dialogue_question */
	struct str name;
	struct str bytes;
	struct str challenge;		/* APOP's, as an offer had it */
};

enum dialogue_outcome {
	ANSWER_OFFER = 1,		/* .bytes, .plaintext, .apop */
	ANSWER_CHALLENGE = 2,		/* .bytes: send it, then QUESTION_STEP */
	ANSWER_REFUSED = 3,		/* .err, .why, .pause_ms */
	ANSWER_GRANTED = 4,		/* .bytes: the sealed grant; .pause_ms */
};

struct dialogue_answer {
	uint64_t what;			/* enum dialogue_outcome */
	uint64_t err;			/* enum err */
	const char *why;		/* for the client */
	uint64_t pause_ms;		/* before the client may hear of it */
	uint64_t plaintext;		/* passwords may be sent as they are */
	struct str bytes;
	uint64_t layer;			/* a security layer's bits; two descriptors are with it */
	const char *apop;		/* a challenge, for one connection; NULL: no APOP */
};

/*
 * .service and .entry are not sent: the queue says them.  FIRST is an encoded question.
 */
enum err dialogue_encode_peer(const struct login_peer *peer, struct str first,
    struct buf *out) MUST_CHECK;
enum err dialogue_decode_peer(struct str message, struct login_peer *peer,
    struct str *first) MUST_CHECK;

enum err dialogue_encode_ask(const struct dialogue_ask *a, struct buf *out) MUST_CHECK;
enum err dialogue_decode_ask(struct str message, struct dialogue_ask *a) MUST_CHECK;

enum err dialogue_encode_answer(const struct dialogue_answer *a, struct buf *out) MUST_CHECK;
enum err dialogue_decode_answer(struct str message, struct dialogue_answer *a) MUST_CHECK;

#endif
