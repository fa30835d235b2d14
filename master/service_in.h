/*
 * service_in.h - what service.c and worker.c share: a service and its workers
 *
 * Invariants, of each service:
 *  1. count[state] is the number of its workers of the present generation in
 *     that state; total is that of all of them but templates.
 *  2. The socket is watched only while nobody is free or starting: a free
 *     worker takes the connection itself, a starting one is about to.
 *  3. Nothing is started while draining, before not_before, past maxchild or
 *     faster than maxforkrate; whatever ends that condition calls tend().
 *  4. At most one template of the present generation is there or starting;
 *     asked > 0 only while it is there.  A copy that dies before its first
 *     word is missed COPY_MS later, and asked for again; it may be late only,
 *     so for a while its place below maxchild is kept free.
 *
 * Every event (a message, an end, a knock, a timer) changes the books and
 * then calls tend(), which compares what is with what should be; there is no
 * other place that starts workers, so no event can be forgotten for good.
 */
#ifndef MASTER_SERVICE_IN_H
#define MASTER_SERVICE_IN_H

#include "master/service.h"

#include <stdint.h>

/* TEMPLATE: is copied to make the others, and serves nobody. */
enum state { STARTING, FREE, BUSY, TEMPLATE, STATES };

/* See front.h, keys.h. */
enum service_kind { SERVICE_DIRECT, SERVICE_FRONTED, SERVICE_AUTH, SERVICE_FRONT,
    SERVICE_KEYS };

struct worker {
	struct worker *next;
	struct service *service;
	pid_t pid;
	enum state state;
	bool old;			/* of a generation before a reload */
	bool copy;			/* a template made it, which may be dead by now */
	bool overdue;			/* and that has been logged */
	int64_t since;			/* in this state */
	unsigned served;		/* clients; a template: copies */
};

struct service {
	struct service *next;
	struct services *all;
	char *name, *cmd, *listen, *proto;
	int prefork, maxchild, maxfds, maxforkrate;
	mode_t mode;
	enum service_kind kind;
	int fd;				/* where workers wait; -1: nowhere (yet, or any more) */
	int listener;			/* FRONTED: what frontds accept from, or -1 */
	int queue;			/* FRONTED, AUTH: the writing end of FD, or -1 */
	struct service *auth;		/* FRONTED: its authds, while it has a queue */
	bool inherited;			/* from systemd: not ours to shut */
	int pipe[2];
	bool keep;			/* while configuring */
	bool draining;
	struct worker *workers;
	int count[STATES], total;	/* without templates */
	struct worker *template;	/* of the present generation, or NULL */
	int asked;			/* copies that it has not made yet */
	int64_t asked_at;		/* the last of them */
	int late;			/* copies that have been given up, and may yet come ... */
	int64_t late_until;		/* ... until then */
	int unanswered;			/* times that none came */
	bool plain;			/* its program is no template */
	unsigned next_id;
	int failures;			/* in a row */
	int64_t not_before, killed_at;
	int64_t relisten_at, full_logged;
	int listen_tries;		/* of an address in use */
	int ignored;			/* rounds in which a client was left waiting */
	int extra;			/* workers to start for such a one */
	int64_t second;			/* in which forks were counted */
	int forks;
	struct poll_timer *timer;
};

struct services {
	struct poll *poll;
	struct children *children;
	struct service_setup setup;
	struct service *first;
	bool paused;
	struct service *front;		/* the one FRONT, or NULL */
	bool front_changed;		/* other listeners than it was told */
	int key_fd;			/* of grants; -1: none */
	int limits[2];			/* frontds' queue to limitd, both ends; -1 */
	bool has_limitd;		/* it has been given the reading end */
	struct service *keys;		/* the one KEYS */
	int holder[2];			/* the queue to keyd, both ends */
};

/* One more service, without a socket. */
struct service *service_make(struct services *all, const struct mconf_entry *e,
    enum service_kind kind);

/* Reads what workers say as it comes. */
void worker_watch(struct service *s);

/*
 * Starts what is missing; does nothing without a socket, and while draining or
 * paused.
 */
void tend(struct service *s);

/* A client that waits beside free workers: often. */
void help_ignored(struct service *s);

/* Makes all of its workers old ones, and tells them to end when free. */
void tell_workers(struct service *s);

/* A service that is gone from cyrus.conf stays until its last worker ends. */
void free_if_done(struct service *s);
void free_service(struct service *s);

/* In master's status: "free". */
const char *worker_state(const struct worker *w);

#endif
