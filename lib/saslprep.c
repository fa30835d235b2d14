/* saslprep.c - see saslprep.h; it includes ICU, as charset.c does */
#include "lib/saslprep.h"
#include "lib/log.h"
#include "lib/utf8.h"

#include <string.h>
#include <sysexits.h>

#include <unicode/usprep.h>
#include <unicode/ustring.h>

/* A character may become up to 18 units (form KC of U+FDFA). */
enum { GROWTH = 18 };

static bool
is_plain(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || (unsigned char)text.p[i] >= 127)
			return false;
	return text.n > 0;
}

/* The tables are loaded once. */
static UStringPrepProfile *
profile(void)
{
	static UStringPrepProfile *loaded;
	UErrorCode failed = U_ZERO_ERROR;
	if (loaded == NULL)
		loaded = usprep_openByType(USPREP_RFC4013_SASLPREP, &failed);
	if (loaded == NULL)
		log_fatal(EX_SOFTWARE, "ICU has no tables for SASLprep: %s", u_errorName(failed));
	return loaded;
}

/* IN, N units, to OUT; TO has room for what it becomes. */
static bool
prepare(const UChar *in, int32_t n, UChar *to, int32_t room, struct buf *out)
{
	UErrorCode failed = U_ZERO_ERROR;
	int32_t bytes = 0;
	n = usprep_prepare(profile(), in, n, to, room, USPREP_ALLOW_UNASSIGNED, NULL, &failed);
	if (U_FAILURE(failed) || n == 0)
		return false;
	char *utf8 = buf_reserve(out, (size_t)n * 3);
	u_strToUTF8(utf8, n * 3, &bytes, to, n, &failed);
	if (U_FAILURE(failed))
		return false;
	out->n += (size_t)bytes;
	out->p[out->n] = '\0';
	return true;
}

enum err
saslprep(struct str text, struct buf *out)
{
	UErrorCode failed = U_ZERO_ERROR;
	UChar units[SASLPREP_MAX], prepared[SASLPREP_MAX * GROWTH];
	int32_t n;
	if (is_plain(text)) {
		buf_add_str(out, text);
		return OK;
	}
	if (text.n == 0 || text.n > SASLPREP_MAX || !utf8_valid(text))
		return ERR_NAME;
	u_strFromUTF8(units, SASLPREP_MAX, &n, text.p, (int32_t)text.n, &failed);
	bool good = U_SUCCESS(failed)
	    && prepare(units, n, prepared, SASLPREP_MAX * GROWTH, out);
	explicit_bzero(units, sizeof(units));
	explicit_bzero(prepared, sizeof(prepared));
	return good ? OK : ERR_NAME;
}
