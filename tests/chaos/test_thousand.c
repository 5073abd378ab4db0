/* SPDX-License-Identifier: MIT */
/* test_thousand.c - a thousand children that listen to nothing end within one ladder: promise G5. */
#include "chaos/room.h"
#include "conform/tree.h"

#include <unistd.h>

#include "base/sys.h"

/* Forked from a forkserver, since that is the quickest way to have so many; how they end does
 * not depend on how they were made. */

#define MANY	 1000
#define LADDER_S 2.1 /* no ack within 0.5 s, SIGTERM, SIGKILL after 1.6 s */
#define MORE_S	 1.0 /* promised: patience and a second */

static _Atomic int n_killed;

static int count_kills(int fd, int sig, siginfo_t *info, unsigned flags)
{
	n_killed += sig == SIGKILL;
	return sys_real.pidfd_send_signal(fd, sig, info, flags);
}

/* Blocks the loop for good: no signal that acre knows wakes it, and none cancels it. */
ACRE_CONTEXT(block_for_ever, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	if (r >= 0)
		r = acre_sleep(acre_ms(1)); /* what was said goes out */
	while (r >= 0)
		pause();
	return r;
}

ACRE_TASK(get_blocked, struct acre_actor *a)
{
	int r = 0;

	ACRE_OPEN(ctx, r, a, block_for_ever, &nil) {
		r = acre_ready(NULL);
		if (r >= 0)
			r = acre_sleep(acre_secs(3600));
	}
	return r;
}

static int end_a_thousand(void)
{
	static struct acre_actor *actors[MANY];
	acre_instant begun = acre_now();
	double made = 0, ended;
	void *none;
	int r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < MANY && r >= 0; i++)
			r = acre_spawn(&n, &actors[i], .name = "blocked");
		for (int i = 0; i < MANY && r >= 0; i++)
			r = acre_go_ready(&n, get_blocked, actors[i], &none);
		assert_ok(r);
		made = seconds_since(begun);
		begun = acre_now();
		acre_nursery_cancel(&n);
	}
	ended = seconds_since(begun);
	test_note("made in %.2f s, ended in %.2f s, %d killed", made, ended, n_killed);
	assert_int_equal(n_killed, MANY);
	assert_int_equal(acre_children(NULL, 0), 0);
	/* where there is other work for the processors, making them has taken longer as well */
	assert_true(ended < LADDER_S + (made > MORE_S ? made : MORE_S));
	return r;
}

TEST(g5_a_thousand_blocked_children_end_within_one_ladder_and_a_second)
{
	static struct sys_table table;

	use_backend("forkserver");
	needs_room_for(MANY);
	setenv("ACRE_LOG", "error", 1); /* not a line for each that is killed */
	test_limit(60);
	table = *sys_used();
	table.pidfd_send_signal = count_kills;
	sys_use(&table);
	assert_ok(tree_result(end_a_thousand, false));
	sys_use(&sys_real);
	report_thread_fini();
}
