/*
 * mail.c - messages as people get them, the same ones every time
 *
 * Bodies are made once, MAIL_SHAPES of them, from a generator seeded with
 * their number; a message is a head of its own and one of the bodies.
 */
#include "test/bench/mail.h"

#include <string.h>
#include <time.h>

enum {
	EPOCH = 1672531200,		/* 2023-01-01 */
	SPAN = 3 * 365 * 86400,		/* dates go round after three years */
	STEP = 9461,			/* seconds between two messages */
	LINE = 72,
};

struct dice { uint64_t x; };

static uint64_t
roll(struct dice *d, uint64_t sides)
{
	d->x ^= d->x << 13;
	d->x ^= d->x >> 7;
	d->x ^= d->x << 17;
	return (d->x >> 11) % sides;
}

static const char *const words[] = {
	"the", "of", "and", "to", "in", "we", "that", "is", "for", "it", "on",
	"with", "as", "are", "this", "by", "be", "at", "from", "or", "have",
	"an", "they", "which", "you", "all", "were", "their", "one", "there",
	"has", "more", "if", "no", "when", "out", "so", "said", "what", "up",
	"about", "into", "than", "them", "can", "only", "other", "new", "some",
	"could", "time", "these", "two", "may", "then", "do", "first", "any",
	"my", "now", "such", "like", "our", "over", "meeting", "invoice",
	"project", "please", "schedule", "report", "attached", "thanks",
	"deadline", "regards", "budget", "question", "customer", "delivery",
	"network", "release", "contract", "morning", "office", "answer",
};

static const char *const people[] = {
	"Ada Byron <ada@example.org>", "Grace H. <grace@example.com>",
	"\"Euler, Leonhard\" <leonhard.euler@example.net>", "ops@example.com",
	"=?UTF-8?Q?J=C3=BCrgen_Gro=C3=9F?= <juergen@example.de>",
	"Emmy Noether <noether@example.edu>", "build-bot@ci.example.com",
	"=?UTF-8?B?5bGx55Sw5aSq6YOO?= <yamada@example.jp>",
	"Marie Curie <m.curie@lab.example.fr>", "\"Sales Team\" <sales@example.com>",
};

static const char *const topics[] = {
	"Minutes of the meeting", "Invoice 2024-113", "Next release", "Holiday",
	"=?UTF-8?Q?Caf=C3=A9_am_Freitag=3F?=", "Your order has been shipped",
	"[ops] disk space on db3", "Question about the contract",
	"Weekly report", "Lunch", "Notes from the customer visit",
	"[dev] Patch for the parser", "Travel plans", "Re-opened: login fails",
};

static void
write_text(struct buf *b, struct dice *d, size_t size, const char *rare)
{
	size_t end = b->n + size, line = 0, middle = b->n + size / 2;

	while (b->n < end) {
		const char *word = words[roll(d, sizeof words / sizeof words[0])];
		if (rare != NULL && b->n >= middle) {
			word = rare;
			rare = NULL;
		}
		buf_adds(b, word);
		line += strlen(word) + 1;
		if (line > LINE) {
			buf_adds(b, roll(d, 8) == 0 ? ".\r\n\r\n" : "\r\n");
			line = 0;
		} else {
			buf_addc(b, ' ');
		}
	}
	buf_adds(b, "\r\n");
}

static void
write_html(struct buf *b, struct dice *d, size_t size, const char *rare)
{
	size_t end = b->n + size;

	buf_adds(b, "<!DOCTYPE html>\r\n<html><head><meta charset=3D\"utf-8\"></head>\r\n"
	    "<body style=3D\"font-family: sans-serif\">\r\n");
	while (b->n < end) {
		buf_adds(b, "<p class=3D\"MsoNormal\">");
		write_text(b, d, 200 + roll(d, 400), rare);
		buf_adds(b, "<br></p>\r\n");
		rare = NULL;
	}
	buf_adds(b, "</body></html>\r\n");
}

