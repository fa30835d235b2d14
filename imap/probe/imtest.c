/*
 * imtest.c - tries a server: imtest, pop3test, lmtptest
 *
 *	imtest [-p PORT] [-s] [-t KEYFILE] [-m MECHANISM] ... HOST
 */
#include "imap/probe/dialect.h"
#include "imap/probe/login.h"
#include "imap/probe/terminal.h"
#include "imap/probe/wire.h"
#include "lib/log.h"
#include "lib/net.h"
#include "lib/str.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

struct options {
	struct login login;
	const char *address, *port, *file;
	unsigned attempts;
};

__attribute__((noreturn)) static void
usage(const char *program)
{
	fprintf(stderr, "usage: %s [-isv] [-a authcid] [-f file] [-k minssf] [-l maxssf]\n"
	    "\t[-m mechanism] [-n attempts] [-p port] [-r realm] [-t keyfile]\n"
	    "\t[-u authzid] [-w password] host\n", program);
	exit(EX_USAGE);
}

static unsigned
number(const char *program, const char *text)
{
	uint32_t v;
	if (!str_to_u32(str_c(text), &v)) {
		fprintf(stderr, "%s: \"%s\" is not a number\n", program, text);
		usage(program);
	}
	return v;
}

/* The list of processes shows what is in the arguments: not for long. */
static void
take_password(struct login *l, char *argument)
{
	size_t n = strlen(argument);
	buf_wipe(&l->password);
	buf_add(&l->password, argument, n);
	explicit_bzero(argument, n);
}

static void
set_option(struct options *o, int letter, char *argument)
{
	struct login *l = &o->login;
	const char *program = l->dialect->program;
	switch (letter) {
	case 'a': l->authcid = argument; break;
	case 'f': o->file = argument; break;
	case 'i': l->no_initial_response = true; break;
	case 'k': l->min_ssf = number(program, argument); break;
	case 'l': l->max_ssf = number(program, argument); break;
	case 'm': l->mechanism = argument; break;
	case 'n': o->attempts = number(program, argument); break;
	case 'p': o->port = argument; break;
	case 'r': l->realm = argument; break;
	case 's': l->tls_first = true; break;
	case 't':
		l->starttls = true;
		l->keyfile = argument[0] != '\0' ? argument : NULL;
		break;
	case 'u': l->authzid = argument; break;
	case 'v': l->verbose = true; break;
	case 'w': take_password(l, argument); break;
	default: usage(program);
	}
}

static const char *
own_name(void)
{
	const struct passwd *pw = getpwuid(getuid());
	return pw != NULL ? pw->pw_name : "anonymous";
}

/* A path is a UNIX socket; an IPv6 address needs brackets before a port. */
static void
add_address(const struct options *o, struct buf *address)
{
	const struct login *l = &o->login;
	const char *host = o->address;
	const char *port = o->port != NULL ? o->port :
	    l->tls_first ? l->dialect->tls_port : l->dialect->port;
	if (net_is_path(host))
		buf_adds(address, host);
	else if (strchr(host, ':') != NULL && host[0] != '[')
		buf_printf(address, "[%s]:%s", host, port);
	else
		buf_printf(address, "%s:%s", host, port);
}

static bool
connect_to(const struct options *o, struct wire *w)
{
	struct buf address = BUF_INIT;
	int fd;
	add_address(o, &address);
	enum err e = net_connect(address.p, WIRE_SECONDS * 1000, &fd);
	if (e != OK)
		fprintf(stderr, "%s: cannot connect to %s: %s\n", o->login.dialect->program,
		    address.p, e == ERR_IO ? strerror(errno) : err_text(e));
	wire_init(w, e == OK ? fd : -1);
	buf_free(&address);
	return e == OK;
}

/* One attempt; only the last one goes on to what is typed. */
static bool
attempt(struct options *o, bool is_last, int input)
{
	struct login *l = &o->login;
	struct saslclient *layer = NULL;
	struct wire w;
	if (!connect_to(o, &w))
		return false;
	bool good = login_run(l, &w, &layer);
	if (good && !is_last) {
		good = wire_say(&w, str_c(l->dialect->logout), NULL) == OK;
	} else if (good) {
		enum err e = terminal_talk(&w, input, l->dialect->logout);
		puts("Connection closed.");
		if (e != OK)
			fprintf(stderr, "%s: connection lost: %s\n", l->dialect->program, err_text(e));
		good = e == OK;
	}
	wire_close(&w);
	saslclient_free(layer);
	return good;
}

int
main(int argc, char **argv)
{
	struct options o = {
		.login = { .dialect = dialect_of(argv[0]), .authcid = own_name(), .authzid = "",
		    .password = BUF_INIT, .max_ssf = 256 },
		.attempts = 1,
	};
	struct login *l = &o.login;
	int c, input = STDIN_FILENO;
	while ((c = getopt(argc, argv, "a:f:ik:l:m:n:p:r:st:u:vw:")) != -1)
		set_option(&o, c, optarg);
	if (l->min_ssf > l->max_ssf)
		fprintf(stderr, "%s: %u bits at least (-k) are more than %u at most (-l)\n",
		    l->dialect->program, l->min_ssf, l->max_ssf);
	if (o.attempts == 0)
		fprintf(stderr, "%s: -n: one attempt at least\n", l->dialect->program);
	if (optind + 1 != argc || o.attempts == 0 || l->min_ssf > l->max_ssf)
		usage(l->dialect->program);
	o.address = argv[optind];
	l->host = net_is_path(o.address) ? "localhost" : o.address;
	l->starttls = l->starttls && !l->tls_first;
	signal(SIGPIPE, SIG_IGN);
	log_level(LOG_CRIT);		/* what fails is told in our own words */
	if (o.file != NULL && (input = open(o.file, O_RDONLY | O_CLOEXEC)) < 0) {
		fprintf(stderr, "%s: %s: %s\n", l->dialect->program, o.file, strerror(errno));
		return EXIT_FAILURE;
	}
	bool good = true;
	for (unsigned i = 1; good && i <= o.attempts; i++)
		good = attempt(&o, i == o.attempts, input);
	buf_wipe(&l->password);
	if (input != STDIN_FILENO)
		close(input);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
