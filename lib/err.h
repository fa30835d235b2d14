/*
 * err.h - why something could not be done
 *
 * One list for the whole tree.  The code travels up, the words go to the log
 * at the bottom: whoever knows the path and errno logs once and returns a
 * code, and nobody above logs it again.  One table per protocol turns codes
 * into replies.  Unless a header says otherwise, a function that does not
 * return OK has changed nothing.
 */
#ifndef LIB_ERR_H
#define LIB_ERR_H

enum err {
	OK = 0,
	ERR_NOTFOUND,		/* no such mailbox, user, message, key, file */
	ERR_EXISTS,		/* it is there already */
	ERR_DENIED,		/* an ACL or a policy forbids it */
	ERR_AUTH,		/* wrong password or mechanism failure */
	ERR_QUOTA,		/* a quota root would be exceeded */
	ERR_NOSPACE,		/* the disk (or the OS quota) is full */
	ERR_LIMIT,		/* one of our own limits: memory, count, length */
	ERR_SYNTAX,		/* the bytes do not follow the grammar */
	ERR_NAME,		/* not a possible mailbox or user name */
	ERR_BUSY,		/* locked for longer than we wait */
	ERR_READONLY,		/* opened for reading only */
	ERR_STALE,		/* the thing was deleted or replaced meanwhile */
	ERR_CORRUPT,		/* a file contradicts itself; see reconstruct */
	ERR_IO,			/* the operating system failed; logged with errno */
	ERR_UNKNOWN,		/* it failed so that nobody can tell whether it was done */
	ERR_CLOSED,		/* the other side ended the connection */
	ERR_TIMEOUT,		/* nothing came within the deadline */
	ERR_AGAIN,		/* conflict: somebody else committed; refresh, retry */
	ERR_CHARSET,		/* a character set that we do not know */
	ERR_UNSUPPORTED,	/* well-formed, but not something we do */
};

#define MUST_CHECK	__attribute__((warn_unused_result))

/* A short lower-case English phrase for logs and tools; never NULL. */
const char *err_text(enum err e);

#endif
