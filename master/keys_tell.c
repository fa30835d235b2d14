/* keys_tell.c - see keys_tell.h */
#include "master/keys_tell.h"
#include "lib/log.h"
#include "lib/pass.h"
#include "lib/svc_command.h"
#include "lib/svc_front.h"

#include <unistd.h>

bool
keys_concern(const struct service *s)
{
	return (s->kind == SERVICE_DIRECT || s->kind == SERVICE_FRONTED) && !s->draining
	    && svc_command_has_tls(s->cmd);
}

int
keys_fd(const struct services *all)
{
	return all->keys->prefork > 0 ? all->holder[0] : -1;
}

static void
tell(int to, const char *name, const char *cmd, const int *fd)
{
	const struct svc_front f = { .name = name, .cmd = cmd };
	struct buf message = BUF_INIT;
	if (svc_front_encode(&f, &message) != OK
	    || pass_send(to, buf_str(&message), fd, fd != NULL ? 1 : 0) != OK)
		log_err("keyd cannot be told of %s", name);
	buf_free(&message);
}

int
keys_tell(const struct services *all)
{
	int pair[2];
	if (pass_pair(pair) != OK)
		return -1;
	tell(pair[0], SVC_FRONT_HOLDER, "-", &all->holder[1]);
	for (const struct service *s = all->first; s != NULL; s = s->next)
		if (keys_concern(s))
			tell(pair[0], s->name, s->cmd, NULL);
	close(pair[0]);
	return pair[1];
}
