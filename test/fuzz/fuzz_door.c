/*
 * fuzz_door.c - any bytes are what a stranger sends to IMAP or POP3 before login (imap/door)
 *
 *	FLAGS ANSWERS LF SCRIPT
 *
 * The flags are one byte (below); the answers are an imagined authd's, a letter
 * each (answers[]); the script is what the client sends, but for three bytes:
 * where a piece ends, where what comes through TLS begins if STARTTLS has been
 * answered, and a byte many times.
 *
 * Beside what the sanitizers see, as frontd would use the machine:
 *  - each command is answered, once, in the formal syntax (imap_check.h,
 *    pop3_check.h), and
 *    nobody is told OK by authd's refusal;
 *  - in other pieces the same bytes get the same answers and ask the same;
 *  - after STARTTLS a machine that has just been made says the same;
 *  - what a worker is handed is the rest of what has come, not a byte else;
 *  - memory: one command of 64 KiB (POP3: a line of 16) and what it asks, nothing
 *    between commands but the name that USER gave.
 */
#include "imap/door/door.h"
#include "lib/handover.h"
#include "test/fuzz/imap_check.h"
#include "test/fuzz/place.h"
#include "test/fuzz/pop3_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	PLAINTEXT = 1,			/* passwords may be sent in the clear */
	MAY_START_TLS = 2,
	STYLE = 4,			/* other options */
	GERMAN = 8,			/* IMAP: given back by a worker (RFC 8437) who spoke it */
	POP3 = 16,
	APOP = 32,			/* POP3: the greeting has a challenge */
};

enum { TLS_BEGINS = 0x1c, MANY = 0x1d, PIECE_ENDS = 0x1e };	/* MANY: KIB/2 BYTE */

enum {
	CHUNK = 16 * 1024,		/* what frontd reads at once */
	MAX_SCRIPT = 256 * 1024,
	MAX_ENDS = 4096,
	MAX_TEXT = 64 * 1024,		/* of a command */
	MAX_MEMORY = 320 * 1024,	/* of a connection */
	MAX_STEP = 8 * 1024,		/* longer scripts do not come byte by byte */
};

struct script {
	unsigned flags;
	struct str answers;
	struct buf bytes;
	uint32_t end[MAX_ENDS], tls[MAX_ENDS];
	size_t ends, tlss;
};

struct play {
	const struct script *s;
	size_t step;			/* the longest piece; 0: as the script says */
	struct door d;
	struct buf in;			/* read, not worked off */
	size_t read, done;		/* of the script */
	size_t answers;			/* given */
	bool is_tls, over;
	struct buf sent, got, asked;	/* sent: worked off */
};

/* What a machine keeps when TLS begins. */
struct state {
	enum language language;
	unsigned bad, failed;
};

/* Where TLS began. */
struct mark {
	bool is_there;
	size_t read, answers, got, asked;
	struct state state;
};

