/*
 * log.c - one line a fact
 *
 * Asks for no memory, so that it works when there is none, and uses no other
 * module, so that every module may use it.
 */
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum {
	TEXT_MAX = 4096,		/* of a message, longer ones are cut */
	LINE_MAX_BYTES = 8192,		/* escaped, with date and name */
	FD_ASIDE = 64,			/* where the descriptor of a log file lies */
};

/* A line while it is put together. */
struct line {
	char text[LINE_MAX_BYTES];
	size_t n;
};

static struct {
	char ident[64];
	char path[PATH_MAX];		/* of the file, or "" */
	int fd;				/* stderr or the file */
	bool to_syslog;
	int level;
} out = { .ident = "chapar", .fd = 2, .level = LOG_DEBUG };

/*
 * Lines go on to where they went before if the file cannot be opened.  The
 * descriptor is a high one: a child between fork and exec puts others at the
 * low numbers that its program expects, and may still have to complain.
 */
static void
open_file(void)
{
	int fd = open(out.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	int aside = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, FD_ASIDE) : -1;

	if (aside >= 0) {
		close(fd);
		fd = aside;
	}
	if (fd < 0) {
		log_io(out.path, "open");
		return;
	}
	if (out.fd > 2)
		close(out.fd);
	out.fd = fd;
}

static void
close_file(void)
{
	if (out.fd > 2)
		close(out.fd);
	out.fd = 2;
	out.path[0] = '\0';
}

void
log_open(const char *ident, const char *target, int facility)
{
	snprintf(out.ident, sizeof(out.ident), "%s", ident);
	out.to_syslog = strcmp(target, "syslog") == 0;
	if (out.to_syslog || strcmp(target, "stderr") == 0) {
		close_file();
	} else if (strcmp(target, out.path) != 0 || out.fd <= 2) {
		snprintf(out.path, sizeof(out.path), "%s", target);
		open_file();
	}
	if (out.to_syslog)
		openlog(out.ident, LOG_PID | LOG_NDELAY, facility);
}

void
log_level(int priority)
{
	out.level = priority;
}

void
log_reopen(void)
{
	if (out.path[0] != '\0')
		open_file();
}

/* The length of the valid UTF-8 sequence at P, 0 if there is none. */
static size_t
sequence(const unsigned char *p, size_t n)
{
	size_t want = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : p[0] >= 0xe0 && p[0] <= 0xef ? 3 :
	    p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : 0;

	if (want == 0 || n < want)
		return 0;
	for (size_t i = 1; i < want; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f) ||
	    (p[0] == 0xc2 && p[1] < 0xa0))	/* C1 controls */
		return 0;
	return want;
}

static bool
add(struct line *l, const void *p, size_t n)
{
	if (n > sizeof(l->text) - 4 - l->n)	/* "..." and the line's end */
		return false;
	memcpy(l->text + l->n, p, n);
	l->n += n;
	return true;
}

static void
add_text(struct line *l, const char *text)
{
	add(l, text, strlen(text));
}

/* As printf() made it, IS_CUT if there was more. */
static void
escape(struct line *l, const char *text, bool is_cut)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = strlen(text);
	char hex[5];

	while (n > 0) {
		size_t len = *p >= 0x20 && *p < 0x7f ? 1 : sequence(p, n);

		if (len == 0)
			snprintf(hex, sizeof(hex), "\\x%02x", *p);
		if (len == 0 ? !add(l, hex, 4) : !add(l, p, len))
			break;
		p += len > 0 ? len : 1;
		n -= len > 0 ? len : 1;
	}
	if (n > 0 || is_cut) {
		memcpy(l->text + l->n, "...", 3);
		l->n += 3;
	}
}

static const char *
severity(int priority)
{
	switch (priority) {
	case LOG_CRIT:
		return "crit";
	case LOG_ERR:
		return "err";
	case LOG_WARNING:
		return "warning";
	case LOG_NOTICE:
		return "notice";
	case LOG_INFO:
		return "info";
	default:
		return "debug";
	}
}

/* Date, name and severity, which syslog adds by itself. */
static void
add_head(struct line *l, int priority)
{
	time_t now = time(NULL);
	char when[32], head[160];
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%b %e %H:%M:%S", &tm);
	snprintf(head, sizeof(head), "%s %s[%ld]: %s: ", when, out.ident, (long)getpid(),
	    severity(priority));
	add_text(l, head);
}

static void
emit(int priority, const char *text, bool is_cut)
{
	struct line l;

	l.n = 0;
	if (!out.to_syslog)
		add_head(&l, priority);
	escape(&l, text, is_cut);
	if (out.to_syslog) {
		syslog(priority, "%.*s", (int)l.n, l.text);
		return;
	}
	l.text[l.n++] = '\n';
	/* One write: lines of several processes do not mix. */
	if (write(out.fd, l.text, l.n) < 0)
		return;		/* nobody is left to be told */
}

static void
vlog(int priority, const char *fmt, va_list ap)
{
	char text[TEXT_MAX];
	int saved = errno, n;

	if (priority > out.level)
		return;
	n = vsnprintf(text, sizeof(text), fmt, ap);
	emit(priority, n >= 0 ? text : fmt, n >= (int)sizeof(text));
	errno = saved;
}

#define LOG_FUNCTION(name, priority)		\
void						\
name(const char *fmt, ...)			\
{						\
	va_list ap;				\
						\
	va_start(ap, fmt);			\
	vlog(priority, fmt, ap);		\
	va_end(ap);				\
}

LOG_FUNCTION(log_crit, LOG_CRIT)
LOG_FUNCTION(log_err, LOG_ERR)
LOG_FUNCTION(log_warning, LOG_WARNING)
LOG_FUNCTION(log_notice, LOG_NOTICE)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_debug, LOG_DEBUG)

void
log_io(const char *path, const char *what)
{
	int error = errno;

	log_err("IOERROR: %s %s: %s", what, path, strerror(error));
	errno = error;			/* whoever asked wants to know, too */
}

void
log_fatal(int exit_code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_CRIT, fmt, ap);
	va_end(ap);
	exit(exit_code);
}

void
ensure_failed(const char *what, const char *file, int line)
{
	log_crit("internal error: %s at %s:%d", what, file, line);
	abort();
}
