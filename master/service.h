/*
 * service.h - SERVICES: sockets and the workers behind them
 *
 * An entry of cyrus.conf becomes one struct service for each address that its
 * listen= stands for; each has its own workers, as in Cyrus, so prefork= and
 * maxchild= hold per address.
 *
 * Workers are copies of a template, if the program makes one (lib/svc.h), else
 * each is started anew.  A template that dies is made anew when the next
 * worker is missing; the copies do not depend on it.
 *
 * A worker is STARTING from fork until it first says that it is free, then
 * FREE or BUSY as it says.  As long as fewer than prefork= are not busy, more
 * are started.  When none is free and somebody knocks, one is started, and
 * more and more while people still wait.
 *
 * A worker that ends badly without having served anybody counts as a failure
 * of its service, which is then left alone for 1/4, 1/2, 1, 2, 4 ... 60 seconds; not so
 * one that somebody has killed (SIGKILL), which is replaced at once, if it goes
 * on twice a second.  One
 * that crashes while it serves costs that session, is logged, and counts for
 * nothing: it is replaced at once, since only a client can cause it and the
 * next one must not suffer for that.
 *
 * A worker that is stopped while it has no client is killed at once, for it
 * stands where another could serve; one that has, or any other process, after
 * a moment (stopped.h).
 *
 * Generations.  At a reload every worker is told to end when it is free
 * (SIGHUP) and belongs to the past; it is counted no more for prefork=, but
 * still for maxchild=.
 */
#ifndef MASTER_SERVICE_H
#define MASTER_SERVICE_H

#include "lib/buf.h"
#include "lib/poll.h"
#include "master/child.h"
#include "master/conf.h"
#include "master/systemd.h"

struct services;

/* Called after a worker has ended: its proc/ file can go. */
typedef void (*service_gone_fn)(void *ctx, pid_t pid);

/* What services need of master; all of it outlives them. */
struct service_setup {
	struct poll *poll;
	struct children *children;
	struct inherited_sockets *inherited;
	int backlog;
	const char *imapd_conf;		/* of services whose command names none */
	int frontds;			/* 0: workers receive their clients themselves */
	service_gone_fn gone;
	void *ctx;
};

struct services *services_new(const struct service_setup *setup);
void services_free(struct services *s);

/*
 * Makes the services those of CONF: addresses that stay keep their sockets,
 * new ones are opened, others closed; all old workers are told to end.  CONF
 * may be freed afterwards.  A service whose socket cannot be had is logged
 * and tried again every few seconds.
 */
void services_configure(struct services *s, const struct mconf *conf);

/*
 * For an upgrade: starts no more workers and tells those there to end when
 * they are free; then hands over its sockets and its workers, each by a call.
 */
typedef void (*service_socket_fn)(void *ctx, const char *name, int fd, bool own);
typedef void (*service_worker_fn)(void *ctx, pid_t pid);
void services_pause(struct services *s);
void services_hand_over(const struct services *s, service_socket_fn each_socket,
    service_worker_fn each_worker, void *ctx);

/* Sockets are closed, free workers end, busy ones finish. */
void services_drain(struct services *s);

/* Workers that are still there. */
int services_workers(const struct services *s);
void services_signal(const struct services *s, int signo);

/* A child was stopped: if it is a worker without a client it is killed. */
void services_stopped(struct services *s, pid_t pid);

/* Starts what is missing and looks after what is overdue; often. */
void services_tend(struct services *s);

/*
 * What a daemon with this command is to have as SVC_LISTEN_FD: limitd the queue
 * over which frontds send it their connections (lib/svc_front.h); -1: nothing.
 */
int services_queue_for(struct services *s, const char *cmd);

/* For people: one line a service, one a worker. */
void services_status(const struct services *s, struct buf *out);

#endif
