/* owner.c - the user to whom the mail belongs */
#include "imap/server/owner.h"
#include "config.h"
#include "lib/log.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

static const char *
setting(const struct conf *conf, const char *env, enum conf_opt option, const char *built_in)
{
	const char *value = getenv(env);

	if (value == NULL || *value == '\0')
		value = conf_string(conf, option);
	return value != NULL && *value != '\0' ? value : built_in;
}

struct owner
owner_find(const struct conf *conf)
{
	const char *user = setting(conf, "CYRUS_USER", CONF_CYRUS_USER, CYRUS_USER);
	const char *group = setting(conf, "CYRUS_GROUP", CONF_CYRUS_GROUP, CYRUS_GROUP);
	const struct group *gr;
	struct owner o = { .user = user };

	/*
	 * The libraries that look it up do not always say that they lacked memory
	 * or descriptors; so once more, and no more is said than is known.
	 */
	const struct passwd *pw = getpwnam(user);
	errno = 0;
	if (pw == NULL)
		pw = getpwnam(user);
	if (pw == NULL && (errno == ENOMEM || errno == EMFILE || errno == ENFILE
	    || errno == EIO))
		log_fatal(EX_TEMPFAIL, "cannot look up user \"%s\": %m", user);
	if (pw == NULL)
		log_fatal(EX_NOUSER, "cannot find the user \"%s\" to run as; if there is none, "
		    "make one (useradd --system --gid %s %s) or name another in cyrus_user",
		    user, group, user);
	o.uid = pw->pw_uid;
	o.gid = pw->pw_gid;
	gr = getgrnam(group);
	if (gr != NULL)
		o.gid = gr->gr_gid;
	return o;
}

void
owner_become(const struct conf *conf)
{
	struct owner o;

	if (geteuid() != 0)
		return;
	o = owner_find(conf);
	if (o.uid != 0 && (initgroups(o.user, o.gid) != 0 || setgid(o.gid) != 0 ||
	    setuid(o.uid) != 0))
		log_fatal(EX_OSERR, "cannot become user %s: %m", o.user);
}
