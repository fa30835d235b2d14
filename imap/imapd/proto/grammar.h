/*
 * grammar.h - the commands of IMAP: what they look like, and what becomes of it
 *
 * One table, grammar[], has a row for each command: its name and its arguments
 * as steps (step.h), behind "UID" perhaps others.  Parsing has no effect on
 * anything; it turns the arguments into one of the structs below.
 *
 * A new command: its name in enum request, a struct here if it has arguments,
 * rows in grammar.c; then a run function and a row in imap/imapd/commands.c.
 */
#ifndef IMAP_IMAPD_PROTO_GRAMMAR_H
#define IMAP_IMAPD_PROTO_GRAMMAR_H

#include "imap/imapd/proto/annotation_req.h"
#include "imap/imapd/proto/fetch_req.h"
#include "imap/imapd/proto/message.h"
#include "imap/imapd/proto/notify_req.h"
#include "imap/imapd/proto/parse.h"
#include "imap/imapd/proto/parse_date.h"
#include "imap/imapd/proto/parse_flags.h"
#include "imap/imapd/proto/search_req.h"
#include "imap/imapd/proto/step.h"
#include "imap/store/mbox/txn.h"

enum request {
	REQ_CAPABILITY, REQ_NOOP, REQ_LOGOUT, REQ_ID, REQ_ENABLE, REQ_LANGUAGE,
	REQ_STARTTLS, REQ_AUTHENTICATE, REQ_LOGIN, REQ_UNAUTHENTICATE, REQ_COMPRESS,
	REQ_SELECT, REQ_EXAMINE, REQ_CREATE, REQ_DELETE, REQ_RENAME,
	REQ_SUBSCRIBE, REQ_UNSUBSCRIBE, REQ_LIST, REQ_LSUB, REQ_RLIST, REQ_RLSUB, REQ_STATUS,
	REQ_NAMESPACE, REQ_IDLE, REQ_NOTIFY, REQ_APPEND,
	REQ_GENURLAUTH, REQ_RESETKEY, REQ_URLFETCH,
	REQ_GETMETADATA, REQ_SETMETADATA,
	REQ_SETACL, REQ_DELETEACL, REQ_GETACL, REQ_LISTRIGHTS, REQ_MYRIGHTS,
	REQ_GETQUOTA, REQ_GETQUOTAROOT, REQ_SETQUOTA,
	REQ_CHECK, REQ_CLOSE, REQ_UNSELECT, REQ_EXPUNGE, REQ_SEARCH, REQ_SORT, REQ_THREAD, REQ_ESEARCH, REQ_CANCELUPDATE,
	REQ_UIDBATCHES,
	REQ_COMPARATOR, REQ_FETCH,
	REQ_STORE, REQ_COPY, REQ_MOVE, REQ_REPLACE,
	REQUESTS,			/* how many */
};

struct request_def {
	struct str name;		/* capitals */
	size_t size;			/* of its struct; 0: it has no arguments */
	const struct step *args;	/* NULL: none */
	const struct step *uid_args;	/* behind "UID"; NULL: it cannot stand there */
	const char *rfc;		/* "9051 6.3.2" */
};
extern const struct request_def grammar[REQUESTS];

/* The command of that NAME, in any case; REQUESTS: there is none. */
enum request grammar_find(struct str name);

/*
 * The arguments of a command, with P behind its name and p->uid set; up to the
 * end of the input.  *req, in p->arena, is its struct, NULL if it has none.
 * ERR_SYNTAX: p->expected at p->expected_at.  ERR_LIMIT: p->too_big.
 * ERR_CHARSET: the charset is unknown, all else was right.
 */
enum err grammar_parse(struct parser *p, enum request r, void **req) MUST_CHECK;

/* --- requests, in the order of the commands --- */

struct id_req {				/* ID */
	struct str fields;		/* "name" "value" ..., for the log */
};

struct enable_req {
	struct parse_list capabilities;	/* struct str */
};

struct language_req {
	struct parse_list ranges;	/* struct str; none: which are there? */
};

struct authenticate_req {
	struct str mechanism;
	bool has_initial;
	struct str initial;		/* base64, or "=" */
};

struct login_req {
	struct str userid, password;
};

struct compress_req {
	struct str algorithm;
};

enum select_param {
	SELECT_CONDSTORE = 1,		/* RFC 7162 */
	SELECT_QRESYNC = 2,
	SELECT_ANNOTATE = 4,		/* RFC 5257 */
};

/* SELECT, EXAMINE; sets without "*" */
struct select_req {
	struct str mailbox;
	unsigned params;		/* enum select_param */
	uint32_t uidvalidity;		/* QRESYNC: what the client knows */
	uint64_t modseq;
	struct sequence_set known;	/* UIDs; none: all */
	struct sequence_set match_numbers, match_uids;
};

/* DELETE, SUBSCRIBE, UNSUBSCRIBE, GETACL, MYRIGHTS, GETQUOTAROOT; GETQUOTA's root */
struct mailbox_req {
	struct str mailbox;
};

struct create_req {
	struct str mailbox;
	struct str partition;		/* Cyrus's extension, for administrators */
	struct parse_list uses;		/* struct str: "\Sent" ... (RFC 6154) */
};

struct rename_req {
	struct str from, to;
	struct str partition;
};

enum metadata_depth { DEPTH_NONE, DEPTH_ONE, DEPTH_ALL };

