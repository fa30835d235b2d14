#include "imap/server/notice.h"
#include "lib/conf.h"

#include <fcntl.h>
#include <unistd.h>

enum { NOTICE_MAX = 2048 };

bool
notice_read(int config_dirfd, const char *path, struct buf *text)
{
	char line[NOTICE_MAX];
	int fd = openat(config_dirfd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, line, sizeof(line));
	close(fd);
	for (ssize_t i = 0; i < n && line[i] != '\n'; i++)
		if ((unsigned char)line[i] >= ' ' && (unsigned char)line[i] < 127)
			buf_addc(text, line[i]);
	return n >= 0;
}

void
notice_hostname(const struct conf *conf, struct buf *out)
{
	char name[256] = "localhost";
	const char *given = conf_string(conf, CONF_SERVERNAME);
	if (given == NULL && gethostname(name, sizeof(name)) == 0)
		name[sizeof(name) - 1] = '\0';
	buf_adds(out, given != NULL ? given : name);
}
