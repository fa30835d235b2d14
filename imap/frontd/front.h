/*
 * front.h - frontd: its services and its connections
 *
 * Everything runs in one event loop (lib/poll.h) and nothing in it waits.
 *
 * The life of a connection, by struct conn's .stage:
 *
 *	accept -> (PROXY) -> COUNT -> HANDSHAKE -> OFFER -> TALK <-> ASK <-> PAUSE
 *	                       ^          ^                 | |        |
 *	                       |          +--- STARTTLS ----+ |        v
 *	                       |                              |     GRANTED
 *	                       |                              |        v
 *	                       |   LINGER <-------------------+     (QUEUED)
 *	                       |                                       |
 *	                       +-------------- back ------- AWAY (plain), RELAY (TLS or a layer)
 *
 *	PROXY		behind a proxy, which has the first word (services with -H)
 *	COUNT		limitd is asked whether he may come
 *	HANDSHAKE	TLS begins
 *	OFFER		authd is asked what may be offered to such a connection
 *	TALK		the client's bytes go to the protocol's machine (imap/door)
 *	ASK, PAUSE	authd is at work; the client may not hear of it yet
 *	GRANTED		he has logged in
 *	QUEUED		the same, and the queue of workers is full
 *	RELAY		bytes go to and fro between his TLS, or what applies SASL's layer, and the worker
 *	AWAY		the worker has his socket; we hold the control pair
 *	LINGER		he has been told goodbye and may read it
 *
 * Limits.  What is read is worked off before more is read, and what is said is
 * sent before more is worked off: so a connection holds a few hundred bytes
 * when nothing happens, and at most the protocol's longest command and twice 16 KiB else.
 */
#ifndef IMAP_FRONTD_FRONT_H
#define IMAP_FRONTD_FRONT_H

#include "imap/door/door.h"
#include "imap/frontd/line.h"
#include "imap/server/limits.h"
#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/poll.h"
#include "lib/svc.h"
#include "lib/tls.h"

#include <stdbool.h>

enum {
	LOGIN_SECONDS = 180,		/* for all that comes before a login */
	LINGER_MS = 2000,		/* for the last words to be read */
	CHUNK = 16 * 1024,		/* of bytes at a time: a TLS record */
	COUNT_WINDOW = 64,		/* of questions to limitd that are on their way */
	OFFERS = 16,			/* kinds of connections that are remembered */
};

/* What may be offered to one kind of connection. */
struct offer {
	bool known;
	bool is_tls, is_local, external;	/* EXTERNAL: a certificate has a name */
	int bits;
	bool plaintext;
	bool apop;			/* each connection needs a challenge of its own */
	struct buf mechanisms;
};

struct conn;

struct service {
	struct service *next;
	struct front *front;
	char *name;			/* in cyrus.conf */
	struct conf *conf;
	int listener;			/* -1: let go of */
	int queue, auth;		/* writing ends */
	enum door_protocol protocol;	/* of the service's program */
	bool implicit_tls;		/* -s */
	bool proxied;			/* -H */
	int ssf;			/* -p */
	struct tls_context *tls;	/* NULL: none (yet) */
	int64_t tls_tried;
	struct admit *admit;		/* lists of networks, and limitd */
	/* Who is counted by limitd, see count.c. */
	struct line unasked, undeclared, counted;
	struct conn *asked[COUNT_WINDOW];	/* in a ring; NULL: he has gone */
	unsigned first_asked, n_asked;
	int64_t heard_at;
	struct poll_timer *patience, *again;
	struct buf hostname;
	int msg_dirfd;			/* configdirectory/msg; -1: not ours to see */
	struct buf notice;		/* of msg/shutdown, when it was last looked for */
	bool shut_down;
	int64_t noticed_at;		/* 0: not yet */
	struct offer offers[OFFERS];
	unsigned next_offer;
	struct dialogue_ask question;	/* what may be offered? */
	struct line asking;		/* ASK, OFFER: no room to ask yet */
	struct line waiting;		/* QUEUED */
};

/* All that a frontd has. */
struct front {
	struct svc svc;
	struct poll *poll;
	struct service *services;
	struct tickets *tickets;	/* master's, or NULL */
	struct tlskey_holder *holder;	/* the way to keyd, or NULL: there is no TLS */
	struct buf message;		/* room for one that is received, else empty */
	struct line early;		/* who has not logged in: they have a deadline, in its order */
	int count;			/* of connections */
	bool full;			/* of descriptors: nobody is accepted for a moment */
	bool ending;			/* the listeners are let go of */
	void (*resume)(struct conn *c);	/* what each event of a connection ends in, see conn.c */
	int limits_queue;		/* to limitd; -1: none */
};

enum stage {
	STAGE_PROXY, STAGE_COUNT, STAGE_HANDSHAKE, STAGE_OFFER, STAGE_TALK, STAGE_ASK,
	STAGE_PAUSE, STAGE_GRANTED, STAGE_QUEUED,
	STAGE_RELAY, STAGE_AWAY, STAGE_LINGER,
};

struct conn {
	struct service *service;
	struct place early;		/* in front's line */
	struct place queue;		/* QUEUED: in its service's */
	struct place count;		/* see count.c */
	enum stage stage;
	int64_t deadline;
	int fd;				/* the client's; -1: a worker has it */
	struct tls *tls;		/* NULL: plain */
	short tls_read, tls_write;	/* what TLS waits for to read and to write */
	void (*counted)(struct conn *c, enum limits_verdict verdict);	/* COUNT: then */
	struct conn **asked;		/* his place in .asked; NULL: none */
	uint32_t session;		/* his number there */
	int auth_fd;			/* a dialogue; -1: none */
	const struct dialogue_ask *question;	/* in it, or to be its first */
	poll_fd_fn answered;
	struct place asking;		/* in its service's, if there is no room */
	int relay_fd, control_fd;	/* -1: no worker has it */
	int layer;			/* bits of SASL's; 0: none */
	int coded_fd, clear_fd;		/* its ends, until a worker has it; else -1 */
	bool comes_back;		/* RELAY: when the layer has ended */
	enum language language;		/* then */
	bool spoke, greeted, starts_tls;	/* STARTTLS has been answered */
	bool ends;			/* END: when all is sent */
	bool client_ended, worker_ended;	/* RELAY: what was read last was the end */
	struct buf in, out;		/* from and to the client, in the clear */
	struct buf host, local, remote;
	bool is_local;
	struct door door;
	struct poll_timer *timer;	/* PROXY, HANDSHAKE, PAUSE, LINGER */
	struct buf grant;		/* PAUSE, QUEUED: he has logged in */
	bool refused_later;		/* PAUSE: the answer is in .held */
	struct buf held;		/* authd's message, as it came */
};

#endif
