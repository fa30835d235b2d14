/*
 * tls_context.c - which certificate for which client, and the newest of it
 *
 * An entry is one SSL_CTX with everything in it: the default's, or that of a
 * name below sni_dir.  A connection begins with the default's.  In its
 * ClientHello, before sessions are looked at, it may be given another (so what
 * a session depends on is set there, too).  Connections hold references to
 * their SSL_CTX, so an entry can have a new one at any time.
 *
 * What an entry is made of comes from a shelf (tls_shelf.h), our own or that of
 * the holder of keys (tlskey.h), which is asked for each handshake that wants
 * it; the holder once a second.  Names are made entries when somebody asks for
 * them; who asks for what is not there costs two stat(2), or two questions.
 */
#include "lib/tls_in.h"

#include "lib/log.h"
#include "lib/mem.h"
#include "lib/tickets.h"
#include "lib/tls_shelf.h"
#include "lib/tlskey.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/tls1.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ASK_MS = 1000 };

struct tls_entry {
	struct tls_entry *next;
	char *name;			/* "": the default */
	SSL_CTX *ssl;			/* NULL: not yet */
	uint8_t hash[TLS_BUNDLE_HASH];	/* of what it was made of; all 0: nothing */
	int64_t asked;			/* the holder, when */
	unsigned char session_id[SESSION_ID];
};

/* --- making an entry --- */

static int on_hello(SSL *ssl, int *alert, void *ctx);
static int on_name(SSL *ssl, int *alert, void *ctx);
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
    const unsigned char *in, unsigned in_n, void *ctx);

static enum err
build(struct tls_context *ctx, const struct tls_stock *stock, SSL_CTX **ssl,
    struct tls_trouble *why)
{
	const struct tls_bundle *b = &stock->bundle;
	enum err e = tls_setup(&ctx->p, b, ssl, why);
	for (size_t i = 0; e == OK && i < b->n; i++)
		e = tls_cert_load(*ssl, &b->certs[i], stock->keys[i], ctx->p.holder, why);
	if (e != OK) {
		SSL_CTX_free(*ssl);
		*ssl = NULL;
		return e;
	}
	SSL_CTX_set_client_hello_cb(*ssl, on_hello, ctx);
	SSL_CTX_set_tlsext_servername_callback(*ssl, on_name);
	SSL_CTX_set_alpn_select_cb(*ssl, on_alpn, ctx);
	tls_peer_remember(*ssl);
	tls_ticket_use(*ssl);
	tls_ocsp_use(*ssl);
	return OK;
}

/* A name's sessions are its own: whoever has one has not seen the others' certificates. */
static void
set_session_id(const struct tls_context *ctx, struct tls_entry *entry)
{
	struct buf text = BUF_INIT;
	unsigned n = sizeof(entry->session_id);
	tls_setup_policy(&ctx->p, &text);
	buf_adds(&text, entry->name);
	if (EVP_Digest(text.p, text.n, entry->session_id, &n, EVP_sha256(), NULL) != 1)
		log_fatal(75, "out of memory for TLS");
	buf_free(&text);
}

static struct tls_entry *
entry_new(const char *name)
{
	struct tls_entry *entry = mem_zero(1, sizeof(*entry));
	entry->name = mem_copy(name);
	return entry;
}

static void
entry_free(struct tls_entry *entry)
{
	if (entry == NULL)
		return;
	SSL_CTX_free(entry->ssl);
	free(entry->name);
	free(entry);
}

/* "" and "for NAME", for the log. */
static const char *
for_whom(const struct tls_entry *entry, char *text, size_t size)
{
	snprintf(text, size, "%s%s", *entry->name != '\0' ? " for " : "", entry->name);
	return text;
}

static int64_t
now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

/*
 * What there is for ENTRY's name, if it is not what it is made of: *stock, perhaps
 * in ROOM, which is initialized; else NULL.
 */
