/* SPDX-License-Identifier: MIT */
/* runner.c - one test in a process of its own, watched from outside. */
/*
 * The runner forks the process of the test and then only listens, in one loop: to what
 * it prints (a pipe, always drained, so a test that floods is not blocked), to what it
 * tells (body.h), to the time limit, and to signals: SIGCHLD for its death, others ask
 * the runner to end. (No pidfd, which valgrind 3.19 does not know: most tests need
 * none.) It is a sub-reaper, so what the test leaves behind is its own child in the end,
 * and sweep.c finds it.
 *
 * A test fails if there is a story: each line of it is one reason, whoever found it. So a
 * test whose body went well but whose process then ended with a status of a sanitizer has
 * failed as well.
 */
#define _GNU_SOURCE
#include "lib/runner.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/body.h"
#include "lib/dir.h"
#include "lib/proc.h"
#include "lib/sweep.h"

/* Of a process that hangs, from src/actor/dump.c where that is linked. */
#define DUMP_VERSION_MAX 16
int dump_write_process(int fd, pid_t pid, char ret_version[]) __attribute__((weak));

#define DEFAULT_LIMIT_S 60
#define ABORT_S		1 /* for the test's own last words after SIGABRT */
#define DEATH_S		5 /* for the kernel after SIGKILL */

/* What became of a test that is over its time limit. */
enum stage { IN_TIME, ABORTED, KILLED, GIVEN_UP };

struct run {
	struct result *result;
	pid_t pid;   /* stays its own until finish(), since nobody else can reap it */
	int output;  /* our end of its stdout and stderr; -1 once nobody writes */
	int control; /* our end of what it tells; -1 likewise */
	int timer;
	int limit; /* seconds, 0 = none */
	enum stage stage;
	bool body_ended; /* and it said so itself */
};

static int signals = -1; /* the signalfd of own_signals() */
static int default_limit;

static void own_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGCHLD);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGHUP);
	sigaddset(ret, SIGQUIT);
}

static bool is_traced(pid_t pid)
{
	struct proc proc;

	return proc_look(&proc, pid) && proc.is_traced;
}

/* A pipe of ours with one of these numbers would be overwritten by redirect(). */
static void open_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	close(fd);
}

void runner_init(void)
{
	const char *limit = getenv("ACRE_TEST_LIMIT");
	sigset_t set;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		err(1, "cannot become a sub-reaper");
	open_standard_fds();
	/* What a shell or make has left open is not for programs that tests execute. */
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	signal(SIGCHLD, SIG_DFL); /* ignored, it would reap */
	own_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		err(1, "signalfd");
	default_limit = limit ? atoi(limit) : DEFAULT_LIMIT_S;
	if (is_traced(getpid()))
		default_limit = 0;
}

void runner_end_by(int sig)
{
	sigset_t set;

	signal(sig, SIG_DFL);
	own_signals(&set);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	abort();
}

