/*
 * names_kill.c - kill processes that change mailbox names, look at the rest
 *
 *	names_kill [-r ROUNDS] [-s SEED] DIR
 *
 * Workers create, rename, delete and move mailboxes, change rights and quotas
 * and append messages, each below a top of its own, as fast as they can; each
 * round one of them, or all, are killed at a random instant.  Each worker
 * writes into shared memory how its mailboxes are and how they will be after
 * what it is about to do.  What must hold after a kill and the next opening:
 *
 *  1. the worker's mailboxes are exactly as before or as after its last
 *     operation: names, ids, rights, partitions, messages;
 *  2. every mailbox's directory is found, has its id, and its header says what
 *     the list says;
 *  3. nothing is left to be done, and every quota root's sum is right;
 *  4. nobody meets an error.
 *
 * Prints one line of figures and exits with 0, or says what broke and exits
 * with 1.
 */
#include "imap/store/mbox/blob.h"
#include "imap/disk/header.h"
#include "imap/disk/index.h"
#include "imap/store/list/local.h"
#include "imap/store/list/mblist.h"
#include "imap/store/mbox/mbox.h"
#include "imap/store/list/quota.h"
#include "imap/store/upkeep/recover.h"
#include "imap/store/mbox/txn.h"
#include "imap/store/store.h"
#include "lib/buf.h"
#include "lib/log.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LIMITS(kb, count)	(&(struct quota_limits){ (kb), (count), -1, -1 })

enum {
	WORKERS = 3,
	LETTERS = 3,
	NAMES = LETTERS + LETTERS * LETTERS + LETTERS * LETTERS * LETTERS,
	ARENA = 16 << 20,
	OPEN_MS = 30000,
};

struct model {
	struct state {
		bool there;
		bool second;		/* on the second partition */
		int acl;
		uint32_t messages;
		struct id128 id;	/* zero: not known yet */
	} v[NAMES];
};

/* One worker's; in shared memory. */
struct board {
	struct model model[2];
	_Atomic int current;
	_Atomic int pending;		/* model[!current] may be the truth */
	_Atomic uint64_t operations;
	_Atomic int broken;
	_Atomic int is_open;		/* it has opened the store */
};

struct run {
	struct store_params params;
	struct store_partition part[2];
	struct board *board;
	pid_t pid[WORKERS];
	unsigned seed;
	int kills, rounds, happened;
};

/* --- names: "a", "a.b", "a.b.c" of three letters --- */

static void
letters_of(int i, char out[4])
{
	int level = i < LETTERS ? 1 : i < LETTERS + LETTERS * LETTERS ? 2 : 3;

	i -= level == 1 ? 0 : level == 2 ? LETTERS : LETTERS + LETTERS * LETTERS;
	out[level] = '\0';
	for (int k = level - 1; k >= 0; k--, i /= LETTERS)
		out[k] = (char)('a' + i % LETTERS);
}

static int
index_of(const char *letters)
{
	char other[4];

	for (int i = 0; i < NAMES; i++) {
		letters_of(i, other);
		if (strcmp(letters, other) == 0)
			return i;
	}
	return -1;
}

static struct str
name_of(int worker, int i, char out[32])
{
	char l[4];
	int n;

	letters_of(i, l);
	n = snprintf(out, 32, "user.w%d", worker);
	for (const char *p = l; *p != '\0'; p++)
		n += snprintf(out + n, 32 - (size_t)n, ".%c", *p);
	return str_c(out);
}

static bool
is_below(int i, int top)
{
	char a[4], b[4];

	letters_of(i, a);
	letters_of(top, b);
	return strncmp(a, b, strlen(b)) == 0;
}

/* What I becomes when FROM becomes TO; -1: too deep. */
static int
renamed(int i, int from, int to)
{
	char a[4], f[4], t[4], out[8];

	letters_of(i, a);
	letters_of(from, f);
	letters_of(to, t);
	snprintf(out, sizeof(out), "%s%s", t, a + strlen(f));
	return index_of(out);
}

