/*
 * message.h - the literals of a command that do not go into memory
 *
 * A message of APPEND or REPLACE, or a piece of one (CATENATE's TEXT): reader.h
 * streams its bytes into a blob, and the input has "{N}" CRLF at its place.
 */
#ifndef IMAP_IMAPD_PROTO_MESSAGE_H
#define IMAP_IMAPD_PROTO_MESSAGE_H

#include "imap/store/mbox/blob.h"

struct message_literal {
	size_t at;			/* where in the input its bytes would begin */
	uint64_t size;
	bool eight;			/* literal8, "~{N}": NULs are allowed */
	bool has_nul;
	struct blob *blob;		/* written, not finished */
};

#endif
