#include "imap/door/imap_words.h"
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

/* What stands whatever imapd.conf says; one line for what came together. */
static const char *const words[] = {
	"ID",
	"ENABLE UTF8=ACCEPT UIDONLY",
	"LANGUAGE",
	"SASL-IR",
	"UNAUTHENTICATE",
	"CONDSTORE QRESYNC",
	"CREATE-SPECIAL-USE OBJECTID",
	"CHILDREN LIST-EXTENDED LIST-METADATA LIST-MYRIGHTS LIST-STATUS SPECIAL-USE",
	"MAILBOX-REFERRALS",
	"STATUS=SIZE",
	"NAMESPACE",
	"IDLE",
	"NOTIFY",
	"CATENATE MULTIAPPEND",
	"URLAUTH URLAUTH=BINARY URL-PARTIAL",
	"METADATA",
	"ACL RIGHTS=kxten",
	"QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE QUOTA=RES-MAILBOX"
	    " QUOTA=RES-ANNOTATION-STORAGE",
	"QUOTASET",
	"UNSELECT",
	"UIDPLUS",
	"ESEARCH SEARCHRES WITHIN SEARCH=FUZZY FILTERS",
	"SORT SORT=DISPLAY ESORT",
	"THREAD=ORDEREDSUBJECT THREAD=REFERENCES THREAD=REFS",
	"MULTISEARCH",
	"CONTEXT=SEARCH CONTEXT=SORT",
	"UIDBATCHES",
	"I18NLEVEL=2",
	"BINARY PARTIAL PREVIEW SAVEDATE",
	"ANNOTATE-EXPERIMENT-1",
	"MOVE",
	"REPLACE",
};

#define WORD(text)	{ text, sizeof(text) - 1 }

/* All of grammar.c; a unit test compares them. */
static const struct str commands[] = {
	WORD("CAPABILITY"), WORD("NOOP"), WORD("LOGOUT"), WORD("ID"), WORD("ENABLE"),
	WORD("LANGUAGE"), WORD("STARTTLS"), WORD("AUTHENTICATE"), WORD("LOGIN"),
	WORD("UNAUTHENTICATE"), WORD("COMPRESS"), WORD("SELECT"), WORD("EXAMINE"),
	WORD("CREATE"), WORD("DELETE"), WORD("RENAME"), WORD("SUBSCRIBE"),
	WORD("UNSUBSCRIBE"), WORD("LIST"), WORD("LSUB"), WORD("RLIST"), WORD("RLSUB"),
	WORD("STATUS"), WORD("NAMESPACE"), WORD("IDLE"), WORD("NOTIFY"), WORD("APPEND"),
	WORD("GENURLAUTH"), WORD("RESETKEY"), WORD("URLFETCH"), WORD("GETMETADATA"),
	WORD("SETMETADATA"), WORD("SETACL"), WORD("DELETEACL"), WORD("GETACL"),
	WORD("LISTRIGHTS"), WORD("MYRIGHTS"), WORD("GETQUOTA"), WORD("GETQUOTAROOT"),
	WORD("SETQUOTA"), WORD("CHECK"), WORD("CLOSE"), WORD("UNSELECT"), WORD("ESEARCH"),
	WORD("CANCELUPDATE"), WORD("UIDBATCHES"), WORD("COMPARATOR"),
};

/* And those that may stand behind "UID". */
static const struct str uid_commands[] = {
	WORD("EXPUNGE"), WORD("SEARCH"), WORD("SORT"), WORD("THREAD"), WORD("FETCH"),
	WORD("STORE"), WORD("COPY"), WORD("MOVE"), WORD("REPLACE"),
};

/* Those of WORDS that are not to be kept secret, each behind a space. */
static void
add(const struct conf *conf, const char *some, struct buf *out)
{
	struct str left = str_c(some), word;
	char name[64];
	const char *secret = conf_string(conf, CONF_SUPPRESS_CAPABILITIES);
	if (secret == NULL || *secret == '\0') {
		buf_addc(out, ' ');
		buf_adds(out, some);
		return;
	}
	while (str_next_word(&left, &word)) {
		snprintf(name, sizeof(name), "%.*s", STR_ARG(word));
		if (!conf_has_word(conf, CONF_SUPPRESS_CAPABILITIES, name)) {
			buf_addc(out, ' ');
			buf_add_str(out, word);
		}
	}
}

uint64_t
imap_append_limit(const struct conf *conf)
{
	int64_t max = conf_bytes(conf, CONF_MAXMESSAGESIZE);
	/* RFC822.SIZE and the size of a literal are 32-bit numbers. */
	return max <= 0 || max > UINT32_MAX ? UINT32_MAX : (uint64_t)max;
}

static uint32_t
limit(const struct conf *conf, enum conf_opt o)
{
	int64_t n = conf_int(conf, o);
	return n > 0 && n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

uint32_t
imap_message_limit(const struct conf *conf)
{
	return limit(conf, CONF_MESSAGELIMIT);
}

/* "MESSAGELIMIT" says so of saving, too: the other is for want of it. */
uint32_t
imap_save_limit(const struct conf *conf)
{
	uint32_t max = imap_message_limit(conf);
	return max != UINT32_MAX ? max : limit(conf, CONF_SAVELIMIT);
}

static void
add_message_limit(const struct conf *conf, struct buf *out)
{
	char word[32];
	if (imap_save_limit(conf) == UINT32_MAX)
		return;
	snprintf(word, sizeof(word), "%sLIMIT=%u", imap_message_limit(conf) != UINT32_MAX
	    ? "MESSAGE" : "SAVE", imap_save_limit(conf));
	add(conf, word, out);
}

void
imap_capabilities(const struct conf *conf, bool compress, struct buf *out)
{
	buf_adds(out, "IMAP4rev1");
	add(conf, "IMAP4rev2", out);
	add(conf, conf_switch(conf, CONF_LITERALMINUS) ? "LITERAL-" : "LITERAL+", out);
	if (conf_seconds(conf, CONF_IMAP_INPROGRESS_INTERVAL) > 0)
		add(conf, "INPROGRESS", out);
	add_message_limit(conf, out);
	if (conf_string(conf, CONF_LOGINREFERRAL) != NULL)
		add(conf, "LOGIN-REFERRALS", out);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		add(conf, words[i], out);
	if (compress)
		add(conf, "COMPRESS=DEFLATE", out);
	buf_printf(out, " APPENDLIMIT=%" PRIu64, imap_append_limit(conf));
}

void
imap_login_capabilities(bool starttls, bool plaintext, struct str mechanisms, struct buf *out)
{
	/* Not at the end: in a greeting, old clients take "AUTH=LOGIN]" for the last. */
	if (mechanisms.n > 0)
		buf_addc(out, ' ');
	buf_add_str(out, mechanisms);
	if (starttls)
		buf_adds(out, " STARTTLS");
	if (!plaintext)
		buf_adds(out, " LOGINDISABLED");
}

static bool
is_one_of(const struct str *list, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_ieq(list[i], name))
			return true;
	return false;
}

bool
imap_command_exists(struct str name, bool uid)
{
	return is_one_of(uid_commands, sizeof(uid_commands) / sizeof(uid_commands[0]), name)
	    || (!uid && is_one_of(commands, sizeof(commands) / sizeof(commands[0]), name));
}

void
imap_greeting(const struct conf *conf, const char *hostname, struct buf *out)
{
	int info = conf_enum(conf, CONF_SERVERINFO);
	if (info > 0)
		buf_printf(out, "%s%s ", hostname, info > 1 ? " Chapar IMAP " PACKAGE_VERSION : "");
	buf_adds(out, "server ready\r\n");
}
