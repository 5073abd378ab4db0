/* SPDX-License-Identifier: MIT */
/* send_chan_aclose_masks_beg.c - closing a channel in a clean-up path hides nobody's failure. */
#include <acre.h>

/* In trio the close of a channel is a checkpoint. In a clean-up path it is cancelled, and that
 * takes the place of the failure, or of a group of failures, that was on its way. Here a close
 * returns nothing and never waits, so there is nothing to write over. What has a result is a last
 * item: that is not sent any more while the task is cancelled. */

struct producer {
	struct acre_chan *to;
	struct acre_event *go;
	int class;
	int last; /* what became of its last item */
};

ACRE_TASK(produce, struct producer *p)
{
	int item = 1, r = acre_chan_send(p->to, &item);

	while (r >= 0)
		r = acre_sleep(acre_secs(3600)); /* until it is cancelled, as all are */
	p->last = acre_chan_send(p->to, &item);
	acre_chan_close(p->to);
	return acre_fail(p->class, "this producer had more");
}

static int read_all(struct acre_chan *from, int *ret_n)
{
	int item, r;

	while ((r = acre_chan_recv(from, &item)) > 0)
		if (++*ret_n == 2) /* both have begun */
			return acre_fail(ENOSPC, "there is no room for a third");
	return r;
}

ACRE_MAIN()
{
	struct producer a = { .class = EIO }, b = { .class = EPIPE };
	struct acre_chan chan;
	int n_items = 0, r = 0;

	acre_chan_init(&chan, sizeof(int), NULL, 0);
	a.to = b.to = &chan;
	ACRE_NURSERY(n, r) {
		r = acre_go(&n, produce, &a);
		if (r >= 0)
			r = acre_go(&n, produce, &b);
		if (r >= 0)
			r = read_all(&chan, &n_items);
	}
	printf("%d items came; the last ones were %s\n", n_items,
	       acre_is(a.last, ECANCELED) ? "not sent" : "sent");
	printf("the block failed with %u failures: %s, %s and %s are among them\n",
	       acre_count(r), acre_has(r, ENOSPC) ? "ENOSPC" : "nothing",
	       acre_has(r, EIO) ? "EIO" : "nothing",
	       acre_has(r, EPIPE) ? "EPIPE" : "nothing");
	return acre_count(r) == 3 ? 0 : r;
}
