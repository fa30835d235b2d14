/* mbname.c - internal mailbox names: taken apart, as keys, as directories */
#include "imap/store/list/mbname.h"

#include "imap/store/list/mblist.h"
#include "lib/charset.h"

#include <ctype.h>
#include <string.h>

enum {
	KEY_DOT = 0x01,
	FILE_NAME_MAX = 240,		/* leaves room for ".PID.N.tmp" and "%~2" */
};

void
mbname_add_key(struct buf *key, struct str name)
{
	size_t at = key->n;

	buf_add_str(key, name);
	for (; at < key->n; at++)
		if (key->p[at] == '.')
			key->p[at] = KEY_DOT;
}

void
mbname_from_key(struct buf *name, struct str key)
{
	size_t at = name->n;

	buf_add_str(name, key);
	for (; at < name->n; at++)
		if (name->p[at] == KEY_DOT)
			name->p[at] = '.';
}

bool
mbname_is_in(struct str name, struct str top)
{
	return name.n >= top.n && memcmp(name.p, top.p, top.n) == 0 &&
	    (name.n == top.n || name.p[top.n] == '.');
}

bool
mbname_up(struct str *name)
{
	for (size_t n = name->n; n > 0; n--) {
		if (name->p[n - 1] == '.') {
			name->n = n - 1;
			return true;
		}
	}
	return false;
}

struct str
mblist_owner(struct str name)
{
	const struct str user = STR("user.");
	struct str owner = { name.p + user.n, 0 };

	if (name.n <= user.n || memcmp(name.p, user.p, user.n) != 0)
		return (struct str){ NULL, 0 };
	while (user.n + owner.n < name.n && owner.p[owner.n] != '.')
		owner.n++;
	return owner;
}

bool
mbname_is_inbox(struct str name)
{
	struct str owner = mblist_owner(name);

	return owner.n > 0 && owner.p + owner.n == name.p + name.n;
}

/* --- what may be a name --- */

/*
 * Not allowed besides control characters: '*' and '%', which a client could
 * then not ask for in LIST; '/', which is the separator that clients see with
 * unixhierarchysep.
 */
static bool
component_ok(struct str c)
{
	if (c.n == 0 || c.n > MBNAME_COMPONENT_MAX)
		return false;
	for (size_t i = 0; i < c.n; i++) {
		unsigned char ch = (unsigned char)c.p[i];

		if (ch < 0x20 || ch == 0x7f || ch == '*' || ch == '%' || ch == '/')
			return false;
		/* U+0080 to U+009F are control characters too. */
		if (ch == 0xc2 && i + 1 < c.n && (unsigned char)c.p[i + 1] < 0xa0)
			return false;
	}
	return true;
}

static bool
is_nfc(struct str name)
{
	struct buf nfc = BUF_INIT;
	bool ok = utf8_nfc(name, &nfc) == OK && str_eq(buf_str(&nfc), name);

	buf_free(&nfc);
	return ok;
}

static void
add_component(struct buf *out, struct str c, bool is_top);

enum err
mblist_check_name(struct str name)
{
	struct buf dir = BUF_INIT;
	struct str rest = name;
	bool ok = name.n > 0 && name.n <= MBNAME_MAX;

	while (ok) {
		struct str c = { rest.p, 0 };

		while (c.n < rest.n && c.p[c.n] != '.')
			c.n++;
		buf_reset(&dir);
		add_component(&dir, c, false);
		ok = component_ok(c) && dir.n <= FILE_NAME_MAX;
		if (c.n == rest.n)
			break;
		rest = (struct str){ rest.p + c.n + 1, rest.n - c.n - 1 };
	}
	buf_free(&dir);
	return ok && is_nfc(name) ? OK : ERR_NAME;
}

/* --- directories and files --- */

/* Bytes above 0x7f are UTF-8 here: mblist_check_name() has seen the name. */
static bool
is_safe(unsigned char c)
{
	return c >= 0x80 || isalnum(c) || (c != '\0' && strchr("_+=@^ -", c) != NULL);
}

static void
add_escaped(struct buf *out, unsigned char c)
{
	static const char hex[] = "0123456789ABCDEF";

	buf_addc(out, '%');
	buf_addc(out, hex[c >> 4]);
	buf_addc(out, hex[c & 15]);
}

/*
 * No '.' can be in it, so it is never "..", "17." or "cyrus.index".  At the
 * top of a partition the store has directories of its own.
 */
static void
add_component(struct buf *out, struct str c, bool is_top)
{
	bool is_ours = is_top && (str_eq(c, STR("wal")) || str_eq(c, STR("stage")) ||
	    str_eq(c, STR("lost+found")));

	for (size_t i = 0; i < c.n; i++) {
		unsigned char ch = (unsigned char)c.p[i];

		/* A '-' in front would be an option to ls and rm. */
		if (!is_safe(ch) || (i == 0 && (is_ours || ch == '-' || ch == ' ')))
			add_escaped(out, ch);
		else
			buf_addc(out, (char)ch);
	}
}

/* The letter that Cyrus takes: of the second component, else of the first. */
static char
hash_letter(struct str name)
{
	const char *dot = memchr(name.p, '.', name.n);
	int c = tolower((unsigned char)(dot != NULL ? dot[1] : name.p[0]));

	return c >= 'a' && c <= 'z' ? (char)c : 'q';
}

void
mbname_add_dir(struct buf *dir, struct str name, bool hashed)
{
	bool is_top = !hashed;

	if (hashed) {
		buf_addc(dir, hash_letter(name));
		buf_addc(dir, '/');
	}
	for (size_t i = 0; i <= name.n; i++) {
		struct str c = { name.p + i, 0 };

		while (i < name.n && name.p[i] != '.') {
			c.n++;
			i++;
		}
		add_component(dir, c, is_top);
		is_top = false;
		if (i < name.n)
			buf_addc(dir, '/');
	}
}

void
mbname_add_file(struct buf *file, struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		unsigned char ch = (unsigned char)name.p[i];

		if (is_safe(ch) || ch == '.')
			buf_addc(file, (char)ch);
		else
			add_escaped(file, ch);
	}
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void
mbname_from_file(struct buf *name, struct str file)
{
	for (size_t i = 0; i < file.n; i++) {
		if (file.p[i] == '%' && i + 2 < file.n && hex_value(file.p[i + 1]) >= 0 &&
		    hex_value(file.p[i + 2]) >= 0) {
			buf_addc(name, (char)(hex_value(file.p[i + 1]) * 16 +
			    hex_value(file.p[i + 2])));
			i += 2;
		} else {
			buf_addc(name, file.p[i]);
		}
	}
}
