/* SPDX-License-Identifier: MIT */
/* peers.c - runs a peer's program, and reads the figure that it prints. */
#include "peers.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

extern char **environ;

const struct peer_row peer_rows[PEERS_MAX + 1] = {
#ifdef PEER_ZMQ
	{ "ZeroMQ", "ZeroMQ " PEER_ZMQ ", ipc", "uds", "peer_zmq", NULL },
#endif
#ifdef PEER_NNG
	{ "nng", "nng " PEER_NNG ", ipc", "uds", "peer_nng", NULL },
#endif
#ifdef PEER_SD_BUS
	{ "sd-bus", "sd-bus " PEER_SD_BUS ", peer to peer", NULL, "peer_sd_bus", NULL },
#endif
#ifdef PEER_PIPE
	{ "Python Pipe", "multiprocessing.Pipe, Python " PEER_PIPE, NULL, PEER_PYTHON,
	  PEER_SCRIPT },
#endif
	{ .name = NULL },
};

/* Beside us, if it is no path. */
static void find_program(const char *name, char *path, size_t size)
{
	ssize_t n;

	if (strchr(name, '/')) {
		snprintf(path, size, "%s", name);
		return;
	}
	n = readlink("/proc/self/exe", path, size - 1);
	bench_must(n > 0);
	path[n] = '\0';
	n = strrchr(path, '/') + 1 - path;
	snprintf(path + n, size - (size_t)n, "%s", name);
}

static pid_t start(const struct peer_row *p, const char *what, int out)
{
	posix_spawn_file_actions_t actions;
	char path[4096], *argv[4];
	size_t n = 0;
	pid_t pid;

	find_program(p->program, path, sizeof path);
	argv[n++] = path;
	if (p->script)
		argv[n++] = (char *)(uintptr_t)p->script;
	argv[n++] = (char *)(uintptr_t)what;
	argv[n] = NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	errno = posix_spawn(&pid, path, &actions, NULL, argv, environ);
	bench_must(errno == 0);
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static double figure(const char *what)
{
	int out[2], status;
	double result;
	siginfo_t info;
	pid_t pid;
	FILE *f;

	bench_must(pipe2(out, O_CLOEXEC) == 0);
	pid = start(bench_now->peer, what, out[1]);
	close(out[1]);
	f = fdopen(out[0], "r");
	bench_must(f != NULL);
	if (fscanf(f, "%lf", &result) != 1)
		result = NAN;
	fclose(f);
	/* before it is gone: it counts how long it has waited for a CPU */
	bench_must(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
	bench_delayed(pid);
	bench_must(waitpid(pid, &status, 0) == pid);
	return status == 0 ? result : NAN;
}

double peer_trip(void)
{
	return figure("trip");
}

double peer_flood(void)
{
	return figure("flood");
}

double peer_ready(void)
{
	return figure("ready");
}
