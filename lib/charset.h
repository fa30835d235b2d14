/*
 * charset.h - text in any character set to UTF-8 (ICU behind)
 *
 * Not for several threads at once: open converters are kept and shared.
 */
#ifndef LIB_CHARSET_H
#define LIB_CHARSET_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"
#include "lib/utf8.h"

#include <stdbool.h>
#include <stdint.h>

/* Do we know it?  Names as IANA and real mail write them, any case. */
bool charset_known(struct str name);

/*
 * May text be cut behind each byte LF and decoded in pieces?  Not if LF can be
 * part of a character, or if what a byte means depends on the lines before.
 * (ISO-2022-JP's lines end in ASCII, RFC 1468.)
 */
bool charset_has_lines(struct str name);

/*
 * Appends TEXT, decoded from CHARSET, to UTF8.  Bytes that mean nothing become
 * U+FFFD.  Labels are taken as mail means them: iso-8859-1 is windows-1252,
 * gb2312 is GB18030.  TEXT begins and ends in the initial state, so a text
 * that is decoded piecewise must be cut between characters.  ERR_CHARSET if
 * the name is unknown ("x-unknown", say): guess then.
 */
enum err charset_to_utf8(struct str charset, struct str text, struct buf *utf8) MUST_CHECK;

/*
 * Appends TEXT (UTF-8; bad bytes become U+FFFD) normalized and case-folded for
 * comparison as i;unicode-casemap (RFC 5051) does: titlecase, decomposition.
 * Where TEXT is cut does not matter, if it is cut beside an ASCII character.
 */
void charset_fold(struct str text, struct buf *folded);

/*
 * Which tables are behind charset_to_utf8() and charset_fold(): with another number
 * they may give something else for the same text.
 */
uint32_t charset_version(void);

/*
 * Appends TEXT in normalization form C; ERR_NAME if it is not valid UTF-8 or,
 * unless all of it is ASCII, longer than 64 KiB.
 */
enum err utf8_nfc(struct str text, struct buf *nfc) MUST_CHECK;

#endif
