/* SPDX-License-Identifier: MIT */
/* output.c - one output of a command: read as it comes, its end kept, and relayed. */
#include "actor/output.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "base/fault.h"
#include "base/sys.h"
#include "base/util.h"

/*
 * The loop reads whatever comes, up to where the relay has room. What is kept may grow to
 * twice of what is wanted before its older half is dropped, so that each byte is moved once.
 *
 * The end of the program is its output's end: a process that holds the other end of the pipe,
 * and lives outside of our reach, is not waited for. All that the program has written lies in
 * the pipe when it has ended, so "nothing to read now" is the end then.
 */

/* One page more would not be faster: what a pipe gives in one piece */
#define READ_MOST 4096
/* Bytes that a pipe can hold (fs.pipe-max-size): more than this was written by others */
#define PIPE_MOST (1024 * 1024)

void output_init(struct output *o, size_t keep, void (*changed)(struct output *o),
		 void *owner)
{
	*o = (struct output){
		.fd = -1, .keep = keep, .changed = changed, .owner = owner
	};
	o->relay.fd = -1;
	buf_init(&o->kept, 2 * keep + READ_MOST + 1);
}

int output_open(struct output *o, int *ret_theirs)
{
	int pipe[2], r = sys_pipe2(pipe, 0);

	if (r < 0)
		return r;
	o->fd = pipe[0];
	*ret_theirs = pipe[1];
	return sys_fcntl(o->fd, F_SETFL, O_NONBLOCK);
}

static void stop(struct output *o)
{
	loop_unwatch(&o->watch);
	sys_close(TAKE_FD(o->fd));
}

static void failed(struct output *o, int r)
{
	if (r < 0 && !o->error)
		o->error = -r;
}

static void forget_older(struct output *o, size_t keep)
{
	size_t len = buf_len(&o->kept);

	if (len <= keep)
		return;
	o->n_lost += len - keep;
	buf_consume(&o->kept, len - keep);
}

static void keep(struct output *o, const char *bytes, size_t n)
{
	int r;

	if (buf_len(&o->kept) + n > 2 * o->keep)
		forget_older(o, o->keep);
	r = buf_reserve(&o->kept, n + 1); /* the 0 of output_kept() needs no memory later */
	if (r >= 0)
		r = buf_append(&o->kept, bytes, n);
	if (r < 0)
		o->n_lost += n;
	failed(o, r);
}

static ssize_t read_once(struct output *o)
{
	char bytes[READ_MOST];
	ssize_t n = sys_read(o->fd, bytes, sizeof bytes);

	if (n > 0) {
		keep(o, bytes, (size_t)n);
		failed(o, relay_say(&o->relay, bytes, (size_t)n));
		o->n_after += o->is_last ? (size_t)n : 0;
	}
	return n;
}

/* "Not now" is no proof that the pipe is empty; this is. */
bool output_is_empty(const struct output *o)
{
	struct pollfd p = { .fd = o->fd, .events = POLLIN };

	return sys_poll(&p, 1, 0) <= 0;
}

/* Reads a piece, or after the program's end all that there is room for. */
static void read_some(struct output *o)
{
	ssize_t n;

	do {
		n = read_once(o);
		if (n == -EAGAIN && !(o->is_last && output_is_empty(o)))
			continue;
		if (n <= 0 || o->n_after > PIPE_MOST) {
			failed(o, n == -EAGAIN ? 0 : (int)n);
			stop(o);
			failed(o, relay_end_line(&o->relay));
		}
	} while (o->is_last && o->fd >= 0 && relay_has_room(&o->relay));
}

/* If nobody reads ours, nobody is to read the program's: it notices as if it wrote there. */
static void relay(struct output *o)
{
	int r = relay_write(&o->relay);

	if (o->is_in_hurry && !relay_is_idle(&o->relay))
		relay_fini(&o->relay);
	if (r < 0 && r != -EPIPE)
		failed(o, r);
	if (r < 0 && !o->is_last && o->fd >= 0)
		stop(o);
}

static void is_readable(struct watch *watch, uint32_t events);

static void settle(struct output *o)
{
	bool wants = o->fd >= 0 && !o->is_last && relay_has_room(&o->relay);
	int r = 0;

	if (!wants)
		loop_unwatch(&o->watch);
	else if (!o->watch.fn)
		r = loop_watch(&o->watch, o->fd, EPOLLIN, is_readable);
	failed(o, r);
	if (r < 0)
		stop(o);
}

static void serve(struct output *o)
{
	do {
		if (o->fd >= 0 && relay_has_room(&o->relay))
			read_some(o);
		relay(o);
	} while (o->is_last && o->fd >= 0 && relay_has_room(&o->relay));
	settle(o);
}

static void is_readable(struct watch *watch, uint32_t events)
{
	struct output *o = container_of(watch, struct output, watch);

	(void)events;
	serve(o);
	o->changed(o);
}

int output_watch(struct output *o)
{
	return o->fd < 0 || o->is_source
		       ? 0
		       : loop_watch(&o->watch, o->fd, EPOLLIN, is_readable);
}

static void relay_went_on(struct relay *r)
{
	struct output *o = container_of(r, struct output, relay);

	serve(o);
	o->changed(o);
}

int output_relay(struct output *o, int fd, const char *label)
{
	return relay_open(&o->relay, fd, label, relay_went_on);
}

void output_program_ended(struct output *o)
{
	o->is_last = true;
	if (PLANTED(OUTPUT_CUT) && !o->is_source)
		stop(o);
	loop_unwatch(&o->watch);
	if (!o->is_source)
		serve(o);
}

void output_hurry(struct output *o)
{
	o->is_in_hurry = true;
	if (o->is_last && !o->is_source)
		serve(o);
}

bool output_is_done(const struct output *o)
{
	return o->is_source || (o->fd < 0 && relay_is_idle(&o->relay));
}

struct acre_output output_kept(struct output *o)
{
	forget_older(o, o->keep);
	if (o->kept.data)
		*buf_tail(&o->kept) = '\0';
	return (struct acre_output){ .bytes = o->kept.data ? (char *)buf_bytes(&o->kept) : "",
				     .len = buf_len(&o->kept),
				     .n_lost = o->n_lost };
}

void *output_take(struct output *o, struct acre_output *ret)
{
	void *data = o->kept.data;

	*ret = output_kept(o);
	o->kept.data = NULL;
	buf_fini(&o->kept);
	return data;
}

void output_fini(struct output *o)
{
	stop(o);
	relay_fini(&o->relay);
	buf_fini(&o->kept);
}
