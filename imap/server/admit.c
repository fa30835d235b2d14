#include "imap/server/admit.h"

#include "lib/log.h"
#include "lib/mem.h"
#include "lib/net.h"

#include <stdlib.h>

struct admit {
	const struct conf *conf;
	struct netset *allowed, *denied, *proxies;
	struct limits *limits;
	bool proxied;
};

static enum err
read_networks(const struct conf *conf, enum conf_opt o, struct netset **set)
{
	struct buf bad = BUF_INIT;
	enum err e = netset_parse(conf_string(conf, o), set, &bad);

	if (e != OK)
		log_err("%s: \"%s\" is no network; want 192.0.2.0/24, 2001:db8::/32, an"
		    " address or all", conf_option(o)->name, bad.p);
	buf_free(&bad);
	return e;
}

enum err
admit_open(const struct admit_params *p, struct admit **admit)
{
	struct admit *a = mem_zero(1, sizeof(*a));
	enum err e;

	a->conf = p->conf;
	a->proxied = p->proxied;
	e = read_networks(p->conf, CONF_ALLOW_NETWORKS, &a->allowed);
	if (e == OK)
		e = read_networks(p->conf, CONF_DENY_NETWORKS, &a->denied);
	if (e == OK)
		e = read_networks(p->conf, CONF_PROXY_NETWORKS, &a->proxies);
	if (e == OK && p->proxied && netset_is_empty(a->proxies)) {
		log_err("-H needs proxy_networks: whom may be believed?");
		e = ERR_SYNTAX;
	}
	if (e != OK) {
		admit_close(a);
		return e;
	}
	a->limits = limits_open(p->conf, p->protocol);
	*admit = a;
	return OK;
}

void
admit_close(struct admit *a)
{
	if (a == NULL)
		return;
	netset_free(a->allowed);
	netset_free(a->denied);
	netset_free(a->proxies);
	limits_close(a->limits);
	free(a);
}

void
arrival_free(struct arrival *from)
{
	buf_free(&from->host);
	buf_free(&from->local_ip_port);
	buf_free(&from->remote_ip_port);
}

void
admit_look(int fd, struct arrival *from)
{
	*from = (struct arrival){ .host = BUF_INIT, .local_ip_port = BUF_INIT,
	    .remote_ip_port = BUF_INIT, .is_local = net_is_local(fd) };
	net_host(fd, true, &from->host);
	(void)net_sasl_address(fd, false, &from->local_ip_port);
	(void)net_sasl_address(fd, true, &from->remote_ip_port);
}

/* An address that was mapped into IPv6 is written as what it is. */
static void
set_address(const char *text, int port, struct buf *host, struct buf *ip_port)
{
	struct netaddr a;
	size_t start = ip_port->n;

	if (netaddr_parse(text, &a))
		netaddr_print(&a, ip_port);
	if (host != NULL)
		buf_add(host, ip_port->p + start, ip_port->n - start);
	buf_printf(ip_port, ";%d", port);
}

bool
admit_believes(const struct admit *a, const char *host)
{
	struct netaddr proxy;

	if (netaddr_parse(host, &proxy) && netset_has(a->proxies, &proxy))
		return true;
	log_notice("refused connect from [%s]: not in proxy_networks", host);
	return false;
}

void
admit_proxied(const struct proxy_header *h, struct arrival *from)
{
	/* Whoever it speaks for, if it does not say so: he need not be here. */
	from->is_local = false;
	if (!h->has_addresses)
		return;
	buf_reset(&from->host);
	buf_reset(&from->local_ip_port);
	buf_reset(&from->remote_ip_port);
	set_address(h->source, h->source_port, &from->host, &from->remote_ip_port);
	set_address(h->destination, h->destination_port, NULL, &from->local_ip_port);
}

void
admit_no_header(const char *host, enum err why)
{
	if (why == ERR_SYNTAX)
		log_warning("[%s] does not speak the PROXY protocol, which -H wants: closed", host);
	else
		log_info("[%s] has said nothing in the PROXY protocol: closed", host);
}

/* The connection is a load balancer's: for whom does it speak? */
static enum err
ask_proxy(const struct admit *a, int fd, struct arrival *from)
{
	struct proxy_header h;

	if (!admit_believes(a, from->host.p))
		return ERR_DENIED;

	enum err e = proxy_receive(fd, ADMIT_PROXY_MS, &h);

	if (e == OK)
		admit_proxied(&h, from);
	else
		admit_no_header(from->host.p, e);
	return e;
}

static bool
is_welcome(const struct admit *a, const char *host)
{
	struct netaddr address;

	if (!netaddr_parse(host, &address) || netset_has(a->allowed, &address))
		return true;
	return netset_is_empty(a->allowed) && !netset_has(a->denied, &address);
}

bool
admit_welcome(const struct admit *a, const char *host)
{
	if (is_welcome(a, host))
		return true;
	log_notice("refused connect from [%s]: %s", host,
	    netset_is_empty(a->allowed) ? "deny_networks" : "allow_networks");
	return false;
}

void
admit_keep_alive(const struct admit *a, int fd)
{
	struct net_keepalive k = {
		.on = conf_switch(a->conf, CONF_TCP_KEEPALIVE),
		.count = (int)conf_int(a->conf, CONF_TCP_KEEPALIVE_CNT),
		.idle_seconds = (int)conf_seconds(a->conf, CONF_TCP_KEEPALIVE_IDLE),
		.interval_seconds = (int)conf_seconds(a->conf, CONF_TCP_KEEPALIVE_INTVL),
	};

	net_set_keepalive(fd, &k);
}

enum err
admit(struct admit *a, int fd, struct arrival *from, const char **why)
{
	*why = NULL;
	admit_look(fd, from);
	if (a->proxied) {
		enum err e = ask_proxy(a, fd, from);

		if (e != OK)
			return e;
	}
	if (!admit_welcome(a, from->host.p))
		return ERR_DENIED;

	enum limits_verdict verdict = limits_connected(a->limits, from->host.p);

	if (verdict != LIMITS_OK) {
		log_notice("refused connect from [%s]: %s", from->host.p,
		    limits_option(verdict));
		*why = limits_why(verdict);
		return ERR_DENIED;
	}
	admit_keep_alive(a, fd);
	return OK;
}

void
admit_gone(struct admit *a)
{
	limits_disconnected(a->limits);
}

struct limits *
admit_limits(struct admit *a)
{
	return a->limits;
}
