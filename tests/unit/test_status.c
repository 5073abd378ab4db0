/* SPDX-License-Identifier: MIT */
/* test_status.c - the page that says how an actor is doing: writing it, and reading it from outside. */
#include "core/status.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sched.h"
#include "lib/run.h"

TEST(what_the_writer_stores_the_reader_sees)
{
	const struct status *reader;
	struct status *writer;
	int fd;

	assert_int_equal(status_make(&reader, &fd), 0);
	assert_int_equal(status_join(&writer, fd), 0);
	close(fd);
	assert_int_equal(status_progress(reader), 0);
	status_add(&writer->n_turns);
	status_add(&writer->n_looks);
	status_set(&writer->state, STATUS_SERVES);
	assert_int_equal(status_progress(reader), 2);
	assert_string_equal(status_state_text(status_get(&reader->state)), "serves");
	assert_null(status_unmap(writer));
	assert_null(status_unmap(reader));
	assert_null(status_unmap(NULL));
}

TEST(a_page_cannot_shrink_under_its_reader)
{
	const struct status *reader;
	int fd;

	assert_int_equal(status_make(&reader, &fd), 0);
	assert_int_equal(ftruncate(fd, 0), -1);
	close(fd);
	assert_int_equal(reader->n_turns, 0);
	status_unmap(reader);
}

TEST(what_is_no_page_is_not_joined)
{
	struct status *page;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_int_equal(status_join(&page, fd), -EBADF);
	close(fd);
	assert_int_equal(status_join(&page, fd), -EBADF);
}

TEST(the_names_of_the_last_tasks_are_kept)
{
	struct status s = { .state = STATUS_NONE };
	char name[STATUS_NAME_MAX];

	for (uint32_t i = 1; i <= STATUS_NAMES + 1; i++)
		status_name_task(&s, i,
				 i == 2 ? "a name that is longer than a name may be"
					: "b");
	assert_false(status_task_name(&s, 1, name));
	assert_string_equal(name, "?");
	assert_true(status_task_name(&s, 2, name));
	assert_string_equal(name, "a name that is longer than a na");
	assert_true(status_task_name(&s, STATUS_NAMES + 1, name));
	assert_string_equal(name, "b");
	assert_false(status_task_name(&s, 0, name));
}

/* A child may write what it likes. */
TEST(a_broken_page_is_read_within_bounds)
{
	char name[STATUS_NAME_MAX];
	struct status s;

	memset(&s, 0xff, sizeof s);
	s.names[7].task = 7;
	assert_true(status_task_name(&s, 7, name));
	assert_int_equal(strlen(name), STATUS_NAME_MAX - 1);
	assert_string_equal(status_state_text(s.state), "?");
}

static int looks_at_own_page(void *unused)
{
	const struct status *s = loop_this->status;
	char name[STATUS_NAME_MAX];
	uint64_t before;

	(void)unused;
	assert_int_equal(status_get(&s->task), task_this()->id);
	assert_true(status_task_name(s, status_get(&s->task), name));
	assert_string_equal(name, task_this()->name);
	before = status_progress(s);
	assert_int_equal(acre_sleep(acre_us(1)), 0);
	assert_true(status_progress(s) > before);
	assert_int_equal(status_get(&s->n_tasks), 1);
	return 0;
}

TEST(a_loop_tells_its_turns_and_its_task)
{
	const struct acre_task_kind kind = { "looker", looks_at_own_page, __FILE__,
					     __LINE__ };
	struct loop *loop;

	assert_int_equal(loop_open(&loop, &(const struct loop_options){ .seed = 0 }), 0);
	assert_int_equal(loop_run(loop, &kind, NULL), 0);
	loop_free(loop);
}
