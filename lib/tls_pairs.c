/* tls_pairs.c - which files hold certificates, and which the keys of them */
#include "lib/tls_in.h"

#include "lib/mem.h"
#include "lib/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *cert, *key;
} names[] = {
	/* certbot has a cert.pem, too, which lacks the chain, but no key.pem. */
	{ "fullchain.pem", "privkey.pem" },
	{ "cert.pem", "key.pem" },
	{ "cert-rsa.pem", "key-rsa.pem" },
	{ "cert-ecdsa.pem", "key-ecdsa.pem" },
};

enum { NAMES = sizeof(names) / sizeof(names[0]) };

/* Both strings become the pairs'. */
static void
add(struct tls_pairs *pairs, char *cert, char *key)
{
	pairs->v = mem_grow(pairs->v, (pairs->n + 1) * sizeof(*pairs->v));
	pairs->v[pairs->n++] = (struct tls_pair){ cert, key };
}

void
tls_pairs_free(struct tls_pairs *pairs)
{
	for (size_t i = 0; i < pairs->n; i++) {
		free(pairs->v[i].cert);
		free(pairs->v[i].key);
	}
	free(pairs->v);
	*pairs = (struct tls_pairs){ .v = NULL };
}

/* The next path of "A,B", the caller's; NULL: no more. */
static char *
next_path(const char **list)
{
	static const char between[] = ", \t";
	if (*list == NULL)
		return NULL;
	*list += strspn(*list, between);
	size_t n = strcspn(*list, between);
	if (n == 0)
		return NULL;
	char *path = mem_get(n + 1);
	memcpy(path, *list, n);
	path[n] = '\0';
	*list += n;
	return path;
}

enum err
tls_pairs_listed(const char *certs, const char *keys, struct tls_pairs *pairs,
    struct tls_trouble *why)
{
	*pairs = (struct tls_pairs){ .v = NULL };
	if (certs == NULL || *certs == '\0') {
		tls_say(why, "tls_server_cert is not set in imapd.conf");
		return ERR_NOTFOUND;
	}
	if (keys == NULL || *keys == '\0')
		keys = certs;
	for (;;) {
		char *cert = next_path(&certs), *key = next_path(&keys);
		if (cert == NULL && key == NULL && pairs->n > 0)
			return OK;
		if (cert == NULL || key == NULL || *cert != '/' || *key != '/') {
			tls_say(why, "tls_server_cert and tls_server_key must name as many"
			    " files, by absolute paths");
			free(cert);
			free(key);
			tls_pairs_free(pairs);
			return ERR_SYNTAX;
		}
		add(pairs, cert, key);
	}
}

static char *
path_in(const char *dir, const char *name, const char *file)
{
	struct buf path = BUF_INIT;
	buf_printf(&path, "%s/%s/%s", dir, name, file);
	return buf_take(&path);
}

void
tls_pairs_in(const char *dir, const char *name, struct tls_pairs *pairs)
{
	*pairs = (struct tls_pairs){ .v = NULL };
	for (size_t i = 0; i < NAMES; i++) {
		char *cert = path_in(dir, name, names[i].cert);
		char *key = path_in(dir, name, names[i].key);
		if (access(cert, F_OK) == 0 && access(key, F_OK) == 0) {
			add(pairs, cert, key);
		} else {
			free(cert);
			free(key);
		}
	}
}
