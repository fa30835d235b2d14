#include "imap/mime/guess.h"

#include "lib/charset.h"

void
guess_utf8(struct str text, struct buf *utf8)
{
	if (utf8_valid(text)
	    || charset_to_utf8(STR("windows-1252"), text, utf8) != OK)
		buf_add_str(utf8, text);
}
