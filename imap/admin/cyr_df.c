/*
 * cyr_df.c - how full the partitions are
 *
 *	cyr_df [-C FILE] [-m]
 */
#include "imap/admin/tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sysexits.h>
#include <unistd.h>

__attribute__((noreturn)) static void
usage(void)
{
	fputs("usage: cyr_df [-C imapd.conf] [-m]\n", stderr);
	exit(EX_USAGE);
}

/* As df(1): of what anybody but root could use, rounded up. */
static void
print_partition(struct tool *t, const struct store_partition *p)
{
	struct statvfs v;
	unsigned long long used, available;

	if (statvfs(p->path, &v) != 0) {
		fprintf(stderr, "cyr_df: %s: %s\n", p->path, strerror(errno));
		t->failures++;
		return;
	}
	used = (v.f_blocks - v.f_bfree) * (unsigned long long)v.f_frsize / 1024;
	available = v.f_bavail * (unsigned long long)v.f_frsize / 1024;
	printf("%-12s %12llu %12llu %12llu %3llu%% %s\n", p->name,
	    v.f_blocks * (unsigned long long)v.f_frsize / 1024, used, available,
	    used + available == 0 ? 0 : (used * 100 + used + available - 1) / (used + available),
	    p->path);
}

int
main(int argc, char **argv)
{
	const char *path = NULL;
	bool meta = false;
	struct tool t;
	int c;

	while ((c = getopt(argc, argv, "C:m")) != -1) {
		switch (c) {
		case 'C': path = optarg; break;
		case 'm': meta = true; break;
		default: usage();
		}
	}
	if (optind != argc)
		usage();
	tool_init(&t, "cyr_df", path);
	printf("%-12s %12s %12s %12s %3s %s\n", "Partition", "1k-blocks", "Used", "Available",
	    "Use%", "Location");
	/* Indexes lie with the messages: there are no partitions for them. */
	for (size_t i = 0; !meta && i < t.params.partition_count; i++)
		print_partition(&t, &t.params.partitions[i]);
	return tool_close(&t);
}
