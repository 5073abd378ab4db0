/* SPDX-License-Identifier: MIT */
/* tty_keeper.c - the root lends its terminal to one actor at a time, and takes it back. */
#include "actor/tty.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <fcntl.h>
#include <string.h>

#include "base/list.h"
#include "base/pidref.h"
#include "base/util.h"
#include "core/log.h"
#include "core/still.h"

/*
 * Who has died in the foreground leaves a terminal whose ^C reaches nobody (kernel-facts
 * K35), so the holder's end is watched by two witnesses: its connection, and its pidfd, for
 * a process that it has forked may hold a copy of the first. That pidfd is opened by number;
 * the number is that of a live process of ours, because its connection is still open after
 * that.
 *
 * It runs on the watchdog, which needs no loop and no heap. All signals are blocked there:
 * who is in the background and changes the terminal gets SIGTTOU otherwise (K34).
 */

#define WAITERS_MAX 64 /* more actors than a person will ever talk with */

struct keeper {
	int tty;	      /* -1: there is none, and nothing else here counts */
	int ask;	      /* our end */
	int given[N_TTY_FDS]; /* owned; given to actors */
	struct still_page *page;
	int waiters[WAITERS_MAX]; /* connections, in the order of asking; owned */
	size_t n_waiters;
	bool is_lent;
	int holder; /* its connection, owned */
	struct pidref process;
	struct termios2 modes; /* when it was lent */
};

#define KEEPS_NOTHING                                                   \
	{                                                               \
		.tty = -1, .ask = -1, .given = { -1, -1 }, .holder = -1 \
	}

static struct keeper keeper = KEEPS_NOTHING;

static void answer_and_close(int conn, enum tty_answer answer)
{
	char byte = (char)answer;

	acre_ignore(sys_write(conn, &byte, 1));
	sys_close(conn);
}

static bool has_hung_up(int conn)
{
	struct pollfd p = { .fd = conn, .events = POLLIN | POLLRDHUP };

	return sys_poll(&p, 1, 0) != 0;
}

/* Who made the connection: the kernel knows. */
static pid_t process_of(int conn)
{
	struct ucred peer = { .pid = 0 };
	socklen_t len = sizeof peer;

	return sys_getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ? 0
									      : peer.pid;
}

static pid_t foreground(void)
{
	pid_t group = 0;

	return sys_ioctl(keeper.tty, TIOCGPGRP, &group) < 0 ? 0 : group;
}

static int set_foreground(pid_t group)
{
	return sys_ioctl(keeper.tty, TIOCSPGRP, &group);
}

/* TTY_YOURS: it is lent, and stays so until it is taken back. */
static enum tty_answer lend_to(const struct pidref *p)
{
	pid_t group = sys_getpgid(p->pid);

	if (foreground() != sys_getpgid(0))
		return TTY_IN_BACKGROUND;
	if (group <= 0 || sys_ioctl(keeper.tty, TCGETS2, &keeper.modes) < 0 ||
	    set_foreground(group) < 0)
		return TTY_REFUSED;
	return TTY_YOURS;
}

/* It may have been stopped because it read too early. */
static void wake(const struct pidref *p)
{
	if (p->pid != sys_getpid())
		acre_ignore(pidref_signal(p, SIGCONT));
}

static void lend(int take_conn)
{
	struct pidref p = PIDREF_NULL;
	enum tty_answer answer = TTY_REFUSED;
	int r = pidref_open(&p, process_of(take_conn));

	if (r >= 0 && !has_hung_up(take_conn))
		answer = lend_to(&p);
	if (answer != TTY_YOURS) {
		answer_and_close(take_conn, answer);
		pidref_fini(&p);
		return;
	}
	keeper.is_lent = true;
	keeper.holder = take_conn;
	keeper.process = p;
	still_begin(keeper.page, p.pid);
	wake(&p);
	acre_ignore(sys_write(take_conn, &(char){ TTY_YOURS }, 1));
	log_say(ACRE_LOG_INFO, "process %d has the terminal", (int)p.pid);
}

static void lend_next(void)
{
	while (!keeper.is_lent && keeper.n_waiters > 0) {
		int conn = keeper.waiters[0];

		keeper.n_waiters--;
		memmove(keeper.waiters, keeper.waiters + 1,
			keeper.n_waiters * sizeof *keeper.waiters);
		lend(conn);
	}
}

