/*
 * kv_powercut.c - cut the power while a database is written
 *
 *	kv_powercut [-n CUTS] [-t] [-s SEED] DIR
 *
 * One process commits with KV_DURABLE.  Berkeley DB's system calls are ours:
 * they keep for each file what is on the disk for certain and what was written
 * since, and now and then, before they do what they are asked, make the
 * directory that might be found after a power cut at this instant: of each
 * block, any of the states that it has had since the last flush.  A block has
 * 4096 bytes, which is what most disks write as one, or 512 with -t.
 *
 * In each of these directories the database must open and hold what had been
 * acknowledged, and of the transaction under way all or nothing.  With -t a
 * page may be torn: then it may also say that it is damaged, but never show
 * anything wrong.
 *
 * A file that was cut short may have its old length again, and then nothing
 * of what was written past that later.
 *
 * What is not played: directory entries get lost only with files that have
 * never been flushed.  The regions are there or not, as they are at the
 * instant.
 */
#include "lib/buf.h"
#include "lib/kv.h"
#include "lib/log.h"

#include <db.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

enum {
	FILES_MAX = 400,
	ROWS = 40,
	VALUE = 3000,
	TORN_SECTOR = 512,
	BLOCK = 4096,
};

struct change {
	size_t off, n;
	char *bytes;			/* NULL: cut off at OFF */
};

struct file {
	char name[64];
	struct buf disk;		/* there for certain */
	struct change *changes;		/* since the last flush */
	size_t n_changes;
	bool was_flushed, is_removed;
};

static struct {
	char dir[PATH_MAX], after[PATH_MAX];
	bool is_on;			/* false in the child that looks */
	struct file files[FILES_MAX];
	int n_files;
	size_t block;
	int cuts, wanted, damaged;
	uint64_t acked;
} cut;

static void look_after_cut(void);

static void *
must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

/* --- what is on the disk --- */

/* Regions and our state page are mapped: no write tells of them. */
static bool
is_mapped(const char *name)
{
	return (strncmp(name, "__db.0", 6) == 0 && strlen(name) == 8)
	    || strncmp(name, "kv.room.", 8) == 0
	    || strcmp(name, "kv.state") == 0;
}

/* A mark without content; its directory is flushed when it comes and goes. */
static bool
is_mark(const char *name)
{
	return strncmp(name, "kv.new", 6) == 0;
}

static struct file *
file_named(const char *path)
{
	size_t n = strlen(cut.dir);
	const char *name = path + n + 1;

	if (!cut.is_on || strncmp(path, cut.dir, n) != 0 || path[n] != '/' || is_mapped(name)
	    || is_mark(name))
		return NULL;
	for (int i = 0; i < cut.n_files; i++)
		if (strcmp(cut.files[i].name, name) == 0)
			return &cut.files[i];
	if (cut.n_files == FILES_MAX)
		abort();
	struct file *f = &cut.files[cut.n_files++];
	*f = (struct file){ .disk = BUF_INIT };
	snprintf(f->name, sizeof(f->name), "%s", name);
	return f;
}

static struct file *
file_of(int fd)
{
	char link[64], path[PATH_MAX];

	if (!cut.is_on)
		return NULL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return NULL;
	path[n] = '\0';
	return file_named(path);
}

static void
put_at(struct buf *b, size_t off, const char *p, size_t n)
{
	if (b->n < off + n) {
		memset(buf_reserve(b, off + n - b->n), 0, off + n - b->n);
		b->n = off + n;
	}
	memcpy(b->p + off, p, n);
}

static void
note_change(struct file *f, struct change c)
{
	f->is_removed = false;
	f->changes = must(realloc(f->changes, (f->n_changes + 1) * sizeof(c)));
	f->changes[f->n_changes++] = c;
}

static void
note_write(struct file *f, const void *p, size_t n, off_t off)
{
	char *copy = must(malloc(n + 1));

	memcpy(copy, p, n);
	note_change(f, (struct change){ .off = (size_t)off, .n = n, .bytes = copy });
}

static void
cut_off(struct buf *b, size_t n)
{
	if (b->n > n)
		buf_truncate(b, n);
}

static void
note_flush(struct file *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->n_changes; i++) {
		const struct change *c = &f->changes[i];
		if (c->bytes == NULL)
			cut_off(&f->disk, c->off);
		else
			put_at(&f->disk, c->off, c->bytes, c->n);
		free(c->bytes);
	}
	f->n_changes = 0;
	f->was_flushed = true;
}

/* --- the system calls --- */

static ssize_t
cut_write(int fd, const void *p, size_t n)
{
	struct file *f = file_of(fd);

	if (f != NULL) {
		look_after_cut();
		note_write(f, p, n, lseek(fd, 0, SEEK_CUR));
	}
	return write(fd, p, n);
}

static ssize_t
cut_pwrite(int fd, const void *p, size_t n, off_t off)
{
	struct file *f = file_of(fd);

	if (f != NULL) {
		look_after_cut();
		note_write(f, p, n, off);
	}
	return pwrite(fd, p, n, off);
}

