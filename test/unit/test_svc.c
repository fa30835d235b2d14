/* test_svc.c - a worker's side of master's protocol */
#include "lib/svc.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ENDED = 3, SERVED = 4, ODD = 5 };

/* A client that has connected to a socket that listens. */
static int
client_of(int listener)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&a, n) != 0 || listen(listener, 5) != 0
	    || getsockname(listener, (struct sockaddr *)&a, &n) != 0
	    || connect(fd, (struct sockaddr *)&a, n) != 0)
		return -1;
	return fd;
}

/* A worker's life; its descriptors are where master puts them. */
static int
work(bool has_master)
{
	struct svc s;
	int status[2], fd;

	close(SVC_STATUS_FD);
	close(SVC_LISTEN_FD);
	if (pipe(status) != 0)
		return ODD;
	int reader = dup2(status[0], 20), writer = dup2(status[1], 21);
	close(status[0]);
	close(status[1]);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (dup2(listener, SVC_LISTEN_FD) < 0)
		return ODD;
	if (listener != SVC_LISTEN_FD)
		close(listener);
	if (dup2(writer, SVC_STATUS_FD) < 0 || client_of(SVC_LISTEN_FD) < 0)
		return ODD;
	close(writer);
	if (!has_master)
		close(reader);
	setenv(SVC_ENV_SERVICE, "test", 1);
	svc_init(&s);
	enum err e = svc_accept(&s, 0, &fd);
	return e == OK ? SERVED : e == ERR_CLOSED ? ENDED : ODD;
}

static int
life(bool has_master)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(work(has_master));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
test_worker_of_master(void **state)
{
	(void)state;
	assert_int_equal(life(true), SERVED);
}

/* It would keep the address from the next master as long as the client stays. */
static void
test_worker_of_nobody(void **state)
{
	(void)state;
	assert_int_equal(life(false), ENDED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worker_of_master),
		cmocka_unit_test(test_worker_of_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
