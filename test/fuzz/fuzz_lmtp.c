/*
 * fuzz_lmtp.c - any bytes are what one or two LMTP clients send (imap/lmtpd)
 *
 * The first byte chooses the configuration, bit by bit (below); the rest is a
 * script (talk.h).  Beside what the sanitizers see: the syntax of each reply,
 * one for each command and each recipient (lmtp_check.h); and the store holds
 * what was acknowledged, byte for byte, and nothing else.
 */
#include "imap/lmtpd/lmtp.h"
#include "imap/store/list/mblist.h"
#include "imap/store/list/quota.h"
#include "imap/store/mbox/mbox.h"
#include "lib/log.h"
#include "test/fuzz/lmtp_check.h"
#include "test/fuzz/talk.h"
#include "test/fuzz/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMITS(kb, count)	(&(struct quota_limits){ (kb), (count), -1, -1 })

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	STYLE = 1,			/* unixhierarchysep, reject8bit: world.c */
	UNTRUSTED = 2,			/* must AUTH */
	SMALL = 4,			/* messages up to 1000 bytes */
	MUNGE = 8,
	DUPLICATES = 16,		/* are delivered */
	PERMANENT = 32,			/* 552 over quota */
	PLAIN_LHLO = 64,		/* LHLO has been said */
};

static const struct {
	const char *name, *acl;
} mailboxes[] = {
	{ "user.fred", NULL },
	{ "user.fred.box", "fred\tlrswipkxtea\tanyone\tp\t" },
	{ "user.fred.a^b", "fred\tlrswipkxtea\twilma\tp\t" },
	{ "user.wilma", NULL },
	{ "shared", "anyone\tlrsp\t" },
	{ "shared.closed", "anyone\tlrs\t" },
};

static void
setup(void)
{
	struct store *s = world_server(0)->store;

	for (size_t i = 0; i < sizeof(mailboxes) / sizeof(mailboxes[0]); i++) {
		struct mblist_create c = {
			.name = str_c(mailboxes[i].name), .acl = mailboxes[i].acl,
		};

		ensure(mblist_create(s, &c) == OK);
	}
	ensure(quota_set(s, STR("user.wilma"), LIMITS(1, QUOTA_UNLIMITED)) == OK);
}

static void
serve(void *ctx, int i, struct stream *stream)
{
	const uint8_t *flags = ctx;
	struct server *server = world_server(i);
	struct client c = world_client(stream);
	struct lmtp_client client = {
		.host = c.host, .trusted = !(*flags & UNTRUSTED),
		.login = peer_login(server, &c),
		.server = server, .connection = &c,
	};
	struct lmtp_service service = {
		.store = server->store, .servername = server->hostname,
		.max_size = *flags & SMALL ? 1000 : 64 * 1024,
		.reject_8bit = *flags & STYLE, .munge_8bit = *flags & MUNGE,
		.over_quota_permanent = *flags & PERMANENT,
		.policy = {
			.postuser = "bb", .sep = *flags & STYLE ? '/' : '.', .lowercase = true,
			.suppress_duplicates = !(*flags & DUPLICATES),
		},
	};

	lmtp_session(&service, &client, stream);
	login_free(client.login);
}

/* --- what is in the store --- */

struct found {
	struct lmtp_check *check;
	struct str name[16];
	size_t n;
};

static bool
note_name(void *ctx, const struct mbentry *e)
{
	struct found *f = ctx;

	ensure(f->n < sizeof(f->name) / sizeof(f->name[0]));
	f->name[f->n++] = str_c(strdup(e->name));
	return true;
}

static void
check_mailbox(struct found *f, struct str name)
{
	struct store *s = world_server(0)->store;
	struct arena *arena = arena_new(1 << 20);
	struct mbentry *e;
	struct mbox *m;
	struct str bytes;

	ensure(mblist_lookup(s, arena, name, &e) == OK);
	ensure(mbox_open(s, e, "fred", MBOX_READONLY, &m) == OK);
	for (uint32_t i = 1; i <= mbox_count(m); i++) {
		ensure(mbox_body(m, i, &bytes) == OK);
		lmtp_check_stored(f->check, TALK_SIDES, bytes);
	}
	mbox_close(m);
	arena_free(arena);
}

static void
check_store(struct lmtp_check *check)
{
	struct found f = { .check = check };

	ensure(mblist_walk(world_server(0)->store, STR(""), note_name, &f) == OK);
	for (size_t i = 0; i < f.n; i++) {
		check_mailbox(&f, f.name[i]);
		free((void *)(uintptr_t)f.name[i].p);
	}
	for (int i = 0; i < TALK_SIDES; i++)
		lmtp_check_end(&check[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct talk t = { .serve = serve };
	static uint8_t flags;
	struct lmtp_check check[TALK_SIDES];

	if (size < 1)
		return 0;
	world_init("lmtp", setup);
	flags = data[0];
	t.ctx = &flags;
	t.script = (struct str){ (const char *)data + 1, size - 1 };
	for (int i = 0; i < TALK_SIDES; i++)
		t.prelude[i] = str_c(flags & PLAIN_LHLO ? "LHLO fuzz\r\n" : "");
	world_begin(flags & STYLE, talk_is_for_two(t.script) ? 2 : 1);
	talk_run(&t);
	for (int i = 0; i < TALK_SIDES; i++) {
		check[i] = (struct lmtp_check){
			.sent = buf_str(&t.sent[i]), .got = buf_str(&t.got[i]),
			.munge = flags & MUNGE, .chunks = BUF_INIT,
		};
		if (getenv("FUZZ_LOG") != NULL)
			fprintf(stderr, "--- %d\n%.*s", i, STR_ARG(check[i].got));
		lmtp_check(&check[i]);
	}
	check_store(check);
	world_end();
	return 0;
}
