/* process.c - what the system tells of another process */
#include "lib/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool
read_proc(pid_t pid, const char *what, char *text, size_t size)
{
	char path[48];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* One letter; NUL if there is no such process. */
static char
state(pid_t pid)
{
	char text[512];
	if (!read_proc(pid, "stat", text, sizeof(text)))
		return '\0';
	/* The name before it may contain anything, parentheses too. */
	const char *end = strrchr(text, ')');
	return end != NULL && end[1] == ' ' ? end[2] : '\0';
}

bool
process_is_there(pid_t pid)
{
	char c = state(pid);
	return c != '\0' && c != 'Z' && c != 'X';
}

bool
process_is_stopped(pid_t pid)
{
	return state(pid) == 'T';
}

void
process_name(pid_t pid, char name[32])
{
	if (!read_proc(pid, "comm", name, 32))
		snprintf(name, 32, "?");
	name[strcspn(name, "\n")] = '\0';
}

bool
process_keep_stopped(void)
{
	return getenv("CHAPAR_KEEP_STOPPED") != NULL;
}
