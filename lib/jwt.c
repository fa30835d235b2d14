/*
 * The only file that includes cjose.
 *
 * cjose decides by the token's own "alg" how to verify, and refuses a key of
 * another type.  We look first, by a table: so a token can choose only among
 * what its key is for.  Keys are given to cjose with nothing but what makes
 * the public half.
 *
 * It lacks EdDSA (RFC 8037), whose signatures are verified here.
 */
#include "lib/jwt.h"

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/mem.h"

#include <cjose/base64.h>
#include <cjose/cjose.h>

#include <stdlib.h>
#include <string.h>

enum {
	CLAIMS_MAX = 200,		/* members of an object in a token */
	RSA_BITS_MIN = 2048,
};

enum family { RSA_KEY, P_256, P_384, P_521, ED_25519 };

struct jwt_key {
	cjose_jwk_t *jwk;		/* NULL: ed is it */
	uint8_t ed[ED25519_KEY];
	enum family family;
	char *id, *algorithm;		/* or NULL */
};

struct jwt_keys {
	struct jwt_key key[JWT_KEYS_MAX];
	size_t n;
};

static const struct {
	const char *name;
	enum family family;
} algorithms[] = {
	{ "RS256", RSA_KEY }, { "RS384", RSA_KEY }, { "RS512", RSA_KEY },
	{ "PS256", RSA_KEY }, { "PS384", RSA_KEY }, { "PS512", RSA_KEY },
	{ "ES256", P_256 }, { "ES384", P_384 }, { "ES512", P_521 },
	{ "EdDSA", ED_25519 }, { "Ed25519", ED_25519 },	/* RFC 9864 has the second name */
};

/* --- keys --- */

static bool
is_string(const struct json *object, const char *name, const char *value)
{
	const struct json *m = json_get(object, name);
	return m != NULL && m->kind == JSON_STRING && strcmp(m->text, value) == 0;
}

static const char *
string(const struct json *object, const char *name)
{
	const struct json *m = json_get(object, name);
	return m != NULL && m->kind == JSON_STRING ? m->text : NULL;
}

/*
 * RFC 7515 section 2: without padding.  cjose gives up the process (assert())
 * for what no encoder makes, so it gets nothing that was not looked at here.
 */
static bool
is_base64url(struct str s)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_";
	if (s.n == 0 || s.n % 4 == 1)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (memchr(letters, s.p[i], sizeof(letters) - 1) == NULL)
			return false;
	return true;
}

/* Is it there?  Adds it as a member; some issuers do pad. */
static bool
add_number(const struct json *key, const char *name, struct buf *out)
{
	const char *text = string(key, name);
	struct str s = text != NULL ? str_c(text) : STR("");
	for (int i = 0; i < 2 && s.n > 0 && s.p[s.n - 1] == '='; i++)
		s.n--;
	if (!is_base64url(s))
		return false;
	buf_printf(out, ",\"%s\":\"%.*s\"", name, STR_ARG(s));
	return true;
}

static bool
find_curve(const struct json *key, enum family *family)
{
	static const char *const names[] = { [P_256] = "P-256", [P_384] = "P-384", [P_521] = "P-521" };
	for (int i = P_256; i <= P_521; i++)
		if (is_string(key, "crv", names[i])) {
			*family = (enum family)i;
			return true;
		}
	return false;
}

/* "use" and "key_ops" (RFC 7517 sections 4.2, 4.3): may it verify? */
static bool
is_for_signatures(const struct json *key)
{
	const struct json *ops = json_get(key, "key_ops");
	if (json_get(key, "use") != NULL && !is_string(key, "use", "sig"))
		return false;
	if (ops == NULL)
		return true;
	for (const struct json *op = ops->child; op != NULL; op = op->next)
		if (op->kind == JSON_STRING && strcmp(op->text, "verify") == 0)
			return true;
	return false;
}

