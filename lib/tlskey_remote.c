/*
 * tlskey_remote.c - the asking side: an OpenSSL key whose other half is elsewhere
 *
 * OpenSSL's way to have signatures from somebody else is a provider: one that
 * manages keys named RSA, EC and ED25519 and signs with them.  A key of ours is
 * the public key, whose questions OpenSSL's own provider answers, and where to
 * ask for signatures.  What is exported is public only; so OpenSSL, which first
 * tries to take a key to its own signers, finds that it must come to ours.
 *
 * OpenSSL's own provider must be there before: whoever just asks for "RSA" gets
 * the first that has it.
 */
#include "lib/tlskey_in.h"

#include "lib/log.h"
#include "lib/mem.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROVIDER	"chapar-key"
#define PROPERTY	"provider=" PROVIDER
#define PARAM_HOLDER	"chapar-holder"
#define PARAM_PUBLIC	"chapar-public"

struct tlskey_holder {
	struct tlskey_line line;
	OSSL_PROVIDER *provider;	/* NULL: OpenSSL would not have it */
};

/* A key, as OpenSSL has it. */
struct remote {
	struct tlskey_holder *holder;
	EVP_PKEY *public;
	uint8_t id[TLSKEY_ID];
};

/* A signature to be made. */
struct signing {
	struct remote *key;
	enum tlskey_padding padding;
	uint8_t hash;
};

/* --- asking --- */

static const char *
refusal(uint8_t status)
{
	switch ((enum tlskey_status)status) {
	case TLSKEY_SIGNED: return "";
	case TLSKEY_NO_KEY: return "it has no key for the certificate";
	case TLSKEY_NOT_TLS: return "it takes it for something else than TLS";
	case TLSKEY_NOT_UNDERSTOOD: return "it does not understand";
	case TLSKEY_FAILED: return "it cannot sign";
	case TLSKEY_SAME:
	case TLSKEY_CHANGED:
	case TLSKEY_NO_NAME:
	case TLSKEY_USELESS:
		break;
	}
	return "it does not make itself understood";
}

static bool
ask(const struct signing *s, const unsigned char *text, size_t n, struct buf *signature)
{
	struct buf request = BUF_INIT;
	struct str rest;
	uint8_t status;
	int fd;
	buf_add_u8(&request, TLSKEY_VERSION);
	buf_add_u8(&request, TLSKEY_SIGN);
	buf_add_u8(&request, (uint8_t)s->padding);
	buf_add_u8(&request, s->hash);
	buf_add_u32(&request, 0);
	buf_add(&request, s->key->id, TLSKEY_ID);
	buf_add(&request, text, n);
	enum err e = request.n <= TLSKEY_REQUEST_MAX
	    ? tlskey_line_ask(&s->key->holder->line, &request, &status, &rest, &fd) : ERR_LIMIT;
	buf_free(&request);
	if (e != OK)
		return false;
	if (fd >= 0)
		close(fd);
	if (status != TLSKEY_SIGNED)
		log_err("TLS: the holder of private keys does not sign: %s", refusal(status));
	else
		buf_add_str(signature, rest);
	return status == TLSKEY_SIGNED;
}

/* --- keys, for OpenSSL --- */

static void *
key_new(void *provider)
{
	(void)provider;
	return mem_zero(1, sizeof(struct remote));
}

static void
key_free(void *key)
{
	struct remote *r = key;
	EVP_PKEY_free(r->public);
	free(r);
}

/* From tlskey_remote() only: a holder and a public key, by their addresses. */
static int
key_import(void *key, int selection, const OSSL_PARAM params[])
{
	struct remote *r = key;
	const OSSL_PARAM *holder = OSSL_PARAM_locate_const(params, PARAM_HOLDER);
	const OSSL_PARAM *public = OSSL_PARAM_locate_const(params, PARAM_PUBLIC);
	(void)selection;
	if (holder == NULL || public == NULL || holder->data_size != sizeof(r->holder)
	    || public->data_size != sizeof(r->public))
		return 0;
	memcpy(&r->holder, holder->data, sizeof(r->holder));
	memcpy(&r->public, public->data, sizeof(r->public));
	if (EVP_PKEY_up_ref(r->public) != 1) {
		r->public = NULL;
		return 0;
	}
	return tlskey_id(r->public, r->id);
}

