/*
 * fuzz_stream.c - any bytes, in any pieces, at any time (lib/stream.c and above)
 *
 * The input is a plan of pieces, a list of calls and what a client sends.  It
 * is played through sockets or pipes; the first byte says to whom: a stream,
 * whose calls a model foretells; imapd's reader of commands and lmtpd's of
 * messages, to which pieces must make no difference; idled's hub.
 */
#include "lib/stream.h"
#include "test/fuzz/place.h"
#include "test/fuzz/stream_parts.h"
#include "test/fuzz/wire.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { OPS_MAX = 100, OUT_MAX = 256 << 10 };

struct model {
	struct stream *s;
	struct wire wire;
	struct str all;
	size_t at;			/* so much of it was read */
	enum err dead;			/* what reading has said for ever */
	bool stopped, hung_up, was_mute;
	int stop_fd;
	uint64_t written;
	size_t checked;			/* so much of what was sent */
};

/* What is sent: its bytes say where they belong. */
static char
out_byte(uint64_t i)
{
	return (char)(i * 7 + (i >> 8) * 3 + 1);
}

static struct str
rest(const struct model *m)
{
	return str_slice(m->all, m->at, m->all.n);
}

/* Reading has given N bytes at P and says E. */
static void
took(struct model *m, enum err e, const char *p, size_t n)
{
	struct str left = rest(m);

	fuzz_must(n <= left.n && (n == 0 || memcmp(p, left.p, n) == 0), "bytes that were sent");
	fuzz_must(m->dead == OK || (e == m->dead && n == 0), "an error that stays");
	m->at += n;
	if (e == OK || m->dead != OK)
		return;
	m->dead = e;
	fuzz_must(e == ERR_CLOSED ? m->at == m->all.n || m->stopped :
	    e == ERR_TIMEOUT && m->wire.mute, "why reading failed");
}

static void
op_getline(struct model *m, size_t max)
{
	struct str left = rest(m);
	size_t lf = str_chr(left, '\n');
	struct buf line = BUF_INIT;
	enum err e;

	buf_adds(&line, "before");
	e = stream_getline(m->s, &line, max);
	buf_consume(&line, 6);
	if (e == ERR_LIMIT) {
		fuzz_must(m->dead == OK && lf < left.n && lf + 1 > max && line.n == 0, "limit");
		m->at += lf + 1;
	} else if (e == OK) {
		fuzz_must(lf < left.n && line.n == lf + 1 && lf + 1 <= max, "line");
		took(m, e, line.p, line.n);
	} else {
		/* A line that was too long for MAX was dropped as it came. */
		if (m->dead == OK && !m->stopped && !m->wire.mute)
			fuzz_must(lf == left.n, "a line was there");
		fuzz_must(line.n <= max && str_starts(left, buf_str(&line)), "half a line");
		m->at = m->dead == OK ? m->all.n : m->at;
		took(m, e, NULL, 0);
	}
	buf_free(&line);
}

static void
op_read(struct model *m, size_t max)
{
	char *p = malloc(max);
	size_t got = 77;

	fuzz_must(p != NULL, "malloc");
	enum err e = stream_read(m->s, p, max, &got);
	fuzz_must(e == OK ? got >= 1 && got <= max : got == 0, "how much was read");
	took(m, e, p, got);
	free(p);
}

static void
op_read_all(struct model *m, size_t n)
{
	char *p = malloc(n);
	enum err e;

	fuzz_must(p != NULL, "malloc");
	e = stream_read_all(m->s, p, n);
	if (e != OK && m->dead == OK)
		m->at = m->all.n;	/* it took what there was */
	took(m, e, p, e == OK ? n : 0);
	free(p);
}

static void
op_peek(struct model *m, size_t skip)
{
	struct str have;
	enum err e = stream_peek(m->s, &have);

	fuzz_must((e == OK) == (have.n > 0), "what was seen");
	fuzz_must(str_starts(rest(m), have), "bytes that were seen");
	skip = skip < have.n ? skip : have.n;
	stream_skip(m->s, skip);
	took(m, e, have.p, skip);
}

static void
op_wait(struct model *m)
{
	size_t was = stream_pending(m->s);
	enum err e = stream_wait(m->s, -1, 100);

	if (e == ERR_TIMEOUT)
		fuzz_must(m->wire.mute && was == 0, "a wait that ends for nothing");
	else
		fuzz_must(e == OK, "wait");
	fuzz_must(stream_pending(m->s) >= was, "a wait takes nothing");
}

