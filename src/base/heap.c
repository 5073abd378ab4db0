/* SPDX-License-Identifier: MIT */
/* heap.c - an intrusive priority queue.
 *
 * A pairing heap is a tree in which no child is due before its parent, and that is its only
 * rule. Two trees are joined by hanging the later root below the earlier one; all else is
 * built from that. The children of a node that leaves are joined pairwise first and then
 * into one: this order is what makes removal O(log n) amortised.
 *
 * There is no recursion here, since a tree may be as deep as it has nodes.
 */
#include "base/heap.h"

#include "base/panic.h"

void heap_init(struct heap *h)
{
	*h = (struct heap){ 0 };
}

static bool is_before(const struct heap_node *a, const struct heap_node *b)
{
	return a->key != b->key ? a->key < b->key : a->seq < b->seq;
}

/* Both are roots, neither has siblings. Returns the root of the whole. */
static struct heap_node *join(struct heap_node *a, struct heap_node *b)
{
	struct heap_node *first, *later;

	if (!a || !b)
		return a ? a : b;
	first = is_before(a, b) ? a : b;
	later = first == a ? b : a;

	later->back = first;
	later->sibling = first->child;
	if (first->child)
		first->child->back = later;
	first->child = later;
	return first;
}

/* Makes a node a root: it keeps what is below it, and leaves its siblings and parent. */
static struct heap_node *cut(struct heap_node *node)
{
	if (node->sibling)
		node->sibling->back = node->back;
	if (node->back && node->back->child == node)
		node->back->child = node->sibling;
	else if (node->back)
		node->back->sibling = node->sibling;
	node->sibling = NULL;
	node->back = NULL;
	return node;
}

/* One tree of all the children of a node. */
static struct heap_node *join_children(struct heap_node *node)
{
	struct heap_node *pairs = NULL, *whole = NULL, *a, *b;

	while (node->child) {
		a = cut(node->child);
		b = node->child ? cut(node->child) : NULL;
		a = join(a, b);
		a->sibling = pairs; /* a stack; `back` stays NULL */
		pairs = a;
	}
	while (pairs) {
		a = pairs;
		pairs = a->sibling;
		a->sibling = NULL;
		whole = join(whole, a);
	}
	return whole;
}

void heap_insert(struct heap *h, struct heap_node *node, int64_t key)
{
	if (heap_is_linked(node))
		BUG("heap node %p is inserted while it is in a heap", (void *)node);
	*node = (struct heap_node){ .key = key, .seq = ++h->last_seq };
	h->root = join(h->root, node);
	h->n++;
}

void heap_remove(struct heap *h, struct heap_node *node)
{
	if (!heap_is_linked(node))
		return;
	CHECK(node->back || h->root == node); /* else it is the root of another */
	if (h->root == node)
		h->root = join_children(node);
	else
		h->root = join(h->root, join_children(cut(node)));
	h->n--;
	*node = (struct heap_node){ 0 };
}
