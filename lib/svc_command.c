#include "lib/svc_command.h"

#include <string.h>

/* Of all our services: those with a value. */
static const char with_value[] = "CpUT";

struct str
svc_command_program(const char *cmd)
{
	struct str left = str_c(cmd), word = { "", 0 };
	if (!str_next_word(&left, &word))
		return word;
	size_t slash = str_rchr(word, '/');
	return slash < word.n ? str_slice(word, slash + 1, word.n) : word;
}

bool
svc_command_has_tls(const char *cmd)
{
	static const char *const programs[] = { "imapd", "pop3d", "lmtpd", "timsieved" };
	struct str program = svc_command_program(cmd);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (str_eq(program, str_c(programs[i])))
			return true;
	return false;
}

/* "-sH", "-p2", "-C file": an option's value is in the same word or in the next. */
static void
look_at(struct str word, struct str *left, struct buf *path)
{
	for (size_t i = 1; i < word.n; i++) {
		struct str value = str_slice(word, i + 1, word.n);
		if (memchr(with_value, word.p[i], sizeof(with_value) - 1) == NULL)
			continue;
		if (value.n == 0)
			(void)str_next_word(left, &value);
		if (word.p[i] == 'C') {
			buf_reset(path);
			buf_add_str(path, value);
		}
		return;
	}
}

void
svc_command_conf(const char *cmd, struct buf *path)
{
	struct str left = str_c(cmd), word;
	if (!str_next_word(&left, &word))
		return;
	while (str_next_word(&left, &word))
		if (word.n > 1 && word.p[0] == '-')
			look_at(word, &left, path);
}
