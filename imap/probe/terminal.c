/* terminal.c - see terminal.h */
#include "imap/probe/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static void
read_secret_line(int fd, struct buf *line)
{
	char c;
	while (read(fd, &c, 1) == 1 && c != '\n')
		buf_addc(line, c);
	explicit_bzero(&c, 1);
}

bool
terminal_password(struct buf *password)
{
	static const char prompt[] = "Please enter your password: ";
	struct termios before, silent;
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return false;
	bool is_silent = tcgetattr(fd, &before) == 0;
	if (is_silent) {
		silent = before;
		/* Without signals too: nobody would turn the echo on again. */
		silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
		is_silent = tcsetattr(fd, TCSAFLUSH, &silent) == 0;
	}
	/* With an echo it would be seen: rather none. */
	if (is_silent && write(fd, prompt, sizeof(prompt) - 1) > 0) {
		read_secret_line(fd, password);
		(void)!write(fd, "\n", 1);
	}
	if (is_silent)
		(void)tcsetattr(fd, TCSAFLUSH, &before);
	close(fd);
	return password->n > 0;
}

/* *last is the byte before, so that a CRLF may be cut in two. */
static void
add_lines(struct buf *out, struct str typed, char *last)
{
	for (size_t i = 0; i < typed.n; i++) {
		if (typed.p[i] == '\n' && *last != '\r')
			buf_addc(out, '\r');
		*last = typed.p[i];
		buf_addc(out, *last);
	}
}

/* OK with *ended at the end of input, when LOGOUT has been said. */
static enum err
pass_on(struct wire *w, int fd, const char *logout, char *last, bool *ended)
{
	char typed[4096];
	struct buf out = BUF_INIT;
	ssize_t n = read(fd, typed, sizeof(typed));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return OK;
	if (n > 0) {
		add_lines(&out, (struct str){ typed, (size_t)n }, last);
	} else {
		*ended = true;
		buf_printf(&out, "%s%s\r\n", *last == '\n' ? "" : "\r\n", logout);
	}
	enum err e = wire_send(w, buf_str(&out));
	buf_wipe(&out);
	explicit_bzero(typed, sizeof(typed));
	return e;
}

/* All that has come; ERR_AGAIN when that is done. */
static enum err
show(struct wire *w)
{
	enum err e;
	do {
		fwrite(w->in.p, 1, w->in.n, stdout);
		fflush(stdout);
		buf_reset(&w->in);
		e = wire_fetch(w);
	} while (e == OK);
	return e;
}

enum err
terminal_talk(struct wire *w, int fd, const char *logout)
{
	char last = '\n';
	bool ended = false, deaf = false;
	enum err e;
	while ((e = show(w)) == ERR_AGAIN) {
		struct pollfd p[] = {
			{ .fd = w->fd, .events = POLLIN },
			{ .fd = ended || deaf ? -1 : fd, .events = POLLIN },
		};
		int n = poll(p, 2, ended ? WIRE_SECONDS * 1000 : -1);
		if (n == 0)
			return ERR_TIMEOUT;
		/* A server that takes no more may have said why: that is still shown. */
		if (n > 0 && p[1].revents != 0)
			deaf = pass_on(w, fd, logout, &last, &ended) != OK;
	}
	return e == ERR_CLOSED ? OK : e;
}
