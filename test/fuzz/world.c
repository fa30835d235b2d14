/*
 * world.c - a server without network around sessions that are fuzzed
 *
 * The tree as it was after the setup is kept in memory, without the zeros at
 * a file's end (a segment of the log is 8 MB of them).  It is put back with
 * the store closed, so that each input begins with the recovery of a cold
 * store.  Times do not tell which files have changed: what is written
 * through a mapping does not move them here, and they are too coarse.
 */
#include "test/fuzz/world.h"

#include "imap/server/setup.h"
#include "lib/arena.h"
#include "lib/log.h"
#include "test/fuzz/kv_mem.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

struct saved {
	char *path;
	size_t length;			/* of path */
	bool is_dir, seen;
	mode_t mode;
	off_t size;
	struct buf bytes;
};

enum {
	SAVED_MAX = 256,
	SMALL = 64 * 1024,
	INPUT_SECONDS = 4,		/* with sanitizers, that make all slower */
};

static char dir[64];
static struct conf *conf[WORLD_STYLES];
static struct arena *arena;
static struct store_params params[WORLD_STYLES];
static struct notify *notify;
static struct server server[WORLD_SERVERS];
static struct saved saved[SAVED_MAX];
static size_t saved_n;
static double began;			/* the input at hand; 0: none yet */

static const char *const styles[WORLD_STYLES] = {
	"",
	"altnamespace: yes\nunixhierarchysep: yes\nexpunge_mode: immediate\n"
	"delete_mode: immediate\nreject8bit: yes\nautocreate_quota: 100\n"
	"autocreate_inbox_folders: Sent|Trash\nautocreate_subscribe_folders: Sent\n"
	"popuseimapflags: yes\npopuseacl: yes\nuidl_format: dovecot\n",
};

/* --- what a session asks of its process --- */

/* It is open: world_open() does that. */
enum err
server_open_store(struct server *s)
{
	return s->store != NULL ? OK : ERR_IO;
}

void
server_status(struct server *s, const struct client *c, const char *user,
    const char *mailbox)
{
	(void)s, (void)c, (void)user, (void)mailbox;
}

void
server_telemetry(struct server *s, struct client *c, const char *userid)
{
	(void)s, (void)c, (void)userid;
}

bool
server_shutdown_notice(struct server *s, struct buf *text)
{
	(void)s, (void)text;
	return false;
}

/* Nobody is handed over here. */
void
server_will_give_back(const struct server *s, const struct client *c, const char *language)
{
	(void)s, (void)c, (void)language;
	abort();
}

void
server_give_back(struct server *s, struct client *c, const char *language)
{
	(void)s;
	(void)c;
	(void)language;
	abort();
}

bool
server_motd(struct server *s, struct buf *text)
{
	(void)s, (void)text;
	return false;
}

struct server *
world_server(int i)
{
	return &server[i];
}

struct client
world_client(struct stream *s)
{
	return (struct client){ .stream = s, .host = "fuzz", .is_local = true };
}

/* --- the tree --- */

static void
read_whole(struct saved *f)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	ensure(fd >= 0);
	while ((n = read(fd, buf_reserve(&f->bytes, 1 << 20), 1 << 20)) > 0)
		f->bytes.n += (size_t)n;
	close(fd);
	while (f->bytes.n > 0 && f->bytes.p[f->bytes.n - 1] == '\0')
		f->bytes.n--;
}

static int
save(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	struct saved *f = &saved[saved_n++];

	(void)ftw;
	ensure(saved_n < SAVED_MAX && (kind == FTW_D || kind == FTW_F));
	*f = (struct saved){
		.path = strdup(path), .length = strlen(path), .is_dir = kind == FTW_D, .mode = st->st_mode & 07777,
		.size = st->st_size, .bytes = BUF_INIT,
	};
	if (!f->is_dir)
		read_whole(f);
	return 0;
}

static struct saved *
find_saved(const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < saved_n; i++)
		if (saved[i].length == n && memcmp(saved[i].path, path, n) == 0)
			return &saved[i];
	return NULL;
}

static bool
is_same(const struct saved *f)
{
	static char now[SMALL];
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);
	size_t n = f->bytes.n;

	ensure(fd >= 0);
	bool same = read(fd, now, sizeof(now)) == f->size && memcmp(now, f->bytes.p, n) == 0;
	for (size_t i = n; same && i < (size_t)f->size; i++)
		same = now[i] == '\0';
	close(fd);
	return same;
}

/* Removes what was not there; depth first. */
static int
sweep(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	struct saved *f = find_saved(path);

	(void)ftw;
	if (f == NULL) {
		ensure((kind == FTW_DP ? rmdir(path) : unlink(path)) == 0);
		return 0;
	}
	f->seen = f->is_dir || (f->size == st->st_size && f->size <= SMALL && is_same(f));
	return 0;
}

