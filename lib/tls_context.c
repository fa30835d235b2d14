/*
 * tls_context.c - which certificate for which client, and the newest of it
 *
 * An entry is one SSL_CTX with everything in it: the default's, or that of a
 * name below sni_dir.  A connection begins with the default's.  In its
 * ClientHello, before sessions are looked at, it may be given another (so what
 * a session depends on is set there, too).  Connections hold references to
 * their SSL_CTX, so an entry can have a new one at any time.
 *
 * Names are made entries when somebody asks for them; who asks for what is not
 * there costs two stat(2).  The files of an entry are looked at for each
 * handshake that wants it.
 */
#include "lib/tls_in.h"

#include "lib/log.h"
#include "lib/mem.h"
#include "lib/tickets.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/tls1.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct tls_entry {
	struct tls_entry *next;
	char *name;			/* "": the default */
	SSL_CTX *ssl;			/* NULL: could not be made yet */
	struct tls_files files;
	bool pending;			/* the last change was no good, so far */
	time_t tried;
	unsigned char session_id[SESSION_ID];
};

/* --- making an entry --- */

static enum err
find_pairs(const struct tls_context *ctx, const char *name, struct tls_pairs *pairs,
    struct tls_trouble *why)
{
	if (*name == '\0')
		return tls_pairs_listed(ctx->p.cert_file, ctx->p.key_file, pairs, why);
	tls_pairs_in(ctx->p.sni_dir, name, pairs);
	if (pairs->n > 0)
		return OK;
	tls_say(why, "\"%s/%s\" has neither cert.pem and key.pem nor fullchain.pem and"
	    " privkey.pem", ctx->p.sni_dir, name);
	return ERR_NOTFOUND;
}

/* Everything that a change of means a new SSL_CTX. */
static void
watch(const struct tls_context *ctx, const struct tls_entry *entry,
    const struct tls_pairs *pairs, struct tls_files *files)
{
	char path[4096];
	*files = (struct tls_files){ .v = NULL };
	if (*entry->name != '\0') {
		snprintf(path, sizeof(path), "%s/%s", ctx->p.sni_dir, entry->name);
		tls_files_add(files, path);
	}
	for (size_t i = 0; i < pairs->n; i++) {
		tls_files_add(files, pairs->v[i].cert);
		if (strcmp(pairs->v[i].key, pairs->v[i].cert) != 0)
			tls_files_add(files, pairs->v[i].key);
		snprintf(path, sizeof(path), "%s" TLS_OCSP_SUFFIX, pairs->v[i].cert);
		tls_files_add(files, path);
	}
	tls_files_add(files, ctx->p.dh_file);
	if (ctx->p.client_certs != TLS_CLIENTS_OFF) {
		tls_files_add(files, ctx->p.client_ca_file);
		tls_files_add(files, ctx->p.client_ca_dir);
		tls_files_add(files, ctx->p.crl_file);
	}
}

static int on_hello(SSL *ssl, int *alert, void *ctx);
static int on_name(SSL *ssl, int *alert, void *ctx);
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
    const unsigned char *in, unsigned in_n, void *ctx);

