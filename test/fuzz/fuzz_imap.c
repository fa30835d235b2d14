/*
 * fuzz_imap.c - any bytes are what one or two IMAP clients send (imap/imapd)
 *
 * The first three bytes choose: what the first client does before, what the
 * second does, and the configuration (world.c) in bit 0; with bit 1 both end
 * by asking for everything, and what they were told before must agree with it
 * and with each other.  The rest is a script (talk.h).
 *
 * Beside what the sanitizers see: the grammar of each response, an answer to
 * each command, and numbers that make sense (imap_check.h).
 */
#include "imap/imapd/session/session.h"
#include "imap/server/deliver.h"
#include "imap/store/check.h"
#include "imap/store/upkeep/reclaim.h"
#include "lib/log.h"
#include "test/fuzz/imap_check.h"
#include "test/fuzz/talk.h"
#include "test/fuzz/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STYLE = 1, FINISH = 2 };

static const struct {
	char letter;
	const char *says;
} preludes[] = {
	{ 'n', "" },
	{ 'a', "p1 LOGIN fred x\r\n" },
	{ 's', "p1 LOGIN fred x\r\np2 SELECT INBOX\r\n" },
	{ 'r', "p1 LOGIN fred x\r\np2 EXAMINE INBOX\r\n" },
	{ 'b', "p1 LOGIN fred x\r\np2 SELECT INBOX.box\r\n" },
	{ 'w', "p1 LOGIN wilma x\r\np2 SELECT user.fred.box\r\n" },
	{ 'h', "p1 LOGIN wilma x\r\np2 SELECT shared\r\n" },
	{ 'm', "p1 LOGIN boss x\r\n" },
};

enum { PRELUDES = sizeof(preludes) / sizeof(preludes[0]) };

static const char setup_script[] =
    "1 LOGIN boss x\r\n"
    "2 CREATE user.fred\r\n3 CREATE user.fred.box\r\n4 CREATE user.fred.empty\r\n"
    "5 CREATE user.wilma\r\n6 CREATE shared\r\n7 CREATE shared.two two\r\n"
    "8 SETACL shared anyone lrswipkxte\r\n9 SETACL user.fred.box wilma lrswi\r\n"
    "10 SETQUOTA user.fred (STORAGE 40)\r\n"
    "11 SETACL user.fred boss lrswipkxtea\r\n12 SETACL user.fred.box boss lrswipkxtea\r\n";

static const struct {
	const char *where, *text;
} messages[] = {
	{ "user.fred (\\Seen) \"01-Feb-2024 03:04:05 +0100\"",
	    "From: Fred <fred@example.org>\r\nTo: Wilma <wilma@example.org>\r\n"
	    "Subject: one\r\n\r\nHello, one.\r\n" },
	{ "user.fred (\\Flagged $Forwarded)",
	    "Subject: =?utf-8?q?zwei_=C3=A4?=\r\n\r\nno sender\r\n" },
	{ "user.fred",
	    "From: a@b\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-Id: <3@b>\r\n"
	    "References: <1@b> <2@b>\r\nSubject: three\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\npart one\r\n"
	    "--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ninner\r\n"
	    "--x\r\nContent-Type: a/b\r\n\r\nabc\r\n--x--\r\n" },
	{ "user.fred (\\Deleted)", "\r\n" },
	{ "user.fred", "no header, no line end" },
	{ "user.fred.box (\\Seen)", "Subject: b1\r\n\r\nbox\r\n" },
	{ "user.fred.box", "Subject: b2\r\n\r\nbox\r\n" },
	{ "shared", "Subject: s1\r\n\r\nshared\r\n" },
};

static const char finish_one[] =
    "\r\nz0 NOOP\r\nz1 UID FETCH 1:* (FLAGS)\r\nz2 LOGOUT\r\n";
static const char finish_both[] =
    "\r\nz0 NOOP\r\n\x1f\r\nz0 NOOP\r\n\x1f"
    "z1 UID FETCH 1:* (FLAGS)\r\n\x1fz1 UID FETCH 1:* (FLAGS)\r\n\x1f"
    "z2 LOGOUT\r\n\x1fz2 LOGOUT\r\n";

static void
serve(void *ctx, int i, struct stream *s)
{
	struct client c = world_client(s);

	(void)ctx;
	session_run(world_server(i), &c);
}

/* --- who comes by --- */

enum { EXPIRE, RECONSTRUCT, CHECKPOINT, DELIVER, VISITORS };

static void
must(enum err e, const char *who)
{
	if (e == OK)
		return;
	fprintf(stderr, "FUZZ: %s failed: %s\n", who, err_text(e));
	abort();
}

