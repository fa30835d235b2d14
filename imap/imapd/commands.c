/*
 * What the commands of proto/grammar.c do and where they are legal.  One row a
 * command; nothing else in the program knows this.  What is advertised for them
 * is in imap/door/imap_words.c.
 */
#include "imap/imapd/cmd/cmd.h"

enum {
	ANY = STATE_NOT_AUTHENTICATED | STATE_AUTHENTICATED | STATE_SELECTED,
	NOT_AUTH = STATE_NOT_AUTHENTICATED,
	AUTH = STATE_AUTHENTICATED | STATE_SELECTED,
	SELECTED = STATE_SELECTED,
	/* They speak of message numbers: no EXPUNGE unless behind "UID". */
	NUMBERS = CMD_NO_EXPUNGE | CMD_UID_EXPUNGES | CMD_NUMBERS,
};

const struct command_def commands[REQUESTS] = {
	/* states, flags, run */
	[REQ_CAPABILITY] = { ANY, 0, run_capability },
	[REQ_NOOP] = { ANY, 0, run_noop },
	[REQ_LOGOUT] = { ANY, CMD_NO_SYNC, run_logout },
	[REQ_ENABLE] = { AUTH, 0, run_enable },
	[REQ_LANGUAGE] = { ANY, 0, run_language },
	[REQ_ID] = { ANY, 0, run_id },

	[REQ_STARTTLS] = { NOT_AUTH, 0, run_starttls },
	[REQ_AUTHENTICATE] = { NOT_AUTH, 0, run_authenticate },
	[REQ_LOGIN] = { NOT_AUTH, 0, run_login },

	[REQ_UNAUTHENTICATE] = { AUTH, CMD_NO_SYNC, run_unauthenticate },
	[REQ_COMPRESS] = { AUTH, CMD_NO_SYNC, run_compress },

	[REQ_SELECT] = { AUTH, CMD_NO_SYNC, run_select },
	[REQ_EXAMINE] = { AUTH, CMD_NO_SYNC, run_examine },
	[REQ_CREATE] = { AUTH, 0, run_create },
	[REQ_DELETE] = { AUTH, 0, run_delete },
	[REQ_RENAME] = { AUTH, 0, run_rename },
	[REQ_SUBSCRIBE] = { AUTH, 0, run_subscribe },
	[REQ_UNSUBSCRIBE] = { AUTH, 0, run_unsubscribe },
	[REQ_LIST] = { AUTH, CMD_TIMED, run_list },
	[REQ_LSUB] = { AUTH, CMD_TIMED | CMD_NOT_REV2, run_lsub },
	/* RFC 2193: there are no remote mailboxes, so nobody is referred anywhere. */
	[REQ_RLIST] = { AUTH, CMD_TIMED, run_list },
	[REQ_RLSUB] = { AUTH, CMD_TIMED, run_lsub },
	[REQ_STATUS] = { AUTH, 0, run_status },
	[REQ_GETMETADATA] = { AUTH, 0, run_getmetadata },
	[REQ_SETMETADATA] = { AUTH, 0, run_setmetadata },
	[REQ_NAMESPACE] = { AUTH, 0, run_namespace },
	[REQ_IDLE] = { AUTH, 0, run_idle },
	[REQ_NOTIFY] = { AUTH, CMD_NO_SYNC, run_notify },
	[REQ_APPEND] = { AUTH, 0, run_append },

	[REQ_GENURLAUTH] = { AUTH, 0, run_genurlauth },
	[REQ_RESETKEY] = { AUTH, 0, run_resetkey },
	[REQ_URLFETCH] = { AUTH, 0, run_urlfetch },

	[REQ_SETACL] = { AUTH, 0, run_setacl },
	[REQ_DELETEACL] = { AUTH, 0, run_deleteacl },
	[REQ_GETACL] = { AUTH, 0, run_getacl },
	[REQ_LISTRIGHTS] = { AUTH, 0, run_listrights },
	[REQ_MYRIGHTS] = { AUTH, 0, run_myrights },

	[REQ_GETQUOTA] = { AUTH, 0, run_getquota },
	[REQ_GETQUOTAROOT] = { AUTH, 0, run_getquotaroot },
	[REQ_SETQUOTA] = { AUTH, 0, run_setquota },

	[REQ_CHECK] = { SELECTED, CMD_NOT_REV2, run_check },
	[REQ_CLOSE] = { SELECTED, CMD_NO_SYNC, run_close },
	[REQ_UNSELECT] = { SELECTED, CMD_NO_SYNC, run_unselect },
	[REQ_EXPUNGE] = { SELECTED, 0, run_expunge },
	[REQ_SEARCH] = { SELECTED, NUMBERS | CMD_TIMED, run_search },
	[REQ_SORT] = { SELECTED, NUMBERS | CMD_TIMED, run_sort },
	[REQ_THREAD] = { SELECTED, NUMBERS | CMD_TIMED, run_thread },
	[REQ_ESEARCH] = { AUTH, CMD_NO_EXPUNGE | CMD_UID_EXPUNGES | CMD_TIMED, run_esearch },
	[REQ_CANCELUPDATE] = { SELECTED, 0, run_cancelupdate },
	[REQ_UIDBATCHES] = { SELECTED, 0, run_uidbatches },
	[REQ_COMPARATOR] = { AUTH, 0, run_comparator },
	[REQ_FETCH] = { SELECTED, NUMBERS | CMD_TIMED, run_fetch },
	[REQ_STORE] = { SELECTED, NUMBERS, run_store },
	[REQ_COPY] = { SELECTED, CMD_NUMBERS, run_copy },
	[REQ_MOVE] = { SELECTED, CMD_NUMBERS, run_move },
	[REQ_REPLACE] = { SELECTED, CMD_NUMBERS, run_replace },
};
