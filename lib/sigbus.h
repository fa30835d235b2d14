/*
 * sigbus.h - what to do when a mapped file ends early or cannot be read
 *
 * The store maps its indexes, caches and large messages.  A store's file that
 * somebody cuts off while it is in use, or whose sector the disk cannot read,
 * gives SIGBUS at whichever instruction needs the page; nothing sensible can
 * follow there.  sigbus_report() has the process then log which file it was,
 * and end with EX_IOERR: one session, which the client sees closed.
 */
#ifndef LIB_SIGBUS_H
#define LIB_SIGBUS_H

void sigbus_report(void);

#endif
