/* text_parts.c - see text_parts.h */
#include "test/fuzz/text_parts.h"

#include "lib/json.h"
#include "imap/imapd/proto/format.h"
#include "imap/imapd/proto/pattern.h"
#include "imap/lmtpd/address.h"
#include "imap/mime/decode.h"
#include "imap/mime/mime.h"
#include "imap/server/dialogue.h"
#include "imap/server/imapurl.h"
#include "imap/server/name.h"
#include "imap/server/oauth_message.h"
#include "imap/store/list/mbname.h"
#include "lib/b64.h"
#include "lib/digest.h"
#include "lib/handover.h"
#include "lib/jwt.h"
#include "lib/netset.h"
#include "lib/proxyproto.h"
#include "lib/svc_front.h"
#include "lib/tlskey_in.h"
#include "lib/utf7.h"
#include "lib/utf8.h"
#include "master/conf.h"
#include "test/fuzz/place.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

enum { ARENA = 4 << 20 };

/* What ends with a line end, and what is behind it. */
static struct str
cut_line(struct str *s)
{
	struct str line = str_slice(*s, 0, str_chr(*s, '\n'));

	*s = str_slice(*s, line.n + 1, s->n);
	return line;
}

static unsigned
cut_byte(struct str *s)
{
	unsigned c = s->n > 0 ? (unsigned char)s->p[0] : 0;

	*s = str_slice(*s, 1, s->n);
	return c;
}

/* --- names of mailboxes --- */

/* A name as a path: nothing above it, nothing hidden, no empty step. */
static void
check_path(struct str dir)
{
	struct str step;
	size_t n;

	while (dir.n > 0) {
		n = str_chr(dir, '/');
		step = str_slice(dir, 0, n);
		fuzz_must(step.n > 0 && step.n < 256 && step.p[0] != '.' &&
		    memchr(step.p, '\0', step.n) == NULL, "a step of a directory");
		fuzz_must(n < dir.n - 1 || n == dir.n, "a directory's end");
		dir = str_slice(dir, n + 1, dir.n);
	}
}

static void
check_internal(struct str name)
{
	struct buf a = BUF_INIT, b = BUF_INIT;

	fuzz_must(utf8_valid(name) && name.n > 0 && name.n <= MBNAME_MAX, "an internal name");
	mbname_add_key(&a, name);
	mbname_from_key(&b, buf_str(&a));
	fuzz_must(str_eq(buf_str(&b), name), "a name from its key");
	buf_reset(&a);
	buf_reset(&b);
	mbname_add_file(&a, name);
	mbname_from_file(&b, buf_str(&a));
	fuzz_must(str_eq(buf_str(&b), name), "a name from its file");
	fuzz_must(memchr(a.p, '/', a.n) == NULL, "a file's name");
	for (int hashed = 0; hashed < 2; hashed++) {
		buf_reset(&a);
		mbname_add_dir(&a, name, hashed != 0);
		check_path(buf_str(&a));
	}
	buf_free(&a);
	buf_free(&b);
}

void
fuzz_mailbox_name(struct str s)
{
	static const char *const users[] = { "fred", "fred", "fred@a^org", "boss@x" };
	unsigned style = cut_byte(&s);
	const struct name_style n = {
		.sep = style & 1 ? '/' : '.', .alt = (style & 2) != 0,
		.is_admin = (style & 4) != 0, .userid = style & 8 ? NULL : users[style >> 6],
		.domains = style >> 6 != 0, .crosses = style >> 6 == 2,
		.bare_own = (style & 1) != 0, .deleted = "DELETED",
		.other = style & 16 ? "user" : "Other Users",
		.shared = style & 32 ? "shared" : "Shared Folders",
	};
	struct buf in = BUF_INIT, out = BUF_INIT, again = BUF_INIT;

	if (name_to_internal(&n, s, &in) == OK) {
		check_internal(buf_str(&in));
		name_to_external(&n, buf_str(&in), &out);
		fuzz_must(utf8_ascii_prefix(buf_str(&out)) == out.n, "an external name is ASCII");
		fuzz_must(name_to_internal(&n, buf_str(&out), &again) == OK &&
		    str_eq(buf_str(&in), buf_str(&again)), "a name as clients are told it");
	}
	buf_free(&in);
	buf_free(&out);
	buf_free(&again);
}

/* --- LIST --- */

static bool
same(char p, char n, bool inbox)
{
	return p == n || (inbox && p >= 'a' && p <= 'z' && p - 32 == n);
}

