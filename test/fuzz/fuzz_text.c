/*
 * fuzz_text.c - any bytes are a name, a text, an ACL, a configuration
 *
 * The first byte says which: of lib/ here, of others in text_parts.c.  Beside
 * what the sanitizers see it checks that a mailbox name has one encoding and
 * comes back from where it was kept, that whatever is decoded or folded is
 * UTF-8, that a changed ACL holds what it was given, that patterns match what
 * a plain matcher says, that a schedule goes on, and that nobody forges a line
 * of the log.
 */
#include "lib/acl.h"
#include "lib/b64.h"
#include "lib/charset.h"
#include "lib/conf.h"
#include "lib/log.h"
#include "lib/utf7.h"
#include "test/fuzz/place.h"
#include "test/fuzz/text_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <syslog.h>
#include <unistd.h>

static void
fuzz_names(struct str s)
{
	struct buf a = BUF_INIT, b = BUF_INIT;

	if (utf7_decode(s, &a) == OK) {
		fuzz_must(utf8_valid(buf_str(&a)), "a name decodes to UTF-8");
		utf7_encode(buf_str(&a), &b);
		fuzz_must(str_eq(buf_str(&b), s), "a name has one encoding");
	}
	buf_reset(&a);
	buf_reset(&b);
	utf7_encode(s, &a);
	fuzz_must(utf8_ascii_prefix(buf_str(&a)) == a.n, "an encoded name is ASCII");
	if (b64_decode(s, &b) == OK) {
		buf_reset(&a);
		b64_encode(buf_str(&b), &a);
		fuzz_must(str_eq(buf_str(&a), s), "base64 has one form");
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

	fuzz_must((e == OK) == charset_known(name), "a known set decodes");
	fuzz_must(utf8_valid(buf_str(&a)), "decoded text is UTF-8");
	charset_fold(text, &b);
	fuzz_must(utf8_valid(buf_str(&b)), "folded text is UTF-8");
	buf_reset(&a);
	if (utf8_nfc(text, &a) == OK) {
		buf_reset(&b);
		fuzz_must(utf8_nfc(buf_str(&a), &b) == OK && str_eq(buf_str(&a), buf_str(&b)),
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
		fuzz_must(all == rights, "an ACL holds what it was given");
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
	fuzz_must(e == OK ? conf_string(c, CONF_CONFIGDIRECTORY) != NULL : c == NULL,
	    "a configuration that is read is whole");
	conf_free(c);
}

/* Code points one by one, and back. */
static void
fuzz_utf8(struct str s)
{
	struct buf again = BUF_INIT;
	struct str left = s;
	uint32_t code;
	bool valid = true;

	while (left.n > 0) {
		size_t was = left.n;

		valid &= utf8_next(&left, &code);
		fuzz_must(left.n < was, "a step forward");
		utf8_add(&again, code);
	}
	fuzz_must(valid == utf8_valid(s), "valid");
	fuzz_must(utf8_valid(buf_str(&again)), "code points make UTF-8");
	fuzz_must(!valid || str_eq(buf_str(&again), s), "the same code points");
	buf_free(&again);
}

/* What is logged is one line, whatever a client put into it. */
static void
fuzz_log(struct str s)
{
	static int fd = -1;
	static char path[32], line[16384];
	ssize_t n;

	if (fd < 0) {
		fd = memfd_create("log", 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	log_open("fuzz", path, LOG_LOCAL6);
	if (ftruncate(fd, 0) != 0)
		abort();
	log_warning("client says %.*s", STR_ARG(s));
	n = pread(fd, line, sizeof(line), 0);
	log_open("fuzz", "/dev/null", LOG_LOCAL6);
	fuzz_must(n > 0 && n < (ssize_t)sizeof(line) && line[n - 1] == '\n', "a line");
	for (ssize_t i = 0; i < n - 1; i++)
		fuzz_must((unsigned char)line[i] >= ' ' && line[i] != 127, "a printable line");
	fuzz_must(utf8_valid((struct str){ line, (size_t)n }), "a line of UTF-8");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const targets[])(struct str s) = {
		fuzz_names, fuzz_text, fuzz_acl, fuzz_conf, fuzz_mailbox_name, fuzz_pattern,
		fuzz_cyrus_conf, fuzz_schedule, fuzz_transfer, fuzz_json, fuzz_lmtp_path,
		fuzz_date, fuzz_utf8, fuzz_log,
	};

	/* Apart from the others: an old corpus means what it meant. */
	if (size > 0 && data[0] == 255)
		fuzz_imap_url((struct str){ (const char *)data + 1, size - 1 });
	else if (size > 0 && data[0] == 254)
		fuzz_message((struct str){ (const char *)data + 1, size - 1 });
	else if (size > 0 && data[0] == 253)
		fuzz_proxy((struct str){ (const char *)data + 1, size - 1 });
	else if (size > 0 && data[0] == 252)
		fuzz_oauth((struct str){ (const char *)data + 1, size - 1 });
	else if (size > 0)
		targets[data[0] % (sizeof(targets) / sizeof(targets[0]))]((struct str){ (const char *)data + 1, size - 1 });
	return 0;
}