static const struct conf *
configuration(bool other)
{
	static const char *const texts[] = {
		"configdirectory: /nonexistent\npartition-default: /nonexistent\n",
		"configdirectory: /nonexistent\npartition-default: /nonexistent\n"
		"literalminus: yes\nimapidresponse: no\nserverinfo: min\nmessagelimit: 1000\n"
		"suppress_capabilities: ID SORT\n",
	};
	static struct conf *conf[2];
	char path[32];
	if (conf[other] != NULL)
		return conf[other];
	int fd = memfd_create("imapd.conf", 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	size_t n = strlen(texts[other]);
	fuzz_must(fd >= 0 && write(fd, texts[other], n) == (ssize_t)n, "a file");
	fuzz_must(conf_read(path, "imap", conf_log_errors, NULL, &conf[other]) == OK,
	    "a configuration");
	close(fd);
	return conf[other];
}

/* --- the script --- */

static void
add_many(struct script *s, unsigned half_kib, char c)
{
	for (size_t n = half_kib * 512; n > 0 && s->bytes.n < MAX_SCRIPT; n--)
		buf_addc(&s->bytes, c);
}

static void
read_script(struct script *s, struct str input)
{
	s->flags = (unsigned char)input.p[0];
	input = str_slice(input, 1, input.n);
	s->answers = str_slice(input, 0, str_chr(input, '\n'));
	s->ends = s->tlss = 0;
	buf_reset(&s->bytes);
	for (size_t i = s->answers.n + 1; i < input.n && s->bytes.n < MAX_SCRIPT; i++) {
		char c = input.p[i];
		uint32_t at = (uint32_t)s->bytes.n;
		if (c == PIECE_ENDS && s->ends < MAX_ENDS) {
			s->end[s->ends++] = at;
		} else if (c == TLS_BEGINS && s->tlss < MAX_ENDS) {
			s->tls[s->tlss++] = at;
		} else if (c == MANY && i + 2 < input.n) {
			add_many(s, (unsigned char)input.p[i + 1], input.p[i + 2]);
			i += 2;
		} else {
			buf_addc(&s->bytes, c);
		}
	}
}

/* The first of the places that is not before FROM; else the end. */
static size_t
next_place(const struct script *s, const uint32_t *place, size_t n, size_t from)
{
	for (size_t i = 0; i < n; i++)
		if (place[i] >= from)
			return place[i];
	return s->bytes.n;
}

/* --- one connection --- */

static struct state
state_of(const struct door *d)
{
	const struct imap_door *imap = &d->in.imap;
	const struct pop3_door *pop3 = &d->in.pop3;
	return d->protocol == DOOR_IMAP
	    ? (struct state){ imap->language, imap->bad, imap->failed }
	    : (struct state){ pop3->language, pop3->bad, pop3->failed };
}

/* As new, but for what it keeps: TLS has just begun. */
static void
set_state(struct door *d, struct state s)
{
	if (d->protocol == DOOR_IMAP) {
		d->in.imap.language = s.language;
		d->in.imap.bad = s.bad;
		d->in.imap.failed = s.failed;
	} else {
		d->in.pop3.bad = s.bad;
		d->in.pop3.failed = s.failed;
	}
}

static void
set_facts(struct play *p)
{
	bool pop3 = (p->s->flags & POP3) != 0;
	const struct door_facts facts = {
		.mechanisms = pop3 ? STR("PLAIN SCRAM-SHA-256-PLUS")
		    : p->is_tls ? STR("AUTH=PLAIN AUTH=SCRAM-SHA-256-PLUS") : STR("AUTH=GSSAPI"),
		.apop = p->s->flags & APOP ? STR("<1.2.3@mail.example.org>") : STR(""),
		.plaintext = p->is_tls || (p->s->flags & PLAINTEXT) != 0,
		.may_start_tls = !p->is_tls && (p->s->flags & MAY_START_TLS) != 0,
		.is_tls = p->is_tls,
	};
	door_facts(&p->d, &facts);
}

static void
begin(struct play *p, const struct script *s, size_t step)
{
	*p = (struct play){
		.s = s, .step = step, .in = BUF_INIT, .sent = BUF_INIT, .got = BUF_INIT,
		.asked = BUF_INIT,
	};
	door_init(&p->d, s->flags & POP3 ? DOOR_POP3 : DOOR_IMAP, configuration(s->flags & STYLE),
	    "192.0.2.1");
}

static void
end(struct play *p)
{
	door_fini(&p->d);
	buf_free(&p->in);
	buf_free(&p->sent);
	buf_free(&p->got);
	buf_free(&p->asked);
}

static void
check_pop3_memory(const struct pop3_door *d, enum door_next next)
{
	size_t own = d->line.size + d->name.size + d->secret.size;
	fuzz_must(d->line.n <= POP3_RESPONSE_MAX, "a line of 16 KiB");
	fuzz_must(own + d->mechanisms.size + d->apop.size <= MAX_MEMORY, "memory has a limit");
	fuzz_must(next != DOOR_NEXT || d->line.size + d->secret.size == 0,
	    "between commands nothing is kept");
	fuzz_must(next != DOOR_NEXT || !d->has_name || d->name.n <= POP3_LINE_MAX,
	    "but for a name");
}

static void
check_memory(const struct play *p, enum door_next next)
{
	const struct imap_door *d = &p->d.in.imap;
	if (p->d.protocol == DOOR_POP3) {
		check_pop3_memory(&p->d.in.pop3, next);
		return;
	}
	size_t own = d->text.size + d->answer.size + d->name.size + d->secret.size;
	fuzz_must(d->text.n <= MAX_TEXT, "a command of 64 KiB");
	fuzz_must(own + d->tag.size + d->mechanisms.size <= MAX_MEMORY, "memory has a limit");
	fuzz_must(next != DOOR_NEXT || d->at != AT_LINE || own == 0,
	    "between commands nothing is kept");
}

/* As frontd's: everything that is there, up to a chunk; here as much as was sent. */
static void
read_piece(struct play *p)
{
	size_t to = p->step != 0 ? p->read + p->step
	    : next_place(p->s, p->s->end, p->s->ends, p->read + 1);
	if (to > p->read + CHUNK)
		to = p->read + CHUNK;
	struct str piece = str_slice(buf_str(&p->s->bytes), p->read, to);
	buf_add_str(&p->in, piece);
	p->read += piece.n;
}

static void
hand_over(struct play *p)
{
	struct buf message = BUF_INIT;
	struct str rest = str_slice(buf_str(&p->s->bytes), p->done, p->read);
	const struct door_said said = door_said(&p->d);
	struct handover h = {
		.grant = STR("sealed"), .command = said.command, .tag = said.tag,
		.host = "192.0.2.1", .language = language_tag(said.language),
		.utf8 = said.utf8, .mechanisms = said.mechanisms, .plaintext = said.plaintext,
	}, back;
	if (p->in.n > 0)
		h.pending = buf_str(&p->in);
	fuzz_must(handover_encode(&h, &message) == OK, "a hand-over can be sent");
	fuzz_must(handover_decode(buf_str(&message), &back) == OK, "and read");
	fuzz_must(str_eq(back.pending, rest), "what is pending is the rest");
	buf_free(&message);
	/* The worker's answer. */
	buf_add_str(&p->got, said.tag);
	buf_adds(&p->got, p->d.protocol == DOOR_IMAP ? " OK You are in\r\n"
	    : "+OK Mailbox open\r\n");
	p->over = true;
}

static const struct {
	char letter;
	struct dialogue_answer answer;
} answers[] = {
	{ 'r', { .what = ANSWER_REFUSED, .err = ERR_AUTH, .why = "authentication failure" } },
	{ 'd', { .what = ANSWER_REFUSED, .err = ERR_DENIED, .why = "no", .pause_ms = 3000 } },
	{ 'i', { .what = ANSWER_REFUSED, .err = ERR_IO } },
	{ 's', { .what = ANSWER_REFUSED, .err = ERR_SYNTAX, .pause_ms = 1 } },
	{ 'l', { .what = ANSWER_REFUSED, .err = ERR_LIMIT } },
	{ 'u', { .what = ANSWER_REFUSED, .err = ERR_UNSUPPORTED } },
	{ 'o', { .what = ANSWER_REFUSED } },	/* an authd that has gone mad */
	{ 'm', { .what = ANSWER_OFFER, .bytes = { "AUTH=PLAIN", 10 } } },
	{ 'c', { .what = ANSWER_CHALLENGE, .bytes = { "r=1,s=2,i=4096", 14 } } },
	{ 'e', { .what = ANSWER_CHALLENGE } },
	{ 'g', { .what = ANSWER_GRANTED, .bytes = { "sealed", 6 } } },
	{ 'n', { .what = ANSWER_REFUSED, .err = ERR_IO, .why = "now" } },	/* nobody answers */
};

static const struct dialogue_answer *
choose(struct play *p)
{
	const size_t n = sizeof(answers) / sizeof(answers[0]);
	if (p->answers >= p->s->answers.n)
		return &answers[0].answer;
	char letter = p->s->answers.p[p->answers++];
	for (size_t i = 0; i < n; i++)
		if (answers[i].letter == letter)
			return &answers[i].answer;
	return &answers[(unsigned char)letter % n].answer;
}

/* Both sides of the dialogue read what was sent. */
static void
ask_aloud(struct play *p)
{
	struct buf message = BUF_INIT;
	const struct dialogue_ask *q = door_question(&p->d);
	struct dialogue_ask a;
	fuzz_must(dialogue_encode_ask(q, &message) == OK, "a question can be sent");
	fuzz_must(dialogue_decode_ask(buf_str(&message), &a) == OK && a.what == q->what
	    && str_eq(a.name, q->name) && str_eq(a.bytes, q->bytes)
	    && str_eq(a.challenge, q->challenge), "and read");
	buf_add_str(&p->asked, buf_str(&message));
	buf_free(&message);
}

static enum door_next
tell(struct play *p, const struct dialogue_answer *a)
{
	struct buf message = BUF_INIT;
	struct dialogue_answer got;
	fuzz_must(dialogue_encode_answer(a, &message) == OK
	    && dialogue_decode_answer(buf_str(&message), &got) == OK, "an answer can be sent");
	enum door_next next = door_answer(&p->d, &got, &p->got);
	buf_free(&message);
	return next;
}

static void
ask(struct play *p)
{
	const struct dialogue_answer *a = choose(p);
	size_t before = p->got.n;
	enum door_next next;
	ask_aloud(p);
	uint64_t asked = door_question(&p->d)->what;
	if (a->what == ANSWER_CHALLENGE && (asked == QUESTION_PASSWORD || asked == QUESTION_APOP))
		a = &answers[0].answer;
	if (a->what == ANSWER_GRANTED) {
		hand_over(p);
		return;
	}
	next = tell(p, a);
	fuzz_must(next == DOOR_NEXT || next == DOOR_END, "an answer is an answer");
	fuzz_must(str_find(str_slice(buf_str(&p->got), before, p->got.n),
	    p->d.protocol == DOOR_IMAP ? STR(" OK ") : STR("+OK"))
	    >= p->got.n - before, "nobody is let in without a grant");
	check_memory(p, next);
	p->over = next == DOOR_END;
}

/* What has come in the clear is dropped. */
static void
begin_tls(struct play *p, struct mark *m)
{
	fuzz_must(!p->is_tls, "TLS begins once");
	p->is_tls = true;
	buf_reset(&p->in);
	p->read = p->done = next_place(p->s, p->s->tls, p->s->tlss, p->done);
	*m = (struct mark){
		.is_there = true, .read = p->read, .answers = p->answers, .got = p->got.n,
		.asked = p->asked.n, .state = state_of(&p->d),
	};
	set_facts(p);
}

static void
feed(struct play *p, struct mark *m)
{
	size_t used, before = p->got.n;
	enum door_next next = door_feed(&p->d, buf_str(&p->in), &used, &p->got);
	fuzz_must(used > 0 && used <= p->in.n, "a step forward");
	fuzz_must(next != DOOR_READ || used == p->in.n, "who wants more has taken all");
	fuzz_must(p->got.n - before <= MAX_TEXT + 8192 + 3 * used, "answers have a limit");
	check_memory(p, next);
	buf_add(&p->sent, p->in.p, used);
	buf_consume(&p->in, used);
	p->done += used;
	if (next == DOOR_TLS)
		begin_tls(p, m);
	else if (next == DOOR_ASK)
		ask(p);
	else if (next == DOOR_END)
		p->over = true;
}

static void
talk(struct play *p, struct mark *m)
{
	while (!p->over && (p->in.n > 0 || p->read < p->s->bytes.n)) {
		if (p->in.n == 0)
			read_piece(p);
		feed(p, m);
	}
}

/* --- what must hold --- */

static void
check_syntax(const struct play *p)
{
	struct imap_check c;
	struct pop3_check pop3 = { .sent = buf_str(&p->sent), .got = buf_str(&p->got) };
	if (getenv("FUZZ_LOG") != NULL)
		fprintf(stderr, "--- sent\n%.*s\n--- got\n%.*s\n", STR_ARG(buf_str(&p->sent)),
		    STR_ARG(buf_str(&p->got)));
	if (p->d.protocol == DOOR_POP3) {
		pop3_check(&pop3);
		return;
	}
	imap_check(&c, buf_str(&p->sent), buf_str(&p->got));
	imap_check_free(&c);
}

static void
check_same(const struct play *a, const struct play *b)
{
	fuzz_must(str_eq(buf_str(&a->got), buf_str(&b->got)), "in other pieces the same answers");
	fuzz_must(str_eq(buf_str(&a->asked), buf_str(&b->asked)), "the same questions");
	fuzz_must(a->over == b->over && a->done == b->done && a->is_tls == b->is_tls,
	    "the same end");
	const struct imap_door *ia = &a->d.in.imap, *ib = &b->d.in.imap;
	const struct pop3_door *pa = &a->d.in.pop3, *pb = &b->d.in.pop3;
	fuzz_must(a->d.protocol == DOOR_IMAP
	    ? str_eq(buf_str(&ia->text), buf_str(&ib->text)) && ia->at == ib->at
	    : str_eq(buf_str(&pa->line), buf_str(&pb->line)) && pa->too_long == pb->too_long
	    && pa->in_exchange == pb->in_exchange, "the same beginning of a command");
}

/* Nothing of what came before is known to who begins here; but for failures. */
static void
check_fresh(const struct play *p, const struct mark *m)
{
	struct mark none = { .is_there = false };
	struct play fresh;
	begin(&fresh, p->s, p->step);
	fresh.is_tls = true;
	fresh.read = fresh.done = m->read;
	fresh.answers = m->answers;
	/* The challenge is the greeting's. */
	set_facts(&fresh);
	if (p->d.protocol == DOOR_POP3)
		fresh.d.in.pop3.greeted = true;
	set_state(&fresh.d, m->state);
	set_facts(&fresh);
	talk(&fresh, &none);
	fuzz_must(str_eq(buf_str(&fresh.got), str_slice(buf_str(&p->got), m->got, p->got.n))
	    && str_eq(buf_str(&fresh.asked), str_slice(buf_str(&p->asked), m->asked, p->asked.n))
	    && fresh.done == p->done, "TLS begins with nothing");
	end(&fresh);
}

static void
whole(struct play *p, const struct script *s, size_t step)
{
	struct mark m = { .is_there = false };
	begin(p, s, step);
	if (s->flags & GERMAN)
		door_speak(&p->d, LANGUAGE_GERMAN);
	set_facts(p);
	door_greet(&p->d, "mail.example.org", &p->got);
	talk(p, &m);
	check_syntax(p);
	if (m.is_there)
		check_fresh(p, &m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct script s = { .bytes = BUF_INIT };
	struct play first, other;
	if (size < 1)
		return 0;
	fuzz_quiet();
	read_script(&s, (struct str){ (const char *)data, size });
	whole(&first, &s, 0);
	const size_t steps[] = { CHUNK, s.bytes.n <= MAX_STEP ? 1 : 997 };
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		whole(&other, &s, steps[i]);
		check_same(&first, &other);
		end(&other);
	}
	end(&first);
	return 0;
}
