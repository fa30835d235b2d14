#include "lib/tls_check.h"
#include "lib/tls_in.h"

#include "lib/file.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct check {
	const struct tls_params *p;
	tls_check_fn tell;
	void *ctx;
	bool is_good;
};

__attribute__((format(printf, 3, 4))) static void
say(struct check *c, bool is_wrong, const char *fmt, ...)
{
	char line[800];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (is_wrong)
		c->is_good = false;
	c->tell(c->ctx, is_wrong, line);
}

/* "mail.example.org, *.example.net", or the common name if there are none. */
static void
print_names(X509 *cert, struct buf *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_DNS)
			continue;
		buf_printf(out, "%s%.*s", out->n > 0 ? ", " : "",
		    ASN1_STRING_length(name->d.dNSName),
		    (const char *)ASN1_STRING_get0_data(name->d.dNSName));
	}
	GENERAL_NAMES_free(names);
	char common[200] = "no name";
	if (out->n == 0) {
		(void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName,
		    common, sizeof(common));
		buf_adds(out, common);
	}
}

static void
check_time(struct check *c, const char *file, X509 *cert)
{
	int days, seconds;
	if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0)
		say(c, true, "%s: not good yet", file);
	if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)) != 1)
		say(c, true, "%s: its end is no date", file);
	else if (days < 0 || seconds < 0)
		say(c, true, "%s: has expired %d days ago", file, -days);
	else
		say(c, days < TLS_CHECK_DAYS, "%s: good for %d more days", file, days);
}

/* Each is to be issued by the next; the root itself need not be there. */
static void
check_chain(struct check *c, const char *file, X509 *cert, STACK_OF(X509) *chain)
{
	X509 *below = cert;
	bool self_signed = X509_check_issued(cert, cert) == X509_V_OK;
	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *next = sk_X509_value(chain, i);
		if (X509_check_issued(next, below) != X509_V_OK) {
			say(c, true, "%s: certificate %d of the file did not issue the one before",
			    file, i + 2);
			return;
		}
		below = next;
	}
	if (!self_signed && sk_X509_num(chain) == 0)
		say(c, false, "%s: has no other certificates in its file; clients must know"
		    " its issuer", file);
}

/* A client that is sent to NAME must find it in the certificate. */
static void
check_name(struct check *c, const char *file, X509 *cert, const char *name)
{
	char host[NAME_MAX_BYTES + 8];
	snprintf(host, sizeof(host), "%s%s", *name == '*' ? "x" : "",
	    *name == '*' ? name + 1 : name);
	if (*name != '\0' && X509_check_host(cert, host, 0, 0, NULL) != 1)
		say(c, true, "%s: is not for %s", file, name);
}

static void
check_pair(struct check *c, const struct tls_pair *pair, const char *name, SSL_CTX *ssl)
{
	struct tls_trouble why = { "" };
	struct buf names = BUF_INIT;
	STACK_OF(X509) *chain = NULL;
	struct tls_cert read = { BUF_INIT, BUF_INIT, BUF_INIT };
	EVP_PKEY *key = NULL;
	enum err e = tls_read_cert(pair, &read, &key, &why);
	if (e == OK)
		e = tls_cert_load(ssl, &read, key, NULL, &why);
	EVP_PKEY_free(key);
	buf_free(&read.path);
	buf_free(&read.pem);
	buf_free(&read.ocsp);
	if (e != OK) {
		say(c, true, "%s: %s", pair->cert, why.text);
		return;
	}
	X509 *cert = SSL_CTX_get0_certificate(ssl);
	SSL_CTX_get0_chain_certs(ssl, &chain);
	print_names(cert, &names);
	say(c, false, "%s: %s, for %s", pair->cert,
	    EVP_PKEY_get0_type_name(X509_get0_pubkey(cert)), names.p);
	buf_free(&names);
	check_time(c, pair->cert, cert);
	check_chain(c, pair->cert, cert, chain);
	check_name(c, pair->cert, cert, name);
	ERR_clear_error();
}

/* NAME "": the default. */
static void
check_pairs(struct check *c, const struct tls_pairs *pairs, const char *name)
{
	struct tls_trouble why = { "" };
	struct tls_bundle rest;
	SSL_CTX *ssl = NULL;
	tls_bundle_init(&rest);
	enum err e = tls_read_rest(c->p, &rest, &why);
	if (e == OK)
		e = tls_setup(c->p, &rest, &ssl, &why);
	tls_bundle_free(&rest);
	if (e != OK) {
		say(c, true, "%s", why.text);
		return;
	}
	for (size_t i = 0; i < pairs->n; i++)
		check_pair(c, &pairs->v[i], name, ssl);
	SSL_CTX_free(ssl);
}

static bool
is_directory(int dirfd, const char *name)
{
	struct stat st;
	return fstatat(dirfd, name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static void
check_names(struct check *c)
{
	const struct dirent *de;
	DIR *d = NULL;
	int fd = -1;
	if (c->p->sni_dir == NULL || *c->p->sni_dir == '\0')
		return;
	if (file_open_dir(AT_FDCWD, c->p->sni_dir, &fd) != OK
	    || file_dir_open(fd, c->p->sni_dir, &d) != OK) {
		if (fd >= 0)
			close(fd);
		say(c, true, "tls_sni_dir: %s cannot be read", c->p->sni_dir);
		return;
	}
	while (file_dir_next(d, c->p->sni_dir, &de) == OK && de != NULL) {
		struct tls_pairs pairs;
		tls_pairs_in(c->p->sni_dir, de->d_name, &pairs);
		if (pairs.n > 0)
			check_pairs(c, &pairs, de->d_name);
		else if (is_directory(fd, de->d_name))
			say(c, true, "%s/%s: neither fullchain.pem and privkey.pem nor cert.pem"
			    " and key.pem are there", c->p->sni_dir, de->d_name);
		tls_pairs_free(&pairs);
	}
	closedir(d);
	close(fd);
}

bool
tls_check(const struct tls_params *p, tls_check_fn tell, void *ctx)
{
	struct check c = { .p = p, .tell = tell, .ctx = ctx, .is_good = true };
	struct tls_trouble why = { "" };
	struct tls_pairs pairs;
	if (tls_pairs_listed(p->cert_file, p->key_file, &pairs, &why) == OK) {
		check_pairs(&c, &pairs, "");
		tls_pairs_free(&pairs);
	} else {
		say(&c, true, "%s", why.text);
	}
	check_names(&c);
	return c.is_good;
}
