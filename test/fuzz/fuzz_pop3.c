/*
 * fuzz_pop3.c - any bytes are what one or two POP3 clients send (imap/pop3d)
 *
 * The first byte chooses the configuration and how they begin, bit by bit (below);
 * the rest is a script (talk.h).  Others come by: mail arrives, an IMAP client
 * expunges, cyr_expire, reconstruct.  Beside what the sanitizers see: the syntax of
 * each answer, one for each command, and what was retrieved (pop3_check.h); and in
 * the store is gone what was acknowledged to be, and nothing else.
 */
#include "imap/pop3d/session.h"
#include "imap/store/check.h"
#include "imap/store/list/mblist.h"
#include "imap/store/mbox/mbox.h"
#include "imap/store/mbox/txn.h"
#include "imap/store/upkeep/reclaim.h"
#include "lib/log.h"
#include "test/fuzz/pop3_check.h"
#include "test/fuzz/talk.h"
#include "test/fuzz/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	STYLE = 1,			/* popuseimapflags, popuseacl, ...: world.c */
	LOGGED_IN = 2,			/* both as fred, and UIDL has been asked */
	UTF8 = 4,
	GERMAN = 8,
	FINISH = 16,			/* the script ends in QUIT */
	VALIDITY = 7,
};

static const char *const messages[] = {
	"From: a@b\r\nSubject: one\r\n\r\n.\r\n..\r\n.x\r\n\r\nlast\r\n",
	"Subject: Gr\xc3\xbc\xc3\x9f""e aus \xc3\x96sterreich\r\n\r\nK\xc3\xb6rper\r\n",
	"no header, no line end",
	"\r\n",
	"Subject: bare\r\n\r\na\n.\nb\r.c\r\n.",
	"Subject: raw \xfc\r\nTo: \"\xc3\xa4\" <a@b>,\r\n \xc3\xb6@c\r\n\r\n",
};
enum { MESSAGES = sizeof(messages) / sizeof(messages[0]) };
static const char news[] = "Subject: news\r\n\r\nfrom outside\r\n";

static bool expunged[POP3_CHECK_MESSAGES];	/* by who came by */

static struct str
text_of(uint32_t uid)
{
	return str_c(uid <= MESSAGES ? messages[uid - 1] : news);
}

static void
must(enum err e, const char *what)
{
	if (e == OK)
		return;
	fprintf(stderr, "FUZZ: %s failed: %s\n", what, err_text(e));
	abort();
}

/* --- fred's INBOX --- */

static struct mbox *
open_inbox(struct store *s)
{
	struct arena *arena = arena_new(1 << 20);
	struct mbentry *e;
	struct mbox *m;

	must(mblist_lookup(s, arena, STR("user.fred"), &e), "look-up");
	must(mbox_open(s, e, "fred", MBOX_KEEP_RECENT, &m), "open");
	arena_free(arena);
	return m;
}

static void
append(struct store *s, const char *text)
{
	struct mbox *m = open_inbox(s);
	struct txn *t = txn_begin(m);
	struct append_params p = { .has_date = true };
	struct blob *b;

	must(blob_new(s, NULL, &b), "blob_new");
	must(blob_write(b, text, strlen(text)), "blob_write");
	must(blob_finish(b), "blob_finish");
	txn_append(t, b, &p);
	must(txn_commit(t), "append");
	txn_abort(t);
	blob_free(b);
	mbox_close(m);
}

/* The first that is left, or only its flag. */
static void
take_away(struct store *s, bool flag_only)
{
	struct mbox *m = open_inbox(s);
	uint32_t uid = mbox_uid(m, 1);
	struct store_params_flags deleted = { .op = STORE_ADD, .flags = MSG_DELETED };
	struct txn *t = txn_begin(m);

	if (flag_only)
		txn_store(t, &uid, uid != 0, &deleted);
	else
		txn_expunge(t, &uid, uid != 0, true);
	if (uid != 0)
		must(txn_commit(t), "expunge");
	if (!flag_only)
		expunged[uid] = true;
	txn_abort(t);
	mbox_close(m);
}

/* --- who comes by --- */

enum { DELIVER, EXPUNGE, FLAG, EXPIRE, RECONSTRUCT, VISITORS };