/* By the book: which beginnings of NAME what we have of PATTERN matches. */
static bool
matches(struct str pattern, struct str name, char sep)
{
	bool has[257] = { true }, was;
	size_t inbox = str_starts(name, STR("INBOX")) && (name.n == 5 || name.p[5] == sep) ? 5 : 0;

	for (size_t p = 0; p < pattern.n; p++) {
		was = has[0];
		has[0] = was && (pattern.p[p] == '*' || pattern.p[p] == '%');
		for (size_t n = 1; n <= name.n; n++) {
			bool old = has[n];

			if (pattern.p[p] == '*')
				has[n] = old || has[n - 1];
			else if (pattern.p[p] == '%')
				has[n] = old || (has[n - 1] && name.p[n - 1] != sep);
			else
				has[n] = was && same(pattern.p[p], name.p[n - 1], n <= inbox);
			was = old;
		}
	}
	return has[name.n];
}

void
fuzz_pattern(struct str s)
{
	struct str pattern = cut_line(&s), name = str_slice(s, 0, 256);

	/* The ends of the name are names, too. */
	for (unsigned i = 0; i < 32; i++) {
		struct str end = str_slice(name, i / 2, name.n);
		char sep = "./"[i % 2];

		fuzz_must(pattern_match(pattern, end, sep) == matches(pattern, end, sep),
		    "a pattern");
	}
	fuzz_must(str_starts(pattern, pattern_literal(pattern)), "a pattern's beginning");
}

/* --- cyrus.conf --- */

static void
ignore(void *ctx, bool is_error, const char *line)
{
	(void)ctx;
	(void)is_error;
	fuzz_must(strchr(line, '\n') == NULL, "a report is a line");
}

/* Summer time and winter time are times, too. */
static void
check_schedule(const struct schedule *when)
{
	static const time_t starts[] = { 1774740000, 1792882800, 951782400, 0 };
	static bool zone;

	if (!zone) {
		setenv("TZ", "Europe/Berlin", 1);
		tzset();
		zone = true;
	}
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		time_t now = starts[i], next;
		struct tm t;

		for (int k = 0; k < 4; k++, now = next) {
			next = schedule_next(when, now);
			if (next == -1)
				break;
			fuzz_must(next > now || when->period == 0, "time goes on");
			fuzz_must(localtime_r(&next, &t) != NULL, "a time");
			if (when->kind == SCHEDULE_CRON)
				fuzz_must((when->minutes >> t.tm_min & 1) &&
				    (when->months >> (t.tm_mon + 1) & 1), "cron");
		}
	}
}

void
fuzz_cyrus_conf(struct str s)
{
	struct mconf *c;
	enum err e = mconf_parse(s, "cyrus.conf", ignore, NULL, &c);

	fuzz_must(e == OK || e == ERR_SYNTAX || e == ERR_LIMIT, "what a parser says");
	if (e != OK)
		return;
	for (int i = 0; i < MCONF_SECTIONS; i++)
		for (const struct mconf_entry *x = c->first[i]; x != NULL; x = x->next) {
			fuzz_must(x->name != NULL && x->cmd != NULL && x->cmd[0] != '\0' &&
			    x->line > 0, "an entry");
			fuzz_must(i != MCONF_SERVICES || (x->listen != NULL && x->proto != NULL &&
			    x->prefork >= 0 && x->maxchild >= -1 && x->maxforkrate >= 0),
			    "a service");
			if (i == MCONF_EVENTS)
				check_schedule(&x->schedule);
		}
	mconf_free(c);
}

void
fuzz_schedule(struct str s)
{
	struct str cron = cut_line(&s);
	struct schedule when = { 0 };

	if (schedule_parse_cron(cron, &when) == OK)
		check_schedule(&when);
	if (schedule_parse_at(s, &when) == OK)
		check_schedule(&when);
}

/* --- transfer encodings --- */

