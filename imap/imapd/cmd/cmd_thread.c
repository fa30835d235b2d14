/* cmd_thread.c - THREAD, UID THREAD (RFC 5256 section 3) */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/session/named_filter.h"
#include "imap/imapd/session/results.h"

enum { PIECE = 16 * 1024 };		/* of the line, sent at once */

static void
add_number(struct session *s, const struct command *c, const struct thread_node *node,
    struct buf *line)
{
	if (node->seq != 0)
		buf_addu(line, c->uid ? mbox_uid(s->mbox, node->seq) : node->seq);
	if (line->n < PIECE)
		return;
	reply_put(s->reply, buf_str(line));
	buf_reset(line);
}

static bool
is_alone(const struct thread_node *node)
{
	return node->next == NULL && node->parent->child == node;
}

/*
 * "a thread ... consists of zero or more numbers, each of which is the child of
 * the one before; or of two or more in parentheses, which are siblings".  It may
 * be as deep as the mailbox is long, so nothing here calls itself.
 */
static void
write_thread(struct session *s, const struct command *c, const struct thread_node *root,
    struct buf *line)
{
	const struct thread_node *node = root;

	buf_addc(line, '(');
	for (;;) {
		add_number(s, c, node, line);
		if (node->child != NULL) {
			if (node->seq != 0)
				buf_addc(line, ' ');
			node = node->child;
			buf_adds(line, is_alone(node) ? "" : "(");
			continue;
		}
		while (node != root && node->next == NULL) {
			buf_adds(line, is_alone(node) ? "" : ")");
			node = node->parent;
		}
		if (node == root)
			break;
		buf_adds(line, ")(");
		node = node->next;
	}
	buf_addc(line, ')');
}

enum err
run_thread(struct session *s, struct command *c)
{
	struct search_req *req = c->req;
	struct thread_node *roots = NULL;
	struct buf line = BUF_INIT;
	struct results r;
	enum err e = named_filters(s, c, req->key);

	if (e == OK && !results_may_find(s, c, req->key))
		e = ERR_SYNTAX;
	c->keeps_numbers = search_has(req->key, SEARCH_SEQ);
	if (e == OK)
		e = results_find(s, c, s->mbox, req->key, MSGLIMIT_REFUSES, &r);
	if (e == OK)
		e = thread_run(s->mbox, c->arena, req->algorithm, s->collation, r.seqs,
		    r.n, &roots);
	if (e != OK)
		return e;
	buf_adds(&line, roots != NULL ? "* THREAD " : "* THREAD");
	for (const struct thread_node *t = roots; t != NULL; t = t->next)
		write_thread(s, c, t, &line);
	buf_adds(&line, "\r\n");
	reply_put(s->reply, buf_str(&line));
	buf_free(&line);
	return OK;
}