/* --- a worker --- */

struct worker {
	int number;
	struct store *s;
	struct board *b;
	struct model *next;
};

static void
broken(struct worker *w, const char *what, enum err e)
{
	fprintf(stderr, "worker %d: %s: %s\n", w->number, what, err_text(e));
	w->b->broken = 1;
	_exit(1);
}

static void
begin(struct worker *w)
{
	w->b->pending = 1;
}

static void
end(struct worker *w, const char *what, enum err e)
{
	if (e != OK)
		broken(w, what, e);
	w->b->current = !w->b->current;
	w->b->pending = 0;
	w->b->operations++;
}

static void
acl_text(int n, char out[32])
{
	snprintf(out, 32, "u%d\tlr\t", n);
}

static void
do_create(struct worker *w, int i)
{
	char name[32], acl[32];
	struct mblist_create c = { .acl = acl };

	if (w->next->v[i].there)
		return;
	w->next->v[i] = (struct state){ .there = true, .acl = rand() % 100,
	    .second = rand() % 2 };
	acl_text(w->next->v[i].acl, acl);
	c.name = name_of(w->number, i, name);
	c.partition = w->next->v[i].second ? "second" : "default";
	begin(w);
	end(w, "create", mblist_create(w->s, &c));
}

static void
do_delete(struct worker *w, int i)
{
	bool tree = rand() % 2, any = false;
	char name[32];
	struct str n = name_of(w->number, i, name);

	for (int k = 0; k < NAMES; k++) {
		if (k == i || (tree && is_below(k, i))) {
			any |= w->next->v[k].there;
			memset(&w->next->v[k], 0, sizeof(w->next->v[k]));
		}
	}
	if (!any)
		return;
	begin(w);
	end(w, "delete", tree ? mblist_delete_tree(w->s, n, rand() % 2) :
	    mblist_delete(w->s, n, rand() % 2));
}

static void
do_rename(struct worker *w, int from, int to)
{
	struct model old = *w->next;
	char a[32], b[32];
	bool any = false;

	/* What is there is in the way, also of a name that is no mailbox itself. */
	if (is_below(to, from) || is_below(from, to) || old.v[to].there)
		return;
	for (int i = 0; i < NAMES; i++) {
		int k;

		if (!is_below(i, from) || !old.v[i].there)
			continue;
		k = renamed(i, from, to);
		if (k < 0 || old.v[k].there)
			return;
		w->next->v[k] = old.v[i];
		memset(&w->next->v[i], 0, sizeof(w->next->v[i]));
		any = true;
	}
	if (!any)
		return;
	name_of(w->number, from, a);
	name_of(w->number, to, b);
	begin(w);
	end(w, "rename", mblist_rename(w->s, str_c(a), str_c(b), NULL));
}

static void
do_acl(struct worker *w, int i)
{
	char name[32], acl[32];

	if (!w->next->v[i].there)
		return;
	w->next->v[i].acl = rand() % 100;
	acl_text(w->next->v[i].acl, acl);
	begin(w);
	end(w, "setacl", mblist_set_acl(w->s, name_of(w->number, i, name), str_c(acl)));
}

static void
do_partition(struct worker *w, int i)
{
	char name[32];
	struct str n = name_of(w->number, i, name);

	if (!w->next->v[i].there)
		return;
	w->next->v[i].second = !w->next->v[i].second;
	begin(w);
	end(w, "move", mblist_rename(w->s, n, n, w->next->v[i].second ? "second" : "default"));
}

static void
do_quota(struct worker *w, int i)
{
	char name[32];
	struct str n = name_of(w->number, i, name);
	enum err e = rand() % 2 ? quota_set(w->s, n, LIMITS(1000000, QUOTA_UNLIMITED)) :
	    quota_remove(w->s, n);

	if (e != OK && e != ERR_NOTFOUND)
		broken(w, "quota", e);
}