static void
put_back(const struct saved *f)
{
	off_t n = (off_t)f->bytes.n;

	if (f->is_dir) {
		ensure(mkdir(f->path, f->mode) == 0);
		return;
	}
	int fd = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC, f->mode);

	ensure(fd >= 0 && ftruncate(fd, f->size) == 0);
	ensure(pwrite(fd, f->bytes.p, f->bytes.n, 0) == n);
	if (n < f->size)
		ensure(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, n,
		    f->size - n) == 0);
	close(fd);
}

static void
put_all_back(void)
{
	for (size_t i = 0; i < saved_n; i++)
		saved[i].seen = false;
	ensure(nftw(dir, sweep, 32, FTW_PHYS | FTW_DEPTH) == 0);
	for (size_t i = 0; i < saved_n; i++)
		if (!saved[i].seen)
			put_back(&saved[i]);
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static void
remove_world(void)
{
	(void)nftw(dir, remove_one, 32, FTW_PHYS | FTW_DEPTH);
}

/* --- beginning and end --- */

static void
read_conf(const char *service, unsigned style)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/imapd.conf.%u", dir, style);
	FILE *f = fopen(path, "w");
	ensure(f != NULL);
	fprintf(f, "configdirectory: %s/config\npartition-default: %s/spool\n"
	    "partition-two: %s/two\nadmins: boss\nservername: mail.example\n"
	    "maxmessagesize: 64K\nmaxliteral: 8K\nmaxargssize: 32K\nallowplaintext: yes\n"
	    "%s", dir, dir, dir, styles[style]);
	ensure(fclose(f) == 0);
	ensure(conf_read(path, service, NULL, NULL, &conf[style]) == OK);
	ensure(setup_params(arena, conf[style], &params[style]) == OK);
}

static void
make_dir(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	ensure(mkdir(path, 0700) == 0);
}

/* A path that no socket can have: nobody is told, nobody is asked. */
static struct notify *
nobody(void)
{
	char path[256];

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	return notify_open(path);
}

/* In CPU time: a fuzzer's own clock also counts while others run. */
static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
open_servers(unsigned style, int n)
{
	static const struct server_program program = { .sasl_service = "fuzz" };

	for (int i = 0; i < n; i++) {
		server[i] = (struct server){
			.program = &program, .service = "fuzz", .conf = conf[style], .notify = notify,
			.hostname = "mail.example", .config_dirfd = -1,
		};
		ensure(store_open(&params[style], &server[i].store) == OK);
	}
}

void
world_init(const char *service, void (*setup)(void))
{
	if (dir[0] != '\0')
		return;
	log_open("fuzz", getenv("FUZZ_LOG") != NULL ? "stderr" : "/dev/null", LOG_LOCAL6);
	snprintf(dir, sizeof(dir), "%s/chapar-world.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	ensure(mkdtemp(dir) != NULL && atexit(remove_world) == 0);
	make_dir("config");
	make_dir("spool");
	make_dir("two");
	arena = arena_new(1 << 20);
	for (unsigned i = 0; i < WORLD_STYLES; i++)
		read_conf(service, i);
	notify = nobody();
	open_servers(0, WORLD_SERVERS);
	setup();
	world_end();			/* from here on nothing stays open */
	kv_mem_save();
	ensure(nftw(dir, save, 32, FTW_PHYS) == 0);
}

struct store *
world_visitor(void)
{
	struct store *s;

	ensure(store_open(store_params_of(server[0].store), &s) == OK);
	return s;
}

void
world_begin(unsigned style, int n)
{
	began = cpu_seconds();
	kv_mem_restore();
	put_all_back();
	open_servers(style, n);
}

/* The lowest free descriptor moves up if one of ours is left open. */
static void
check_descriptors(void)
{
	static int lowest = -1;
	char link[32], path[256];
	int fd = dup(STDERR_FILENO);
	size_t n;

	ensure(fd >= 0 && close(fd) == 0);
	for (int i = lowest; lowest >= 0 && i < fd; i++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", i);
		n = (size_t)readlink(link, path, sizeof(path));
		if (n <= sizeof(path) && str_starts((struct str){ path, n }, str_c(dir))) {
			fprintf(stderr, "FUZZ: left open: %.*s\n", (int)n, path);
			abort();
		}
	}
	lowest = fd;
}

static void
check_time(void)
{
	double took = cpu_seconds() - began;

	if (began > 0 && took > INPUT_SECONDS) {
		fprintf(stderr, "FUZZ: it took %.1f s\n", took);
		abort();
	}
}

void
world_end(void)
{
	for (int i = 0; i < WORLD_SERVERS; i++) {
		store_close(server[i].store);
		server[i].store = NULL;
	}
	check_descriptors();
	check_time();
}
