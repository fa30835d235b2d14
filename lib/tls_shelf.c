#include "lib/tls_shelf.h"
#include "lib/tls_in.h"

#include "lib/log.h"
#include "lib/mem.h"
#include "lib/tlskey.h"

#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct item {
	struct item *next;
	char *name;			/* "": the default */
	struct tls_stock stock;
	bool is_good;			/* it has been, once; else there is no stock */
	struct tls_files files;
	bool pending;			/* the last change was no good, so far */
	time_t tried;
	enum err error;			/* if it has never been good */
	struct tls_trouble why;
};

struct tls_shelf {
	struct tls_params p;
	struct tlskey_ring *ring;
	struct item *buckets[TLS_BUCKETS];
};

/* --- reading --- */

static enum err
find_pairs(const struct tls_shelf *s, const char *name, struct tls_pairs *pairs,
    struct tls_trouble *why)
{
	if (*name == '\0')
		return tls_pairs_listed(s->p.cert_file, s->p.key_file, pairs, why);
	tls_pairs_in(s->p.sni_dir, name, pairs);
	if (pairs->n > 0)
		return OK;
	tls_say(why, "\"%s/%s\" has neither cert.pem and key.pem nor fullchain.pem and"
	    " privkey.pem", s->p.sni_dir, name);
	return ERR_NOTFOUND;
}

/* Everything that a change of means to read it again. */
static void
watch(const struct tls_shelf *s, struct item *item, const struct tls_pairs *pairs)
{
	char path[4096];
	struct tls_files *files = &item->files;
	tls_files_free(files);
	if (*item->name != '\0') {
		snprintf(path, sizeof(path), "%s/%s", s->p.sni_dir, item->name);
		tls_files_add(files, path);
	}
	for (size_t i = 0; i < pairs->n; i++) {
		tls_files_add(files, pairs->v[i].cert);
		if (strcmp(pairs->v[i].key, pairs->v[i].cert) != 0)
			tls_files_add(files, pairs->v[i].key);
		snprintf(path, sizeof(path), "%s" TLS_OCSP_SUFFIX, pairs->v[i].cert);
		tls_files_add(files, path);
	}
	tls_files_add(files, s->p.dh_file);
	if (s->p.client_certs != TLS_CLIENTS_OFF) {
		tls_files_add(files, s->p.client_ca_file);
		tls_files_add(files, s->p.client_ca_dir);
		tls_files_add(files, s->p.crl_file);
	}
}

static enum err
read_all(const struct tls_shelf *s, const struct tls_pairs *pairs, struct tls_stock *stock,
    struct tls_trouble *why)
{
	struct tls_bundle *b = &stock->bundle;
	if (pairs->n > TLS_CERTS) {
		tls_say(why, "more than %d certificates for one name", TLS_CERTS);
		return ERR_LIMIT;
	}
	enum err e = tls_read_rest(&s->p, b, why);
	for (size_t i = 0; e == OK && i < pairs->n; i++) {
		b->n++;
		e = tls_read_cert(&pairs->v[i], &b->certs[i], &stock->keys[i], why);
	}
	return e;
}

/* What a server would make of it, it must be able to. */
static enum err
prove(const struct tls_shelf *s, const struct tls_stock *stock, struct tls_trouble *why)
{
	SSL_CTX *ssl;
	enum err e = tls_setup(&s->p, &stock->bundle, &ssl, why);
	for (size_t i = 0; e == OK && i < stock->bundle.n; i++)
		e = tls_cert_load(ssl, &stock->bundle.certs[i], stock->keys[i], NULL, why);
	SSL_CTX_free(ssl);
	return e;
}

/* The files as they are now; those are noted before. */
static enum err
build(const struct tls_shelf *s, struct item *item, struct tls_stock *stock,
    struct tls_trouble *why)
{
	struct tls_pairs pairs = { .v = NULL };
	tls_stock_init(stock);
	enum err e = find_pairs(s, item->name, &pairs, why);
	watch(s, item, &pairs);
	if (e == OK)
		e = read_all(s, &pairs, stock, why);
	if (e == OK)
		e = prove(s, stock, why);
	tls_pairs_free(&pairs);
	if (e != OK)
		tls_stock_free(stock);
	return e;
}

/* --- items --- */

static void
tell_ring(const struct tls_shelf *s, const struct tls_stock *stock,
    void (*tell)(struct tlskey_ring *r, EVP_PKEY *key))
{
	for (size_t i = 0; s->ring != NULL && i < stock->bundle.n; i++)
		tell(s->ring, stock->keys[i]);
}

