/* SPDX-License-Identifier: MIT */
/* link.c - frames over a stream socket: reading, queueing, flushing, and the one end. */
#include "wire/link.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

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
#define FLUSH_NOW \
	(64 *     \
	 1024) /* queued bytes that are not kept for the end of the round: one socket buffer's worth */
#define CONTROL_MAX \
	(4 * 1024 * \
	 1024) /* bytes of control frames that a peer may leave unread before it is given up */

static void on_event(struct watch *w, uint32_t events);

int link_open(struct link *l, int take_fd, const char *name, const struct link_ops *ops,
	      const struct wire_limits *limits)
{
	int r;

	*l = (struct link){ .fd = take_fd, .ops = ops, .limits = limits };
	snprintf(l->name, sizeof l->name, "%s", name);
	list_init(&l->room);
	buf_init(&l->in, LENGTH_SIZE + (size_t)limits->frame + LINK_READ_SIZE);
	buf_init(&l->control, CONTROL_MAX);
	buf_init(&l->data, LINK_QUEUE_HIGH + LENGTH_SIZE + (size_t)limits->frame);
	r = sys_fcntl(take_fd, F_SETFL, O_NONBLOCK);
	if (r >= 0)
		r = loop_watch(&l->watch, take_fd, EPOLLIN, on_event);
	if (r < 0) {
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
	loop_unwatch(&l->watch);
	sys_close(TAKE_FD(l->fd));
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
 * Writing.
 */

static size_t frame_len(const uint8_t *p)
{
	return LENGTH_SIZE + ((size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 |
			      (size_t)p[3] << 24);
}

/* `n` bytes of the data queue have gone: finds how much of the frame at the cut is
 * left. */
static void data_gone(struct link *l, size_t n)
{
	while (n >= l->data_frame_left && n) {
		buf_consume(&l->data, l->data_frame_left);
		n -= l->data_frame_left;
		l->data_frame_left =
			n && buf_len(&l->data) ? frame_len(buf_bytes(&l->data)) : 0;
	}
	buf_consume(&l->data, n);
	l->data_frame_left -= n;
}

static void written(struct link *l, size_t n, size_t first, size_t control)
{
	size_t part = size_min(n, first);

	data_gone(l, part);
	n -= part;
	part = size_min(n, control);
	buf_consume(&l->control, part);
	n -= part;
	if (n) {
		l->data_frame_left = frame_len(buf_bytes(&l->data));
		data_gone(l, n);
	}
}

/* One writev of everything, in the order that the wire must see. */
static ssize_t write_once(struct link *l)
{
	size_t first = l->data_frame_left;
	size_t control = buf_len(&l->control);
	size_t rest = buf_len(&l->data) - first;
	struct iovec iov[3] = {
		{ buf_bytes(&l->data), first },
		{ buf_bytes(&l->control), control },
		{ buf_bytes(&l->data) + first, rest },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 3 };
	ssize_t n;

	if (l->control_cut) { /* a control frame is under way: nothing may come before its rest */
		msg.msg_iov = iov + 1;
		msg.msg_iovlen = 1;
		first = rest = 0;
	}
	n = sys_sendmsg(l->fd, &msg, MSG_NOSIGNAL);
	if (n > 0) {
		written(l, (size_t)n, first, control);
		l->control_cut = (size_t)n > first && (size_t)n < first + control;
	}
	return n;
}

static bool has_queued(const struct link *l)
{
	return buf_len(&l->control) + buf_len(&l->data) > 0;
}

static void ask_for_out(struct link *l, bool out)
{
	int r = loop_watch_change(&l->watch, out ? EPOLLIN | EPOLLOUT : EPOLLIN);

	if (r < 0)
		end_of_socket(l, r);
}

static void flush(struct link *l)
{
	ssize_t n = 0;

	while (!l->closed && has_queued(l)) {
		n = write_once(l);
		if (n < 0)
			break;
	}
	if (l->closed)
		return;
	if (n < 0 && n != -EAGAIN) {
		l->broken =
			(int)n; /* what the peer had sent before is still to be read */
		buf_consume(&l->control, buf_len(&l->control));
		buf_consume(&l->data, buf_len(&l->data));
		l->data_frame_left = 0;
	}
	if (!link_is_full(l))
		unpark_all(&l->room, 0);
	if (!has_queued(l) && l->finishing)
		end(l, acre_fail(ACRE_ECLOSED, "the link to %s was finished", l->name));
	else
		ask_for_out(l, has_queued(l));
}

static void flush_deferred(struct deferred *d)
{
	flush(container_of(d, struct link, flush));
}

struct buf *link_queue(struct link *l, enum msg_kind kind)
{
	if (l->closed || l->finishing || l->broken)
		return NULL;
	return msg_is_before_data(kind) ? &l->control : &l->data;
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
	trace(ACRE_EVENT_FRAME_OUT, (uintptr_t)l, m->kind);
	link_written(l);
	return 0;
}

int link_wait_room(struct link *l)
{
	struct wait w = { .task = task_this() };
	int r = 0;

	while (r >= 0 && !l->closed && link_is_full(l)) {
		list_push(&l->room, &w.node);
		r = park_on(WAIT_LINK, l, &w, 1);
	}
	return r;
}

/*
 * Ending.
 */

void link_close(struct link *l, int r)
{
	if (!l->closed && (l->data_frame_left || l->control_cut))
		acre_ignore(write_once(
			l)); /* a frame under way is not left half written if the socket takes it */
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
	char text[256];
	struct msg m = { .kind = MSG_ERROR };

	if (l->closed)
		return;
	snprintf(text, sizeof text, "%s", why);
	m.error = (struct msg_error){
		.src_uid = { slice_of(""), slice_of("") },
		.src_type = slice_of("TransportClosed"),
		.boxed_type = slice_of("TransportClosed"),
		.relay_path = { "\x90", 1 },
		.message = slice_of(text),
	};
	acre_ignore(link_send(l, &m));
	if (has_queued(l) && !l->closed)
		acre_ignore(write_once(l));
	end(l, acre_fail(EPROTO, "%s on the link from %s", text, l->name));
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

static void refuse_frame(struct link *l, const struct msg_fault *fault)
{
	link_refuse(l, fault->text);
}

/* Serves the whole frames that lie in the buffer. */
static void serve(struct link *l)
{
	struct msg m;
	struct msg_fault fault;

	while (!l->closed && buf_len(&l->in) >= LENGTH_SIZE) {
		const uint8_t *p = buf_bytes(&l->in);
		size_t len = frame_len(p);

		if (len - LENGTH_SIZE > l->limits->frame) {
			snprintf(fault.text, sizeof fault.text,
				 "a frame of %zu bytes: the limit is %u",
				 len - LENGTH_SIZE, l->limits->frame);
			refuse_frame(l, &fault);
			return;
		}
		if (buf_len(&l->in) < len)
			return;
		if (msg_read(&m, p + LENGTH_SIZE, len - LENGTH_SIZE, l->limits, &fault) <
		    0) {
			refuse_frame(l, &fault);
			return;
		}
		trace(ACRE_EVENT_FRAME_IN, (uintptr_t)l, m.kind);
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

/* One read: true if there may be more. */
static bool read_once(struct link *l)
{
	size_t want = to_read(l);
	ssize_t n = buf_reserve(&l->in, want);

	if (n >= 0)
		n = sys_read(l->fd, buf_tail(&l->in), want);
	if (n == -EAGAIN)
		return false;
	if (n == 0)
		end_of_peer(l);
	else if (n < 0)
		end_of_socket(l, (int)n);
	if (n <= 0)
		return false;
	buf_grow(&l->in, (size_t)n);
	serve(l);
	return !l->closed && (size_t)n == want;
}

static void on_event(struct watch *w, uint32_t events)
{
	struct link *l = container_of(w, struct link, watch);
	int reads = LINK_READS_PER_EVENT;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		while (reads-- && read_once(l))
			;
	if (!l->closed && (events & EPOLLOUT))
		flush(l);
}

void link_drain(struct link *l)
{
	while (!l->closed && read_once(l))
		;
	if (!l->closed)
		end_of_peer(l);
}
