/* user_deny.c - users who may not use a service: user_deny.db */
#include "imap/server/user_deny.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

enum {
	FILE_LIMIT = 16 << 20,
	TELL_MAX = 400,			/* bytes of a message that clients get */
	LOCK_MS = 30000,
};

static const char usual[] = "Access to this service has been blocked";

static void
find_path(const struct conf *conf, struct buf *path)
{
	const char *set = conf_string(conf, CONF_USERDENY_DB_PATH);
	const char *dir = conf_string(conf, CONF_CONFIGDIRECTORY);
	if (set != NULL)
		buf_adds(path, set);
	else if (dir != NULL)
		buf_printf(path, "%s/user_deny.db", dir);
}

/* --- reading --- */

struct entry {
	struct str user, services, message;
};

static bool
parse(struct str line, struct entry *e)
{
	struct str version;
	*e = (struct entry){ .message = STR("") };
	if (!str_next_field(&line, '\t', &e->user) || !str_next_field(&line, '\t', &version)
	    || !str_next_field(&line, '\t', &e->services) || e->user.n == 0)
		return false;
	if (line.p != NULL)
		e->message = line;
	return str_eq(version, STR("1")) || str_eq(version, STR("2"));
}

/* No file is an empty one; another of Cyrus's formats begins with this byte. */
static enum err
load(const char *path, struct buf *text)
{
	enum err e = file_slurp(AT_FDCWD, path, FILE_LIMIT, text);
	if (e == ERR_NOTFOUND)
		return OK;
	if (e != OK)
		return ERR_IO;
	if (text->n > 0 && (text->p[0] == '\xa1' || memchr(text->p, 0, text->n) != NULL)) {
		log_err("%s is no text: make it userdeny_db: flat by Cyrus's cvt_cyrusdb(8)",
		    path);
		return ERR_IO;
	}
	return OK;
}

enum err
user_deny_walk(const struct conf *conf, user_deny_each_fn each, void *ctx)
{
	struct buf path = BUF_INIT, text = BUF_INIT;
	struct str line;
	struct entry e;
	find_path(conf, &path);
	enum err err = path.n > 0 ? load(path.p, &text) : OK;
	struct str rest = buf_str(&text);
	while (err == OK && rest.p != NULL && rest.n > 0
	    && str_next_field(&rest, '\n', &line)) {
		if (parse(line, &e))
			each(ctx, e.user, e.services, e.message);
		else if (line.n > 0)
			log_warning("%s: not understood: %.*s", path.p,
			    line.n < 80 ? (int)line.n : 80, line.p);
	}
	buf_free(&path);
	buf_free(&text);
	return err;
}

/* --- who may not --- */

/* From the last to the first, the first that matches. */
static bool
matches(struct str patterns, const char *service)
{
	struct buf pattern = BUF_INIT;
	bool found = false, negated = false;
	while (!found && patterns.p != NULL) {
		size_t comma = str_rchr(patterns, ',');
		bool is_last = comma == patterns.n;
		struct str one = is_last ? patterns
		    : str_slice(patterns, comma + 1, patterns.n);
		patterns = is_last ? (struct str){ NULL, 0 } : str_slice(patterns, 0, comma);
		one = str_trim(one);
		negated = one.n > 0 && one.p[0] == '!';
		buf_reset(&pattern);
		buf_add_str(&pattern, str_slice(one, negated ? 1 : 0, one.n));
		found = fnmatch(pattern.p, service, 0) == 0;
	}
	buf_free(&pattern);
	return found && !negated;
}

struct question {
	struct str user;
	const char *service;
	struct buf *tell;
	bool denied;
};

static void
ask(void *ctx, struct str user, struct str services, struct str message)
{
	struct question *q = ctx;
	if (!str_eq(user, q->user) || !matches(services, q->service))
		return;
	q->denied = true;
	buf_reset(q->tell);
	struct str text = message.n > 0 ? message : str_c(usual);
	/* In a reply '[' would begin a code. */
	for (size_t i = 0; i < text.n && q->tell->n < TELL_MAX; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (q->tell->n > 0 || (c != '[' && c != ' '))
			buf_addc(q->tell, c < ' ' || c >= 127 ? '?' : (char)c);
	}
	if (q->tell->n == 0)
		buf_adds(q->tell, usual);
}

enum err
user_denied(const struct conf *conf, const char *user, const char *service,
    struct buf *tell)
{
	struct question q = { str_c(user), service != NULL ? service : "", tell, false };
	enum err e = user_deny_walk(conf, ask, &q);
	return e == OK && q.denied ? ERR_DENIED : e;
}

/* --- changes --- */

static void
add_line(struct buf *out, const char *user, const char *services, const char *message)
{
	buf_printf(out, "%s\t2\t%s\t%s\n", user, services, message);
}

/* OUT: the file with USER's line gone, or another. */
static bool
rewrite(struct str text, const char *user, const char *services, const char *message,
    struct buf *out)
{
	bool found = false, written = services == NULL;
	struct str line;
	while (text.p != NULL && text.n > 0 && str_next_field(&text, '\n', &line)) {
		struct str who = str_slice(line, 0, str_chr(line, '\t'));
		int order = str_cmp(who, str_c(user));
		if (order >= 0 && !written) {
			add_line(out, user, services, message);
			written = true;
		}
		found |= order == 0;
		if (order == 0)
			continue;
		buf_add_str(out, line);
		buf_addc(out, '\n');
	}
	if (!written)
		add_line(out, user, services, message);
	return found;
}

enum err
user_deny(const struct conf *conf, const char *user, const char *services,
    const char *message)
{
	struct buf path = BUF_INIT, lock = BUF_INIT, text = BUF_INIT, out = BUF_INIT;
	int fd;
	find_path(conf, &path);
	buf_printf(&lock, "%s.lock", path.p);
	enum err e = file_open(AT_FDCWD, lock.p, O_RDWR | O_CREAT, 0600, &fd);
	if (e == OK) {
		e = lock_exclusive(fd, LOCK_OPEN, LOCK_MS);
		if (e == OK && (e = load(path.p, &text)) == OK) {
			bool found = rewrite(buf_str(&text), user, services, message, &out);
			e = !found && services == NULL ? ERR_NOTFOUND
			    : out.n > FILE_LIMIT ? ERR_LIMIT
			    : file_replace(AT_FDCWD, path.p, out.p, out.n, 0600, true);
		}
		lock_release(fd, LOCK_OPEN);
		close(fd);
	}
	buf_free(&path);
	buf_free(&lock);
	buf_free(&text);
	buf_free(&out);
	return e;
}
