/*
 * kv_kill.c - kill processes that use a database, look at the others
 *
 *	kv_kill [-r ROUNDS] [-t SECONDS] [-m RECOVERIES] [-w WAIT_MS] [-s SEED] DIR
 *
 * Writers and readers work on one database in DIR as fast as they can; each
 * round some of them, now and then all, are killed at a random instant and
 * replaced.  What must hold:
 *
 *  1. after the kill every survivor and every new one gets ahead within
 *     WAIT_MS;
 *  2. a commit that a writer has acknowledged (through a pipe, after
 *     kv_commit() returned) is there;
 *  3. a transaction is there as a whole or not at all: each adds one to its
 *     writer's number and to the sum of all, and writes a row;
 *  4. nobody meets an error.
 *
 * Ends after ROUNDS, SECONDS or RECOVERIES, whichever comes first: a busy
 * machine needs more time for as many kills that met somebody inside.  Prints
 * one line of figures and exits with 0, or says what broke and exits with 1.
 */
#include "lib/buf.h"
#include "lib/kv.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum {
	WRITERS = 3,
	READERS = 3,
	WORKERS = WRITERS + READERS,
	ROWS = 50,		/* of each writer */
	VALUE = 300,		/* bytes that follow a row's number */
};

/* What the workers and we share, besides the database. */
struct board {
	_Atomic uint64_t progress[WORKERS];
	_Atomic int broken;
};

struct ack {
	uint32_t writer;
	uint32_t pad;
	uint64_t number;
};

struct run {
	const char *dir;
	struct board *board;
	int ack_out, ack_in;		/* a pipe */
	pid_t pids[WORKERS];
	uint64_t acked[WRITERS];
	struct kv *kv;
	int wait_ms;
	int kills, recoveries;
	int64_t longest_ms;
};

static void __attribute__((noreturn, format(printf, 2, 3)))
broken(struct run *r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fprintf(stderr, "kv_kill: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	atomic_store(&r->board->broken, 1);
	exit(1);
}

static void
must(struct run *r, enum err e, const char *what)
{
	if (e != OK)
		broken(r, "%s: %s", what, err_text(e));
}

static int64_t
now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The number a value starts with; 0 if there is none yet. */
static uint64_t
number_in(struct run *r, struct kv_txn *txn, const char *key)
{
	struct buf b = BUF_INIT;
	uint64_t n = 0;

	enum err e = kv_txn_get(txn, str_c(key), &b);
	if (e != ERR_NOTFOUND) {
		must(r, e, "kv_txn_get");
		n = strtoull(b.p, NULL, 10);
	}
	buf_free(&b);
	return n;
}

static void
put_number(struct run *r, struct kv_txn *txn, const char *key, uint64_t n, size_t more)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%llu ", (unsigned long long)n);
	memset(buf_reserve(&b, more), 'x', more);
	b.n += more;
	must(r, kv_put(txn, str_c(key), buf_str(&b)), "kv_put");
	buf_free(&b);
}

static void
name_number(char key[32], int writer)
{
	snprintf(key, 32, "number.%d", writer);
}

static void
name_row(char key[32], int writer, uint64_t n)
{
	snprintf(key, 32, "row.%d.%02d", writer, (int)(n % ROWS));
}

/* One transaction of a writer, sometimes taken back. */
static void
write_once(struct run *r, struct kv *kv, int writer)
{
	char number[32], row[32];
	struct kv_txn *txn;

	must(r, kv_begin(kv, &txn), "kv_begin");
	name_number(number, writer);
	uint64_t n = number_in(r, txn, number) + 1;
	name_row(row, writer, n);
	put_number(r, txn, "sum", number_in(r, txn, "sum") + 1, 0);
	put_number(r, txn, row, n, (size_t)(rand() % VALUE));
	put_number(r, txn, number, n, 0);
	if (rand() % 8 == 0) {
		kv_abort(txn);
		return;
	}
	must(r, kv_commit(txn), "kv_commit");
	struct ack a = { .writer = (uint32_t)writer, .number = n };
	if (write(r->ack_out, &a, sizeof(a)) != sizeof(a))
		broken(r, "acknowledge: %s", strerror(errno));
}

