/*
 * session.h - one client's IMAP session and its commands
 *
 * A session is a loop of five separate steps: reader.h assembles one complete
 * command, grammar.h turns it into a plain struct, the command table says whether it is legal now, its run function
 * does it, and the loop sends the one tagged reply.
 *
 * A run function sends its untagged data through s->reply and returns an enum
 * err.  It never writes the tagged reply: OK becomes "TAG OK Completed", an
 * error becomes NO or BAD with response code and text from reply.h's table.
 * c->code and c->text, if it sets them, go before what the table says.
 * Changes of the mailbox that others made are sent by the loop before the
 * tagged reply, as far as the command's flags allow.
 *
 * Memory.  s->arena lives as long as the session; c->arena until the tagged
 * reply is out: all that parse and run allocate for a command is in there.
 * Both have limits; NULL from them is passed on as ERR_LIMIT.
 */
#ifndef IMAP_IMAPD_SESSION_SESSION_H
#define IMAP_IMAPD_SESSION_SESSION_H

#include "config.h"
#include "imap/disk/uidset.h"
#include "imap/imapd/message/known.h"
#include "imap/imapd/proto/grammar.h"
#include "imap/imapd/proto/reply.h"
#include "imap/imapd/session/batches.h"
#include "imap/server/login.h"
#include "imap/server/name.h"
#include "imap/server/server.h"
#include "imap/server/user.h"
#include "imap/store/mbox/mbox.h"
#include "imap/store/search/sort_known.h"
#include "imap/store/store.h"
#include "lib/acl.h"
#include "lib/arena.h"
#include "lib/collate.h"
#include "lib/stream.h"

#include <stdbool.h>

enum session_state {			/* RFC 3501 section 3 */
	STATE_NOT_AUTHENTICATED = 1,
	STATE_AUTHENTICATED = 2,
	STATE_SELECTED = 4,
	STATE_LOGOUT = 8,
};

enum {
	SESSION_ARENA = 1024 * 1024,
	COMMAND_ARENA = 64 * 1024 * 1024,	/* maxargssize's description says so */
};

#define SESSION_VERSION	PACKAGE_VERSION

/* What ENABLE has turned on (RFC 5161), or a command that does so by itself. */
enum enabled {
	ENABLED_IMAP4REV2 = 1,		/* RFC 9051 */
	ENABLED_UTF8 = 2,		/* UTF8=ACCEPT, RFC 6855 */
	ENABLED_CONDSTORE = 4,		/* RFC 7162: MODSEQ in what is told of flags */
	ENABLED_UIDONLY = 16,		/* RFC 9586: no message numbers */
	ENABLED_QRESYNC = 8,		/* RFC 7162: VANISHED instead of EXPUNGE */
};

struct session {
	struct server *server;		/* of the process: configuration, TLS */
	struct store *store;		/* == server's; NULL before login */
	struct client *client;		/* who is connected, from where */
	struct stream *stream;		/* == client's; for waiting, see cmd_idle.c */
	struct reply *reply;		/* all output */
	struct reader *reader;
	struct arena *arena;
	enum session_state state;
	const struct command_def *commands; /* the table */

	struct parse_limits limits;	/* what one command may ask for */

	struct login *login;		/* until the user is known, then NULL */
	struct user *user;		/* NULL before that */
	const char *mechanisms;		/* as offered, if SASL has made a layer, else NULL */
	struct name_style names;	/* mailbox names outside and inside */

	unsigned enabled;		/* enum enabled */

	struct mbox *mbox;		/* in STATE_SELECTED, else NULL */
	rights_t rights;		/* the user's on it, see sync_follow() */
	bool examined;			/* by EXAMINE: nothing may be changed */
	/*
	 * The keywords that FLAGS has announced: no FETCH names another, though
	 * the mailbox has it by now; it comes with the next update.
	 */
	struct keywords told_keywords;

	enum collation collation;	/* of searches and sorting (RFC 5255) */
	struct uidset saved;		/* "$": what the last SAVE kept (RFC 5182) */
	struct sort_known sorted;	/* the last order of the selected mailbox */
	struct context *contexts;	/* of the selected mailbox, see context.h */
	struct known *known;		/* of the selected mailbox, see known.h; or NULL */
	struct batches_told batches;	/* of the selected mailbox (RFC 10022) */
	/*
	 * NOTIFY (RFC 5465).  Of the selected mailbox: events that are told (enum
	 * notify_event; before NOTIFY all of them), what of new messages, or NULL; and
	 * messages that this session has put there and not yet told of.
	 */
	struct watch *watch;		/* NULL before its first use, see watch.h */
	unsigned tells;
	const struct fetch_req *new_fetch;
	struct uidset own_new;
	bool modseq_lags;		/* HIGHESTMODSEQ was said to be below an expunge */

