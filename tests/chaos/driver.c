/* SPDX-License-Identifier: MIT */
/* driver.c - trials: how their processes are counted, killed, and seen to be gone. */
#include "chaos/driver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/sys.h"
#include "chaos/folder.h"
#include "lib/proc.h"
#include "lib/test.h"

/*
 * Where a cgroup is to be had, only the fork of the root moves a process into it; all others
 * are born there, and none can leave. A process that has not entered itself in the roll is
 * told by its mark: the number of the member that made its image, so its maker, or for a
 * moment (between clone and exec) that one's maker.
 */

#define MARK	    "ACRE_CHAOS_MEMBER"
#define LISTED_MAX  256
#define LOOK_MS	    50 /* between two looks at who goes with a victim: it may enter itself */
#define FORKS_GUARD 30 /* s: a tree that is not made meanwhile hangs */
/* Between clone and the tie to the parent, in a third of all births: kernel-facts K3 */
#define WINDOW_NS  3000000u
#define WIDENED_OF 10
#define WIDENED	   3

struct roll *roll;

/*
 * Random numbers (splitmix64).
 */

uint64_t random_next(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint32_t random_below(uint64_t *seed, uint32_t n)
{
	return (uint32_t)(random_next(seed) >> 32) % n;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/*
 * The roll.
 */

static void map_roll(int flags)
{
	char path[512];
	int fd;

	snprintf(path, sizeof path, "%s/roll", test_dir());
	fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof *roll), 0);
	roll = mmap(NULL, sizeof *roll, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(roll != MAP_FAILED);
	close(fd);
}

void roll_open(void)
{
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	map_roll(O_CREAT);
}

void roll_close(void)
{
	munmap(roll, sizeof *roll);
	roll = NULL;
}

static void set_mark(uint64_t trial, uint32_t member)
{
	char mark[48];

	snprintf(mark, sizeof mark, "%" PRIu64 ":%" PRIu32, trial, member);
	setenv(MARK, mark, 1);
}

/* False: this text has none. */
static bool read_mark(const char *mark, uint64_t *ret_trial, uint32_t *ret_member)
{
	return mark && sscanf(mark, "%" SCNu64 ":%" SCNu32, ret_trial, ret_member) == 2;
}

/* Which PID namespace a member is in: the root's, or that of a contained tree. */
static uint64_t own_namespace(void)
{
	struct stat st;

	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	return st.st_ino;
}

uint32_t roll_enter(uint32_t maker, enum member_kind kind, bool makes_others)
{
	uint32_t i, unused;
	uint64_t trial;

	if (!roll)
		map_roll(0);
	i = atomic_fetch_add(&roll->n, 1);
	assert_true(i < MEMBERS_MAX);
	roll->members[i].maker = maker;
	roll->members[i].kind = kind;
	roll->members[i].pidns = own_namespace();
	atomic_store(&roll->members[i].pid, getpid());
	atomic_store(&roll->members[i].is_entered, true);
	if (makes_others && read_mark(getenv(MARK), &trial, &unused))
		set_mark(trial, i);
	syscall(SYS_futex, &roll->n, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
	return i;
}

void roll_tell_failure(uint32_t member, const char *text)
{
	uint32_t i = atomic_fetch_add(&roll->n_failures, 1);

	if (i >= FAILURES_MAX)
		return;
	roll->failures[i].member = member;
	snprintf(roll->failures[i].text, sizeof roll->failures[i].text, "%s", text);
}

/* The number by which a process knows itself, and whether it is in another namespace than we
 * are; false: it is gone. */
static bool look_inside(pid_t pid, pid_t *ret, bool *ret_is_inside)
{
	char path[64], line[256];
	int outer, inner, n = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && n < 1 && fgets(line, sizeof line, f))
		n = sscanf(line, "NSpid: %d %d", &outer, &inner);
	if (f)
		fclose(f);
	*ret = n > 1 ? inner : pid;
	*ret_is_inside = n > 1;
	return n > 0;
}

static bool is_member(uint32_t i, pid_t own, bool is_inside)
{
	const struct tree_member *m = &roll->members[i];

	return atomic_load(&m->is_entered) && atomic_load(&m->pid) == own &&
	       (m->pidns != roll->members[ROOT].pidns) == is_inside;
}

/* A process in its last moments is nobody. */
static uint32_t find_member(pid_t pid)
{
	uint32_t n = atomic_load(&roll->n);
	bool is_inside;
	pid_t own;

	if (!look_inside(pid, &own, &is_inside))
		return NOBODY;
	for (uint32_t i = 0; i < n && i < MEMBERS_MAX; i++)
		if (is_member(i, own, is_inside))
			return i;
	return NOBODY;
}

static bool is_below(uint32_t member, uint32_t above)
{
	while (member != above && member != NOBODY)
		member = roll->members[member].maker;
	return member == above;
}

/*
 * Wider windows: in a trial's processes the call that ties them to their parents is late.
 */

static int tie_late(int option, unsigned long a, unsigned long b, unsigned long c,
		    unsigned long d)
{
	uint64_t seed = (uint64_t)now_ns() ^ (uint64_t)syscall(SYS_gettid) << 32;
	struct timespec moment = { .tv_nsec = random_below(&seed, WINDOW_NS) };

	if (option == PR_SET_PDEATHSIG && random_below(&seed, WIDENED_OF) < WIDENED)
		nanosleep(&moment, NULL);
	return sys_real.prctl(option, a, b, c, d);
}

static void widen_windows(void)
{
	static struct sys_table table;

	table = *sys_used();
	table.prctl = tie_late;
	sys_use(&table);
}

__attribute__((constructor)) static void begin_in_exec(void)
{
	if (getenv(MARK))
		widen_windows();
}

/*
 * The mark.
 */

static bool mark_of(pid_t pid, uint64_t *ret_trial, uint32_t *ret_member)
{
	static char bytes[1 << 16];
	char path[64];
	ssize_t n, len = 0;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && len < (ssize_t)sizeof bytes - 1 &&
	       (n = read(fd, bytes + len, sizeof bytes - 1 - (size_t)len)) > 0)
		len += n;
	if (fd >= 0)
		close(fd);
	bytes[len] = '\0';
	for (const char *s = bytes; s < bytes + len; s += strlen(s) + 1)
		if (!strncmp(s, MARK "=", sizeof MARK))
			return read_mark(s + sizeof MARK, ret_trial, ret_member);
	return false;
}

