/*
 * A sealed grant is the message and, behind it, its HMAC.  The key lies in a
 * sealed memory file: unlike a variable of the environment nobody finds it by
 * looking at the process, and unlike a pipe it can be read again and again.
 */
#include "lib/handover.h"
#include "lib/fields.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_NAME = 1024,		/* of a user */
	MAX_WORD = 256,
	MAX_GROUPS = 20 * 1024,
	MAX_FOLDER = 1024,
	MAX_TAG = 64 * 1024,
	MAX_MECHANISMS = 4096,
	SEALS = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL,
};

static const struct field grant_fields[] = {
	FIELD(FIELD_TEXT, 1, true, MAX_WORD, grant, service),
	FIELD(FIELD_TEXT, 2, true, MAX_NAME, grant, userid),
	FIELD(FIELD_TEXT, 3, true, MAX_NAME, grant, authcid),
	FIELD(FIELD_BYTES, 4, false, MAX_GROUPS, grant, groups),
	FIELD(FIELD_BYTES, 5, false, MAX_GROUPS, grant, own_groups),
	FIELD(FIELD_NUMBER, 6, false, 2 * GRANT_GROUPS_LATER - 1, grant, flags),
	FIELD(FIELD_BYTES, 7, true, GRANT_SERIAL, grant, serial),
	FIELD(FIELD_NUMBER, 8, true, UINT64_MAX, grant, at_ms),
	FIELD(FIELD_BYTES, 9, false, MAX_FOLDER, grant, folder),
	FIELDS_END
};

static const struct field handover_fields[] = {
	FIELD(FIELD_BYTES, 1, true, GRANT_MAX, handover, grant),
	FIELD(FIELD_NUMBER, 2, true, HANDOVER_APOP, handover, command),
	FIELD(FIELD_BYTES, 3, false, MAX_TAG, handover, tag),
	FIELD(FIELD_TEXT, 4, true, MAX_WORD, handover, host),
	FIELD(FIELD_TEXT, 5, false, MAX_WORD, handover, local_ip_port),
	FIELD(FIELD_TEXT, 6, false, MAX_WORD, handover, remote_ip_port),
	FIELD(FIELD_NUMBER, 7, false, 1, handover, is_local),
	FIELD(FIELD_TEXT, 8, false, MAX_WORD, handover, tls_version),
	FIELD(FIELD_TEXT, 9, false, MAX_WORD, handover, tls_cipher),
	FIELD(FIELD_NUMBER, 10, false, 4096, handover, tls_bits),
	FIELD(FIELD_TEXT, 11, false, MAX_WORD, handover, language),
	FIELD(FIELD_NUMBER, 12, false, 1, handover, utf8),
	FIELD(FIELD_BYTES, 13, false, HANDOVER_PENDING, handover, pending),
	FIELD(FIELD_BYTES, 14, false, MAX_MECHANISMS, handover, mechanisms),
	FIELD(FIELD_NUMBER, 15, false, 1, handover, plaintext),
	FIELD(FIELD_NUMBER, 16, false, 4096, handover, layer),
	FIELDS_END
};

struct groups_ask {
	struct str grant;
};

static const struct field groups_ask_fields[] = {
	FIELD(FIELD_BYTES, 1, true, GRANT_MAX, groups_ask, grant),
	FIELDS_END
};

static const struct field back_fields[] = {
	FIELD(FIELD_BYTES, 1, false, HANDOVER_PENDING, handover_back, pending),
	FIELD(FIELD_TEXT, 2, false, MAX_WORD, handover_back, language),
	FIELDS_END
};