static const OSSL_PARAM *
key_import_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_octet_string(PARAM_HOLDER, NULL, 0),
		OSSL_PARAM_octet_string(PARAM_PUBLIC, NULL, 0),
		OSSL_PARAM_END
	};
	(void)selection;
	return types;
}

static int
key_has(const void *key, int selection)
{
	(void)selection;
	return ((const struct remote *)key)->public != NULL;
}

static int
key_export(void *key, int selection, OSSL_CALLBACK *give, void *ctx)
{
	const struct remote *r = key;
	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
		return 0;
	return EVP_PKEY_export(r->public, EVP_PKEY_PUBLIC_KEY, give, ctx);
}

static const OSSL_PARAM *
key_export_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_END
	};
	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? NULL : types;
}

static int
key_get_params(void *key, OSSL_PARAM params[])
{
	return EVP_PKEY_get_params(((const struct remote *)key)->public, params);
}

static const OSSL_PARAM *
key_gettable_params(void *provider)
{
	static const OSSL_PARAM params[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
		OSSL_PARAM_END
	};
	(void)provider;
	return params;
}

/* EC is a kind of key, ECDSA what is done with it. */
static const char *
ec_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

#define FUNCTION(id, fn)	{ id, (void (*)(void))(fn) }
#define KEY_FUNCTIONS \
	FUNCTION(OSSL_FUNC_KEYMGMT_NEW, key_new), \
	FUNCTION(OSSL_FUNC_KEYMGMT_FREE, key_free), \
	FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT, key_import), \
	FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_import_types), \
	FUNCTION(OSSL_FUNC_KEYMGMT_HAS, key_has), \
	FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT, key_export), \
	FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_export_types), \
	FUNCTION(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params), \
	FUNCTION(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable_params)

static const OSSL_DISPATCH key_functions[] = {
	KEY_FUNCTIONS, { 0, NULL }
};

static const OSSL_DISPATCH ec_functions[] = {
	KEY_FUNCTIONS,
	FUNCTION(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, ec_operation), { 0, NULL }
};

static const OSSL_ALGORITHM keys[] = {
	{ "RSA", PROPERTY, key_functions, NULL },
	{ "EC", PROPERTY, ec_functions, NULL },
	{ "ED25519", PROPERTY, key_functions, NULL },
	{ NULL, NULL, NULL, NULL }
};

/* --- signatures, for OpenSSL --- */

static void *
sign_new(void *provider, const char *properties)
{
	(void)provider;
	(void)properties;
	return mem_zero(1, sizeof(struct signing));
}

static void
sign_free(void *signing)
{
	free(signing);
}

static int
sign_set(void *signing, const OSSL_PARAM params[])
{
	struct signing *s = signing;
	const OSSL_PARAM *p = params == NULL ? NULL
	    : OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	int mode = 0;
	if (p == NULL)
		return 1;
	if (OSSL_PARAM_get_int(p, &mode) != 1
	    || (mode != RSA_PKCS1_PADDING && mode != RSA_PKCS1_PSS_PADDING))
		return 0;
	s->padding = mode == RSA_PKCS1_PSS_PADDING ? TLSKEY_PSS : TLSKEY_PKCS1;
	return 1;
}

/* TLS has one length of salt, the digest's, which is what the holder takes. */
static const OSSL_PARAM *
sign_settable(void *signing, void *provider)
{
	static const OSSL_PARAM params[] = {
		OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL),
		OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL),
		OSSL_PARAM_END
	};
	(void)signing;
	(void)provider;
	return params;
}

static int
sign_init(void *signing, const char *hash, void *key, const OSSL_PARAM params[])
{
	struct signing *s = signing;
	EVP_MD *md = hash != NULL ? EVP_MD_fetch(NULL, hash, NULL) : NULL;
	bool known = hash == NULL || *hash == '\0';
	if (key != NULL)
		s->key = key;
	s->hash = 0;
	for (uint8_t i = 1; md != NULL && i < TLSKEY_HASHES; i++)
		if (EVP_MD_is_a(md, tlskey_hashes[i]) == 1) {
			s->hash = i;
			known = true;
		}
	EVP_MD_free(md);
	if (!known || s->key == NULL)
		return 0;
	s->padding = EVP_PKEY_is_a(s->key->public, "RSA") == 1
	    ? TLSKEY_PKCS1 : TLSKEY_NO_PADDING;
	return sign_set(s, params);
}