static int
cut_ftruncate(int fd, off_t n)
{
	struct file *f = file_of(fd);

	if (f != NULL) {
		look_after_cut();
		note_change(f, (struct change){ .off = (size_t)n });
	}
	return ftruncate(fd, n);
}

/* Nothing is really flushed: this machine keeps its power. */
static int
cut_fsync(int fd)
{
	struct file *f = file_of(fd);

	if (f != NULL) {
		look_after_cut();
		note_flush(f);
		look_after_cut();
	}
	return 0;
}

static int
cut_unlink(const char *path)
{
	struct file *f = file_named(path);

	if (f != NULL) {
		look_after_cut();
		f->is_removed = true;
	}
	return unlink(path);
}

/* Berkeley DB makes a new file under another name. */
static int
cut_rename(const char *from, const char *to)
{
	struct file *f = file_named(from), *over = file_named(to);

	if (f != NULL && over != NULL) {
		look_after_cut();
		snprintf(over->name, sizeof(over->name), "%s", "(replaced)");
		over->is_removed = true;
		snprintf(f->name, sizeof(f->name), "%s", strrchr(to, '/') + 1);
	}
	return rename(from, to);
}

/* --- what is found afterwards --- */

static void
save(const char *name, struct str bytes)
{
	char path[PATH_MAX + 80];

	snprintf(path, sizeof(path), "%s/%s", cut.after, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, bytes.p, bytes.n) != (ssize_t)bytes.n) {
		perror(path);
		exit(71);
	}
	close(fd);
}

/* How many of F's changes have reached block NUMBER: the same each time. */
static size_t
changes_kept(const struct file *f, unsigned seed, size_t number)
{
	unsigned h = (seed ^ (unsigned)number * 2654435761U) * 2246822519U;

	h ^= h >> 15;
	if (seed % 4 == 0)
		return 0;
	if (seed % 4 == 1)
		return f->n_changes;
	return h % (f->n_changes + 1);
}

/* Those blocks of change number I, before END, that reach the disk. */
static void
save_write(struct buf *b, const struct file *f, size_t i, unsigned seed, size_t end)
{
	const struct change *c = &f->changes[i];

	for (size_t at = c->off, n; at < c->off + c->n && at < end; at += n) {
		n = cut.block - at % cut.block;
		if (n > c->off + c->n - at)
			n = c->off + c->n - at;
		if (i < changes_kept(f, seed, at / cut.block))
			put_at(b, at, c->bytes + (at - c->off), n);
	}
}

static void
save_file(const struct file *f)
{
	struct buf b = BUF_INIT;
	unsigned seed = (unsigned)rand();

	if (f->is_removed && (rand() % 3 != 0 || *f->name == '('))
		return;
	if (!f->was_flushed && rand() % 2 == 0)
		return;
	buf_add_str(&b, buf_str(&f->disk));
	size_t end = SIZE_MAX;		/* the file cannot grow past it again */
	for (size_t i = 0; i < f->n_changes; i++) {
		const struct change *c = &f->changes[i];
		bool is_kept = i < changes_kept(f, seed, SIZE_MAX);
		if (c->bytes != NULL)
			save_write(&b, f, i, seed, end);
		else if (is_kept)
			cut_off(&b, c->off);
		else if (c->off < end)
			end = c->off;
	}
	save(f->name, buf_str(&b));
	buf_free(&b);
}

static void
save_mapped(void)
{
	DIR *d = opendir(cut.dir);
	static char bytes[8 << 20];

	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		char path[PATH_MAX + 300];
		if (!is_mark(e->d_name)
		    && (!is_mapped(e->d_name) || rand() % 3 == 0))
			continue;
		snprintf(path, sizeof(path), "%s/%s", cut.dir, e->d_name);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
		if (n >= 0)
			save(e->d_name, (struct str){ bytes, (size_t)n });
		if (fd >= 0)
			close(fd);
	}
	if (d != NULL)
		closedir(d);
}

static void
clear_after(void)
{
	DIR *d = opendir(cut.after);

	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
}

static uint64_t
number_at(struct kv *kv, const char *key)
{
	struct buf b = BUF_INIT;
	uint64_t n = 0;

	enum err e = kv_get(kv, str_c(key), &b);
	if (e == OK)
		n = strtoull(b.p, NULL, 10);
	else if (e != ERR_NOTFOUND)
		n = UINT64_MAX;
	buf_free(&b);
	return n;
}

/* Rows hold the last numbers, each in its place, and nothing later. */
static bool
rows_fit(struct kv *kv, uint64_t n)
{
	for (uint64_t i = n >= ROWS ? n - ROWS + 1 : 1; i <= n; i++) {
		char row[32];
		snprintf(row, sizeof(row), "row.%02d", (int)(i % ROWS));
		if (number_at(kv, row) != i)
			return false;
	}
	return true;
}

