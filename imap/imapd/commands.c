/*
 * Which commands there are, where they are legal, and what they are advertised
 * as.  One row a command; nothing else in the program knows this.
 */
#include "imap/imapd/cmd.h"

enum {
	ANY = STATE_NOT_AUTHENTICATED | STATE_AUTHENTICATED | STATE_SELECTED,
	NOT_AUTH = STATE_NOT_AUTHENTICATED,
	AUTH = STATE_AUTHENTICATED | STATE_SELECTED,
	SELECTED = STATE_SELECTED,
	/* They speak of message numbers: no EXPUNGE unless behind "UID". */
	NUMBERS = CMD_UID | CMD_NO_EXPUNGE | CMD_UID_EXPUNGES,
};

const struct command_def commands[] = {
	/* name, states, flags, parse, run, capability */
	{ "CAPABILITY", ANY, 0, NULL, run_capability, NULL },
	{ "NOOP", ANY, 0, NULL, run_noop, NULL },
	{ "LOGOUT", ANY, CMD_NO_SYNC, NULL, run_logout, NULL },
	{ "ID", ANY, 0, parse_id, run_id, "ID" },

	{ "STARTTLS", NOT_AUTH, 0, NULL, run_starttls, NULL },
	{ "AUTHENTICATE", NOT_AUTH, 0, parse_authenticate, run_authenticate, "SASL-IR" },
	{ "LOGIN", NOT_AUTH, 0, parse_login, run_login, NULL },

	{ "SELECT", AUTH, CMD_NO_SYNC, parse_select, run_select, NULL },
	{ "EXAMINE", AUTH, CMD_NO_SYNC, parse_select, run_examine, NULL },
	{ "CREATE", AUTH, 0, parse_create, run_create, NULL },
	{ "DELETE", AUTH, 0, parse_one_mailbox, run_delete, NULL },
	{ "RENAME", AUTH, 0, parse_rename, run_rename, NULL },
	{ "SUBSCRIBE", AUTH, 0, parse_one_mailbox, run_subscribe, NULL },
	{ "UNSUBSCRIBE", AUTH, 0, parse_one_mailbox, run_unsubscribe, NULL },
	{ "LIST", AUTH, CMD_TIMED, parse_list, run_list, "CHILDREN" },
	{ "LSUB", AUTH, CMD_TIMED, parse_list, run_lsub, NULL },
	{ "STATUS", AUTH, 0, parse_status, run_status, NULL },
	{ "NAMESPACE", AUTH, 0, NULL, run_namespace, "NAMESPACE" },
	{ "IDLE", AUTH, 0, NULL, run_idle, "IDLE" },
	{ "APPEND", AUTH, 0, parse_append, run_append, NULL },

	{ "SETACL", AUTH, 0, parse_setacl, run_setacl, "ACL RIGHTS=kxten" },
	{ "DELETEACL", AUTH, 0, parse_mailbox_identifier, run_deleteacl, NULL },
	{ "GETACL", AUTH, 0, parse_one_mailbox, run_getacl, NULL },
	{ "LISTRIGHTS", AUTH, 0, parse_mailbox_identifier, run_listrights, NULL },
	{ "MYRIGHTS", AUTH, 0, parse_one_mailbox, run_myrights, NULL },

	{ "GETQUOTA", AUTH, 0, parse_getquota, run_getquota, "QUOTA" },
	{ "GETQUOTAROOT", AUTH, 0, parse_one_mailbox, run_getquotaroot, NULL },
	{ "SETQUOTA", AUTH, 0, parse_setquota, run_setquota, NULL },

	{ "CHECK", SELECTED, 0, NULL, run_check, NULL },
	{ "CLOSE", SELECTED, CMD_NO_SYNC, NULL, run_close, NULL },
	{ "UNSELECT", SELECTED, CMD_NO_SYNC, NULL, run_unselect, "UNSELECT" },
	{ "EXPUNGE", SELECTED, CMD_UID, parse_expunge, run_expunge, "UIDPLUS" },
	{ "SEARCH", SELECTED, NUMBERS | CMD_TIMED, parse_search, run_search, NULL },
	{ "FETCH", SELECTED, NUMBERS | CMD_TIMED, parse_fetch, run_fetch, NULL },
	{ "STORE", SELECTED, NUMBERS, parse_store, run_store, NULL },
	{ "COPY", SELECTED, CMD_UID, parse_copy, run_copy, NULL },
	{ "MOVE", SELECTED, CMD_UID, parse_copy, run_move, "MOVE" },
	{ NULL, 0, 0, NULL, NULL, NULL },
};

const struct command_def *
command_find(struct str name)
{
	for (const struct command_def *d = commands; d->name != NULL; d++)
		if (str_ieq(name, str_c(d->name)))
			return d;
	return NULL;
}
