/*
 * deliver.c - hands a message on stdin to lmtpd
 *
 *	deliver [-C FILE] [-d] [-q] [-e] [-a AUTHID] [-m MAILBOX] [-r ADDR]
 *	        [-f ADDR] [-F FLAG]... [--] [USER...]
 *	deliver -l [-C FILE]
 *	deliver -E DAYS [-C FILE]
 *
 * A wrapper: it speaks LMTP over the socket that imapd.conf's lmtpsocket
 * names, so it needs no right on the store, but for -E.  Exit codes are sysexits(3)', as
 * MTAs expect them of a delivery agent: 0 delivered to all, EX_TEMPFAIL (75)
 * try again, EX_NOUSER, EX_DATAERR, EX_USAGE, EX_CONFIG.
 */
#include "imap/server/owner.h"
#include "imap/server/setup.h"
#include "imap/store/list/dup.h"
#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/log.h"
#include "lib/logconf.h"
#include "lib/mem.h"
#include "lib/net.h"
#include "lib/stream.h"

#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum { CONNECT_MS = 10000, REPLY_SECONDS = 600, FLAGS_MAX = 16, DAYS_MAX = 100000 };

struct options {
	const char *conf;
	const char *authid, *mailbox, *sender;
	const char *flag[FLAGS_MAX];
	int flags;
	bool ignore_quota;
	bool talk;			/* -l: LMTP between stdin/stdout and the server */
	uint64_t prune_days;		/* -E */
	bool prune;
	const char *postuser;
	char **user;
	int users;
};

static void
usage(void)
{
	fprintf(stderr, "usage: deliver [-C imapd.conf] [-q] [-a authid] [-m mailbox] "
	    "[-r sender] [-F flag] [--] [user ...]\n"
	    "       deliver -l [-C imapd.conf]\n"
	    "       deliver -E days [-C imapd.conf]\n");
	exit(EX_USAGE);
}

/* Without users and without a mailbox: to whoever runs this. */
static bool
add_invoker(struct options *o)
{
	static char name[256];
	static char *one[] = { name, NULL };
	const struct passwd *pw = getpwuid(getuid());

	if (pw == NULL || strlen(pw->pw_name) >= sizeof(name))
		return false;
	memcpy(name, pw->pw_name, strlen(pw->pw_name) + 1);
	o->user = one;
	o->users = 1;
	return true;
}

static bool
parse_options(int argc, char **argv, struct options *o)
{
	int c;

	*o = (struct options){ .conf = CONF_DEFAULT_PATH, .sender = "" };
	while ((c = getopt(argc, argv, "C:a:deE:f:F:lm:qr:D")) != -1) {
		switch (c) {
		case 'C':
			o->conf = optarg;
			break;
		case 'a':
			o->authid = optarg;
			break;
		case 'E':
			o->prune = true;
			if (!str_to_u64(str_c(optarg), &o->prune_days) || o->prune_days > DAYS_MAX)
				return false;
			break;
		case 'f':
		case 'r':
			o->sender = optarg;
			break;
		case 'F':
			if (o->flags == FLAGS_MAX)
				return false;
			o->flag[o->flags++] = optarg;
			break;
		case 'l':
			o->talk = true;
			break;
		case 'm':
			o->mailbox = optarg;
			break;
		case 'q':
			o->ignore_quota = true;
			break;
		case 'd':	/* "as a delivery agent": always so */
		case 'D':
		case 'e':	/* suppression is lmtpd's (duplicatesuppression) */
			break;
		default:
			return false;
		}
	}
	o->user = argv + optind;
	o->users = argc - optind;
	if (o->talk || o->prune)
		return o->users == 0 && !(o->talk && o->prune);
	return o->users > 0 || o->mailbox != NULL || add_invoker(o);
}

static void
report(void *ctx, bool is_error, const char *line)
{
	(void)ctx;
	if (is_error)
		fprintf(stderr, "deliver: %s\n", line);
}

/* --- the dialogue --- */

/* A reply's code; its text, last line, in TEXT.  0: connection lost. */
static int
get_reply(struct stream *s, struct buf *text)
{
	do {
		buf_reset(text);
		if (stream_getline(s, text, 4096) != OK || text->n < 4)
			return 0;
	} while (text->p[3] == '-');
	while (text->n > 0 && (text->p[text->n - 1] == '\r' || text->p[text->n - 1] == '\n'))
		buf_truncate(text, text->n - 1);
	return (text->p[0] - '0') * 100 + (text->p[1] - '0') * 10 + (text->p[2] - '0');
}

