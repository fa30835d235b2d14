/*
 * charset.c - text in any character set to UTF-8, and its folding
 *
 * With saslprep.c the only includer of ICU.  UTF-8 and ASCII, most of all mail,
 * do not go through it.  An open converter costs a table look-up by name and
 * memory, so the last ones used stay open.
 */
#include "lib/charset.h"

#include "lib/log.h"

#include <string.h>
#include <sysexits.h>

#include <unicode/uchar.h>
#include <unicode/ucnv.h>
#include <unicode/ucnv_cb.h>
#include <unicode/ucnv_err.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>

enum {
	NAME_MAX_BYTES = 40,
	CACHE_SIZE = 8,
	UNITS = 2048,			/* UTF-16 units converted at a time */
};

/* A name as it is looked up: lower case, letters and digits only. */
struct key {
	char text[NAME_MAX_BYTES + 1];
};

/*
 * What mail says and what it means.  Labels of the smaller sets stand on text
 * in the larger ones that extend them: windows-1252 on iso-8859-1 and so on
 * (the same choices as the WHATWG's encoding standard).  Other names go to
 * ICU, which knows hundreds and does not care for case and punctuation either.
 */
static const struct {
	const char *key, *icu;
} meanings[] = {
	{ "usascii", "US-ASCII" },
	{ "ascii", "US-ASCII" },
	{ "unicode11utf8", "UTF-8" },
	{ "iso88591", "windows-1252" },
	{ "88591", "windows-1252" },
	{ "latin1", "windows-1252" },
	{ "l1", "windows-1252" },
	{ "ansi", "windows-1252" },
	{ "iso88599", "windows-1254" },
	{ "latin5", "windows-1254" },
	{ "iso885911", "windows-874" },
	{ "tis620", "windows-874" },
	{ "iso88598i", "ISO-8859-8" },
	{ "iso88598e", "ISO-8859-8" },
	{ "iso88596i", "ISO-8859-6" },
	{ "iso88596e", "ISO-8859-6" },
	{ "visual", "ISO-8859-8" },
	{ "logical", "ISO-8859-8" },
	{ "gb2312", "GB18030" },
	{ "gb231280", "GB18030" },
	{ "chinese", "GB18030" },
	{ "euccn", "GB18030" },
	{ "gbk", "GB18030" },
	{ "xgbk", "GB18030" },
	{ "cp936", "GB18030" },
	{ "ksc56011987", "windows-949" },
	{ "ksc56011989", "windows-949" },
	{ "ksc5601", "windows-949" },
	{ "euckr", "windows-949" },
	{ "cp949", "windows-949" },
	{ "uhc", "windows-949" },
	{ "korean", "windows-949" },
	{ "xsjis", "Shift_JIS" },
	{ "sjis", "Shift_JIS" },
	{ "cp932", "Shift_JIS" },
	{ "windows31j", "Shift_JIS" },
	{ "xeucjp", "EUC-JP" },
	{ "xbig5", "Big5" },
	{ "big5hkscs", "Big5-HKSCS" },
	{ "koi8", "KOI8-R" },
	{ "xmacroman", "macintosh" },
	{ "mac", "macintosh" },
};

enum { MEANINGS = sizeof(meanings) / sizeof(meanings[0]) };

/* --- names --- */

/* False: no character set has such a name (ICU's own options, for instance). */
static bool
make_key(struct str name, struct key *key)
{
	size_t n = 0;

	name = str_trim(name);
	if (name.n > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (c >= 'A' && c <= 'Z')
			c |= ' ';
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			key->text[n++] = c;
		else if (strchr("-_.: ", c) == NULL || c == '\0')
			return false;
	}
	key->text[n] = '\0';
	return n > 0;
}

