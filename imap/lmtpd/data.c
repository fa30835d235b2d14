/* data.c - DATA, BDAT and the answers, one a recipient (RFC 2033 section 4.2) */
#include "imap/lmtpd/receive.h"
#include "imap/lmtpd/session.h"

#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- what we put before the message --- */

static void
add_trace(struct lmtp_session *l, struct blob *b)
{
	struct buf h = BUF_INIT;
	time_t now = time(NULL);
	char date[64];
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S %z", &tm);
	buf_printf(&h, "Return-Path: <%s>\r\n", l->sender);
	buf_printf(&h, "Received: from %s (%s)\r\n\tby %s (Chapar) with %sLMTP%s%s;\r\n\t%s\r\n",
	    l->helo, l->client->host, l->service->servername, l->utf8 ? "UTF8" : "",
	    stream_is_tls(l->s) ? "S" : "", l->user != NULL ? "A" : "", date);
	if (blob_write(b, h.p, h.n) != OK)
		log_debug("the blob keeps its error");	/* told at the end */
	buf_free(&h);
}

/* --- answers --- */

struct answer {
	int code;
	const char *enhanced;
	const char *text;
};

static struct answer
answer_of(const struct lmtp_session *l, enum err e)
{
	static const struct {
		enum err e;
		struct answer a;
	} table[] = {
		{ OK, { 250, "2.1.5", "Ok" } },
		{ ERR_QUOTA, { 452, "4.2.2", "Over quota" } },
		{ ERR_NOTFOUND, { 550, "5.1.1", "User unknown" } },
		{ ERR_STALE, { 550, "5.1.1", "User unknown" } },
		{ ERR_BUSY, { 450, "4.2.1", "Mailbox is locked; try again later" } },
		{ ERR_UNKNOWN, { 451, "4.3.0",
		    "It failed, perhaps after it was done; try again later" } },
		{ ERR_NOSPACE, { 452, "4.3.1", "No space left on the disk; try again later" } },
		{ ERR_CORRUPT, { 450, "4.2.0", "Mailbox is damaged; try again later" } },
	};

	if (e == ERR_QUOTA && l->service->over_quota_permanent)
		return (struct answer){ 552, "5.2.2", "Over quota" };
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].e == e)
			return table[i].a;
	return (struct answer){ 451, "4.3.0", "System I/O error; try again later" };
}

static void
answer_all(struct lmtp_session *l, int code, const char *enhanced, const char *text)
{
	for (size_t i = 0; i < l->rcpts; i++)
		lmtp_reply(l, code, enhanced, text);
}

/* Why the message as such cannot be taken; false if it can. */
static bool
refuse_message(struct lmtp_session *l, const struct receiver *r)
{
	if (r->too_big)
		answer_all(l, 552, "5.3.4", "Message is larger than the limit");
	else if (r->has_nul)
		answer_all(l, 554, "5.6.0", "Message contains NUL characters");
	else if (r->has_8bit_header && l->service->reject_8bit)
		answer_all(l, 554, "5.6.0", "Message contains non-ASCII characters in headers");
	else
		return false;
	return true;
}

static void
deliver_and_answer(struct lmtp_session *l, const struct receiver *r)
{
	enum err e = blob_finish(l->blob);
	struct answer a;

	l->errors = 0;			/* it is a mail system that talks to us */
	if (refuse_message(l, r))
		return;
	if (e != OK) {
		a = answer_of(l, e);
		answer_all(l, a.code, a.enhanced, a.text);
		return;
	}
	deliver_message(l->service->store, l->arena, &l->service->policy, l->blob,
	    l->rcpt, l->rcpts);
	for (size_t i = 0; i < l->rcpts; i++) {
		a = answer_of(l, l->rcpt[i].result);
		lmtp_reply(l, a.code, a.enhanced, l->rcpt[i].duplicate && a.code == 250 ?
		    "duplicate suppressed" : a.text);
	}
}

/* --- DATA --- */

static enum err
receive_dots(struct lmtp_session *l, struct receiver *r)
{
	struct str bytes;
	enum err e = OK;

	while (!r->done) {
		e = stream_peek(l->s, &bytes);
		if (e != OK)
			return e;
		stream_skip(l->s, receiver_take(r, bytes.p, bytes.n));
	}
	return OK;
}