static bool
look(void *ctx, struct str key, struct str value)
{
	(void)key;
	*(size_t *)ctx += value.n;
	return true;
}

static void
read_once(struct run *r, struct kv *kv)
{
	char row[32];
	size_t sum = 0;

	if (rand() % 10 == 0) {
		must(r, kv_walk(kv, STR("row."), STR(""), look, &sum), "kv_walk");
		return;
	}
	name_row(row, rand() % WRITERS, (uint64_t)rand());
	enum err e = kv_get(kv, str_c(row), NULL);
	if (e != ERR_NOTFOUND)
		must(r, e, "kv_get");
}

static void __attribute__((noreturn))
work(struct run *r, int slot)
{
	struct kv *kv = NULL;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	srand((unsigned)getpid() * 7919 + (unsigned)slot);
	must(r, kv_open(r->dir, "kill.db", KV_CREATE, &kv), "kv_open");
	for (;;) {
		if (slot < WRITERS)
			write_once(r, kv, slot);
		else
			read_once(r, kv);
		atomic_fetch_add(&r->board->progress[slot], 1);
		if (rand() % 500 == 0)
			must(r, kv_checkpoint(kv), "kv_checkpoint");
		if (rand() % 200 == 0) {
			kv_close(kv);
			must(r, kv_open(r->dir, "kill.db", 0, &kv), "kv_open again");
		}
	}
}

static void
start(struct run *r, int slot)
{
	pid_t pid = fork();
	if (pid < 0)
		broken(r, "fork: %s", strerror(errno));
	if (pid == 0)
		work(r, slot);
	r->pids[slot] = pid;
}

static void
drain(struct run *r)
{
	struct ack a;
	ssize_t n;

	while ((n = read(r->ack_in, &a, sizeof(a))) == sizeof(a))
		if (a.number > r->acked[a.writer])
			r->acked[a.writer] = a.number;
	if (n >= 0 || errno != EAGAIN)
		broken(r, "the pipe of acknowledgements broke");
}

/* Until all have got ahead of where they are now. */
static void
await_progress(struct run *r)
{
	uint64_t before[WORKERS];
	int64_t begin = now_ms();

	for (int i = 0; i < WORKERS; i++)
		before[i] = atomic_load(&r->board->progress[i]);
	for (int i = 0; i < WORKERS;) {
		struct timespec pause = { .tv_nsec = 200000 };
		if (atomic_load(&r->board->broken))
			broken(r, "a worker has failed");
		if (atomic_load(&r->board->progress[i]) != before[i]) {
			i++;
			continue;
		}
		drain(r);
		nanosleep(&pause, NULL);
		if (now_ms() - begin > r->wait_ms)
			broken(r, "%s %d does not get ahead for %d ms",
			    i < WRITERS ? "writer" : "reader", i, r->wait_ms);
	}
	if (now_ms() - begin > r->longest_ms)
		r->longest_ms = now_ms() - begin;
}

/* Promises 2 and 3. */
static void
check(struct run *r)
{
	struct kv_txn *txn;
	uint64_t sum = 0;

	drain(r);
	must(r, kv_begin(r->kv, &txn), "kv_begin");
	for (int i = 0; i < WRITERS; i++) {
		char key[32];
		name_number(key, i);
		uint64_t n = number_in(r, txn, key);
		sum += n;
		if (n < r->acked[i])
			broken(r, "writer %d: %llu is lost, %llu is there", i,
			    (unsigned long long)r->acked[i], (unsigned long long)n);
		name_row(key, i, n);
		if (n > 0 && number_in(r, txn, key) != n)
			broken(r, "writer %d: half of %llu is there", i, (unsigned long long)n);
	}
	if (number_in(r, txn, "sum") != sum)
		broken(r, "the sum is not that of the parts");
	kv_abort(txn);
}

static void
kill_one(struct run *r, int slot)
{
	int status;

	kill(r->pids[slot], SIGKILL);
	if (waitpid(r->pids[slot], &status, 0) != r->pids[slot]
	    || !WIFSIGNALED(status))
		broken(r, "worker %d ended by itself", slot);
	r->kills++;
}

