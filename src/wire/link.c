/* SPDX-License-Identifier: MIT */
/* link.c - frames over a stream socket: reading, queueing, flushing, and the one end. */
#include "wire/link.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/heap.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/report.h"
#include "core/trace.h"

/*
 * Writing. Tasks append whole frames; at the end of the loop's round one writev takes
 * what it can of: the rest of the data frame under way, all control frames, the other
 * data frames. EPOLLOUT is asked for only when the socket is full.
 *
 * Reading. One read asks for LINK_READ_SIZE bytes, or for the rest of a larger frame;
 * frames are served where they lie in the buffer. A read that came short has emptied the
 * socket, so no second one is made to learn that.
 *
 * A callback may close the link while its frames are being served: every step looks at
 * `closed` again.
 */

#define LENGTH_SIZE 4 /* bytes of the prefix, little-endian */
/* Queued bytes that are not kept for the end of the round: a socket buffer's worth. */
#define FLUSH_NOW (64 * 1024)

static void on_event(struct watch *w, uint32_t events);
static void on_news(void *link);

static void init(struct link *l, const char *name, const struct link_ops *ops,
		 const struct wire_limits *limits)
{
	const size_t frame = LENGTH_SIZE + (size_t)limits->frame;

	*l = (struct link){ .fd = -1, .ops = ops, .limits = limits };
	snprintf(l->name, sizeof l->name, "%s", name);
	list_init(&l->room);
	buf_init(&l->in, frame + LINK_READ_SIZE);
	buf_init(&l->control, frame + LINK_CONTROL_HIGH);
	buf_init(&l->data, frame + LINK_QUEUE_HIGH);
}

void link_open_memory(struct link *l, struct memory_end *take_end, const char *name,
		      const struct link_ops *ops, const struct wire_limits *limits)
{
	init(l, name, ops, limits);
	l->memory = take_end;
	l->watch.events = EPOLLIN;
	memory_watch(take_end, on_news, l);
	trace(ACRE_EVENT_LINK_OPEN, (uintptr_t)l, (uint64_t)-1);
}

int link_open(struct link *l, int take_fd, const char *name, const struct link_ops *ops,
	      const struct wire_limits *limits)
{
	int r;

	init(l, name, ops, limits);
	l->fd = take_fd;
	r = sys_fcntl(take_fd, F_SETFL, O_NONBLOCK);
	if (r >= 0)
		r = loop_watch(&l->watch, take_fd, EPOLLIN, on_event);
	if (r < 0) {
		if (!PLANTED(LEAK_ON_FAILURE))
			sys_close(TAKE_FD(l->fd));
		l->closed = true;
		return acre_fail(report_class(r), "opening the link to %s", name);
	}
	trace(ACRE_EVENT_LINK_OPEN, (uintptr_t)l, (uint64_t)take_fd);
	return 0;
}

/* The end, once: nobody hears of this link again. */
static void end(struct link *l, int r)
{
	if (l->closed)
		return;
	l->closed = true;
	trace(ACRE_EVENT_LINK_CLOSE, (uintptr_t)l, (uint64_t)report_class(r));
	loop_undefer(&l->flush);
	timer_stop(&l->look);
	loop_unwatch(&l->watch);
	sys_close(TAKE_FD(l->fd));
	l->memory = memory_close(l->memory);
	unpark_all(&l->room, 0);
	l->ops->closed(l, r);
}

static void end_of_peer(struct link *l)
{
	end(l, acre_fail(ACRE_ECLOSED,
			 buf_len(&l->in) ? "%s closed its link in the middle of a frame"
					 : "%s closed its link",
			 l->name));
}

static void end_of_socket(struct link *l, int r)
{
	end(l, acre_fail(ACRE_ECLOSED, "the link to %s broke: %s", l->name,
			 strerrordesc_np(-r)));
}

/*
 * A host that has died. Who is asked is the kernel, by a timer that runs only while bytes are on
 * their way: a link that is idle costs nothing, and the kernel watches it alone (keepalive).
 */

static void look(struct timer *t)
{
	struct link *l = container_of(t, struct link, look);
	int r = transport_look(&l->health, l->fd, l->look_by);

	if (r < 0)
		end_of_socket(l, r);
	else if (r > 0)
		timer_set(&l->look, clock_now() + r * INT64_C(1000000), look);
}

static void look_later(struct link *l)
{
	if (l->look_by && !PLANTED(HOST_UNWATCHED) && !heap_is_linked(&l->look.node))
		timer_set(&l->look, clock_now() + LINK_FIRST_LOOK_NS, look);
}

void link_look_at_host(struct link *l, const struct transport_options *options)
{
	l->look_by = options;
	look_later(l);
}

/*
 * Writing.
 */

