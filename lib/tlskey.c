/* tlskey.c - private keys from files */
#include "lib/tlskey.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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
	errno = 0;
	BIO *bio = BIO_new_file(path, "r");
	if (bio == NULL) {
		int failure = errno;
		ERR_clear_error();
		snprintf(why, size, "cannot read tls_server_key \"%s\": %s%s", path,
		    strerror(failure), failure == EACCES
		    ? "; the server's user needs read permission" : "");
		return failure == ENOENT ? ERR_NOTFOUND : ERR_IO;
	}
	*key = PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, &asked);
	BIO_free(bio);
	ERR_clear_error();
	if (*key != NULL)
		return OK;
	snprintf(why, size, asked ? "\"%s\" has a passphrase, which nobody can give at a"
	    " start; openssl pkey -in %s -out NEWFILE takes it off"
	    : "\"%s\" holds no PEM private key", path, path);
	return ERR_CORRUPT;
}
