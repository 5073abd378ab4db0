/* SPDX-License-Identifier: MIT */
/* test_doctor.c - `acre doctor` on hosts that lack something. */
#include "lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/doctor.h"

#define N_CHECKS_ROW(id, name, weight, promises, means, remedy) +1
#define N_CHECKS						(0 DOCTOR_CHECKS(N_CHECKS_ROW))
#define NOBODY							65534

#define ROW_NAME(id, name, weight, promises, means, remedy)	name,
static const char *const row_names[] = { DOCTOR_CHECKS(ROW_NAME) };

static char said[1 << 15];

static void path_of_command(char *ret, size_t size)
{
	char self[512];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

	assert_true(len > 0);
	self[len] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(ret, size, "%s/../src/acre", self);
}

/* Its status, on a host that prepare() makes; `said` is what it says. 128: not prepared. */
static int doctor(void (*prepare)(void), const char *option)
{
	char path[600];
	int ends[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	path_of_command(path, sizeof path);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		if (prepare)
			prepare();
		execl(path, "acre", "doctor", option, NULL);
		_exit(127);
	}
	close(ends[1]);
	while ((n = read(ends[0], said + len, sizeof said - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The state at the beginning of the line of this row. */
static bool is_row(const char *state, const char *name)
{
	char begin[64];
	const char *at = said;
	size_t len = (size_t)snprintf(begin, sizeof begin, "%-8s %s ", state, name);

	while (at && strncmp(at, begin, len) != 0) {
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	if (!at)
		test_note("no \"%s\" in:\n%s", begin, said);
	return at;
}

static int count(const char *text, const char *what)
{
	int n = 0;

	while ((text = strstr(text, what))) {
		n++;
		text += strlen(what);
	}
	return n;
}

TEST(each_thing_has_a_line_and_what_is_not_ok_a_remedy)
{
	int status = doctor(NULL, NULL), n = 0, n_bad = 0;

	assert_true(status == 0 ||
		    status == 1); /* this very test needs all that acre needs */
	for (size_t i = 0; i < N_CHECKS; i++) {
		n += count(said, row_names[i]) > 0;
	}
	n_bad = count(said, "\nlimited ") + count(said, "\nmissing ");
	assert_int_equal(n, N_CHECKS);
	assert_int_equal(count(said, "         means: "), n_bad);
	assert_int_equal(count(said, "         weaker: "), n_bad);
	assert_int_equal(count(said, "         to do: "), n_bad);
}

TEST(all_can_be_read_as_json)
{
	int status = doctor(NULL, "--json");
	char end[32];

	assert_int_equal(count(said, "{ \"name\": "), N_CHECKS);
	assert_int_equal(count(said, "\"state\": \"ok\"") + count(said, "\"means\": "),
			 N_CHECKS);
	assert_int_equal(count(said, "\"") % 2, 0);
	snprintf(end, sizeof end, "\n], \"status\": %d }\n", status);
	assert_string_equal(said + strlen(said) - strlen(end), end);
}

static void have_few_descriptors(void)
{
	struct rlimit few = { .rlim_cur = 64, .rlim_max = 64 };

	setrlimit(RLIMIT_NOFILE, &few);
}

TEST(a_low_limit_is_found)
{
	assert_int_equal(doctor(have_few_descriptors, NULL), 1);
	assert_true(is_row("limited", "ulimit -n"));
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(128);
	close(fd);
}

static void have_no_pid_namespaces(void)
{
	if (unshare(CLONE_NEWUSER) < 0)
		_exit(128);
	write_text("/proc/self/setgroups", "deny");
	write_text("/proc/self/uid_map", "0 0 1");
	write_text("/proc/self/gid_map", "0 0 1");
	write_text("/proc/sys/user/max_pid_namespaces", "0");
}

TEST(a_host_without_pid_namespaces_says_which_limit_it_is)
{
	int status;

	if (geteuid() != 0)
		test_skip("only root can map itself into a user namespace for sure");
	status = doctor(have_no_pid_namespaces, NULL);
	if (status == 128)
		test_skip("no user namespaces here, or a sanitizer has a thread");
	assert_int_equal(status, 1);
	assert_true(is_row("missing", "PID namespace"));
	assert_non_null(strstr(said, "user.max_pid_namespaces"));
}

/* As a sandbox does that is older than the call. */
static void forbid(unsigned nr)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof code / sizeof *code, .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(128);
}

static void have_no_clone3(void)
{
	forbid(SYS_clone3);
}

static void have_no_pidfd(void)
{
	forbid(SYS_pidfd_open);
}

static void have_no_close_range(void)
{
	forbid(SYS_close_range);
}

/* Needs what the kernel of this host must have for the test itself to run. */
static void assert_cannot(void (*prepare)(void), const char *name)
{
	int status = doctor(prepare, NULL);

	if (status == 128)
		test_skip("no seccomp filters here");
	assert_int_equal(status, 2);
	assert_true(is_row("missing", name));
	assert_non_null(strstr(said, "acre does not run here"));
}

TEST(without_what_it_needs_acre_cannot_run)
{
	assert_cannot(have_no_clone3, "clone3");
	assert_cannot(have_no_pidfd, "pidfd");
	assert_cannot(have_no_close_range, "close_range");
}

static void be_nobody(void)
{
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		_exit(128);
}

/* A cgroup is worth knowing of, but a PID namespace does the same. */
TEST(who_has_no_cgroup_has_all_promises_by_a_pid_namespace)
{
	int status;

	if (geteuid() != 0)
		test_skip("only root can become somebody else");
	if (doctor(NULL, NULL) != 0)
		test_skip("something else is weaker here");
	status = doctor(be_nobody, NULL);
	assert_true(is_row("missing", "cgroup v2"));
	assert_int_equal(status, strstr(said, "missing  PID namespace") ? 1 : 0);
}