static bool
expire(void *ctx, const struct mbentry *e)
{
	uint32_t n;

	must(reclaim_mailbox(ctx, e, time(NULL) + 1, &n), "cyr_expire");
	return true;
}

static bool
reconstruct(void *ctx, const struct mbentry *e)
{
	struct check_params p = { .verify_content = true };
	struct check_result r;

	must(check_mailbox(ctx, e, &p, &r), "reconstruct");
	return true;
}

static void
visit(void *ctx, unsigned char what)
{
	struct store *s = world_visitor();

	(void)ctx;
	switch (what % VISITORS) {
	case DELIVER:
		append(s, news);
		break;
	case EXPUNGE:
		take_away(s, false);
		break;
	case FLAG:
		take_away(s, true);
		break;
	case EXPIRE:
		must(store_checkpoint(s), "checkpoint");
		must(mblist_walk(s, STR("user."), expire, s), "walk");
		break;
	case RECONSTRUCT:
		must(mblist_walk(s, STR("user."), reconstruct, s), "walk");
		break;
	}
	store_close(s);
}

/* --- */

static void
setup(void)
{
	struct store *s = world_server(0)->store;
	struct mblist_create fred = { .name = STR("user.fred"), .uidvalidity = VALIDITY };
	struct mblist_create wilma = { .name = STR("user.wilma"), .uidvalidity = VALIDITY + 1 };

	must(mblist_create(s, &fred), "setup");
	must(mblist_create(s, &wilma), "setup");
	for (size_t i = 0; i < MESSAGES; i++)
		append(s, messages[i]);
}

static void
serve(void *ctx, int i, struct stream *stream)
{
	struct client c = world_client(stream);

	(void)ctx;
	pop3_session(world_server(i), &c);
}

/* Gone is what was acknowledged, or expunged by others; all else is there. */
static void
check_store(const struct pop3_check *check)
{
	struct mbox *m = open_inbox(world_server(0)->store);
	uint32_t last = mbox_uidnext(m) - 1;

	for (uint32_t uid = 1; uid <= last && uid < POP3_CHECK_MESSAGES; uid++) {
		bool is_there = mbox_uid(m, mbox_seq_from_uid(m, uid)) == uid;
		bool gone = expunged[uid] || check[0].gone[uid] || check[1].gone[uid];

		if (gone && is_there)
			log_fatal(70, "FUZZ: message %u is there again", uid);
		if (!gone && !is_there && !check[0].unclear && !check[1].unclear)
			log_fatal(70, "FUZZ: message %u is lost", uid);
	}
	mbox_close(m);
}

static const char *
prelude_of(uint8_t flags)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s%s%s", flags & UTF8 ? "UTF8\r\n" : "",
	    flags & GERMAN ? "LANG de\r\n" : "",
	    flags & LOGGED_IN ? "USER fred\r\nPASS x\r\nUIDL\r\n" : "");
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct talk t = { .serve = serve, .visit = visit };
	static struct buf script;
	struct pop3_check check[TALK_SIDES];
	bool two;

	if (size < 1)
		return 0;
	world_init("pop", setup);
	memset(expunged, 0, sizeof(expunged));
	buf_reset(&script);
	buf_add(&script, data + 1, size - 1);
	two = talk_is_for_two(buf_str(&script));
	if (data[0] & FINISH)
		buf_adds(&script, two ? "\r\nQUIT\r\n\x1f\r\nQUIT\r\n" : "\r\nQUIT\r\n");
	t.script = buf_str(&script);
	for (int i = 0; i < TALK_SIDES; i++)
		t.prelude[i] = str_c(prelude_of(data[0]));
	world_begin(data[0] & STYLE, two ? 2 : 1);
	talk_run(&t);
	memset(check, 0, sizeof(check));
	for (int i = 0; i < (two ? 2 : 1); i++) {
		check[i] = (struct pop3_check){
			.sent = buf_str(&t.sent[i]), .got = buf_str(&t.got[i]),
			.uidvalidity = VALIDITY, .text_of = text_of,
		};
		if (getenv("FUZZ_LOG") != NULL)
			fprintf(stderr, "--- %d\n%.*s", i, STR_ARG(check[i].got));
		pop3_check(&check[i]);
	}
	check_store(check);
	world_end();
	return 0;
}
