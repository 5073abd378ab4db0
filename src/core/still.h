/* SPDX-License-Identifier: MIT */
/* still.h - how long the clocks of the tree have stood still, because somebody debugs. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/util.h"

/*
 * While a live actor has the terminal (actor/tty.h), no deadline of a scope, no shield and no
 * ladder of the tree comes to its end: a person reads and types slower than programs wait.
 * Sleeps go on. Only the root knows who holds it; it tells all actors on one page, which
 * they have mapped for reading.
 *
 * Nobody is woken when the clocks stop or go on. A timer that is due asks how long they have
 * stood still since it was set, and is set again for as long:
 *
 *	more = still_more(&mark);
 *	if (more > 0)
 *		timer_set(timer, clock_now() + more, fn);
 *
 * So what is never due costs nothing, and what is due is late by STILL_PIECE_NS at most.
 */

/* Between two looks of a timer that is due while they stand still */
#define STILL_PIECE_NS INT64_C(50000000)
#define STILL_SIZE     4096 /* of the page, and of its memfd */

/*
 * One word, so that a reader needs no lock, whatever becomes of the writer: while they go,
 * how long they have stood still in all; while they stand, the instant from which that
 * counts, so that now minus that is the same. The last bit says which.
 */
struct still_page {
	_Atomic int64_t word;
	_Atomic int32_t holder; /* pid; 0: they go */
};

/* The root's: a page mapped for writing, and a descriptor to give to actors (owned), by
 * which nobody can write. -EMFILE, -ENOMEM ... */
int still_make(struct still_page **ret, int *ret_fd);
/* An actor's; -EBADF: that is none. The descriptor stays the caller's. */
int still_join(const struct still_page **ret, int fd);
void *still_unmap(const struct still_page *page);

/* What this process goes by; NULL: its clocks never stand still. Borrowed. */
void still_use(const struct still_page *page);

/* The root's, in one thread at a time. */
void still_begin(struct still_page *page, pid_t holder);
void still_end(struct still_page *page);

int64_t still_total(void);
bool still_is(void);
/* Who holds the terminal; 0: nobody. */
pid_t still_holder(void);

/* How much longer something is to wait that is due now; 0: it is over. `mark` is still_total()
 * when it was set, and is moved. */
static inline int64_t still_more(int64_t *mark)
{
	int64_t total = still_total(), more = total - *mark;

	*mark = total;
	return still_is() ? int64_max(more, STILL_PIECE_NS) : more;
}
