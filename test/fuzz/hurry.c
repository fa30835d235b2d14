/*
 * hurry.c - no waiting for writers that are not there
 *
 * A damaged quota file is read again for 200 ms, in case somebody writes it just
 * now, and the fuzzer slept more than it worked.  poll() without descriptors is
 * how the store sleeps, here it is a poll() that returns at once.
 */
#include <poll.h>
#include <time.h>

int
poll(struct pollfd *fds, nfds_t n, int ms)
{
	struct timespec wait = { ms / 1000, ms % 1000 * 1000000L };

	if (n == 0)
		return 0;
	return ppoll(fds, n, ms < 0 ? NULL : &wait, NULL);
}
