/* SPDX-License-Identifier: MIT */
/* report_tree.c - reports below reports: groups and causes. */
/*
 * A tree has at most REPORT_NODES_MAX reports on REPORT_DEPTH_MAX levels, and each report at
 * most REPORT_MEMBERS_MAX members; what is beyond is not kept but counted, in n_more of the
 * report that it was given to. So the number of failures is always right.
 *
 * The limits are checked where a member is added, which is possible because trees are built
 * from the leaves: a report that has become a member does not grow any more. All that walks
 * a tree can rely on them and needs neither recursion nor allocation.
 */
#include "core/report.h"

#include "base/panic.h"
#include "core/class.h"

static uint32_t add_up(uint32_t a, uint32_t b)
{
	return a + b < a ? UINT32_MAX : a + b;
}

static bool is_kept(struct report *rep, const struct report *member)
{
	if (rep->public_part.n_members == REPORT_MEMBERS_MAX ||
	    member->height + 1 >= REPORT_DEPTH_MAX ||
	    rep->n_nodes + member->n_nodes > REPORT_NODES_MAX)
		return false;
	if (!rep->members) {
		rep->members =
			report_alloc(rep, REPORT_MEMBERS_MAX * sizeof *rep->members);
		rep->public_part.members = rep->members;
	}
	return rep->members;
}

int report_add_member(struct report *rep, struct report *take_member)
{
	struct acre_report *why = &rep->public_part;
	struct report *member = take_member;

	if (rep->is_member)
		BUG("a report gets a member after it has become one itself");
	if (!is_kept(rep, member)) {
		why->n_more = add_up(why->n_more, report_count(&member->public_part));
		report_unref(member);
		return 0;
	}
	member->is_member = true;
	rep->members[why->n_members++] = &member->public_part;
	rep->n_nodes = (uint16_t)(rep->n_nodes + member->n_nodes);
	if (rep->height <= member->height)
		rep->height = (uint8_t)(member->height + 1);
	return 0;
}

/* From the last parent to the first: the children of each come after it, and so are whole by
 * then, and each gets its children in their order. */
struct report *report_tree(struct report **take_nodes, const uint32_t *up, size_t n)
{
	for (size_t parent = n; parent-- > 0;)
		for (size_t i = parent + 1; i < n; i++)
			if ((up[i] < i ? up[i] : 0) == parent)
				report_add_member(take_nodes[parent], take_nodes[i]);
	return take_nodes[0];
}

void report_walk_begin(struct report_walk *w, const struct acre_report *first)
{
	w->at[0] = first;
	w->next[0] = 0;
	w->depth = 0;
	w->begun = false;
}

const struct acre_report *report_walk_next(struct report_walk *w)
{
	const struct acre_report *parent, *member;

	if (!w->begun) {
		w->begun = true;
		return w->at[0];
	}
	while (w->next[w->depth] >= w->at[w->depth]->n_members) {
		if (w->depth == 0)
			return NULL;
		w->depth--;
	}
	parent = w->at[w->depth];
	member = parent->members[w->next[w->depth]++];
	w->depth++;
	CHECK(w->depth < REPORT_DEPTH_MAX);
	w->at[w->depth] = member;
	w->next[w->depth] = 0;
	return member;
}

void report_walk_skip(struct report_walk *w)
{
	w->next[w->depth] = w->at[w->depth]->n_members;
}

/* Stands for its members: handling each of them is handling it. */
static bool is_wrapper(const struct acre_report *why)
{
	return why->code == ACRE_EGROUP ||
	       (why->code == ACRE_EREMOTE && why->n_members > 0);
}

static bool is_itself(const struct acre_report *why, int code)
{
	return class_is(why->code, code) || (why->remote && code == ACRE_EREMOTE);
}

bool report_is(const struct acre_report *why, int code)
{
	struct report_walk w;

	report_walk_begin(&w, why);
	while ((why = report_walk_next(&w))) {
		if (is_itself(why, code))
			report_walk_skip(&w);
		else if (!is_wrapper(why) || why->n_members == 0 || why->n_more > 0)
			return false;
	}
	return true;
}

bool report_has(const struct acre_report *why, int code)
{
	struct report_walk w;

	report_walk_begin(&w, why);
	while ((why = report_walk_next(&w)))
		if (is_itself(why, code))
			return true;
	return false;
}

uint32_t report_count(const struct acre_report *why)
{
	struct report_walk w;
	uint32_t n = 0;

	report_walk_begin(&w, why);
	while ((why = report_walk_next(&w))) {
		if (is_wrapper(why) && why->n_members + why->n_more > 0) {
			n = add_up(n, why->n_more);
			continue;
		}
		n = add_up(n, 1);
		report_walk_skip(&w);
	}
	return n;
}
