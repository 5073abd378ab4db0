/* SPDX-License-Identifier: MIT */
/* subint.c - a Python source runs in an interpreter of its own, in a process to be thrown away. */
#include "actor/subint.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <acre/process.h>
#include <acre/scope.h>
#include <acre/task.h>

#include "actor/schema.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/barrier.h"
#include "core/report.h"
#include "core/sched.h"
#include "wire/limits.h"

/*
 * Nothing ends a thread that runs Python and does not want to end (a lock, a sleep, a C
 * loop), and nothing that shares the process with it is safe from what it does. So the
 * process is the unit: a child of fork loads the plug-in, starts Python and runs the source
 * on a thread that is new, and answers through a pipe with one packed map. It is gone when
 * the handle is freed, whatever happened.
 *
 * The answer: `class` 0 with a `value`, or a class with `name`, `text` and `trace`.
 */

/* The reference's bound for the join of its thread */
#define LIMIT_NS 10000000000
/* What is beyond the value in an answer: keys, texts of a failure, its trace */
#define ANSWER_BEYOND (64 * 1024)
#define SOURCE_NAME   "<subint>"

/* A thread that runs a source. What it leaves is for who has seen that it is done. */
struct work {
	struct python_source source;
	const struct python_plugin *plugin;
	struct barrier_thread barrier;
	struct acre_packer *to; /* borrowed */
	int done_fd;		/* its end of a pipe; owned */
	int r;
	struct report *report; /* owned: of that failure; or NULL */
};

struct run {
	struct python_source source;
	int tell_fd;
	struct acre_packer *answer; /* owned */
};

/*
 * In the child.
 */

static void pack_failure(struct acre_packer *p, int r)
{
	const struct acre_report *why = acre_why(r);

	acre_pack_map(p, 4);
	acre_pack_text(p, "class");
	acre_pack_int(p, report_class(r));
	acre_pack_text(p, "name");
	acre_pack_bytes(p, why->name, strlen(why->name));
	acre_pack_text(p, "text"); /* bytes: it may be cut within a character */
	acre_pack_bytes(p, why->message, strlen(why->message));
	acre_pack_text(p, "trace");
	acre_pack_bytes(p, why->trace, strlen(why->trace));
}

/* A value that does not fit is a failure like others. */
static void pack_answer(struct run *run, int r, struct acre_packer *value)
{
	struct acre_value packed;

	if (r >= 0)
		r = acre_pack_end(value, &packed);
	if (r < 0) {
		pack_failure(run->answer, r);
		return;
	}
	acre_pack_map(run->answer, 2);
	acre_pack_text(run->answer, "class");
	acre_pack_int(run->answer, 0);
	acre_pack_text(run->answer, "value");
	acre_pack_value(run->answer, packed);
}

/* The processes that the source starts are to get their signals. */
static void unblock_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sys_sigmask(SIG_SETMASK, &none, NULL);
}

static void *work_in_child(void *arg)
{
	struct work *w = arg;

	barrier_begin(&w->barrier);
	unblock_signals();
	w->r = w->plugin->subint_run(&w->source, w->to);
	w->report = w->r < 0 ? report_take(w->r) : NULL;
	report_thread_fini();
	acre_ignore(sys_write(w->done_fd, "", 1));
	return NULL;
}

/* Of a thread that has done its work, or will be there when the process ends. */
static int await_work(struct work *w, pthread_t thread, int done_fd, int64_t limit_ns)
{
	struct pollfd p = { .fd = done_fd, .events = POLLIN };
	int r = sys_poll(&p, 1,
			 limit_ns); /* bound: the limit, or who ends this process */

	if (r <= 0)
		return r < 0 ? r : -ETIMEDOUT;
	pthread_join(thread, NULL);
	return w->r < 0 ? report_file(w->report, report_class(w->r)) : w->r;
}

