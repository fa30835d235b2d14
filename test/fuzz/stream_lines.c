/*
 * stream_lines.c - readers of commands and of messages, see stream_parts.h
 *
 * Blobs are stood in for: what would go to the store is kept in a buffer.
 */
#include "imap/imapd/proto/reader.h"
#include "imap/lmtpd/receive.h"
#include "test/fuzz/place.h"
#include "test/fuzz/stream_parts.h"
#include "test/fuzz/wire.h"

#include <stdlib.h>
#include <string.h>

struct blob {
	struct buf bytes;
};

enum err
blob_new(struct store *s, const char *partition, struct blob **b)
{
	(void)s;
	(void)partition;
	*b = calloc(1, sizeof(**b));
	fuzz_must(*b != NULL, "calloc");
	buf_init(&(*b)->bytes);
	return OK;
}

enum err
blob_write(struct blob *b, const void *p, size_t n)
{
	buf_add(&b->bytes, p, n);
	return OK;
}

enum err
blob_finish(struct blob *b)
{
	(void)b;
	return OK;
}

bool
blob_in_memory(const struct blob *b)
{
	return b->bytes.n < 400;
}

enum err
blob_to_file(struct blob *b)
{
	(void)b;
	return OK;
}

void
blob_free(struct blob *b)
{
	if (b == NULL)
		return;
	buf_free(&b->bytes);
	free(b);
}

/* --- imapd's commands --- */

/* All that the reader gave, as text. */
static void
describe(struct buf *out, enum err e, const struct input *in)
{
	buf_printf(out, "%d %s %s ", (int)e, in->code != NULL ? in->code : "-",
	    in->problem != NULL ? in->problem : "-");
	buf_add_str(out, in->text);
	for (size_t i = 0; i < in->messages; i++) {
		const struct message_literal *m = &in->message[i];

		buf_printf(out, " message %zu %llu %d %d ", m->at, (unsigned long long)m->size,
		    m->eight, m->has_nul);
		buf_add_str(out, buf_str(&m->blob->bytes));
		fuzz_must(e == OK && m->blob->bytes.n == m->size && m->at <= in->text.n &&
		    (m->eight || !m->has_nul), "a message");
	}
	buf_addc(out, '\n');
}

/* Reads until the end; DID says what was read, SAID what was replied. */
static void
read_commands(struct stream *s, unsigned flags, struct buf *did, struct buf *said)
{
	static char no_store;
	const struct reader_limits max = { .literal = 100, .command = 300, .message = 500 };
	struct stream *out = stream_mem(STR(""), said);
	struct reply reply;
	struct reader *r;
	struct input in;
	struct str line;
	enum err e = OK;

	reply_init(&reply, out);
	r = reader_new(s, &reply);
	if (flags & 2)
		reader_allow_messages(r, (struct store *)(void *)&no_store, &max);
	for (unsigned n = 0; e != ERR_CLOSED; n++) {
		if ((flags & 4) && n % 4 == 3) {
			e = reader_line(r, &line);
			in = (struct input){ .text = line };
		} else {
			e = reader_next(r, &in);
		}
		fuzz_must(e == OK || e == ERR_LIMIT || e == ERR_SYNTAX || e == ERR_CLOSED ||
		    e == ERR_UNSUPPORTED, "what a reader says");
		fuzz_must((flags & 2) == 0 || (flags & 4) || in.text.n <= max.command,
		    "a command's length");
		/* How much of an unfinished one is there tells when it arrived. */
		if (e != ERR_CLOSED)
			describe(did, e, &in);
		input_free(&in);
	}
	reader_free(r);
	reply_fini(&reply);
	stream_close(out);
}

