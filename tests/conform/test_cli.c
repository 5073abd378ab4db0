/* SPDX-License-Identifier: MIT */
/* test_cli.c - `acre ls`, `find` and `cancel` beside real trees, each line that they may say. */
#include "conform/cli.h"

static char text[4096];

/* The text of a form, for a comparison. */
__attribute__((format(printf, 1, 2))) static const char *form(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	return text;
}

/*
 * Listing.
 */

TEST_TREE(without_a_tree_there_is_nothing_to_list)
{
	assert_acre_tells(3, "acre ls: you have no tree here: a tree is found if", "ls");
	assert_string_equal(out, "");
	assert_acre_tells(3, "acre ls: you have no tree here", "ls --json");
	assert_string_equal(out, "[]\n");
	return 0;
}

TEST_FOUND(a_tree_is_listed_with_its_registrar)
{
	assert_int_equal(acre("ls"), 0);
	assert_string_equal(err, "");
	assert_text_has(out, "TREE  ");
	assert_text_has(out, form("%s alive     root             %7d      1  %s\n",
				  acre_self_uuid(), (int)getpid(), registrar_here()));
	assert_int_equal(acre("ls --json"), 0);
	assert_string_equal(out,
			    form("[{\"uuid\":\"%s\",\"state\":\"alive\",\"registrar\":"
				 "\"%s\",\"name\":\"root\",\"pid\":%d,\"actors\":1}]\n",
				 acre_self_uuid(), registrar_here(), (int)getpid()));
	return 0;
}

static char address_of_child[ACRE_ADDRESS_SIZE];

static int with_child(int (*body)(struct acre_actor *child))
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "child");
		assert_ok(r);
		assert_int_equal(acre_query("child", address_of_child), 1);
		r = body(a);
		acre_nursery_cancel(&n);
	}
	return r;
}

static int list_actors(struct acre_actor *child)
{
	assert_int_equal(acre("ls %s", registrar_here()), 0);
	assert_text_has(out, "NAME  ");
	assert_text_has(out, form("root             %s %7d  %s\n", acre_self_uuid(),
				  (int)getpid(), registrar_here()));
	assert_text_has(out, form("child            %s %7d  %s\n", acre_actor_uuid(child),
				  (int)acre_actor_pid(child), address_of_child));
	assert_int_equal(acre("ls --json %s", registrar_here()), 0);
	assert_text_has(out, form("{\"name\":\"child\",\"uuid\":\"%s\",\"pid\":%d,"
				  "\"addresses\":[\"%s\"]}]\n",
				  acre_actor_uuid(child), (int)acre_actor_pid(child),
				  address_of_child));
	assert_acre_tells(3,
			  form("acre ls: child at %s is no registrar", address_of_child),
			  "ls %s", address_of_child);
	return 0;
}

TEST_FOUND(actors_of_a_tree_are_listed)
{
	return with_child(list_actors);
}

/*
 * Finding.
 */

static int find_child(struct acre_actor *child)
{
	const char *line = form("child            %s %7d  %s\n", acre_actor_uuid(child),
				(int)acre_actor_pid(child), address_of_child);

	assert_int_equal(acre("find child"), 0);
	assert_string_equal(out, line);
	assert_int_equal(acre("find %s", acre_actor_uuid(child)), 0);
	assert_string_equal(out, line);
	assert_int_equal(acre("find child --at %s", registrar_here()), 0);
	assert_string_equal(out, line);
	assert_int_equal(acre("find child --json"), 0);
	assert_string_equal(out, form("[{\"name\":\"child\",\"uuid\":\"%s\",\"pid\":%d,"
				      "\"addresses\":[\"%s\"]}]\n",
				      acre_actor_uuid(child), (int)acre_actor_pid(child),
				      address_of_child));
	return 0;
}

TEST_FOUND(an_actor_is_found_by_name_and_uuid)
{
	return with_child(find_child);
}

