/*
 * The steps have the numbers of RFC 5256 section 3, REFERENCES.
 *
 * A node is linked to its parent only while the steps run; where the order of
 * siblings matters they are sorted at the end, so a new child goes to the front.
 */
#include "imap/store/search/thread_in.h"

#include <stdlib.h>
#include <sys/random.h>

/* --- links --- */

static void
add_child(struct thread_node *parent, struct thread_node *child)
{
	child->parent = parent;
	child->prev = NULL;
	child->next = parent->child;
	if (child->next != NULL)
		child->next->prev = child;
	parent->child = child;
}

/* Only in step 1: later .prev is not kept. */
static void
unlink_child(struct thread_node *child)
{
	if (child->prev != NULL)
		child->prev->next = child->next;
	else
		child->parent->child = child->next;
	if (child->next != NULL)
		child->next->prev = child->prev;
	child->parent = child->prev = child->next = NULL;
}

/* Would CHILD below PARENT be below itself? */
static bool
makes_loop(const struct thread_node *parent, const struct thread_node *child)
{
	if (parent == child)
		return true;
	if (child->child == NULL)
		return false;
	while (parent != NULL && parent != child)
		parent = parent->parent;
	return parent == child;
}

/* --- step 1: links by message-ids --- */

static struct thread_node *
find_node(struct thread_table *table, struct str id)
{
	struct thread_slot *slot = thread_table_find(table, id);

	if (slot->value == NULL)
		slot->value = arena_new_obj(table->arena, struct thread_node);
	return slot->value;
}

/* The message's own node; a duplicate's, or without an id, is nobody else's. */
static struct thread_node *
own_node(struct thread_table *table, const struct thread_message *msg)
{
	struct thread_node *node = NULL;

	if (msg->id.p != NULL) {
		node = find_node(table, msg->id);
		if (node == NULL)
			return NULL;
	}
	if (node == NULL || node->seq != 0)
		node = arena_new_obj(table->arena, struct thread_node);
	if (node != NULL) {
		node->seq = msg->seq;
		node->msg = msg;
	}
	return node;
}

/* 1.A: the references among themselves; *LAST becomes the last one's node. */
static bool
link_references(struct thread_table *table, const struct thread_message *msg,
    struct thread_node **last)
{
	struct thread_node *parent = NULL;

	for (size_t i = 0; i < msg->ref_count; i++) {
		struct thread_node *node = find_node(table, msg->refs[i]);

		if (node == NULL)
			return false;
		if (parent != NULL && node->parent == NULL && !makes_loop(parent, node))
			add_child(parent, node);
		parent = node;
	}
	*last = parent;
	return true;
}

/* 1.B: the message below its last reference. */
static void
link_message(struct thread_node *node, struct thread_node *last)
{
	if (node->parent != NULL)
		unlink_child(node);
	if (last != NULL && !makes_loop(last, node))
		add_child(last, node);
}

/*
 * Duplicates go by the order of numbers, so all messages get their nodes before
 * any is linked.
 */
static enum err
link_all(struct thread_table *table, const struct thread_message *msgs, size_t n,
    struct thread_node **nodes)
{
	for (size_t i = 0; i < n; i++) {
		nodes[i] = own_node(table, &msgs[i]);
		if (nodes[i] == NULL)
			return ERR_LIMIT;
	}
	for (size_t i = 0; i < n; i++) {
		struct thread_node *last = NULL;

		if (!link_references(table, &msgs[i], &last))
			return ERR_LIMIT;
		link_message(nodes[i], last);
	}
	return OK;
}

/* --- steps 2 and 3: the root, without places where nothing is --- */

/* Everything without a parent becomes a child of ROOT. */
static void
gather(struct thread_table *table, struct thread_node **nodes, size_t n,
    struct thread_node *root)
{
	for (size_t i = 0; i < n; i++)
		if (nodes[i]->parent == NULL)
			add_child(root, nodes[i]);
	for (size_t i = 0; i < table->used; i++) {
		struct thread_node *node = table->slot[i].value;

		if (node != NULL && node->parent == NULL)
			add_child(root, node);
	}
}

/* The first to be visited below TOP if children come before their parents. */
static struct thread_node *
deepest(struct thread_node *top)
{
	while (top->child != NULL)
		top = top->child;
	return top;
}

/* The children of the dummy at *AT take its place; the last one's end follows. */
static void
splice(struct thread_node **at, struct thread_node *dummy)
{
	struct thread_node *last = dummy->child;

	for (;; last = last->next) {
		last->parent = dummy->parent;
		if (last->next == NULL)
			break;
	}
	last->next = dummy->next;
	*at = dummy->child;
}

/* Takes out the dummies among PARENT's children, whose own are pruned already. */
static void
prune_children(struct thread_node *parent, bool is_root)
{
	struct thread_node **at = &parent->child;

	while (*at != NULL) {
		struct thread_node *node = *at;

		if (node->seq != 0) {
			at = &node->next;
		} else if (node->child == NULL) {
			*at = node->next;
		} else if (is_root && node->child->next != NULL) {
			at = &node->next;
		} else {
			struct thread_node *last = node->child;

			while (last->next != NULL)
				last = last->next;
			splice(at, node);
			at = &last->next;
		}
	}
}

