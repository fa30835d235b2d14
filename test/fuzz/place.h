/*
 * place.h - a directory for fuzz targets that need files
 *
 * In memory, private to the process, removed at its end.  Flushing is turned
 * off: a fuzzer never loses its power.  So is waiting for other processes.
 */
#ifndef TEST_FUZZ_PLACE_H
#define TEST_FUZZ_PLACE_H

#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A descriptor of the directory, and its path; made at the first call. */
int fuzz_place(void);
const char *fuzz_path(void);

/* Puts a file there (replaced), adds to its end, or makes it longer by a hole. */
void fuzz_put(int dir, const char *name, struct str bytes);
void fuzz_append(int dir, const char *name, struct str bytes);
void fuzz_extend(int dir, const char *name, uint64_t size);

/* Removes every file in the directory; folders stay. */
void fuzz_empty(int dir);

/* What is damaged is told in every run: to nobody, or to FUZZ_LOG=stderr. */
void fuzz_quiet(void);

/* Ends the process as a finding, and says what does not hold. */
void fuzz_must(bool x, const char *what);

#endif
