/* SPDX-License-Identifier: MIT */
/* ipc_failure_during_stream.c - the link breaks in mid-stream, on either side, and the tree still ends. */
#include <acre.h>

#include <sys/socket.h>

#define DESCRIPTORS 64 /* more than a process of this example has */

/* What no program does on purpose: every connection of this process is cut. */
static void cut_the_links(void)
{
	for (int fd = 3; fd < DESCRIPTORS; fd++)
		shutdown(fd, SHUT_RDWR); /* of what is no socket it only fails */
}

ACRE_CONTEXT(count, acre_int)
{
	int r = 0;

	for (int64_t i = 0; r >= 0; i++) {
		if (i == in->value)
			cut_the_links();
		r = acre_send(ctx, acre_int, .value = i);
	}
	return r;
}

/* Reads an endless stream: the writer cuts the link when it is at item `there`, we when `here`. */
static int read_until_it_breaks(int64_t there, int64_t here)
{
	struct acre_actor *a;
	struct acre_int item;
	int64_t n_items = 0;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "writer");
		ACRE_OPEN(ctx, r, a, count, &(struct acre_int){ there }) {
			while ((r = acre_recv(ctx, acre_int, &item)) > 0)
				if (++n_items == here)
					cut_the_links();
		}
	}
	printf("the %s cut the link: %s, after %s items\n",
	       here < there ? "reader" : "writer", acre_class_name(acre_code(r)),
	       n_items > 0 ? "some" : "no");
	return acre_has(r, ACRE_ECLOSED) || acre_has(r, ACRE_EDIED) ? 0 : r;
}

ACRE_MAIN()
{
	int r = 0;

	ACRE_WITHIN(acre_secs(10), r) {
		r = read_until_it_breaks(2000, INT64_MAX);
		if (r >= 0)
			r = read_until_it_breaks(INT64_MAX, 2000);
	}
	return r;
}
