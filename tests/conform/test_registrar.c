/* SPDX-License-Identifier: MIT */
/* test_registrar.c - registrars that are other trees: attaching, probing, and their end: cases C079 to C089. */
#include "conform/found.h"
#include "conform/unix_at.h"
#include "conform/root.h"

#include <sys/socket.h>

#include "actor/runtime.h"

/* The registrar of these tests, in the directory of the test. */
static char registry[ACRE_ADDRESS_SIZE];

static void choose_registry(void)
{
	snprintf(registry, sizeof registry, "/unix%s/registry.sock", test_dir());
}

static const char *socket_path(void)
{
	return registry + strlen("/unix");
}

static int run_with(const char *name, int (*run)(void), const char *at, bool signals)
{
	static const char *const exposed[] = { "main", NULL };
	const char *const registrars[] = { at, NULL };
	struct tree_body body = { run };

	return acre_run(tree_run_body, &body,
			&(struct acre_run_options){ .name = name,
						    .expose = exposed,
						    .seed = test_seed(),
						    .signals = signals,
						    .transports = "uds",
						    .registrars = registrars });
}

static int result_at_registry(int (*run)(void))
{
	int r = run_with("client", run, registry, false);

	report_thread_fini();
	return r;
}

enum { READY = 1 };

static int be_registrar(void)
{
	say(READY);
	return acre_sleep(acre_secs(3600));
}

static int run_registrar(void)
{
	int r = run_with("registrar", be_registrar, registry, true);
	int status = acre_is(r, EINTR) ? INTERRUPTED : r < 0;

	report_thread_fini();
	return status;
}

static struct root start_registrar(void)
{
	struct root root;

	choose_registry();
	root = root_start(run_registrar);
	assert_int_equal(hear(&root), READY);
	return root;
}

static void end_registrar(struct root *root)
{
	root_interrupt(root);
	assert_int_equal(WEXITSTATUS(root_end(root)), INTERRUPTED);
	assert_int_equal(access(socket_path(), F_OK), -1);
}

struct seen {
	const char *name; /* whose entries are counted */
	int count;
};

static int count_entry(const struct acre_registered *entry, void *arg)
{
	struct seen *seen = arg;

	seen->count += !seen->name || !strcmp(entry->name, seen->name);
	return 0;
}

static int n_registered(const char *name)
{
	struct seen seen = { name, 0 };

	assert_ok(acre_registry(NULL, count_entry, &seen));
	return seen.count;
}

/*
 * C082, C083: the end of a registrar.
 */

TEST(c082_registrar_on_sigint)
{
	struct root registrar = start_registrar();

	end_registrar(&registrar);
}

static int cancel_registrar(void)
{
	struct acre_actor *registrar, *gone;

	assert_ok(acre_dial(&registrar, registry));
	assert_string_equal(acre_actor_name(registrar), "registrar");
	assert_ok(acre_actor_cancel(registrar));
	while (acre_actor_is_connected(registrar)) /* bound: it ends */
		assert_ok(acre_sleep(acre_ms(1)));
	acre_release(&registrar);
	assert_class(acre_dial(&gone, registry), ENOENT);
	return 0;
}

TEST(c083_cancel_a_remote_registrar)
{
	struct root registrar = start_registrar();

	assert_ok(tree_result(cancel_registrar, false));
	report_thread_fini();
	assert_int_equal(WEXITSTATUS(root_end(&registrar)), 0); /* orderly */
}

/*
 * C084: a tree whose registrar is another one.
 */

ACRE_CONTEXT(name_of_parent, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_actor *parent;
	int r = acre_find(&parent, acre_actor_uuid(acre_parent()));

	if (r <= 0 || parent != acre_parent())
		return acre_fail(T_NAME, "the parent is not found");
	return acre_return(ctx, acre_text, .value = acre_actor_name(parent));
}

