/* SPDX-License-Identifier: MIT */
/* test_partition.c - the network between two actors is cut: noticed where it lasts, and not where it heals. */
#include "conform/found.h"
#include "unit/forks.h"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "actor/context.h"
#include "actor/runtime.h"

/*
 * The whole tree lives in a network namespace of its own, whose only interface is taken down, or
 * in which a rule drops what comes, from both ends or from one: no packet of TCP comes through any
 * more, and no end of a link is said. The links that parent and child were born with are none of
 * the network's business.
 */

/* Skips where we may have no namespace. */
static void enter_own_network(void)
{
	char map[64];
	uid_t uid = geteuid();
	FILE *f;

	if (unshare(CLONE_NEWNET) == 0)
		return;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		test_skip("no network namespace may be made here: %s", strerror(errno));
	snprintf(map, sizeof map, "%ju %ju 1", (uintmax_t)uid, (uintmax_t)uid);
	f = fopen("/proc/self/uid_map", "we");
	assert_non_null(f);
	assert_true(fputs(map, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void set_link(bool is_up)
{
	struct ifreq lo = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &lo), 0);
	lo.ifr_flags = (short)(is_up ? lo.ifr_flags | IFF_UP : lo.ifr_flags & ~IFF_UP);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	close(fd);
}

/* Of nft(8), whose place is in no user's PATH. */
__attribute__((format(printf, 1, 2))) static int change_rules(const char *fmt, ...)
{
	char rules[200], command[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(rules, sizeof rules, fmt, args);
	va_end(args);
	snprintf(command, sizeof command, "PATH=$PATH:/usr/sbin:/sbin nft '%s'", rules);
	return system(command);
}

/* Skips where there are no rules. */
static void need_rules(void)
{
	if (change_rules("list ruleset") != 0)
		test_skip("no rules may be made here, or there is no nft");
}

static void set_rule(bool is_up, const char *which)
{
	if (is_up) {
		assert_int_equal(change_rules("delete table inet cut"), 0);
		return;
	}
	assert_int_equal(change_rules("add table inet cut; add chain inet cut in "
				      "{ type filter hook input priority 0; }; "
				      "add rule inet cut in %s drop",
				      which),
			 0);
}

static void set_both_ways(bool is_up)
{
	set_rule(is_up, "meta l4proto tcp");
}

static unsigned int far_port;

/* What the far end says is lost, and only that. */
static void set_one_way(bool is_up)
{
	char which[32];

	snprintf(which, sizeof which, "tcp sport %u", far_port);
	set_rule(is_up, which);
}

static void (*set_network)(bool is_up);

static _Atomic int n_served;

ACRE_CONTEXT(echo, acre_nil)
{
	struct acre_int item;
	int r = acre_started(ctx, acre_nil);

	n_served++;
	while (r >= 0 && (r = acre_recv(ctx, acre_int, &item)) > 0)
		r = acre_send(ctx, acre_int, .value = item.value);
	n_served--;
	return r;
}

ACRE_CONTEXT(count_served, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = n_served);
}

static void await_served(struct acre_actor *near, int64_t n)
{
	struct acre_int v = { -1 };

	do /* bound: it notices the partition as we do */
		assert_int_equal(acre_call(near, count_served, &nil, acre_int, &v), 1);
	while (v.value != n);
}

static int with_far(void (*use)(struct acre_actor *near, struct acre_actor *far))
{
	char address[ACRE_ADDRESS_SIZE];
	struct acre_actor *near, *far;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &near, .name = "far");
		assert_ok(r);
		assert_int_equal(acre_query("far", address), 1);
		assert_int_equal(sscanf(strrchr(address, '/'), "/%u", &far_port), 1);
		assert_ok(acre_dial(&far, address));
		use(near, far);
		acre_release(&far);
		await_served(near, 0);
	}
	return r;
}

