/*
 * fuzz_text.c - any bytes are a name, a text, an ACL, a configuration (lib/)
 *
 * The first byte says which.  Beside what the sanitizers see it checks that a
 * mailbox name has one encoding, that whatever is decoded or folded is UTF-8,
 * and that a changed ACL holds what it was given.
 */
#include "lib/acl.h"
#include "lib/b64.h"
#include "lib/charset.h"
#include "lib/conf.h"
#include "lib/log.h"
#include "lib/utf7.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool x, const char *what)
{
	if (!x) {
		fprintf(stderr, "fuzz_text: %s\n", what);
		abort();
	}
}

static void
fuzz_names(struct str s)
{
	struct buf a = BUF_INIT, b = BUF_INIT;

	if (utf7_decode(s, &a) == OK) {
		must(utf8_valid(buf_str(&a)), "a name decodes to UTF-8");
		utf7_encode(buf_str(&a), &b);
		must(str_eq(buf_str(&b), s), "a name has one encoding");
	}
	buf_reset(&a);
	buf_reset(&b);
	utf7_encode(s, &a);
	must(utf8_ascii_prefix(buf_str(&a)) == a.n, "an encoded name is ASCII");
	if (b64_decode(s, &b) == OK) {
		buf_reset(&a);
		b64_encode(buf_str(&b), &a);
		must(str_eq(buf_str(&a), s), "base64 has one form");
	}
	buf_free(&a);
	buf_free(&b);
}

/* NAME LF TEXT */
static void
fuzz_text(struct str s)
{
	struct str name = str_slice(s, 0, str_chr(s, '\n'));
	struct str text = str_slice(s, name.n + 1, s.n);
	struct buf a = BUF_INIT, b = BUF_INIT;
	enum err e = charset_to_utf8(name, text, &a);

	must((e == OK) == charset_known(name), "a known set decodes");
	must(utf8_valid(buf_str(&a)), "decoded text is UTF-8");
	charset_fold(text, &b);
	must(utf8_valid(buf_str(&b)), "folded text is UTF-8");
	buf_reset(&a);
	if (utf8_nfc(text, &a) == OK) {
		buf_reset(&b);
		must(utf8_nfc(buf_str(&a), &b) == OK && str_eq(buf_str(&a), buf_str(&b)),
		    "normalizing twice changes nothing");
	}
	buf_free(&a);
	buf_free(&b);
}

/* IDENTIFIER LF RIGHTS LF ACL */
static void
fuzz_acl(struct str s)
{
	struct str who = str_slice(s, 0, str_chr(s, '\n')), letters, entry;
	rights_t rights, got, all = 0;
	struct buf out = BUF_INIT;

	s = str_slice(s, who.n + 1, s.n);
	letters = str_slice(s, 0, str_chr(s, '\n'));
	s = str_slice(s, letters.n + 1, s.n);
	if (acl_parse_rights(letters, &rights) == OK &&
	    acl_change(s, who, '=', rights, &out) == OK) {
		for (s = buf_str(&out); acl_next(&s, &entry, &got);)
			if (str_eq(entry, who))
				all |= got;
		must(all == rights, "an ACL holds what it was given");
	}
	buf_free(&out);
}

static void
ignore(void *ctx, bool is_error, const char *line)
{
	(void)ctx;
	(void)is_error;
	(void)line;
}

static void
fuzz_conf(struct str s)
{
	static int fd = -1;
	char path[32];
	struct conf *c;

	/* One line may include any file of this machine. */
	if (str_find(s, STR("@")) < s.n)
		return;
	if (fd < 0)
		fd = memfd_create("imapd.conf", 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (ftruncate(fd, 0) != 0 || pwrite(fd, s.p, s.n, 0) != (ssize_t)s.n)
		abort();
	enum err e = conf_read(path, "imap", ignore, NULL, &c);
	must(e == OK ? conf_string(c, CONF_CONFIGDIRECTORY) != NULL : c == NULL,
	    "a configuration that is read is whole");
	conf_free(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const targets[])(struct str s) = {
		fuzz_names, fuzz_text, fuzz_acl, fuzz_conf,
	};

	if (size > 0)
		targets[data[0] % 4]((struct str){ (const char *)data + 1, size - 1 });
	return 0;
}
