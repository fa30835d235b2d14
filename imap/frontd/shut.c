#include "imap/frontd/shut.h"
#include "imap/server/owner.h"
#include "lib/confine.h"
#include "lib/jail.h"
#include "lib/log.h"
#include "lib/process.h"

#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* NULL: none but the servers'. */
static const struct passwd *
find_user(const struct conf *conf)
{
	const char *name = conf_string(conf, CONF_FRONTD_USER);
	if (geteuid() != 0 || name == NULL || *name == '\0')
		return NULL;
	/* Master has told if there is none. */
	return getpwnam(name);
}

/* Its modes are for people of another user then. */
static bool
may_enter(int dirfd, const struct passwd *pw)
{
	struct stat st;
	if (fstat(dirfd, &st) != 0)
		return false;
	mode_t bit = st.st_uid == pw->pw_uid ? S_IXUSR
	    : st.st_gid == pw->pw_gid ? S_IXGRP : S_IXOTH;
	return (st.st_mode & bit) != 0;
}

/* A directory's descriptor leads out of an empty root; so only where rules hold. */
static void
keep_notices(struct service *s, struct confine *c, const struct passwd *pw)
{
	struct buf path = BUF_INIT;
	if (s->msg_dirfd < 0)
		return;
	buf_printf(&path, "%s/msg", conf_string(s->conf, CONF_CONFIGDIRECTORY));
	bool has_rule = confine_read(c, path.p), may = pw == NULL || may_enter(s->msg_dirfd, pw);
	if (!may || (!has_rule && pw != NULL)) {
		log_notice("service %s: msg/shutdown is told after login only: %s", s->name,
		    may ? "there is no Landlock" : "frontd_user may not enter msg; chmod 711");
		close(s->msg_dirfd);
		s->msg_dirfd = -1;
	}
	buf_free(&path);
}

/* For ever: all that it needs is in memory. */
static void
enter_jail(const struct conf *conf, const struct passwd *pw)
{
	const char *dir = conf_string(conf, CONF_CONFIGDIRECTORY);
	if (jail_enter(dir != NULL ? dir : "/", pw->pw_uid, pw->pw_gid) != OK)
		exit(EX_OSERR);
}

void
shut_in(struct front *f, const struct conf *conf)
{
	const struct passwd *pw = find_user(conf);
	struct confine *c = confine_new(conf, CONFINE_FRONTD);
	for (struct service *s = f->services; c != NULL && s != NULL; s = s->next)
		keep_notices(s, c, pw);
	if (c != NULL && pw != NULL)
		enter_jail(conf, pw);
	else
		owner_become(conf);
	process_shut();
	confine_enter(c);
	confine_free(c);
}
