/*
 * workload.c - what can be measured
 *
 * Whatever changes the mailbox is counted, so that all servers end in the
 * same state; whatever only reads is timed.
 */
#include "test/bench/workload.h"
#include "test/bench/imap.h"

#include <string.h>

#define COPY_SOURCE	"?DELETE %pcopy%s", "CREATE %pcopy%s", "SELECT %m"
#define CHANGE_TEN	"SELECT %m", "STORE %j +FLAGS.SILENT (\\Draft)", \
			"STORE %j -FLAGS.SILENT (\\Draft)"
#define OWN_MESSAGES	"?DELETE %psrc%s", "CREATE %psrc%s", "SELECT %m", \
			"COPY 1:2000 %psrc%s", "SELECT %psrc%s"

enum { FOLDERS = 100 };

const struct workload workloads[] = {
	{ "login", "connect, LOGIN, LOGOUT", LOGINS, .seconds = 3 },
	{ "deliver", "LMTP, to --recipients users at a time", DELIVERIES, .count = 1000 },
	{ "append", "APPEND to a new mailbox", APPENDS, .count = 1000,
	    .setup = { "?DELETE %pappend%s", "CREATE %pappend%s" },
	    .measured = "APPEND %pappend%s", .cleanup = { "DELETE %pappend%s" } },
	{ "fill", "APPEND --count messages with flags and dates to --mailbox", FILL,
	    .count = 10000, .setup = { "?CREATE %m" }, .measured = "APPEND %m " },
	{ "multiply", "COPY all of --mailbox to --target", .setup = { "?CREATE %t", "SELECT %m" },
	    .measured = "COPY 1:* %t", .count = 5 },
	{ "create", "CREATE --target", .measured = "CREATE %t", .count = 1 },
	{ "folders", "CREATE --count mailboxes, called --target and a number",
	    .measured = "CREATE %t%n", .setup = { "SELECT %m" }, .count = FOLDERS },
	{ "folders-fill", "COPY a message to each of them", .setup = { "SELECT %m" },
	    .measured = "COPY %n %t%n", .count = FOLDERS },
	{ "idle-notice", "from delivery to the news in IDLE", NOTICES, .needs = IMAP_IDLE,
	    .setup = { "SELECT INBOX" }, .count = 100 },
	{ "idle-memory", "memory of --connections sessions in IDLE", IDLERS, .needs = IMAP_IDLE,
	    .setup = { "SELECT INBOX" } },
	{ "pop3-poll", "POP3: log in, STAT, UIDL, QUIT", POP, .seconds = 3 },
	{ "pop3-all", "POP3: the same, and RETR of all", POP, .unit = ALL_FETCHED, .seconds = 3 },
	{ "select", "SELECT", .measured = "SELECT %m", .seconds = 3 },
	{ "status", "STATUS", .seconds = 3,
	    .measured = "STATUS %m (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)" },
	{ "list-status", "LIST of 100 mailboxes with their STATUS", .unit = WINDOW_STATUSES,
	    .window = FOLDERS, .needs = IMAP_LIST_STATUS, .seconds = 3, .measured =
	    "LIST \"\" %t%% RETURN (STATUS (MESSAGES UIDNEXT UIDVALIDITY UNSEEN))" },
	{ "resync", "SELECT with QRESYNC, 10 messages have changed", .unit = TEN_FETCHED,
	    .needs = IMAP_QRESYNC, .setup = { "ENABLE QRESYNC", CHANGE_TEN },
	    .measured = "SELECT %m (QRESYNC (%v %q))", .seconds = 3 },
	{ "changed-since", "FETCH CHANGEDSINCE, 10 messages have changed", .unit = TEN_FETCHED,
	    .needs = IMAP_QRESYNC, .setup = { "ENABLE QRESYNC", CHANGE_TEN },
	    .measured = "UID FETCH 1:* (FLAGS) (CHANGEDSINCE %q)", .seconds = 3 },
	{ "noop", "NOOP", .setup = { "SELECT %m" }, .measured = "NOOP", .seconds = 2 },
	{ "fetch-list", "what a list of messages shows, of all",
	    .unit = ALL_FETCHED, .setup = { "SELECT %m" }, .seconds = 3, .measured =
	    "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)" },
	{ "fetch-headers", "five header fields and flags of all",
	    .unit = ALL_FETCHED, .setup = { "SELECT %m" }, .seconds = 3, .measured =
	    "FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE MESSAGE-ID)])" },
	{ "fetch-flags", "UIDs and flags of all", .unit = ALL_FETCHED,
	    .setup = { "SELECT %m" }, .measured = "FETCH 1:* (UID FLAGS)", .seconds = 3 },
	{ "fetch-bodies", "whole messages, 100 a command", .unit = WINDOW_FETCHED,
	    .window = 100, .setup = { "SELECT %m" },
	    .measured = "FETCH %a:%b (UID BODY.PEEK[])", .seconds = 3 },
	{ "fetch-one", "one whole message a command", .unit = ONE_FETCHED,
	    .setup = { "SELECT %m" }, .measured = "FETCH %n (UID BODY.PEEK[])", .seconds = 3 },
	{ "search-from", "SEARCH FROM", .unit = HITS, .setup = { "SELECT %m" },
	    .measured = "SEARCH FROM \"hafiz\"", .seconds = 3 },
	{ "search-subject", "SEARCH SUBJECT", .unit = HITS, .setup = { "SELECT %m" },
	    .measured = "SEARCH SUBJECT \"harvest\"", .seconds = 3 },
	{ "search-header", "SEARCH HEADER X-Mailer", .unit = HITS, .setup = { "SELECT %m" },
	    .measured = "SEARCH HEADER X-Mailer \"kestrel\"", .seconds = 3 },
	{ "search-text", "SEARCH TEXT", .unit = HITS, .setup = { "SELECT %m" },
	    .measured = "SEARCH TEXT \"quicksilver\"", .seconds = 3 },
	{ "search-body", "SEARCH BODY", .unit = HITS, .setup = { "SELECT %m" },
	    .measured = "SEARCH BODY \"quicksilver\"", .seconds = 3 },
	{ "search-unseen", "SEARCH UNSEEN", .unit = HITS, .setup = { "SELECT %m" },
	    .measured = "SEARCH UNSEEN", .seconds = 2 },
	{ "search-since", "SEARCH SINCE", .unit = HITS, .setup = { "SELECT %m" },
	    .measured = "SEARCH SINCE 1-Jan-2025", .seconds = 2 },
	{ "sort-arrival", "SELECT and SORT (ARRIVAL)", .unit = HITS, .first = "SELECT %m",
	    .needs = IMAP_SORT, .measured = "SORT (ARRIVAL) UTF-8 ALL", .seconds = 3 },
	{ "sort-date", "SELECT and SORT (DATE)", .unit = HITS, .first = "SELECT %m",
	    .needs = IMAP_SORT, .measured = "SORT (DATE) UTF-8 ALL", .seconds = 3 },
	{ "sort-subject", "SELECT and SORT (SUBJECT)", .unit = HITS, .first = "SELECT %m",
	    .needs = IMAP_SORT, .measured = "SORT (SUBJECT) UTF-8 ALL", .seconds = 3 },
	{ "sort-from", "SELECT and SORT (FROM)", .unit = HITS, .first = "SELECT %m",
	    .needs = IMAP_SORT, .measured = "SORT (FROM) UTF-8 ALL", .seconds = 3 },
	{ "resort-date", "SORT (DATE) again and again", .unit = HITS,
	    .setup = { "SELECT %m" }, .needs = IMAP_SORT,
	    .measured = "SORT (DATE) UTF-8 ALL", .seconds = 3 },
	{ "resort-subject", "SORT (SUBJECT) again and again", .unit = HITS,
	    .setup = { "SELECT %m" }, .needs = IMAP_SORT,
	    .measured = "SORT (SUBJECT) UTF-8 ALL", .seconds = 3 },
	{ "thread-references", "SELECT and THREAD REFERENCES", .unit = HITS, .first = "SELECT %m",
	    .needs = IMAP_REFERENCES, .measured = "THREAD REFERENCES UTF-8 ALL", .seconds = 3 },
	{ "thread-subject", "SELECT and THREAD ORDEREDSUBJECT", .unit = HITS, .first = "SELECT %m",
	    .needs = IMAP_ORDEREDSUBJECT, .measured = "THREAD ORDEREDSUBJECT UTF-8 ALL", .seconds = 3 },
	{ "thread-refs", "SELECT and THREAD REFS", .unit = HITS, .first = "SELECT %m",
	    .needs = IMAP_REFS, .measured = "THREAD REFS UTF-8 ALL", .seconds = 3 },
	{ "rethread-references", "THREAD REFERENCES again and again", .unit = HITS,
	    .setup = { "SELECT %m" }, .needs = IMAP_REFERENCES,
	    .measured = "THREAD REFERENCES UTF-8 ALL", .seconds = 3 },
	{ "store-one", "STORE a flag of one message", .unit = ONE_FETCHED,
	    .setup = { "SELECT %m" }, .measured = "STORE %h %fFLAGS (\\Draft)", .count = 500 },
	{ "store-all", "STORE a flag of all messages", .unit = ALL_FETCHED,
	    .setup = { "SELECT %m" }, .measured = "STORE 1:* %fFLAGS (\\Answered)", .count = 4 },
	{ "copy", "COPY, 100 messages a command", .unit = WINDOW, .window = 100,
	    .setup = { COPY_SOURCE }, .measured = "COPY %a:%b %pcopy%s", .count = 20,
	    .cleanup = { "DELETE %pcopy%s" } },
	{ "copy-one", "COPY, one message a command", .setup = { COPY_SOURCE },
	    .measured = "COPY %n %pcopy%s", .count = 500, .cleanup = { "DELETE %pcopy%s" } },
	{ "move", "MOVE, 100 messages a command", .unit = WINDOW_EXPUNGED, .window = 100,
	    .needs = IMAP_MOVE,
	    .setup = { OWN_MESSAGES, "?DELETE %pmove%s", "CREATE %pmove%s" },
	    .measured = "MOVE 1:100 %pmove%s", .count = 20,
	    .cleanup = { "UNSELECT", "DELETE %psrc%s", "DELETE %pmove%s" } },
	{ "expunge", "EXPUNGE of 2,000 messages", .unit = ALL_EXPUNGED,
	    .setup = { OWN_MESSAGES, "STORE 1:* +FLAGS.SILENT (\\Deleted)" },
	    .measured = "EXPUNGE", .count = 1,
	    .cleanup = { "UNSELECT", "DELETE %psrc%s" } },
};

const unsigned n_workloads = sizeof workloads / sizeof workloads[0];

const struct workload *
workload_find(const char *name)
{
	for (unsigned i = 0; i < n_workloads; i++)
		if (strcmp(workloads[i].name, name) == 0)
			return &workloads[i];
	return NULL;
}
