/*
 * utf7.c - the modified UTF-7 of mailbox names
 *
 * Printable ASCII stands for itself, "&" is "&-", and everything else is
 * UTF-16 in base64 (with "," for "/", without padding) between "&" and "-".
 * Each text has one right encoding; accepting others would give one mailbox
 * several names.
 */
#include "lib/utf7.h"

#include "lib/utf8.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static bool
is_direct(uint32_t c)
{
	return c >= 0x20 && c <= 0x7e;
}

static bool
is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f);
}

/* --- decoding --- */

/* Puts UTF-16 units together; FIRST is a high surrogate that waits, or 0. */
static bool
add_unit(uint32_t unit, uint32_t *first, struct buf *utf8)
{
	bool is_low = unit >= 0xdc00 && unit <= 0xdfff;

	if (*first != 0) {
		if (!is_low)
			return false;
		utf8_add(utf8, 0x10000 + ((*first - 0xd800) << 10) + (unit - 0xdc00));
		*first = 0;
		return true;
	}
	if (is_low || is_direct(unit) || is_control(unit))
		return false;
	if (unit >= 0xd800 && unit <= 0xdbff)
		*first = unit;
	else
		utf8_add(utf8, unit);
	return true;
}

/* What stands between "&" and "-"; not empty. */
static bool
decode_run(struct str run, struct buf *utf8)
{
	uint32_t bits = 0, first = 0;
	unsigned count = 0;

	for (size_t i = 0; i < run.n; i++) {
		size_t digit = str_chr(str_c(alphabet), run.p[i]);

		if (digit == sizeof(alphabet) - 1)
			return false;
		bits = bits << 6 | (uint32_t)digit;
		count += 6;
		if (count >= 16) {
			count -= 16;
			if (!add_unit(bits >> count & 0xffff, &first, utf8))
				return false;
			bits &= (1u << count) - 1;
		}
	}
	/* What is left over fills up the last digit, with zeros. */
	return first == 0 && count < 6 && bits == 0;
}

static bool
decode(struct str name, struct buf *utf8)
{
	bool after_run = false;

	while (name.n > 0) {
		size_t end;

		if (!is_direct((unsigned char)name.p[0]))
			return false;
		if (name.p[0] != '&') {
			buf_addc(utf8, name.p[0]);
			name = str_slice(name, 1, name.n);
			after_run = false;
			continue;
		}
		end = str_chr(name, '-');
		if (end == name.n)
			return false;
		if (end == 1) {
			buf_addc(utf8, '&');
			after_run = false;
		} else {
			/* Two runs side by side would have been one. */
			if (after_run || !decode_run(str_slice(name, 1, end), utf8))
				return false;
			after_run = true;
		}
		name = str_slice(name, end + 1, name.n);
	}
	return true;
}

enum err
utf7_decode(struct str name, struct buf *utf8)
{
	size_t start = utf8->n;

	if (decode(name, utf8))
		return OK;
	buf_truncate(utf8, start);
	return ERR_NAME;
}

/* --- encoding --- */

/* A run of base64 while it is written. */
struct run {
	uint32_t bits;
	unsigned count;		/* of bits that are not written yet: 0, 2 or 4 */
	bool is_open;
};

static void
run_add(struct run *r, uint32_t unit, struct buf *name)
{
	if (!r->is_open)
		buf_addc(name, '&');
	r->is_open = true;
	r->bits = r->bits << 16 | unit;
	r->count += 16;
	while (r->count >= 6) {
		r->count -= 6;
		buf_addc(name, alphabet[r->bits >> r->count & 0x3f]);
	}
	r->bits &= (1u << r->count) - 1;
}

static void
run_end(struct run *r, struct buf *name)
{
	if (!r->is_open)
		return;
	if (r->count > 0)
		buf_addc(name, alphabet[r->bits << (6 - r->count) & 0x3f]);
	buf_addc(name, '-');
	*r = (struct run){ .bits = 0 };
}

void
utf7_encode(struct str utf8, struct buf *name)
{
	struct run run = { .bits = 0 };
	uint32_t c;

	while (utf8.n > 0) {
		utf8_next(&utf8, &c);
		if (is_direct(c)) {
			run_end(&run, name);
			buf_addc(name, (char)c);
			if (c == '&')
				buf_addc(name, '-');
		} else if (c < 0x10000) {
			run_add(&run, c, name);
		} else {
			run_add(&run, 0xd800 + ((c - 0x10000) >> 10), name);
			run_add(&run, 0xdc00 + ((c - 0x10000) & 0x3ff), name);
		}
	}
	run_end(&run, name);
}
