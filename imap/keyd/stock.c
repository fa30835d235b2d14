#include "imap/keyd/stock.h"
#include "imap/server/tlsconf.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/pass.h"
#include "lib/svc.h"
#include "lib/svc_command.h"
#include "lib/svc_front.h"
#include "lib/tls_shelf.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct service {
	struct service *next;
	char *name;
	struct conf *conf;
	struct tls_shelf *shelf;
};

struct stock {
	struct service *services;
	struct tlskey_ring *ring;
	struct tlskey_stand stand;
};

static void
free_service(struct service *s)
{
	tls_shelf_free(s->shelf);
	conf_free(s->conf);
	free(s->name);
	free(s);
}

static struct tls_shelf *
find_shelf(void *ctx, struct str service)
{
	const struct stock *k = ctx;
	for (const struct service *s = k->services; s != NULL; s = s->next)
		if (str_eq(service, str_c(s->name)))
			return s->shelf;
	return NULL;
}

/* One without TLS, or whose options are not usable, is left out: its workers complain. */
static void
add_service(struct stock *k, const struct svc_front *told, const char *conf_path)
{
	struct buf path = BUF_INIT;
	struct tls_params p;
	struct service *s = mem_zero(1, sizeof(*s));
	s->name = mem_copy(told->name);
	buf_adds(&path, conf_path);
	svc_command_conf(told->cmd, &path);
	/* One entry of cyrus.conf can be several addresses. */
	bool wanted = find_shelf(k, str_c(told->name)) == NULL
	    && conf_read(path.p, told->name, conf_log_errors, NULL, &s->conf) == OK
	    && tlsconf_params(s->conf, &p);
	buf_free(&path);
	if (!wanted) {
		free_service(s);
		return;
	}
	s->shelf = tls_shelf_new(&p, k->ring);
	s->next = k->services;
	k->services = s;
}

struct stock *
stock_open(const char *conf_path, int *queue)
{
	struct buf message = BUF_INIT;
	struct svc_front told;
	int fds[PASS_FDS];
	enum err e;
	struct stock *k = mem_zero(1, sizeof(*k));
	k->ring = tlskey_ring_new();
	k->stand = (struct tlskey_stand){ k->ring, find_shelf, k };
	*queue = -1;
	while ((e = pass_receive(SVC_LISTEN_FD, &message, fds)) == OK || e == ERR_LIMIT) {
		bool is_known = e == OK && svc_front_decode(buf_str(&message), &told) == OK;
		bool is_queue = is_known && strcmp(told.name, SVC_FRONT_HOLDER) == 0;
		if (is_queue && *queue < 0) {
			*queue = fds[0];
			fds[0] = -1;
		} else if (is_known && !is_queue) {
			add_service(k, &told, conf_path);
		} else {
			log_err("a message of master's is none of ours");
		}
		pass_close(fds);
	}
	close(SVC_LISTEN_FD);
	buf_free(&message);
	return k;
}

void
stock_read(struct stock *k)
{
	char why[TLSKEY_REPLY_MAX];
	const struct tls_stock *stock;
	for (struct service *s = k->services; s != NULL; s = s->next)
		(void)!tls_shelf_find(s->shelf, "", &stock, why, sizeof(why));
}

bool
stock_allow(const struct stock *k, struct confine *c)
{
	bool holds = c != NULL;
	for (const struct service *s = k->services; s != NULL; s = s->next)
		holds = confine_read_tls(c, s->conf) && holds;
	return holds;
}

const struct tlskey_stand *
stock_stand(const struct stock *k)
{
	return &k->stand;
}

void
stock_tidy(struct stock *k)
{
	tlskey_ring_expire(k->ring, TLSKEY_GRACE);
}

void
stock_close(struct stock *k)
{
	while (k->services != NULL) {
		struct service *next = k->services->next;
		free_service(k->services);
		k->services = next;
	}
	tlskey_ring_free(k->ring);
	free(k);
}