static int spawn_in_client(void)
{
	struct acre_actor *a;
	struct acre_text said;
	int r = 0;

	assert_false(runtime_this->is_registrar);
	assert_int_equal(n_registered("registrar"), 1);
	assert_int_equal(n_registered("client"), 1);
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "child");
		assert_ok(r);
		assert_int_equal(n_registered("child"), 1);
		assert_int_equal(acre_call(a, name_of_parent, &nil, acre_text, &said), 1);
		assert_string_equal(said.value, "client");
		acre_nursery_cancel(&n);
	}
	assert_ok(r);
	while (n_registered("child")) /* bound: its link has ended */
		assert_ok(acre_sleep(acre_ms(1)));
	return 0;
}

TEST(c084_root_that_is_no_registrar_spawns)
{
	struct root registrar = start_registrar();

	use_backend(NULL);
	assert_ok(result_at_registry(spawn_in_client));
	end_registrar(&registrar);
}

/* A registrar that is gone is told by what asks it; the tree goes on. */
static int lose_registrar(void)
{
	struct acre_actor *a, *registrar;
	struct acre_text said;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "child");
		assert_ok(r);
		assert_int_equal(acre_find(&registrar, "registrar"), 1);
		assert_ok(acre_actor_cancel(registrar));
		while (acre_actor_is_connected(registrar))
			assert_ok(acre_sleep(acre_ms(1)));
		acre_release(&registrar);
		assert_class(acre_find(&registrar, "registrar"), ACRE_ECLOSED);
		assert_int_equal(acre_call(a, name_of_parent, &nil, acre_text, &said), 1);
		assert_class(acre_spawn(&n, &a, .name = "unregistered"), ACRE_EBOOT);
		acre_nursery_cancel(&n);
	}
	return r;
}

TEST(a_tree_survives_its_registrar)
{
	struct root registrar = start_registrar();

	use_backend(NULL);
	assert_ok(result_at_registry(lose_registrar));
	root_end(&registrar);
}

/*
 * C079, C080: a tree that ends, by a failure or by ^C, leaves nothing in the registry.
 */

ACRE_CONTEXT(stream_for_ever, acre_nil)
{
	int r = acre_started(ctx, acre_nil);

	for (int64_t i = 0; r >= 0; i++)
		r = acre_send(ctx, acre_int, .value = i);
	return r;
}

ACRE_TASK(consume_from, struct acre_actor *a)
{
	struct acre_int item;
	int r = 0;

	ACRE_OPEN(ctx, r, a, stream_for_ever, &nil) {
		r = acre_ready(NULL);
		while (r >= 0 && (r = acre_recv(ctx, acre_int, &item)) > 0)
			;
	}
	return r;
}

/* How the tree of a test ends. */
static struct {
	bool streams, by_signal, closes_first;
} ends;

static int end_somehow(void)
{
	if (!ends.by_signal)
		return acre_fail(T_ASSERT, "assert 0");
	assert_int_equal(raise(SIGINT), 0);
	return acre_sleep(acre_secs(3600));
}

static int spawn_three(struct acre_nursery *n)
{
	struct acre_actor *a;
	void *unused;
	int r = 0;

	for (int i = 0; i < 3 && r >= 0; i++) {
		r = acre_spawn(n, &a, .name = "child");
		if (r >= 0 && ends.streams)
			r = acre_go_ready(n, consume_from, a, &unused);
	}
	return r;
}

static int end_tree(void)
{
	int left = 0, r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_three(&n);
		assert_ok(r);
		assert_int_equal(n_registered("child"), 3);
		r = end_somehow();
	}
	ACRE_SHIELD(acre_secs(5), left)
		while (n_registered("child")) /* bound: the shield */
			left = acre_sleep(acre_ms(1));
	assert_ok(left);
	return r;
}

static void check_end(int r)
{
	assert_true(acre_has(r, ends.by_signal ? EINTR : T_ASSERT));
	report_thread_fini();
}

static void end_with_local_registrar(bool streams, bool by_signal)
{
	choose_registry();
	ends.streams = streams;
	ends.by_signal = by_signal;
	check_end(run_with("root", end_tree, registry, true));
}

