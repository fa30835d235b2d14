/*
 * logconf.h - the log as imapd.conf wants it
 */
#ifndef LIB_LOGCONF_H
#define LIB_LOGCONF_H

#include "lib/conf.h"

/*
 * Opens the log for PROGRAM by the options logtarget, loglevel, syslog_prefix
 * and syslog_facility.  TARGET, if not NULL, wins over logtarget.
 */
void log_open_conf(const struct conf *conf, const char *program, const char *target);

#endif
