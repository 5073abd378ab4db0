/* SPDX-License-Identifier: MIT */
/* test_relay.c - lines of a command on their way to our own stdout, at the reader's pace. */
#include "actor/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "lib/run.h"

/* Our stdout is a pipe whose reader takes what it likes. */
struct reader {
	struct relay relay;
	int fd, saved;
	size_t n_went_on;
};

static void went_on(struct relay *r)
{
	container_of(r, struct reader, relay)->n_went_on++;
	assert_ok(relay_write(r));
}

static void begin(struct reader *to, const char *label)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	*to = (struct reader){ .fd = ends[0], .relay = { .fd = -1 } };
	to->saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
	assert_int_equal(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
	close(ends[1]);
	assert_ok(relay_open(&to->relay, STDOUT_FILENO, label, went_on));
	assert_int_equal(dup2(to->saved, STDOUT_FILENO), STDOUT_FILENO);
	close(to->saved);
}

static void end(struct reader *to)
{
	relay_fini(&to->relay);
	relay_fini(&to->relay);
	close(to->fd);
}

static void say(struct reader *to, const char *text)
{
	assert_ok(relay_say(&to->relay, text, strlen(text)));
	assert_ok(relay_write(&to->relay));
}

static void assert_came(struct reader *to, const char *expected)
{
	char text[256] = "";

	assert_true(read(to->fd, text, sizeof text - 1) >= 0);
	assert_string_equal(text, expected);
}

TEST_TASK(each_line_gets_its_label)
{
	struct reader to;

	begin(&to, "kid");
	say(&to, "one\ntwo\n");
	assert_came(&to, "[kid:out] one\n[kid:out] two\n");
	end(&to);
	return 0;
}

TEST_TASK(a_line_in_parts_waits_for_its_end)
{
	struct reader to;

	begin(&to, "kid");
	say(&to, "on");
	assert_true(relay_is_idle(&to.relay));
	say(&to, "e\nt");
	assert_came(&to, "[kid:out] one\n");
	assert_ok(relay_end_line(&to.relay));
	assert_ok(relay_end_line(&to.relay));
	assert_ok(relay_write(&to.relay));
	assert_came(&to, "[kid:out] t\n");
	end(&to);
	return 0;
}

TEST_TASK(without_a_label_there_are_no_lines)
{
	struct reader to;

	begin(&to, "");
	say(&to, "on");
	assert_came(&to, "on");
	assert_ok(relay_end_line(&to.relay));
	assert_true(relay_is_idle(&to.relay));
	end(&to);
	return 0;
}

/* Neither is room for more, and then nothing to write: it would be the end of both. */
TEST_TASK(a_line_that_takes_all_the_room_goes_out)
{
	static char text[4096];
	struct reader to;
	size_t said = 0;

	begin(&to, "kid");
	memset(text, 'x', sizeof text);
	for (int i = 0; i < 200; i++) {
		while (relay_has_room(&to.relay)) {
			assert_ok(relay_say(&to.relay, text, sizeof text));
			said += sizeof text;
		}
		assert_false(relay_is_idle(&to.relay));
		assert_ok(relay_write(&to.relay));
		while (!relay_is_idle(&to.relay)) {
			assert_true(read(to.fd, text, sizeof text) > 0);
			assert_ok(acre_yield());
			assert_ok(relay_write(&to.relay));
		}
		memset(text, 'x', sizeof text);
	}
	assert_true(said >= 200 * RELAY_LINE_MOST);
	end(&to);
	return 0;
}

TEST_TASK(a_slow_reader_is_waited_for)
{
	struct reader to;
	char text[4096];
	int r = 0;

	begin(&to, "");
	while (relay_is_idle(&to.relay))
		say(&to, "0123456789abcdef");
	assert_int_equal(to.n_went_on, 0);
	assert_ok(relay_say(&to.relay, "end", 3));
	while (r >= 0 && !relay_is_idle(&to.relay)) {
		assert_true(read(to.fd, text, sizeof text) > 0);
		r = acre_sleep(acre_ms(1)); /* the loop polls */
	}
	assert_true(to.n_went_on > 0);
	end(&to);
	return r;
}

TEST_TASK(a_reader_that_is_gone_is_said_once)
{
	struct reader to;

	begin(&to, "kid");
	close(to.fd);
	assert_ok(relay_say(&to.relay, "one\n", 4));
	assert_int_equal(relay_write(&to.relay), -EPIPE);
	assert_true(relay_is_idle(&to.relay));
	assert_ok(relay_say(&to.relay, "two\n", 4));
	assert_ok(relay_write(&to.relay));
	to.fd = -1;
	relay_fini(&to.relay);
	return 0;
}

TEST_TASK(without_a_stdout_nothing_is_relayed)
{
	int saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
	struct relay r = { .fd = -1 };

	close(STDOUT_FILENO);
	assert_ok(relay_open(&r, STDOUT_FILENO, "kid", went_on));
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	close(saved);
	assert_ok(relay_say(&r, "one\n", 4));
	assert_true(relay_is_idle(&r));
	relay_fini(&r);
	return 0;
}

TEST_TASK(without_memory_bytes_are_lost_and_it_is_said)
{
	struct reader to;

	begin(&to, "kid");
	mem_fail_at(1, false);
	assert_int_equal(relay_say(&to.relay, "one\n", 4), -ENOMEM);
	mem_fail_at(0, false);
	end(&to);
	return 0;
}