/* "cp1252", "win1251", "windows1250", "xcp866": all are Microsoft's numbers. */
static void
microsoft(const struct key *key, struct buf *icu)
{
	static const char *const marks[] = { "xcp", "cp", "xwindows", "windows", "win" };
	struct str name = str_c(key->text), digits;
	uint32_t number;

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (!str_starts(name, str_c(marks[i])))
			continue;
		digits = str_slice(name, strlen(marks[i]), name.n);
		if (!str_to_u32(digits, &number))
			continue;
		if (number == 65001)
			buf_adds(icu, "UTF-8");
		else
			buf_printf(icu, "%s%u", number == 874 || number == 949 ||
			    (number >= 1250 && number <= 1258) ? "windows-" : "cp", number);
		return;
	}
}

static void
icu_name(const struct key *key, struct buf *icu)
{
	for (int i = 0; i < MEANINGS; i++)
		if (strcmp(key->text, meanings[i].key) == 0) {
			buf_adds(icu, meanings[i].icu);
			return;
		}
	microsoft(key, icu);
	if (icu->n == 0)
		buf_adds(icu, key->text);
}

/* --- converters --- */

/* What cannot fail for another reason. */
static void
must_do(UErrorCode error)
{
	if (error == U_MEMORY_ALLOCATION_ERROR)
		log_fatal(EX_TEMPFAIL, "out of memory for a character set");
	ensure(U_SUCCESS(error));
}

/* Whatever ICU would put for a broken byte, we put U+FFFD. */
static void
on_broken(const void *context, UConverterToUnicodeArgs *args, const char *bytes,
    int32_t n, UConverterCallbackReason reason, UErrorCode *error)
{
	static const UChar replacement = UTF8_REPLACEMENT;

	(void)context;
	(void)bytes;
	(void)n;
	if (reason > UCNV_IRREGULAR)
		return;		/* reset, close: nothing is broken */
	*error = U_ZERO_ERROR;
	ucnv_cbToUWriteUChars(args, &replacement, 1, 0, error);
}

static UConverter *
open_converter(const struct key *key)
{
	UErrorCode error = U_ZERO_ERROR;
	struct buf name = BUF_INIT;
	UConverter *c;

	icu_name(key, &name);
	c = ucnv_open(name.p, &error);
	buf_free(&name);
	if (error == U_MEMORY_ALLOCATION_ERROR)
		must_do(error);
	if (U_FAILURE(error))
		return NULL;
	ucnv_setToUCallBack(c, on_broken, NULL, NULL, NULL, &error);
	must_do(error);
	return c;
}

/* The last ones used, newest first.  NULL: we asked ICU and it knows no such. */
static struct cached {
	struct key key;
	UConverter *converter;
} cache[CACHE_SIZE];

static UConverter *
converter(const struct key *key)
{
	struct cached found;
	int i = 0;

	while (i < CACHE_SIZE && strcmp(cache[i].key.text, key->text) != 0)
		i++;
	if (i < CACHE_SIZE) {
		found = cache[i];
	} else {
		i = CACHE_SIZE - 1;
		ucnv_close(cache[i].converter);
		found = (struct cached){ *key, open_converter(key) };
	}
	memmove(cache + 1, cache, (size_t)i * sizeof(cache[0]));
	cache[0] = found;
	return found.converter;
}

static bool
is_utf8(const struct key *key)
{
	return strcmp(key->text, "utf8") == 0;
}

bool
charset_known(struct str name)
{
	struct key key;

	return make_key(name, &key) && (is_utf8(&key) || converter(&key) != NULL);
}

/* --- conversion --- */

static void
add_repaired(struct str text, struct buf *utf8)
{
	uint32_t code;

	while (text.n > 0) {
		size_t n = utf8_ascii_prefix(text);

		buf_add(utf8, text.p, n);
		text = str_slice(text, n, text.n);
		if (text.n > 0) {
			utf8_next(&text, &code);
			utf8_add(utf8, code);
		}
	}
}