static int work_on_thread(struct work *w, int64_t limit_ns)
{
	int pipe[2], r = sys_pipe2(pipe, 0);
	pthread_t thread;

	if (r < 0)
		return acre_fail(-r, "no pipe for the thread of a Python source");
	w->done_fd = pipe[1];
	r = barrier_start(&w->barrier, &thread,
			  &(const struct barrier_start){ .name = "a Python source",
							 .rank = BARRIER_CALLS,
							 .fn = work_in_child,
							 .arg = w });
	if (r < 0)
		return acre_fail(-r, "no thread for a Python source");
	return await_work(w, thread, pipe[0],
			  limit_ns); /* the end of the process closes it */
}

int subint_run_in_child(const struct python_source *source, struct acre_packer *to,
			int64_t limit_ns)
{
	/* not on the stack: the thread may outlive this call */
	struct work *w = mem_zalloc(sizeof *w);
	int r;

	if (!w)
		return acre_fail(ENOMEM, "no memory for a Python source");
	w->source = *source;
	w->to = to;
	r = python_load(&w->plugin);
	if (r >= 0)
		r = w->plugin->subint_begin();
	return r < 0 ? r : work_on_thread(w, limit_ns);
}

/* Nobody is left to hear of a failure to write. */
static void write_all(int fd, struct acre_value answer)
{
	const char *at = answer.packed;
	ssize_t n = 0;

	for (size_t left = answer.len; left && n >= 0; left -= (size_t)n, at += n) {
		n = sys_write(fd, at, left);
		if (n < 0)
			break;
	}
}

static int run_in_child(void *arg)
{
	struct run *run = arg;
	struct acre_packer *value = acre_pack_new();
	struct acre_value answer;
	int r;

	run->answer = acre_pack_new();
	r = subint_run_in_child(&run->source, value, -1);
	pack_answer(run, r, value);
	r = acre_pack_end(run->answer, &answer);
	if (r >= 0)
		write_all(run->tell_fd, answer);
	return r < 0 ? 1 : 0;
}

/*
 * In the task.
 */

/* Until the child has said all, or has died. */
static int hear(int fd, struct buf *to)
{
	enum { CHUNK = 4096 };
	ssize_t n = 1;
	int r = 0;

	while (r >= 0 && n > 0) {
		r = acre_wait_fd(fd, POLLIN);
		if (r >= 0)
			r = buf_reserve(to, CHUNK);
		if (r >= 0)
			r = (int)(n = sys_read(fd, buf_tail(to), CHUNK));
		if (n > 0 && r >= 0)
			buf_grow(to, (size_t)n);
	}
	return r;
}

static int died(const struct acre_death *death)
{
	struct report *rep = report_new(ACRE_EDIED);

	if (rep)
		acre_ignore(report_set_death(rep, death));
	return acre_note(report_file(rep, ACRE_EDIED), "running a Python source");
}

/* Bytes of the answer under a key; "" if there are none. */
static struct acre_bytes bytes_of(struct acre_value answer, const char *key)
{
	struct acre_part part = { .type = ACRE_PART_NIL };
	struct acre_value at;

	if (acre_value_get(answer, key, &at) > 0 && acre_value_next(&at, &part) > 0 &&
	    part.type == ACRE_PART_BYTES)
		return part.bytes;
	return (struct acre_bytes){ "", 0 };
}

static int failed(struct acre_value answer, int class)
{
	return python_failure(class, bytes_of(answer, "name"), bytes_of(answer, "text"),
			      bytes_of(answer, "trace"));
}

static int take_value(struct acre_value answer, struct acre_any *ret)
{
	struct acre_part part;
	struct acre_value at, value;
	int r = acre_value_get(answer, "value", &value);

	if (r <= 0)
		return r < 0 ? r : acre_fail(EPROTO, "an answer without a value");
	at = value;
	r = acre_value_next(&at, &part);
	if (r <= 0 || part.type == ACRE_PART_NIL)
		return r < 0 ? r : 0;
	ret->value = value;
	r = schema_own(acre_any_msg_(), ret);
	return r < 0 ? acre_fail(ENOMEM, "no memory for the result of a Python source")
		     : 1;
}