/* The public key as text for cjose; false: none that we use. */
static bool
public_key(const struct json *key, enum family *family, struct buf *out)
{
	buf_reset(out);
	if (key->kind != JSON_OBJECT || !is_for_signatures(key))
		return false;
	if (is_string(key, "kty", "RSA")) {
		*family = RSA_KEY;
		buf_adds(out, "{\"kty\":\"RSA\"");
		return add_number(key, "n", out) && add_number(key, "e", out);
	}
	if (!is_string(key, "kty", "EC") || !find_curve(key, family))
		return false;
	buf_printf(out, "{\"kty\":\"EC\",\"crv\":\"%s\"", string(key, "crv"));
	return add_number(key, "x", out) && add_number(key, "y", out);
}

/* Exactly SIZE bytes? */
static bool
decode_bytes(struct str text, void *to, size_t size)
{
	uint8_t *bytes = NULL;
	size_t n = 0;
	cjose_err err;
	if (!is_base64url(text) || !cjose_base64url_decode(text.p, text.n, &bytes, &n, &err))
		return false;
	if (n == size)
		memcpy(to, bytes, size);
	cjose_get_dealloc()(bytes);
	return n == size;
}

/* False: it is no key of Ed25519, or none that verifies. */
static bool
take_ed25519(const struct json *key, struct jwt_key *k)
{
	if (key->kind != JSON_OBJECT || !is_for_signatures(key) || !is_string(key, "kty", "OKP")
	    || !is_string(key, "crv", "Ed25519"))
		return false;
	const char *x = string(key, "x");
	k->family = ED_25519;
	return x != NULL && decode_bytes(str_c(x), k->ed, sizeof(k->ed));
}

static char *
copy_string(const struct json *key, const char *name)
{
	const char *text = string(key, name);
	return text != NULL ? mem_copy(text) : NULL;
}

/* The same for those of cjose. */
static bool
take_other(const struct json *key, struct jwt_key *k)
{
	struct buf text = BUF_INIT;
	cjose_err err;
	if (public_key(key, &k->family, &text)) {
		buf_adds(&text, "}");
		k->jwk = cjose_jwk_import(text.p, text.n, &err);
	}
	buf_free(&text);
	if (k->jwk == NULL)
		return false;
	if (k->family != RSA_KEY || cjose_jwk_get_keysize(k->jwk, &err) >= RSA_BITS_MIN)
		return true;
	cjose_jwk_release(k->jwk);
	return false;
}

static void
add_key(struct jwt_keys *keys, const struct json *key)
{
	struct jwt_key k = { .jwk = NULL };
	if (keys->n == JWT_KEYS_MAX || (!take_ed25519(key, &k) && !take_other(key, &k)))
		return;
	k.id = copy_string(key, "kid");
	k.algorithm = copy_string(key, "alg");
	keys->key[keys->n++] = k;
}

enum err
jwt_keys_parse(struct str text, struct jwt_keys **keys)
{
	struct arena *arena = arena_new(1024 * 1024);
	size_t line;
	const struct json *j = json_parse(arena, text, &line);
	const struct json *list = j != NULL ? json_get(j, "keys") : NULL;
	*keys = NULL;
	if (list == NULL || list->kind != JSON_ARRAY) {
		arena_free(arena);
		return ERR_SYNTAX;
	}
	*keys = mem_zero(1, sizeof(**keys));
	for (const struct json *key = list->child; key != NULL; key = key->next)
		add_key(*keys, key);
	arena_free(arena);
	return OK;
}

size_t
jwt_keys_count(const struct jwt_keys *keys)
{
	return keys->n;
}

void
jwt_keys_free(struct jwt_keys *keys)
{
	if (keys == NULL)
		return;
	for (size_t i = 0; i < keys->n; i++) {
		if (keys->key[i].jwk != NULL)
			cjose_jwk_release(keys->key[i].jwk);
		free(keys->key[i].id);
		free(keys->key[i].algorithm);
	}
	free(keys);
}

/* --- tokens --- */

/* Ends of the first two parts. */
static bool
find_dots(struct str token, size_t *first, size_t *second)
{
	*first = str_chr(token, '.');
	if (*first == token.n)
		return false;
	*second = *first + 1 + str_chr(str_slice(token, *first + 1, token.n), '.');
	return *second < token.n
	    && str_chr(str_slice(token, *second + 1, token.n), '.') == token.n - *second - 1;
}