void
fuzz_transfer(struct str s)
{
	unsigned max = cut_byte(&s) + 1;
	struct str encoding = cut_line(&s), left = s;
	struct buf whole = BUF_INIT, pieces = BUF_INIT;
	struct decode d;

	b64_encode(s, &whole);
	fuzz_must(decode_init(&d, STR("base64")) == OK, "base64");
	decode_piece(&d, buf_str(&whole), &pieces);
	fuzz_must(str_eq(buf_str(&pieces), s), "base64 and back");
	buf_reset(&whole);
	buf_reset(&pieces);
	if (decode_init(&d, encoding) == OK) {
		decode_piece(&d, s, &whole);
		fuzz_must(decode_init(&d, encoding) == OK, "the same again");
		while (left.n > 0) {
			size_t n = decode_cut(&d, left, max);

			fuzz_must(n > 0 && n <= left.n, "a piece");
			decode_piece(&d, str_slice(left, 0, n), &pieces);
			left = str_slice(left, n, left.n);
		}
		fuzz_must(whole.n <= s.n, "decoded is not longer");
		/* A line longer than a piece has to be cut somewhere. */
		fuzz_must(max < 200 || d.kind == DECODE_UU || d.kind == DECODE_QP ||
		    str_eq(buf_str(&whole), buf_str(&pieces)), "decoded in pieces");
	}
	buf_reset(&whole);
	decode_q(s, &whole);
	fuzz_must(whole.n <= s.n, "Q is not longer");
	buf_free(&whole);
	buf_free(&pieces);
}

/* --- JSON --- */

static void
walk(const struct json *j, int depth)
{
	fuzz_must(depth <= JSON_DEPTH + 1, "JSON's depth");
	fuzz_must(j->text == NULL || utf8_valid(str_c(j->text)), "JSON's text");
	for (const struct json *m = j->child; m != NULL; m = m->next) {
		if (j->kind == JSON_OBJECT)
			fuzz_must(m->key != NULL && utf8_valid(str_c(m->key)) &&
			    json_get(j, m->key) != NULL, "a member");
		walk(m, depth + 1);
	}
}

void
fuzz_json(struct str s)
{
	struct arena *arena = arena_new(ARENA);
	size_t line = 0;
	struct json *j = json_parse(arena, s, &line);

	if (j != NULL)
		walk(j, 0);
	arena_free(arena);
}

/* --- RCPT TO --- */

void
fuzz_lmtp_path(struct str s)
{
	struct arena *arena = arena_new(ARENA);
	struct smtp_path path;
	struct str keyword, value;

	if (smtp_path(arena, &s, true, &path) == OK) {
		fuzz_must(path.text != NULL, "a path's text");
		fuzz_must(memchr(path.local.p, '\0', path.local.n) == NULL, "a NUL in a path");
		while (smtp_parameter(&s, &keyword, &value))
			fuzz_must(keyword.n + value.n <= 16384, "a parameter");
	}
	arena_free(arena);
}

void
fuzz_proxy(struct str s)
{
	struct proxy_header h;
	struct buf bad = BUF_INIT, words = BUF_INIT;
	struct netset *set;
	size_t wants;
	enum err e = proxy_parse(s, &h, &wants);

	fuzz_must((e == ERR_AGAIN) == (wants > 0), "bytes that are wanted");
	fuzz_must(e != ERR_AGAIN || s.n + wants <= PROXY_HEADER_MAX, "a header's size");
	if (e == OK && h.has_addresses) {
		buf_printf(&words, "%s,%s", h.source, h.destination);
		fuzz_must(netset_parse(words.p, &set, &bad) == OK, "addresses");
		netset_free(set);
	}
	buf_reset(&words);
	buf_add_str(&words, s);
	if (netset_parse(words.p, &set, &bad) == OK)
		netset_free(set);
	buf_free(&bad);
	buf_free(&words);
}

/* --- dates --- */

void
fuzz_date(struct str s)
{
	struct format_day day = { 0 };
	struct buf out = BUF_INIT;
	uint64_t seconds;
	uint16_t zone;
	int64_t parsed;
	int minutes;

	if (str_get_u64(&s, &seconds) && str_get_u16(&s, &zone)) {
		format_date_time(&day, (int64_t)seconds, (int16_t)zone, &out);
		fuzz_must(out.n == 28 && strspn(out.p, "\" -+:0123456789"
		    "JanFebMarAprMayJunJulAugSepOctNovDec") == 28, "a date-time");
		out.p[3] = out.p[7] = ' ';
		fuzz_must(mime_parse_date(str_slice(buf_str(&out), 1, 27), &parsed, &minutes),
		    "a date as we write it");
		/* Years beyond four digits are none, nor are zones of a day and more. */
		if ((int64_t)seconds < INT64_C(253402200000) && (int64_t)seconds > 0
		    && abs((int16_t)zone) < 24 * 60)
			fuzz_must(parsed == (int64_t)seconds, "the same time");
	}
	if (mime_parse_date(s, &parsed, &minutes)) {
		fuzz_must(minutes > -100 * 60 && minutes < 100 * 60, "a zone");
		buf_reset(&out);
		format_date_time(&day, parsed, minutes, &out);
		fuzz_must(out.n == 28, "a date that was read");
	}
	buf_free(&out);
}

