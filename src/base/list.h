/* SPDX-License-Identifier: MIT */
/* list.h - an intrusive doubly linked list.
 *
 * One struct is both: a head, which is a ring of at least itself, and a node, which lives in
 * the object that is listed. Nothing is allocated, nothing can fail.
 *
 * A zeroed node is an unlinked node; it knows so, and that makes two things safe which
 * usually are not: removing twice does nothing, and inserting twice stops the program.
 * A head must be initialised (list_init, or LIST_HEAD where it is defined).
 *
 * A list that the body of a loop may change is not walked. Take it, then serve it:
 *
 *	list_move(&ready, &todo);
 *	while ((node = list_pop(&todo)))
 *		serve(list_entry(node, struct source, in_ready));
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/panic.h"
#include "base/util.h"

struct list {
	struct list *prev, *next; /* both NULL: an unlinked node */
};

/* struct list ready = LIST_HEAD(ready); */
/* clang-format off */
#define LIST_HEAD(head) { .prev = &(head), .next = &(head) }
/* clang-format on */

/* The object that a node lives in. */
#define list_entry(node, type, member) container_of(node, type, member)

/* The same, but NULL for the head, where a walk ends. */
#define list_at_(node, head, pos, member) \
	((node) == (head) ? NULL : list_entry(node, typeof(*(pos)), member))

/* `pos` is a pointer to the listed type. It is NULL after a loop that was not left early.
 * The body must not remove `pos`; it may with list_for_each_safe, which holds the next one
 * in `tmp` (and so the body must not remove that one). */
#define list_for_each(pos, head, member)                               \
	for ((pos) = list_at_((head)->next, head, pos, member); (pos); \
	     (pos) = list_at_((pos)->member.next, head, pos, member))

#define list_for_each_safe(pos, tmp, head, member)                                     \
	for ((pos) = list_at_((head)->next, head, pos, member);                        \
	     (pos) && ((tmp) = list_at_((pos)->member.next, head, pos, member), true); \
	     (pos) = (tmp))

static inline void list_init(struct list *head)
{
	head->prev = head;
	head->next = head;
}

static inline bool list_is_empty(const struct list *head)
{
	return head->next == head;
}

static inline bool list_is_linked(const struct list *node)
{
	return node->next != NULL;
}

/* The first node, or NULL. */
static inline struct list *list_first(const struct list *head)
{
	return list_is_empty(head) ? NULL : head->next;
}

static inline void list_insert_(struct list *prev, struct list *node, struct list *next)
{
	if (unlikely(list_is_linked(node)))
		BUG("node %p is inserted while it is in a list", (void *)node);
	node->prev = prev;
	node->next = next;
	prev->next = node;
	next->prev = node;
}

/* At the end. */
static inline void list_push(struct list *head, struct list *node)
{
	list_insert_(head->prev, node, head);
}

static inline void list_push_front(struct list *head, struct list *node)
{
	list_insert_(head, node, head->next);
}

/* Idempotent; leaves the node zeroed. */
static inline void list_remove(struct list *node)
{
	if (!list_is_linked(node))
		return;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	*node = (struct list){ 0 };
}

/* Takes the first node out and returns it, or NULL. */
static inline struct list *list_pop(struct list *head)
{
	struct list *node = list_first(head);

	if (node)
		list_remove(node);
	return node;
}

/* All of `from` comes before all of `to`; `from` is empty afterwards. */
static inline void list_splice(struct list *from, struct list *to)
{
	if (list_is_empty(from))
		return;
	from->prev->next = to->next;
	to->next->prev = from->prev;
	to->next = from->next;
	from->next->prev = to;
	list_init(from);
}

/* The same into an empty list. */
static inline void list_move(struct list *from, struct list *to)
{
	CHECK(list_is_empty(to));
	list_splice(from, to);
}