static void
append_to(struct worker *w, struct mbox *m)
{
	const struct append_params p = { .flags = 0 };
	struct txn *t = txn_begin(m);
	struct blob *b;
	enum err e = blob_new(w->s, NULL, &b);

	if (e == OK)
		e = blob_write(b, "Subject: x\r\n\r\nx\r\n", 17);
	if (e == OK)
		e = blob_finish(b);
	if (e != OK)
		broken(w, "blob", e);
	txn_append(t, b, &p);
	begin(w);
	end(w, "append", txn_commit(t));
	txn_abort(t);
	blob_free(b);
}

static void
do_append(struct worker *w, int i)
{
	struct arena *arena = arena_new(ARENA);
	struct mbentry *e;
	struct mbox *m = NULL;
	char name[32];
	enum err err;

	if (w->next->v[i].there) {
		w->next->v[i].messages++;
		err = mblist_lookup(w->s, arena, name_of(w->number, i, name), &e);
		if (err == OK)
			err = mbox_open(w->s, e, "w", 0, &m);
		if (err != OK)
			broken(w, "open", err);
		append_to(w, m);
		mbox_close(m);
	}
	arena_free(arena);
}

static void
work(struct run *r, int number)
{
	struct worker w = { .number = number, .b = &r->board[number] };
	enum err e;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	srand(r->seed + (unsigned)number * 7919u);
	e = store_open(&r->params, &w.s);
	if (e != OK)
		broken(&w, "store_open", e);
	w.b->is_open = 1;
	for (;;) {
		int i = rand() % NAMES;

		w.next = &w.b->model[!w.b->current];
		*w.next = w.b->model[w.b->current];
		switch (rand() % 8) {
		case 0: case 1: do_create(&w, i); break;
		case 2: do_delete(&w, i); break;
		case 3: do_rename(&w, i, rand() % NAMES); break;
		case 4: do_acl(&w, i); break;
		case 5: do_partition(&w, i); break;
		case 6: do_quota(&w, i); break;
		case 7: do_append(&w, i); break;
		}
	}
}

/* --- looking --- */

struct look {
	struct store *s;
	struct arena *arena;
	char why[400];
};

/* A commit that is in the log and not yet in the index is the next writer's to finish. */
static bool
finish_commits(struct look *l, const struct mbentry *e)
{
	struct index *ix;
	bool ok;
	int fd;

	if (mblist_open_dir(l->s, e, &fd) != OK || index_open(fd, e->name, &ix) != OK)
		return false;
	ok = mailbox_lock(l->s, store_partition_of(l->s, e->partition), ix, e) == OK;
	index_close(ix);
	return ok;
}

static bool
agrees(struct look *l, const struct mbentry *e, const struct state *st)
{
	struct mailbox_header h;
	struct mbox_status ms;
	struct mbox *m;
	char acl[32];
	bool ok;
	int fd;

	acl_text(st->acl, acl);
	if (strcmp(e->acl, acl) != 0 || (strcmp(e->partition, "second") == 0) != st->second) {
		snprintf(l->why, sizeof(l->why), "%s: acl %s, wanted %s; on %s", e->name, e->acl,
		    acl, e->partition);
		return false;
	}
	if (!finish_commits(l, e) || mblist_open_dir(l->s, e, &fd) != OK ||
	    mbox_open(l->s, e, "w", MBOX_PEEK, &m) != OK) {
		snprintf(l->why, sizeof(l->why), "%s: does not open", e->name);
		return false;
	}
	ok = header_read(fd, l->arena, &h) == OK && strcmp(h.name, e->name) == 0 &&
	    id128_eq(&h.id, &e->id) && strcmp(h.acl, e->acl) == 0 &&
	    (h.quotaroot == NULL) == (e->quotaroot == NULL) &&
	    (h.quotaroot == NULL || strcmp(h.quotaroot, e->quotaroot) == 0);
	close(fd);
	if (!ok)
		snprintf(l->why, sizeof(l->why), "%s: its header says something else", e->name);
	if (ok && (mbox_status(m, &ms) != OK || ms.exists != st->messages)) {
		snprintf(l->why, sizeof(l->why), "%s: %u messages, wanted %u", e->name,
		    ms.exists, st->messages);
		ok = false;
	}
	mbox_close(m);
	return ok;
}

