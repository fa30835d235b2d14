#include "imap/server/limits.h"

#include "lib/digest.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/pass.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	RETRY_MS = 1000,		/* between two tries to find limitd */
	PAUSE_MAX_MS = 600 * 1000,
};

struct limits {
	const struct conf *conf;
	uint8_t protocol;
	struct netset *exempt;
	struct sockaddr_un address;
	bool is_possible;		/* the path fits an address */
	int queue;			/* how to connect; -1: by the address */
	int fd;				/* -1: not connected */
	int64_t next_try;
	bool complained;		/* that it is not there */
	bool is_connected;		/* there is a session that limitd knows of */
	struct limits_request unsaid[2];	/* what a further request is to take along */
	size_t n_unsaid;
	struct limits_answer part;	/* limits_hear(): what has come of an answer */
	size_t part_n;
};

/* --- the connection --- */

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool
limits_of_connections(const struct limits *l)
{
	return l != NULL && (conf_int(l->conf, CONF_MAXCONNECTIONS) > 0
	    || conf_int(l->conf, CONF_MAXCONNECTIONS_PER_HOST) > 0);
}

static bool
has_limits(const struct limits *l)
{
	return limits_of_connections(l)
	    || conf_int(l->conf, CONF_MAXLOGINS_PER_HOST) > 0
	    || conf_int(l->conf, CONF_MAXLOGINS_PER_USER) > 0;
}

static void
disconnect(struct limits *l, const char *why)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->part_n = 0;
	l->is_connected = false;
	l->next_try = now_ms() + RETRY_MS;
	if (!l->complained)
		(has_limits(l) ? log_warning : log_info)("limitd does not answer at \"%s\":"
		    " nobody is counted (%s); master starts it unless daemons"
		    " in imapd.conf says otherwise",
		    l->address.sun_path, why);
	l->complained = true;
}

/* One end of a pair for us, the other for limitd. */
static bool
send_end(struct limits *l)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
		return false;
	l->fd = pair[0];
	enum err e = pass_send(l->queue, STR("limits"), &pair[1], 1);
	close(pair[1]);
	errno = e == ERR_AGAIN ? EAGAIN : ECONNREFUSED;
	return e == OK;
}

static bool
connect_to_address(struct limits *l)
{
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return l->fd >= 0 && connect(l->fd, (const struct sockaddr *)&l->address,
	    sizeof(l->address)) == 0;
}

static bool
connect_to(struct limits *l)
{
	if (l->fd >= 0)
		return true;
	if ((!l->is_possible && l->queue < 0) || now_ms() < l->next_try)
		return false;
	if (!(l->queue >= 0 ? send_end(l) : connect_to_address(l))) {
		disconnect(l, strerror(errno));
		return false;
	}
	l->complained = false;
	return true;
}

/* With what is not said yet.  False: the connection is lost. */
static bool
say(struct limits *l, const struct limits_request *r)
{
	size_t size = (l->n_unsaid + 1) * sizeof(*r);
	ssize_t n;

	l->unsaid[l->n_unsaid] = *r;
	do
		n = send(l->fd, l->unsaid, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)size) {
		l->n_unsaid = 0;
		return true;
	}
	disconnect(l, n < 0 ? strerror(errno) : "its buffer is full");
	return false;
}

static bool
hear(struct limits *l, const struct limits_request *r, struct limits_answer *answer)
{
	int64_t end = now_ms() + LIMITS_PATIENCE_MS;
	char *p = (char *)answer;
	size_t got = 0;

	while (got < sizeof(*answer)) {
		struct pollfd pfd = { .fd = l->fd, .events = POLLIN };
		int64_t left = end - now_ms();
		ssize_t n;

		if (left <= 0 || poll(&pfd, 1, (int)left) == 0) {
			disconnect(l, "no answer");
			return false;
		}
		n = recv(l->fd, p + got, sizeof(*answer) - got, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			disconnect(l, n == 0 ? "it has ended" : strerror(errno));
			return false;
		}
		got += n > 0 ? (size_t)n : 0;
	}
	if (answer->op != r->op || answer->verdict >= LIMITS_VERDICTS) {
		disconnect(l, "its answer makes no sense");
		return false;
	}
	return true;
}

/*
 * False: nobody is there to ask.  An idle connection may have ended since.
 * ANSWER: NULL if R is quiet.
 */
static bool
ask(struct limits *l, const struct limits_request *r, struct limits_answer *answer)
{
	for (int i = 0; i < 2; i++) {
		bool was_there = l->fd >= 0;

		if (!connect_to(l))
			break;
		if (say(l, r) && (answer == NULL || hear(l, r, answer)))
			return true;
		if (!was_there)
			break;
		l->next_try = 0;
	}
	l->n_unsaid = 0;
	return false;
}

