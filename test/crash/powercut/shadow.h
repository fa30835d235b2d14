/*
 * shadow.h - what a process has written through shared mappings
 *
 * A store into a mapping is no call that one could stand before.  So for every
 * file that is mapped shared and writable there is a copy of it, the shadow, common to
 * all processes; what differs between mapping and shadow is recorded
 * (TRACE_MAPPED) whenever a process that has it mapped makes any recorded
 * call, releases a lock, answers a client, unmaps it or ends.  That is
 * later than the store, never later than anything that another process
 * could have concluded from it under a lock.
 *
 * All with the trace's lock.
 */
#ifndef TEST_CRASH_POWERCUT_SHADOW_H
#define TEST_CRASH_POWERCUT_SHADOW_H

#include <stddef.h>
#include <stdint.h>

/* FD has been mapped at P, LEN bytes from OFF. */
void shadow_map(int fd, uint64_t ino, void *p, size_t len, uint64_t off);
void shadow_unmap(const void *p);

/* Records what this process's mappings have got since. */
void shadow_diff(void);

/* The file has changed otherwise; not to be recorded once more. */
void shadow_written(uint64_t ino, uint64_t off, const void *data, size_t n);
void shadow_resized(uint64_t ino, uint64_t size, int shrinks);

#endif
