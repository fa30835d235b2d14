/*
 * What the commands of proto/grammar.c do, where they are legal, and what they
 * are advertised as.  One row a command; nothing else in the program knows this.
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
	/* states, flags, run, capability */
	[REQ_CAPABILITY] = { ANY, 0, run_capability, NULL },
	[REQ_NOOP] = { ANY, 0, run_noop, NULL },
	[REQ_LOGOUT] = { ANY, CMD_NO_SYNC, run_logout, NULL },
	[REQ_ENABLE] = { AUTH, 0, run_enable, "ENABLE UTF8=ACCEPT UIDONLY" },
	[REQ_LANGUAGE] = { ANY, 0, run_language, "LANGUAGE" },
	[REQ_ID] = { ANY, 0, run_id, "ID" },

	[REQ_STARTTLS] = { NOT_AUTH, 0, run_starttls, NULL },
	[REQ_AUTHENTICATE] = { NOT_AUTH, 0, run_authenticate, "SASL-IR" },
	[REQ_LOGIN] = { NOT_AUTH, 0, run_login, NULL },

	[REQ_UNAUTHENTICATE] = { AUTH, CMD_NO_SYNC, run_unauthenticate, "UNAUTHENTICATE" },
	[REQ_COMPRESS] = { AUTH, CMD_NO_SYNC, run_compress, NULL },

	[REQ_SELECT] = { AUTH, CMD_NO_SYNC, run_select, "CONDSTORE QRESYNC" },
	[REQ_EXAMINE] = { AUTH, CMD_NO_SYNC, run_examine, NULL },
	[REQ_CREATE] = { AUTH, 0, run_create, "CREATE-SPECIAL-USE OBJECTID" },
	[REQ_DELETE] = { AUTH, 0, run_delete, NULL },
	[REQ_RENAME] = { AUTH, 0, run_rename, NULL },
	[REQ_SUBSCRIBE] = { AUTH, 0, run_subscribe, NULL },
	[REQ_UNSUBSCRIBE] = { AUTH, 0, run_unsubscribe, NULL },
	[REQ_LIST] = { AUTH, CMD_TIMED, run_list,
	    "CHILDREN LIST-EXTENDED LIST-METADATA LIST-MYRIGHTS LIST-STATUS SPECIAL-USE" },
	[REQ_LSUB] = { AUTH, CMD_TIMED | CMD_NOT_REV2, run_lsub, NULL },
	/* RFC 2193: there are no remote mailboxes, so nobody is referred anywhere. */
	[REQ_RLIST] = { AUTH, CMD_TIMED, run_list, "MAILBOX-REFERRALS" },
	[REQ_RLSUB] = { AUTH, CMD_TIMED, run_lsub, NULL },
	[REQ_STATUS] = { AUTH, 0, run_status, "STATUS=SIZE" },
	[REQ_GETMETADATA] = { AUTH, 0, run_getmetadata, "METADATA" },
	[REQ_SETMETADATA] = { AUTH, 0, run_setmetadata, NULL },
	[REQ_NAMESPACE] = { AUTH, 0, run_namespace, "NAMESPACE" },
	[REQ_IDLE] = { AUTH, 0, run_idle, "IDLE" },
	[REQ_NOTIFY] = { AUTH, CMD_NO_SYNC, run_notify, "NOTIFY" },
	[REQ_APPEND] = { AUTH, 0, run_append, "CATENATE MULTIAPPEND" },

	[REQ_GENURLAUTH] = { AUTH, 0, run_genurlauth, "URLAUTH URLAUTH=BINARY URL-PARTIAL" },
	[REQ_RESETKEY] = { AUTH, 0, run_resetkey, NULL },
	[REQ_URLFETCH] = { AUTH, 0, run_urlfetch, NULL },

	[REQ_SETACL] = { AUTH, 0, run_setacl, "ACL RIGHTS=kxten" },
	[REQ_DELETEACL] = { AUTH, 0, run_deleteacl, NULL },
	[REQ_GETACL] = { AUTH, 0, run_getacl, NULL },
	[REQ_LISTRIGHTS] = { AUTH, 0, run_listrights, NULL },
	[REQ_MYRIGHTS] = { AUTH, 0, run_myrights, NULL },

	[REQ_GETQUOTA] = { AUTH, 0, run_getquota, "QUOTA QUOTA=RES-STORAGE"
	    " QUOTA=RES-MESSAGE QUOTA=RES-MAILBOX QUOTA=RES-ANNOTATION-STORAGE" },
	[REQ_GETQUOTAROOT] = { AUTH, 0, run_getquotaroot, NULL },
	[REQ_SETQUOTA] = { AUTH, 0, run_setquota, "QUOTASET" },

	[REQ_CHECK] = { SELECTED, CMD_NOT_REV2, run_check, NULL },
	[REQ_CLOSE] = { SELECTED, CMD_NO_SYNC, run_close, NULL },
	[REQ_UNSELECT] = { SELECTED, CMD_NO_SYNC, run_unselect, "UNSELECT" },
	[REQ_EXPUNGE] = { SELECTED, 0, run_expunge, "UIDPLUS" },
	[REQ_SEARCH] = { SELECTED, NUMBERS | CMD_TIMED, run_search,
	    "ESEARCH SEARCHRES WITHIN SEARCH=FUZZY FILTERS" },
	[REQ_SORT] = { SELECTED, NUMBERS | CMD_TIMED, run_sort, "SORT SORT=DISPLAY ESORT" },
	[REQ_THREAD] = { SELECTED, NUMBERS | CMD_TIMED, run_thread,
	    "THREAD=ORDEREDSUBJECT THREAD=REFERENCES THREAD=REFS" },
	[REQ_ESEARCH] = { AUTH, CMD_NO_EXPUNGE | CMD_UID_EXPUNGES | CMD_TIMED, run_esearch, "MULTISEARCH" },
	[REQ_CANCELUPDATE] = { SELECTED, 0, run_cancelupdate, "CONTEXT=SEARCH CONTEXT=SORT" },
	[REQ_UIDBATCHES] = { SELECTED, 0, run_uidbatches, "UIDBATCHES" },
	[REQ_COMPARATOR] = { AUTH, 0, run_comparator, "I18NLEVEL=2" },
	[REQ_FETCH] = { SELECTED, NUMBERS | CMD_TIMED, run_fetch,
	    "BINARY PARTIAL PREVIEW SAVEDATE" },
	[REQ_STORE] = { SELECTED, NUMBERS, run_store, "ANNOTATE-EXPERIMENT-1" },
	[REQ_COPY] = { SELECTED, CMD_NUMBERS, run_copy, NULL },
	[REQ_MOVE] = { SELECTED, CMD_NUMBERS, run_move, "MOVE" },
	[REQ_REPLACE] = { SELECTED, CMD_NUMBERS, run_replace, "REPLACE" },
};
