/* SPDX-License-Identifier: MIT */
/* peer.c - a peer's program but for the peer: partner, socket, clock, figure. */
#include "peer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/acre-bench-XXXXXX";
static char address[64];

void peer_must(int ok)
{
	if (!ok) {
		perror("peer");
		exit(1);
	}
}

static double wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

const char *peer_address(void)
{
	return address;
}

static void remove_socket(void)
{
	unlink(strchr(address, '/') + 2);
	rmdir(folder);
}

pid_t peer_fork(void (*fn)(void))
{
	pid_t pid = fork();

	peer_must(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn();
		_exit(0);
	}
	return pid;
}

void peer_dismiss(pid_t pid)
{
	kill(pid, SIGKILL);
	peer_must(waitpid(pid, NULL, 0) == pid);
}

double peer_trips(void (*once)(uint64_t number))
{
	double begun = 0;

	for (int i = -PEER_WARM_UP; i < PEER_TRIPS; i++) {
		if (i == 0)
			begun = wall();
		once((uint64_t)i);
	}
	return (wall() - begun) / PEER_TRIPS * 1e6;
}

double peer_floods(uint64_t (*receive)(void), uint64_t n)
{
	double begun = 0;

	for (uint64_t i = 0; i < n; i++) {
		if (receive() != i) {
			fprintf(stderr, "peer: not the message that was due\n");
			exit(1);
		}
		if (i == 0)
			begun = wall();
	}
	return (double)n / (wall() - begun) / 1e6;
}

int peer_main(int argc, char **argv, const struct peer *peer)
{
	double figure;

	if (argc != 2)
		return 2;
	peer_must(mkdtemp(folder) != NULL);
	snprintf(address, sizeof address, "ipc://%s/socket", folder);
	figure = strcmp(argv[1], "trip") ? peer->flood() : peer->trip();
	remove_socket();
	printf("%.6f\n", figure);
	return 0;
}
