/* SPDX-License-Identifier: MIT */
/* test_cli_roots.c - `acre ls`, `reap` and `registry` with roots that live, stand still and were killed: case C149. */
#include "conform/cli.h"

#include <sys/stat.h>

enum { READY = 1 };

static char folder[256], uuid[64];

static int be_root(void)
{
	say(READY);
	assert_int_equal(write(says, acre_self_uuid(), 36), 36);
	return acre_sleep(acre_secs(3600));
}

static int run_root(void)
{
	static const char *const exposed[] = { "main", NULL };
	struct tree_body body = { be_root };
	int r = acre_run(tree_run_body, &body,
			 &(struct acre_run_options){ .name = "other",
						     .expose = exposed,
						     .signals = true,
						     .transports = "uds" });

	report_thread_fini();
	return acre_is(r, EINTR) ? INTERRUPTED : r < 0;
}

static struct root start_root(int (*run)(void))
{
	struct root root = root_start(run);

	assert_int_equal(hear(&root), READY);
	assert_int_equal(read(root.hears, uuid, 36), 36);
	snprintf(folder, sizeof folder, "%s/acre/%s", getenv("XDG_RUNTIME_DIR"), uuid);
	return root;
}

static void kill_root(struct root *root)
{
	assert_int_equal(pidfd_send_signal(root->pidfd, SIGKILL, NULL, 0), 0);
	assert_int_equal(WTERMSIG(root_end(root)), SIGKILL);
}

static void interrupt_root(struct root *root)
{
	root_interrupt(root);
	assert_int_equal(WEXITSTATUS(root_end(root)), INTERRUPTED);
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* The bodies below are roots of trees that cannot be found. */
#define RUN(body)                                    \
	do {                                         \
		assert_ok(tree_result(body, false)); \
		report_thread_fini();                \
	} while (0)

static char line[512];

static const char *path_line(void)
{
	snprintf(line, sizeof line, "%s\n", folder);
	return line;
}

static int reap_dead(void)
{
	assert_int_equal(acre("ls"), 0);
	assert_text_has(out, uuid);
	assert_text_has(out, " dead ");
	assert_int_equal(acre("reap --dry-run"), 0);
	assert_string_equal(out, path_line());
	assert_true(is_there(folder));
	assert_int_equal(acre("reap"), 0);
	assert_string_equal(out, path_line());
	assert_string_equal(err, "");
	assert_false(is_there(folder));
	assert_int_equal(acre("reap"), 0);
	assert_string_equal(out, "");
	return acre("ls") == 3 ? 0 : -EPROTO;
}

TEST(c149_what_a_killed_root_has_left_is_removed)
{
	struct root root = start_root(run_root);

	kill_root(&root);
	RUN(reap_dead);
}

static int reap_nothing(void)
{
	assert_int_equal(acre("reap -r"), 0);
	assert_string_equal(out, "");
	assert_true(is_there(folder));
	return 0;
}

TEST(c149_what_lives_is_spared)
{
	struct root root = start_root(run_root);

	RUN(reap_nothing);
	interrupt_root(&root);
	assert_false(is_there(folder));
}

static int list_silent(void)
{
	assert_int_equal(acre("ls 2>&1"), 0);
	assert_text_has(out, " silent ");
	assert_text_has(out, " is silent: ");
	assert_acre_tells(3, "in the trees that answer; `acre ls` tells of 1 more",
			  "find x");
	assert_acre_tells(1, "main.f of root has not ended within 0.1 s",
			  "call root main.f --deadline 0.1");
	return reap_nothing();
}

TEST(c149_what_is_stopped_is_told_and_spared)
{
	struct root root = start_root(run_root);

	assert_int_equal(pidfd_send_signal(root.pidfd, SIGSTOP, NULL, 0), 0);
	RUN(list_silent);
	assert_int_equal(pidfd_send_signal(root.pidfd, SIGCONT, NULL, 0), 0);
	interrupt_root(&root);
}

static int reap_foreign(void)
{
	char path[512];

	snprintf(path, sizeof path, "%s/notes.txt", folder);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_acre_tells(1, "stays: Directory not empty; look into it", "reap");
	assert_true(is_there(path));
	assert_int_equal(unlink(path), 0);
	return acre("reap");
}

TEST(c149_what_is_not_of_acre_is_left_and_told)
{
	struct root root = start_root(run_root);

	kill_root(&root);
	RUN(reap_foreign);
	assert_false(is_there(folder));
}

/*
 * The registrar.
 */

static char registry[ACRE_ADDRESS_SIZE];

struct daemon {
	struct acre_command *command;
	char address[ACRE_ADDRESS_SIZE];
};

/* Until it has told its address. */
static int start_daemon(struct acre_nursery *n, struct daemon *d, const char *listen)
{
	const char *const argv[] = { acre_path(), "registry", listen ? "--listen" : NULL,
				     listen, NULL };
	size_t len = 0;
	ssize_t r = acre_command_start(n, &d->command, .argv = argv,
				       .out = ACRE_COMMAND_SOURCE,
				       .flags = ACRE_COMMAND_ANY_STATUS);

	while (r >= 0 && !memchr(d->address, '\n', len)) {
		r = acre_command_recv(d->command, ACRE_COMMAND_OUT, d->address + len,
				      sizeof d->address - len);
		if (r == 0)
			return acre_fail(EPROTO, "it ended");
		len += r < 0 ? 0 : (size_t)r;
	}
	if (r >= 0)
		*(char *)memchr(d->address, '\n', len) = '\0';
	return r < 0 ? (int)r : 0;
}

static int daemon_status(const struct daemon *d)
{
	struct acre_death death;

	assert_ok(acre_command_wait(d->command, &death));
	assert_int_equal(death.signal, 0);
	return death.status;
}

static int serve_usual(void)
{
	struct daemon d;
	int r = 0;

	snprintf(registry, sizeof registry, "/unix%s/acre/registry@1616.sock",
		 getenv("XDG_RUNTIME_DIR"));
	ACRE_NURSERY(n, r) {
		r = start_daemon(&n, &d, NULL);
		assert_ok(r);
		assert_string_equal(d.address, registry);
		assert_int_equal(acre("ls"), 0);
		assert_text_has(out, " alive     registry ");
		assert_null(strstr(out, " elsewhere "));
		assert_int_equal(acre("ls %s", registry), 0);
		assert_acre_tells(1, "a registrar is at /unix/", "registry");
		assert_acre_tells(1, "use it, end it with `acre cancel /unix/",
				  "registry");
		assert_int_equal(acre("reap -r"), 0);
		assert_string_equal(out, "");
		assert_int_equal(acre("cancel registry"), 0);
		assert_int_equal(daemon_status(&d), 0);
	}
	assert_false(is_there(registry + strlen("/unix")));
	return r;
}

TEST_TREE(c149_a_registrar_of_all_trees_is_served_and_cancelled)
{
	return serve_usual();
}

static int serve_until(int sig)
{
	struct daemon d;
	int r = 0;

	snprintf(registry, sizeof registry, "/unix%s/r.sock", test_dir());
	ACRE_NURSERY(n, r) {
		r = start_daemon(&n, &d, registry);
		assert_ok(r);
		assert_string_equal(d.address, registry);
		assert_int_equal(acre("find registry --at %s", registry), 0);
		assert_int_equal(acre("ls"), 0);
		assert_text_has(out, " elsewhere ");
		assert_int_equal(acre("reap"), 0);
		assert_string_equal(out, "");
		assert_int_equal(acre("ls"), 0);
		assert_text_has(out, " elsewhere ");
		assert_int_equal(kill(acre_command_pid(d.command), sig), 0);
		assert_int_equal(daemon_status(&d), 0);
	}
	return r;
}

TEST_TREE(a_registrar_ends_on_sigint)
{
	return serve_until(SIGINT);
}

TEST_TREE(c149_a_live_folder_without_sockets_is_spared)
{
	return serve_until(SIGTERM);
}

TEST_TREE(c149_the_socket_of_a_dead_registrar_is_spared_unless_it_is_asked_for)
{
	struct daemon d;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = start_daemon(&n, &d, NULL);
		assert_ok(r);
		assert_int_equal(kill(acre_command_pid(d.command), SIGKILL), 0);
		assert_ok(acre_command_wait(d.command, NULL));
		acre_nursery_cancel(&n);
	}
	acre_ignore_result(r);
	assert_int_equal(acre("reap"), 0);
	assert_true(is_there(d.address + strlen("/unix")));
	assert_int_equal(acre("ls"), 0);
	assert_text_has(out, " dead ");
	assert_int_equal(acre("reap -rn"), 0);
	assert_true(is_there(d.address + strlen("/unix")));
	assert_int_equal(acre("reap -r"), 0);
	assert_text_has(out, "/acre/registry@1616.sock\n");
	assert_false(is_there(d.address + strlen("/unix")));
	return 0;
}