static int
command(struct stream *s, struct buf *text)
{
	return stream_flush(s) == OK ? get_reply(s, text) : 0;
}

static int
exit_code(int code, const char *enhanced)
{
	if (code == 0 || code / 100 == 4)
		return EX_TEMPFAIL;
	if (code / 100 == 2)
		return EX_OK;
	if (strncmp(enhanced, "5.1.", 4) == 0)
		return EX_NOUSER;
	return strncmp(enhanced, "5.2.", 4) == 0 ? EX_CANTCREAT : EX_DATAERR;
}

/* The worst of two: what can be tried again must be. */
static int
worse(int a, int b)
{
	if (a == EX_TEMPFAIL || b == EX_TEMPFAIL)
		return EX_TEMPFAIL;
	return a != EX_OK ? a : b;
}

static int
failed(const char *who, int code, const struct buf *text)
{
	const char *why = code == 0 ? "connection to lmtpd lost" : text->p + 4;

	if (who != NULL)
		fprintf(stderr, "%s: %s\n", who, why);
	else
		fprintf(stderr, "deliver: %s\n", why);
	return exit_code(code, code == 0 ? "" : text->p + 4);
}

/* In a quoted string, so that any mailbox name can be written. */
static void
put_address(struct stream *s, const char *user, const char *mailbox)
{
	struct buf local = BUF_INIT;

	buf_adds(&local, user);
	if (mailbox != NULL)
		buf_printf(&local, "+%s", mailbox);
	stream_puts(s, "RCPT TO:<\"");
	for (size_t i = 0; i < local.n; i++) {
		if (local.p[i] == '"' || local.p[i] == '\\')
			stream_puts(s, "\\");
		if ((unsigned char)local.p[i] >= ' ' && local.p[i] != 127)
			stream_write(s, &local.p[i], 1);
	}
	stream_puts(s, "\">");
	buf_free(&local);
}

/* RFC 3461 section 4: what is not printable is +XX. */
static void
put_xtext(struct stream *s, const char *keyword, const char *text)
{
	stream_puts(s, keyword);
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c > ' ' && c < 127 && c != '+' && c != '=')
			stream_write(s, text, 1);
		else
			stream_printf(s, "+%02X", c);
	}
}

static void
put_sender(struct stream *s, const struct options *o)
{
	stream_printf(s, "MAIL FROM:<%s>", o->sender);
	if (o->authid != NULL)
		put_xtext(s, " AUTH=", o->authid);
	for (int i = 0; i < o->flags; i++)
		stream_printf(s, "%s%s%s", i == 0 ? " XFLAGS=" : ",",
		    o->flag[i][0] == '\\' ? "" : "\\", o->flag[i]);
	stream_puts(s, "\r\n");
}

/* stdin with CRLF line ends and dots stuffed; a "From " line first is dropped. */
static enum err
put_message(struct stream *s)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	bool first = true;
	enum err e;

	while ((n = getline(&line, &size, stdin)) > 0) {
		bool whole = line[n - 1] == '\n';

		if (first && n > 5 && memcmp(line, "From ", 5) == 0) {
			first = false;
			continue;
		}
		first = false;
		n -= whole;
		n -= n > 0 && whole && line[n - 1] == '\r';
		if (n > 0 && line[0] == '.')
			stream_puts(s, ".");
		stream_write(s, line, (size_t)n);
		stream_puts(s, "\r\n");
	}
	e = ferror(stdin) ? ERR_IO : OK;
	free(line);
	/* Not even into the buffer, which may be full and go out by itself. */
	if (e == OK)
		stream_puts(s, ".\r\n");
	return e;
}

struct target {
	const char *name;		/* for messages */
	bool accepted;
};

static int
send_recipients(struct stream *s, const struct options *o, struct target *t, int *accepted)
{
	struct buf text = BUF_INIT;
	int status = EX_OK, n = o->users > 0 ? o->users : 1;

	*accepted = 0;
	for (int i = 0; i < n; i++) {
		const char *user = o->users > 0 ? o->user[i] : NULL;
		int code;

		t[i].name = user != NULL ? user : o->mailbox;
		put_address(s, user != NULL ? user : o->postuser, o->mailbox);
		stream_puts(s, o->ignore_quota ? " IGNOREQUOTA\r\n" : "\r\n");
		code = command(s, &text);
		t[i].accepted = code / 100 == 2;
		*accepted += t[i].accepted;
		if (!t[i].accepted)
			status = worse(status, failed(t[i].name, code, &text));
		if (code == 0)
			break;
	}
	buf_free(&text);
	return status;
}

