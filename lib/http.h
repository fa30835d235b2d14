/*
 * http.h - one request over HTTP, and its answer (libcurl)
 *
 * For what the server asks other servers of its administrator's choice.  A
 * call is over after TIMEOUT_MS, whatever the other side does, and takes MAX bytes
 * of answer at most.
 *
 * https: with certificates checked, against CA_FILE or what the system trusts.
 * http: to this machine only (localhost, 127.0.0.1, [::1]), since secrets
 * are in it.  Redirects are not followed: they would carry them elsewhere.
 * A proxy is what the environment (https_proxy) says, but not to this machine.
 */
#ifndef LIB_HTTP_H
#define LIB_HTTP_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stddef.h>

struct http_request {
	const char *url;
	const char *ca_file;		/* PEM; NULL: the system's */
	const char *form;		/* POST of application/x-www-form-urlencoded; NULL: GET */
	const char *user, *password;	/* Basic; NULL: none.  Both as they are to be sent */
	int timeout_ms;
	size_t max;
};

/* Does it look like one, and not like the path of a file? */
bool http_is_url(const char *url);

/*
 * Loads the library, if it is not there yet: else the first request does.  A
 * process that is going to be copied does it before.  ERR_IO, logged.
 */
enum err http_load(void) MUST_CHECK;

/*
 * OK: there was an answer; *status is its status, its body is appended.
 * ERR_SYNTAX: not such a URL; ERR_TIMEOUT, ERR_LIMIT (longer than MAX), ERR_IO;
 * WHY, appended, is for the log.
 */
enum err http_fetch(const struct http_request *r, int *status, struct buf *body,
    struct buf *why) MUST_CHECK;

/* Appends S as a value in a form (application/x-www-form-urlencoded). */
void http_add_escaped(struct buf *form, struct str s);

#endif
