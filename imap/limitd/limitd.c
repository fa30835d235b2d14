/* limitd - how many are connected, and who has guessed wrong; see limitd(8) */
#include "imap/limitd/desk.h"
#include "lib/mem.h"
#include "lib/sockd.h"

#include <stdlib.h>

struct served {
	struct table *table;
	struct desk *desk;
};

static void *
start(struct poll *poll, int listen_fd, const struct conf *conf)
{
	struct served *s = mem_zero(1, sizeof(*s));

	(void)conf;
	s->table = table_new();
	s->desk = desk_new(poll, listen_fd, s->table);
	return s;
}

static void
take(void *served, int fd)
{
	struct served *s = served;

	desk_take(s->desk, fd);
}

static void
stop(void *served)
{
	struct served *s = served;

	desk_free(s->desk);
	table_free(s->table);
	free(s);
}

int
main(int argc, char **argv)
{
	static const struct sockd program = {
		.name = "limitd", .socket = CONF_LIMITSOCKET, .start = start, .stop = stop,
		.take = take,
	};

	return sockd_main(argc, argv, &program);
}
