/*
 * mkimap.c - makes the directories that imapd.conf names, and repairs them
 *
 *	mkimap [-C FILE] [FILE]
 *
 * As root: makes configdirectory, the partitions and where sockets go, gives
 * them to the server's user if they are not his, then goes on as that user and
 * opens the store once, which makes what belongs inside.  Links are not
 * followed by what root does.
 */
#include "imap/admin/tool.h"

#include "imap/server/owner.h"
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/*
 * New ones are made with the first.  Where an administrator may have let others
 * in, Postfix to the sockets for one, they may stay, but not write.
 */
static const mode_t MODE = 0750;
static const mode_t OPEN = 0755;

/* What the store and the other programs make inside; they may be root's from before. */
static const char *const inside[] = {
	"db", "deliver", "quota", "user", "proc", "log", "msg", "socket", "lock", "sieve",
};

__attribute__((noreturn)) static void
usage(void)
{
	fputs("usage: mkimap [-C imapd.conf] [imapd.conf]\n", stderr);
	exit(EX_USAGE);
}

static void
complain(struct tool *t, const char *path)
{
	fprintf(stderr, "%s: %s: %s\n", t->program, path, strerror(errno));
	t->failures++;
}

/* Gives the directory to the owner; takes permissions away that are not in ALLOWED. */
static void
give(struct tool *t, const struct owner *o, const char *path, mode_t allowed, bool is_new)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		if (errno != ENOENT)
			complain(t, path);
	} else {
		if (geteuid() == 0 && (st.st_uid != o->uid || st.st_gid != o->gid)) {
			if (fchown(fd, o->uid, o->gid) != 0)
				complain(t, path);
			else if (!is_new)
				printf("%s: now belongs to %s\n", path, o->user);
		}
		if ((st.st_mode & 0777 & ~allowed) != 0) {
			if (fchmod(fd, st.st_mode & (07000 | allowed)) != 0)
				complain(t, path);
			else
				printf("%s: mode %03o is now %03o\n", path,
				    (unsigned)st.st_mode & 0777,
				    (unsigned)(st.st_mode & allowed));
		}
	}
	if (fd >= 0)
		close(fd);
}

/* Makes it if it is missing; those above it belong to whoever makes them. */
static void
make(struct tool *t, const struct owner *o, const char *path, mode_t allowed)
{
	struct buf parent = BUF_INIT;
	const char *slash = strrchr(path, '/');
	bool is_new;

	if (slash != NULL && slash != path) {
		buf_add(&parent, path, (size_t)(slash - path));
		if (file_mkdirs(AT_FDCWD, parent.p, 0755) != OK)
			complain(t, parent.p);
		buf_free(&parent);
	}
	is_new = mkdir(path, MODE) == 0;
	if (is_new)
		printf("%s: made\n", path);
	else if (errno != EEXIST)
		complain(t, path);
	give(t, o, path, allowed, is_new);
}

/* Where a socket goes.  A directory that is there may be anybody's, as /run is. */
static void
make_for(struct tool *t, const struct owner *o, const char *socket)
{
	const char *slash = strrchr(socket, '/');
	struct buf dir = BUF_INIT;

	if (slash != NULL && slash != socket) {
		buf_add(&dir, socket, (size_t)(slash - socket));
		if (access(dir.p, F_OK) != 0)
			make(t, o, dir.p, OPEN);
		buf_free(&dir);
	}
}

static void
make_all(struct tool *t, const struct owner *o)
{
	struct buf path = BUF_INIT;

	make(t, o, t->params.config_dir, OPEN);
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		buf_reset(&path);
		buf_printf(&path, "%s/%s", t->params.config_dir, inside[i]);
		make(t, o, path.p, strcmp(inside[i], "socket") == 0 ? OPEN : MODE);
	}
	make(t, o, conf_string(t->conf, CONF_PROC_PATH), MODE);
	make_for(t, o, conf_string(t->conf, CONF_LMTPSOCKET));
	make_for(t, o, conf_string(t->conf, CONF_IDLESOCKET));
	for (size_t i = 0; i < t->params.partition_count; i++) {
		make(t, o, t->params.partitions[i].path, OPEN);
		for (int k = 0; k < 2; k++) {
			buf_reset(&path);
			buf_printf(&path, "%s/%s", t->params.partitions[i].path,
			    k == 0 ? "wal" : "stage");
			give(t, o, path.p, MODE, false);
		}
	}
	buf_free(&path);
}

int
main(int argc, char **argv)
{
	const char *path = NULL;
	struct owner o = { .user = "" };
	struct tool t;
	int c;

	while ((c = getopt(argc, argv, "C:")) != -1) {
		if (c != 'C')
			usage();
		path = optarg;
	}
	if (optind < argc && path == NULL)
		path = argv[optind++];
	if (optind != argc)
		usage();
	tool_init(&t, "mkimap", path);
	if (geteuid() == 0)
		o = owner_find(t.conf);
	umask(022);
	make_all(&t, &o);
	umask((mode_t)conf_int(t.conf, CONF_UMASK));
	if (t.failures == 0)
		tool_open(&t);
	return tool_close(&t);
}