/* In the child: nothing of the runner's surroundings reaches the test. */
static void reset_process(void)
{
	struct sigaction action;
	sigset_t none;

	for (int sig = 1; sig <= SIGRTMAX; sig++)
		if (sigaction(sig, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
	setpgid(0, 0); /* ^C of a terminal is for the runner, which then ends the test */
}

/* In the child: stdin is empty, stdout and stderr go to the runner. */
static void redirect(int output)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
		err(1, "cannot redirect the test");
	close(null);
	close(output);
	close(signals);
	setvbuf(stdout, NULL, _IOLBF, 0); /* an abort must not lose what was printed */
}

/* A failure that is expected needs no core. */
static void forbid_core(void)
{
	struct rlimit none = { 0 };

	setrlimit(RLIMIT_CORE, &none);
}

static void fork_test(struct run *run, const struct test_case *test, const char *dir)
{
	pid_t runner = getpid();
	int output[2], control[2]; /* [0] is the runner's end */

	if (pipe2(output, O_CLOEXEC) < 0 || fcntl(output[0], F_SETFL, O_NONBLOCK) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
		err(1, "cannot connect to a test");
	fflush(NULL);
	run->pid = fork();
	if (run->pid < 0)
		err(1, "cannot fork a test");
	if (run->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != runner)
			_exit(1);
		close(output[0]);
		close(control[0]);
		redirect(output[1]);
		reset_process();
		dir_use(dir);
		if (test->expected)
			forbid_core();
		body_process(test, control[1]);
	}
	close(output[1]);
	close(control[1]);
	run->output = output[0];
	run->control = control[0];
}

static void arm(struct run *run, int seconds)
{
	struct itimerspec when = { .it_value.tv_sec = seconds };

	if (timerfd_settime(run->timer, 0, &when, NULL) < 0)
		err(1, "timerfd_settime");
}

static void hang_up(int *fd)
{
	close(*fd);
	*fd = -1;
}

static void look_for_orphans(struct run *run)
{
	run->body_ended = true;
	sweep_orphans(run->pid, &run->result->story);
	if (send(run->control, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EPIPE)
		err(1, "cannot answer a test");
}

/* One message of the test. False: there is none now. */
static bool hear(struct run *run)
{
	char packet[1 + TELL_MAX + 1];
	ssize_t len = recv(run->control, packet, sizeof packet - 1, MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	if (len <= 0) {
		hang_up(&run->control);
		return false;
	}
	packet[len] = '\0';
	switch ((enum tell)packet[0]) {
	case TELL_COMPLAINT:
		text_add(&run->result->story, packet + 1, (size_t)len - 1);
		break;
	case TELL_LIMIT:
		run->limit = atoi(packet + 1);
		arm(run, run->limit);
		break;
	case TELL_SKIP:
		snprintf(run->result->skip_reason, sizeof run->result->skip_reason,
			 "%.*s", SKIP_REASON_MAX, packet + 1);
		break;
	case TELL_END:
		look_for_orphans(run);
		break;
	}
	return true;
}

static void hear_all(struct run *run)
{
	while (run->control >= 0 && hear(run))
		;
}

static void send_signal(const struct run *run, int sig)
{
	kill(run->pid, sig);
}

/* Its tasks, and those of all actors below it, where the library is linked and in it. */
static void dump_tasks(pid_t pid, struct text *to)
{
	char version[DUMP_VERSION_MAX] = "", line[4096];
	FILE *f = dump_write_process ? tmpfile() : NULL;

	if (!f)
		return;
	if (dump_write_process(fileno(f), pid, version) >= 0) {
		rewind(f);
		while (fgets(line, sizeof line, f))
			text_add(to, line, strlen(line));
	}
	fclose(f);
}

static void time_is_up(struct run *run)
{
	struct text *story = &run->result->story;

	switch (run->stage) {
	case IN_TIME:
		if (is_traced(run->pid)) {
			arm(run, run->limit);
			return;
		}
		text_say(story, "hung: not over after %d s (ACRE_TEST_LIMIT)",
			 run->limit);
		proc_dump_tree(run->pid, story);
		dump_tasks(run->pid, story);
		send_signal(run, SIGABRT);
		run->stage = ABORTED;
		arm(run, ABORT_S);
		break;
	case ABORTED:
		send_signal(run, SIGKILL);
		run->stage = KILLED;
		arm(run, DEATH_S);
		break;
	case KILLED:
		text_say(story, "SIGKILL does not end process %d", (int)run->pid);
		run->stage = GIVEN_UP;
		break;
	case GIVEN_UP:
		break;
	}
}

static void interrupt(struct run *run, int sig)
{
	run->result->interrupted = sig;
	text_say(&run->result->story, "interrupted by signal %d", sig);
	send_signal(run, SIGKILL);
	run->stage = KILLED;
	arm(run, DEATH_S);
}

static void hear_signals(struct run *run)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof info) == sizeof info)
		if (info.ssi_signo != SIGCHLD)
			interrupt(run, (int)info.ssi_signo);
}