#define TEST_PARTITION(name, by)                                                  \
	static void name##_use_(struct acre_actor *near, struct acre_actor *far); \
	static int name##_body_(void)                                             \
	{                                                                         \
		return with_far(name##_use_);                                     \
	}                                                                         \
	TEST(name)                                                                \
	{                                                                         \
		use_backend(NULL);                                                \
		setenv("ACRE_TEST_TRANSPORT", "tcp", 1);                          \
		needs_key_if_tcp();                                               \
		enter_own_network();                                              \
		set_link(true);                                                   \
		set_network = by;                                                 \
		if (set_network != set_link)                                      \
			need_rules();                                             \
		assert_ok(found_result(name##_body_));                            \
		report_thread_fini();                                             \
	}                                                                         \
	static void name##_use_(struct acre_actor *near, struct acre_actor *far)

static void echo_some(struct acre_context *ctx, int64_t from, int64_t to)
{
	struct acre_int item;

	for (int64_t i = from; i < to; i++)
		assert_ok(acre_send(ctx, acre_int, .value = i));
	for (int64_t i = from; i < to; i++) {
		assert_int_equal(acre_recv(ctx, acre_int, &item), 1);
		assert_int_equal(item.value, i);
	}
}

/* One end says nothing and waits; or its words do not get through. */
static void await_end(struct acre_actor *near, struct acre_actor *far,
		      bool says_something)
{
	acre_instant begun;
	struct acre_int item;
	int r = 0;

	ACRE_OPEN(ctx, r, far, echo, &nil) {
		echo_some(ctx, 0, 10);
		await_served(near, 1);
		set_network(false);
		begun = acre_now();
		if (says_something)
			assert_ok(acre_send(ctx, acre_int, .value = 10));
		r = acre_recv(ctx, acre_int, &item);
	}
	assert_class(r, ACRE_ECLOSED);
	test_note("noticed after %.1f s", seconds_since(begun));
	await_served(near, 0);
}

TEST_PARTITION(a_partition_is_noticed_by_who_says_nothing, set_link)
{
	await_end(near, far, false);
}

TEST_PARTITION(a_partition_is_noticed_by_who_says_something, set_link)
{
	await_end(near, far, true);
}

TEST_PARTITION(a_partition_by_rule_is_noticed_by_who_says_nothing, set_both_ways)
{
	await_end(near, far, false);
}

TEST_PARTITION(a_partition_by_rule_is_noticed_by_who_says_something, set_both_ways)
{
	await_end(near, far, true);
}

TEST_PARTITION(a_partition_in_one_direction_is_noticed_by_both, set_one_way)
{
	await_end(near, far, false);
}

static void heal(struct acre_actor *far)
{
	int r = 0;

	ACRE_OPEN(ctx, r, far, echo, &nil) {
		echo_some(ctx, 0, 10);
		set_network(false);
		for (int64_t i = 10; i < 40; i++)
			assert_ok(acre_send(ctx, acre_int, .value = i));
		assert_ok(acre_sleep(acre_ms(1))); /* they are on their way */
		set_network(true);
		for (int64_t i = 10; i < 40; i++) {
			struct acre_int item;

			assert_int_equal(acre_recv(ctx, acre_int, &item), 1);
			assert_int_equal(item.value, i);
		}
		echo_some(ctx, 40, 50);
		assert_ok(acre_finish(ctx));
	}
	assert_ok(r);
}

TEST_PARTITION(a_partition_that_heals_loses_nothing, set_link)
{
	(void)near;
	heal(far);
}

TEST_PARTITION(a_partition_by_rule_that_heals_loses_nothing, set_both_ways)
{
	(void)near;
	heal(far);
}

TEST_PARTITION(a_partition_in_one_direction_that_heals_loses_nothing, set_one_way)
{
	(void)near;
	heal(far);
}

/*
 * How long that takes is the root's choice.
 */

static int64_t user_timeout_ms(const struct acre_actor *a)
{
	unsigned int ms = 0;
	socklen_t len = sizeof ms;

	assert_int_equal(getsockopt(a->link.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &len),
			 0);
	assert_int_equal(a->link.look_by->user_timeout_ms, ms);
	return ms;
}

/* Of the link that the call came by. */
ACRE_CONTEXT(tell_timeout, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int,
			   .value = user_timeout_ms(acre_context_peer(ctx)));
}

static int both_ends(void *arg)
{
	char address[ACRE_ADDRESS_SIZE];
	struct acre_actor *near, *far;
	struct acre_int there;
	const int64_t *ms = arg;
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(acre_spawn(&n, &near, .name = "far"));
		assert_int_equal(acre_query("far", address), 1);
		assert_ok(acre_dial(&far, address));
		assert_int_equal(acre_call(far, tell_timeout, &nil, acre_int, &there), 1);
		assert_int_equal(there.value, *ms);
		assert_int_equal(user_timeout_ms(far), *ms);
		acre_release(&far);
	}
	return r;
}

static int run_with_timeout(int64_t given_ms, int64_t expected_ms)
{
	static const char *const exposed[] = { "main", NULL };

	return acre_run(both_ends, &expected_ms,
			&(struct acre_run_options){ .expose = exposed,
						    .seed = test_seed(),
						    .transports = "tcp",
						    .registrars = found_registrars(),
						    .host_timeout = acre_ms(given_ms) });
}

TEST(how_long_a_host_may_be_silent_is_the_roots_choice)
{
	use_backend(NULL);
	setenv("ACRE_TEST_TRANSPORT", "tcp", 1);
	needs_key_if_tcp();
	assert_ok(run_with_timeout(0, 3000));
	assert_ok(run_with_timeout(2000, 2000));
	assert_ok(run_with_timeout(60000, 60000));
	assert_ok(run_with_timeout(3600 * 1000, 3600 * 1000));
	assert_class(run_with_timeout(1999, 0), EINVAL);
	assert_class(run_with_timeout(3600 * 1000 + 1, 0), EINVAL);
	report_thread_fini();
}
