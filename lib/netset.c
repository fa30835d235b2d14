#include "lib/netset.h"

#include "lib/mem.h"
#include "lib/str.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum {
	ADDRESS_BITS = 128,
	MAPPED_BITS = 96,		/* ::ffff:0:0/96 is IPv4 */
};

struct network {
	struct netaddr first;
	unsigned bits;
};

struct netset {
	struct network *networks;
	size_t n;
};

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

bool
netaddr_parse(const char *text, struct netaddr *a)
{
	if (inet_pton(AF_INET6, text, a->b) == 1)
		return true;
	memcpy(a->b, mapped, sizeof(mapped));
	return inet_pton(AF_INET, text, a->b + sizeof(mapped)) == 1;
}

void
netaddr_print(const struct netaddr *a, struct buf *out)
{
	char text[INET6_ADDRSTRLEN];
	bool v4 = netaddr_is_ipv4(a);

	if (inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a->b + sizeof(mapped) : a->b,
	    text, sizeof(text)) != NULL)
		buf_adds(out, text);
}

bool
netaddr_is_ipv4(const struct netaddr *a)
{
	return memcmp(a->b, mapped, sizeof(mapped)) == 0;
}

bool
netaddr_is_loopback(const struct netaddr *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	return netaddr_is_ipv4(a) ? a->b[12] == IN_LOOPBACKNET
	    : memcmp(a->b, one, sizeof(one)) == 0;
}

void
netaddr_mask(struct netaddr *a, unsigned bits)
{
	for (unsigned i = 0; i < sizeof(a->b); i++) {
		unsigned kept = bits > i * 8 ? bits - i * 8 : 0;

		if (kept < 8)
			a->b[i] &= (uint8_t)(0xff00 >> kept);
	}
}

/* "8" of "10.0.0.0/8": at most three digits, at most MAX. */
static bool
parse_length(const char *text, unsigned max, unsigned *bits)
{
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > 3 || text[n] != '\0')
		return false;
	*bits = (unsigned)strtoul(text, NULL, 10);
	return *bits <= max;
}

static bool
parse_network(char *word, struct network *net)
{
	char *slash = strchr(word, '/');
	struct netaddr masked;

	if (strcmp(word, "all") == 0) {
		*net = (struct network){ .bits = 0 };
		return true;
	}
	if (slash != NULL)
		*slash = '\0';
	if (!netaddr_parse(word, &net->first))
		return false;

	/* What is written as IPv6 has 128 bits, also if it is a mapped address. */
	unsigned before = strchr(word, ':') == NULL ? MAPPED_BITS : 0;

	net->bits = ADDRESS_BITS;
	if (slash != NULL) {
		if (!parse_length(slash + 1, ADDRESS_BITS - before, &net->bits))
			return false;
		net->bits += before;
	}
	masked = net->first;
	netaddr_mask(&masked, net->bits);
	return memcmp(&masked, &net->first, sizeof(masked)) == 0;
}

enum err
netset_parse(const char *words, struct netset **set, struct buf *bad)
{
	static const char spaces[] = " \t\r\n,";
	struct netset *s = mem_zero(1, sizeof(*s));
	enum err e = OK;

	for (const char *p = words != NULL ? words : ""; e == OK && *p != '\0';) {
		size_t n = strcspn(p, spaces);
		char word[INET6_ADDRSTRLEN + 5];
		struct network net;

		if (n > 0 && n < sizeof(word)) {
			memcpy(word, p, n);
			word[n] = '\0';
		}
		if (n >= sizeof(word) || (n > 0 && !parse_network(word, &net))) {
			buf_add(bad, p, n);
			e = ERR_SYNTAX;
		} else if (n > 0) {
			s->networks = mem_grow(s->networks, (s->n + 1) * sizeof(net));
			s->networks[s->n++] = net;
		}
		p += n;
		p += strspn(p, spaces);
	}
	if (e == OK)
		*set = s;
	else
		netset_free(s);
	return e;
}

void
netset_free(struct netset *set)
{
	if (set == NULL)
		return;
	free(set->networks);
	free(set);
}

bool
netset_is_empty(const struct netset *set)
{
	return set->n == 0;
}

bool
netset_has(const struct netset *set, const struct netaddr *a)
{
	for (size_t i = 0; i < set->n; i++) {
		struct netaddr masked = *a;

		netaddr_mask(&masked, set->networks[i].bits);
		if (memcmp(&masked, &set->networks[i].first, sizeof(masked)) == 0)
			return true;
	}
	return false;
}