bool
jwt_is_like(struct str token)
{
	size_t first, second;
	return find_dots(token, &first, &second);
}

/*
 * An object, of which no member stands there twice: which of them counts would
 * be a matter of who reads it (RFC 7515 section 4).
 */
static bool
is_good_object(const struct json *j)
{
	size_t n = 0;
	if (j == NULL || j->kind != JSON_OBJECT)
		return false;
	for (const struct json *m = j->child; m != NULL; m = m->next) {
		if (++n > CLAIMS_MAX)
			return false;
		for (const struct json *other = m->next; other != NULL; other = other->next)
			if (strcmp(m->key, other->key) == 0)
				return false;
	}
	return true;
}

static const struct json *
decode_object(struct arena *arena, struct str part)
{
	uint8_t *text = NULL;
	size_t n = 0, line;
	cjose_err err;
	if (!is_base64url(part) || !cjose_base64url_decode(part.p, part.n, &text, &n, &err))
		return NULL;
	struct str s = { arena_copy(arena, text, n), n };
	cjose_get_dealloc()(text);
	const struct json *j = s.p != NULL ? json_parse(arena, s, &line) : NULL;
	return is_good_object(j) ? j : NULL;
}

enum err
jwt_parse(struct arena *arena, struct str token, struct jwt *t, const char **why)
{
	size_t first, second;
	*t = (struct jwt){ .text = token };
	*why = "the token is not a JWT";
	if (token.n > JWT_MAX || !find_dots(token, &first, &second))
		return ERR_SYNTAX;
	t->header = decode_object(arena, str_slice(token, 0, first));
	t->claims = decode_object(arena, str_slice(token, first + 1, second));
	if (t->header == NULL || t->claims == NULL
	    || !is_base64url(str_slice(token, second + 1, token.n)))
		return ERR_SYNTAX;
	t->algorithm = string(t->header, "alg");
	t->key_id = string(t->header, "kid");
	/* "crit" lists what must be understood (RFC 7515 section 4.1.11): we do not. */
	*why = "the token's header has no alg, or has crit or b64";
	if (t->algorithm == NULL || json_get(t->header, "crit") != NULL
	    || json_get(t->header, "b64") != NULL)
		return ERR_SYNTAX;
	*why = "";
	return OK;
}

static bool
fits(const struct jwt_key *k, const struct jwt *t, enum family family)
{
	if (k->family != family || (k->algorithm != NULL && strcmp(k->algorithm, t->algorithm) != 0))
		return false;
	return t->key_id == NULL || (k->id != NULL && strcmp(k->id, t->key_id) == 0);
}

static bool
is_signed_by(const struct jwt *t, const struct jwt_key *k)
{
	cjose_err err;
	if (k->family == ED_25519) {
		uint8_t signature[ED25519_SIGNATURE];
		size_t dot = str_rchr(t->text, '.');
		return decode_bytes(str_slice(t->text, dot + 1, t->text.n), signature,
		    sizeof(signature)) && ed25519_verify(k->ed, t->text.p, dot, signature);
	}
	cjose_jws_t *jws = cjose_jws_import(t->text.p, t->text.n, &err);
	bool good = jws != NULL && cjose_jws_verify(jws, k->jwk, &err);
	cjose_jws_release(jws);
	return good;
}

enum err
jwt_verify(const struct jwt *t, const struct jwt_keys *keys, const char **why)
{
	size_t i = 0, tried = 0;
	while (i < sizeof(algorithms) / sizeof(algorithms[0])
	    && strcmp(algorithms[i].name, t->algorithm) != 0)
		i++;
	*why = "the token's alg is none that we take";
	if (i == sizeof(algorithms) / sizeof(algorithms[0]))
		return ERR_UNSUPPORTED;
	for (size_t k = 0; k < keys->n; k++) {
		if (!fits(&keys->key[k], t, algorithms[i].family))
			continue;
		tried++;
		if (is_signed_by(t, &keys->key[k])) {
			*why = "";
			return OK;
		}
	}
	*why = tried > 0 ? "the token's signature is wrong" : "there is no key for the token";
	return tried > 0 ? ERR_AUTH : ERR_NOTFOUND;
}
