/*
 * mime_bench - how fast imap/mime reads messages
 *
 * Prints, for messages of several shapes, the time for mime_parse() alone and
 * with ENVELOPE and BODYSTRUCTURE as at delivery, and the bytes a second.
 */
#include "imap/mime/mime.h"
#include "lib/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
parse(struct str message, bool render, struct buf *out)
{
	struct arena *arena = arena_new(64 << 20);
	struct mime_part *root;

	if (mime_parse(arena, message, &root) != OK)
		exit(1);
	if (render) {
		buf_reset(out);
		mime_envelope(message, root, out);
		mime_bodystructure(message, root, out);
	}
	arena_free(arena);
}

static double
seconds_each(struct str message, bool render)
{
	struct buf out = BUF_INIT;
	double start = now(), end;
	size_t n = 0;

	do {
		for (int i = 0; i < 10; i++, n++)
			parse(message, render, &out);
		end = now();
	} while (end - start < 0.3);
	buf_free(&out);
	return (end - start) / (double)n;
}

static void
measure(const char *name, struct str message)
{
	double p = seconds_each(message, false), r = seconds_each(message, true);

	printf("%-28s %10zu bytes %12.0f ns parse %12.0f ns with structure "
	    "%8.0f MB/s\n", name, message.n, p * 1e9, r * 1e9,
	    (double)message.n / p / 1e6);
}

static const char fields[] =
    "Return-Path: <alice@example.com>\r\n"
    "Received: from mx.example.com (mx.example.com [192.0.2.1])\r\n"
    "\tby mail.example.org (Postfix) with ESMTPS id 4XyZ123abc\r\n"
    "\tfor <bob@example.org>; Mon, 16 Nov 2026 10:00:00 +0100 (CET)\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com;\r\n"
    "\ts=mail; h=from:to:subject:date; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NM\r\n"
    "From: \"Alice Adams\" <alice@example.com>\r\n"
    "To: Bob Brown <bob@example.org>, Carol <carol@example.net>\r\n"
    "Cc: =?utf-8?q?J=C3=B6rg?= <joerg@example.de>\r\n"
    "Subject: Re: [list] minutes of the meeting\r\n"
    "Date: Mon, 16 Nov 2026 10:00:00 +0100\r\n"
    "Message-ID: <20261116100000.1234@example.com>\r\n"
    "In-Reply-To: <20261115.99@example.org>\r\n"
    "References: <1@example.org> <2@example.org>\r\n"
    "MIME-Version: 1.0\r\n";

static const char line76[] =
    "VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZy4gVGhlIHF1aWNr\r\n";

static void
fill(struct buf *b, const char *line, size_t size)
{
	while (b->n < size)
		buf_adds(b, line);
}

static void
plain(const char *name, const char *line, size_t size)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, fields);
	buf_adds(&b, "Content-Type: text/plain; charset=utf-8\r\n\r\n");
	fill(&b, line, size);
	measure(name, buf_str(&b));
	buf_free(&b);
}

static void
multipart(const char *name, size_t size)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, fields);
	buf_adds(&b, "Content-Type: multipart/mixed; boundary=\"----=_Part_1\"\r\n\r\n"
	    "------=_Part_1\r\nContent-Type: multipart/alternative;\r\n"
	    "\tboundary=\"----=_Part_2\"\r\n\r\n------=_Part_2\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n"
	    "------=_Part_2\r\nContent-Type: text/html; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>Hello</p>\r\n"
	    "------=_Part_2--\r\n\r\n------=_Part_1\r\n"
	    "Content-Type: application/pdf; name=\"minutes.pdf\"\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "Content-Disposition: attachment; filename=\"minutes.pdf\"\r\n\r\n");
	fill(&b, line76, size);
	buf_adds(&b, "------=_Part_1--\r\n");
	measure(name, buf_str(&b));
	buf_free(&b);
}

int
main(void)
{
	plain("text, 4 KiB", line76, 4096);
	multipart("multipart, 4 KiB", 4096);
	plain("text, 64 KiB", line76, 65536);
	plain("text, 50 MB", line76, 50000000);
	plain("empty lines, 50 MB", "\r\n", 50000000);
	multipart("base64 in multipart, 50 MB", 50000000);
	return 0;
}
