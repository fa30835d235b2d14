/*
 * netset.h - addresses of hosts, and lists of networks
 *
 * A list is words: "10.0.0.0/8 2001:db8::/32 192.0.2.1 all".  A word without a
 * length is one host; "all" is every address.  IPv4 addresses and those mapped
 * into IPv6 are the same.  Names of hosts are not looked up: who controls the
 * reverse zone would control the list.
 */
#ifndef LIB_NETSET_H
#define LIB_NETSET_H

#include "lib/buf.h"
#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* IPv6; an IPv4 address is ::ffff:a.b.c.d. */
struct netaddr {
	uint8_t b[16];
};

/* "192.0.2.1", "2001:db8::1"; false: not an address. */
bool netaddr_parse(const char *text, struct netaddr *a);

/* Appends it as people write it: "192.0.2.1", "2001:db8::1". */
void netaddr_print(const struct netaddr *a, struct buf *out);

bool netaddr_is_ipv4(const struct netaddr *a);
bool netaddr_is_loopback(const struct netaddr *a);

/* All but the first BITS (of 128) become 0. */
void netaddr_mask(struct netaddr *a, unsigned bits);

struct netset;

/*
 * WORDS is separated by white space or commas; NULL and "" make an empty set.
 * ERR_SYNTAX: BAD has the word that is no network (one with bits behind its
 * length, 10.0.0.1/8, is none).  The set is the caller's.
 */
enum err netset_parse(const char *words, struct netset **set, struct buf *bad) MUST_CHECK;
void netset_free(struct netset *set);	/* NULL is allowed */

bool netset_is_empty(const struct netset *set);
bool netset_has(const struct netset *set, const struct netaddr *a);

#endif
