/*
 * proctitle.h - what ps(1) shows for this process
 *
 * A worker shows its service, client and user, as Cyrus does:
 * "imapd: imap: [192.0.2.1] johndoe".  Control characters become "?".
 */
#ifndef LIB_PROCTITLE_H
#define LIB_PROCTITLE_H

/* First thing in main(), before options are parsed; moves the environment. */
void proctitle_init(int argc, char **argv);

/* Replaces what is shown; longer text is cut to the room there is. */
void proctitle_set(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
