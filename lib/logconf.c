#include "lib/logconf.h"
#include "lib/log.h"

#include <stdio.h>
#include <syslog.h>

/* In the order of the options' values in conf_options.def. */
static const int facilities[] = {
	LOG_DAEMON, LOG_MAIL, LOG_NEWS, LOG_USER, LOG_LOCAL0, LOG_LOCAL1,
	LOG_LOCAL2, LOG_LOCAL3, LOG_LOCAL4, LOG_LOCAL5, LOG_LOCAL6, LOG_LOCAL7,
};
static const int levels[] = {
	LOG_CRIT, LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG,
};

void
log_open_conf(const struct conf *conf, const char *program, const char *target)
{
	char ident[64];
	const char *prefix = conf_string(conf, CONF_SYSLOG_PREFIX);
	bool has_prefix = prefix != NULL && *prefix != '\0';
	snprintf(ident, sizeof(ident), "%s%s%s", has_prefix ? prefix : "",
	    has_prefix ? "/" : "", program);
	if (target == NULL)
		target = conf_string(conf, CONF_LOGTARGET);
	log_open(ident, target, facilities[conf_enum(conf, CONF_SYSLOG_FACILITY)]);
	log_level(levels[conf_enum(conf, CONF_LOGLEVEL)]);
}
