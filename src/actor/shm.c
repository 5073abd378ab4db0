/* SPDX-License-Identifier: MIT */
/* shm.c - arrays in shared memory: elements by index, and a series that grows at both ends. */
#include "actor/shm.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include <acre/error.h>

#include "actor/runtime.h"
#include "actor/segment.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"

/*
 * A segment is a head and the elements. Of the head only the two ends of the series change: the
 * writer moves one after it has written the elements, so whoever sees the end sees them. The
 * shape is read once, when it is attached, and checked against the size of the file; what a
 * faulty writer may put there later harms nobody, and ends that make no sense are a failure.
 */

#define MAGIC	  UINT64_C(0x3161726d68735f61) /* "a_shmra1": the last byte counts versions */
#define HEAD_SIZE 128 /* two cache lines; the elements' alignment */

struct head {
	uint64_t magic;
	uint64_t element_size;
	uint64_t n;
	_Atomic uint64_t first, end; /* of the series: [first, end) */
};

_Static_assert(sizeof(struct head) <= HEAD_SIZE, "the head has room before the elements");
_Static_assert(ACRE_SHM_TOKEN_SIZE == SEGMENT_TOKEN_SIZE, "what users make room for");

struct acre_shm {
	struct list node; /* in the segments of its actor */
	struct segment segment;
	size_t element_size, n;
	pid_t pid; /* of the process that has made the handle */
	bool writes;
};

static struct head *head(const struct acre_shm *s)
{
	return s->segment.memory;
}

static uint8_t *element(const struct acre_shm *s, size_t i)
{
	return (uint8_t *)s->segment.memory + HEAD_SIZE + i * s->element_size;
}

static int check_actor(const char *call)
{
	if (!runtime_this)
		return acre_fail(ACRE_ENORUNTIME, "%s outside of an actor", call);
	return loop_is_forked(loop_this) ? -ECHILD : 0;
}

static int check_options(const struct acre_shm_options *o)
{
	size_t len;

	if (!o->element_size || !o->n)
		return acre_fail(EINVAL, "a shared array of %zu elements of %zu bytes",
				 o->n, o->element_size);
	if (o->start > o->n)
		return acre_fail(EINVAL, "a series that starts at %zu of %zu elements",
				 o->start, o->n);
	if (o->reserved[0] || o->reserved[1])
		return acre_fail(EINVAL, "reserved options of a shared array must be 0");
	if (__builtin_mul_overflow(o->element_size, o->n, &len) ||
	    len > PTRDIFF_MAX - HEAD_SIZE)
		return acre_fail(EINVAL,
				 "a shared array of %zu elements of %zu bytes is larger "
				 "than an address space",
				 o->n, o->element_size);
	return 0;
}

/* Takes the segment: it is closed if there is no memory. */
static int keep(struct acre_shm **ret, struct segment *segment, bool writes)
{
	struct acre_shm *s = mem_zalloc(sizeof *s);

	if (!s) {
		segment_close(segment);
		return acre_fail(ENOMEM, "no memory for the handle of a shared array");
	}
	s->segment = *segment;
	s->element_size = head(s)->element_size;
	s->n = head(s)->n;
	s->writes = writes;
	s->pid = sys_getpid();
	list_push(&runtime_this->segments, &s->node);
	*ret = s;
	return 0;
}

/* The first one of this actor looks for what others have left: a whole tree that was killed, say. */
static bool owns_none(const struct runtime *rt)
{
	const struct acre_shm *s;

	list_for_each(s, &rt->segments, node)
		if (s->segment.fd >= 0)
			return false;
	return true;
}

int acre_shm_create_(struct acre_shm **ret, const struct acre_shm_options *options)
{
	struct segment segment;
	struct head *h;
	int r = check_actor("acre_shm_create()");

	if (r >= 0)
		r = check_options(options);
	if (r < 0)
		return r;
	if (owns_none(runtime_this))
		segment_clear();
	r = segment_create(&segment, HEAD_SIZE + options->element_size * options->n);
	if (r < 0)
		return r;
	h = segment.memory;
	h->element_size = options->element_size;
	h->n = options->n;
	atomic_init(&h->first, options->start);
	atomic_init(&h->end, options->start);
	h->magic = MAGIC;
	return keep(ret, &segment, true);
}

static int check_shape(const struct segment *segment)
{
	const struct head *h = segment->memory;
	size_t len;

	if (h->magic != MAGIC)
		return acre_fail(EPROTO,
				 "shared memory %s was not made by this version "
				 "of acre",
				 segment->token);
	if (!h->element_size || !h->n ||
	    __builtin_mul_overflow(h->element_size, h->n, &len) ||
	    len > segment->len - HEAD_SIZE)
		return acre_fail(EPROTO,
				 "shared memory %s is said to hold more than its "
				 "%zu bytes",
				 segment->token, segment->len);
	return 0;
}