/* About a session that has limits or none. */
static enum limits_verdict
declare(struct limits *l, struct limits_request *r)
{
	struct limits_answer answer = { .verdict = LIMITS_OK };

	r->quiet = r->max_all == 0 && r->max_one == 0;
	if (!ask(l, r, r->quiet ? NULL : &answer))
		return LIMITS_OK;
	l->is_connected |= answer.verdict == LIMITS_OK;
	return answer.verdict;
}

struct limits *
limits_open(const struct conf *conf, const char *protocol)
{
	static const char *const names[] = { "imap", "pop", "lmtp", "sieve" };
	struct limits *l = mem_zero(1, sizeof(*l));
	const char *path = conf_string(conf, CONF_LIMITSOCKET);
	struct buf bad = BUF_INIT;

	*l = (struct limits){ .conf = conf, .fd = -1, .queue = -1, .address.sun_family = AF_UNIX };
	while (l->protocol < LIMITS_OTHER && strcmp(names[l->protocol], protocol) != 0)
		l->protocol++;
	l->is_possible = strlen(path) < sizeof(l->address.sun_path);
	if (l->is_possible)
		memcpy(l->address.sun_path, path, strlen(path));
	if (netset_parse(conf_string(conf, CONF_LIMITS_EXEMPT), &l->exempt, &bad) != OK) {
		log_err("limits_exempt: \"%s\" is no network: the option is ignored", bad.p);
		if (netset_parse(NULL, &l->exempt, &bad) != OK)
			l->exempt = NULL;
	}
	buf_free(&bad);
	return l;
}

void
limits_through(struct limits *l, int queue)
{
	l->queue = queue;
	/* By the address it will not be possible later. */
	if (queue < 0 && !connect_to(l))
		l->next_try = 0;
}

void
limits_close(struct limits *l)
{
	if (l == NULL)
		return;
	if (l->fd >= 0)
		close(l->fd);
	netset_free(l->exempt);
	free(l);
}

/* --- requests --- */