static int
sign_all(void *signing, unsigned char *to, size_t *n, size_t max, const unsigned char *text,
    size_t text_n)
{
	const struct signing *s = signing;
	struct buf signature = BUF_INIT;
	if (to == NULL) {
		*n = (size_t)EVP_PKEY_get_size(s->key->public);
		return 1;
	}
	bool done = ask(s, text, text_n, &signature) && signature.n <= max;
	if (done) {
		memcpy(to, signature.p, signature.n);
		*n = signature.n;
	}
	buf_free(&signature);
	return done;
}

static const OSSL_DISPATCH sign_functions[] = {
	FUNCTION(OSSL_FUNC_SIGNATURE_NEWCTX, sign_new),
	FUNCTION(OSSL_FUNC_SIGNATURE_FREECTX, sign_free),
	FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, sign_init),
	FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sign_all),
	FUNCTION(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, sign_set),
	FUNCTION(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, sign_settable), { 0, NULL }
};

static const OSSL_ALGORITHM signers[] = {
	{ "RSA", PROPERTY, sign_functions, NULL },
	{ "ECDSA", PROPERTY, sign_functions, NULL },
	{ "ED25519", PROPERTY, sign_functions, NULL },
	{ NULL, NULL, NULL, NULL }
};

/* --- the provider --- */

static const OSSL_ALGORITHM *
query(void *provider, int operation, int *no_cache)
{
	(void)provider;
	*no_cache = 0;
	return operation == OSSL_OP_KEYMGMT ? keys
	    : operation == OSSL_OP_SIGNATURE ? signers : NULL;
}

static const OSSL_DISPATCH provider_functions[] = {
	FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query), { 0, NULL }
};

static int
provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **provider)
{
	(void)in;
	*out = provider_functions;
	*provider = (void *)(uintptr_t)handle;
	return 1;
}

struct tlskey_holder *
tlskey_holder_new(int queue)
{
	struct tlskey_holder *h = mem_zero(1, sizeof(*h));
	tlskey_line_init(&h->line, queue);
	/* Any question wakes OpenSSL's own. */
	EVP_MD_free(EVP_MD_fetch(NULL, "SHA256", NULL));
	if (OSSL_PROVIDER_available(NULL, PROVIDER) == 1
	    || OSSL_PROVIDER_add_builtin(NULL, PROVIDER, provider_init) == 1)
		h->provider = OSSL_PROVIDER_try_load(NULL, PROVIDER, 1);
	ERR_clear_error();
	return h;
}

void
tlskey_holder_patience(struct tlskey_holder *h, int ms)
{
	tlskey_line_patience(&h->line, ms);
}

struct tlskey_line *
tlskey_holder_line(struct tlskey_holder *h)
{
	return &h->line;
}

void
tlskey_holder_free(struct tlskey_holder *h)
{
	if (h == NULL)
		return;
	tlskey_line_close(&h->line);
	buf_free(&h->line.reply);
	if (h->provider != NULL)
		(void)OSSL_PROVIDER_unload(h->provider);
	free(h);
}

enum err
tlskey_remote(struct tlskey_holder *h, EVP_PKEY *public, EVP_PKEY **key)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(PARAM_HOLDER, &h, sizeof(h)),
		OSSL_PARAM_construct_octet_string(PARAM_PUBLIC, &public, sizeof(public)),
		OSSL_PARAM_construct_end(),
	};
	const char *type = EVP_PKEY_get0_type_name(public);
	*key = NULL;
	EVP_PKEY_CTX *ctx = h->provider != NULL && type != NULL
	    ? EVP_PKEY_CTX_new_from_name(NULL, type, PROPERTY) : NULL;
	if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, key, EVP_PKEY_KEYPAIR, params);
	EVP_PKEY_CTX_free(ctx);
	if (*key == NULL)
		return ERR_UNSUPPORTED;
	ERR_clear_error();
	return OK;
}