/* What is asked of a mailbox's annotations. */
struct metadata_query {
	struct parse_list entries;	/* struct str, see grammar_metadata.h */
	bool has_maxsize;
	uint32_t maxsize;
	enum metadata_depth depth;
};

struct getmetadata_req {
	struct str mailbox;		/* empty: the server */
	struct metadata_query query;
};

struct metadata_value {
	struct str entry, value;	/* NIL: .p is NULL */
};
struct setmetadata_req {
	struct str mailbox;
	struct parse_list values;	/* struct metadata_value */
};

enum list_select {			/* RFC 5258 section 3.1 */
	LIST_SUBSCRIBED = 1,
	LIST_REMOTE = 2,
	LIST_RECURSIVEMATCH = 4,
	LIST_SPECIAL_USE = 8,
};

enum list_return {			/* RFC 5258 section 3.2 */
	LIST_RETURN_SUBSCRIBED = 1,
	LIST_RETURN_CHILDREN = 2,
	LIST_RETURN_SPECIAL_USE = 4,
	LIST_RETURN_STATUS = 8,
	LIST_RETURN_MYRIGHTS = 16,
	LIST_RETURN_METADATA = 32,
};

/* LIST, LSUB, RLIST, RLSUB */
struct list_req {
	struct str reference;
	struct parse_list patterns;	/* struct str */
	bool extended;			/* anything of RFC 5258 */
	unsigned select, ret;
	unsigned status;		/* enum status_item, for RETURN (STATUS ...) */
	struct metadata_query metadata;	/* for RETURN (METADATA ...) */
};

enum status_item {
	STATUS_MESSAGES = 1,
	STATUS_RECENT = 2,
	STATUS_UIDNEXT = 4,
	STATUS_UIDVALIDITY = 8,
	STATUS_UNSEEN = 16,
	STATUS_DELETED = 32,
	STATUS_DELETED_STORAGE = 64,
	STATUS_SIZE = 128,
	STATUS_MAILBOXID = 256,
	STATUS_APPENDLIMIT = 512,
	STATUS_HIGHESTMODSEQ = 1024,	/* RFC 7162 */
};
/* Its words, in the order of the answer; ends with a row without a name. */
extern const struct word status_words[];

struct status_req {
	struct str mailbox;
	unsigned items;			/* enum status_item */
};

/* A piece of CATENATE's message: a text, or what a URL names. */
struct cat_part {
	const struct message_literal *text;
	struct str url;			/* if text is NULL */
	bool utf8;			/* "UTF8 (~{...})": RFC 6855 */
};
struct append_message {
	struct flag_list flags;
	bool has_date;
	struct date_time date;
	struct annotation_set annotations; /* RFC 5257 */
	const struct message_literal *data; /* NULL: of parts */
	bool utf8;
	struct parse_list parts;	/* struct cat_part */
};
struct append_req {
	struct str mailbox;
	struct parse_list messages;	/* struct append_message; RFC 3502 */
};

struct replace_req {			/* RFC 8508 */
	struct append_message message;	/* first: its steps fill it */
	uint32_t number;		/* of a message, or its UID; 0: "*" */
	struct str mailbox;
};

/* GENURLAUTH */
struct url_rump {
	struct str url, mechanism;
};
struct genurlauth_req {
	struct parse_list rumps;	/* struct url_rump */
};

struct resetkey_req {
	struct str mailbox;		/* .p NULL: all of them */
	struct parse_list mechanisms;	/* struct str */
};

enum urlfetch_param {			/* RFC 5524 */
	URLFETCH_BODY = 1,
	URLFETCH_BINARY = 2,
	URLFETCH_BODYPARTSTRUCTURE = 4,
};
struct urlfetch_item {
	struct str url;
	unsigned params;		/* enum urlfetch_param; 0: none */
};
struct urlfetch_req {
	struct parse_list items;	/* struct urlfetch_item */
};

/* SETACL, DELETEACL, LISTRIGHTS */
struct acl_req {
	struct str mailbox, identifier;
	struct str rights;		/* SETACL: as written, perhaps behind "+" or "-" */
};

enum quota_resource {
	RESOURCE_STORAGE, RESOURCE_MESSAGE, RESOURCE_MAILBOX, RESOURCE_ANNOTATION_STORAGE,
	RESOURCE_OTHER,			/* resource-name-ext: none that we have */
};
struct quota_limit {
	enum quota_resource resource;
	int64_t limit;
};
struct setquota_req {
	struct str root;
	struct parse_list limits;	/* struct quota_limit */
};

/* NOTIFY: notify_req.h; SEARCH, SORT, THREAD: search_req.h */

struct cancelupdate_req {
	struct parse_list tags;		/* struct str */
};

struct uidbatches_req {			/* RFC 10022 */
	uint32_t size;			/* messages a batch */
	bool has_range;
	uint32_t first, last;		/* batches, as sent */
};

struct comparator_req {
	struct parse_list patterns;	/* struct str; none: which is it? */
};

struct expunge_req {			/* UID EXPUNGE */
	struct sequence_set set;
};

struct store_req {
	struct sequence_set set;
	bool has_unchangedsince;	/* RFC 7162 section 3.1.3 */
	uint64_t unchangedsince;
	enum store_op op;
	bool silent;
	struct flag_list flags;
	struct annotation_set annotations; /* RFC 5257: if there are any, not flags */
};

/* COPY, MOVE */
struct copy_req {
	struct sequence_set set;
	struct str mailbox;
};

#endif
