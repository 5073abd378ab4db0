/* SPDX-License-Identifier: MIT */
/* test_output.c - one output of a command: what is kept, and where it ends. */
#include "actor/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "lib/run.h"

enum { KEEP = 10000 };

struct program {
	struct output output;
	int fd; /* its end of the pipe */
	size_t n_changes;
};

static void changed(struct output *o)
{
	((struct program *)o->owner)->n_changes++;
}

static void begin(struct program *p, size_t keep)
{
	p->n_changes = 0;
	output_init(&p->output, keep, changed, p);
	assert_ok(output_open(&p->output, &p->fd));
	assert_ok(output_watch(&p->output));
}

static void end(struct program *p)
{
	if (p->fd >= 0)
		close(p->fd);
	output_fini(&p->output);
	output_fini(&p->output);
}

static void say(const struct program *p, const char *text)
{
	assert_int_equal(write(p->fd, text, strlen(text)), strlen(text));
}

TEST_TASK(what_comes_is_kept)
{
	struct program p;
	int r = 0;

	begin(&p, KEEP);
	say(&p, "one");
	while (r >= 0 && output_kept(&p.output).len == 0)
		r = acre_sleep(acre_ms(1)); /* the loop reads */
	assert_string_equal(output_kept(&p.output).bytes, "one");
	assert_int_equal(p.n_changes, 1);
	end(&p);
	return r;
}

TEST_TASK(what_nobody_wrote_is_an_empty_text)
{
	struct program p;

	begin(&p, KEEP);
	output_program_ended(&p.output);
	assert_string_equal(output_kept(&p.output).bytes, "");
	assert_int_equal(output_kept(&p.output).len, 0);
	end(&p);
	return 0;
}

/* Somebody else has the other end of the pipe, and neither writes nor closes it. */
TEST_TASK(who_else_holds_the_pipe_is_not_waited_for)
{
	struct program p;

	begin(&p, KEEP);
	say(&p, "last words");
	assert_false(output_is_done(&p.output));
	output_program_ended(&p.output);
	assert_true(output_is_done(&p.output));
	assert_string_equal(output_kept(&p.output).bytes, "last words");
	end(&p);
	return 0;
}

TEST_TASK(of_much_the_end_is_kept_and_the_rest_counted)
{
	struct program p;
	char text[32];
	int r = 0;

	begin(&p, KEEP);
	for (int i = 0; r >= 0 && i < 10000; i++) {
		snprintf(text, sizeof text, "%010d", i);
		say(&p, text);
		if (i % 1000 == 0)
			r = acre_sleep(acre_ms(1)); /* the loop reads */
	}
	output_program_ended(&p.output);
	assert_int_equal(output_kept(&p.output).len, KEEP);
	assert_int_equal(output_kept(&p.output).n_lost, 10000 * 10 - KEEP);
	assert_memory_equal(output_kept(&p.output).bytes, "0000009000", 10);
	assert_string_equal(output_kept(&p.output).bytes + KEEP - 10, "0000009999");
	end(&p);
	return r;
}

TEST_TASK(it_can_be_taken_away)
{
	struct acre_output kept;
	struct program p;
	void *memory;

	begin(&p, KEEP);
	say(&p, "one");
	output_program_ended(&p.output);
	memory = output_take(&p.output, &kept);
	end(&p);
	assert_string_equal(kept.bytes, "one");
	mem_free(memory);
	return 0;
}

TEST_TASK(without_memory_it_is_said_that_bytes_are_lost)
{
	struct program p;

	begin(&p, KEEP);
	say(&p, "one");
	mem_fail_at(1, false);
	output_program_ended(&p.output);
	mem_fail_at(0, false);
	assert_int_equal(p.output.error, ENOMEM);
	assert_int_equal(output_kept(&p.output).n_lost, 3);
	end(&p);
	return 0;
}

TEST_TASK(a_source_is_left_to_its_reader)
{
	struct program p;
	char text[8] = "";

	output_init(&p.output, KEEP, changed, &p);
	p.output.is_source = true;
	assert_ok(output_open(&p.output, &p.fd));
	assert_ok(output_watch(&p.output));
	say(&p, "one");
	output_program_ended(&p.output);
	assert_true(output_is_done(&p.output));
	assert_false(output_is_empty(&p.output));
	assert_int_equal(read(p.output.fd, text, sizeof text), 3);
	assert_true(output_is_empty(&p.output));
	end(&p);
	return 0;
}

TEST_TASK(a_command_needs_a_runtime)
{
	assert_class(acre_command_run(NULL,
				      .argv = (const char *const[]){ "true", NULL }),
		     ACRE_ENORUNTIME);
	acre_command_result_free(NULL);
	return 0;
}