/* TCSETS, unlike TCSETSW, does not wait for what nobody lets out (^S). */
static void take_back(void)
{
	bool died = pidref_is_dead(&keeper.process);

	if (!(died && PLANTED(TTY_LOST))) {
		acre_ignore(set_foreground(sys_getpgid(0)));
		acre_ignore(sys_ioctl(keeper.tty, TCSETS2, &keeper.modes));
	}
	log_say(died ? ACRE_LOG_WARNING : ACRE_LOG_INFO,
		"the terminal is taken back from process %d%s", (int)keeper.process.pid,
		died ? ", which has died" : "");
	still_end(keeper.page);
	keeper.is_lent = false;
	sys_close(TAKE_FD(keeper.holder));
	pidref_fini(&keeper.process);
}

/* The connection that came along; -1: none. */
static int receive(void)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof control };
	ssize_t n = sys_recvmsg(keeper.ask, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof fd))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

/* A waiter that has hung up leaves its place; so nobody fills the queue by dying. */
static void forget_dead_waiters(void)
{
	size_t n = 0;

	for (size_t i = 0; i < keeper.n_waiters; i++) {
		int conn = keeper.waiters[i];

		if (has_hung_up(conn))
			sys_close(conn);
		else
			keeper.waiters[n++] = conn;
	}
	keeper.n_waiters = n;
}

static void enqueue(int take_conn)
{
	if (keeper.n_waiters == WAITERS_MAX)
		forget_dead_waiters();
	if (keeper.n_waiters == WAITERS_MAX)
		answer_and_close(take_conn, TTY_CROWDED);
	else
		keeper.waiters[keeper.n_waiters++] = take_conn;
}

void tty_keeper_fds(struct pollfd fds[N_TTY_POLLS])
{
	fds[TTY_ASKED] = (struct pollfd){ .fd = keeper.ask, .events = POLLIN };
	fds[TTY_GIVEN_BACK] =
		(struct pollfd){ .fd = keeper.holder, .events = POLLIN | POLLRDHUP };
	fds[TTY_HOLDER_ENDED] =
		(struct pollfd){ .fd = keeper.is_lent ? keeper.process.fd : -1,
				 .events = POLLIN };
}

void tty_keeper_look(const struct pollfd fds[N_TTY_POLLS])
{
	int conn;

	if (keeper.tty < 0)
		return;
	if (keeper.is_lent &&
	    (fds[TTY_GIVEN_BACK].revents || fds[TTY_HOLDER_ENDED].revents))
		take_back();
	if (fds[TTY_ASKED].revents && (conn = receive()) >= 0)
		enqueue(conn);
	lend_next();
}

static int open_all(void)
{
	int pair[2], r = still_make(&keeper.page, &keeper.given[TTY_FD_STILL]);

	if (r >= 0)
		r = sys_socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
	if (r < 0)
		return r;
	keeper.ask = pair[0];
	keeper.given[TTY_FD_ASK] = pair[1];
	return 0;
}

/* A root without a terminal (a daemon, a test in CI) has nothing to lend. */
int tty_keeper_open(void)
{
	int r = sys_openat(AT_FDCWD, "/dev/tty", O_RDWR | O_NOCTTY, 0);

	if (r < 0)
		return r == -EMFILE || r == -ENFILE || r == -ENOMEM ? r : 0;
	keeper.tty = r;
	r = open_all();
	if (r < 0) {
		tty_keeper_close();
		return r;
	}
	tty_use(keeper.given);
	still_use(keeper.page);
	return 0;
}

/* Its descriptors may be somebody else's numbers by now. */
void tty_keeper_forget(void)
{
	if (keeper.tty < 0)
		return;
	tty_use((const int[N_TTY_FDS]){ -1, -1 });
	still_use(NULL);
	still_unmap(keeper.page);
	keeper = (struct keeper)KEEPS_NOTHING;
}

static void take_back_without_watchdog(void)
{
	sigset_t before;

	sys_block_asynchronous(&before);
	take_back();
	sys_sigmask(SIG_SETMASK, &before, NULL);
}

void tty_keeper_close(void)
{
	if (keeper.tty < 0)
		return;
	if (keeper.is_lent)
		take_back_without_watchdog();
	while (keeper.n_waiters > 0)
		sys_close(keeper.waiters[--keeper.n_waiters]);
	tty_use((const int[N_TTY_FDS]){ -1, -1 });
	still_use(NULL);
	keeper.page = still_unmap(keeper.page);
	sys_close(TAKE_FD(keeper.ask));
	sys_close(TAKE_FD(keeper.tty));
	for (int i = 0; i < N_TTY_FDS; i++)
		sys_close(TAKE_FD(keeper.given[i]));
}
