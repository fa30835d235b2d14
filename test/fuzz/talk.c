/* talk.c - see talk.h; whoever holds the baton runs */
#include "test/fuzz/talk.h"

#include "lib/log.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>

enum {
	VISIT = 0x1b,
	CLOSE = 0x1c,
	BYTE = 0x1d,
	PACKET = 0x1e,
	OTHER = 0x1f,
};

struct side {
	int i;
	sem_t go;			/* the baton */
	pthread_t thread;
	bool alive;			/* its session has not ended */
	bool open;			/* its client has not closed */
	bool ready;			/* its prelude has been read */
	size_t prelude_at;
};

static struct side sides[TALK_SIDES];
static sem_t all_done;
static struct talk *talk;
static size_t at;			/* in the script */
static int turn;			/* whose bytes stand there */

static struct side *
other(const struct side *me)
{
	return &sides[1 - me->i];
}

static void
wait_for_baton(sem_t *s)
{
	while (sem_wait(s) != 0)
		;
}

static void
hand_over(struct side *me)
{
	sem_post(&other(me)->go);
	wait_for_baton(&me->go);
}

static bool
is_plain(char c)
{
	return (unsigned char)c < VISIT || (unsigned char)c > OTHER;
}

/* The bytes of this client's that stand in the script, up to a control byte. */
static size_t
take_bytes(char *p, size_t max)
{
	struct str s = talk->script;
	size_t n = 0;

	while (n < max && at < s.n) {
		if (is_plain(s.p[at]))
			p[n++] = s.p[at++];
		else if (s.p[at] == BYTE && at + 1 < s.n)
			p[n++] = s.p[at + 1], at += 2;
		else
			break;
	}
	return n;
}

/* The control byte that stands in the script. */
static void
take_control(void)
{
	char c = talk->script.p[at++];

	if (c == VISIT && at < talk->script.n) {
		c = talk->script.p[at++];
		if (talk->visit != NULL)
			talk->visit(talk->ctx, (unsigned char)c);
		return;
	}
	if (c == CLOSE)
		sides[turn].open = false;
	if (c == CLOSE || c == OTHER)
		turn = 1 - turn;
}

static void
skip_turn(void)
{
	char unused[256];

	while (take_bytes(unused, sizeof(unused)) > 0)
		;
	if (at < talk->script.n)
		take_control();
}

static size_t
take_prelude(struct side *me, char *p, size_t max)
{
	struct str s = talk->prelude[me->i];
	size_t n = s.n - me->prelude_at;

	n = n < max ? n : max;
	if (n == 0)
		return 0;
	memcpy(p, s.p + me->prelude_at, n);
	me->prelude_at += n;
	return n;
}

static size_t
next_bytes(struct side *me, char *p, size_t max)
{
	size_t n = take_prelude(me, p, max);

	if (n > 0)
		return n;
	me->ready = true;
	if (other(me)->alive && !other(me)->ready)
		hand_over(me);
	while (me->open && at < talk->script.n) {
		if (turn != me->i && other(me)->alive)
			hand_over(me);
		else if (turn != me->i)
			skip_turn();
		else if ((n = take_bytes(p, max)) > 0)
			return n;
		else
			take_control();
	}
	return 0;
}

/* --- the other end of a session's stream --- */

static size_t
on_read(void *ctx, char *p, size_t max)
{
	struct side *me = ctx;
	size_t n = next_bytes(me, p, max);

	if (n > 0)
		buf_add(&talk->sent[me->i], p, n);
	return n;
}

static void
on_write(void *ctx, const char *p, size_t n)
{
	const struct side *me = ctx;

	buf_add(&talk->got[me->i], p, n);
}

/* One who waits is woken when the other has had his turn. */
static bool
on_wait(void *ctx)
{
	struct side *me = ctx;

	if (me->prelude_at < talk->prelude[me->i].n)
		return true;
	me->ready = true;
	while (me->open && at < talk->script.n) {
		if (turn == me->i && (is_plain(talk->script.p[at])
		    || talk->script.p[at] == BYTE))
			return true;
		if (turn == me->i) {
			take_control();
		} else if (!other(me)->alive) {
			return true;
		} else {
			hand_over(me);
			return false;
		}
	}
	return true;
}

/* --- threads --- */

static void
serve(struct side *me)
{
	struct stream_peer peer = {
		.read = on_read, .write = on_write, .wait = on_wait, .ctx = me,
	};
	struct stream *s = stream_to(&peer);

	talk->serve(talk->ctx, me->i, s);
	stream_close(s);
}

static void *
life(void *ctx)
{
	struct side *me = ctx;

	for (;;) {
		wait_for_baton(&me->go);
		serve(me);
		me->alive = false;
		sem_post(other(me)->alive ? &other(me)->go : &all_done);
	}
	return NULL;
}

static void
start_threads(void)
{
	static bool started;

	if (started)
		return;
	started = true;
	ensure(sem_init(&all_done, 0, 0) == 0);
	for (int i = 0; i < TALK_SIDES; i++) {
		sides[i].i = i;
		ensure(sem_init(&sides[i].go, 0, 0) == 0);
		ensure(pthread_create(&sides[i].thread, NULL, life, &sides[i]) == 0);
	}
}

bool
talk_is_for_two(struct str script)
{
	for (size_t i = 0; i < script.n; i++)
		if (script.p[i] == OTHER || script.p[i] == CLOSE)
			return true;
	return false;
}

void
talk_run(struct talk *t)
{
	bool two = talk_is_for_two(t->script);

	start_threads();
	talk = t;
	at = 0;
	turn = 0;
	for (int i = 0; i < TALK_SIDES; i++) {
		sides[i].alive = sides[i].open = i == 0 || two;
		sides[i].ready = false;
		sides[i].prelude_at = 0;
		buf_reset(&t->sent[i]);
		buf_reset(&t->got[i]);
	}
	sem_post(&sides[0].go);
	wait_for_baton(&all_done);
}
