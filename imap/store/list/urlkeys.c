/* urlkeys.c - mailbox access keys: user/J/USER.urlauth */
#include "imap/store/list/urlkeys.h"

#include "imap/store/list/local.h"
#include "imap/store/list/userfile.h"
#include "lib/digest.h"
#include "lib/file.h"
#include "lib/log.h"

#include <string.h>

#define EXT	".urlauth"

enum { LINE = 32 + 1 + 2 * URLKEY_SIZE };

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
from_hex(struct str text, uint8_t *out)
{
	for (size_t i = 0; i + 1 < text.n; i += 2) {
		int a = hex(text.p[i]), b = hex(text.p[i + 1]);

		if (a < 0 || b < 0)
			return false;
		out[i / 2] = (uint8_t)(a * 16 + b);
	}
	return true;
}

static void
add_hex(struct buf *b, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "%02x", p[i]);
}

/* A user's file, line by line. */
struct lines {
	struct str user, text;
	unsigned number;
};

/* The key is lost: whoever has a URL made with it will ask why it is refused. */
static void
say_damaged(const struct lines *l)
{
	struct buf path = BUF_INIT;

	userfile_path(l->user, EXT, &path);
	log_err("%s: line %u is damaged: URLs made with its key are void; put the file back "
	    "from a backup, or have the user make them anew", path.p, l->number);
	buf_free(&path);
}

/* The next line that is one; an empty one may be an editor's doing. */
static bool
next_key(struct lines *l, struct str *line, struct id128 *id, uint8_t key[URLKEY_SIZE])
{
	while (l->text.n > 0) {
		*line = str_slice(l->text, 0, str_chr(l->text, '\n'));
		l->text = str_slice(l->text, line->n + 1, l->text.n);
		l->number++;
		if (line->n == LINE && line->p[32] == '\t' &&
		    from_hex(str_slice(*line, 0, 32), id->b) &&
		    from_hex(str_slice(*line, 33, LINE), key))
			return true;
		if (line->n > 0)
			say_damaged(l);
	}
	return false;
}

static enum err
find(struct store *s, struct str user, const struct id128 *mailbox, uint8_t key[URLKEY_SIZE])
{
	struct buf b = BUF_INIT;
	struct lines l = { .user = user };
	struct str line;
	struct id128 id;
	enum err e = userfile_read(s, user, EXT, &b);
	bool found = false;

	l.text = buf_str(&b);
	while (e == OK && !found && next_key(&l, &line, &id, key))
		found = id128_eq(&id, mailbox);
	buf_wipe(&b);
	return e == OK && !found ? ERR_NOTFOUND : e;
}

/* All lines but that of WITHOUT, and one for ADDED if it is not NULL. */
static enum err
rewrite(struct store *s, struct str user, const struct id128 *without,
    const struct id128 *added, const uint8_t key[URLKEY_SIZE])
{
	struct buf old = BUF_INIT, new = BUF_INIT, path = BUF_INIT;
	struct lines l = { .user = user };
	struct str line;
	struct id128 id;
	uint8_t other[URLKEY_SIZE];
	enum err e = without != NULL ? userfile_read(s, user, EXT, &old) : OK;

	l.text = buf_str(&old);
	while (e == OK && next_key(&l, &line, &id, other))
		if (!id128_eq(&id, without))
			buf_printf(&new, "%.*s\n", STR_ARG(line));
	if (added != NULL) {
		add_hex(&new, added->b, sizeof(added->b));
		buf_addc(&new, '\t');
		add_hex(&new, key, URLKEY_SIZE);
		buf_addc(&new, '\n');
	}
	userfile_path(user, EXT, &path);
	if (e == OK)
		e = file_replace(s->config_fd, path.p, new.p, new.n, 0600, true);
	buf_wipe(&old);
	buf_wipe(&new);
	buf_free(&path);
	return e;
}

enum err
urlkeys_get(struct store *s, struct str user, const struct id128 *mailbox, bool create,
    uint8_t key[URLKEY_SIZE])
{
	enum err e = find(s, user, mailbox, key);
	int fd;

	if (e != ERR_NOTFOUND || !create)
		return e;
	e = userfile_lock(s, user, &fd);
	if (e != OK)
		return e;
	e = find(s, user, mailbox, key);
	if (e == ERR_NOTFOUND) {
		random_bytes(key, URLKEY_SIZE);
		e = rewrite(s, user, mailbox, mailbox, key);
	}
	userfile_unlock(fd);
	return e;
}

enum err
urlkeys_reset(struct store *s, struct str user, const struct id128 *mailbox)
{
	int fd;
	enum err e = userfile_lock(s, user, &fd);

	if (e != OK)
		return e;
	e = rewrite(s, user, mailbox, NULL, NULL);
	userfile_unlock(fd);
	return e;
}