void
fuzz_reader(struct str plan, struct str bytes, unsigned flags)
{
	struct buf did[2] = { BUF_INIT, BUF_INIT }, said[2] = { BUF_INIT, BUF_INIT };
	struct stream *s = stream_mem(bytes, NULL);
	struct wire w;

	read_commands(s, flags, &did[0], &said[0]);
	stream_close(s);
	wire_open(&w, bytes, plan, (flags & 1) != 0);
	s = stream_new(w.rfd, w.wfd);
	read_commands(s, flags, &did[1], &said[1]);
	stream_close(s);
	wire_close(&w);
	fuzz_must(str_eq(buf_str(&did[0]), buf_str(&did[1])), "commands in pieces");
	fuzz_must(str_eq(buf_str(&said[0]), buf_str(&said[1])), "replies to pieces");
	for (int i = 0; i < 2; i++) {
		buf_free(&did[i]);
		buf_free(&said[i]);
	}
}

/* --- lmtpd's messages --- */

struct expected {
	struct buf out;
	size_t taken;
	bool done, has_nul, has_8bit_header;
};

/* A line's text, as it is to be stored. */
static void
expect_text(struct expected *x, struct str text, bool header, bool munge)
{
	for (size_t i = 0; i < text.n; i++) {
		bool wide = header && ((unsigned char)text.p[i] & 0x80) != 0;

		x->has_nul |= text.p[i] == '\0';
		x->has_8bit_header |= wide;
		buf_addc(&x->out, wide && munge ? 'X' : text.p[i]);
	}
}

/* The rules, a line at a time. */
static void
expect(struct expected *x, struct str s, bool dots, bool munge)
{
	bool after_crlf = true, header = true;

	while (x->taken < s.n) {
		struct str line = str_slice(s, x->taken, s.n), text;
		size_t lf = str_chr(line, '\n');
		bool whole = lf < line.n, crlf = whole && lf > 0 && line.p[lf - 1] == '\r';

		text = str_slice(line, 0, lf - crlf);
		x->taken += lf + whole;
		if (dots && after_crlf && crlf && str_eq(text, STR("."))) {
			x->done = true;
			return;
		}
		if (dots && str_starts(text, STR(".")))
			text = str_slice(text, 1, text.n);
		expect_text(x, text, header, munge);
		if (whole || text.n > 0)
			buf_adds(&x->out, "\r\n");
		header &= text.n > 0;
		after_crlf = crlf;
	}
}

static size_t
piece(struct str plan, size_t i, size_t left)
{
	size_t n = plan.n > 0 ? (unsigned char)plan.p[i % plan.n] + 1u : left;

	return n < left ? n : left;
}

void
fuzz_receiver(struct str plan, struct str bytes, unsigned flags)
{
	bool dots = (flags & 1) != 0, munge = (flags & 2) != 0;
	uint64_t max = flags & 4 ? flags >> 3 : 0;
	struct expected x = { .out = BUF_INIT };
	struct receiver r;
	struct blob *b;
	size_t at = 0, n;

	expect(&x, bytes, dots, munge);
	fuzz_must(blob_new(NULL, NULL, &b) == OK, "blob");
	receiver_init(&r, b, dots, max, munge);
	for (size_t i = 0; at < bytes.n && !r.done; i++) {
		n = piece(plan, i, bytes.n - at);
		size_t took = receiver_take(&r, bytes.p + at, n);
		fuzz_must(took == n || (r.done && took <= n), "bytes taken");
		at += took;
	}
	if (!dots)
		receiver_end(&r);
	fuzz_must(at == x.taken && r.done == x.done, "the end of the message");
	if (!dots || r.done) {
		fuzz_must(r.size == x.out.n && r.has_nul == x.has_nul &&
		    r.has_8bit_header == x.has_8bit_header, "its size");
		fuzz_must(r.too_big == (max > 0 && x.out.n > max), "too big");
		if (!r.too_big && !r.has_nul)
			fuzz_must(str_eq(buf_str(&b->bytes), buf_str(&x.out)), "its bytes");
	}
	fuzz_must(max == 0 || b->bytes.n <= max, "bytes beyond the limit");
	blob_free(b);
	buf_free(&x.out);
}
