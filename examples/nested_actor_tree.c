/* SPDX-License-Identifier: MIT */
/* nested_actor_tree.c - actors that spawn actors, three levels deep; each tells what is below it. */
#include <acre.h>
#include <string.h>

#define NODE(F)	 F(uint32_t, depth) F(uint32_t, breadth)
#define COUNT(F) F(uint32_t, actors) F(uint32_t, levels)
ACRE_MSG(node, NODE)
ACRE_MSG(count, COUNT)

static int count_below(struct node at, struct count *sum);

ACRE_CONTEXT(grow, node)
{
	struct count sum = { .actors = 1, .levels = 1 };
	int r = count_below(*in, &sum);

	return r < 0 ? r
		     : acre_return(ctx, count, .actors = sum.actors,
				   .levels = sum.levels);
}

static int count_below(struct node at, struct count *sum)
{
	struct node child = { .depth = at.depth - 1, .breadth = at.breadth };
	struct acre_actor *a;
	struct count c;
	uint32_t deepest = 0;
	char name[32];
	int r = 0;

	ACRE_NURSERY(n, r)
		for (uint32_t i = 0; at.depth && i < at.breadth && r >= 0; i++) {
			snprintf(name, sizeof name, "level%u_%u", at.depth, i);
			r = acre_spawn(&n, &a, .name = name);
			if (r >= 0)
				r = acre_call(a, grow, &child, count, &c);
			if (r >= 0) {
				sum->actors += c.actors;
				deepest = c.levels > deepest ? c.levels : deepest;
			}
		}
	sum->levels += deepest;
	return r < 0 ? r : 0;
}

ACRE_MAIN()
{
	struct count sum = { .actors = 0, .levels = 0 };
	int r = count_below((struct node){ .depth = 3, .breadth = 2 }, &sum);

	if (r >= 0)
		printf("a tree of %u actors on %u levels came and went\n", sum.actors,
		       sum.levels);
	return r;
}
