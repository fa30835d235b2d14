/*
 * echod - the smallest worker, for the tests of master
 *
 *	echod [-x EXIT] [-m MAXUSE] [-i IDLE_SECONDS] [-o FILE]
 *
 * Greets with "hello SERVICE PID FDS", answers every line with the same line,
 * and obeys QUIT, CRASH (a signal), EXIT (status 3) in the middle of the
 * session.  -x: ends at once with that status.  -o: first appends a line with
 * its arguments to FILE.
 */
#include "lib/log.h"
#include "lib/stream.h"
#include "lib/svc.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void
obey(const char *line)
{
	if (strcmp(line, "CRASH\n") == 0) {
		signal(SIGABRT, SIG_DFL);
		(void)raise(SIGABRT);
	}
	if (strcmp(line, "EXIT\n") == 0)
		exit(3);
}

static void
serve(const struct svc *svc, int fd)
{
	struct stream *s = stream_new(fd, fd == STDIN_FILENO ? STDOUT_FILENO : fd);
	struct buf line = BUF_INIT;
	struct rlimit files = { 0 };
	(void)getrlimit(RLIMIT_NOFILE, &files);
	stream_stop_fd(s, svc_stop_fd());
	stream_timeout(s, 60);
	stream_printf(s, "hello %s %d %llu\n",
	    svc->service != NULL ? svc->service : "hand", (int)getpid(),
	    (unsigned long long)files.rlim_cur);
	enum err e = OK;
	while (e == OK && strcmp(line.p, "QUIT\n") != 0) {
		buf_reset(&line);
		e = stream_flush(s);
		if (e == OK)
			e = stream_getline(s, &line, 1000);
		if (e == OK) {
			obey(line.p);
			stream_put(s, buf_str(&line));
		}
	}
	if (e == ERR_CLOSED && svc_stopping())
		stream_puts(s, "BYE\n");
	stream_close(s);
	buf_free(&line);
}

static void
leave_mark(const char *path, int argc, char **argv)
{
	FILE *f = fopen(path, "a");
	if (f == NULL)
		return;
	for (int i = 0; i < argc; i++)
		fprintf(f, "%s%s", i > 0 ? " " : "", argv[i]);
	fputc('\n', f);
	fclose(f);
}

int
main(int argc, char **argv)
{
	int c, fd, max_use = 100, idle = 60, status = -1;
	while ((c = getopt(argc, argv, "C:x:m:i:o:")) != -1) {
		switch (c) {
		case 'x':
			status = (int)strtol(optarg, NULL, 10);
			break;
		case 'm':
			max_use = (int)strtol(optarg, NULL, 10);
			break;
		case 'i':
			idle = (int)strtol(optarg, NULL, 10);
			break;
		case 'o':
			leave_mark(optarg, argc, argv);
			break;
		case 'C':
			break;
		default:
			return 64;
		}
	}
	if (status >= 0)
		return status;
	struct svc svc;
	svc_init(&svc);
	while (svc.served < max_use && svc_accept(&svc, idle, &fd) == OK)
		serve(&svc, fd);
	return 0;
}
