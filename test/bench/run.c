/*
 * run.c - one measurement: who takes part, when the clock runs
 */
#include "test/bench/run.h"
#include "test/bench/proc.h"

#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { WATCH_MS = 500 };

double
run_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
own_cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

void
run_init(struct run *run, const struct params *params)
{
	*run = (struct run){ .params = params };
	run->poll = poll_new();
}

void
run_free(struct run *run)
{
	free(run->latency);
	free(run->player);
	SSL_SESSION_free(run->session);
	SSL_CTX_free(run->tls);
	poll_free(run->poll);
}

void
run_join(struct run *run, struct player *p, void (*go)(struct player *))
{
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers it is */
	run->player = realloc(run->player, (run->players + 1) * sizeof(run->player[0]));
	if (run->player == NULL)
		abort();
	*p = (struct player){ .run = run, .number = run->players, .go = go };
	run->player[run->players++] = p;
}

/* A server that hangs must not hang the benchmark. */
static void
watch(void *ctx)
{
	struct run *run = ctx;

	if (run_now() - run->progress > run->params->patience)
		run_fail(run, "nothing was heard for %.0f seconds", run->params->patience);
	else
		poll_after(run->poll, WATCH_MS, watch, run);
}

void
run_play(struct run *run)
{
	run->progress = run_now();
	poll_after(run->poll, WATCH_MS, watch, run);
	poll_run(run->poll);
}

static void
start(struct run *run)
{
	run->server_cpu = -proc_cpu(run->params->pid);
	run->client_cpu = -own_cpu();
	run->began = run->ended = run_now();
	for (unsigned i = 0; i < run->players && run->failure[0] == '\0'; i++)
		run->player[i]->go(run->player[i]);
}

void
run_ready(struct run *run)
{
	if (++run->ready == run->players)
		start(run);
}

bool
run_take(struct run *run, uint64_t *op)
{
	const struct params *p = run->params;

	if (run->failure[0] != '\0' || (p->count != 0 && run->taken >= p->count))
		return false;
	if (p->seconds > 0 && run->taken > 0 && run_now() - run->began >= p->seconds)
		return false;
	*op = run->taken++;
	return true;
}

void
run_done(struct run *run, double began, uint64_t units)
{
	double now = run_now();

	if (run->ops == run->latency_size) {
		run->latency_size = run->latency_size == 0 ? 4096 : 2 * run->latency_size;
		run->latency = realloc(run->latency,
		    run->latency_size * sizeof *run->latency);
		if (run->latency == NULL)
			abort();
	}
	run->latency[run->ops++] = now - began;
	run->units += units;
	run->ended = now;
}

void
run_found(struct run *run, uint64_t hits)
{
	if (run->ops > 0 && hits != run->hits)
		run_fail(run, "a search found %ju, then %ju messages",
		    (uintmax_t)run->hits, (uintmax_t)hits);
	run->hits = hits;
}

void
run_leave(struct run *run)
{
	if (++run->left < run->players)
		return;
	run->server_cpu += proc_cpu(run->params->pid);
	run->client_cpu += own_cpu();
}

void
run_quit(struct run *run)
{
	if (++run->gone == run->players)
		poll_stop(run->poll);
}

void
run_skip(struct run *run, const char *why)
{
	run->skipped = why;
	poll_stop(run->poll);
}

void
run_fail(struct run *run, const char *fmt, ...)
{
	va_list ap;

	if (run->failure[0] == '\0') {
		va_start(ap, fmt);
		vsnprintf(run->failure, sizeof run->failure, fmt, ap);
		va_end(ap);
	}
	poll_stop(run->poll);
}

static int
by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double
run_quantile(struct run *run, double q)
{
	if (run->ops == 0)
		return 0;
	qsort(run->latency, run->ops, sizeof *run->latency, by_value);
	return run->latency[(size_t)((double)(run->ops - 1) * q + 0.5)];
}

void
run_user(const struct params *p, unsigned n, struct buf *out)
{
	struct str pattern = str_c(p->user);
	size_t at = str_chr(pattern, '#'), digits = 0;

	while (at + digits < pattern.n && pattern.p[at + digits] == '#')
		digits++;
	buf_add(out, pattern.p, at);
	if (digits > 0)
		buf_printf(out, "%0*u", (int)digits, p->first_user + n % p->users);
	buf_add_str(out, str_slice(pattern, at + digits, pattern.n));
}
