/* tls_keys.c - where the private keys of a configuration lie */
#include "lib/tls_in.h"

#include "lib/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

static void
tell_all(struct tls_pairs *pairs, void (*each)(void *ctx, const char *path), void *ctx)
{
	for (size_t i = 0; i < pairs->n; i++)
		each(ctx, pairs->v[i].key);
	tls_pairs_free(pairs);
}

enum err
tls_keys(const struct tls_params *p, void (*each)(void *ctx, const char *path), void *ctx)
{
	struct tls_trouble why;
	struct tls_pairs pairs;
	const struct dirent *de;
	DIR *d = NULL;
	int fd;
	enum err e = tls_pairs_listed(p->cert_file, p->key_file, &pairs, &why);
	if (e != OK)
		return e;
	tell_all(&pairs, each, ctx);
	if (p->sni_dir == NULL || *p->sni_dir == '\0')
		return OK;
	e = file_open_dir(AT_FDCWD, p->sni_dir, &fd);
	if (e != OK)
		return e;
	e = file_dir_open(fd, p->sni_dir, &d);
	while (e == OK && (e = file_dir_next(d, p->sni_dir, &de)) == OK && de != NULL) {
		tls_pairs_in(p->sni_dir, de->d_name, &pairs);
		tell_all(&pairs, each, ctx);
	}
	if (d != NULL)
		closedir(d);
	close(fd);
	return e;
}