/* Over TCP: for who has the key. */

static int cancel_the_registrar(void *unused)
{
	struct acre_actor *a;
	int r = acre_wait_for(&a, "registry");

	(void)unused;
	if (r >= 0)
		r = acre_actor_cancel(a);
	acre_release(&a);
	return r;
}

TEST(a_registrar_over_tcp_has_the_key_of_its_trees)
{
	const char *registrars[] = { registry, NULL };
	char command[2 * PATH_MAX + 128], key[PATH_MAX];
	FILE *daemon;

	setenv("ACRE_TEST_TRANSPORT", "tcp", 1);
	needs_key_if_tcp();
	snprintf(key, sizeof key, "%s/key", test_dir());
	snprintf(command, sizeof command,
		 "exec %s registry --listen /ip4/127.0.0.1/tcp/0 --key %s", acre_path(),
		 key);
	daemon = popen(command, "re");
	assert_non_null(daemon);
	assert_non_null(fgets(registry, sizeof registry, daemon));
	registry[strcspn(registry, "\n")] = '\0';
	assert_int_equal(strncmp(registry, "/ip4/127.0.0.1/tcp/", 19), 0);
	assert_true(atoi(registry + 19) > 0);

	assert_ok(acre_run(cancel_the_registrar, NULL,
			   &(struct acre_run_options){ .transports = "tcp",
						       .registrars = registrars,
						       .key_file = key }));
	assert_int_equal(pclose(daemon), 0);
	report_thread_fini();
}

TEST_TREE(a_key_and_tcp_go_together)
{
	assert_int_equal(acre("registry --listen /ip4/127.0.0.1/tcp/0"), 2);
	assert_text_has(err, "give --key the .key_file of the trees");
	assert_int_equal(acre("registry --key /tmp/x"), 2);
	assert_text_has(err, "a key is for TCP");
	return 0;
}

TEST_TREE(where_no_registrar_can_be_is_told)
{
	assert_acre_tells(1, "its output cannot be written", "registry >/dev/full");
	assert_acre_tells(2, "; an address is like /unix/run/a.sock",
			  "registry --listen nonsense");
	assert_acre_tells(1, "; choose another address with --listen",
			  "registry --listen /unix/proc/x/y.sock");
	return 0;
}
