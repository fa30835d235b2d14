/* tlskey_fetch.c - the asking side: certificates, from who has their keys */
#include "lib/tlskey_in.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The holder is believed what it says, but not that it can count. */
static enum err
take_bundle(int fd, struct tls_stock *stock)
{
	struct stat st;
	struct buf bytes = BUF_INIT;
	struct tls_stock new;
	ssize_t n = -1;
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size <= TLS_BUNDLE_MAX)
		n = pread(fd, buf_reserve(&bytes, (size_t)st.st_size), (size_t)st.st_size, 0);
	bytes.n = n > 0 ? (size_t)n : 0;
	tls_stock_init(&new);
	enum err e = n > 0 ? tls_bundle_decode(buf_str(&bytes), &new.bundle) : ERR_CORRUPT;
	if (e == OK) {
		tls_bundle_hash(buf_str(&bytes), new.hash);
		tls_stock_free(stock);
		*stock = new;
	} else {
		tls_stock_free(&new);
	}
	buf_free(&bytes);
	return e;
}

static enum err
take_reply(uint8_t status, struct str rest, int fd, struct tls_stock *stock,
    bool *changed, char *why, size_t size)
{
	enum err e = ERR_CORRUPT;
	*changed = false;
	switch ((enum tlskey_status)status) {
	case TLSKEY_SAME:
		return OK;
	case TLSKEY_CHANGED:
		e = take_bundle(fd, stock);
		*changed = e == OK;
		break;
	case TLSKEY_NO_NAME:
		snprintf(why, size, "keyd knows of no such name or service");
		return ERR_NOTFOUND;
	case TLSKEY_USELESS:
		snprintf(why, size, "%.*s", STR_ARG(rest));
		return ERR_CORRUPT;
	case TLSKEY_SIGNED:
	case TLSKEY_NO_KEY:
	case TLSKEY_NOT_TLS:
	case TLSKEY_NOT_UNDERSTOOD:
	case TLSKEY_FAILED:
		break;
	}
	if (e != OK)
		snprintf(why, size, "keyd does not make itself understood");
	return e;
}

enum err
tlskey_fetch(struct tlskey_holder *h, const char *service, const char *name,
    struct tls_stock *stock, bool *changed, char *why, size_t size)
{
	struct buf request = BUF_INIT;
	struct str rest;
	uint8_t status;
	int fd;
	size_t service_n = strlen(service), name_n = strlen(name);
	*changed = false;
	if (service_n > UINT8_MAX || name_n > UINT8_MAX)
		return ERR_NOTFOUND;
	buf_add_u8(&request, TLSKEY_VERSION);
	buf_add_u8(&request, TLSKEY_FETCH);
	buf_add_u16(&request, 0);
	buf_add_u32(&request, 0);
	buf_add(&request, stock->hash, sizeof(stock->hash));
	buf_add_u8(&request, (uint8_t)service_n);
	buf_add(&request, service, service_n);
	buf_add_u8(&request, (uint8_t)name_n);
	buf_add(&request, name, name_n);
	enum err e = tlskey_line_ask(tlskey_holder_line(h), &request, &status, &rest, &fd);
	if (e == OK)
		e = take_reply(status, rest, fd, stock, changed, why, size);
	else
		snprintf(why, size, "keyd, which has the certificates and keys, does not answer");
	if (fd >= 0)
		close(fd);
	buf_free(&request);
	return e;
}
