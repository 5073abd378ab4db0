/* SPDX-License-Identifier: MIT */
/* command.c - any program as a member of a nursery: how it is made, and what one asks of it. */
#include "actor/command.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "actor/life.h"
#include "actor/program.h"
#include "actor/runtime.h"
#include "actor/spawner.h"
#include "actor/watchdog.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/report.h"
#include "core/sched.h"

/*
 * It is made as an actor's process is, by the spawner thread (actor/spawner.h), but that it
 * becomes the reaper of what it leaves behind, and that none of its descriptors is ours. The
 * rest is what it is called with; then the life of it begins (command_life.c).
 */

#define KEEP_DEFAULT ((size_t)1 << 20)
#define KEEP_MOST    ((size_t)1 << 30)
#define ALL_FLAGS    (ACRE_COMMAND_ANY_STATUS | ACRE_COMMAND_SERVES | ACRE_COMMAND_CLEAN_ENV)

/*
 * What it is called with.
 */

static bool is_mode(enum acre_command_mode mode, enum acre_command_mode last)
{
	return (unsigned int)mode <= (unsigned int)last;
}

static bool has_control_characters(const char *label)
{
	for (; *label; label++)
		if ((unsigned char)*label < ' ' || *label == 0x7f)
			return true;
	return false;
}

static const char *complaint(const struct acre_command_options *o)
{
	if (!o->argv || !o->argv[0])
		return "without a program";
	if (o->flags & ~ALL_FLAGS)
		return "with unknown flags";
	if (!is_mode(o->out, ACRE_COMMAND_DROP) || !is_mode(o->err, ACRE_COMMAND_MERGE))
		return "with an unknown mode of an output";
	if (o->input_fd < 0 || (o->input_fd > 0 && o->input))
		return "with a negative input_fd, or with two inputs";
	if (o->input_len > 0 && !o->input)
		return "with a length of no input";
	if (o->keep > KEEP_MOST || o->linger.ns < 0)
		return "with more than 1 GiB to keep, or a negative linger";
	if (o->label && (strlen(o->label) >= ACRE_COMMAND_LABEL_SIZE ||
			 has_control_characters(o->label)))
		return "with a label that is too long for a line, or is not text";
	for (size_t i = 0; i < ARRAY_N(o->reserved); i++)
		if (o->reserved[i])
			return "with reserved options that are not 0";
	return NULL;
}

static int check_input(const struct acre_command_options *o)
{
	if (!o->input_fd)
		return 0;
	if (sys_fcntl(o->input_fd, F_GETFD, 0) < 0)
		return acre_fail(EBADF, "input_fd %d of command %s is not open",
				 o->input_fd, o->argv[0]);
	if (sys_isatty(o->input_fd) > 0)
		return acre_fail(EINVAL, "input_fd %d of command %s is a terminal",
				 o->input_fd, o->argv[0]);
	return 0;
}

static int check(const struct nursery *n, const struct acre_command_options *o)
{
	const char *wrong = complaint(o);
	int r = acre_checkpoint();

	if (r < 0)
		return r;
	if (!runtime_this)
		return acre_fail(ACRE_ENORUNTIME, "a command outside of acre_run()");
	if (wrong)
		return acre_fail(EINVAL, "a command %s", wrong);
	r = check_input(o);
	return r < 0 ? r : n->scope.covered ? -ECANCELED : 0;
}

static void set_name(char ret[ACRE_COMMAND_LABEL_SIZE], const char *name)
{
	snprintf(ret, ACRE_COMMAND_LABEL_SIZE, "%s", name);
	for (; *ret; ret++)
		if ((unsigned char)*ret < ' ' || *ret == 0x7f)
			*ret = '?'; /* argv[0] is not ours to refuse */
}

/* Without a label lines are as they come; failures have a name all the same. */
static void choose_names(struct acre_command *c, const struct acre_command_options *o)
{
	const char *slash = strrchr(o->argv[0], '/');
	const char *program = slash ? slash + 1 : o->argv[0];

	set_name(c->label, o->label ? o->label : program);
	set_name(c->title, *c->label ? c->label : program);
}

/*
 * Its descriptors. Failures are plain: command_new() tells of them.
 */

static int open_null(int *ret)
{
	int fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);

	*ret = fd;
	return fd < 0 ? fd : 0;
}

