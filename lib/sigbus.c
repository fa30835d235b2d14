/*
 * sigbus.c - what to do when a mapped file ends early or cannot be read
 *
 * The signal comes from our own load or store, never from within malloc() or
 * the log, so that the log can be used.  A second one ends us by itself.
 */
#include "lib/sigbus.h"

#include "lib/log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4352 };		/* of /proc/self/maps: a path and 80 bytes */

/* "START-END PERMS OFFSET DEVICE INODE PATH": the path, if AT is within. */
static const char *
path_if_within(const char *line, uintptr_t at)
{
	char *end;
	uintptr_t from = (uintptr_t)strtoull(line, &end, 16);
	uintptr_t to = *end == '-' ? (uintptr_t)strtoull(end + 1, NULL, 16) : 0;

	return at >= from && at < to ? strchr(line, '/') : NULL;
}

/* One byte at a time: short, and nobody waits for it. */
static bool
read_line(int fd, char line[LINE_MAX_BYTES])
{
	size_t n = 0;
	char c = '\0';

	while (read(fd, &c, 1) == 1 && c != '\n')
		if (n + 1 < LINE_MAX_BYTES)
			line[n++] = c;
	line[n] = '\0';
	return n > 0;
}

static void
on_bus(int number, siginfo_t *info, void *context)
{
	static char line[LINE_MAX_BYTES];
	const char *path = NULL;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	(void)number;
	(void)context;
	while (fd >= 0 && path == NULL && read_line(fd, line))
		path = path_if_within(line, (uintptr_t)info->si_addr);
	log_crit("IOERROR: %s: a page of it cannot be read or written: it was cut off while "
	    "in use, its disk is full, or its disk fails; this session ends here; see to "
	    "the disk and run reconstruct", path != NULL ? path : "a mapped file");
	_exit(EX_IOERR);
}

void
sigbus_report(void)
{
	struct sigaction sa = { .sa_sigaction = on_bus,
	    .sa_flags = SA_SIGINFO | SA_RESETHAND };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGBUS, &sa, NULL);
}
