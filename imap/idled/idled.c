/* idled - tell waiting sessions at once what has changed; see idled(8) */
#include "imap/idled/hub.h"
#include "lib/sockd.h"

static void *
start(struct poll *poll, int listen_fd, const struct conf *conf)
{
	(void)conf;
	return hub_new(poll, listen_fd);
}

static void
stop(void *hub)
{
	hub_free(hub);
}

int
main(int argc, char **argv)
{
	static const struct sockd program = {
		.name = "idled", .socket = CONF_IDLESOCKET, .start = start, .stop = stop,
	};

	return sockd_main(argc, argv, &program);
}