/* HIGH: a surrogate that waits for its other half, or 0. */
static void
add_units(const UChar *u, const UChar *end, uint32_t *high, struct buf *utf8)
{
	for (; u < end; u++) {
		if (*high != 0 && U16_IS_TRAIL(*u)) {
			utf8_add(utf8, (uint32_t)U16_GET_SUPPLEMENTARY(*high, *u));
			*high = 0;
			continue;
		}
		if (*high != 0)
			utf8_add(utf8, UTF8_REPLACEMENT);
		*high = U16_IS_LEAD(*u) ? *u : 0;
		if (*high == 0)
			utf8_add(utf8, *u);	/* a lone trail becomes U+FFFD */
	}
}

static void
convert(UConverter *c, struct str text, struct buf *utf8)
{
	const char *from = text.p, *end = text.p + text.n;
	UChar units[UNITS], *to;
	uint32_t high = 0;
	UErrorCode error;

	ucnv_resetToUnicode(c);
	do {
		to = units;
		error = U_ZERO_ERROR;
		ucnv_toUnicode(c, &to, units + UNITS, &from, end, NULL, true, &error);
		add_units(units, to, &high, utf8);
	} while (error == U_BUFFER_OVERFLOW_ERROR);
	if (high != 0 || U_FAILURE(error))
		utf8_add(utf8, UTF8_REPLACEMENT);
}

enum err
charset_to_utf8(struct str charset, struct str text, struct buf *utf8)
{
	struct key key;
	UConverter *c;

	if (!make_key(charset, &key))
		return ERR_CHARSET;
	if (is_utf8(&key)) {
		add_repaired(text, utf8);
		return OK;
	}
	c = converter(&key);
	if (c == NULL)
		return ERR_CHARSET;
	if (text.n > 0)
		convert(c, text, utf8);
	return OK;
}

bool
charset_has_lines(struct str name)
{
	struct buf lf = BUF_INIT;
	struct key key;
	UConverter *c;
	UErrorCode error = U_ZERO_ERROR;
	bool has = false;

	if (!make_key(name, &key))
		return false;
	if (is_utf8(&key))
		return true;
	c = converter(&key);
	if (c == NULL)
		return false;
	convert(c, STR("\n"), &lf);
	switch ((int)ucnv_getType(c)) {
	case UCNV_SBCS:
	case UCNV_MBCS:
	case UCNV_LATIN_1:
	case UCNV_UTF8:
	case UCNV_CESU8:
	case UCNV_US_ASCII:
		has = str_eq(buf_str(&lf), STR("\n"));	/* not in EBCDIC */
		break;
	case UCNV_ISO_2022:
		has = strstr(ucnv_getName(c, &error), "locale=ja") != NULL;
		break;
	default:
		break;
	}
	buf_free(&lf);
	return has;
}

/* --- folding --- */

/*
 * RFC 5051 section 2: each character's titlecase, then decomposition,
 * compatibility mappings included.  TEXT has no ASCII in it but perhaps at its
 * end, and at most UNITS / 2 code points: decomposition does not reach over an
 * ASCII character.
 */
static void
fold_piece(struct str text, const UNormalizer2 *nfkd, struct buf *folded)
{
	enum { LONGEST = 18 };		/* units that one character decomposes into */
	UChar in[UNITS], out[UNITS * LONGEST / 2];
	UErrorCode error = U_ZERO_ERROR;
	int32_t n = 0, made;
	uint32_t code, high = 0;

	while (text.n > 0) {
		utf8_next(&text, &code);
		code = (uint32_t)u_totitle((UChar32)code);
		if (code > 0xffff)
			in[n++] = U16_LEAD(code);
		in[n++] = code > 0xffff ? U16_TRAIL(code) : (UChar)code;
	}
	made = unorm2_normalize(nfkd, in, n, out, (int32_t)(sizeof(out) / sizeof(out[0])), &error);
	must_do(error);
	/*
	 * Letters that come out of ligatures and the like ("fi" of U+FB01) have
	 * missed the first step; without it they would equal nothing.
	 */
	for (int32_t i = 0; i < made; i++)
		if (out[i] >= 'a' && out[i] <= 'z')
			out[i] &= (UChar)~' ';
	add_units(out, out + made, &high, folded);
}

