/* uidl.c - the unique-ids of UIDL */
#include "imap/pop3d/uidl.h"

#include <inttypes.h>

void
uidl_put(struct buf *out, int format, uint32_t uidvalidity, uint32_t uid)
{
	switch ((enum uidl_format)format) {
	case UIDL_CYRUS:
		buf_addu(out, uidvalidity);
		buf_addc(out, '.');
		buf_addu(out, uid);
		break;
	case UIDL_UIDONLY:
		buf_addu(out, uid);
		break;
	case UIDL_DOVECOT:
		buf_printf(out, "%08" PRIx32 "%08" PRIx32, uid, uidvalidity);
		break;
	case UIDL_COURIER:
		buf_printf(out, "%" PRIu32 "-%" PRIu32, uidvalidity, uid);
		break;
	}
}
