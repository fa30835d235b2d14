/*
 * Version 1 is a line of at most 107 bytes, "PROXY TCP4 192.0.2.1 192.0.2.2
 * 4711 143\r\n".  Version 2 is
 *    0 signature   12 u8 version (high) and command   13 u8 family and
 *   transport   14 u16 length of the rest: addresses, TLVs (u8 type, u16
 *   length, value)
 */
#include "lib/proxyproto.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
	V1_MIN = 15,			/* "PROXY UNKNOWN\r\n" */
	V1_MAX = 107,
	V2_HEAD = 16,
	V2_LOCAL = 0x20, V2_PROXY = 0x21,
	V2_TCP4 = 0x11, V2_TCP6 = 0x21,
	V2_TCP4_SIZE = 12, V2_TCP6_SIZE = 36,
	TLV_HEAD = 3,
};

static const char v1_start[] = "PROXY ";
static const char v2_signature[] = "\r\n\r\n\0\r\nQUIT\n";

enum { V1_START = sizeof(v1_start) - 1, V2_SIGNATURE = sizeof(v2_signature) - 1 };

/* --- version 1 --- */

/* Takes the next word of LINE; it is one space after the one before. */
static bool
next_word(struct str *line, struct str *word)
{
	size_t n = str_chr(*line, ' ');

	*word = str_slice(*line, 0, n);
	*line = str_slice(*line, n + 1, line->n);
	return word->n > 0;
}

static bool
take_address(struct str *line, int family, char out[INET6_ADDRSTRLEN])
{
	unsigned char binary[sizeof(struct in6_addr)];
	struct str word;

	if (!next_word(line, &word) || word.n >= INET6_ADDRSTRLEN)
		return false;
	memcpy(out, word.p, word.n);
	out[word.n] = '\0';
	/* Printed anew, so that one address has one form. */
	return inet_pton(family, out, binary) == 1
	    && inet_ntop(family, binary, out, INET6_ADDRSTRLEN) != NULL;
}

static bool
take_port(struct str *line, int *port)
{
	struct str word;

	if (!next_word(line, &word) || word.n > 5 || (word.n > 1 && word.p[0] == '0'))
		return false;
	*port = 0;
	for (size_t i = 0; i < word.n; i++) {
		if (word.p[i] < '0' || word.p[i] > '9')
			return false;
		*port = *port * 10 + (word.p[i] - '0');
	}
	return *port <= 65535;
}

/* LINE without its end. */
static enum err
parse_v1_line(struct str line, struct proxy_header *h)
{
	struct str family;

	line = str_slice(line, V1_START, line.n);
	if (memchr(line.p, '\0', line.n) != NULL || str_ends(line, STR(" "))
	    || !next_word(&line, &family))
		return ERR_SYNTAX;
	if (str_eq(family, STR("UNKNOWN")))
		return OK;

	int af = str_eq(family, STR("TCP4")) ? AF_INET
	    : str_eq(family, STR("TCP6")) ? AF_INET6 : AF_UNSPEC;

	if (af == AF_UNSPEC
	    || !take_address(&line, af, h->source) || !take_address(&line, af, h->destination)
	    || !take_port(&line, &h->source_port) || !take_port(&line, &h->destination_port)
	    || line.n > 0)
		return ERR_SYNTAX;
	h->has_addresses = true;
	return OK;
}

static enum err
parse_v1(struct str bytes, struct proxy_header *h, size_t *wants)
{
	const char *lf = memchr(bytes.p, '\n', bytes.n);

	if (lf != NULL) {
		size_t n = (size_t)(lf - bytes.p) + 1;

		if (n != bytes.n || n < V1_MIN || lf[-1] != '\r')
			return ERR_SYNTAX;
		return parse_v1_line((struct str){ bytes.p, n - 2 }, h);
	}
	if (bytes.n >= V1_MAX)
		return ERR_SYNTAX;
	*wants = bytes.n < V1_MIN ? V1_MIN - bytes.n
	    : bytes.p[bytes.n - 1] == '\r' || bytes.n == V1_MAX - 1 ? 1 : 2;
	return ERR_AGAIN;
}

