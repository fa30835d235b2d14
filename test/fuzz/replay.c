/*
 * replay.c - runs a fuzz target over files, without a fuzzer
 *
 * PROGRAM FILE...: says how many files it ran; a finding ends it as it would
 * end the fuzzer, with the name of the file as the last line.
 */
#include "lib/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
replay(const char *name)
{
	struct buf b = BUF_INIT;
	FILE *f = fopen(name, "rb");
	uint8_t *exact;
	size_t n;

	if (f == NULL) {
		perror(name);
		exit(1);
	}
	while ((n = fread(buf_reserve(&b, 65536), 1, 65536, f)) > 0)
		b.n += n;
	fclose(f);
	/* A block of just the size: a sanitizer sees one byte too many. */
	exact = malloc(b.n > 0 ? b.n : 1);
	if (exact == NULL)
		abort();
	for (size_t i = 0; i < b.n; i++)
		exact[i] = (uint8_t)b.p[i];
	fprintf(stderr, "%s\n", name);
	LLVMFuzzerTestOneInput(exact, b.n);
	free(exact);
	buf_free(&b);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	printf("%d files\n", argc - 1);
	return 0;
}