/* A URL of a message points into itself, and what its token covers is its beginning. */
void
fuzz_imap_url(struct str s)
{
	struct arena *arena = arena_new(1 << 20);
	struct imapurl u;

	if (imapurl_parse(arena, s, &u)) {
		fuzz_must(u.uid > 0, "a message");
		fuzz_must(u.rump.p == s.p && u.rump.n <= s.n, "a rump");
		fuzz_must(str_chr(u.mailbox, '\0') == u.mailbox.n &&
		    str_chr(u.section, '\0') == u.section.n, "no NULs");
		fuzz_must(u.token.n == 0 || u.access != URL_NONE, "a token is somebody's");
	}
	arena_free(arena);
}

/* --- messages between our own processes --- */

/* What was read from S was written AGAIN, with E. */
static void
check_encoding(enum err e, struct buf *again, struct str s)
{
	fuzz_must(e == OK, "a message can be sent");
	fuzz_must(str_eq(buf_str(again), s), "a message has one encoding");
	buf_free(again);
}

/* Between frontd and workers, and from master; the grant in it, if one is. */
static struct str
fuzz_handover(struct str s)
{
	struct buf again = BUF_INIT;
	struct handover h;
	struct handover_back back;
	struct svc_front front;
	struct str grant;

	if (handover_decode(s, &h) == OK) {
		check_encoding(handover_encode(&h, &again), &again, s);
		return h.grant;
	}
	if (handover_back_decode(s, &back) == OK)
		check_encoding(handover_back_encode(&back, &again), &again, s);
	if (groups_ask_decode(s, &grant) == OK)
		check_encoding(groups_ask_encode(grant, &again), &again, s);
	if (svc_front_decode(s, &front) == OK)
		check_encoding(svc_front_encode(&front, &again), &again, s);
	return s;
}

/* Between frontd and authd. */
static void
fuzz_dialogue(struct str s)
{
	struct buf again = BUF_INIT;
	struct login_peer peer;
	struct dialogue_ask ask;
	struct dialogue_answer answer;
	struct str first;

	if (dialogue_decode_peer(s, &peer, &first) == OK) {
		fuzz_must(peer.host != NULL, "who it is");
		check_encoding(dialogue_encode_peer(&peer, first, &again), &again, s);
	}
	if (dialogue_decode_ask(s, &ask) == OK) {
		fuzz_must(ask.what >= QUESTION_OFFER && ask.what <= QUESTION_APOP, "a question");
		check_encoding(dialogue_encode_ask(&ask, &again), &again, s);
	}
	if (dialogue_decode_answer(s, &answer) == OK) {
		fuzz_must(answer.what >= ANSWER_OFFER && answer.what <= ANSWER_GRANTED
		    && err_text((enum err)answer.err) != NULL, "an answer");
		check_encoding(dialogue_encode_answer(&answer, &again), &again, s);
	}
}

/* What may stand in a grant, as whoever has the key would seal it. */
static void
fuzz_grant(struct str s)
{
	static const uint8_t key[GRANT_KEY] = { 1 };
	struct buf sealed = BUF_INIT, again = BUF_INIT;
	struct grant g, other;
	uint8_t mac[SHA256_SIZE];

	hmac_sha256(key, sizeof(key), s.p, s.n, mac);
	buf_add_str(&sealed, s);
	buf_add(&sealed, mac, sizeof(mac));
	enum err e = grant_open(key, buf_str(&sealed), "imap", UINT64_MAX, &g);
	if (e == OK || e == ERR_TIMEOUT) {
		fuzz_must(strcmp(g.service, "imap") == 0 && g.userid != NULL && g.authcid != NULL
		    && g.serial.n == GRANT_SERIAL, "a grant is whole");
		fuzz_must(grant_open(key, buf_str(&sealed), "imap", g.at_ms, &other) == OK
		    && grant_open(key, buf_str(&sealed), "imap", g.at_ms - 1, &other) != OK,
		    "a grant has its time");
		fuzz_must(grant_open(key, buf_str(&sealed), "pop3", g.at_ms, &other) != OK,
		    "a grant is for one service");
		fuzz_must(grant_seal(key, &g, &again) == OK && again.n == sealed.n,
		    "a grant has one encoding");
	}
	buf_free(&sealed);
	buf_free(&again);
}

