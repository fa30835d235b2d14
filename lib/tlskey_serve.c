/* tlskey_serve.c - the holder's side: one request, one reply */
#include "lib/tlskey_in.h"

#include "lib/log.h"
#include "lib/tls_shelf.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Nobody can change it any more, nor does it become a file's. */
static int
in_memory(struct str bytes)
{
	int fd = memfd_create("chapar-certificates", MFD_CLOEXEC);
	size_t done = 0;
	while (fd >= 0 && done < bytes.n) {
		ssize_t n = write(fd, bytes.p + done, bytes.n - done);
		if (n <= 0) {
			close(fd);
			fd = -1;
		} else {
			done += (size_t)n;
		}
	}
	if (fd < 0)
		log_io("memfd", "write");
	return fd;
}

static void
copy_text(struct str from, char to[TLS_SHELF_NAME_MAX])
{
	memcpy(to, from.p, from.n);
	to[from.n] = '\0';
}

static bool
get_text(struct str *s, struct str *text)
{
	uint8_t n;
	return str_get_u8(s, &n) && str_get_bytes(s, n, text);
}

static enum tlskey_status
fetch(const struct tlskey_stand *stand, struct str s, struct buf *reply, int *fd)
{
	struct str hash, service, name;
	char text[TLS_SHELF_NAME_MAX], why[TLSKEY_WHY_MAX] = "";
	const struct tls_stock *stock;
	if (!str_get_bytes(&s, TLS_BUNDLE_HASH, &hash) || !get_text(&s, &service)
	    || !get_text(&s, &name) || s.n > 0)
		return TLSKEY_NOT_UNDERSTOOD;
	struct tls_shelf *shelf = stand->shelf(stand->ctx, service);
	if (shelf == NULL || (name.n > 0 && !tls_shelf_is_name(name)))
		return TLSKEY_NO_NAME;
	copy_text(name, text);
	enum err e = tls_shelf_find(shelf, text, &stock, why, sizeof(why));
	if (e == ERR_NOTFOUND && name.n > 0)
		return TLSKEY_NO_NAME;
	if (e != OK) {
		buf_adds(reply, why);
		return TLSKEY_USELESS;
	}
	if (memcmp(hash.p, stock->hash, TLS_BUNDLE_HASH) == 0)
		return TLSKEY_SAME;
	*fd = in_memory(buf_str(&stock->bytes));
	return *fd >= 0 ? TLSKEY_CHANGED : TLSKEY_FAILED;
}

static enum err
status_err(enum tlskey_status status)
{
	switch (status) {
	case TLSKEY_SIGNED:
	case TLSKEY_SAME:
	case TLSKEY_CHANGED:
		return OK;
	case TLSKEY_NO_KEY:
	case TLSKEY_NO_NAME:
		return ERR_NOTFOUND;
	case TLSKEY_USELESS: return ERR_CORRUPT;
	case TLSKEY_NOT_TLS: return ERR_DENIED;
	case TLSKEY_NOT_UNDERSTOOD: return ERR_UNSUPPORTED;
	case TLSKEY_FAILED: break;
	}
	return ERR_IO;
}

enum err
tlskey_serve(const struct tlskey_stand *stand, struct str request, struct buf *reply, int *fd)
{
	uint8_t version, what, padding, hash;
	uint32_t serial = 0;
	struct str s = request;
	enum tlskey_status status = TLSKEY_NOT_UNDERSTOOD;
	*fd = -1;
	buf_reset(reply);
	buf_add(reply, "\0\0\0\0\0\0\0\0", TLSKEY_HEAD);
	bool whole = request.n <= TLSKEY_REQUEST_MAX && str_get_u8(&s, &version)
	    && version == TLSKEY_VERSION && str_get_u8(&s, &what)
	    && (what == TLSKEY_SIGN || what == TLSKEY_FETCH) && str_get_u8(&s, &padding)
	    && padding <= TLSKEY_PSS && str_get_u8(&s, &hash) && hash < TLSKEY_HASHES
	    && str_get_u32(&s, &serial) && s.n >= TLSKEY_ID;
	if (whole)
		status = what == TLSKEY_FETCH ? fetch(stand, s, reply, fd)
		    : tlskey_sign(stand->ring, (enum tlskey_padding)padding, hash, s, reply);
	struct buf head = BUF_INIT;
	buf_add_u8(&head, TLSKEY_VERSION);
	buf_add_u8(&head, (uint8_t)status);
	buf_add_u16(&head, 0);
	buf_add_u32(&head, serial);
	memcpy(reply->p, head.p, TLSKEY_HEAD);
	buf_free(&head);
	return whole ? status_err(status) : ERR_SYNTAX;
}