static void write_next(struct kv *kv, uint64_t n);

/* In a child: 0 all is well, 1 damaged, 2 wrong. */
static int
look(void)
{
	struct kv *kv;

	cut.is_on = false;
	log_level(LOG_EMERG);
	enum err e = kv_open(cut.after, "cut.db", KV_CREATE, &kv);
	if (e == ERR_CORRUPT)
		return 1;
	if (e != OK)
		return 2;
	uint64_t n = number_at(kv, "number");
	if (n == UINT64_MAX)
		return 1;
	if (n < cut.acked || n > cut.acked + 1 || !rows_fit(kv, n)) {
		fprintf(stderr, "acknowledged %llu, found %llu\n",
		    (unsigned long long)cut.acked, (unsigned long long)n);
		return 2;
	}
	write_next(kv, n + 1);
	kv_close(kv);
	if (kv_open(cut.after, "cut.db", 0, &kv) != OK || !rows_fit(kv, n + 1))
		return 2;
	kv_close(kv);
	return 0;
}

static void
look_after_cut(void)
{
	int status;

	if (cut.cuts == cut.wanted || rand() % 8 != 0)
		return;
	cut.cuts++;
	clear_after();
	for (int i = 0; i < cut.n_files; i++)
		save_file(&cut.files[i]);
	save_mapped();
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(look());
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	cut.damaged++;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 1 && cut.block == TORN_SECTOR)
		return;
	fprintf(stderr, "kv_powercut: cut %d (%llu acknowledged): %s; see %s\n", cut.cuts,
	    (unsigned long long)cut.acked, WIFEXITED(status) && WEXITSTATUS(status) == 1
	    ? "damaged" : "wrong", cut.after);
	_exit(1);
}

/* --- the work --- */

static void
put_number(struct kv_txn *txn, const char *key, uint64_t n, size_t more)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%llu ", (unsigned long long)n);
	memset(buf_reserve(&b, more), 'x', more);
	b.n += more;
	if (kv_put(txn, str_c(key), buf_str(&b)) != OK)
		_exit(2);
	buf_free(&b);
}

static void
write_next(struct kv *kv, uint64_t n)
{
	struct kv_txn *txn;
	char row[32];

	if (kv_begin(kv, &txn) != OK)
		_exit(2);
	snprintf(row, sizeof(row), "row.%02d", (int)(n % ROWS));
	put_number(txn, row, n, (size_t)(rand() % VALUE));
	put_number(txn, "number", n, 0);
	if (kv_commit(txn) != OK)
		_exit(2);
}

static void
work(void)
{
	struct kv *kv;
	uint64_t n = 0;

	if (kv_open(cut.dir, "cut.db", KV_CREATE | KV_DURABLE, &kv) != OK)
		_exit(2);
	while (cut.cuts < cut.wanted) {
		write_next(kv, ++n);
		cut.acked = n;
		if (n % 23 == 0 && kv_checkpoint(kv) != OK)
			_exit(2);
		if (n % 37 == 0) {
			kv_close(kv);
			if (kv_open(cut.dir, "cut.db", KV_DURABLE, &kv) != OK)
				_exit(2);
		}
	}
	kv_close(kv);
}

int
main(int argc, char **argv)
{
	unsigned seed = 1;
	int opt;

	cut.wanted = 300;
	cut.block = BLOCK;
	while ((opt = getopt(argc, argv, "n:ts:")) != -1) {
		if (opt == 'n')
			cut.wanted = (int)strtol(optarg, NULL, 10);
		else if (opt == 't')
			cut.block = TORN_SECTOR;
		else if (opt == 's')
			seed = (unsigned)strtoul(optarg, NULL, 10);
		else
			optind = argc;
	}
	if (optind != argc - 1) {
		fprintf(stderr, "usage: kv_powercut [-n cuts] [-t] [-s seed] directory\n");
		return 64;
	}
	char *top = realpath(argv[optind], NULL);
	if (top == NULL || snprintf(cut.dir, sizeof(cut.dir), "%s/db", top) <= 0
	    || snprintf(cut.after, sizeof(cut.after), "%s/after", top) <= 0
	    || mkdir(cut.after, 0700) != 0) {
		perror(argv[optind]);
		return 71;
	}
	free(top);
	log_open("kv_powercut", "stderr", 0);
	log_level(LOG_WARNING);
	srand(seed);
	db_env_set_func_write(cut_write);
	db_env_set_func_pwrite(cut_pwrite);
	db_env_set_func_ftruncate(cut_ftruncate);
	db_env_set_func_fsync(cut_fsync);
	db_env_set_func_rename(cut_rename);
	db_env_set_func_unlink(cut_unlink);
	cut.is_on = true;
	work();
	printf("kv_powercut: %d cuts, %d damaged, %llu commits\n", cut.cuts, cut.damaged,
	    (unsigned long long)cut.acked);
	return 0;
}
