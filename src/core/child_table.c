/* SPDX-License-Identifier: MIT */
/* child_table.c - which processes are children of ours on purpose. */
#include "core/child_table.h"

#include <pthread.h>
#include <string.h>

#include "base/forkonce.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/log.h"

/* A sweep asks for each child: with 1,000 of them a chain has four entries */
#define BUCKETS 256

static struct {
	_Atomic pid_t pid; /* whose table this is, see forkonce.h */
	pthread_mutex_t lock;
	struct child_entry *buckets[BUCKETS]; /* by pid; under the lock */
	size_t n_programs;		      /* under the lock */
	size_t n_births;	/* under the lock: children about to be entered */
	bool sweep_was_put_off; /* under the lock: by one of these */
	void (*_Atomic changed)(void);
} table;

/* In a child of fork too: the children were its parent's. */
static void make(void)
{
	pthread_mutex_init(&table.lock, NULL);
	memset(table.buckets, 0, sizeof table.buckets);
	table.n_programs = table.n_births = 0;
	table.sweep_was_put_off = false;
	atomic_store(&table.changed, NULL);
}

static void tell_of_change(void)
{
	void (*changed)(void) = atomic_load(&table.changed);

	if (changed)
		changed();
}

void child_table_tell_changes(void (*changed)(void))
{
	fork_once(&table.pid, sys_getpid(), make);
	atomic_store(&table.changed, changed);
}

static struct child_entry **bucket_of(pid_t pid)
{
	return &table.buckets[(unsigned int)pid % BUCKETS];
}

void child_table_lock(void)
{
	fork_once(&table.pid, sys_getpid(), make);
	pthread_mutex_lock(&table.lock);
}

void child_table_unlock(void)
{
	pthread_mutex_unlock(&table.lock);
}

void child_table_begin_birth(void)
{
	child_table_lock();
	table.n_births++;
	child_table_unlock();
}

bool child_table_end_birth(void)
{
	bool was_put_off;

	child_table_lock();
	was_put_off = --table.n_births == 0 && table.sweep_was_put_off;
	table.sweep_was_put_off &= !was_put_off;
	child_table_unlock();
	return was_put_off;
}

bool child_table_puts_off_sweep(void)
{
	table.sweep_was_put_off |= table.n_births > 0;
	return table.n_births > 0;
}

void child_table_add(struct child_entry *e, pid_t pid, int pidfd, enum child_kind kind)
{
	struct child_entry **bucket = bucket_of(pid);

	*e = (struct child_entry){
		.next = *bucket, .pid = pid, .pidfd = pidfd, .kind = kind
	};
	*bucket = e;
	table.n_programs += kind == CHILD_PROGRAM;
	if (kind == CHILD_PROGRAM)
		tell_of_change(); /* it has a reason to look from time to time now */
}

bool child_table_has(pid_t pid)
{
	const struct child_entry *e = *bucket_of(pid);

	while (e && e->pid != pid)
		e = e->next;
	return e != NULL;
}

static void take_out_locked(struct child_entry *e)
{
	struct child_entry **at = bucket_of(e->pid);

	while (*at && *at != e)
		at = &(*at)->next;
	e->pid = 0;
	if (!*at)
		return; /* it is in our parent's table */
	*at = e->next;
	table.n_programs -= e->kind == CHILD_PROGRAM;
}

void child_table_remove(struct child_entry *e)
{
	if (!e->pid)
		return;
	child_table_lock();
	take_out_locked(e);
	child_table_unlock();
	tell_of_change();
}

static void say_killed(const struct child_entry *e)
{
	if (e->kind == CHILD_THREAD)
		log_say(ACRE_LOG_WARNING,
			"actor %s is a thread and cannot be killed: a third SIGINT ends "
			"its "
			"process",
			e->name);
	else
		log_say(ACRE_LOG_WARNING,
			"killed %s %s (pid %d): a second SIGINT came while the loop was "
			"stuck",
			e->name ? "actor" : "process", e->name ? e->name : "",
			(int)e->pid);
}

/* True: it has got what was meant for it. */
static bool tell(struct child_entry *e, int sig)
{
	e->was_told = true;
	if (sig == SIGKILL)
		say_killed(e);
	if (e->kind == CHILD_THREAD) {
		e->ask(e);
		return sig != SIGKILL;
	}
	acre_ignore(sys_pidfd_send_signal(e->pidfd, sig, NULL, 0));
	if (sig != SIGKILL) /* a stopped one could not obey (K8) */
		acre_ignore(sys_pidfd_send_signal(e->pidfd, SIGCONT, NULL, 0));
	return true;
}

size_t child_table_tell(int sig)
{
	size_t n = 0;

	child_table_lock();
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct child_entry *e = table.buckets[i]; e; e = e->next)
			if (e->kind != CHILD_HELPER)
				n += tell(e, sig);
	child_table_unlock();
	return n;
}

bool child_table_has_programs(void)
{
	bool has;

	child_table_lock();
	has = table.n_programs > 0;
	child_table_unlock();
	return has;
}