static uint32_t
option(const struct limits *l, enum conf_opt o)
{
	int64_t n = conf_int(l->conf, o);

	return n < 0 ? 0 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static uint32_t
pause_option(const struct limits *l, enum conf_opt o)
{
	int64_t seconds = conf_seconds(l->conf, o);

	return seconds <= 0 ? 0 : seconds >= PAUSE_MAX_MS / 1000 ? PAUSE_MAX_MS
	    : (uint32_t)seconds * 1000;
}

/* All 0 for one that is not counted. */
static struct netaddr
address_of(const struct limits *l, const char *host)
{
	struct netaddr a;

	if (!netaddr_parse(host, &a) || netset_has(l->exempt, &a))
		return (struct netaddr){ { 0 } };
	return a;
}

static struct limits_account
account_of(const char *userid)
{
	struct limits_account a = { { 0 } };
	uint8_t digest[SHA256_SIZE];

	if (userid == NULL)
		return a;
	sha256(userid, strlen(userid), digest);
	memcpy(a.b, digest, sizeof(a.b));
	return a;
}

static struct limits_request
about_connection(const struct limits *l, const char *host)
{
	return (struct limits_request){ .op = LIMITS_OP_CONNECT, .protocol = l->protocol,
	    .address = address_of(l, host),
	    .max_all = option(l, CONF_MAXCONNECTIONS),
	    .max_one = option(l, CONF_MAXCONNECTIONS_PER_HOST) };
}

enum limits_verdict
limits_connected(struct limits *l, const char *host)
{
	if (l == NULL)
		return LIMITS_OK;

	struct limits_request r = about_connection(l, host);

	l->n_unsaid = 0;
	l->is_connected = false;
	return declare(l, &r);
}

enum limits_verdict
limits_arrived(struct limits *l, const char *host)
{
	if (l == NULL || limits_of_connections(l) || !connect_to(l))
		return limits_connected(l, host);
	l->unsaid[0] = about_connection(l, host);
	l->unsaid[0].quiet = 1;
	l->n_unsaid = 1;
	l->is_connected = true;
	return LIMITS_OK;
}

/* --- for who does not wait --- */

bool
limits_ask(struct limits *l, const char *host, uint32_t session)
{
	struct limits_request r = about_connection(l, host);

	r.session = session;
	return connect_to(l) && say(l, &r);
}

void
limits_tell_gone(struct limits *l, uint32_t session)
{
	struct limits_request r = { .op = LIMITS_OP_CLOSE, .protocol = l->protocol,
	    .session = session };

	if (l->fd >= 0)
		(void)say(l, &r);
}

int
limits_fd(const struct limits *l)
{
	return l->fd;
}

void
limits_give_up(struct limits *l)
{
	disconnect(l, "no answer");
}

enum err
limits_hear(struct limits *l, enum limits_verdict *verdict)
{
	ssize_t n;

	if (l->fd < 0)
		return ERR_CLOSED;
	n = recv(l->fd, (char *)&l->part + l->part_n, sizeof(l->part) - l->part_n, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return ERR_AGAIN;
	if (n <= 0) {
		disconnect(l, n == 0 ? "it has ended" : strerror(errno));
		return ERR_CLOSED;
	}
	l->part_n += (size_t)n;
	if (l->part_n < sizeof(l->part))
		return ERR_AGAIN;
	l->part_n = 0;
	if (l->part.op != LIMITS_OP_CONNECT || l->part.verdict >= LIMITS_VERDICTS) {
		disconnect(l, "its answer makes no sense");
		return ERR_CLOSED;
	}
	*verdict = l->part.verdict;
	return OK;
}

enum limits_verdict
limits_logged_in(struct limits *l, const char *userid)
{
	if (l == NULL || !l->is_connected)
		return LIMITS_OK;

	struct limits_request r = { .op = LIMITS_OP_LOGIN, .protocol = l->protocol,
	    .account = account_of(userid),
	    .max_all = option(l, CONF_MAXLOGINS_PER_USER),
	    .max_one = option(l, CONF_MAXLOGINS_PER_HOST) };

	return declare(l, &r);
}

static void
tell(struct limits *l, enum limits_op op)
{
	if (l == NULL || !l->is_connected)
		return;

	struct limits_request r = { .op = (uint8_t)op, .protocol = l->protocol };

	(void)say(l, &r);
}

void
limits_logged_out(struct limits *l)
{
	tell(l, LIMITS_OP_LOGOUT);
}

void
limits_disconnected(struct limits *l)
{
	tell(l, LIMITS_OP_CLOSE);
	if (l != NULL) {
		l->is_connected = false;
		l->n_unsaid = 0;
	}
}

static struct limits_request
about_password(const struct limits *l, enum limits_op op, const char *host, const char *userid)
{
	return (struct limits_request){ .op = (uint8_t)op, .protocol = l->protocol,
	    .address = address_of(l, host), .account = account_of(userid),
	    .max_all = pause_option(l, CONF_FAILEDLOGINPAUSE),
	    .max_one = pause_option(l, CONF_FAILEDLOGINPAUSE_MAX) };
}

static int
pause_of(const struct limits_answer *answer)
{
	return answer->pause_ms < PAUSE_MAX_MS ? (int)answer->pause_ms : PAUSE_MAX_MS;
}

enum limits_verdict
limits_attempt(struct limits *l, const char *host, const char *userid, int *pause_ms)
{
	*pause_ms = 0;
	if (l == NULL)
		return LIMITS_OK;

	struct limits_request r = about_password(l, LIMITS_OP_ATTEMPT, host, userid);
	struct limits_answer answer;

	if (!ask(l, &r, &answer))
		return LIMITS_OK;
	*pause_ms = pause_of(&answer);
	return answer.verdict;
}

int
limits_failed(struct limits *l, const char *host, const char *userid)
{
	if (l == NULL)
		return 0;

	struct limits_request r = about_password(l, LIMITS_OP_FAILED, host, userid);
	struct limits_answer answer;

	return ask(l, &r, &answer) ? pause_of(&answer) : (int)r.max_all;
}

void
limits_proved(struct limits *l, const char *host, const char *userid)
{
	if (l == NULL || l->fd < 0)
		return;

	struct limits_request r = about_password(l, LIMITS_OP_PROVED, host, userid);

	(void)say(l, &r);
}

/* --- words --- */

const char *
limits_why(enum limits_verdict verdict)
{
	switch (verdict) {
	case LIMITS_ALL:
		return "Too many connections; try again later";
	case LIMITS_HOST:
		return "Too many connections from your address";
	case LIMITS_USER:
		return "Too many sessions of this user";
	case LIMITS_HOST_LOGINS:
		return "Too many sessions from your address";
	case LIMITS_FAILURES:
		return "Too many failed logins; try again later";
	case LIMITS_OK:
	case LIMITS_VERDICTS:
		break;
	}
	return "Try again later";
}

const char *
limits_option(enum limits_verdict verdict)
{
	switch (verdict) {
	case LIMITS_ALL:
		return "maxconnections";
	case LIMITS_HOST:
		return "maxconnections_per_host";
	case LIMITS_USER:
		return "maxlogins_per_user";
	case LIMITS_HOST_LOGINS:
		return "maxlogins_per_host";
	case LIMITS_FAILURES:
		return "failedloginpause_max";
	case LIMITS_OK:
	case LIMITS_VERDICTS:
		break;
	}
	return "";
}
