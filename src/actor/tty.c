/* SPDX-License-Identifier: MIT */
/* tty.c - asking the root for the terminal, from any actor of the tree. */
#include "actor/tty.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "actor/runtime.h"
#include "actor/watchdog.h"
#include "base/util.h"
#include "core/sched.h"
#include "core/still.h"

/* Between two tries while the root's watchdog does not read: hundreds have asked at once */
#define ASK_AGAIN_MS 1

struct tty {
	int conn; /* to the root; -1: nothing is held */
	int fd;	  /* /dev/tty */
};
_Static_assert(sizeof(struct tty) <= sizeof(struct acre_tty),
	       "the public tty holds ours");

/* The process's. Owned in an actor, the keeper's in the root. */
static int here[N_TTY_FDS] = { -1, -1 };
static const struct still_page *page; /* owned; NULL in the root */

int tty_give(int ret[N_TTY_FDS])
{
	memcpy(ret, here, sizeof here);
	return here[TTY_FD_ASK] < 0 ? 0 : N_TTY_FDS;
}

void tty_use(const int fds[N_TTY_FDS])
{
	memcpy(here, fds, sizeof here);
}

void tty_forget(void)
{
	tty_keeper_forget();
	still_use(NULL);
	page = still_unmap(page);
	tty_use((const int[N_TTY_FDS]){ -1, -1 });
}

/* What was not given is not open: all behind the declared descriptors are closed. */
void tty_take(int first_fd)
{
	int ask = first_fd + TTY_FD_ASK, still = first_fd + TTY_FD_STILL;

	if (sys_fcntl(ask, F_SETFD, FD_CLOEXEC) < 0 ||
	    sys_fcntl(still, F_SETFD, FD_CLOEXEC) < 0 || still_join(&page, still) < 0)
		return;
	tty_use((const int[N_TTY_FDS]){ ask, still });
	still_use(page);
}

/* In the root the keeper comes with the watchdog, before any actor is there. */
static int find_keeper(void)
{
	int r = runtime_this->is_root ? watchdog_start(runtime_this) : 0;

	if (r >= 0 && here[TTY_FD_ASK] < 0)
		r = acre_fail(ACRE_ENOTTYLOCK, "this tree has no terminal");
	return r;
}

static int send_once(int conn)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof conn)] = { 0 };
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof conn);
	memcpy(CMSG_DATA(c), &conn, sizeof conn);
	return (int)sys_sendmsg(here[TTY_FD_ASK], &msg, MSG_DONTWAIT);
}

static int ask(int *ret_conn)
{
	auto_close int theirs = -1, ours = -1;
	int pair[2], r = sys_socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);

	if (r < 0)
		return acre_fail(report_class(r),
				 "no socket pair to ask for the terminal");
	ours = pair[0];
	theirs = pair[1];
	while ((r = send_once(theirs)) == -EAGAIN) {
		r = acre_sleep(acre_ms(ASK_AGAIN_MS));
		if (r < 0)
			return r;
	}
	if (r < 0)
		return acre_fail(report_class(r), "asking the root for the terminal");
	*ret_conn = TAKE_FD(ours);
	return 0;
}

static int not_lent(char answer)
{
	switch (answer) {
	case TTY_IN_BACKGROUND:
		return acre_fail(ACRE_ENOTTYLOCK,
				 "the root does not have the terminal: it runs in the "
				 "background");
	case TTY_CROWDED:
		return acre_fail(ACRE_ENOTTYLOCK,
				 "too many actors wait for the terminal");
	case TTY_REFUSED:
		return acre_fail(ACRE_ENOTTYLOCK,
				 "the terminal cannot be lent to the process group of %s",
				 runtime_this->name);
	default:
		return acre_fail(ACRE_ENOTTYLOCK, "the root has given no answer");
	}
}

static int await_turn(int conn)
{
	char answer = 0;
	int r = acre_wait_fd(conn, POLLIN);

	if (r < 0)
		return r;
	acre_ignore(sys_read(conn, &answer, 1));
	return answer == TTY_YOURS ? 0 : not_lent(answer);
}

static int open_terminal(struct tty *t)
{
	t->fd = sys_openat(AT_FDCWD, "/dev/tty", O_RDWR | O_NOCTTY, 0);
	if (t->fd >= 0)
		return 0;
	return acre_fail(ACRE_ENOTTYLOCK, "the terminal cannot be opened: %s",
			 strerrordesc_np(-t->fd));
}

int acre_tty_open(struct acre_tty *tty)
{
	struct tty *t = (struct tty *)(void *)tty;
	int r = checkpoint(sched_task("acre_tty_open"));

	*t = (struct tty){ .conn = -1, .fd = -1 };
	if (r >= 0 && !runtime_this)
		r = acre_fail(ACRE_ENORUNTIME, "acre_tty_open() outside of an actor");
	if (r >= 0)
		r = find_keeper();
	if (r >= 0)
		r = ask(&t->conn);
	if (r >= 0)
		r = await_turn(t->conn);
	if (r >= 0)
		r = open_terminal(t);
	return r < 0 ? acre_tty_close(tty, r) : 0;
}

/* A shutdown, since a process that was forked meanwhile may hold a copy. */
int acre_tty_close(struct acre_tty *tty, int r)
{
	struct tty *t = (struct tty *)(void *)tty;

	if (t->conn >= 0)
		acre_ignore(sys_shutdown(t->conn, SHUT_RDWR));
	sys_close(TAKE_FD(t->conn));
	sys_close(TAKE_FD(t->fd));
	return r;
}

int acre_tty_fd(const struct acre_tty *tty)
{
	return ((const struct tty *)(const void *)tty)->fd;
}

pid_t acre_tty_holder(void)
{
	return still_holder();
}
