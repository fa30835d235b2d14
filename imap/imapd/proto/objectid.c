/* objectid.c - ids of mailboxes and messages as clients see them */
#include "imap/imapd/proto/objectid.h"

static const char digits[] = "0123456789abcdef";

static void
put(char kind, const uint8_t *bytes, size_t n, struct buf *out)
{
	buf_addc(out, '(');
	buf_addc(out, kind);
	for (size_t i = 0; i < n; i++) {
		buf_addc(out, digits[bytes[i] >> 4]);
		buf_addc(out, digits[bytes[i] & 15]);
	}
	buf_addc(out, ')');
}

void
objectid_put_mailbox(const struct id128 *id, struct buf *out)
{
	put('M', id->b, sizeof(id->b), out);
}

void
objectid_put_email(const uint8_t guid[32], struct buf *out)
{
	put('E', guid, EMAILID_BYTES, out);
}

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Object ids are case sensitive. */
bool
objectid_email(struct str id, uint8_t guid[EMAILID_BYTES])
{
	if (id.n != 1 + 2 * (size_t)EMAILID_BYTES || id.p[0] != 'E')
		return false;
	for (size_t i = 0; i < EMAILID_BYTES; i++) {
		int high = digit(id.p[1 + 2 * i]), low = digit(id.p[2 + 2 * i]);

		if (high < 0 || low < 0)
			return false;
		guid[i] = (uint8_t)(high * 16 + low);
	}
	return true;
}
