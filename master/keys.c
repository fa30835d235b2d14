#include "master/keys.h"
#include "master/keys_tell.h"
#include "lib/conf.h"
#include "lib/log.h"
#include "lib/pass.h"
#include "lib/svc_command.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

/* Names under which an upgrade hands the queue over; none is a service's. */
static const char *const end_names[] = { "+holder", "+holders" };

void
keys_begin(struct services *all)
{
	const struct mconf_entry e = {
		.name = "keyd", .cmd = "keyd", .listen = "", .proto = "", .maxchild = -1,
	};
	for (int i = 0; i < 2; i++)
		all->holder[i] = systemd_own(all->setup.inherited, end_names[i]);
	if ((all->holder[0] < 0 || all->holder[1] < 0) && pass_queue(all->holder) != OK)
		log_fatal(EX_OSERR, "cannot begin with keyd: %m");
	struct service *s = service_make(all, &e, SERVICE_KEYS);
	s->plain = true;
	/* Nobody waits there; only that it is one, and quiet. */
	s->fd = eventfd(0, EFD_CLOEXEC);
	if (s->fd < 0)
		log_fatal(EX_OSERR, "cannot begin with keyd: %m");
	all->keys = s;
}

/* Workers complain of what is wrong in theirs. */
static void
ignore(void *ctx, bool is_error, const char *line)
{
	(void)ctx;
	(void)is_error;
	(void)line;
}

static bool
has_certificate(const struct service *s)
{
	struct buf path = BUF_INIT;
	struct conf *conf;
	buf_adds(&path, s->all->setup.imapd_conf);
	svc_command_conf(s->cmd, &path);
	enum err e = conf_read(path.p, s->name, ignore, NULL, &conf);
	buf_free(&path);
	if (e != OK)
		return false;
	const char *cert = conf_string(conf, CONF_TLS_SERVER_CERT);
	bool has = cert != NULL && *cert != '\0' && strcmp(cert, "disabled") != 0;
	conf_free(conf);
	return has;
}

void
keys_configure(struct services *all)
{
	all->keys->prefork = 0;
	for (const struct service *s = all->first; s != NULL; s = s->next)
		if (all->keys->prefork == 0 && keys_concern(s) && has_certificate(s))
			all->keys->prefork = 1;
}

void
keys_hand_over(const struct services *all, service_socket_fn each, void *ctx)
{
	for (int i = 0; i < 2; i++)
		each(ctx, end_names[i], all->holder[i], true);
}

void
keys_end(struct services *all)
{
	for (int i = 0; i < 2; i++)
		close(all->holder[i]);
}