static void end_with_remote_registrar(bool streams, bool by_signal)
{
	struct root registrar = start_registrar();

	ends.streams = streams;
	ends.by_signal = by_signal;
	check_end(run_with("client", end_tree, registry, true));
	end_registrar(&registrar);
}

#define C079(where, what, how, streams, by_signal)                 \
	TEST(c079_deregistered_on_cancel_##where##_##what##_##how) \
	{                                                          \
		use_backend(NULL);                                 \
		end_with_##where##_registrar(streams, by_signal);  \
	}
C079(local, idle, failure, false, false)
C079(local, idle, interrupt, false, true)
C079(local, streaming, failure, true, false)
C079(local, streaming, interrupt, true, true)
C079(remote, idle, failure, false, false)
C079(remote, idle, interrupt, false, true)
C079(remote, streaming, failure, true, false)
C079(remote, streaming, interrupt, true, true)

/* The streams are closed by hand, while the interrupt is on its way. */
static int close_streams_first(void)
{
	struct acre_actor *a[2];
	struct acre_context *ctx[2];
	struct acre_int item;
	int left = 0, r = 0;

	ACRE_NURSERY(n, r) {
		for (int i = 0; i < 2 && r >= 0; i++)
			r = acre_spawn(&n, &a[i], .name = "child");
		for (int i = 0; i < 2 && r >= 0; i++)
			r = acre_open(&ctx[i], a[i], stream_for_ever, &nil);
		assert_ok(r);
		assert_int_equal(acre_recv(ctx[0], acre_int, &item), 1);
		assert_int_equal(raise(SIGINT), 0);
		for (int i = 0; i < 2; i++)
			r = acre_context_close(&ctx[i], -ECANCELED);
		acre_nursery_cancel(&n);
	}
	ACRE_SHIELD(acre_secs(5), left)
		while (n_registered("child"))
			left = acre_sleep(acre_ms(1));
	assert_ok(left);
	return r < 0 ? r : acre_sleep(acre_secs(3600));
}

TEST(c080_streams_closed_before_the_nursery_local)
{
	use_backend(NULL);
	choose_registry();
	assert_true(
		acre_has(run_with("root", close_streams_first, registry, true), EINTR));
	report_thread_fini();
}

TEST(c080_streams_closed_before_the_nursery_remote)
{
	struct root registrar = start_registrar();

	use_backend(NULL);
	assert_true(
		acre_has(run_with("client", close_streams_first, registry, true), EINTR));
	report_thread_fini();
	end_registrar(&registrar);
}

/*
 * C081: an actor that lives and is not reached any more.
 */

ACRE_CONTEXT(transport_fails, acre_nil)
{
	int r;

	server_stop_listening();
	r = acre_started(ctx, acre_nil);
	return r < 0 ? r : acre_sleep(acre_secs(3600));
}

ACRE_CONTEXT(look_for, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_actor *a;
	int r = acre_find(&a, in->value);

	acre_release(&a);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = r);
}

static int find_stale(void)
{
	struct acre_actor *stale, *finder;
	struct acre_int found;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &stale, .name = "transport_fails_actor");
		if (r >= 0)
			r = acre_spawn(&n, &finder, .name = "finder");
		assert_ok(r);
		ACRE_OPEN(ctx, r, stale, transport_fails, &nil) {
			assert_int_equal(n_registered("transport_fails_actor"), 1);
			assert_int_equal(acre_call(finder, look_for,
						   &(struct acre_text){
							   "transport_fails_actor" },
						   acre_int, &found),
					 1);
			assert_int_equal(found.value, 0);
			assert_int_equal(n_registered("transport_fails_actor"), 0);
			assert_ok(acre_context_cancel(ctx));
		}
		assert_ok(acre_actor_cancel(stale)); /* its parent's link is open */
		acre_nursery_cancel(&n);
	}
	return r;
}

TEST(c081_stale_entry)
{
	struct root registrar = start_registrar();

	use_backend(NULL);
	assert_ok(result_at_registry(find_stale));
	end_registrar(&registrar);
}

/*
 * C085 to C088: who is at the registrar's address.
 */

static int attached(void)
{
	assert_false(runtime_this->is_registrar);
	return 0;
}

