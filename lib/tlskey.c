/* tlskey.c - private keys from files */
#include "lib/tlskey.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 64 * 1024 * 1024 };

/* All at once, so that there are no copies behind a BIO or FILE. */
static bool
fill(int fd, struct buf *text)
{
	struct stat st;
	size_t done = 0;
	ssize_t n = 1;
	if (fstat(fd, &st) != 0)
		return false;
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EFBIG;
		return false;
	}
	size_t size = (size_t)st.st_size;
	char *to = buf_reserve(text, size + 1);
	while (done < size && (n = read(fd, to + done, size - done)) > 0)
		done += (size_t)n;
	text->n += done;
	text->p[text->n] = '\0';
	return n >= 0;
}

bool
tlskey_slurp(const char *path, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	bool done = fill(fd, text);
	int failure = errno;
	close(fd);
	errno = failure;
	return done;
}

/* Nobody is there to type one. */
static int
on_passphrase(char *buf, int size, int rwflag, void *asked)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	*(bool *)asked = true;
	return -1;
}

enum err
tlskey_read(const char *path, EVP_PKEY **key, char *why, size_t size)
{
	bool asked = false;
	*key = NULL;
	struct buf text = BUF_INIT;
	if (!tlskey_slurp(path, &text)) {
		int failure = errno;
		buf_wipe(&text);
		snprintf(why, size, "cannot read tls_server_key \"%s\": %s%s", path,
		    strerror(failure), failure == EACCES
		    ? "; the server's user needs read permission" : "");
		return failure == ENOENT ? ERR_NOTFOUND : ERR_IO;
	}
	BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
	if (bio != NULL)
		*key = PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, &asked);
	BIO_free(bio);
	buf_wipe(&text);
	ERR_clear_error();
	if (*key != NULL)
		return OK;
	snprintf(why, size, asked ? "\"%s\" has a passphrase, which nobody can give at a"
	    " start; openssl pkey -in %s -out NEWFILE takes it off"
	    : "\"%s\" holds no PEM private key", path, path);
	return ERR_CORRUPT;
}
