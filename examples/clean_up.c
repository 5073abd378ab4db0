/* SPDX-License-Identifier: MIT */
/* clean_up.c - a failure cancels who waits, who still says goodbye, and neither hides the failure. */
#include <acre.h>

/* Where other systems lose something: a wait in a clean-up path is cancelled as well, and what
 * it fails with takes the place of the failure that was the reason. */

struct shared {
	struct acre_lock lock;
	struct acre_event held;
};

ACRE_TASK(fail_soon, struct shared *s)
{
	int r = acre_event_wait(&s->held);

	return r < 0 ? r : acre_fail(ENOENT, "there is no such thing");
}

ACRE_TASK(hold, struct shared *s)
{
	int r = acre_lock_acquire(&s->lock);

	if (r < 0)
		return r;
	acre_event_set(&s->held);
	r = acre_sleep(acre_secs(3600)); /* until the other task's failure cancels it */
	printf("a wait in here is %s\n", acre_checkpoint() < 0 ? "cancelled too" : "not");
	ACRE_SHIELD(acre_secs(1), r) {
		int bye = acre_sleep(acre_ms(1));

		printf("a goodbye in a shield is %s\n", bye < 0 ? "cut short" : "said");
	}
	acre_lock_release(&s->lock);
	return r; /* -ECANCELED still: the shield has handed it on */
}

ACRE_MAIN()
{
	struct shared s;
	int r = 0;

	acre_lock_init(&s.lock);
	acre_event_init(&s.held);
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, hold, &s);
		if (r >= 0)
			r = acre_go(&n, fail_soon, &s);
	}
	printf("the block failed with %s, and nothing else: %s\n",
	       acre_class_name(acre_code(r)), acre_why(r)->message);
	r = acre_lock_acquire(&s.lock); /* nobody holds it any more */
	acre_lock_release(&s.lock);
	return r;
}
