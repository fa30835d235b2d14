/* mem.c - memory, or the end of the process */
#include "lib/mem.h"

#include "lib/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

enum { PAUSE_MS = 100, COMPLAIN_EVERY = 100 };

static bool patient;

void
mem_be_patient(void)
{
	patient = true;
}

/* Returns to try again, if at all.  N: bytes; *tries is 0 at first. */
static void
lacking(size_t n, unsigned *tries)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };

	if (!patient)
		log_fatal(EX_TEMPFAIL, "out of memory (%zu bytes): this process ends; "
		    "see to the limits and to what else runs on this machine", n);
	if ((*tries)++ % COMPLAIN_EVERY == 0)
		log_crit("out of memory (%zu bytes): waiting for it", n);
	(void)nanosleep(&pause, NULL);
}

void *
mem_get(size_t n)
{
	unsigned tries = 0;
	void *p;

	while ((p = malloc(n > 0 ? n : 1)) == NULL)
		lacking(n, &tries);
	return p;
}

void *
mem_zero(size_t n, size_t size)
{
	unsigned tries = 0;
	size_t all;
	void *p;

	ensure(!__builtin_mul_overflow(n, size, &all));
	while ((p = calloc(1, all > 0 ? all : 1)) == NULL)
		lacking(all, &tries);
	return p;
}

void *
mem_grow(void *p, size_t n)
{
	unsigned tries = 0;
	void *more;

	while ((more = realloc(p, n > 0 ? n : 1)) == NULL)
		lacking(n, &tries);
	return more;
}

char *
mem_copy(const char *text)
{
	size_t n = strlen(text) + 1;

	return memcpy(mem_get(n), text, n);
}