static size_t frame_len(const uint8_t *p)
{
	return LENGTH_SIZE + ((size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 |
			      (size_t)p[3] << 24);
}

/* `n` bytes at the front have gone; `left` is what is left of the frame at the cut. */
static void gone(struct buf *queue, size_t *left, size_t n)
{
	const uint8_t *p = buf_bytes(queue);
	size_t next =
		*left; /* where the first frame begins that has not been looked at */

	while (next < n)
		next += frame_len(p + next);
	*left = next - n;
	buf_consume(queue, n);
}

static ssize_t write_some(struct link *l, struct iovec *iov, size_t n)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };

	return l->memory ? memory_write(l->memory, iov, (int)n)
			 : sys_sendmsg(l->fd, &msg, MSG_NOSIGNAL);
}

static ssize_t read_some(struct link *l, void *bytes, size_t len)
{
	return l->memory ? memory_read(l->memory, bytes, len) : sys_read(l->fd, bytes, len);
}

/* One writev of everything, in the order that the wire must see: a frame under way is at
 * the front of its queue. */
static ssize_t write_once(struct link *l)
{
	size_t first = l->data_left;
	size_t control = buf_len(&l->control);
	struct iovec iov[] = {
		{ buf_bytes(&l->data), first },
		{ buf_bytes(&l->control), control },
		{ buf_bytes(&l->data), buf_len(&l->data) - first },
	};
	ssize_t n;
	size_t part;

	if (loop_is_forked(loop_this)) /* the socket is the parent's too */
		return -EAGAIN;
	if (first)
		iov[2].iov_base = buf_bytes(&l->data) + first;
	n = write_some(l, iov, ARRAY_N(iov));
	if (n <= 0)
		return n;
	part = (size_t)n <= first ? 0 : size_min((size_t)n - first, control);
	gone(&l->control, &l->control_left, part);
	gone(&l->data, &l->data_left, (size_t)n - part);
	return n;
}

static bool has_queued(const struct link *l)
{
	return buf_len(&l->control) + buf_len(&l->data) > 0;
}

static void ask_for_out(struct link *l, bool out)
{
	const uint32_t events = out ? EPOLLIN | EPOLLOUT : EPOLLIN;
	int r = 0;

	if (l->memory)
		l->watch.events = events;
	else
		r = loop_watch_change(&l->watch, events);
	if (r < 0)
		end_of_socket(l, r);
}

static void cut(struct buf *queue, size_t len)
{
	queue->end = queue->start + len;
	buf_consume(queue, 0);
}

/* All but the rest of a frame under way. */
static void drop_queued(struct link *l)
{
	cut(&l->control, l->control_left);
	cut(&l->data, l->data_left);
}

static void flush_deferred(struct deferred *d);

/* Nothing can be written any more, so the link is over: but not before what the peer had
 * sent is read, and not here, where a task may be running. */
static void lose(struct link *l, int r)
{
	l->broken = r;
	l->control_left = l->data_left = 0;
	drop_queued(l);
	unpark_all(&l->room, 0);
	loop_defer(&l->flush, flush_deferred);
}

/* All has been written. Where the kernel may still have to carry it, the peer has the last word:
 * it ends the link when it has read everything, or who bounds the goodbye does. */
static void end_finished(struct link *l)
{
	if (l->has_said_all)
		return;
	l->has_said_all = true;
	if (l->memory || loop_is_forked(loop_this) || !transport_say_end(l->fd))
		end(l, acre_fail(ACRE_ECLOSED, "the link to %s was finished", l->name));
	else
		ask_for_out(l, false);
}

static void flush(struct link *l)
{
	ssize_t n = 0;

	while (has_queued(l) && n >= 0)
		n = write_once(l);
	look_later(l);
	if (n < 0 && n != -EAGAIN) {
		lose(l, (int)n);
		return;
	}
	if (!link_is_full(l))
		unpark_all(&l->room, 0);
	if (!has_queued(l) && l->finishing)
		end_finished(l);
	else
		ask_for_out(l, has_queued(l));
}

static void flush_deferred(struct deferred *d)
{
	struct link *l = container_of(d, struct link, flush);

	if (l->broken)
		link_drain(l);
	else
		flush(l);
}

struct buf *link_queue(struct link *l, enum msg_kind kind)
{
	if (l->closed || l->finishing || l->broken)
		return NULL;
	if (!msg_is_before_data(kind))
		return &l->data;
	if (buf_len(&l->control) < LINK_CONTROL_HIGH)
		return &l->control;
	link_close(l, acre_fail(ACRE_ECLOSED, "%s reads nothing: %zu bytes wait for it",
				l->name, buf_len(&l->control)));
	return NULL;
}

void link_written(struct link *l)
{
	if (l->watch.events & EPOLLOUT)
		return; /* the socket is full: its readiness flushes */
	if (buf_len(&l->data) >= FLUSH_NOW && loop_this->current)
		flush(l);
	else
		loop_defer(&l->flush, flush_deferred);
}

void link_flush(struct link *l)
{
	if (!l->closed && !l->broken && !(l->watch.events & EPOLLOUT))
		flush(l);
}

/* Without a loop nothing: to queue a frame takes none. */
static void tell_frame(const struct link *l, enum acre_event_kind event, enum msg_kind kind)
{
	if (!loop_this)
		return;
	trace(event, (uintptr_t)l, kind);
	status_add(event == ACRE_EVENT_FRAME_IN ? &loop_this->status->n_frames_in
						: &loop_this->status->n_frames_out);
}