/* A new SSL_CTX from the files as they are now; those are noted before. */
static enum err
build(struct tls_context *ctx, struct tls_entry *entry, SSL_CTX **ssl,
    struct tls_trouble *why)
{
	struct tls_pairs pairs = { .v = NULL };
	struct tls_files files;
	*ssl = NULL;
	enum err e = find_pairs(ctx, entry->name, &pairs, why);
	watch(ctx, entry, &pairs, &files);
	tls_files_free(&entry->files);
	entry->files = files;
	if (e == OK)
		e = tls_setup(&ctx->p, ssl, why);
	for (size_t i = 0; e == OK && i < pairs.n; i++)
		e = tls_cert_load(*ssl, &pairs.v[i], ctx->p.holder, why);
	tls_pairs_free(&pairs);
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
entry_new(struct tls_context *ctx, const char *name)
{
	struct tls_entry *entry = mem_zero(1, sizeof(*entry));
	entry->name = mem_copy(name);
	set_session_id(ctx, entry);
	return entry;
}

static void
entry_free(struct tls_entry *entry)
{
	if (entry == NULL)
		return;
	SSL_CTX_free(entry->ssl);
	tls_files_free(&entry->files);
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

/*
 * Makes the entry's SSL_CTX anew.  Between two renames a certificate and a key
 * do not fit, and a file may be half written: what was good stays, and only if
 * it goes on like that somebody must be told.
 */
static void
rebuild(struct tls_context *ctx, struct tls_entry *entry)
{
	char whom[NAME_MAX_BYTES + 8];
	struct tls_trouble why = { "" };
	SSL_CTX *ssl;
	bool is_new = entry->ssl == NULL;
	entry->tried = time(NULL);
	if (build(ctx, entry, &ssl, &why) == OK) {
		SSL_CTX_free(entry->ssl);
		entry->ssl = ssl;
		entry->pending = false;
		log_info("TLS: %s certificates%s are in use", is_new ? "the" : "new",
		    for_whom(entry, whom, sizeof(whom)));
		return;
	}
	/* They may have changed while they were read. */
	entry->pending = tls_files_changed(&entry->files) || tls_files_are_young(&entry->files);
	if (!entry->pending)
		log_err("TLS: certificates%s cannot be used, so %s: %s",
		    for_whom(entry, whom, sizeof(whom)),
		    is_new ? "clients see the default's" : "the old ones stay", why.text);
}

/* Takes changed files into use. */
static void
refresh(struct tls_context *ctx, struct tls_entry *entry)
{
	if (ctx->frozen)
		return;
	if (tls_files_changed(&entry->files)
	    || (entry->pending && entry->tried != time(NULL)))
		rebuild(ctx, entry);
}

/* --- names --- */

static bool
has_directory(const struct tls_context *ctx, const char *name)
{
	char path[4096];
	struct stat st;
	snprintf(path, sizeof(path), "%s/%s", ctx->p.sni_dir, name);
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static struct tls_entry **
bucket(struct tls_context *ctx, const char *name)
{
	unsigned h = 5381;
	for (const char *p = name; *p != '\0'; p++)
		h = h * 33 + (unsigned char)*p;
	struct tls_entry **at = &ctx->names[h % TLS_BUCKETS];
	while (*at != NULL && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

/* The entry of exactly this name; NULL: no such directory, or nothing usable in it. */
static struct tls_entry *
named(struct tls_context *ctx, const char *name)
{
	struct tls_entry **at = bucket(ctx, name), *entry = *at;
	if (ctx->frozen)
		return entry != NULL && entry->ssl != NULL ? entry : NULL;
	if (!has_directory(ctx, name)) {
		if (entry != NULL) {
			*at = entry->next;
			entry_free(entry);
		}
		return NULL;
	}
	if (entry == NULL) {
		*at = entry = entry_new(ctx, name);
		rebuild(ctx, entry);
	} else {
		refresh(ctx, entry);
	}
	return entry->ssl != NULL ? entry : NULL;
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

/*
 * A host_name (RFC 6066 section 3) in lower case; it becomes part of a path, so
 * nothing but letters, digits, "-", "_" and single dots between them.
 */
static bool
copy_name(const unsigned char *p, size_t n, char name[NAME_MAX_BYTES + 1])
{
	if (n == 0 || n > NAME_MAX_BYTES || p[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = p[i];
		if (c >= 'A' && c <= 'Z')
			c |= 32;
		bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
		    || c == '-' || c == '_' || (c == '.' && p[i - 1] != '.');
		if (!fits)
			return false;
		name[i] = (char)c;
	}
	name[n] = '\0';
	return true;
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
	ctx->standard = entry_new(ctx, "");
	enum err e = build(ctx, ctx->standard, &ctx->standard->ssl, &why);
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
	refresh(ctx, ctx->standard);
	return ctx->standard->ssl;
}

void
tls_context_refresh(struct tls_context *ctx)
{
	refresh(ctx, ctx->standard);
	for (int i = 0; i < TLS_BUCKETS; i++)
		for (struct tls_entry *entry = ctx->names[i]; entry != NULL; entry = entry->next)
			refresh(ctx, entry);
}

void
tls_context_freeze(struct tls_context *ctx)
{
	const char *path = ctx->p.sni_dir;
	const struct dirent *de;
	DIR *d = path != NULL && *path != '\0' ? opendir(path) : NULL;
	while (d != NULL && (de = readdir(d)) != NULL) {
		char name[NAME_MAX_BYTES + 1];
		/* "*.example.org" is a name here, too. */
		bool wild = de->d_name[0] == '*';
		if (copy_name((const unsigned char *)de->d_name + wild,
		    strlen(de->d_name + wild), name) || (wild && de->d_name[1] == '.'))
			(void)named(ctx, de->d_name);
	}
	if (d != NULL)
		closedir(d);
	ctx->frozen = true;
}