int
grant_key_new(void)
{
	uint8_t key[GRANT_KEY];
	int fd = memfd_create("grant-key", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	random_bytes(key, sizeof(key));
	bool ok = fd >= 0 && pwrite(fd, key, sizeof(key), 0) == (ssize_t)sizeof(key)
	    && fcntl(fd, F_ADD_SEALS, SEALS) == 0;
	explicit_bzero(key, sizeof(key));
	if (ok)
		return fd;
	log_err("IOERROR: the key of grants: %m");
	if (fd >= 0)
		close(fd);
	return -1;
}

bool
grant_key_read(int fd, uint8_t key[GRANT_KEY])
{
	return pread(fd, key, GRANT_KEY, 0) == GRANT_KEY;
}

uint64_t
grant_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static enum err
seal(const uint8_t key[GRANT_KEY], enum message_kind kind, const struct grant *g,
    struct buf *out)
{
	uint8_t mac[SHA256_SIZE];
	size_t start = out->n;
	enum err e = fields_encode(grant_fields, kind, g, out);
	if (e != OK)
		return e;
	hmac_sha256(key, GRANT_KEY, out->p + start, out->n - start, mac);
	buf_add(out, mac, sizeof(mac));
	return OK;
}

enum err
grant_seal(const uint8_t key[GRANT_KEY], const struct grant *g, struct buf *out)
{
	uint8_t serial[GRANT_SERIAL];
	struct grant dated = *g;
	random_bytes(serial, sizeof(serial));
	dated.serial = (struct str){ (const char *)serial, sizeof(serial) };
	dated.at_ms = grant_clock();
	return seal(key, MESSAGE_GRANT, &dated, out);
}

/* The kind says for what it was sealed. */
static enum err
unseal(const uint8_t key[GRANT_KEY], enum message_kind kind, struct str sealed,
    struct grant *g)
{
	uint8_t mac[SHA256_SIZE];
	if (sealed.n <= SHA256_SIZE || sealed.n > GRANT_MAX)
		return ERR_SYNTAX;
	struct str inside = str_slice(sealed, 0, sealed.n - SHA256_SIZE);
	hmac_sha256(key, GRANT_KEY, inside.p, inside.n, mac);
	if (!digest_eq(mac, inside.p + inside.n, sizeof(mac)))
		return ERR_DENIED;
	if (fields_kind(inside) != kind || fields_decode(grant_fields, inside, g) != OK
	    || g->serial.n != GRANT_SERIAL)
		return ERR_SYNTAX;
	return OK;
}

enum err
grant_open(const uint8_t key[GRANT_KEY], struct str sealed, const char *service,
    uint64_t now, struct grant *g)
{
	enum err e = unseal(key, MESSAGE_GRANT, sealed, g);
	if (e != OK)
		return e;
	if (strcmp(g->service, service) != 0 || g->at_ms > now)
		return ERR_DENIED;
	return now - g->at_ms > GRANT_MS ? ERR_TIMEOUT : OK;
}

enum err
groups_ask_encode(struct str grant, struct buf *out)
{
	const struct groups_ask a = { .grant = grant };
	return fields_encode(groups_ask_fields, MESSAGE_WHICH_GROUPS, &a, out);
}

enum err
groups_ask_decode(struct str message, struct str *grant)
{
	struct groups_ask a;
	if (fields_kind(message) != MESSAGE_WHICH_GROUPS
	    || fields_decode(groups_ask_fields, message, &a) != OK)
		return ERR_SYNTAX;
	*grant = a.grant;
	return OK;
}

enum err
groups_seal(const uint8_t key[GRANT_KEY], const struct grant *g, struct buf *out)
{
	return seal(key, MESSAGE_GROUPS, g, out);
}

enum err
groups_open(const uint8_t key[GRANT_KEY], struct str sealed, struct str serial,
    struct grant *g)
{
	enum err e = unseal(key, MESSAGE_GROUPS, sealed, g);
	return e == OK && !str_eq(g->serial, serial) ? ERR_DENIED : e;
}

enum err
handover_encode(const struct handover *h, struct buf *out)
{
	return fields_encode(handover_fields, MESSAGE_HANDOVER, h, out);
}

enum err
handover_decode(struct str message, struct handover *h)
{
	if (fields_kind(message) != MESSAGE_HANDOVER)
		return ERR_SYNTAX;
	return fields_decode(handover_fields, message, h);
}

enum err
handover_back_encode(const struct handover_back *b, struct buf *out)
{
	return fields_encode(back_fields, MESSAGE_BACK, b, out);
}

enum err
handover_back_decode(struct str message, struct handover_back *b)
{
	if (fields_kind(message) != MESSAGE_BACK)
		return ERR_SYNTAX;
	return fields_decode(back_fields, message, b);
}
