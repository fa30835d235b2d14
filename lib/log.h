/*
 * log.h - one line a fact
 *
 * Lines go to syslog (facility local6, the libc syslog() call), to stderr or
 * to a file, as log_open() is told.  Severities are those of Cyrus: crit
 * needs an administrator now; err is an I/O or database error, with path and
 * errno text; warning is a client that misbehaves; notice is a login or its
 * refusal; info is a mailbox opened, a duplicate suppressed, a message
 * delivered; debug is for developers.
 *
 * Any byte may be passed: control characters, DEL and bytes that are not
 * valid UTF-8 are written as \xNN, so no client can forge a line.  A message
 * of more than 4 KiB is cut and ends in "...".  errno is left as it was.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdarg.h>

/*
 * IDENT is the program's name (imapd.conf's syslog_prefix is put before it by
 * the caller).  TARGET is "syslog", "stderr" or the path of a file that is
 * appended to; one that is open already stays so.  Before the first call lines
 * go to stderr.
 */
void log_open(const char *ident, const char *target, int facility);

/* Lines below this syslog priority (LOG_INFO ...) are dropped; LOG_DEBUG: all. */
void log_level(int priority);

/* Reopens a log file after it was rotated (SIGHUP). */
void log_reopen(void);

void log_crit(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "IOERROR: WHAT PATH: errno text": the one form in which I/O errors appear. */
void log_io(const char *path, const char *what);

/* Logs and ends the process with EX_SOFTWARE (75 TEMPFAIL for master: 70). */
void log_fatal(int exit_code, const char *fmt, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

/*
 * What must hold before we write to disk.  Stays in release builds: logs the
 * expression at crit and aborts.
 */
#define ensure(x)	((x) ? (void)0 : ensure_failed(#x, __FILE__, __LINE__))
void ensure_failed(const char *what, const char *file, int line)
    __attribute__((noreturn));

#endif