/* Has it ended? SIGCHLD alone does not tell, it comes for orphans as well. */
static bool is_dead(const struct run *run)
{
	siginfo_t end = { 0 };

	return waitid(P_PID, (id_t)run->pid, &end, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       end.si_pid == run->pid;
}

static void drain(struct run *run)
{
	if (run->output >= 0 && !text_drain(&run->result->output, run->output))
		hang_up(&run->output);
}

static void watch(struct run *run)
{
	enum { OUTPUT, CONTROL, TIMER, SIGNAL, N };

	while (!is_dead(run) && run->stage != GIVEN_UP) {
		struct pollfd fds[N] = {
			[OUTPUT] = { .fd = run->output, .events = POLLIN },
			[CONTROL] = { .fd = run->control, .events = POLLIN },
			[TIMER] = { .fd = run->timer, .events = POLLIN },
			[SIGNAL] = { .fd = signals, .events = POLLIN },
		};

		if (poll(fds, N, -1) < 0 && errno != EINTR)
			err(1, "poll");
		if (fds[OUTPUT].revents)
			drain(run);
		if (fds[CONTROL].revents)
			hear_all(run);
		if (fds[TIMER].revents)
			time_is_up(run);
		if (fds[SIGNAL].revents)
			hear_signals(run);
	}
	hear_all(run);
}

/* Adds to the story what the end of the process tells. */
static void judge_end(const struct run *run, const siginfo_t *end)
{
	struct text *story = &run->result->story;
	int status = end->si_status;

	if (run->stage != IN_TIME)
		return; /* it was we who ended it */
	if (end->si_code != CLD_EXITED)
		text_say(story, "ended by signal %d (%s)", status, strsignal(status));
	else if (!run->body_ended && !*run->result->skip_reason)
		text_say(story, "the process ended before the body, with status %d",
			 status);
	else if (status != 0 && story->len == 0)
		text_say(story, "status %d at the end, see what was printed", status);
}

/* For a test that is to fail: turns the verdict round. */
static void judge_expectation(const struct test_case *test, const struct run *run)
{
	struct result *result = run->result;
	struct text *story = &result->story;
	bool seen = text_has(story, test->expected) ||
		    (!run->body_ended && text_has(&result->output, test->expected));

	if (result->verdict == PASSED)
		text_say(story, "passed, but was to fail with \"%s\"", test->expected);
	else if (!seen)
		text_say(story, "failed, but was to fail with \"%s\"", test->expected);
	result->verdict = result->verdict == FAILED && seen ? PASSED : FAILED;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void start(struct run *run, const struct test_case *test, const char *dir)
{
	fork_test(run, test, dir);
	run->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (run->timer < 0)
		err(1, "timerfd_create");
	arm(run, run->limit);
}

static void finish(struct run *run)
{
	siginfo_t end = { 0 };

	waitid(P_PID, (id_t)run->pid, &end, WEXITED | WNOHANG);
	if (end.si_pid != 0) /* 0: it cannot be killed, the story says so */
		judge_end(run, &end);
	sweep_orphans(0, &run->result->story); /* now nobody else can write to the pipe */
	drain(run);
	close(run->output);
	close(run->control);
	close(run->timer);
}

void runner_run(const struct test_case *test, struct result *ret)
{
	struct run run = { .result = ret, .limit = default_limit };
	char dir[DIR_LEN];
	int64_t began = now_ms();

	*ret = (struct result){ 0 };
	dir_make(dir);
	start(&run, test, dir);
	watch(&run);
	finish(&run);
	dir_remove(dir);
	ret->ms = now_ms() - began;
	ret->verdict = ret->story.len > 0 ? FAILED : *ret->skip_reason ? SKIPPED : PASSED;
	if (test->expected && ret->verdict != SKIPPED && ret->interrupted == 0)
		judge_expectation(test, &run);
}
