/*
 * proc.c - what a server's processes use, as the kernel counts it
 *
 * From /proc/PID/stat (proc(5)), whose second field may hold anything: fields
 * are counted from the last parenthesis.  All processes are read once and
 * those below the root picked by their parents, until no more are found.
 */
#include "test/bench/proc.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct proc {
	pid_t pid, parent;
	double cpu;
	bool inside;
};

struct list {
	struct proc *p;
	size_t n, size;
};

static bool
read_stat(const char *pid, struct proc *proc)
{
	char path[64], line[1024];
	uint64_t user, sys, child_user, child_sys;
	int parent;

	snprintf(path, sizeof path, "/proc/%s/stat", pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return false;
	size_t n = fread(line, 1, sizeof line - 1, f);
	fclose(f);
	line[n] = '\0';
	const char *rest = strrchr(line, ')');
	/* NOLINTNEXTLINE(cert-err34-c): the kernel wrote it */
	if (rest == NULL || sscanf(rest, ") %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
	    "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
	    &parent, &user, &sys, &child_user, &child_sys) != 5)
		return false;
	*proc = (struct proc){ .pid = (pid_t)strtol(pid, NULL, 10), .parent = parent,
	    .cpu = (double)(user + sys + child_user + child_sys) /
	    (double)sysconf(_SC_CLK_TCK) };
	return true;
}

static void
read_all(struct list *l)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	struct proc proc;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' || !read_stat(e->d_name, &proc))
			continue;
		if (l->n == l->size) {
			l->size = l->size == 0 ? 512 : 2 * l->size;
			l->p = realloc(l->p, l->size * sizeof *l->p);
			if (l->p == NULL)
				abort();
		}
		l->p[l->n++] = proc;
	}
	if (dir != NULL)
		closedir(dir);
}

static bool
has_inside(const struct list *l, pid_t pid)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->p[i].pid == pid)
			return l->p[i].inside;
	return false;
}

static void
mark(struct list *l, pid_t root)
{
	bool more = true;

	for (size_t i = 0; i < l->n; i++)
		l->p[i].inside = l->p[i].pid == root;
	while (more) {
		more = false;
		for (size_t i = 0; i < l->n; i++) {
			if (!l->p[i].inside && has_inside(l, l->p[i].parent))
				l->p[i].inside = more = true;
		}
	}
}

static double
read_pss(pid_t pid)
{
	char path[64], line[256];
	double kb = 0;

	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
	FILE *f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof line, f) != NULL) {
		if (strncmp(line, "Pss:", 4) == 0)
			kb = strtod(line + 4, NULL);
	}
	if (f != NULL)
		fclose(f);
	return kb;
}

double
proc_cpu(pid_t root)
{
	struct list l = { 0 };
	double cpu = 0;

	if (root == 0)
		return 0;
	read_all(&l);
	mark(&l, root);
	for (size_t i = 0; i < l.n; i++) {
		if (l.p[i].inside)
			cpu += l.p[i].cpu;
	}
	free(l.p);
	return cpu;
}

double
proc_pss(pid_t root, unsigned *processes)
{
	struct list l = { 0 };
	double kb = 0;

	*processes = 0;
	if (root == 0)
		return 0;
	read_all(&l);
	mark(&l, root);
	for (size_t i = 0; i < l.n; i++) {
		if (l.p[i].inside) {
			kb += read_pss(l.p[i].pid);
			++*processes;
		}
	}
	free(l.p);
	return kb;
}