/* A file of ours in memory, which it reads from its beginning. Nobody has to feed a pipe. */
static int open_bytes(int *ret, const void *bytes, size_t len)
{
	auto_close int fd = sys_memfd_create("acre-input", 0);
	void *at = NULL;
	int r = fd;

	if (r >= 0)
		r = sys_ftruncate(fd, (off_t)len);
	if (r >= 0)
		r = sys_mmap(&at, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (r < 0)
		return r;
	memcpy(at, bytes, len);
	acre_ignore(sys_munmap(at, len));
	*ret = TAKE_FD(fd);
	return 0;
}

static int open_input(int *ret, const struct acre_command_options *o)
{
	int r;

	if (o->input_len)
		return open_bytes(ret, o->input, o->input_len);
	if (!o->input_fd)
		return open_null(ret);
	r = *ret = sys_fcntl(o->input_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return r < 0 ? r : 0;
}

static int open_output(struct acre_command *c, enum acre_command_stream stream,
		       enum acre_command_mode mode, int *ret)
{
	struct output *o = &c->outputs[stream];
	int r;

	if (mode == ACRE_COMMAND_DROP)
		return open_null(ret);
	r = output_open(o, ret);
	o->is_source = mode == ACRE_COMMAND_SOURCE;
	if (r >= 0 && mode == ACRE_COMMAND_RELAY)
		r = output_relay(o,
				 stream == ACRE_COMMAND_OUT ? STDOUT_FILENO
							    : STDERR_FILENO,
				 c->label);
	return r;
}

/* What becomes its 0, 1 and 2. Ours to close, also after a failure. */
static int open_all(struct acre_command *c, const struct acre_command_options *o,
		    int standard[3])
{
	int r = open_input(&standard[STDIN_FILENO], o);

	if (r >= 0)
		r = open_output(c, ACRE_COMMAND_OUT, o->out, &standard[STDOUT_FILENO]);
	if (r >= 0 && o->err == ACRE_COMMAND_MERGE) {
		r = standard[STDERR_FILENO] = sys_fcntl(
			standard[STDOUT_FILENO], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	} else if (r >= 0) {
		r = open_output(c, ACRE_COMMAND_ERR, o->err, &standard[STDERR_FILENO]);
	}
	return r < 0 ? r : 0;
}

/*
 * Its making.
 */

static int no_program(const struct program *p, const char *name, int r)
{
	if (r == -ENOMEM)
		return acre_fail(ENOMEM, "no memory to start \"%.200s\"", name);
	if (r == -ENAMETOOLONG)
		return acre_fail(ENAMETOOLONG, "a program's name of %zu bytes",
				 strlen(name));
	return acre_fail(-r, "\"%.200s\" %s in PATH (%.600s)", name,
			 r == -EACCES ? "may not be executed where it is found"
				      : "is not found",
			 program_dirs(p));
}

static int make_process(struct acre_command *c, const struct acre_command_options *o,
			const struct program *p, const int standard[3])
{
	struct spawn_request q = {
		.make = spawn_exec,
		.path = p->path,
		.argv = (char *const *)(uintptr_t)o->argv,
		.env = (char *const *)(uintptr_t)p->env,
		.standard = standard,
		.stderr_fd = -1,
		.directory = o->cwd,
		.is_subreaper = true,
		.entry = &c->entry,
	};
	int r;

	contain_birth(runtime_this->contained_by, &q);
	r = spawner_make(&q);
	if (r < 0 && o->cwd)
		return acre_note(r, "starting \"%.200s\" in %.200s", o->argv[0], o->cwd);
	if (r < 0)
		return acre_note(r, "starting \"%.200s\"", o->argv[0]);
	c->pid = q.pid;
	c->number = q.pid.pid;
	return 0;
}

static int find_and_make(struct acre_command *c, const struct acre_command_options *o,
			 const int standard[3])
{
	const struct program_env env = { .changes = o->env,
					 .only_changes = o->flags &
							 ACRE_COMMAND_CLEAN_ENV };
	struct program *p = NULL;
	int r = program_new_in(&p, o->argv[0], &env);

	if (r < 0)
		r = no_program(p, o->argv[0], r);
	else
		r = make_process(c, o, p, standard);
	program_free(p);
	return r;
}

static void command_free(struct acre_command *c)
{
	for (size_t i = 0; i < ARRAY_N(c->outputs); i++)
		output_fini(&c->outputs[i]);
	mem_free(c);
}

static void bury(struct member *m)
{
	command_free(container_of(m, struct acre_command, member));
}

static struct acre_command *command_new(const struct acre_command_options *o)
{
	struct acre_command *c = mem_zalloc(sizeof *c);

	if (!c)
		return NULL;
	c->member = (struct member){ .ask = command_ask, .bury = bury };
	c->pid = PIDREF_NULL;
	c->flags = o->flags;
	c->linger_ns = o->linger.ns ? o->linger.ns : LIFE_LINGER_NS;
	c->is_merged = o->err == ACRE_COMMAND_MERGE;
	c->death.last_words = c->words;
	list_init(&c->end_waits);
	acre_event_init(&c->reaped);
	choose_names(c, o);
	for (size_t i = 0; i < ARRAY_N(c->outputs); i++)
		output_init(&c->outputs[i], o->keep ? o->keep : KEEP_DEFAULT,
			    command_output_changed, c);
	return c;
}

/* The program runs afterwards, or nothing does. */
static int make(struct acre_command *c, const struct acre_command_options *o)
{
	int standard[3] = { -1, -1, -1 };
	int r = open_all(c, o, standard);

	if (r < 0)
		r = acre_fail(-r, "no descriptors for command %s", c->title);
	else
		r = find_and_make(c, o, standard);
	for (size_t i = 0; i < ARRAY_N(standard); i++)
		sys_close(standard[i]);
	return r < 0 ? r : command_begin(c);
}

static int start(struct nursery *n, struct acre_command **ret,
		 const struct acre_command_options *o, struct acre_command_result *result)
{
	struct acre_command *c;
	int r = check(n, o);

	if (r >= 0)
		r = watchdog_start_sweeping(runtime_this); /* and finds us dead */
	if (r < 0)
		return r;
	c = command_new(o);
	if (!c)
		return acre_fail(ENOMEM, "no memory for command %.200s", o->argv[0]);
	c->result = result;
	r = make(c, o);
	if (r < 0) {
		command_free(c);
		return r;
	}
	nursery_add(n, &c->member);
	if (n->scope.covered) /* it was cancelled while the program was made */
		command_ask(&c->member, scope_why(&n->scope));
	*ret = c;
	return 0;
}

int acre_command_start_(struct acre_nursery *nursery, struct acre_command **ret,
			const struct acre_command_options *options)
{
	return start(nursery_of(nursery), ret, options, NULL);
}

/*
 * What one asks of it.
 */

static bool is_forked(void)
{
	return loop_this && loop_is_forked(loop_this);
}

static int wait_end(struct acre_command *c, struct task *t)
{
	struct wait w = { .task = t };
	int r = 0;

	while (r >= 0 && !command_is_over(c)) {
		list_push(&c->end_waits, &w.node);
		r = park_on(WAIT_PROCESS, c, &w, 1);
	}
	return r;
}

int acre_command_wait(struct acre_command *command, struct acre_death *ret)
{
	struct task *t = sched_task("acre_command_wait");
	int r = checkpoint(t);

	if (r >= 0)
		r = wait_end(command, t);
	if (r >= 0 && ret)
		*ret = command->death;
	return r;
}

int acre_command_cancel(struct acre_command *command)
{
	struct task *t = sched_task("acre_command_cancel");
	int r = checkpoint(t);

	if (r < 0)
		return r;
	command->was_asked = true;
	command_event(command, COMMAND_EV_ASK);
	return wait_end(command, t);
}

int acre_command_signal(struct acre_command *command, int sig)
{
	int r = is_forked() ? -ECHILD : pidref_signal(&command->pid, sig);

	if (r < 0 && r != -ECHILD)
		return acre_fail(-r, "signal %d cannot be sent to command %s", sig,
				 command->title);
	return r;
}

pid_t acre_command_pid(const struct acre_command *command)
{
	return command->number;
}

struct acre_output acre_command_output(struct acre_command *command,
				       enum acre_command_stream stream)
{
	return output_kept(&command->outputs[stream == ACRE_COMMAND_ERR]);
}

/* Until there is something to read, or the program has ended: then what is there is all. */
static int wait_readable(struct acre_command *c, int fd)
{
	struct acre_case cases[] = {
		{ .kind = ACRE_CASE_FD, .fd = fd, .events = POLLIN },
		{ .kind = ACRE_CASE_EVENT, .event = &c->reaped },
	};
	int r = acre_select(cases, ARRAY_N(cases));

	return r < 0 ? r : cases[r].result < 0 ? cases[r].result : 0;
}

ssize_t acre_command_recv(struct acre_command *command, enum acre_command_stream stream,
			  void *buf, size_t len)
{
	const struct output *o = &command->outputs[stream == ACRE_COMMAND_ERR];
	int r = acre_checkpoint();
	bool is_last;
	ssize_t n;

	if (r >= 0 && (!o->is_source || !len))
		r = acre_fail(EINVAL, "no source of command %s, or no room to read into",
			      command->title);
	while (r >= 0) {
		is_last = acre_event_is_set(&command->reaped);
		n = sys_read(o->fd, buf, len);
		if (n >= 0)
			return n;
		if (n != -EAGAIN)
			return acre_fail((int)-n, "reading from command %s",
					 command->title);
		if (is_last && output_is_empty(o))
			return 0;
		r = wait_readable(command, o->fd);
	}
	return r;
}

/*
 * All at once.
 */

static const struct acre_output no_output = { .bytes = "" };

int acre_command_run_(struct acre_command_result *ret,
		      const struct acre_command_options *options)
{
	struct acre_command_result unwanted = { .out = no_output };
	struct acre_command_result *res = ret ? ret : &unwanted;
	struct acre_command *c = NULL;
	struct nursery n;
	int r;

	*res = (struct acre_command_result){ .death = { .last_words = "" },
					     .out = no_output,
					     .err = no_output };
	if (options->out == ACRE_COMMAND_SOURCE || options->err == ACRE_COMMAND_SOURCE)
		return acre_fail(EINVAL, "acre_command_run() reads from no source");
	nursery_open(&n, __FILE__, __LINE__);
	r = start(&n, &c, options, res);
	if (c)
		r = acre_command_wait(c, NULL);
	r = nursery_close(&n, r);
	acre_command_result_free(&unwanted);
	return r;
}

void acre_command_result_free(struct acre_command_result *result)
{
	if (!result)
		return;
	for (size_t i = 0; i < ARRAY_N(result->private_); i++)
		result->private_[i] = mem_free(result->private_[i]);
	result->out = result->err = no_output;
	result->death.last_words = "";
}