int link_send(struct link *l, const struct msg *m)
{
	struct buf *out = link_queue(l, m->kind);
	int r;

	if (!out)
		return acre_fail(ACRE_ECLOSED, "the link to %s is closed", l->name);
	r = msg_write(out, m);
	if (r < 0)
		return acre_fail(report_class(r), "a %s for %s", msg_name(m->kind),
				 l->name);
	tell_frame(l, ACRE_EVENT_FRAME_OUT, m->kind);
	link_written(l);
	return 0;
}

int link_wait_room(struct link *l)
{
	struct wait w = { .task = task_this() };
	int r = 0;

	while (r >= 0 && !l->closed && link_is_full(l)) {
		list_push(&l->room, &w.node);
		park_begin_naming(l->name, NULL);
		r = park_on(WAIT_LINK, l, &w, 1);
		park_end_naming();
	}
	return r;
}

/*
 * Ending.
 */

void link_close(struct link *l, int r)
{
	if (l->closed)
		return;
	drop_queued(l);
	if (has_queued(l))
		acre_ignore(write_once(l));
	end(l, r);
}

void link_finish(struct link *l)
{
	if (l->closed || l->finishing)
		return;
	l->finishing = true;
	loop_defer(&l->flush, flush_deferred);
}

void link_refuse(struct link *l, const char *why)
{
	struct msg m = { .kind = MSG_ERROR };

	if (l->closed)
		return;
	m.error = (struct msg_error){
		.src_uid = { slice_of(""), slice_of("") },
		.src_type = slice_of("TransportClosed"),
		.boxed_type = slice_of("TransportClosed"),
		.relay_path = { "\x90", 1 }, /* an empty array */
		.message = slice_of(why),
	};
	drop_queued(l);
	if (!l->mute)
		acre_ignore(msg_write(&l->control, &m));
	if (has_queued(l) && !l->broken)
		acre_ignore(write_once(l));
	end(l, acre_fail(EPROTO, "%s on the link from %s", why, l->name));
}

void link_fini(struct link *l)
{
	if (!l->ops)
		return;
	buf_fini(&l->in);
	buf_fini(&l->control);
	buf_fini(&l->data);
}

/*
 * Reading.
 */

/* Serves the whole frames that lie in the buffer. */
static void serve(struct link *l)
{
	struct msg m;
	struct msg_fault fault;
	int r;

	while (!l->closed && buf_len(&l->in) >= LENGTH_SIZE) {
		const uint8_t *p = buf_bytes(&l->in);
		size_t len = frame_len(p);

		if (len - LENGTH_SIZE > l->limits->frame) {
			snprintf(fault.text, sizeof fault.text,
				 "a frame of %zu bytes: the limit is %u",
				 len - LENGTH_SIZE, l->limits->frame);
			link_refuse(l, fault.text);
			return;
		}
		if (buf_len(&l->in) < len)
			return;
		r = msg_read(&m, p + LENGTH_SIZE, len - LENGTH_SIZE, l->limits, &fault);
		if (r < 0) {
			link_refuse(l, fault.text);
			return;
		}
		tell_frame(l, ACRE_EVENT_FRAME_IN, m.kind);
		l->ops->frame(l, &m);
		buf_consume(&l->in, len);
	}
}

/* How much to ask for: the rest of a frame that is larger than usual, else the usual. */
static size_t to_read(const struct link *l)
{
	size_t have = buf_len(&l->in), want = LINK_READ_SIZE;

	if (have >= LENGTH_SIZE) {
		size_t left = frame_len(buf_bytes(&l->in)) - have;

		want = size_max(left, want);
	}
	return want;
}

/* One read, and what came of it is served; how many bytes, 0 if none. */
static size_t read_once(struct link *l, size_t want)
{
	ssize_t n;

	if (l->closed)
		return 0;
	n = buf_reserve(&l->in, want);
	if (n >= 0)
		n = read_some(l, buf_tail(&l->in), want);
	if (n == -EAGAIN)
		return 0;
	if (n == 0)
		end_of_peer(l);
	else if (n < 0)
		end_of_socket(l, (int)n);
	if (n <= 0)
		return 0;
	buf_grow(&l->in, (size_t)n);
	serve(l);
	return (size_t)n;
}

static void look_at(struct link *l, uint32_t events)
{
	size_t n = 0, want = 0;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		for (int i = 0; i < LINK_READS_PER_EVENT && n == want; i++) {
			want = to_read(l);
			n = read_once(l, want);
		}
	if (!l->closed && !l->broken && (events & EPOLLOUT))
		flush(l);
}

static void on_event(struct watch *w, uint32_t events)
{
	look_at(container_of(w, struct link, watch), events);
}

/* What it is about is found by looking. */
static void on_news(void *link)
{
	struct link *l = link;

	look_at(l, l->watch.events);
}

void link_drain(struct link *l)
{
	while (read_once(l, to_read(l)) > 0)
		;
	if (l->closed)
		return;
	if (l->broken)
		end_of_socket(l, l->broken);
	else
		end_of_peer(l);
}
