/*
 * sasl_decoy.c - a user of SCRAM whom nobody knows is answered all the same
 *
 * The library refuses him where others get their salt, so a stranger could ask
 * for names.  What he gets here looks like theirs (RFC 5802 section 7): his nonce
 * with something behind it, a salt that is the same whenever this process is
 * asked for this name, the usual count; and it takes about as long, because the
 * library makes its keys from the password at this moment.  His proof is wrong,
 * whatever it is.
 */
#include "lib/sasl_in.h"
#include "lib/b64.h"
#include "lib/digest.h"

enum {
	NONCE = 24,			/* bytes */
	ROUNDS = 4096,
	ROUNDS_MAX = 1 << 20,
	SALT_MAX = 2 * SHA256_SIZE,
};

/* "SCRAM-SHA-256" or with "-PLUS": the bytes of a salt; 0: another mechanism. */
static size_t
salt_size(struct str mechanism)
{
	static const struct {
		struct str name;
		size_t size;
	} sizes[] = {
		{ { "SCRAM-SHA-1", 11 }, 20 }, { { "SCRAM-SHA-224", 13 }, 28 },
		{ { "SCRAM-SHA-256", 13 }, 32 }, { { "SCRAM-SHA-384", 13 }, 48 },
		{ { "SCRAM-SHA-512", 13 }, 64 },
	};
	if (sasl_is_plus(mechanism))
		mechanism.n -= 5;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (str_ieq(mechanism, sizes[i].name))
			return sizes[i].size;
	return 0;
}

/* The value of "n=" or "r=" in a client's first message. */
static struct str
attribute(struct str message, struct str name)
{
	struct str field;
	while (message.p != NULL && str_next_field(&message, ',', &field))
		if (str_starts(field, name))
			return str_slice(field, name.n, field.n);
	return STR("");
}

/* OUT: of which the first bytes are the salt. */
static void
make_salt(struct str user, uint8_t out[SALT_MAX])
{
	static uint8_t key[SHA256_SIZE];
	static bool has_key;
	if (!has_key)
		random_bytes(key, sizeof(key));
	has_key = true;
	hmac_sha256(key, sizeof(key), user.p, user.n, out);
	hmac_sha256(key, sizeof(key), out, SHA256_SIZE, out + SHA256_SIZE);
}

static unsigned
count_rounds(const struct sasl_conn *c)
{
	const char *text = conf_get(c->conf, "sasl_scram_iteration_counter");
	uint32_t n;
	return text != NULL && str_to_u32(str_c(text), &n) && n <= ROUNDS_MAX ? n : ROUNDS;
}

bool
sasl_decoy(struct sasl_conn *c, struct str message, struct buf *challenge)
{
	uint8_t salt[SALT_MAX], nonce[NONCE];
	size_t size = salt_size(buf_str(&c->mechanism));
	struct str theirs = attribute(message, STR("r=")), user = attribute(message, STR("n="));
	if (size == 0 || theirs.n == 0 || user.n == 0)
		return false;
	unsigned rounds = count_rounds(c);
	make_salt(user, salt);
	random_bytes(nonce, sizeof(nonce));
	buf_adds(challenge, "r=");
	buf_add_str(challenge, theirs);
	b64_encode((struct str){ (const char *)nonce, sizeof(nonce) }, challenge);
	buf_adds(challenge, ",s=");
	b64_encode((struct str){ (const char *)salt, size }, challenge);
	buf_printf(challenge, ",i=%u", rounds);
	digest_toil(size, rounds);
	c->is_decoy = true;
	return true;
}
