/* err.c - error codes in words */
#include "lib/err.h"

const char *
err_text(enum err e)
{
	switch (e) {
	case OK:
		return "no error";
	case ERR_NOTFOUND:
		return "not found";
	case ERR_EXISTS:
		return "exists already";
	case ERR_DENIED:
		return "permission denied";
	case ERR_AUTH:
		return "authentication failed";
	case ERR_QUOTA:
		return "over quota";
	case ERR_NOSPACE:
		return "no space left on the disk";
	case ERR_LIMIT:
		return "beyond a limit";
	case ERR_SYNTAX:
		return "syntax error";
	case ERR_NAME:
		return "not a possible name";
	case ERR_BUSY:
		return "locked by another process";
	case ERR_READONLY:
		return "opened for reading only";
	case ERR_STALE:
		return "deleted or replaced meanwhile";
	case ERR_CORRUPT:
		return "damaged";
	case ERR_IO:
		return "input/output error";
	case ERR_UNKNOWN:
		return "failed, perhaps after it was done";
	case ERR_CLOSED:
		return "connection closed";
	case ERR_TIMEOUT:
		return "timed out";
	case ERR_AGAIN:
		return "conflicting change";
	case ERR_CHARSET:
		return "unknown character set";
	case ERR_UNSUPPORTED:
		return "not supported";
	}
	return "unknown error";
}