static bool is_of_trial(const struct trial *t, pid_t pid)
{
	uint64_t trial;
	uint32_t member;

	return pid == t->root || find_member(pid) != NOBODY ||
	       (mark_of(pid, &trial, &member) && trial == t->id);
}

static size_t list_marked(const struct trial *t, pid_t *ret, size_t max)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	size_t n = 0;

	assert_non_null(d);
	while (n < max && (e = readdir(d))) {
		pid_t pid = atoi(e->d_name);

		if (pid > 0 && is_of_trial(t, pid))
			ret[n++] = pid;
	}
	closedir(d);
	return n;
}

/*
 * The census.
 */

size_t trial_list(const struct trial *t, pid_t *ret, size_t max)
{
	return t->folder[0] ? folder_list(t, ret, max) : list_marked(t, ret, max);
}

/* Also one that had not entered itself: by who has made it. */
static uint32_t member_of(pid_t pid)
{
	uint32_t member = find_member(pid);
	uint64_t trial;

	if (member == NOBODY && !mark_of(pid, &trial, &member))
		return NOBODY;
	return member;
}

static bool goes_with(const struct victim *v, pid_t pid, bool with_daemons)
{
	uint32_t member = find_member(pid);

	if (member != NOBODY && roll->members[member].kind == MEMBER_DAEMON &&
	    !with_daemons)
		return false;
	if (v->is_all || pid == v->pid)
		return true;
	return v->member != NOBODY && (member = member_of(pid)) != NOBODY &&
	       is_below(member, v->member);
}

