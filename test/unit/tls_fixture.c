#include "test/unit/tls_fixture.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static long serial;
static EVP_PKEY *rsa;	/* of all identities of that type: making one takes long */

int
identities_begin(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test_tls.XXXXXX");
	return mkdtemp(folder) == NULL ? -1 : 0;
}

int
identities_end(void **state)
{
	(void)state;
	char command[96];
	EVP_PKEY_free(rsa);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

const char *
identities_dir(void)
{
	return folder;
}

static void
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
}

static EVP_PKEY *
new_key(const char *type)
{
	if (strcmp(type, "RSA") == 0) {
		if (rsa == NULL)
			rsa = EVP_RSA_gen(2048);
		EVP_PKEY_up_ref(rsa);
		return rsa;
	}
	return strcmp(type, "EC") == 0 ? EVP_EC_gen("P-256")
	    : EVP_PKEY_Q_keygen(NULL, NULL, type);
}

static void
write_files(struct identity *id, const char *dir)
{
	if (dir != NULL) {
		snprintf(id->cert_file, sizeof(id->cert_file), "%s/cert.pem", dir);
		snprintf(id->key_file, sizeof(id->key_file), "%s/key.pem", dir);
	} else {
		snprintf(id->cert_file, sizeof(id->cert_file), "%s/%ld.pem", folder, serial);
		snprintf(id->key_file, sizeof(id->key_file), "%s/%ld.key", folder, serial);
	}
	FILE *f = fopen(id->cert_file, "w");
	assert_non_null(f);
	PEM_write_X509(f, id->cert);
	fclose(f);
	f = fopen(id->key_file, "w");
	PEM_write_PrivateKey(f, id->key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
}

struct identity *
identity_new(const char *type, const char *common_name, const struct identity *issuer,
    const struct identity_options *o)
{
	static const struct identity_options none;
	struct identity *id = calloc(1, sizeof(*id));
	if (o == NULL)
		o = &none;
	id->key = new_key(type);
	id->cert = X509_new();
	X509 *x = id->cert, *signer = issuer != NULL ? issuer->cert : x;
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(x), o->from);
	X509_gmtime_adj(X509_getm_notAfter(x), o->to != 0 ? o->to : 3600);
	X509_set_pubkey(x, id->key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
	    (const unsigned char *)common_name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(signer));
	add_extension(x, signer, NID_subject_key_identifier, "hash");
	add_extension(x, signer, NID_basic_constraints,
	    o->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
	if (o->san != NULL)
		add_extension(x, signer, NID_subject_alt_name, o->san);
	assert_true(X509_sign(x, issuer != NULL ? issuer->key : id->key,
	    strcmp(type, "ED25519") == 0 && issuer == NULL ? NULL
	    : o->md != NULL ? o->md : EVP_sha256()) > 0);
	write_files(id, o->dir);
	return id;
}

void
identity_free(struct identity *id)
{
	if (id == NULL)
		return;
	X509_free(id->cert);
	EVP_PKEY_free(id->key);
	free(id);
}

void
identity_write_crl(const struct identity *issuer, const struct identity *revoked,
    const char *file)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *now = X509_gmtime_adj(NULL, 0), *later = X509_gmtime_adj(NULL, 3600);
	X509_CRL_set_version(crl, 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->cert));
	X509_CRL_set1_lastUpdate(crl, now);
	X509_CRL_set1_nextUpdate(crl, later);
	if (revoked != NULL) {
		X509_REVOKED *r = X509_REVOKED_new();
		X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(revoked->cert));
		X509_REVOKED_set_revocationDate(r, now);
		X509_CRL_add0_revoked(crl, r);
	}
	assert_true(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
	FILE *f = fopen(file, "w");
	assert_non_null(f);
	PEM_write_X509_CRL(f, crl);
	fclose(f);
	X509_CRL_free(crl);
	ASN1_TIME_free(now);
	ASN1_TIME_free(later);
}