static void
kill_some(struct run *r)
{
	struct timespec pause = { .tv_nsec = rand() % 8000000 };
	bool dead[WORKERS] = { false };
	int n = rand() % 10 == 0 ? WORKERS : 1 + rand() % 3;

	nanosleep(&pause, NULL);
	for (int i = 0; i < n; i++) {
		int slot = n == WORKERS ? i : rand() % WORKERS;
		if (!dead[slot])
			kill_one(r, slot);
		dead[slot] = true;
	}
	/* Now and then we too are not there, so that somebody is the first. */
	if (n == WORKERS) {
		kv_close(r->kv);
		must(r, kv_open(r->dir, "kill.db", 0, &r->kv), "kv_open");
	}
	for (int i = 0; i < WORKERS; i++)
		if (dead[i])
			start(r, i);
}

/* The second number in kv.state: see lib/kv_state.h. */
static uint64_t
epoch(struct run *r)
{
	struct buf path = BUF_INIT;
	uint64_t n = 0;

	buf_printf(&path, "%s/kv.state", r->dir);
	int fd = open(path.p, O_RDONLY | O_CLOEXEC);
	buf_free(&path);
	if (fd < 0 || pread(fd, &n, sizeof(n), 8) != sizeof(n))
		broken(r, "kv.state: %s", strerror(errno));
	close(fd);
	return n;
}

static void
prepare(struct run *r)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
		exit(71);
	r->ack_in = ends[0];
	r->ack_out = ends[1];
	r->board = mmap(NULL, sizeof(*r->board), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r->board == MAP_FAILED)
		exit(71);
}

static int
run_rounds(struct run *r, int rounds, int seconds, uint64_t recoveries)
{
	int64_t end = now_ms() + seconds * INT64_C(1000);
	uint64_t commits = 0;
	int n = 0;

	must(r, kv_open(r->dir, "kill.db", KV_CREATE, &r->kv), "kv_open");
	for (int i = 0; i < WORKERS; i++)
		start(r, i);
	await_progress(r);
	uint64_t first = epoch(r);
	for (; n < rounds && now_ms() < end && epoch(r) - first < recoveries; n++) {
		kill_some(r);
		await_progress(r);
		check(r);
	}
	for (int i = 0; i < WORKERS; i++)
		kill_one(r, i);
	check(r);
	for (int i = 0; i < WRITERS; i++)
		commits += r->acked[i];
	printf("kv_kill: %d rounds, %d kills, %llu recoveries, %llu commits, "
	    "longest wait %lld ms\n", n, r->kills,
	    (unsigned long long)(epoch(r) - first), (unsigned long long)commits,
	    (long long)r->longest_ms);
	kv_close(r->kv);
	return 0;
}

int
main(int argc, char **argv)
{
	struct run r = { .wait_ms = 2000 };
	int opt, rounds = 300, seconds = 3600;
	uint64_t recoveries = UINT64_MAX;
	unsigned seed = (unsigned)time(NULL);

	while ((opt = getopt(argc, argv, "r:t:m:w:s:")) != -1) {
		if (opt == 'r')
			rounds = (int)strtol(optarg, NULL, 10);
		else if (opt == 't')
			seconds = (int)strtol(optarg, NULL, 10);
		else if (opt == 'm')
			recoveries = strtoull(optarg, NULL, 10);
		else if (opt == 'w')
			r.wait_ms = (int)strtol(optarg, NULL, 10);
		else if (opt == 's')
			seed = (unsigned)strtoul(optarg, NULL, 10);
		else
			optind = argc;
	}
	if (optind != argc - 1) {
		fprintf(stderr, "usage: kv_kill [-r rounds] [-t seconds] [-m recoveries] "
		    "[-w wait_ms] [-s seed] directory\n");
		return 64;
	}
	r.dir = argv[optind];
	log_open("kv_kill", "stderr", 0);
	log_level(LOG_WARNING);
	srand(seed);
	prepare(&r);
	return run_rounds(&r, rounds, seconds, recoveries);
}