/* Are the worker's mailboxes as M says?  Learns ids that it does not know. */
static bool
matches(struct look *l, int worker, struct model *m)
{
	struct model known = *m;
	struct mbentry *e;
	char name[32];

	for (int i = 0; i < NAMES; i++) {
		struct state *st = &known.v[i];
		enum err err = mblist_lookup(l->s, l->arena, name_of(worker, i, name), &e);
		const struct id128 none = { { 0 } };

		if ((err == OK) != st->there) {
			snprintf(l->why, sizeof(l->why), "%s: %s", name,
			    st->there ? err_text(err) : "should be gone");
			return false;
		}
		if (err != OK)
			continue;
		if (!agrees(l, e, st))
			return false;
		if (!id128_eq(&st->id, &none) && !id128_eq(&st->id, &e->id)) {
			snprintf(l->why, sizeof(l->why), "%s: is another mailbox", name);
			return false;
		}
		st->id = e->id;
	}
	*m = known;
	return true;
}

static bool
sum_is_right(void *ctx, const struct quota *q)
{
	struct look *l = ctx;
	uint64_t was, is;

	if (quota_recount(l->s, str_c(q->root), false, &was, &is) == OK && was == is)
		return true;
	snprintf(l->why, sizeof(l->why), "quota root %s: sum is not right", q->root);
	return false;
}

static bool
sums_are_right(struct look *l, int worker)
{
	char top[32];

	snprintf(top, sizeof(top), "user.w%d", worker);
	l->why[0] = '\0';
	return quota_walk(l->s, str_c(top), sum_is_right, l) == OK && l->why[0] == '\0';
}

static bool
count_pair(void *ctx, struct str key, struct str value)
{
	(void)value;
	((int *)ctx)[(unsigned char)key.p[0]]++;
	return true;
}

static bool
nothing_left(struct look *l)
{
	int n[256] = { 0 };

	if (kv_walk(l->s->mailboxes, STR(""), STR(""), count_pair, n) != OK)
		return false;
	if (n['P'] + n['M'] == 0 && n['N'] == n['I'] && n['N'] == n['D'])
		return true;
	snprintf(l->why, sizeof(l->why), "list: %d pending, %d moves, %d names, %d ids, "
	    "%d directories", n['P'], n['M'], n['N'], n['I'], n['D']);
	return false;
}

static bool
look_at(struct run *r, struct look *l, int worker)
{
	struct board *b = &r->board[worker];
	int now = b->current;
	char why[sizeof(l->why)];

	if (matches(l, worker, &b->model[now])) {
		b->pending = 0;
		return true;
	}
	snprintf(why, sizeof(why), "%s", l->why);
	if (b->pending && matches(l, worker, &b->model[!now])) {
		b->current = !now;
		b->pending = 0;
		r->happened++;
		return true;
	}
	fprintf(stderr, "before: %s\nafter: %s\n", why, b->pending ? l->why : "nothing was going on");
	return false;
}

/* DEAD: a bit for each worker that was killed. */
static bool
look(struct run *r, unsigned dead)
{
	struct look l = { .arena = arena_new(ARENA) };
	bool ok;

	if (store_open(&r->params, &l.s) != OK || mblist_recover(l.s) != OK) {
		fprintf(stderr, "the store does not open\n");
		return false;
	}
	ok = true;
	for (int i = 0; ok && i < WORKERS; i++)
		ok = !(dead & 1u << i) || (look_at(r, &l, i) && sums_are_right(&l, i));
	if (ok && dead == (1u << WORKERS) - 1)
		ok = nothing_left(&l);
	if (!ok)
		fprintf(stderr, "%s\n", l.why);
	store_close(l.s);
	arena_free(l.arena);
	return ok;
}

