/*
 * The kernel shows the memory in which it put arguments and environment at
 * exec.  The environment is copied elsewhere, so that its place can be used
 * as well.  Arguments are not moved: they stay readable until the first
 * proctitle_set(), which comes after options have been parsed and kept.
 */
#include "lib/proctitle.h"
#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static char *title;		/* the memory that is shown */
static size_t title_size;
static char **kept;		/* the copies, also those that unsetenv(3) has taken out */

void
proctitle_init(int argc, char **argv)
{
	int n = 0;
	if (argc == 0 || title != NULL)
		return;
	char *end = argv[0];
	for (int i = 0; i < argc && argv[i] == end; i++)
		end += strlen(argv[i]) + 1;
	for (; environ[n] != NULL; n++)
		if (environ[n] == end)
			end += strlen(environ[n]) + 1;
	char **copy = calloc((size_t)n + 1, sizeof(*copy));
	kept = calloc((size_t)n + 1, sizeof(*kept));
	for (int i = 0; copy != NULL && i < n; i++) {
		copy[i] = strdup(environ[i]);
		if (kept != NULL)
			kept[i] = copy[i];
		if (copy[i] == NULL)
			copy = NULL;
	}
	if (copy == NULL || kept == NULL)
		log_fatal(EX_OSERR, "out of memory for the environment");
	environ = copy;
	title = argv[0];
	title_size = (size_t)(end - argv[0]);
}

void
proctitle_set(const char *fmt, ...)
{
	va_list ap;
	if (title == NULL)
		return;
	va_start(ap, fmt);
	int n = vsnprintf(title, title_size, fmt, ap);
	va_end(ap);
	size_t used = n < 0 ? 0 : (size_t)n < title_size ? (size_t)n : title_size - 1;
	for (size_t i = 0; i < used; i++)
		if ((unsigned char)title[i] < 0x20 || title[i] == 0x7f)
			title[i] = '?';
	memset(title + used, '\0', title_size - used);
}
