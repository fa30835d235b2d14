/*
 * mailbench - how fast a mail store server is
 *
 *	mailbench [options] WORKLOAD
 *	mailbench list
 *
 * Plays one workload (see workload.c) against any server that speaks IMAP and
 * LMTP, from one thread with many connections, and prints one line of JSON:
 * rate, latency, the server's CPU time, its own share of the time.  Exits 1
 * if anything but success was answered; the line then holds an "error".
 * test/bench/compare runs it over whole sets of workloads and servers.
 */
#include "lib/str.h"
#include "test/bench/play.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

static const char usage_text[] =
    "usage: mailbench [options] WORKLOAD   (mailbench list: what there is)\n"
    "  --imap HOST:PORT     default 127.0.0.1:143\n"
    "  --lmtp HOST:PORT     default 127.0.0.1:24\n"
    "  --pop3 HOST:PORT     for the workloads that need it\n"
    "  --user PATTERN       default u####; # are the digits of a user's number\n"
    "  --password WORD      the same for all; default secret\n"
    "  --first N --users N  which users; default 1, 100\n"
    "  --connections N      default 1; those that log in are users of their own\n"
    "  --recipients N       of a delivery; default 1\n"
    "  --mailbox NAME       a personal one; default INBOX\n"
    "  --target NAME        another one, to copy to; default large\n"
    "  --count N            operations; --seconds S: until then; 0: no limit\n"
    "  --patience S         without an answer, before giving up; default 60\n"
    "  --pid N              the server's first process: measure CPU and memory\n"
    "  --stamp WORD         for names and Message-IDs; default: from the clock\n"
    "  --tls full|resumed   from the first byte (the address is of such a port); after\n"
    "                       the first handshake all the others are such\n"
    "  --help               this\n";

enum option_number {
	IMAP_ADDRESS = 256, LMTP_ADDRESS, POP3_ADDRESS, USER, PASSWORD, FIRST, USERS, CONNECTIONS,
	RECIPIENTS, MAILBOX, TARGET, COUNT, SECONDS, PATIENCE, PID, STAMP, TLS, HELP,
};

static const struct option options[] = {
	{ "imap", required_argument, NULL, IMAP_ADDRESS },
	{ "lmtp", required_argument, NULL, LMTP_ADDRESS },
	{ "pop3", required_argument, NULL, POP3_ADDRESS },
	{ "user", required_argument, NULL, USER },
	{ "password", required_argument, NULL, PASSWORD },
	{ "first", required_argument, NULL, FIRST },
	{ "users", required_argument, NULL, USERS },
	{ "connections", required_argument, NULL, CONNECTIONS },
	{ "recipients", required_argument, NULL, RECIPIENTS },
	{ "mailbox", required_argument, NULL, MAILBOX },
	{ "target", required_argument, NULL, TARGET },
	{ "count", required_argument, NULL, COUNT },
	{ "seconds", required_argument, NULL, SECONDS },
	{ "patience", required_argument, NULL, PATIENCE },
	{ "pid", required_argument, NULL, PID },
	{ "stamp", required_argument, NULL, STAMP },
	{ "tls", required_argument, NULL, TLS },
	{ "help", no_argument, NULL, HELP },
	{ NULL, 0, NULL, 0 },
};

static void
usage(void)
{
	fputs(usage_text, stderr);
	exit(EX_USAGE);
}

static uint64_t
number(const char *text, uint64_t min, uint64_t max)
{
	uint64_t n;

	if (!str_to_u64(str_c(text), &n) || n < min || n > max) {
		fprintf(stderr, "mailbench: \"%s\" is no number from %ju to %ju\n", text,
		    (uintmax_t)min, (uintmax_t)max);
		exit(EX_USAGE);
	}
	return n;
}

static void
take_option(int option, struct params *p)
{
	switch (option) {
	case IMAP_ADDRESS: p->imap = optarg; break;
	case LMTP_ADDRESS: p->lmtp = optarg; break;
	case POP3_ADDRESS: p->pop3 = optarg; break;
	case USER: p->user = optarg; break;
	case PASSWORD: p->password = optarg; break;
	case FIRST: p->first_user = (unsigned)number(optarg, 0, 1000000); break;
	case USERS: p->users = (unsigned)number(optarg, 1, 1000000); break;
	case CONNECTIONS: p->connections = (unsigned)number(optarg, 1, 10000); break;
	case RECIPIENTS: p->recipients = (unsigned)number(optarg, 1, 1000); break;
	case MAILBOX: p->mailbox = optarg; break;
	case TARGET: p->target = optarg; break;
	case COUNT: p->count = number(optarg, 0, 100000000); break;
	case SECONDS: p->seconds = strtod(optarg, NULL); break;
	case PATIENCE: p->patience = strtod(optarg, NULL); break;
	case PID: p->pid = (pid_t)number(optarg, 1, 1 << 30); break;
	case STAMP: p->stamp = optarg; break;
	case TLS: p->tls = strcmp(optarg, "resumed") == 0 ? TLS_RESUMED : TLS_FULL; break;
	case HELP: fputs(usage_text, stdout); exit(0);
	default: usage();
	}
}