/* --- killing --- */

static void
start(struct run *r, int i)
{
	fflush(NULL);
	r->seed = (unsigned)rand();
	r->board[i].is_open = 0;
	r->pid[i] = fork();
	if (r->pid[i] == 0) {
		work(r, i);
		_exit(0);
	}
}

/* On a busy machine a worker would never come to do anything. */
static void
wait_for(struct run *r, unsigned dead)
{
	for (int i = 0; i < WORKERS; i++)
		for (int ms = 0; dead & 1u << i && !r->board[i].is_open && ms < OPEN_MS; ms++)
			usleep(1000);
}

static bool
round_once(struct run *r)
{
	unsigned dead = rand() % 2 ? (1u << WORKERS) - 1 : 1u << rand() % WORKERS;
	int status;

	/* Some are to be met while they open the store, and mend it. */
	if (rand() % 4 != 0)
		wait_for(r, dead);
	usleep((useconds_t)(rand() % 60000));
	for (int i = 0; i < WORKERS; i++)
		if (dead & 1u << i)
			kill(r->pid[i], SIGKILL);
	for (int i = 0; i < WORKERS; i++) {
		if (!(dead & 1u << i))
			continue;
		waitpid(r->pid[i], &status, 0);
		r->kills++;
		if (r->board[i].broken || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
			fprintf(stderr, "worker %d has ended by itself\n", i);
			return false;
		}
	}
	if (!look(r, dead))
		return false;
	for (int i = 0; i < WORKERS; i++)
		if (dead & 1u << i)
			start(r, i);
	return true;
}

static void
prepare(struct run *r, const char *dir, struct buf paths[3])
{
	static const char *const names[] = { "config", "spool", "spool2" };

	for (int i = 0; i < 3; i++) {
		buf_init(&paths[i]);
		buf_printf(&paths[i], "%s/%s", dir, names[i]);
	}
	if (mkdir(dir, 0700) != 0 || mkdir(paths[1].p, 0700) != 0 ||
	    mkdir(paths[2].p, 0700) != 0)
		log_fatal(75, "%s: cannot be made", dir);
	r->part[0] = (struct store_partition){ "default", paths[1].p };
	r->part[1] = (struct store_partition){ "second", paths[2].p };
	r->params = (struct store_params){
		.config_dir = paths[0].p, .partitions = r->part, .partition_count = 2,
		.default_partition = "default", .expunge_delayed = true,
		.delete_delayed = true, .deleted_prefix = "DELETED",
		.default_acl = "anyone\tlrs\t",
	};
	r->board = mmap(NULL, WORKERS * sizeof(*r->board), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ensure(r->board != MAP_FAILED);
}

int
main(int argc, char **argv)
{
	unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();
	struct run r = { .rounds = 200 };
	uint64_t operations = 0;
	struct buf paths[3];
	bool ok = true;
	int c, done = 0;

	while ((c = getopt(argc, argv, "r:s:")) != -1) {
		if (c == 'r')
			r.rounds = (int)strtol(optarg, NULL, 10);
		else if (c == 's')
			seed = (unsigned)strtoul(optarg, NULL, 10);
		else
			return 64;
	}
	if (optind != argc - 1)
		return 64;
	log_level(LOG_ERR);
	srand(seed);
	prepare(&r, argv[optind], paths);
	for (int i = 0; i < WORKERS; i++)
		start(&r, i);
	while (ok && done < r.rounds) {
		ok = round_once(&r);
		done += ok;
	}
	for (int i = 0; i < WORKERS; i++) {
		kill(r.pid[i], SIGKILL);
		waitpid(r.pid[i], NULL, 0);
		operations += r.board[i].operations;
	}
	printf("%d rounds, %d kills, %d of them after the fact, %llu operations, seed %u\n",
	    done, r.kills, r.happened, (unsigned long long)operations, seed);
	for (int i = 0; i < 3; i++)
		buf_free(&paths[i]);
	return ok ? 0 : 1;
}