/* The length of the run of non-ASCII at the start, at most MAX code points. */
static size_t
other_prefix(struct str text, size_t max)
{
	struct str rest = text;
	uint32_t code;

	for (size_t i = 0; i < max && rest.n > 0 && (unsigned char)rest.p[0] >= 0x80; i++)
		utf8_next(&rest, &code);
	return text.n - rest.n;
}

/* Eight ASCII bytes at once: bit 7 of a sum says if the byte is that great. */
static uint64_t
upper_of_eight(uint64_t w)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	uint64_t from_a = w + each * (0x80 - 'a'), past_z = w + each * (0x80 - 'z' - 1);

	return w ^ ((from_a & ~past_z & each * 0x80) >> 2);
}

static void
add_upper(struct str ascii, struct buf *folded)
{
	char *to = buf_reserve(folded, ascii.n);
	size_t i = 0;
	uint64_t w;

	for (; i + sizeof(w) <= ascii.n; i += sizeof(w)) {
		memcpy(&w, ascii.p + i, sizeof(w));
		w = upper_of_eight(w);
		memcpy(to + i, &w, sizeof(w));
	}
	for (; i < ascii.n; i++)
		to[i] = ascii.p[i] >= 'a' && ascii.p[i] <= 'z' ? (char)(ascii.p[i] & ~' ')
							       : ascii.p[i];
	to[ascii.n] = '\0';
	folded->n += ascii.n;
}

void
charset_fold(struct str text, struct buf *folded)
{
	UErrorCode error = U_ZERO_ERROR;
	const UNormalizer2 *nfkd = NULL;

	while (text.n > 0) {
		size_t n = utf8_ascii_prefix(text);

		if (n > 0)
			add_upper(str_slice(text, 0, n), folded);
		text = str_slice(text, n, text.n);
		if (text.n == 0)
			break;
		if (nfkd == NULL)
			nfkd = unorm2_getNFKDInstance(&error);
		must_do(error);
		n = other_prefix(text, UNITS / 2);
		fold_piece(str_slice(text, 0, n), nfkd, folded);
		text = str_slice(text, n, text.n);
	}
}

uint32_t
charset_version(void)
{
	UVersionInfo v;

	u_getVersion(v);
	return (uint32_t)v[0] << 24 | (uint32_t)v[1] << 16 | (uint32_t)v[2] << 8 | v[3];
}

/* --- normalization --- */

enum { NFC_MAX_BYTES = 64 * 1024 };

static void
nfc_units(const UChar *in, int32_t n, struct buf *nfc)
{
	UErrorCode error = U_ZERO_ERROR;
	const UNormalizer2 *norm = unorm2_getNFCInstance(&error);
	struct buf out = BUF_INIT;
	uint32_t high = 0;
	/* Composed text is at most three times as long, in UTF-16. */
	int32_t room = n * 3 + 1, made;

	buf_reserve(&out, (size_t)room * sizeof(UChar));
	made = unorm2_normalize(norm, in, n, (UChar *)(void *)out.p, room, &error);
	must_do(error);
	add_units((const UChar *)(const void *)out.p,
	    (const UChar *)(const void *)out.p + made, &high, nfc);
	buf_free(&out);
}

enum err
utf8_nfc(struct str text, struct buf *nfc)
{
	struct buf units = BUF_INIT;
	UErrorCode error = U_ZERO_ERROR;
	int32_t n;

	if (utf8_ascii_prefix(text) == text.n) {
		buf_add_str(nfc, text);
		return OK;
	}
	if (text.n > NFC_MAX_BYTES || !utf8_valid(text))
		return ERR_NAME;
	buf_reserve(&units, (text.n + 1) * sizeof(UChar));
	u_strFromUTF8((UChar *)(void *)units.p, (int32_t)text.n + 1, &n, text.p,
	    (int32_t)text.n, &error);
	must_do(error);
	nfc_units((const UChar *)(const void *)units.p, n, nfc);
	buf_free(&units);
	return OK;
}