static bool
expire(void *ctx, const struct mbentry *e)
{
	uint32_t n;

	if (!(e->flags & MB_NOSELECT))
		must(reclaim_mailbox(ctx, e, time(NULL) + 1, &n), "cyr_expire");
	return true;
}

static bool
reconstruct(void *ctx, const struct mbentry *e)
{
	struct check_params p = { .verify_content = true };
	struct check_result r;

	if (!(e->flags & MB_NOSELECT))
		must(check_mailbox(ctx, e, &p, &r), "reconstruct");
	return true;
}

static void
deliver(struct store *s)
{
	static const char text[] = "Subject: news\r\n\r\nfrom outside\r\n";
	struct arena *arena = arena_new(1 << 20);
	struct deliver_policy policy = { .sep = '.' };
	struct identity nobody = { .userid = "anonymous", .is_anonymous = true };
	struct deliver_rcpt rcpt = { .result = OK };
	struct blob *b;

	must(blob_new(s, NULL, &b), "blob_new");
	must(blob_write(b, text, sizeof(text) - 1), "blob_write");
	must(blob_finish(b), "blob_finish");
	/* The sessions may have changed whether there is such a mailbox. */
	if (deliver_resolve(s, arena, &policy, &nobody, STR("fred"), STR(""), &rcpt) == OK)
		deliver_message(s, arena, &policy, b, &rcpt, 1);
	blob_free(b);
	arena_free(arena);
}

static void
visit(void *ctx, unsigned char what)
{
	struct store *s = world_visitor();

	(void)ctx;
	if (what % VISITORS == EXPIRE || what % VISITORS == CHECKPOINT)
		must(store_checkpoint(s), "checkpoint");
	if (what % VISITORS == EXPIRE)
		must(mblist_walk(s, STR(""), expire, s), "walk");
	if (what % VISITORS == RECONSTRUCT)
		must(mblist_walk(s, STR(""), reconstruct, s), "walk");
	if (what % VISITORS == DELIVER)
		deliver(s);
	store_close(s);
}

/* --- */

static void
setup(void)
{
	struct talk t = { .serve = serve };
	struct buf script = BUF_INIT;

	buf_adds(&script, setup_script);
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		buf_printf(&script, "m APPEND %s {%zu+}\r\n%s\r\n", messages[i].where,
		    strlen(messages[i].text), messages[i].text);
	t.script = buf_str(&script);
	talk_run(&t);
	if (memmem(t.got[0].p, t.got[0].n, " NO ", 4) != NULL
	    || memmem(t.got[0].p, t.got[0].n, " BAD ", 5) != NULL)
		log_fatal(70, "the setup fails: %s", t.got[0].p);
	buf_free(&t.sent[0]);
	buf_free(&t.got[0]);
	buf_free(&script);
}

/* Letters for people, all other bytes too for fuzzers. */
static int
prelude_of(uint8_t byte)
{
	for (int i = 0; i < PRELUDES; i++)
		if (byte == (uint8_t)preludes[i].letter)
			return i;
	return byte % PRELUDES;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct talk t = { .serve = serve, .visit = visit };
	static struct buf script;
	struct imap_check check[TALK_SIDES];
	int prelude[TALK_SIDES];

	if (size < 3)
		return 0;
	world_init("imap", setup);
	buf_reset(&script);
	buf_add(&script, data + 3, size - 3);
	if (data[2] & FINISH)
		buf_adds(&script, talk_is_for_two(buf_str(&script)) ? finish_both : finish_one);
	t.script = buf_str(&script);
	for (int i = 0; i < TALK_SIDES; i++) {
		prelude[i] = prelude_of(data[i]);
		t.prelude[i] = str_c(preludes[prelude[i]].says);
	}
	world_begin(data[2] & STYLE, talk_is_for_two(t.script) ? 2 : 1);
	talk_run(&t);
	world_end();
	if (getenv("FUZZ_LOG") != NULL)
		for (int i = 0; i < TALK_SIDES; i++)
			fprintf(stderr, "--- %d\n%.*s", i, STR_ARG(buf_str(&t.got[i])));
	for (int i = 0; i < TALK_SIDES; i++)
		imap_check(&check[i], buf_str(&t.sent[i]), buf_str(&t.got[i]));
	if (prelude[0] == prelude[1])
		imap_check_same(&check[0], &check[1]);
	for (int i = 0; i < TALK_SIDES; i++)
		imap_check_free(&check[i]);
	return 0;
}
