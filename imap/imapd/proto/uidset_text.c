/* uidset_text.c - lists of UIDs in response codes (RFC 4315 section 3) */
#include "imap/imapd/proto/uidset_text.h"

void
uidset_text(const uint32_t *uids, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		size_t first = i;

		while (i + 1 < n && uids[i + 1] == uids[i] + 1)
			i++;
		if (first > 0)
			buf_addc(out, ',');
		buf_addu(out, uids[first]);
		if (i > first) {
			buf_addc(out, ':');
			buf_addu(out, uids[i]);
		}
	}
}
