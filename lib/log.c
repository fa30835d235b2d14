/* log.c - one line a fact */
#include "lib/log.h"

#include "lib/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 8192 };

static struct {
	char ident[64];
	char *path;			/* of the file, or NULL */
	int fd;				/* stderr or the file */
	bool to_syslog;
	int level;
} out = { .ident = "chapar", .fd = 2, .level = LOG_DEBUG };

static void
open_file(void)
{
	int fd = open(out.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	if (fd < 0)
		return;		/* lines go on to where they went before */
	if (out.fd > 2)
		close(out.fd);
	out.fd = fd;
}

void
log_open(const char *ident, const char *target, int facility)
{
	snprintf(out.ident, sizeof(out.ident), "%s", ident);
	out.to_syslog = strcmp(target, "syslog") == 0;
	free(out.path);
	out.path = NULL;
	if (out.to_syslog) {
		openlog(out.ident, LOG_PID | LOG_NDELAY, facility);
	} else if (strcmp(target, "stderr") != 0) {
		out.path = strdup(target);
		open_file();
	}
}

void
log_level(int priority)
{
	out.level = priority;
}

void
log_reopen(void)
{
	if (out.path != NULL)
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

static void
escape(const char *text, struct buf *line)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = strlen(text);

	while (n > 0 && line->n < LINE_MAX_BYTES) {
		size_t len = *p >= 0x20 && *p < 0x7f ? 1 : sequence(p, n);

		if (len == 0) {
			buf_printf(line, "\\x%02x", *p);
			len = 1;
		} else {
			buf_add(line, p, len);
		}
		p += len;
		n -= len;
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

static void
write_line(int priority, const char *text)
{
	struct buf line = BUF_INIT;
	struct tm tm;
	time_t now = time(NULL);
	char when[32];

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%b %e %H:%M:%S", &tm);
	buf_printf(&line, "%s %s[%ld]: %s: ", when, out.ident, (long)getpid(),
	    severity(priority));
	escape(text, &line);
	buf_addc(&line, '\n');
	/* One write: lines of several processes do not mix. */
	if (write(out.fd, line.p, line.n) < 0)
		(void)errno;
	buf_free(&line);
}

static void
vlog(int priority, const char *fmt, va_list ap)
{
	struct buf text = BUF_INIT, line = BUF_INIT;
	int saved = errno;

	if (priority > out.level)
		return;
	buf_vprintf(&text, fmt, ap);
	if (out.to_syslog) {
		escape(text.p, &line);
		syslog(priority, "%s", line.p);
	} else {
		write_line(priority, text.p);
	}
	buf_free(&text);
	buf_free(&line);
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
	log_err("IOERROR: %s %s: %s", what, path, strerror(errno));
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
	/* No memory is asked for: that may be what failed. */
	char text[256];
	int n = snprintf(text, sizeof(text), "%s: internal error: %s at %s:%d\n",
	    out.ident, what, file, line);

	if (out.to_syslog)
		syslog(LOG_CRIT, "%s", text);
	else if (n > 0 && write(out.fd, text, (size_t)n) < 0)
		(void)errno;
	abort();
}
