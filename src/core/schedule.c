/* SPDX-License-Identifier: MIT */
/* schedule.c - which of the ready tasks runs next, in tests. */
#include "core/schedule.h"

#include <string.h>

#include "base/util.h"
#include "core/loop.h"

/* Enough to reorder, cheap to walk */
#define SHUFFLE_AMONG 16
/* Of a longer queue pct does not see the end: walks of 10,000 ready tasks would take hours */
#define HIGHEST_AMONG 64
/* More than any order that a test needs, few enough that the oldest runs within a second */
#define FAIR_EVERY 128
/* Ranks that are drawn are above all that are fallen to */
#define RANK_DRAWN UINT32_C(0x80000000)
/* Nobody knows how many choices a test makes: the changes are in the first 8, 16 ... 1,024 */
#define FIRST_LEAST 8U
#define FIRST_STEPS 8

/* xorshift64*: the schedule must be reproducible from its seed, nothing more. The high bits
 * are the good ones. */
static uint64_t draw(struct schedule *s)
{
	s->state ^= s->state >> 12;
	s->state ^= s->state << 25;
	s->state ^= s->state >> 27;
	return s->state * 0x2545f4914f6cdd1dULL;
}

static uint32_t draw_below(struct schedule *s, uint32_t n)
{
	return (uint32_t)((draw(s) >> 32) * n >> 32);
}

static int kind_of(enum schedule_kind *ret, const char *name)
{
	static const char *const names[] = {
		[SCHEDULE_FIFO] = "fifo",
		[SCHEDULE_SHUFFLE] = "shuffle",
		[SCHEDULE_PCT] = "pct",
		[SCHEDULE_LIFO] = "lifo",
	};

	for (size_t i = 0; i < ARRAY_N(names); i++)
		if (strcmp(names[i], name) == 0) {
			*ret = (enum schedule_kind)i;
			return 0;
		}
	return -EINVAL;
}

int schedule_init(struct schedule *s, uint64_t seed, const char *name)
{
	enum schedule_kind kind;
	uint32_t first;
	int r = kind_of(&kind, name ? name : "shuffle");

	if (r < 0)
		return r;
	if (!seed)
		kind = SCHEDULE_FIFO;
	/* Neighbours would begin alike; an odd factor spreads them, and makes 0 only of 0. */
	*s = (struct schedule){ .kind = kind,
				.state = seed * 0x9e3779b97f4a7c15ULL,
				.lowest = RANK_DRAWN };
	first = FIRST_LEAST << draw_below(s, FIRST_STEPS);
	for (size_t i = 0; i < SCHEDULE_CHANGES; i++)
		s->change_at[i] = draw_below(s, first);
	return 0;
}

static struct task *task_at(struct list *node)
{
	return list_entry(node, struct task, ready);
}

static struct task *any(struct schedule *s, struct list *ready)
{
	struct list *node = ready->next;
	uint32_t n = 1;

	while (n < SHUFFLE_AMONG && node->next != ready) {
		node = node->next;
		n++;
	}
	for (n = draw_below(s, n); n > 0; n--)
		node = node->prev;
	return task_at(node);
}

static void fall(struct schedule *s, struct task *t)
{
	if (s->lowest > 1)
		s->lowest--;
	t->rank = s->lowest;
}

static struct task *highest(struct schedule *s, struct list *ready)
{
	struct task *t, *best = NULL;
	int n = 0;

	list_for_each(t, ready, ready) {
		if (!t->rank)
			t->rank = RANK_DRAWN | (uint32_t)(draw(s) >> 33);
		if (!best || t->rank > best->rank)
			best = t;
		if (++n == HIGHEST_AMONG)
			break;
	}
	return best;
}

static struct task *highest_now(struct schedule *s, struct list *ready)
{
	for (size_t i = 0; i < SCHEDULE_CHANGES; i++)
		if (s->n_picks == s->change_at[i])
			fall(s, highest(s, ready));
	return highest(s, ready);
}

/* For the youngest's order the head of the queue is behind all others. */
static void yielded(struct schedule *s, struct list *ready, struct task *t)
{
	if (s->kind == SCHEDULE_PCT)
		fall(s, t);
	if (s->kind == SCHEDULE_LIFO) {
		list_remove(&t->ready);
		list_push_front(ready, &t->ready);
	}
}

static struct task *choose(struct schedule *s, struct list *ready)
{
	if (s->kind == SCHEDULE_SHUFFLE)
		return any(s, ready);
	if (s->n_picks % FAIR_EVERY == FAIR_EVERY - 1)
		return task_at(ready->next);
	if (s->kind == SCHEDULE_PCT)
		return highest_now(s, ready);
	return task_at(ready->prev);
}

/* Who chooses and is ready itself has yielded: no call of it tells us so, or it would cost
 * all who yield without a schedule. */
struct task *schedule_pick(struct loop *loop)
{
	struct schedule *s = &loop->schedule;
	struct task *t = loop->current;

	if (t && t->state == TASK_READY)
		yielded(s, &loop->ready, t);
	t = choose(s, &loop->ready);
	s->n_picks++;
	list_remove(&t->ready);
	return t;
}
