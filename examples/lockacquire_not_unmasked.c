/* SPDX-License-Identifier: MIT */
/* lockacquire_not_unmasked.c - a lock that is taken in a clean-up path, and how that hides a failure. */
#include <acre.h>

/* Where a task is cancelled, every wait in its clean-up path is cancelled, too. So a lock that
 * looks free is not got there, and what its acquire returns is no news: written over the failure
 * that the task was about to tell, it is all that is left. A result is for one thing. */

struct job {
	struct acre_lock log; /* of the line that tells of the failure */
	struct acre_event begun;
	bool is_careful;
};

/* What happens in it while it is cancelled: that is a failure of its own. */
static int save(struct job *job)
{
	acre_event_set(&job->begun);
	if (acre_sleep(acre_secs(3600)) < 0)
		return acre_fail(EIO, "the disk is full of holes");
	return 0;
}

ACRE_TASK(save_and_log, struct job *job)
{
	int r = save(job), logged = 0;

	if (!job->is_careful) {
		r = acre_lock_acquire(&job->log); /* wrong: r was the failure */
		if (r >= 0)
			acre_lock_release(&job->log);
		return r;
	}
	ACRE_SHIELD(acre_secs(1),
		    logged) { /* the lock is worth a wait, and a bounded one */
		logged = acre_lock_acquire(&job->log);
		if (logged >= 0) {
			printf("logged: %s\n", acre_why(r)->message);
			acre_lock_release(&job->log);
		}
	}
	return r;
}

static void run(bool is_careful)
{
	struct job job = { .is_careful = is_careful };
	int r = 0;

	acre_lock_init(&job.log);
	acre_event_init(&job.begun);
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, save_and_log, &job);
		if (r >= 0)
			r = acre_event_wait(&job.begun);
		acre_nursery_cancel(&n);
	}
	printf("%s: the block says %s\n", is_careful ? "careful" : "careless",
	       r < 0 ? acre_class_name(acre_code(r)) : "that all is well");
}

ACRE_MAIN()
{
	run(false);
	run(true);
	return 0;
}