/* Limits that were not given are the workload's own. */
static void
fill_in(struct params *p, const struct workload *w)
{
	static char stamp[32];

	if (p->count == UINT64_MAX)
		p->count = p->seconds > 0 ? 0 : w->count;
	if (p->seconds < 0)
		p->seconds = p->count > 0 ? 0 : w->seconds;
	if (p->stamp == NULL) {
		snprintf(stamp, sizeof stamp, "%jx%x", (uintmax_t)time(NULL),
		    (unsigned)getpid());
		p->stamp = stamp;
	}
}

static void
play(struct run *run, const struct workload *w)
{
	switch (w->kind) {
	case COMMANDS:
	case APPENDS:
	case FILL:
		play_commands(run, w);
		break;
	case LOGINS:
		play_logins(run, w);
		break;
	case DELIVERIES:
		play_deliveries(run, w);
		break;
	case NOTICES:
		play_notices(run, w);
		break;
	case IDLERS:
		play_idlers(run, w);
		break;
	case POP:
		play_pop(run, w);
		break;
	}
}

static void
print_text(const char *name, const char *text)
{
	printf(", \"%s\": \"", name);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		if ((unsigned char)*text >= ' ' && (unsigned char)*text < 127)
			putchar(*text);
	}
	putchar('"');
}

static void
print_figures(struct run *run, const struct workload *w)
{
	double seconds = run->ended - run->began, units = (double)run->units;

	printf(", \"ops\": %ju, \"units\": %ju, \"seconds\": %.6f, \"bytes\": %ju",
	    (uintmax_t)run->ops, (uintmax_t)run->units, seconds, (uintmax_t)run->bytes);
	printf(", \"per_second\": %.3f", seconds > 0 ? units / seconds : 0);
	printf(", \"median_ms\": %.4f, \"p99_ms\": %.4f",
	    1e3 * run_quantile(run, 0.5), 1e3 * run_quantile(run, 0.99));
	printf(", \"client_cpu\": %.4f", seconds > 0 ? run->client_cpu / seconds : 0);
	if (run->params->pid != 0)
		printf(", \"server_us\": %.3f", units > 0 ? 1e6 * run->server_cpu / units : 0);
	if (run->params->tls != TLS_NO)
		printf(", \"resumed\": %ju", (uintmax_t)run->resumed);
	if (w->unit == HITS)
		printf(", \"hits\": %ju", (uintmax_t)run->hits);
	if (run->pss_after > 0)
		printf(", \"processes\": %u, \"pss_kb\": %.1f, \"pss_before_kb\": %.1f",
		    run->processes, run->pss_after, run->pss_before);
}

static int
report(struct run *run, const struct workload *w)
{
	printf("{\"workload\": \"%s\", \"connections\": %u", w->name, run->params->connections);
	if (run->failure[0] != '\0')
		print_text("error", run->failure);
	else if (run->skipped != NULL)
		print_text("skipped", run->skipped);
	else
		print_figures(run, w);
	puts("}");
	return run->failure[0] != '\0' ? 1 : 0;
}

static int
list(void)
{
	for (unsigned i = 0; i < n_workloads; i++)
		printf("%-20s%s\n", workloads[i].name, workloads[i].about);
	return 0;
}

int
main(int argc, char **argv)
{
	struct params p = { .imap = "127.0.0.1:143", .lmtp = "127.0.0.1:24",
	    .user = "u####", .password = "secret", .mailbox = "INBOX",
	    .target = "large",
	    .connections = 1, .first_user = 1, .users = 100, .recipients = 1,
	    .count = UINT64_MAX, .seconds = -1, .patience = 60 };
	struct run run;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(option, &p);
	if (optind + 1 != argc)
		usage();
	if (strcmp(argv[optind], "list") == 0)
		return list();
	const struct workload *w = workload_find(argv[optind]);
	if (w == NULL)
		usage();
	fill_in(&p, w);
	run_init(&run, &p);
	play(&run, w);
	int status = report(&run, w);
	run_free(&run);
	return status;
}