static void
take(const struct tls_shelf *s, struct item *item, const struct tls_stock *stock)
{
	tell_ring(s, stock, tlskey_ring_put);
	tell_ring(s, &item->stock, tlskey_ring_drop);
	tls_stock_free(&item->stock);
	item->stock = *stock;
	tls_bundle_encode(&item->stock.bundle, &item->stock.bytes);
	tls_bundle_hash(buf_str(&item->stock.bytes), item->stock.hash);
	item->is_good = true;
	item->pending = false;
}

/* Whoever asks for the default says it himself if it has never been good. */
static void
complain(const struct item *item)
{
	if (*item->name == '\0' && !item->is_good)
		return;
	log_err("TLS: certificates%s%s cannot be used, so %s: %s",
	    *item->name != '\0' ? " for " : "", item->name,
	    item->is_good ? "the old ones stay" : "clients see the default's", item->why.text);
}

/*
 * Between two renames a certificate and a key do not fit, and a file may be
 * half written: what was good stays, and only if it goes on like that somebody
 * must be told.
 */
static void
rebuild(const struct tls_shelf *s, struct item *item)
{
	struct tls_stock stock;
	item->tried = time(NULL);
	item->error = build(s, item, &stock, &item->why);
	if (item->error == OK) {
		take(s, item, &stock);
		return;
	}
	/* They may have changed while they were read. */
	item->pending = tls_files_changed(&item->files) || tls_files_are_young(&item->files);
	if (!item->pending)
		complain(item);
}

static struct item **
place(struct tls_shelf *s, const char *name)
{
	struct item **at = &s->buckets[tls_bucket(name)];
	while (*at != NULL && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

static struct item *
item_new(const char *name)
{
	struct item *item = mem_zero(1, sizeof(*item));
	item->name = mem_copy(name);
	tls_stock_init(&item->stock);
	return item;
}

static void
item_free(const struct tls_shelf *s, struct item *item)
{
	tell_ring(s, &item->stock, tlskey_ring_drop);
	tls_stock_free(&item->stock);
	tls_files_free(&item->files);
	free(item->name);
	free(item);
}

static bool
has_directory(const struct tls_shelf *s, const char *name)
{
	char path[4096];
	struct stat st;
	if (s->p.sni_dir == NULL || *s->p.sni_dir == '\0' || !tls_shelf_is_name(str_c(name)))
		return false;
	snprintf(path, sizeof(path), "%s/%s", s->p.sni_dir, name);
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

enum err
tls_shelf_find(struct tls_shelf *s, const char *name, const struct tls_stock **stock,
    char *why, size_t size)
{
	struct item **at = place(s, name), *item = *at;
	*stock = NULL;
	if (*name != '\0' && !has_directory(s, name)) {
		if (item != NULL) {
			*at = item->next;
			item_free(s, item);
		}
		return ERR_NOTFOUND;
	}
	bool is_new = item == NULL;
	if (is_new)
		*at = item = item_new(name);
	if (is_new || tls_files_changed(&item->files)
	    || (item->pending && item->tried != time(NULL)))
		rebuild(s, item);
	if (item->is_good) {
		*stock = &item->stock;
		return OK;
	}
	snprintf(why, size, "%s", item->why.text);
	return *name == '\0' ? item->error : ERR_CORRUPT;
}

bool
tls_shelf_is_name(struct str name)
{
	if (str_starts(name, STR("*.")))
		name = str_slice(name, 2, name.n);
	if (name.n == 0 || name.n > NAME_MAX_BYTES || name.p[0] == '.')
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
		    || c == '-' || c == '_' || (c == '.' && name.p[i - 1] != '.');
		if (!fits)
			return false;
	}
	return true;
}

unsigned
tls_bucket(const char *name)
{
	unsigned h = 5381;
	for (const char *p = name; *p != '\0'; p++)
		h = h * 33 + (unsigned char)*p;
	return h % TLS_BUCKETS;
}

struct tls_shelf *
tls_shelf_new(const struct tls_params *p, struct tlskey_ring *ring)
{
	struct tls_shelf *s = mem_zero(1, sizeof(*s));
	s->p = *p;
	s->ring = ring;
	return s;
}

void
tls_shelf_free(struct tls_shelf *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < TLS_BUCKETS; i++)
		while (s->buckets[i] != NULL) {
			struct item *next = s->buckets[i]->next;
			item_free(s, s->buckets[i]);
			s->buckets[i] = next;
		}
	free(s);
}
