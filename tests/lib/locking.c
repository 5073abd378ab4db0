/* SPDX-License-Identifier: MIT */
/* locking.c - calls of libc that take a lock, each of which may hang in a child of fork. */
#define _GNU_SOURCE
#include "lib/locking.h"

#include <dlfcn.h>
#include <err.h>
#include <iconv.h>
#include <locale.h>
#include <malloc.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <syslog.h>
#include <time.h>

static FILE *shared_file;
static pthread_mutex_t users_mutex = PTHREAD_MUTEX_INITIALIZER;

static void do_malloc(void)
{
	void *p[8];

	for (size_t i = 0; i < 8; i++)
		p[i] = malloc((size_t)64 << 2 * i);
	for (size_t i = 0; i < 8; i++)
		free(p[i]);
}

/* Too large for what each thread keeps for itself: all of these come from the one arena. */
static void do_malloc_in_one_arena(void)
{
	void *p[8];

	for (size_t i = 0; i < 8; i++)
		p[i] = malloc((size_t)4096 * (i + 1));
	for (size_t i = 0; i < 8; i++)
		free(p[i]);
}

static void do_fprintf(void)
{
	fprintf(shared_file, "%d\n", 42);
}

static void do_fopen(void)
{
	FILE *f = fopen("/dev/null", "we");

	if (f)
		fclose(f);
}

/* By the name service; "localhost" is in a file everywhere. */
static void do_getaddrinfo(void)
{
	struct addrinfo hints = { .ai_family = AF_INET }, *found;

	if (getaddrinfo("localhost", NULL, &hints, &found) == 0)
		freeaddrinfo(found);
}

static void do_getpwnam(void)
{
	struct passwd entry, *found;
	char room[4096];

	getpwnam_r("root", &entry, room, sizeof room, &found);
}

static void do_localtime(void)
{
	time_t now = 1000000;
	struct tm tm;

	localtime_r(&now, &tm);
}

/* Nothing new, so that the array stays where it is: other threads read it without a lock. */
static void do_setenv(void)
{
	setenv("ACRE_TEST_LOCKING", "another value", 1);
}

static void do_random(void)
{
	random();
}

static void do_dlopen(void)
{
	void *lib = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);

	if (lib)
		dlclose(lib);
}

static void do_setlocale(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	setlocale(LC_CTYPE, "C");
}

static void do_openlog(void)
{
	openlog("pin", LOG_PID, LOG_USER);
	closelog();
}

static void *end_at_once(void *arg)
{
	return arg;
}

static void do_pthread_create(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, end_at_once, NULL) == 0)
		pthread_join(thread, NULL);
}

static void do_lock(void)
{
	pthread_mutex_lock(&users_mutex);
	pthread_mutex_unlock(&users_mutex);
}

/* It loads a module, and counts who uses it. */
static void do_iconv_open(void)
{
	iconv_t cd = iconv_open("UTF-8", "ISO-8859-15");

	if (cd != (iconv_t)-1)
		iconv_close(cd);
}

const struct locking locking[] = {
	{ "malloc", do_malloc },
	{ "malloc in one arena", do_malloc_in_one_arena },
	{ "fprintf to a shared FILE", do_fprintf },
	{ "fopen", do_fopen },
	{ "getaddrinfo", do_getaddrinfo },
	{ "getpwnam_r", do_getpwnam },
	{ "localtime_r", do_localtime },
	{ "setenv", do_setenv },
	{ "random", do_random },
	{ "dlopen", do_dlopen },
	{ "setlocale", do_setlocale },
	{ "openlog", do_openlog },
	{ "iconv_open", do_iconv_open },
	{ "pthread_create", do_pthread_create },
	{ "a user's mutex", do_lock },
};

const size_t n_locking = sizeof locking / sizeof *locking;

void locking_begin(void)
{
	if (shared_file)
		return;
	mallopt(M_ARENA_MAX, 1);
	setenv("ACRE_TEST_LOCKING", "a value", 1);
	shared_file = fopen("/dev/null", "we");
	if (!shared_file)
		err(1, "/dev/null");
}

void locking_end(void)
{
	fclose(shared_file);
	shared_file = NULL;
	unsetenv("ACRE_TEST_LOCKING");
}