/* --- version 2 --- */

static unsigned
get_u16(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (unsigned)u[0] << 8 | u[1];
}

static bool
tlvs_are_whole(struct str s)
{
	while (s.n >= TLV_HEAD) {
		size_t n = TLV_HEAD + get_u16(s.p + 1);

		if (n > s.n)
			return false;
		s = str_slice(s, n, s.n);
	}
	return s.n == 0;
}

static enum err
parse_v2(struct str bytes, struct proxy_header *h, size_t *wants)
{
	if (bytes.n < V2_HEAD) {
		*wants = V2_HEAD - bytes.n;
		return ERR_AGAIN;
	}

	unsigned command = (unsigned char)bytes.p[12], family = (unsigned char)bytes.p[13];
	size_t size = V2_HEAD + get_u16(bytes.p + 14);

	if ((command != V2_LOCAL && command != V2_PROXY) || size > PROXY_HEADER_MAX
	    || bytes.n > size)
		return ERR_SYNTAX;
	if (bytes.n < size) {
		*wants = size - bytes.n;
		return ERR_AGAIN;
	}
	if (command == V2_LOCAL || (family != V2_TCP4 && family != V2_TCP6))
		return OK;

	size_t addresses = family == V2_TCP4 ? V2_TCP4_SIZE : V2_TCP6_SIZE;
	int af = family == V2_TCP4 ? AF_INET : AF_INET6;
	size_t one = (addresses - 4) / 2;
	struct str rest = str_slice(bytes, V2_HEAD, bytes.n);

	if (rest.n < addresses || !tlvs_are_whole(str_slice(rest, addresses, rest.n))
	    || inet_ntop(af, rest.p, h->source, INET6_ADDRSTRLEN) == NULL
	    || inet_ntop(af, rest.p + one, h->destination, INET6_ADDRSTRLEN) == NULL)
		return ERR_SYNTAX;
	h->source_port = (int)get_u16(rest.p + 2 * one);
	h->destination_port = (int)get_u16(rest.p + 2 * one + 2);
	h->has_addresses = true;
	return OK;
}

enum err
proxy_parse(struct str bytes, struct proxy_header *h, size_t *wants)
{
	*h = (struct proxy_header){ .has_addresses = false };
	*wants = 0;

	size_t v1 = bytes.n < V1_START ? bytes.n : V1_START;
	size_t v2 = bytes.n < V2_SIGNATURE ? bytes.n : V2_SIGNATURE;

	if (memcmp(bytes.p, v1_start, v1) == 0 && bytes.n > 0)
		return parse_v1(bytes, h, wants);
	if (bytes.n == 0) {
		*wants = V1_MIN;
		return ERR_AGAIN;
	}
	return memcmp(bytes.p, v2_signature, v2) == 0 ? parse_v2(bytes, h, wants) : ERR_SYNTAX;
}

/* --- from a socket --- */

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Some of the N bytes at P; what is not there is waited for until END. */
static enum err
receive_some(int fd, char *p, size_t n, int64_t end, size_t *got)
{
	for (;;) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		ssize_t r = recv(fd, p, n, MSG_DONTWAIT);
		int64_t left = end - now_ms();

		if (r > 0) {
			*got = (size_t)r;
			return OK;
		}
		if (r == 0 || (errno != EAGAIN && errno != EINTR))
			return ERR_CLOSED;
		if (left <= 0 || poll(&pfd, 1, (int)left) == 0)
			return ERR_TIMEOUT;
	}
}

enum err
proxy_receive(int fd, int timeout_ms, struct proxy_header *h)
{
	int64_t end = now_ms() + timeout_ms;
	char bytes[PROXY_HEADER_MAX] = { 0 };	/* for cppcheck */
	size_t n = 0, wants, got;
	enum err e;

	while ((e = proxy_parse((struct str){ bytes, n }, h, &wants)) == ERR_AGAIN) {
		e = receive_some(fd, bytes + n, wants, end, &got);
		if (e != OK)
			return e;
		n += got;
	}
	return e;
}