/* Stopped, it lets the first attempt wait in vain; then it goes on. */
TEST(c085_probe_retry)
{
	struct root registrar = start_registrar();
	acre_instant begun = acre_now();
	pid_t helper;

	assert_int_equal(pidfd_send_signal(registrar.pidfd, SIGSTOP, NULL, 0), 0);
	helper = fork();
	assert_true(helper >= 0);
	if (helper == 0) {
		usleep(1200 *
		       1000); /* longer than an attempt, which is what this is about */
		pidfd_send_signal(registrar.pidfd, SIGCONT, NULL, 0);
		_exit(0);
	}
	assert_ok(result_at_registry(attached));
	assert_true(seconds_since(begun) > 1);
	assert_int_equal(waitpid(helper, NULL, 0), helper);
	end_registrar(&registrar);
}

static int listener_at(const char *path)
{
	struct sockaddr_un to;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to = unix_at(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static int not_reached(void)
{
	fail_msg("the root has begun");
	return 0;
}

/* It accepts, since the kernel does, and says nothing. */
TEST(c087_foreigner_on_the_registry_address)
{
	int fd, r;

	choose_registry();
	fd = listener_at(socket_path());
	r = result_at_registry(not_reached);
	assert_true(r < 0);
	close(fd);
	assert_int_equal(access(socket_path(), F_OK), 0); /* nothing was bound over it */
	assert_int_equal(unlink(socket_path()), 0);
}

static int found_nobody(void)
{
	assert_true(runtime_this->is_registrar);
	return 0;
}

TEST(a_root_becomes_the_registrar_that_is_missing)
{
	choose_registry();
	assert_ok(result_at_registry(found_nobody));
	assert_int_equal(access(socket_path(), F_OK), -1);
}

/*
 * C089, C091: what is bound.
 */

static char listen_at[ACRE_ADDRESS_SIZE];

static int look_at_addresses(void)
{
	char addresses[4][ACRE_ADDRESS_SIZE];

	assert_int_equal(acre_self_addresses(addresses, 4), 2);
	assert_string_equal(addresses[0], registry);
	assert_string_equal(addresses[1], listen_at);
	return 0;
}

TEST(c089_a_registrar_binds_its_own_and_what_was_asked_for)
{
	const char *const registrars[] = { registry, NULL };
	const char *const wanted[] = { listen_at, NULL };
	struct tree_body body = { look_at_addresses };

	choose_registry();
	snprintf(listen_at, sizeof listen_at, "/unix%s/wanted.sock", test_dir());
	assert_ok(acre_run(tree_run_body, &body,
			   &(struct acre_run_options){ .transports = "uds",
						       .registrars = registrars,
						       .listen = wanted }));
	report_thread_fini();
}

static void assert_refused(const struct acre_run_options *o, const char *says_what)
{
	struct tree_body body = { not_reached };
	int r = acre_run(tree_run_body, &body, o);

	assert_class(r, EINVAL);
	assert_text_has(acre_why(r)->message, says_what);
	report_thread_fini();
}

TEST(c091_transports_and_addresses_must_agree)
{
	const char *const tcp[] = { "/ip4/127.0.0.1/tcp/0", NULL };
	const char *const broken[] = { "/unix/../x", NULL };

	assert_refused(
		&(struct acre_run_options){ .transports = "uds", .registrars = tcp },
		"registrars has /ip4/127.0.0.1/tcp/0, whose transport is not among "
		"`transports`");
	assert_refused(&(struct acre_run_options){ .registrars = tcp }, "`transports`");
	assert_refused(&(struct acre_run_options){ .transports = "uds", .listen = tcp },
		       "listen has");
	assert_refused(&(struct acre_run_options){ .transports = "uds",
						   .listen = broken },
		       "at byte");
	assert_refused(&(struct acre_run_options){ .transports = "carrier pigeon" },
		       "expected uds, tcp, or both");
	assert_refused(&(struct acre_run_options){ .transports = "uds,,tcp" },
		       "expected uds, tcp, or both");
}