TEST_FOUND(who_is_not_there_is_not_found)
{
	assert_acre_tells(3, "acre find: nobody is registered as someone: `acre ls`",
			  "find someone");
	assert_string_equal(out, "");
	assert_acre_tells(3, "acre find: nobody is registered as someone",
			  "find -j someone");
	assert_string_equal(out, "[]\n");
	assert_acre_tells(3, form("someone at %s: `acre ls /unix/", registrar_here()),
			  "find someone --at %s", registrar_here());
	return 0;
}

/*
 * Addresses at which nobody is.
 */

TEST_TREE(who_cannot_be_reached_is_told)
{
	static const char *const verbs[] = { "ls", "cancel", "find x --at" };

	for (size_t i = 0; i < 3; i++) {
		assert_acre_tells(3,
				  "nobody listens at /unix/no/such.sock: `acre ls` tells",
				  "%s /unix/no/such.sock", verbs[i]);
		assert_acre_tells(2, "; an address is like /unix/run/a.sock",
				  "%s /nonsense", verbs[i]);
		assert_acre_tells(1,
				  form("acre %.*s: /ip4/127.0.0.1/tcp/1: a link over TCP "
				       "needs a tree key",
				       (int)strcspn(verbs[i], " "), verbs[i]),
				  "%s /ip4/127.0.0.1/tcp/1", verbs[i]);
	}
	return 0;
}

/* Each is one line, which says what was expected, or where that stands. */
TEST_TREE(wrong_usage_is_told)
{
	static const struct {
		const char *arguments, *told;
	} wrong[] = {
		{ "ls x", "acre ls: \"x\" is no address: see `acre find NAME`" },
		{ "ls ''", "acre ls: \"\" is no address" },
		{ "ls /a /b", "acre ls: expected one address, came /b, too" },
		{ "ls --no-such",
		  "acre ls: there is no option --no-such; see `acre ls --help`" },
		{ "ls -x", "there is no option -x" },
		{ "ls -jx", "the option -jx is not one" },
		{ "ls --json=1", "the option --json=1 is not one, or takes no argument" },
		{ "find", "expected the name of an actor" },
		{ "find ''", "expected the name of an actor" },
		{ "find a b", "expected one name, came b, too" },
		{ "find a --at", "the option --at lacks its ADDRESS; see `acre find" },
		{ "find a -a", "the option -a lacks its ADDRESS" },
		{ "cancel", "expected the name, uuid or address" },
		{ "cancel a b", "expected one actor, came b, too" },
		{ "cancel ''", "expected an actor, came \"\"" },
		{ "registry x", "expected nothing, came x: say --listen x" },
		{ "registry --listen ''", "expected an address to listen at" },
		{ "registry -l", "the option -l lacks its ADDRESS" },
		{ "registry -l /ip4/127.0.0.1/tcp/0", "give --key the .key_file" },
		{ "reap x", "expected no argument, came x" },
		{ "doctor x", "expected no argument, came x" },
		{ "dump", "expected the number of a process" },
		{ "dump x", "expected the number of one process, not x" },
		{ "dump -1", "there is no option -1" },
		{ "selftest x", "a scenario is given by --scenario=x" },
		{ "selftest --scenario=x", "there is no scenario x" },
		{ "call", "expected an actor, and what to call; see `acre call" },
		{ "call x main.f -d", "the option -d lacks its SECONDS" },
		{ "stream x main.f --first=1", "the option --first=1 is not one" },
		{ "no-such-verb",
		  "acre: there is no verb no-such-verb: `acre --help` lists them" },
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_acre_tells(2, wrong[i].told, "%s", wrong[i].arguments);
		assert_string_equal(out, "");
	}
	return 0;
}