static enum err
find_stock(struct tls_context *ctx, struct tls_entry *entry, struct tls_stock *room,
    const struct tls_stock **stock, struct tls_trouble *why)
{
	bool changed;
	enum err e;
	*stock = NULL;
	if (ctx->p.holder == NULL) {
		e = tls_shelf_find(ctx->shelf, entry->name, stock, why->text, sizeof(why->text));
		if (e == OK && memcmp((*stock)->hash, entry->hash, sizeof(entry->hash)) == 0)
			*stock = NULL;
		return e;
	}
	int64_t now = now_ms();
	if (entry->ssl != NULL && now - entry->asked < ASK_MS)
		return OK;
	entry->asked = now;
	memcpy(room->hash, entry->hash, sizeof(entry->hash));
	e = tlskey_fetch(ctx->p.holder, ctx->p.service, entry->name, room, &changed, why->text,
	    sizeof(why->text));
	if (e == OK && changed)
		*stock = room;
	return e;
}

/* Takes what has changed into use.  If that cannot be, what is there stays. */
static enum err
refresh(struct tls_context *ctx, struct tls_entry *entry, struct tls_trouble *why)
{
	char whom[NAME_MAX_BYTES + 8];
	const struct tls_stock *stock;
	struct tls_stock room;
	SSL_CTX *ssl;
	tls_stock_init(&room);
	enum err e = find_stock(ctx, entry, &room, &stock, why);
	if (e == OK && stock != NULL && (e = build(ctx, stock, &ssl, why)) == OK) {
		if (entry->ssl != NULL || *entry->name != '\0')
			log_info("TLS: %s certificates%s are in use",
			    entry->ssl == NULL ? "the" : "new",
			    for_whom(entry, whom, sizeof(whom)));
		SSL_CTX_free(entry->ssl);
		entry->ssl = ssl;
		memcpy(entry->hash, stock->hash, sizeof(entry->hash));
	}
	tls_stock_free(&room);
	return e;
}

/* --- names --- */

/* The entry of exactly this name; NULL: there is none, or nothing usable for it. */
static struct tls_entry *
named(struct tls_context *ctx, const char *name)
{
	struct tls_trouble why = { "" };
	struct tls_entry **at = &ctx->names[tls_bucket(name)];
	while (*at != NULL && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	struct tls_entry *entry = *at;
	bool is_new = entry == NULL;
	if (is_new)
		entry = entry_new(name);
	enum err e = refresh(ctx, entry, &why);
	if (is_new && entry->ssl != NULL) {
		set_session_id(ctx, entry);
		*at = entry;
	} else if (e == ERR_NOTFOUND || is_new) {
		if (!is_new)
			*at = entry->next;
		entry_free(entry);
		return NULL;
	}
	return entry;
}

/* NULL: the default. */
static struct tls_entry *
find_name(struct tls_context *ctx, const char *name)
{
	if (ctx->p.sni_dir == NULL || *ctx->p.sni_dir == '\0' || *name == '\0')
		return NULL;
	struct tls_entry *entry = named(ctx, name);
	const char *dot = strchr(name, '.');
	if (entry != NULL || dot == NULL)
		return entry;
	char wildcard[NAME_MAX_BYTES + 2];
	snprintf(wildcard, sizeof(wildcard), "*%s", dot);
	return named(ctx, wildcard);
}

/* In lower case, if it can be a host's: a part of a path (tls_shelf.h). */
static bool
copy_name(const unsigned char *p, size_t n, char name[NAME_MAX_BYTES + 1])
{
	if (n > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < n; i++)
		name[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] | 32 : p[i]);
	name[n] = '\0';
	struct str text = { name, n };
	bool fits = tls_shelf_is_name(text) && name[0] != '*';
	if (!fits)
		name[0] = '\0';
	return fits;
}

/* ServerNameList: two bytes of length, and of each name type, length, bytes. */
static bool
asked_name(SSL *ssl, char name[NAME_MAX_BYTES + 1])
{
	const unsigned char *p;
	size_t n;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) != 1
	    || n < 5 || p[2] != TLSEXT_NAMETYPE_host_name)
		return false;
	size_t list = (size_t)p[0] << 8 | p[1], one = (size_t)p[3] << 8 | p[4];
	return list + 2 == n && one + 5 <= n && copy_name(p + 5, one, name);
}

