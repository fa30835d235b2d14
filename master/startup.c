/* startup.c - from a command that somebody typed to a daemon */
#include "master/startup.h"

#include "config.h"
#include "lib/log.h"
#include "lib/logconf.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

enum { WANTED_FDS = 16384 };		/* as root */

void
startup_raise_limits(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return;
	if (geteuid() == 0 && r.rlim_max < WANTED_FDS)
		r.rlim_max = WANTED_FDS;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) != 0)
		log_warning("cannot raise the number of open files: %m");
}

static void
tell_of_user(const struct conf *conf)
{
	const char *name = conf_string(conf, CONF_FRONTD_USER);
	if (geteuid() == 0 && name != NULL && *name != '\0' && getpwnam(name) == NULL)
		log_notice("there is no user \"%s\" (frontd_user): frontd runs as the one whose the"
		    " mail is; useradd --system --no-create-home --shell /usr/sbin/nologin %s"
		    " makes one", name, name);
}

int
startup_frontds(const struct conf *conf)
{
	if (!conf_switch(conf, CONF_FRONTD))
		return 0;
	tell_of_user(conf);
	int64_t n = conf_int(conf, CONF_FRONTD_PROCESSES);
	if (n == 0)
		n = sysconf(_SC_NPROCESSORS_ONLN);
	return n < 1 ? 1 : (int)n;
}

/* The environment, imapd.conf, and what was built in, as in Cyrus. */
static const char *
user_setting(const struct conf *conf, const char *env, enum conf_opt option,
    const char *built_in)
{
	const char *value = getenv(env);
	if (value == NULL || *value == '\0')
		value = conf_string(conf, option);
	return value != NULL && *value != '\0' ? value : built_in;
}

void
startup_user(const struct conf *conf, struct child_setup *setup)
{
	if (geteuid() != 0)
		return;
	const char *user = user_setting(conf, "CYRUS_USER", CONF_CYRUS_USER, CYRUS_USER);
	const char *group = user_setting(conf, "CYRUS_GROUP", CONF_CYRUS_GROUP,
	    CYRUS_GROUP);
	/* See owner_find(): who lacks memory or descriptors may not hear of it. */
	const struct passwd *pw = getpwnam(user);
	if (pw == NULL)
		pw = getpwnam(user);
	if (pw == NULL)
		log_fatal(EX_NOUSER, "cannot find the user \"%s\" to run workers as;"
		    " if there is none, make one (useradd --system --gid %s %s) or name"
		    " another in cyrus_user", user, group, user);
	setup->drop_root = true;
	setup->user = user;
	setup->uid = pw->pw_uid;
	setup->gid = pw->pw_gid;
	const struct group *gr = getgrnam(group);
	if (gr == NULL)
		gr = getgrnam(group);
	if (gr != NULL)
		setup->gid = gr->gr_gid;
	else
		log_warning("cannot find the group \"%s\"; workers run with that of"
		    " user %s", group, user);
}

int
startup_detach(void)
{
	int fds[2];
	char byte;
	if (pipe2(fds, O_CLOEXEC) != 0)
		log_fatal(EX_OSERR, "pipe: %m");
	pid_t pid = fork();
	if (pid < 0)
		log_fatal(EX_OSERR, "fork: %m");
	if (pid > 0) {
		int status = 0;
		close(fds[1]);
		if (read(fds[0], &byte, 1) == 1)
			_exit(0);
		if (waitpid(pid, &status, 0) == pid && WIFEXITED(status)
		    && WEXITSTATUS(status) != 0)
			_exit(WEXITSTATUS(status));
		_exit(EX_SOFTWARE);
	}
	close(fds[0]);
	(void)setsid();
	if (chdir("/") != 0)
		log_warning("chdir /: %m");
	return fds[1];
}

void
startup_redirect(const struct options *o)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int out = null;
	if (*o->log_file != '\0')
		out = open(o->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (out < 0)
		log_fatal(EX_CANTCREAT, "cannot open log file \"%s\": %m", o->log_file);
	if (o->detach || !o->foreground)
		(void)dup2(null, STDIN_FILENO);
	if (!o->foreground || *o->log_file != '\0') {
		(void)dup2(out, STDOUT_FILENO);
		(void)dup2(out, STDERR_FILENO);
	}
}

void
startup_log(const struct conf *conf, const struct options *o)
{
	const char *target = NULL;
	if (*o->log_file != '\0')
		target = o->log_file;
	else if (o->foreground)
		target = "stderr";
	log_open_conf(conf, "master", target);
	if (o->verbose > 0)
		log_level(LOG_DEBUG);
}