/* --- order of siblings --- */

typedef int64_t (*date_fn)(const struct thread_node *node);

/* "In the case of a dummy message, use its first child." */
static const struct thread_message *
stands_for(const struct thread_node *node)
{
	return node->seq != 0 ? node->msg : node->child->msg;
}

static int64_t
sent_date(const struct thread_node *node)
{
	return stands_for(node)->sentdate;
}

struct dated {
	int64_t date;
	uint32_t seq;
	struct thread_node *node;
};

static int
by_date(const void *a, const void *b)
{
	const struct dated *x = a, *y = b;

	if (x->date != y->date)
		return x->date < y->date ? -1 : 1;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

static enum err
sort_children(struct thread_work *b, struct thread_node *parent, date_fn date)
{
	size_t n = 0;
	struct thread_node **at = &parent->child;

	for (struct thread_node *c = parent->child; c != NULL; c = c->next)
		n++;
	if (n < 2)
		return OK;

	struct arena_mark mark = arena_mark(b->arena);
	struct dated *list = arena_alloc(b->arena, n * sizeof(*list));

	if (list == NULL)
		return ERR_LIMIT;
	n = 0;
	for (struct thread_node *c = parent->child; c != NULL; c = c->next)
		list[n++] = (struct dated){ date(c), stands_for(c)->seq, c };
	qsort(list, n, sizeof(*list), by_date);
	for (size_t i = 0; i < n; i++) {
		*at = list[i].node;
		at = &list[i].node->next;
	}
	*at = NULL;
	arena_rewind(b->arena, mark);
	return OK;
}

/*
 * Children before their parents, each set of siblings once.  VISIT may change
 * the order of PARENT's children, and which they are, but not their parent.
 */
typedef enum err (*visit_fn)(struct thread_work *b, struct thread_node *parent);

static enum err
each_family(struct thread_work *b, struct thread_node *root, visit_fn visit)
{
	struct thread_node *node = deepest(root);

	for (;;) {
		enum err e = node->child != NULL ? visit(b, node) : OK;

		if (e != OK || node == root)
			return e;
		node = node->next != NULL ? deepest(node->next) : node->parent;
	}
}

static enum err
prune_family(struct thread_work *b, struct thread_node *parent)
{
	prune_children(parent, parent == &b->root);
	return OK;
}

static enum err
sort_family(struct thread_work *b, struct thread_node *parent)
{
	return parent == &b->root ? OK : sort_children(b, parent, sent_date);
}

static enum err
sort_dummy(struct thread_work *b, struct thread_node *node)
{
	return node->seq == 0 ? sort_children(b, node, sent_date) : OK;
}

/* Step 4. */
static enum err
sort_roots(struct thread_work *b)
{
	enum err e = OK;

	for (struct thread_node *t = b->root.child; t != NULL && e == OK; t = t->next)
		e = sort_dummy(b, t);
	return e == OK ? sort_children(b, &b->root, sent_date) : e;
}

/* --- step 5: threads with one subject --- */

static bool
is_reply(const struct thread_node *node)
{
	return node->seq != 0 && node->msg->is_reply;
}

static struct str
thread_subject(const struct thread_node *node)
{
	return stands_for(node)->subject;
}

/* 5.B */
static void
fill_subjects(struct thread_table *table, struct thread_node *root)
{
	for (struct thread_node *t = root->child; t != NULL; t = t->next) {
		struct str subject = thread_subject(t);
		struct thread_slot *slot;

		if (subject.n == 0)
			continue;
		slot = thread_table_find(table, subject);
		if (slot->value == NULL || (slot->value->seq != 0
		    && (t->seq == 0 || (is_reply(slot->value) && !is_reply(t)))))
			slot->value = t;
	}
}

/* Behind the first child, whose subject is the thread's. */
static void
add_second(struct thread_node *dummy, struct thread_node *child)
{
	child->parent = dummy;
	child->next = dummy->child->next;
	dummy->child->next = child;
}

/*
 * A dummy in the place of NODE with NODE as its child: the same struct, so that
 * what points to it as a thread's root still does.
 */
static bool
wrap(struct thread_work *b, struct thread_node *node)
{
	struct thread_node *copy = arena_new_obj(b->arena, struct thread_node);

	if (copy == NULL)
		return false;
	*copy = *node;
	copy->parent = node;
	copy->next = NULL;
	for (struct thread_node *c = copy->child; c != NULL; c = c->next)
		c->parent = copy;
	node->seq = 0;
	node->msg = NULL;
	node->child = copy;
	return true;
}

/* 5.C: CURRENT, which has been taken out of the roots, to HELD. */
static bool
merge(struct thread_work *b, struct thread_node *held, struct thread_node *current)
{
	if (held->seq == 0 && current->seq == 0) {
		while (current->child != NULL) {
			struct thread_node *c = current->child;

			current->child = c->next;
			add_second(held, c);
		}
		return true;
	}
	if (held->seq != 0 && !(is_reply(current) && !is_reply(held)) && !wrap(b, held))
		return false;
	if (held->seq == 0)
		add_second(held, current);
	else
		add_child(held, current);
	return true;
}

static enum err
merge_subjects(struct thread_work *b)
{
	struct thread_table table = { .arena = b->arena, .seed = b->seed };
	struct thread_node **at = &b->root.child;
	enum err e = OK;

	fill_subjects(&table, &b->root);
	while (e == OK && *at != NULL) {
		struct thread_node *t = *at, *held = t;
		struct str subject = thread_subject(t);

		if (subject.n > 0)
			held = thread_table_find(&table, subject)->value;
		if (held == t) {
			at = &t->next;
		} else {
			*at = t->next;
			e = merge(b, held, t) ? OK : ERR_LIMIT;
		}
	}
	thread_table_free(&table);
	return e;
}

/* --- THREAD=REFS --- */

/* When the newest message of a thread came. */
static int64_t
newest(const struct thread_node *top)
{
	const struct thread_node *node = top;
	int64_t most = INT64_MIN;

	for (;;) {
		if (node->seq != 0 && node->msg->internaldate > most)
			most = node->msg->internaldate;
		if (node->child != NULL) {
			node = node->child;
			continue;
		}
		while (node != top && node->next == NULL)
			node = node->parent;
		if (node == top)
			return most;
		node = node->next;
	}
}

/* --- all together --- */

static enum err
by_references(struct thread_work *b, bool subjects)
{
	struct thread_table ids = { .arena = b->arena, .seed = b->seed, .expected = b->n };
	struct thread_node **nodes = arena_alloc(b->arena, b->n * sizeof(struct thread_node *) + 1);
	enum err e = nodes != NULL ? link_all(&ids, b->msgs, b->n, nodes) : ERR_LIMIT;

	if (e == OK) {
		gather(&ids, nodes, b->n, &b->root);
		e = each_family(b, &b->root, prune_family);
	}
	thread_table_free(&ids);
	if (e == OK && subjects)
		e = sort_roots(b);
	if (e == OK && subjects)
		e = merge_subjects(b);
	if (e == OK)
		e = each_family(b, &b->root, sort_family);
	if (e == OK)
		e = sort_children(b, &b->root, subjects ? sent_date : newest);
	return e;
}

/* --- ORDEREDSUBJECT --- */

/* Adds MSG to its subject's node, a dummy among the roots. */
static bool
add_by_subject(struct thread_work *b, struct thread_table *table,
    const struct thread_message *msg)
{
	struct thread_slot *slot = thread_table_find(table, msg->subject);
	struct thread_node *node = arena_new_obj(b->arena, struct thread_node);

	if (slot->value == NULL) {
		slot->value = arena_new_obj(b->arena, struct thread_node);
		if (slot->value == NULL)
			return false;
		add_child(&b->root, slot->value);
	}
	if (node == NULL)
		return false;
	node->seq = msg->seq;
	node->msg = msg;
	add_child(slot->value, node);
	return true;
}

/* The first message of a subject takes the dummy's place, above the others. */
static void
lead(struct thread_node *dummy)
{
	struct thread_node *first = dummy->child;

	dummy->seq = first->seq;
	dummy->msg = first->msg;
	dummy->child = first->next;
}

static enum err
by_subject(struct thread_work *b)
{
	struct thread_table table = { .arena = b->arena, .seed = b->seed };
	enum err e = OK;

	for (size_t i = 0; i < b->n && e == OK; i++)
		e = add_by_subject(b, &table, &b->msgs[i]) ? OK : ERR_LIMIT;
	thread_table_free(&table);
	for (struct thread_node *t = b->root.child; t != NULL && e == OK; t = t->next) {
		e = sort_children(b, t, sent_date);
		lead(t);
	}
	return e == OK ? sort_children(b, &b->root, sent_date) : e;
}

/* --- the door --- */

static uint64_t
random_seed(void)
{
	uint64_t seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		seed = (uintptr_t)&seed;
	return seed;
}

enum err
thread_build(struct arena *arena, enum thread_algorithm algorithm,
    const struct thread_message *msgs, size_t n, struct thread_node **roots)
{
	struct thread_work b = { .arena = arena, .seed = random_seed(), .msgs = msgs, .n = n };
	enum err e = OK;

	switch (algorithm) {
	case THREAD_ORDEREDSUBJECT:
		e = by_subject(&b);
		break;
	case THREAD_REFERENCES:
		e = by_references(&b, true);
		break;
	case THREAD_REFS:
		e = by_references(&b, false);
		break;
	}
	for (struct thread_node *t = b.root.child; t != NULL; t = t->next)
		t->parent = NULL;
	*roots = b.root.child;
	return e;
}
