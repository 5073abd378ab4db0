/* SPDX-License-Identifier: MIT */
/* a_hang_explains_itself.c - two tasks of an actor wait for each other; a dump tells which, and for what. */
#include <acre.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fork {
	struct acre_lock lock;
	struct acre_event taken;
};

struct table {
	struct fork left, right;
};

/* Each has one before it wants the other: so both wait, for ever. */
static int take_both(struct fork *first, struct fork *second)
{
	int r = acre_lock_acquire(&first->lock);

	if (r < 0)
		return r;
	acre_event_set(&first->taken);
	r = acre_event_wait(&second->taken);
	if (r >= 0)
		r = acre_lock_acquire(&second->lock);
	if (r >= 0)
		acre_lock_release(&second->lock);
	acre_lock_release(&first->lock);
	return r;
}

ACRE_TASK(left_then_right, struct table *t)
{
	return take_both(&t->left, &t->right);
}

ACRE_TASK(right_then_left, struct table *t)
{
	return take_both(&t->right, &t->left);
}

ACRE_CONTEXT(dine, acre_nil)
{
	struct table t;
	int r = 0;

	acre_lock_init(&t.left.lock);
	acre_lock_init(&t.right.lock);
	acre_event_init(&t.left.taken);
	acre_event_init(&t.right.taken);
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, left_then_right, &t);
		if (r >= 0)
			r = acre_go(&n, right_then_left, &t);
		if (r >= 0)
			r = acre_event_wait(&t.left.taken);
		if (r >= 0)
			r = acre_event_wait(&t.right.taken);
		if (r >= 0)
			r = acre_started(ctx, acre_nil); /* and now they hang */
	}
	return r;
}

/* The lines on tasks; a dump also has their stacks, descriptors and much more. */
static void print_tasks(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[1024];

	while (f && fgets(line, sizeof line, f))
		if (strstr(line, " task ") && strstr(line, ": "))
			fputs(line, stdout);
	if (f)
		fclose(f);
}

static int wait_for_dump(const char *path)
{
	struct acre_hang hang;
	int r = acre_dump_on_hang(&hang, acre_ms(100), .path = path);

	ACRE_WITHIN(acre_secs(10), r)
		while (r >= 0 && !acre_hang_path(&hang))
			r = acre_sleep(acre_ms(10));
	return acre_hang_close(&hang, r);
}

ACRE_MAIN()
{
	char path[] = "/tmp/hang-XXXXXX";
	struct acre_actor *a;
	int fd = mkstemp(path), r = fd < 0 ? -errno : 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "philosopher");
		ACRE_OPEN(ctx, r, a, dine, NULL) {
			r = wait_for_dump(path);
			print_tasks(path);
			if (r >= 0)
				r = acre_context_cancel(
					ctx); /* they would sit there for ever */
		}
	}
	close(fd);
	unlink(path);
	return r;
}