static struct tls_shelf *
no_shelf(void *ctx, struct str service)
{
	(void)ctx;
	(void)service;
	return NULL;
}

/* To keyd, of a key that it has; none is signed that TLS would not sign. */
static void
fuzz_keyd(struct str s)
{
	enum { HEAD = 8 };
	static EVP_PKEY *key;
	static struct tlskey_ring *ring;
	struct buf request = BUF_INIT, reply = BUF_INIT;
	int fd;

	if (key == NULL) {
		key = EVP_EC_gen("P-256");
		ring = tlskey_ring_new();
		tlskey_ring_put(ring, key);
	}
	const struct tlskey_stand stand = { ring, no_shelf, NULL };
	buf_add_str(&request, s);
	if (s.n >= HEAD + TLSKEY_ID && s.p[1] == TLSKEY_SIGN)
		fuzz_must(tlskey_id(key, (uint8_t *)request.p + HEAD), "a key has a name");
	enum err e = tlskey_serve(&stand, buf_str(&request), &reply, &fd);
	fuzz_must(reply.n >= HEAD && (reply.p[1] == TLSKEY_SIGNED) == (e == OK) && fd < 0,
	    "a reply says what came of it");
	fuzz_must(e != OK || s.n >= HEAD + TLSKEY_ID + 64 + 6, "what is signed has TLS's frame");
	buf_free(&request);
	buf_free(&reply);
}

/* From keyd. */
static void
fuzz_bundle(struct str s)
{
	struct tls_bundle b, again;
	struct buf once = BUF_INIT, twice = BUF_INIT;

	tls_bundle_init(&b);
	tls_bundle_init(&again);
	if (tls_bundle_decode(s, &b) == OK) {
		fuzz_must(b.n <= TLS_CERTS, "so many certificates");
		tls_bundle_encode(&b, &once);
		fuzz_must(tls_bundle_decode(buf_str(&once), &again) == OK, "a bundle can be sent");
		tls_bundle_encode(&again, &twice);
		fuzz_must(str_eq(buf_str(&once), buf_str(&twice)), "and is the same");
	}
	tls_bundle_free(&b);
	tls_bundle_free(&again);
	buf_free(&once);
	buf_free(&twice);
}

/* Whatever is a message has one encoding, and a grant that is none is refused. */
void
fuzz_message(struct str s)
{
	static const uint8_t key[GRANT_KEY];
	struct grant g;

	struct str sealed = fuzz_handover(s);
	fuzz_must(grant_open(key, sealed, "imap", UINT64_MAX, &g) != OK
	    && groups_open(key, sealed, STR("0123456789abcdef"), &g) != OK,
	    "nobody forges a grant");
	fuzz_dialogue(s);
	fuzz_grant(s);
	fuzz_keyd(s);
	fuzz_bundle(s);
}

/* --- OAuth --- */

static void
fuzz_oauth_message(enum err (*parse)(struct str, struct oauth_message *), struct str s)
{
	struct oauth_message m;

	if (parse(s, &m) == OK) {
		fuzz_must(str_find(s, m.token) < s.n || m.token.n == 0, "a token was in its message");
		for (size_t i = 0; i < m.token.n; i++)
			fuzz_must(m.token.p[i] > ' ' && m.token.p[i] < 127, "a token is plain text");
	}
	oauth_message_fini(&m);
}

/* KEYS LF TOKEN; and all of it is a message. */
void
fuzz_oauth(struct str s)
{
	struct str set = str_slice(s, 0, str_chr(s, '\n'));
	struct arena *arena = arena_new(ARENA);
	struct jwt_keys *keys;
	struct jwt t;
	const char *why;

	fuzz_oauth_message(oauth_message_bearer, s);
	fuzz_oauth_message(oauth_message_xoauth2, s);
	if (jwt_keys_parse(set, &keys) == OK &&
	    jwt_parse(arena, str_slice(s, set.n + 1, s.n), &t, &why) == OK) {
		fuzz_must(t.algorithm != NULL && t.claims != NULL, "a token has what it needs");
		if (jwt_verify(&t, keys, &why) == OK)
			fuzz_must(strchr("REP", t.algorithm[0]) != NULL, "with a private key");
	}
	jwt_keys_free(keys);
	arena_free(arena);
}
