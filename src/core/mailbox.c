/* SPDX-License-Identifier: MIT */
/* mailbox.c - the one way into a loop from another thread. */
#include "core/mailbox.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include "base/fault.h"
#include "base/panic.h"
#include "base/sys.h"

/*
 * A stack of letters that posters push to and the reader takes as a whole, so there is no
 * ABA: no single letter is ever taken. Turned round, it is in order of posting.
 *
 * The race that matters, and the two pairs that decide it:
 *
 *	poster                          reader
 *	P1 head = letter                R1 sleeps = 1
 *	P2 is sleeps 1? then ring       R2 is head NULL? then wait
 *
 * Lost would be: P2 does not see R1, and R2 does not see P1. Each side writes one word
 * and reads the other's, so acquire and release are not enough: both may read the old
 * value (on x86 too, a load passes an older store). All four are sequentially consistent.
 * Then they have one order, and whichever write is the later one in it, the read that
 * follows it on its side sees the other write.
 *
 * Posting to a loop that runs costs a compare-and-swap and a load, and no system call. The
 * flag is taken by the poster that rings, so one sleep is rung for at most once.
 *
 * tests/model walks through the interleavings of this file. That is why every access to
 * the two shared words goes through these macros: there, each of them is a place where
 * another thread may go on.
 */
#ifndef ATOM_LOAD
#define ATOM_LOAD(p, order)     atomic_load_explicit((p), memory_order_##order)
#define ATOM_STORE(p, v, order) atomic_store_explicit((p), (v), memory_order_##order)
#define ATOM_XCHG(p, v, order)  atomic_exchange_explicit((p), (v), memory_order_##order)
#define ATOM_CAS(p, old, v, order)                                                       \
	atomic_compare_exchange_weak_explicit((p), (old), (v), memory_order_##order,     \
					      memory_order_relaxed)
#endif

int mailbox_init(struct mailbox *m)
{
	int fd = sys_eventfd(0, EFD_NONBLOCK);

	atomic_init(&m->head, NULL);
	atomic_init(&m->sleeps, 0);
	m->fd = fd;
	return fd < 0 ? fd : 0;
}

void mailbox_fini(struct mailbox *m)
{
	if (m->fd < 0)
		return;
	CHECK(!atomic_load(&m->head));
	sys_close(TAKE_FD(m->fd));
}

static void ring(struct mailbox *m)
{
	uint64_t one = 1;
	ssize_t n = sys_write(m->fd, &one, sizeof one);

	/* the reader answers before the counter is full, which takes 2^64 - 1 rings */
	CHECK(n == sizeof one);
}

void mailbox_post(struct mailbox *m, struct letter *l)
{
	/* relaxed: the pointer is stored, not followed */
	struct letter *head = ATOM_LOAD(&m->head, relaxed);

	/* P1. As a release it also hands over what the poster wrote, l->next included. */
	do
		l->next = head;
	while (!ATOM_CAS(&m->head, &head, l, seq_cst));
	/* From here on the letter is the reader's.
	 *
	 * P2, and only then the exchange, which chooses one among the posters that saw
	 * the flag. It may be relaxed: a poster that comes too late for it leaves the
	 * ringing to the one that was first, or finds that the reader has woken and will
	 * pass R1 and R2 before it waits again. */
	if (ATOM_LOAD(&m->sleeps, seq_cst) && ATOM_XCHG(&m->sleeps, 0, relaxed))
		ring(m);
}

static struct letter *reverse(struct letter *newest)
{
	struct letter *oldest = NULL, *l;

	while ((l = newest)) {
		newest = l->next;
		l->next = oldest;
		oldest = l;
	}
	return oldest;
}

bool mailbox_read(struct mailbox *m)
{
	struct letter *l, *next;

	/* Most reads find nothing, and a load leaves the cache line with the posters.
	 * Relaxed: a letter that is missed here is seen by R2. */
	if (!ATOM_LOAD(&m->head, relaxed))
		return false;
	/* Acquire: what each poster wrote before its release. The pushes on top of the
	 * first one are read-modify-writes, so they continue its release sequence and one
	 * acquire is enough for all. */
	for (l = reverse(ATOM_XCHG(&m->head, NULL, acquire)); l; l = next) {
		next = l->next;
		l->fn(l);
	}
	return true;
}

bool mailbox_sleep(struct mailbox *m)
{
	ATOM_STORE(&m->sleeps, 1, seq_cst); /* R1 */
	if (PLANTED(MAILBOX_NO_RECHECK))
		return true;
	return !ATOM_LOAD(&m->head, seq_cst); /* R2 */
}

void mailbox_wake(struct mailbox *m)
{
	/* Relaxed: a poster that sees the flag too long rings in vain, and one that sees
	 * it cleared has pushed before the next R1 or is seen by the next R2. */
	ATOM_STORE(&m->sleeps, 0, relaxed);
}

void mailbox_answer(struct mailbox *m)
{
	uint64_t n;

	/* EAGAIN: epoll told of it and it was answered already; nothing to do then */
	acre_ignore(sys_read(m->fd, &n, sizeof n));
}
