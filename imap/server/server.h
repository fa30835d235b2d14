/*
 * server.h - what all workers share: the life of a process and of a connection
 *
 * A worker is started by master (or by hand, serving its stdin), reads its
 * options and imapd.conf, opens the log and, as soon as there is time or need,
 * the store, and serves one
 * connection after the other, each by one call of its serve function, until
 * it has served its number (-U), nobody comes for a while (-T), master tells
 * it to end, or a session returns with the process in doubt.
 *
 * Options, as Cyrus's imapd(8):
 *	-C FILE  another imapd.conf       -D  wait for a debugger (debug_command)
 *	-U N     serve N connections       -T N  end after N idle seconds (60)
 *	-s       TLS from the first byte   -p N  as if a layer of strength N were there
 *	-H       connections begin with a PROXY header, option proxy_networks
 *
 * Where master gives it a queue instead of a listener, a worker is handed
 * users over who have logged in elsewhere: it has then neither TLS nor SASL.
 *
 * While a session runs, configdirectory/proc/PID has one line: service, host,
 * user and mailbox, separated by tabs, for ps(1)-like tools.
 */
#ifndef IMAP_SERVER_SERVER_H
#define IMAP_SERVER_SERVER_H

#include "imap/server/limits.h"
#include "imap/server/notify.h"
#include "imap/server/user.h"
#include "imap/store/store.h"
#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/handover.h"
#include "lib/stream.h"
#include "lib/svc.h"
#include "lib/tls.h"

#include <stdbool.h>
#include <time.h>

struct server;

/* A user who has logged in elsewhere (lib/handover.h). */
struct handed {
	const struct handover *how;	/* frontd's word */
	struct str folder;		/* authd's, as login_folder() */
	struct user *user;		/* the program's; NULL: he must not come in, */
	const char *why;		/*   because of this */
};

/* A connection.  Lives until the serve function returns. */
struct client {
	struct stream *stream;
	const char *host;		/* "192.0.2.1", "local": for logs */
	const char *local_ip_port, *remote_ip_port;	/* for SASL; NULL: not IP */
	bool is_local;			/* loopback, UNIX socket, pipe */
	bool starts_tls;		/* TLS came first (-s) */
	struct handed *handed;		/* NULL: it is not known who it is */
};

struct server_program {
	const char *name;		/* "imapd" */
	const char *service;		/* if master gives none: "imap" */
	const char *sasl_service;	/* "imap", "lmtp" */
	const char *options;		/* further getopt(3) letters, or NULL */
	/* One of these; false: usage error.  CTX is server_main()'s. */
	bool (*option)(void *ctx, int letter, const char *value);
	/* Once, when the configuration is there; may be NULL. */
	enum err (*start)(struct server *s);
	/* One connection.  It need not flush or close. */
	void (*serve)(struct server *s, struct client *c);
	/* Or all of a process's life, without store, TLS and connections. */
	void (*run)(struct server *s);
	/* Says goodbye to one that is not served, in the protocol's words; or NULL. */
	void (*refuse)(struct client *c, const char *why);
};

struct server {
	const struct server_program *program;
	void *ctx;			/* the program's own */
	const char *service;		/* name in cyrus.conf */
	struct conf *conf;
	struct store *store;		/* NULL before server_open_store() */
	struct notify *notify;		/* the store publishes there; for IDLE */
	struct limits *limits;		/* of connections and logins */
	struct tls_context *tls;	/* NULL: none configured, or not usable now */
	struct tickets *tickets;	/* master's keys of TLS sessions; NULL: none */
	struct tlskey_holder *holder;	/* the way to keyd; NULL: none */
	time_t tls_tried;
	struct svc svc;
	bool implicit_tls;		/* -s */
	int ssf;			/* -p: strength of an outer layer */
	int uses, idle_seconds;
	bool one_user;			/* option one_user_workers */
	const char *hostname;		/* servername */
	int config_dirfd;
	const uint8_t *grant_key;	/* of grants; NULL: they do not concern us */
	struct server_inside *in;
};

/* All of a worker's main(); returns the exit status. */
int server_main(int argc, char **argv, const struct server_program *program, void *ctx);

/*
 * Opens the store, if it is not open yet.  A worker that waits for a client has
 * done so; one that was started for a client who stands there already does it
 * when the client turns out to be a user, so that thousands who only connect
 * are no load for the store.  The error has been logged.
 */
enum err server_open_store(struct server *s) MUST_CHECK;

/* Says in proc/PID and ps(1) who is being served; NULLs: not known yet. */
void server_status(struct server *s, const struct client *c, const char *user,
    const char *mailbox);

/* For a process that goes on without it: the key of grants is not in memory any more. */
void server_forget_key(struct server *s);

/*
 * Gives the connection of a user who was handed over back to where it came from,
 * as that of nobody, with what the client has said and nobody has read.  C has
 * no stream any more, and its session ends.
 */
void server_give_back(struct server *s, struct client *c, const char *language);

/*
 * Before the last word that is said to him, for whom server_give_back() will be
 * called: under a security layer whoever relays it has to know that it is the last.
 */
void server_will_give_back(const struct server *s, const struct client *c, const char *language);

/*
 * Starts a telemetry log if configdirectory/log/USER/ exists; ends the one there
 * was, also if USERID is NULL.
 */
void server_telemetry(struct server *s, struct client *c, const char *userid);

/*
 * msg/shutdown and msg/motd: the first line, without control characters,
 * appended to TEXT; false if there is no such file.
 */
bool server_shutdown_notice(struct server *s, struct buf *text);
bool server_motd(struct server *s, struct buf *text);

#endif
