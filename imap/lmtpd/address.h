/*
 * address.h - paths and parameters of MAIL and RCPT (RFC 5321 section 4.1.2)
 */
#ifndef IMAP_LMTPD_ADDRESS_H
#define IMAP_LMTPD_ADDRESS_H

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>

struct smtp_path {
	struct str local;		/* without quotes; empty for <> */
	struct str domain;		/* empty if there is none */
	const char *text;		/* as written, without <> and route */
};

/*
 * Takes "<path>" off *args; a missing <> is forgiven, a source route is
 * skipped.  EMPTY_OK: "<>" may be.  ERR_SYNTAX; ERR_LIMIT.
 */
enum err smtp_path(struct arena *arena, struct str *args, bool empty_ok,
    struct smtp_path *path) MUST_CHECK;

/* Takes one " KEYWORD[=VALUE]" off *args; false at the end. */
bool smtp_parameter(struct str *args, struct str *keyword, struct str *value);

#endif
