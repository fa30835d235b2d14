/*
 * tls_read.c - from files into a bundle (tls_bundle.h)
 *
 * A file is read as a whole and taken apart into its PEM blocks.  Only those
 * that everybody may see are kept; the bytes of the others are wiped.
 */
#include "lib/tls_in.h"

#include "lib/tlskey.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool
is_public(const char *name)
{
	static const char *const names[] = {
		"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CRL",
		"DH PARAMETERS", "X9.42 DH PARAMETERS",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static enum err
cannot_read(const char *what, const char *path, struct tls_trouble *why)
{
	int failure = errno;
	tls_say(why, "cannot read %s\"%s\": %s%s", what, path, strerror(failure),
	    failure == EACCES ? "; the server's user needs read permission" : "");
	return failure == ENOENT ? ERR_NOTFOUND : ERR_IO;
}

/* False: a block is broken, or the file ends within one. */
static bool
keep_public(struct str text, struct buf *out)
{
	BIO *in = BIO_new_mem_buf(text.p, (int)text.n), *to = BIO_new(BIO_s_mem());
	char *name, *header, *bytes;
	unsigned char *data;
	long n;
	while (in != NULL && to != NULL && PEM_read_bio(in, &name, &header, &data, &n) == 1) {
		if (is_public(name))
			(void)PEM_write_bio(to, name, "", data, n);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(data, (size_t)n);
	}
	/* The end of the file is where there is no further BEGIN. */
	bool whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	n = to != NULL ? BIO_get_mem_data(to, &bytes) : 0;
	if (n > 0)
		buf_add(out, bytes, (size_t)n);
	BIO_free(in);
	BIO_free(to);
	return whole;
}

/* WHAT is "" or the option's name, for messages. */
static enum err
read_pem(const char *what, const char *path, struct buf *out, bool *whole,
    struct tls_trouble *why)
{
	struct buf text = BUF_INIT;
	bool read = tlskey_slurp(path, &text);
	if (!read)
		return cannot_read(what, path, why);
	*whole = keep_public(buf_str(&text), out);
	buf_wipe(&text);
	return OK;
}

enum err
tls_read_cert(const struct tls_pair *pair, struct tls_cert *cert, EVP_PKEY **key,
    struct tls_trouble *why)
{
	bool whole;
	struct buf path = BUF_INIT;
	*key = NULL;
	buf_adds(&cert->path, pair->cert);
	enum err e = read_pem("tls_server_cert ", pair->cert, &cert->pem, &whole, why);
	if (e == OK && (!whole || cert->pem.n == 0)) {
		tls_say(why, "\"%s\" holds no usable PEM certificate, or half of one", pair->cert);
		e = ERR_CORRUPT;
	}
	if (e != OK)
		return e;
	buf_printf(&path, "%s" TLS_OCSP_SUFFIX, pair->cert);
	(void)tlskey_slurp(path.p, &cert->ocsp);
	buf_free(&path);
	return tlskey_read(pair->key, key, why->text, sizeof(why->text));
}

/* "0a1b2c3d.0", and "0a1b2c3d.r0" for what is revoked. */
static bool
is_hashed_name(const char *name)
{
	enum { HASH = 8 };
	if (strspn(name, "0123456789abcdef") != HASH || name[HASH] != '.')
		return false;
	name += HASH + 1;
	name += *name == 'r';
	return *name != '\0' && name[strspn(name, "0123456789")] == '\0';
}

static enum err
read_dir(const char *path, struct buf *out, struct tls_trouble *why)
{
	const struct dirent *de;
	struct buf file = BUF_INIT;
	bool whole;
	DIR *d = opendir(path);
	enum err e = d != NULL ? OK : cannot_read("", path, why);
	while (e == OK && (de = readdir(d)) != NULL) {
		if (!is_hashed_name(de->d_name))
			continue;
		buf_reset(&file);
		buf_printf(&file, "%s/%s", path, de->d_name);
		e = read_pem("", file.p, out, &whole, why);
		if (e == ERR_NOTFOUND)		/* a link to what is gone */
			e = OK;
	}
	if (d != NULL)
		closedir(d);
	buf_free(&file);
	return e;
}

enum err
tls_read_rest(const struct tls_params *p, struct tls_bundle *b, struct tls_trouble *why)
{
	const struct {
		const char *path;
		struct buf *to;
		bool is_needed;
	} files[] = {
		{ p->dh_file, &b->dh, true },
		{ p->client_ca_file, &b->ca_file, p->client_certs != TLS_CLIENTS_OFF },
		{ p->crl_file, &b->crl, p->client_certs != TLS_CLIENTS_OFF },
	};
	enum err e = OK;
	for (size_t i = 0; e == OK && i < sizeof(files) / sizeof(files[0]); i++) {
		bool whole = true;
		if (!files[i].is_needed || files[i].path == NULL || *files[i].path == '\0')
			continue;
		e = read_pem("", files[i].path, files[i].to, &whole, why);
		if (e == OK && !whole) {
			tls_say(why, "\"%s\" is no PEM file, or half of one", files[i].path);
			e = ERR_CORRUPT;
		}
	}
	if (e == OK && p->client_certs != TLS_CLIENTS_OFF && p->client_ca_dir != NULL
	    && *p->client_ca_dir != '\0')
		e = read_dir(p->client_ca_dir, &b->ca_dir, why);
	return e;
}