static int judge(const struct buf *heard, const struct acre_death *death,
		 struct acre_any *ret)
{
	struct acre_value answer = { buf_bytes(heard), buf_len(heard) }, at;
	struct acre_part class = { .type = ACRE_PART_NIL };

	if (death->signal || death->status || !answer.len ||
	    acre_value_get(answer, "class", &at) <= 0 ||
	    acre_value_next(&at, &class) <= 0 || class.type != ACRE_PART_INT)
		return died(death);
	return class.integer ? failed(answer, (int)class.integer)
			     : take_value(answer, ret);
}

/* The child's end of the pipe is its own, or its death would not be seen. */
static int start(struct acre_process **ret, struct run *run, int *ret_fd,
		 const struct acre_subint_options *o)
{
	int pipe[2], r = sys_pipe2(pipe, 0);

	if (r < 0)
		return acre_fail(-r, "no pipe for a Python source");
	run->tell_fd = pipe[1];
	r = acre_fork_from_worker(ret, run_in_child, run, .fds = &run->tell_fd,
				  .n_fds = 1, .flags = o->flags);
	sys_close(pipe[1]);
	if (r >= 0)
		*ret_fd = pipe[0];
	else
		sys_close(pipe[0]);
	return r;
}

static int run_source(struct run *run, struct acre_any *ret,
		      const struct acre_subint_options *o)
{
	struct acre_process *process = NULL;
	auto_close int fd = -1;
	struct acre_death death = { 0 };
	struct buf heard;
	int r = start(&process, run, &fd, o);

	if (r < 0)
		return r;
	buf_init(&heard, wire_limits_default.frame + ANSWER_BEYOND);
	r = hear(fd, &heard);
	if (r >= 0)
		r = acre_process_wait(process, &death);
	acre_process_free(process); /* which ends it, whatever it does */
	if (r >= 0)
		r = judge(&heard, &death, ret);
	buf_fini(&heard);
	return r;
}

static int check(const char *source, const struct acre_subint_options *o)
{
	const char *why_not;

	if (!source)
		return acre_fail(EINVAL, "no Python source to run");
	if ((unsigned int)o->gil > ACRE_GIL_SHARED)
		return acre_fail(EINVAL, "there is no enum acre_gil %d", (int)o->gil);
	if (o->limit.ns < 0)
		return acre_fail(EINVAL, "a limit of %lld ns: it must not be negative",
				 (long long)o->limit.ns);
	if (o->flags & ~ACRE_FORK_STRANGERS)
		return acre_fail(EINVAL, "unknown flags 0x%llx for a Python source",
				 (unsigned long long)o->flags);
	for (size_t i = 0; i < ARRAY_N(o->reserved); i++)
		if (o->reserved[i])
			return acre_fail(EINVAL,
					 "the reserved options of a source must be 0");
	why_not = python_why_not();
	return why_not ? acre_fail(EOPNOTSUPP, "%s", why_not) : 0;
}

int acre_run_subint_in_worker_(const char *source, struct acre_any *ret,
			       const struct acre_subint_options *options)
{
	int64_t limit = options->limit.ns ? options->limit.ns : LIMIT_NS;
	struct run run = { .source = { .text = source,
				       .name = SOURCE_NAME,
				       .gil = options->gil } };
	struct acre_any got = { .value = { NULL, 0 } };
	int r = checkpoint(sched_task("acre_run_subint_in_worker()")), got_value = 0;

	if (r >= 0)
		r = check(source, options);
	if (r < 0)
		return r;
	ACRE_WITHIN((acre_span){ .ns = limit }, r) {
		r = got_value = run_source(&run, &got, options);
	}
	if (got_value == -ECANCELED && acre_is(r, ETIMEDOUT)) /* by our own scope */
		r = acre_fail(ETIMEDOUT,
			      "a Python source had not ended after %lld ms: its process "
			      "was ended",
			      (long long)(limit / 1000000));
	if (r >= 0)
		*ret = got;
	return r < 0 ? r : got_value;
}
