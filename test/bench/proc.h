/*
 * proc.h - what a server's processes use, as the kernel counts it
 *
 * A server is the tree below one process, its master.  The root of the tree
 * must not be reaped while it is measured.  Needs the right to read other
 * users' /proc/PID, so run it as root.
 */
#ifndef TEST_BENCH_PROC_H
#define TEST_BENCH_PROC_H

#include <sys/types.h>

/*
 * Seconds of CPU, user and system, of all processes below ROOT with the
 * children that they have reaped.  0 if ROOT is 0 or gone.
 */
double proc_cpu(pid_t root);

/* Proportional set size of the tree in kB; processes that vanish count 0. */
double proc_pss(pid_t root, unsigned *processes);

#endif