static void
write_base64(struct buf *b, struct dice *d, size_t size)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t end = b->n + size; b->n < end; buf_adds(b, "\r\n")) {
		char *p = buf_reserve(b, 76);
		for (int i = 0; i < 76; i++)
			p[i] = digits[roll(d, 64)];
		b->n += 76;
	}
}

static void
write_plain(struct buf *b, struct dice *d, size_t size, const char *rare)
{
	buf_adds(b, "Content-Type: text/plain; charset=utf-8; format=flowed\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n\r\n");
	write_text(b, d, size, rare);
}

static void
write_alternative(struct buf *b, struct dice *d, size_t size, const char *rare)
{
	buf_adds(b, "Content-Type: multipart/alternative; boundary=\"=_alt_7f3a\"\r\n\r\n"
	    "This is a message in MIME format.\r\n--=_alt_7f3a\r\n");
	write_plain(b, d, size / 3, rare);
	buf_adds(b, "--=_alt_7f3a\r\nContent-Type: text/html; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
	write_html(b, d, size * 2 / 3, NULL);
	buf_adds(b, "--=_alt_7f3a--\r\n");
}

static void
write_mixed(struct buf *b, struct dice *d, size_t size, const char *rare)
{
	buf_adds(b, "Content-Type: multipart/mixed; boundary=\"----=_Part_0042\"\r\n\r\n"
	    "------=_Part_0042\r\n");
	write_alternative(b, d, size / 4, rare);
	buf_adds(b, "------=_Part_0042\r\n"
	    "Content-Type: application/pdf; name=\"report.pdf\"\r\n"
	    "Content-Disposition: attachment; filename=\"report.pdf\"; size=24631\r\n"
	    "Content-Transfer-Encoding: base64\r\nContent-ID: <part2@example.net>\r\n\r\n");
	write_base64(b, d, size * 3 / 4);
	buf_adds(b, "------=_Part_0042--\r\n");
}

static void
write_nested(struct buf *b, struct dice *d, size_t size, const char *rare)
{
	buf_adds(b, "Content-Type: multipart/mixed; boundary=\"fwd-81c2\"\r\n\r\n--fwd-81c2\r\n");
	write_plain(b, d, size / 4, rare);
	buf_adds(b, "--fwd-81c2\r\nContent-Type: message/rfc822\r\n"
	    "Content-Disposition: inline\r\n\r\nFrom: First <first@example.org>\r\n"
	    "To: second@example.org\r\nSubject: The original\r\n"
	    "Date: Mon, 2 Jan 2023 10:00:00 +0100\r\n"
	    "Message-ID: <original@example.org>\r\nMIME-Version: 1.0\r\n");
	write_alternative(b, d, size * 3 / 4, NULL);
	buf_adds(b, "--fwd-81c2--\r\n");
}

static size_t
roll_size(struct dice *d)
{
	uint64_t p = roll(d, 100);

	if (p < 50)
		return 1200 + roll(d, 4500);
	if (p < 80)
		return 5700 + roll(d, 10000);
	return p < 95 ? 15700 + roll(d, 24000) : 39700 + roll(d, 19000);
}

static void
write_shape(struct buf *b, unsigned n)
{
	struct dice d = { 88172645463325252ULL + (uint64_t)n * 2654435761U };
	for (int i = 0; i < 16; i++)
		roll(&d, 2);
	size_t size = roll_size(&d);
	const char *rare = n % 64 == 17 ? "quicksilver" : NULL;

	buf_adds(b, "MIME-Version: 1.0\r\n");
	switch (n % 12) {
	case 0: case 3: case 6: case 9:
		write_plain(b, &d, size, rare);
		break;
	case 1: case 4: case 7: case 10:
		write_alternative(b, &d, size, rare);
		break;
	case 11:
		write_nested(b, &d, size, rare);
		break;
	default:
		write_mixed(b, &d, size, rare);
		break;
	}
}

void
mail_init(struct mail *m, const char *stamp)
{
	m->stamp = stamp;
	for (unsigned i = 0; i < MAIL_SHAPES; i++) {
		buf_init(&m->shape[i]);
		write_shape(&m->shape[i], i);
	}
}

void
mail_free(struct mail *m)
{
	for (unsigned i = 0; i < MAIL_SHAPES; i++)
		buf_free(&m->shape[i]);
}

static struct tm
date(uint64_t n)
{
	time_t t = (time_t)(EPOCH + n * STEP % SPAN);
	struct tm tm;

	gmtime_r(&t, &tm);
	return tm;
}

static void
write_date(uint64_t n, struct buf *out)
{
	struct tm tm = date(n);
	char text[64];

	buf_add(out, text, strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000\r\n", &tm));
}

static void
write_trace(uint64_t n, struct buf *out)
{
	for (unsigned hop = 0; hop < 2; hop++) {
		buf_printf(out, "Received: from mx%u.example.net (mx%u.example.net [192.0.2.%u])\r\n"
		    "\tby mail%u.example.com (Postfix) with ESMTPS id %08X\r\n"
		    "\tfor <someone@example.com>; ", hop, hop, (unsigned)(n % 250 + 1),
		    hop, (unsigned)(n * 2654435761U));
		write_date(n, out);
	}
	buf_adds(out, "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net;\r\n"
	    "\ts=2023; h=from:to:subject:date:message-id:mime-version:content-type;\r\n"
	    "\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n"
	    "\tb=VnP1xXyD4oJ0mHkPqK3sYb5uZ2cQ7dWf9eRtA6gLhN8jMvSxUiOpTyEwRqCzBnKl\r\n"
	    "\t HgFdSaPoIuYtReWqLkJhGfDsAzXcVbNmQwErTyUiOpAsDfGhJkLzXcVbNm1234567=\r\n");
}

void
mail_write(const struct mail *m, uint64_t n, struct buf *out)
{
	static const size_t n_people = sizeof people / sizeof people[0];
	static const size_t n_topics = sizeof topics / sizeof topics[0];
	const struct buf *shape = &m->shape[n % MAIL_SHAPES];

	write_trace(n, out);
	buf_printf(out, "From: %s\r\n", n % 50 == 7 ? "Hafiz of Shiraz <hafiz@example.ir>" :
	    people[n * 7 % n_people]);
	buf_printf(out, "To: Someone <someone@example.com>, %s\r\n",
	    people[(n * 3 + 1) % n_people]);
	if (n % 4 == 0)
		buf_printf(out, "Cc: %s\r\n", people[(n * 5 + 2) % n_people]);
	buf_printf(out, "Subject: %s%s%s\r\nDate: ", n % 3 == 0 ? "Re: " : "",
	    topics[n * 11 % n_topics], n % 40 == 9 ? " before the harvest" : "");
	write_date(n, out);
	buf_printf(out, "Message-ID: <%08x.%s@example.net>\r\n", (unsigned)n, m->stamp);
	if (n % 3 == 0)
		buf_printf(out, "In-Reply-To: <%08x.%s@example.net>\r\n"
		    "References: <%08x.%s@example.net>\r\n", (unsigned)(n / 2), m->stamp,
		    (unsigned)(n / 2), m->stamp);
	if (n % 5 == 0)
		buf_adds(out, "List-Id: Announcements <announce.lists.example.net>\r\n");
	buf_printf(out, "X-Mailer: %s 4.%u\r\n", n % 5 == 2 ? "Kestrel" : "Courier Pigeon",
	    (unsigned)(n % 9));
	buf_add_str(out, buf_str(shape));
}

void
mail_write_args(uint64_t n, struct buf *out)
{
	struct tm tm = date(n);
	char text[64];

	buf_adds(out, n % 3 == 0 ? "() " : n % 10 == 1 ? "(\\Seen \\Flagged) " : "(\\Seen) ");
	buf_add(out, text, strftime(text, sizeof text, "\"%d-%b-%Y %H:%M:%S +0000\"", &tm));
}
