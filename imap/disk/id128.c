/* id128.c - ids of mailboxes, blobs and commits */
#include "imap/disk/id128.h"

#include "lib/digest.h"

#include <string.h>

bool
id128_eq(const struct id128 *a, const struct id128 *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

struct id128
id128_new(void)
{
	struct id128 id = { { 0 } };

	random_bytes(id.b, sizeof(id.b));
	return id;
}

void
id128_hex(const struct id128 *id, char hex[33])
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof(id->b); i++) {
		hex[2 * i] = digit[id->b[i] >> 4];
		hex[2 * i + 1] = digit[id->b[i] & 15];
	}
	hex[32] = '\0';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool
id128_parse(struct str hex, struct id128 *id)
{
	if (hex.n != 2 * sizeof(id->b))
		return false;
	for (size_t i = 0; i < sizeof(id->b); i++) {
		int hi = hex_value(hex.p[2 * i]), lo = hex_value(hex.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		id->b[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}
