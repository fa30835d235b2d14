/*
 * mem.h - memory, or the end of the process
 *
 * Running out of memory is no error that anybody could answer sensibly at a
 * thousand places.  Nothing durable depends on a process going on (a kill at
 * any instant is harmless), so a worker or a tool ends, with a line of severity
 * crit, and its client sees the connection close.  A process on which others
 * depend, master or idled, is patient instead: it waits and tries again.
 */
#ifndef LIB_MEM_H
#define LIB_MEM_H

#include <stddef.h>

/* None of these returns NULL.  N = 0 is allowed. */
#define MEM_RESULT	__attribute__((warn_unused_result, returns_nonnull))

void *mem_get(size_t n) MEM_RESULT;			/* malloc(3) */
void *mem_zero(size_t n, size_t size) MEM_RESULT;	/* calloc(3) */
void *mem_grow(void *p, size_t n) MEM_RESULT;		/* realloc(3) */
char *mem_copy(const char *text) MEM_RESULT;		/* strdup(3) */

/* From now on: wait for memory however long it takes. */
void mem_be_patient(void);

#endif
