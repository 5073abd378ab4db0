/* SPDX-License-Identifier: MIT */
/* shm.h - arrays in memory that the actors of a tree share: one writes, the others read in place. */
#ifndef ACRE_SHM_H
#define ACRE_SHM_H

/*
 * An array of n elements of one size, in memory that other actors map too. Its token is a
 * text: send it, and whoever gets it attaches the same memory. What is written is there at
 * once for all; nobody is told, so say in a message what can be read.
 *
 *	r = acre_shm_create(&s, .element_size = sizeof(double), .n = 2048); // the owner
 *	r = acre_send(ctx, acre_text, .value = acre_shm_token(s));
 *	r = acre_shm_set(s, i, &value, 1);
 *	r = acre_send(ctx, acre_int, .value = i);
 *
 *	r = acre_shm_attach(&s, token.value, 0); // another actor: it can only read
 *	r = acre_shm_get(s, item.value, &value, 1);
 *
 * It can be used as a list, by index (acre_shm_set(), acre_shm_get()), and as a series that
 * grows at both ends (acre_shm_push(), acre_shm_prepend(), acre_shm_range()).
 *
 * Three rules. The array belongs to the actor that created it: at its end, orderly or not,
 * the token leads nowhere, and what is attached by then stays valid. One task writes; a
 * reader that reads what is being written sees parts of it. A text in it is an array of
 * char of fixed size, and a pointer in it means nothing to anybody else.
 *
 * The memory is an object below /dev/shm/acre-UID/, which nobody else may enter; so only
 * actors of the same user and machine attach it, and whatever they may do to each other
 * they may do to it. An owner that was killed is cleared away by its parent when that sees
 * it, by each actor above at its end, and by the next first acre_shm_create() of that user.
 *
 * (tractor's ShmArray and ShmList.)
 *
 * THREADS: a handle is for the actor that made it; the elements are for all. FORK: the
 * child reads on; whatever else it calls fails with -ECHILD, and a close does nothing.
 */

#include <acre/define.h>

ACRE_BEGIN_

struct acre_shm; /* opaque */

/* Bytes of a token, with the end. */
#define ACRE_SHM_TOKEN_SIZE 37

struct acre_shm_options {
	size_t element_size; /* in bytes */
	size_t n;	     /* elements; they are 0 at first */
	/* where the series begins: so many elements have room before it (acre_shm_prepend) */
	size_t start;
	uint64_t reserved[2];
};

/*
 * Makes an array: acre_shm_create(&s, .element_size = 8, .n = 2048). It lives until
 * acre_shm_close(), or the end of this actor. All of its memory is there on return. EINVAL: no
 * element, no size, a start beyond n, more than an address space has; ENOSPC: so much is
 * not to be had; EPERM: the directory is somebody else's; ENOENT: there is no /dev/shm;
 * ACRE_ENORUNTIME outside of an actor; ENOMEM, EMFILE. Not a checkpoint.
 */
#define acre_shm_create(ret, ...) \
	acre_shm_create_((ret), ACRE_VALUE_(acre_shm_options, __VA_ARGS__))
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_shm_create_(struct acre_shm **ret,
						 const struct acre_shm_options *options);

/* A bit of acre_shm_attach()'s flags: to write, too. Then the program sees to it that only
 * one does. */
#define ACRE_SHM_WRITE ((uint64_t)1)

/*
 * Maps the array of a token, until acre_shm_close() or the end of this actor; as often as
 * one likes, each time anew. ENOENT: its owner has closed it or ended; EINVAL: no token,
 * unknown flags; EPROTO: another version of acre made it; ACRE_ENORUNTIME, ENOMEM, EMFILE.
 * Not a checkpoint.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_shm_attach(struct acre_shm **ret, const char *token,
						uint64_t flags);

/* Unmaps it; the owner also takes the token away. Returns NULL; takes NULL. */
ACRE_PUBLIC_ struct acre_shm *acre_shm_close(struct acre_shm *shm);

/* What others attach it by: the same for all that have it. */
ACRE_PUBLIC_ const char *acre_shm_token(const struct acre_shm *shm);
ACRE_PUBLIC_ size_t acre_shm_n(const struct acre_shm *shm);
ACRE_PUBLIC_ size_t acre_shm_element_size(const struct acre_shm *shm);
/* All n elements, to be read in place; aligned to 128 bytes. */
ACRE_PUBLIC_ const void *acre_shm_elements(const struct acre_shm *shm);

/* Writes `n` elements from index `i` on. EACCES: attached without ACRE_SHM_WRITE; ERANGE:
 * not all of them are inside, and nothing was written. Not a checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_shm_set(struct acre_shm *shm, size_t i,
					     const void *values, size_t n);
/* Copies `n` elements from index `i` on. ERANGE. Not a checkpoint. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_shm_get(const struct acre_shm *shm, size_t i,
					     void *ret, size_t n);

/*
 * The series: the elements from `*ret_first` on, as many as are returned. Whoever sees an
 * element in it sees what was written there. EPROTO: somebody wrote nonsense into it.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ ssize_t acre_shm_range(const struct acre_shm *shm,
						   size_t *ret_first);
/* Writes `n` elements behind the last one, or before the first one, in their order. ENOSPC:
 * no room for all of them, and nothing was written; EACCES; EPROTO. Not checkpoints. */
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_shm_push(struct acre_shm *shm, const void *values,
					      size_t n);
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_shm_prepend(struct acre_shm *shm, const void *values,
						 size_t n);

ACRE_END_
#endif