/* A pidfd of the first one that lives; -1: none does. */
static int first_alive(const struct trial *t, const struct victim *v, bool with_daemons,
		       pid_t *ret)
{
	pid_t pids[LISTED_MAX];
	size_t n = trial_list(t, pids, LISTED_MAX);

	for (size_t i = 0; i < n; i++) {
		struct pollfd p = { .events = POLLIN };

		if (!goes_with(v, pids[i], with_daemons))
			continue;
		p.fd = pidfd_open(pids[i], 0);
		if (p.fd < 0)
			continue; /* gone meanwhile */
		*ret = pids[i];
		if (poll(&p, 1, 0) == 0)
			return p.fd;
		close(p.fd); /* a zombie has ended */
	}
	return -1;
}

static size_t note_alive(const struct trial *t, const struct victim *v, bool with_daemons)
{
	pid_t pids[LISTED_MAX];
	size_t n = trial_list(t, pids, LISTED_MAX), alive = 0;
	struct proc proc;

	for (size_t i = 0; i < n; i++) {
		if (!goes_with(v, pids[i], with_daemons) || !proc_look(&proc, pids[i]) ||
		    proc.state == 'Z')
			continue;
		alive++;
		test_note("alive: pid %d (%c), member %d, below member %d: %s", pids[i],
			  proc.state, (int)find_member(pids[i]), (int)member_of(pids[i]),
			  proc.what);
	}
	return alive;
}

size_t trial_count(struct trial *t, const struct victim *v, int within_ms,
		   bool with_daemons)
{
	int64_t end = now_ns() + within_ms * 1000000LL;
	pid_t pid;
	int fd;

	while ((fd = first_alive(t, v, with_daemons, &pid)) >= 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = (end - now_ns()) / 1000000;

		if (left > 0)
			poll(&p, 1, left < LOOK_MS ? (int)left : LOOK_MS);
		close(fd);
		if (left <= 0)
			return note_alive(t, v, with_daemons);
	}
	return 0;
}

/*
 * The trial.
 */

void trial_begin(struct trial *t, uint32_t number, uint64_t seed, int (*run)(void))
{
	char text[32];

	*t = (struct trial){ .id = (uint64_t)getpid() << 32 | number, .seed = ~seed };
	memset(roll, 0, sizeof *roll);
	folder_make(t);
	t->root = fork();
	assert_true(t->root >= 0);
	if (t->root > 0)
		return;
	if (t->folder[0])
		folder_enter(t);
	snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
	setenv("ACRE_SEED", text, 1);
	set_mark(t->id, ROOT);
	widen_windows();
	_exit(run());
}

void roll_await(uint32_t n_members)
{
	struct timespec guard = { .tv_sec = FORKS_GUARD };
	uint32_t n;
	long r;

	while ((n = atomic_load(&roll->n)) < n_members) {
		r = syscall(SYS_futex, &roll->n, FUTEX_WAIT, n, &guard, NULL, 0);
		if (r < 0 && errno == ETIMEDOUT)
			fail_msg("%u of %u members after %d s", n, n_members,
				 FORKS_GUARD);
	}
}

static void kill_pid(pid_t pid)
{
	int fd = pidfd_open(pid, 0);

	if (fd < 0)
		return; /* it has ended and was reaped */
	pidfd_send_signal(fd, SIGKILL, NULL, 0);
	close(fd);
}

static uint32_t find_daemon(void)
{
	uint32_t n = atomic_load(&roll->n);

	for (uint32_t i = 0; i < n && i < MEMBERS_MAX; i++)
		if (atomic_load(&roll->members[i].is_entered) &&
		    roll->members[i].kind == MEMBER_DAEMON)
			return i;
	return NOBODY;
}