int acre_shm_attach(struct acre_shm **ret, const char *token, uint64_t flags)
{
	struct segment segment;
	int r = check_actor("acre_shm_attach()");

	if (r < 0)
		return r;
	if (flags & ~ACRE_SHM_WRITE)
		return acre_fail(EINVAL, "unknown flags 0x%llx of acre_shm_attach()",
				 (unsigned long long)flags);
	r = segment_attach(&segment, token, flags & ACRE_SHM_WRITE, HEAD_SIZE);
	if (r < 0)
		return r;
	r = check_shape(&segment);
	if (r < 0) {
		segment_close(&segment);
		return r;
	}
	return keep(ret, &segment, flags & ACRE_SHM_WRITE);
}

struct acre_shm *acre_shm_close(struct acre_shm *shm)
{
	if (!shm || shm->pid != sys_getpid()) /* in a child of fork: the parent's */
		return NULL;
	list_remove(&shm->node);
	segment_close(&shm->segment);
	return mem_free(shm);
}

void shm_end(struct runtime *rt)
{
	struct acre_shm *s, *next;

	list_for_each_safe(s, next, &rt->segments, node)
		acre_shm_close(s);
	if (rt->had_processes) /* killed ones of killed ones, which nobody has waited for */
		segment_clear();
}

void shm_child_has_ended(void)
{
	runtime_this->had_processes = true;
	segment_clear();
}

const char *acre_shm_token(const struct acre_shm *shm)
{
	return shm->segment.token;
}

size_t acre_shm_n(const struct acre_shm *shm)
{
	return shm->n;
}

size_t acre_shm_element_size(const struct acre_shm *shm)
{
	return shm->element_size;
}

const void *acre_shm_elements(const struct acre_shm *shm)
{
	return element(shm, 0);
}

void *shm_memory(struct acre_shm *shm)
{
	return element(shm, 0);
}

static int check_inside(const struct acre_shm *s, size_t i, size_t n)
{
	if (i <= s->n && n <= s->n - i)
		return 0;
	return acre_fail(ERANGE, "%zu elements from %zu on, of a shared array of %zu", n,
			 i, s->n);
}

int shm_may_write(const struct acre_shm *s)
{
	if (s->pid != sys_getpid())
		return -ECHILD;
	if (s->writes)
		return 0;
	return acre_fail(EACCES,
			 "shared memory %s was attached to be read: ACRE_SHM_WRITE",
			 s->segment.token);
}

int acre_shm_set(struct acre_shm *shm, size_t i, const void *values, size_t n)
{
	int r = shm_may_write(shm);

	if (r >= 0)
		r = check_inside(shm, i, n);
	if (r < 0)
		return r;
	memcpy(element(shm, i), values, n * shm->element_size);
	return 0;
}

int acre_shm_get(const struct acre_shm *shm, size_t i, void *ret, size_t n)
{
	int r = check_inside(shm, i, n);

	if (r < 0)
		return r;
	memcpy(ret, element(shm, i), n * shm->element_size);
	return 0;
}

/* The series as it stands; `end` first, since that cannot be behind what was first then. */
static int read_ends(const struct acre_shm *s, size_t *ret_first, size_t *ret_end)
{
	size_t end = atomic_load_explicit(&head(s)->end, memory_order_acquire);
	size_t first = atomic_load_explicit(&head(s)->first, memory_order_acquire);

	if (first > end || end > s->n)
		return acre_fail(EPROTO,
				 "the series in shared memory %s is from %zu to %zu of "
				 "%zu elements",
				 s->segment.token, first, end, s->n);
	*ret_first = first;
	*ret_end = end;
	return 0;
}

ssize_t acre_shm_range(const struct acre_shm *shm, size_t *ret_first)
{
	size_t first = 0, end = 0;
	int r = read_ends(shm, &first, &end);

	if (r < 0)
		return r;
	*ret_first = first;
	return (ssize_t)(end - first);
}

static int no_room(const struct acre_shm *s, size_t n, const char *where, size_t room)
{
	return acre_fail(ENOSPC,
			 "%zu elements %s of shared memory %s, where %zu have room", n,
			 where, s->segment.token, room);
}

int acre_shm_push(struct acre_shm *shm, const void *values, size_t n)
{
	size_t first = 0, end = 0;
	int r = shm_may_write(shm);

	if (r >= 0)
		r = read_ends(shm, &first, &end);
	if (r < 0)
		return r;
	if (n > shm->n - end)
		return no_room(shm, n, "at the end", shm->n - end);
	memcpy(element(shm, end), values, n * shm->element_size);
	atomic_store_explicit(&head(shm)->end, end + n, memory_order_release);
	return 0;
}

int acre_shm_prepend(struct acre_shm *shm, const void *values, size_t n)
{
	size_t first = 0, end = 0;
	int r = shm_may_write(shm);

	if (r >= 0)
		r = read_ends(shm, &first, &end);
	if (r < 0)
		return r;
	if (n > first)
		return no_room(shm, n, "at the beginning", first);
	memcpy(element(shm, first - n), values, n * shm->element_size);
	atomic_store_explicit(&head(shm)->first, first - n, memory_order_release);
	return 0;
}