static int
send_message(struct stream *s, const struct options *o, const struct target *t)
{
	struct buf text = BUF_INIT;
	int n = o->users > 0 ? o->users : 1, status = EX_OK, code;

	stream_puts(s, "DATA\r\n");
	code = command(s, &text);
	if (code != 354) {
		status = failed(NULL, code, &text);
	} else if (put_message(s) != OK) {
		/* Without the final dot nothing is delivered. */
		perror("deliver: stdin");
		_exit(EX_TEMPFAIL);
	} else {
		code = stream_flush(s) == OK ? 1 : 0;
		for (int i = 0; i < n; i++) {
			if (!t[i].accepted)
				continue;
			code = code == 0 ? 0 : get_reply(s, &text);
			if (code / 100 != 2)
				status = worse(status, failed(t[i].name, code, &text));
		}
	}
	buf_free(&text);
	return status;
}

static int
deliver(struct stream *s, const struct options *o)
{
	struct target *t = mem_zero((size_t)o->users + 1, sizeof(*t));
	struct buf text = BUF_INIT;
	int status, code, accepted = 0;

	code = get_reply(s, &text);
	if (code == 220) {
		stream_puts(s, "LHLO localhost\r\n");
		code = command(s, &text);
	}
	if (code == 250) {
		put_sender(s, o);
		code = command(s, &text);
	}
	if (code != 250) {
		status = failed(NULL, code, &text);
	} else {
		status = send_recipients(s, o, t, &accepted);
		if (accepted > 0)
			status = worse(status, send_message(s, o, t));
		stream_puts(s, "QUIT\r\n");
		if (command(s, &text) != 221)
			status = worse(status, EX_OK);
	}
	buf_free(&text);
	free(t);
	return status;
}

/* -l: bytes both ways until the server closes. */
static int
talk(int fd)
{
	struct pollfd p[2] = { { .fd = 0, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
	char data[16384];

	for (;;) {
		if (poll(p, 2, -1) < 0)
			return EX_TEMPFAIL;
		for (int i = 0; i < 2; i++) {
			ssize_t n;

			if (p[i].fd < 0 || p[i].revents == 0)
				continue;
			n = read(p[i].fd, data, sizeof(data));
			if (n <= 0 && i == 1)
				return EX_OK;
			if (n <= 0)
				p[0].fd = -1;
			for (ssize_t w = 0, off = 0; off < n; off += w)
				if ((w = write(i == 0 ? fd : 1, data + off, (size_t)(n - off))) <= 0)
					return EX_TEMPFAIL;
		}
	}
}

/* -E: what the book's crontab has; cyr_expire -E does the same. */
static int
prune(const struct conf *conf, uint64_t days)
{
	struct arena *arena = arena_new(1 << 20);
	struct store_params params;
	struct store *s;
	uint64_t removed;
	enum err e = setup_params(arena, conf, &params);

	if (e != OK)
		return EX_CONFIG;
	umask((mode_t)conf_int(conf, CONF_UMASK));
	owner_become(conf);
	log_open_conf(conf, "deliver", isatty(STDERR_FILENO) ? "stderr" : NULL);
	e = store_open(&params, &s);
	if (e == OK) {
		e = dup_prune(s, (int64_t)days * 24 * 3600, &removed);
		store_close(s);
	}
	if (e != OK)
		fprintf(stderr, "deliver: cannot prune the database of deliveries in %s: %s\n",
		    params.config_dir, err_text(e));
	arena_free(arena);
	return e == OK ? EX_OK : EX_TEMPFAIL;
}

/* Connects to lmtpd and does the work. */
static int
run(struct options *o, const struct conf *conf)
{
	const char *path = conf_string(conf, CONF_LMTPSOCKET);
	struct stream *s;
	int fd, status;

	o->postuser = conf_string(conf, CONF_POSTUSER);
	if (net_connect(path, CONNECT_MS, &fd) != OK) {
		fprintf(stderr, "deliver: no lmtpd answers at %s; is the server running, "
		    "and does cyrus.conf have a service there?\n", path);
		return EX_TEMPFAIL;
	}
	if (o->talk)
		return talk(fd);
	s = stream_new(fd, fd);
	stream_timeout(s, REPLY_SECONDS);
	status = deliver(s, o);
	stream_close(s);
	return status;
}

int
main(int argc, char **argv)
{
	struct options o;
	struct conf *conf;
	int status;

	if (!parse_options(argc, argv, &o))
		usage();
	if (conf_read(o.conf, NULL, report, NULL, &conf) != OK)
		return EX_CONFIG;
	status = o.prune ? prune(conf, o.prune_days) : run(&o, conf);
	conf_free(conf);
	return status;
}