bool roll_has_daemon(void)
{
	return find_daemon() != NOBODY;
}

/* 0: it has ended, which kills nobody. */
static pid_t pid_of_member(const struct trial *t, uint32_t member)
{
	pid_t pids[LISTED_MAX];
	size_t n = trial_list(t, pids, LISTED_MAX);

	for (size_t i = 0; i < n; i++)
		if (find_member(pids[i]) == member)
			return pids[i];
	return 0;
}

struct victim trial_kill_above_daemon(struct trial *t)
{
	uint32_t above[MEMBERS_MAX], n = 0, i = find_daemon();
	struct victim v;

	for (i = roll->members[i].maker; i != ROOT; i = roll->members[i].maker)
		above[n++] = i;
	v = (struct victim){ .member = above[random_below(&t->seed, n)] };
	v.pid = pid_of_member(t, v.member);
	kill_pid(v.pid);
	return v;
}

/* Who ends a contained tree. */
static bool is_guard(pid_t pid)
{
	struct proc proc;

	return proc_look(&proc, pid) &&
	       (!strcmp(proc.name, "acre-guard") || !strcmp(proc.name, "acre-init"));
}

struct victim trial_kill_one(struct trial *t)
{
	struct victim v = { .member = NOBODY };
	pid_t pids[LISTED_MAX];
	size_t n = trial_list(t, pids, LISTED_MAX), kept = 0;

	for (size_t i = 0; i < n; i++)
		if (pids[i] != t->root && !is_guard(pids[i]))
			pids[kept++] = pids[i];
	assert_true(kept > 0);
	v.pid = pids[random_below(&t->seed, (uint32_t)kept)];
	v.member = find_member(v.pid);
	kill_pid(v.pid);
	return v;
}

/* Who is in its cgroup is asked where that is: nobody may be left to remove it. */
struct victim trial_kill_root(struct trial *t)
{
	pid_t pids[LISTED_MAX];
	size_t n = trial_list(t, pids, LISTED_MAX);

	for (size_t i = 0; i < n && !t->tree[0]; i++)
		cgroup_of_tree(pids[i], t->tree);
	assert_int_equal(kill(t->root, SIGKILL), 0); /* our child, not reaped: it is it */
	return (struct victim){ .pid = t->root, .member = ROOT, .is_all = true };
}

/* One that had not entered itself is told by its maker, whom nobody can name for sure. */
static bool explains(const struct victim *v, uint32_t teller)
{
	return v->member == NOBODY || teller == roll->members[v->member].maker ||
	       is_below(teller, v->member);
}

const char *trial_collateral(const struct victim *v)
{
	uint32_t n = atomic_load(&roll->n_failures), unnamed = 0;

	for (uint32_t i = 0; i < n && i < FAILURES_MAX; i++) {
		unnamed += v->member == NOBODY;
		if (!explains(v, roll->failures[i].member) || unnamed > 1)
			return roll->failures[i].text;
	}
	return NULL;
}

static void kill_rest(const struct trial *t)
{
	pid_t pids[LISTED_MAX];
	size_t n = trial_list(t, pids, LISTED_MAX);

	for (size_t i = 0; i < n; i++)
		kill_pid(pids[i]);
}

size_t trial_end(struct trial *t)
{
	struct victim all = { .pid = t->root, .member = ROOT, .is_all = true };
	size_t left = 0, alive;

	kill_pid(t->root);
	assert_int_equal(waitpid(t->root, NULL, 0), t->root);
	while ((alive = trial_count(t, &all, 0, true)) > 0) {
		left = left ? left : alive;
		kill_rest(t);
		trial_count(t, &all, 1000, true);
	}
	while (waitpid(-1, NULL, 0) > 0) /* bound: they have ended */
		;
	t->root = 0;
	cgroup_remove(t->tree);
	if (t->folder[0])
		folder_remove(t);
	return left;
}