enum err
lmtp_data(struct lmtp_session *l)
{
	struct receiver r;
	enum err e;

	if (l->rcpts == 0) {
		lmtp_reply(l, 503, "5.5.1", l->has_sender ? "No valid recipients" :
		    "MAIL FROM and RCPT TO come first");
		return OK;
	}
	if (l->blob != NULL) {
		lmtp_reply(l, 503, "5.5.1", "DATA cannot follow BDAT");
		return OK;
	}
	e = blob_new(l->service->store, NULL, &l->blob);
	if (e != OK) {
		lmtp_reply(l, 451, "4.3.0", "System I/O error; try again later");
		return OK;
	}
	lmtp_reply(l, 354, NULL, "go ahead");
	e = stream_flush(l->s);
	if (e != OK)
		return e;
	add_trace(l, l->blob);
	receiver_init(&r, l->blob, true, l->service->max_size, l->service->munge_8bit);
	e = receive_dots(l, &r);
	if (e != OK)
		return e;
	deliver_and_answer(l, &r);
	lmtp_reset(l);
	return OK;
}

/* --- BDAT (RFC 3030) --- */

static enum err
receive_chunk(struct lmtp_session *l, struct receiver *r, uint64_t left)
{
	struct str bytes;
	enum err e;

	while (left > 0) {
		e = stream_peek(l->s, &bytes);
		if (e != OK)
			return e;
		if (bytes.n > left)
			bytes.n = (size_t)left;
		if (r != NULL)
			receiver_take(r, bytes.p, bytes.n);
		stream_skip(l->s, bytes.n);
		left -= bytes.n;
	}
	return OK;
}

static bool
parse_bdat(struct str args, uint64_t *size, bool *last)
{
	size_t i = 0;

	*size = 0;
	for (; i < args.n && args.p[i] >= '0' && args.p[i] <= '9'; i++) {
		if (*size > UINT64_MAX / 10 - 10)
			return false;
		*size = *size * 10 + (uint64_t)(args.p[i] - '0');
	}
	if (i == 0)
		return false;
	args.p += i;
	args.n -= i;
	*last = args.n > 0 && str_ieq(args, STR(" LAST"));
	return args.n == 0 || *last;
}

static enum err
first_chunk(struct lmtp_session *l)
{
	enum err e = blob_new(l->service->store, NULL, &l->blob);

	if (e != OK)
		return e;
	add_trace(l, l->blob);
	l->receiver = mem_zero(1, sizeof(*l->receiver));
	receiver_init(l->receiver, l->blob, false, l->service->max_size,
	    l->service->munge_8bit);
	return OK;
}

enum err
lmtp_bdat(struct lmtp_session *l, struct str args)
{
	uint64_t size;
	bool last;
	enum err e;

	if (!parse_bdat(args, &size, &last)) {
		/* What follows cannot be told from commands any more. */
		lmtp_reply(l, 501, "5.5.4", "BDAT needs a size: BDAT 1000 [LAST]");
		l->quit = true;
		return OK;
	}
	if (l->rcpts == 0) {
		e = receive_chunk(l, NULL, size);
		if (e == OK)
			lmtp_reply(l, 503, "5.5.1", "No valid recipients");
		return e;
	}
	if (l->blob == NULL && l->data_error == OK)
		l->data_error = first_chunk(l);
	e = receive_chunk(l, l->data_error == OK ? l->receiver : NULL, size);
	if (e != OK)
		return e;
	if (l->data_error != OK) {
		/* Only the last chunk has an answer for each recipient. */
		for (size_t n = last ? l->rcpts : 1; n > 0; n--)
			lmtp_reply(l, 451, "4.3.0", "System I/O error; try again later");
		lmtp_reset(l);
	} else if (last) {
		receiver_end(l->receiver);
		deliver_and_answer(l, l->receiver);
		lmtp_reset(l);
	} else {
		lmtp_reply(l, 250, "2.0.0", "chunk received");
	}
	return OK;
}
