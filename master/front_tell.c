/* front_tell.c - see front_tell.h */
#include "master/front_tell.h"
#include "lib/log.h"
#include "lib/pass.h"
#include "lib/svc_front.h"

#include <unistd.h>

/* Of something that is no service. */
static void
tell_of(int to, const char *name, int fd)
{
	const struct svc_front f = { .name = name, .cmd = "-" };
	struct buf message = BUF_INIT;
	if (svc_front_encode(&f, &message) != OK
	    || pass_send(to, buf_str(&message), &fd, 1) != OK)
		log_err("frontd cannot be told of %s", name);
	buf_free(&message);
}

int
front_tell(const struct services *all)
{
	int pair[2];
	struct buf message = BUF_INIT;
	if (pass_pair(pair) != OK)
		return -1;
	if (all->has_limitd)
		tell_of(pair[0], SVC_FRONT_LIMITS, all->limits[0]);
	for (const struct service *s = all->first; s != NULL; s = s->next) {
		const struct svc_front f = { .name = s->name, .cmd = s->cmd };
		if (s->kind != SERVICE_FRONTED || s->listener < 0 || s->draining)
			continue;
		const int fds[] = {
			[SVC_FRONT_LISTENER] = s->listener, [SVC_FRONT_QUEUE] = s->queue,
			[SVC_FRONT_AUTH] = s->auth->queue,
		};
		buf_reset(&message);
		if (svc_front_encode(&f, &message) != OK
		    || pass_send(pair[0], buf_str(&message), fds, 3) != OK)
			log_err("service %s: frontd cannot be told of it", s->name);
	}
	buf_free(&message);
	close(pair[0]);
	return pair[1];
}