/* --- while a client says hello --- */

static int
on_hello(SSL *ssl, int *alert, void *ctx)
{
	struct tls_context *c = ctx;
	struct tls *t = SSL_get_app_data(ssl);
	struct tls_entry *entry = NULL;
	(void)alert;
	if (asked_name(ssl, t->name))
		entry = find_name(c, t->name);
	t->name_known = entry != NULL;
	if (entry == NULL)
		entry = c->standard;
	else if (SSL_set_SSL_CTX(ssl, entry->ssl) == NULL)
		return SSL_CLIENT_HELLO_ERROR;
	return SSL_set_session_id_context(ssl, entry->session_id, SESSION_ID) == 1
	    ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}

/* Says to the client whether its name has made a difference. */
static int
on_name(SSL *ssl, int *alert, void *ctx)
{
	const struct tls *t = SSL_get_app_data(ssl);
	(void)alert;
	(void)ctx;
	return t->name_known ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/*
 * RFC 7301 section 3.2: who offers protocols and not ours is refused, so that
 * nobody's browser is made to talk to us (ALPACA).
 */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
    unsigned in_n, void *ctx)
{
	const struct tls_context *c = ctx;
	size_t n = c->p.alpn != NULL ? strlen(c->p.alpn) : 0;
	(void)ssl;
	for (unsigned at = 0; at < in_n; at += 1 + in[at])
		if (n > 0 && in[at] == n && at + 1 + n <= in_n
		    && memcmp(in + at + 1, c->p.alpn, n) == 0) {
			*out = in + at + 1;
			*out_n = in[at];
			return SSL_TLSEXT_ERR_OK;
		}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* --- contexts --- */

static enum err
find_tickets(struct tls_context *ctx)
{
	if (ctx->p.session_timeout <= 0)
		return OK;
	ctx->tickets = ctx->p.tickets;
	ctx->owns_tickets = ctx->tickets == NULL;
	return ctx->owns_tickets ? tickets_new(ctx->p.session_timeout, &ctx->tickets) : OK;
}

enum err
tls_context_new(const struct tls_params *p, struct tls_context **out)
{
	struct tls_trouble why = { "" };
	struct tls_context *ctx = mem_zero(1, sizeof(*ctx));
	*out = NULL;
	ctx->p = *p;
	ctx->shelf = p->holder == NULL ? tls_shelf_new(p, NULL) : NULL;
	ctx->standard = entry_new("");
	set_session_id(ctx, ctx->standard);
	enum err e = refresh(ctx, ctx->standard, &why);
	if (e != OK)
		log_err("TLS: %s", why.text);
	else
		e = find_tickets(ctx);
	if (e == OK)
		*out = ctx;
	else
		tls_context_free(ctx);
	return e;
}

void
tls_context_free(struct tls_context *ctx)
{
	if (ctx == NULL)
		return;
	entry_free(ctx->standard);
	tls_shelf_free(ctx->shelf);
	for (int i = 0; i < TLS_BUCKETS; i++)
		while (ctx->names[i] != NULL) {
			struct tls_entry *next = ctx->names[i]->next;
			entry_free(ctx->names[i]);
			ctx->names[i] = next;
		}
	if (ctx->owns_tickets)
		tickets_close(ctx->tickets);
	free(ctx);
}

SSL_CTX *
tls_context_ssl(struct tls_context *ctx)
{
	struct tls_trouble why = { "" };
	(void)!refresh(ctx, ctx->standard, &why);
	return ctx->standard->ssl;
}

void
tls_context_refresh(struct tls_context *ctx)
{
	struct tls_trouble why = { "" };
	(void)!refresh(ctx, ctx->standard, &why);
	for (int i = 0; i < TLS_BUCKETS; i++)
		for (struct tls_entry *entry = ctx->names[i]; entry != NULL; entry = entry->next)
			(void)!refresh(ctx, entry, &why);
}