/* What the place of sockets lacks is told with what to do, and nothing else is advised. */
TEST_TREE(a_place_that_will_not_do_is_told)
{
	assert_int_equal(run_script("mkdir -m 777 \"$TMPDIR/open\"; chmod 777 "
				    "\"$TMPDIR/open\"; XDG_RUNTIME_DIR=\"$TMPDIR/open\" "
				    "exec $ACRE ls"),
			 1);
	assert_text_has(err, "whose mode is 777: chmod go-w, or choose another one\n");
	assert_int_equal(run_script(
				 "[ -d /run/user/$(id -u) ] && exit 1; "
				 "XDG_RUNTIME_DIR= TMPDIR=/nowhere exec $ACRE registry"),
			 1);
	if (*err)
		assert_text_has(err, "nor /nowhere is a directory: set TMPDIR to one\n");
	return 0;
}

/* What this process may not have more of. */
TEST_TREE(what_is_lacking_is_told)
{
	static const char *const verbs[] = { "run true", "call x main.f" };
	char script[128];

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		snprintf(script, sizeof script, "ulimit -n 8; exec $ACRE %s", verbs[i]);
		assert_int_equal(run_script(script), i ? 1 : 125);
		assert_text_has(err, "(EMFILE): raise the limit of open files, see "
				     "`ulimit -n`, and try again\n");
		assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
	}
	return 0;
}

/* As a parent would execute a program that does not know that it is to be an actor. */
TEST_TREE(who_does_not_boot_is_told_before_it_makes_more_of_its_kind)
{
	assert_int_equal(run_script("exec bash -c 'exec -a \"_subactor[x@"
				    "0d8ea6cf-f8d9-41f2-bb0f-03c8b090ab41]\" $ACRE "
				    "registry'"),
			 1);
	assert_text_has(err, "has to call acre_boot() first thing in main()");
	assert_string_equal(out, "");
	return 0;
}

/* Both state the exit statuses. */
TEST_TREE(each_verb_has_help_and_a_page)
{
	static char all[SAID_MAX];
	char verb[32], script[128];
	int n = 0;

	assert_int_equal(acre("--help"), 0);
	memcpy(all, out, sizeof all);
	for (const char *at = all; (at = strstr(at, "\n  ")); at++, n++) {
		assert_int_equal(sscanf(at, "%31s", verb), 1);
		assert_int_equal(acre("%s --help", verb), 0);
		assert_text_has(out, "exit status");
		snprintf(script, sizeof script,
			 "grep -q '# EXIT STATUS' doc/man/acre-%s.1.scd", verb);
		assert_int_equal(run_script(script), 0);
	}
	assert_int_equal(n, 12);
	return 0;
}

TEST_FOUND(output_that_cannot_be_written_is_told)
{
	assert_acre_tells(1, "acre find: its output cannot be written: is there room?",
			  "find root >/dev/full");
	return 0;
}

/*
 * Cancelling.
 */

static int cancel_child(struct acre_actor *child)
{
	assert_int_equal(acre("cancel child"), 0);
	assert_string_equal(out, "");
	assert_string_equal(err, "");
	assert_ok(acre_actor_wait(child));
	assert_acre_tells(3, "acre cancel: nobody is registered as child",
			  "cancel child");
	return 0;
}

TEST_FOUND(an_actor_is_cancelled_by_name)
{
	return with_child(cancel_child);
}

static int cancel_by_address(struct acre_actor *child)
{
	assert_int_equal(acre("cancel %s", address_of_child), 0);
	return acre_actor_wait(child);
}

TEST_FOUND(an_actor_is_cancelled_by_address)
{
	return with_child(cancel_by_address);
}

static int two_of_a_name(struct acre_actor *child)
{
	struct acre_actor *other;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &other, .name = "child");
		assert_ok(r);
		assert_acre_tells(2, "acre cancel: 2 actors are called child: say which",
				  "cancel child");
		assert_int_equal(acre("find child"), 0);
		assert_text_has(out, acre_actor_uuid(other));
		assert_text_has(out, acre_actor_uuid(child));
		assert_int_equal(acre("cancel %s", acre_actor_uuid(other)), 0);
		assert_ok(acre_actor_wait(other));
	}
	assert_true(acre_actor_is_connected(child));
	return r;
}

TEST_FOUND(who_is_meant_must_be_said)
{
	return with_child(two_of_a_name);
}