static void
op_write(struct model *m, size_t n, bool formatted)
{
	char *p = malloc(n + 1);

	fuzz_must(p != NULL, "malloc");
	if (m->written + n > OUT_MAX)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		p[i] = out_byte(m->written + i);
		if (p[i] == '\0')
			formatted = false;
	}
	p[n] = '\0';
	if (formatted)
		stream_printf(m->s, "%s", p);
	else
		stream_write(m->s, p, n);
	m->written += n;
	free(p);
}

static void
check_output(struct model *m)
{
	enum err e = stream_flush(m->s);
	const struct buf *got = &m->wire.got;

	wire_drain(&m->wire);
	fuzz_must(got->n <= m->written && stream_bytes_out(m->s) <= m->written, "sent");
	for (; m->checked < got->n; m->checked++)
		fuzz_must(got->p[m->checked] == out_byte(m->checked), "bytes that were written");
	fuzz_must(e == OK ? got->n == m->written || m->hung_up :
	    e == ERR_CLOSED ? m->hung_up : e == ERR_TIMEOUT && m->was_mute, "flush");
}

static void
op(struct model *m, unsigned what, unsigned n)
{
	const uint64_t one = 1;

	switch (what % 16) {
	case 0:
	case 1:
		op_getline(m, n * n);
		break;
	case 2:
	case 3:
		op_read(m, n + 1);
		break;
	case 4:
		op_read(m, 65535 + n);
		break;
	case 5:
		op_read_all(m, n * 3 + 1);
		break;
	case 6:
	case 7:
		op_peek(m, n);
		break;
	case 8:
		op_wait(m);
		break;
	case 9:
	case 10:
		op_write(m, n, true);
		break;
	case 11:
		op_write(m, n * n * 2, false);
		break;
	case 12:
		check_output(m);
		break;
	case 13:
		fuzz_must(write(m->stop_fd, &one, sizeof(one)) == sizeof(one), "eventfd");
		m->stopped = true;
		break;
	case 14:
		wire_drain(&m->wire);
		wire_hang_up(&m->wire);
		m->hung_up = true;
		break;
	case 15:
		m->wire.mute = n > 200;
		m->was_mute |= m->wire.mute;
		stream_timeout(m->s, (int)n);
		break;
	}
	/* All that came was read or waits to be, or was lost with an error. */
	if (m->dead == OK)
		fuzz_must(stream_bytes_in(m->s) == m->at + stream_pending(m->s), "counted");
}

static void
fuzz_model(struct str ops, struct str plan, struct str bytes, unsigned flags)
{
	struct model m = { .all = bytes };

	wire_open(&m.wire, bytes, plan, (flags & 1) != 0);
	m.s = stream_new(m.wire.rfd, m.wire.wfd);
	m.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fuzz_must(m.stop_fd >= 0, "eventfd");
	stream_stop_fd(m.s, m.stop_fd);
	for (size_t i = 0; i + 1 < ops.n && i < 2 * OPS_MAX; i += 2)
		op(&m, (unsigned char)ops.p[i], (unsigned char)ops.p[i + 1]);
	check_output(&m);
	stream_close(m.s);
	close(m.stop_fd);
	wire_close(&m.wire);
}

/* One byte says how long it is. */
static struct str
take(struct str *s)
{
	size_t n = s->n > 0 ? (unsigned char)s->p[0] : 0;
	struct str part = str_slice(*s, 1, 1 + n);

	*s = str_slice(*s, 1 + n, s->n);
	return part;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { (const char *)data, size }, plan, ops;

	if (size < 2)
		return 0;
	fuzz_quiet();
	s = str_slice(s, 2, s.n);
	plan = take(&s);
	switch (data[0] % 8) {
	case 0:
	case 1:
	case 2:
		ops = take(&s);
		fuzz_model(ops, plan, s, data[1]);
		break;
	case 3:
	case 4:
		fuzz_reader(plan, s, data[1]);
		break;
	case 5:
	case 6:
		fuzz_receiver(plan, s, data[1]);
		break;
	case 7:
		fuzz_hub(s);
		break;
	}
	return 0;
}