	unsigned bad_commands;		/* in a row */
	unsigned failed_logins;
	bool said_bye;
	bool goes_back;			/* to who handed it over, see server_give_back() */
	int64_t notice_ns;		/* when msg/shutdown was last looked for */
};

struct command {
	struct str tag;
	enum request request;		/* REQUESTS: not recognized */
	const struct command_def *def;	/* then NULL */
	bool uid;			/* UID FETCH, UID STORE ... */
	struct arena *arena;
	void *req;			/* what grammar_parse() made */
	const char *code;		/* response code without brackets, or NULL */
	const char *text;		/* human text, or NULL: the table's */
	bool bad;			/* an error is answered by BAD */
	bool keeps_numbers;		/* UID SEARCH of message numbers: no EXPUNGE */
	uint32_t limited_uid;		/* the last that was done of too many, see msglimit.h */
	uint64_t searched;		/* messages, for the same */
	bool answered;			/* STARTTLS, COMPRESS: the tagged reply is out already */
	int64_t started_ns;		/* CLOCK_MONOTONIC */
};

enum command_flags {
	/* RFC 3501 section 7.4.1: no EXPUNGE while FETCH, STORE, SEARCH run. */
	CMD_NO_EXPUNGE = 2,
	CMD_UID_EXPUNGES = 4,		/* but with UID before it may be sent */
	CMD_NUMBERS = 64,		/* takes or gives message numbers, but with UID */
	CMD_NO_SYNC = 8,		/* sends its updates itself, or none */
	CMD_NOT_REV2 = 32,		/* RFC 9051 appendix E has taken it out */
	CMD_TIMED = 16,			/* "Completed (0.001 sec)" */
};

typedef enum err (*run_fn)(struct session *s, struct command *c);

struct command_def {
	unsigned states;		/* where it is legal, STATE_* */
	unsigned flags;			/* CMD_* */
	run_fn run;
};

/* The table of all commands (commands.c), by enum request. */
extern const struct command_def commands[REQUESTS];

/*
 * Before login: what belongs to the connection is as it was, all else as at its
 * beginning.  Used for a new session, and again when the user goes (RFC 8437).
 */
void session_begin(struct session *s);

/*
 * The user has logged in elsewhere: what is left to do of it, and to say.  C is
 * the command by which he did.
 */
enum err session_take_over(struct session *s, struct command *c) MUST_CHECK;

/* Serves the client until LOGOUT or the end of the connection (loop.c). */
void session_run(struct server *server, struct client *client);

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t session_clock(void);

/* What CAPABILITY says now: the table's, and what login offers. */
void session_capabilities(const struct session *s, struct buf *out);

/* How long a message may be that comes by APPEND (RFC 7889). */
uint64_t session_append_limit(const struct session *s);

/* The session ends here, and the connection goes on where it came from. */
void session_go_back(struct session *s);

/* From not authenticated to authenticated; takes over USER. */
void session_logged_in(struct session *s, struct user *user);

/*
 * Is there an administrator's word in msg/shutdown?  Then BYE has been said and
 * the session is in STATE_LOGOUT.  Looks once in a few seconds only.
 */
bool session_is_shut_down(struct session *s);

/* Has the client enabled it? */
bool session_is_rev2(const struct session *s);

/* Turns on BITS of enum enabled, and what follows from them. */
void session_enable(struct session *s, unsigned bits);

/* Deselects: closes s->mbox without expunging. */
void session_deselect(struct session *s);

/*
 * The internal name of a mailbox name that the client sent, in c->arena.
 * ERR_NAME.  The one way in which a client's name gets to the store.
 */
enum err session_mailbox(struct session *s, struct command *c, struct str external,
    struct str *internal) MUST_CHECK;

/*
 * Looks up a mailbox and the user's rights on it.  Without any of the rights
 * NEED (0: none needed) it is ERR_DENIED, and ERR_NOTFOUND if he may not even
 * know of it (no l right), as RFC 4314 section 6 demands.
 */
enum err session_lookup(struct session *s, struct command *c, struct str internal,
    rights_t need, struct mbentry **e, rights_t *rights) MUST_CHECK;

/* May the selected mailbox be changed under RIGHT?  ERR_READONLY, ERR_DENIED. */
enum err session_may(const struct session *s, rights_t right) MUST_CHECK;

#endif
