/* SPDX-License-Identifier: MIT */
/* test_cli_call.c - `acre call` and `acre stream`: JSON in and out, and each line of failure. */
#include "conform/cli.h"

#define ADD(F) F(int64_t, a) F(int64_t, b)
ACRE_MSG(add_in, ADD)

ACRE_CONTEXT(add, add_in, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = in->a + in->b);
}

ACRE_CONTEXT(nothing, acre_nil)
{
	return 0;
}

/* Whatever comes goes back, as argument, item, and result. */
ACRE_CONTEXT(echo, acre_any)
{
	struct acre_any item;
	int r = acre_started(ctx, acre_any, in->value);

	while (r >= 0 && (r = acre_recv(ctx, acre_any, &item)) > 0)
		r = acre_send(ctx, acre_any, item.value);
	return r < 0 ? r : acre_return(ctx, acre_any, in->value);
}

ACRE_CONTEXT(count_to, acre_int, .kind = ACRE_ENDPOINT_STREAM)
{
	int r = 0;

	for (int64_t i = 1; r >= 0 && i <= in->value; i++)
		r = acre_send(ctx, acre_int, .value = i);
	return r;
}

ACRE_CONTEXT(odd, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	static const uint8_t bytes[] = { 0, 255, 16 };
	struct acre_packer *p = acre_pack_new();
	struct acre_value value;
	int r;

	acre_pack_map(p, 4);
	acre_pack_int(p, 1);
	acre_pack_text(p, "one");
	acre_pack_text(p, "b");
	acre_pack_bytes(p, bytes, sizeof bytes);
	acre_pack_text(p, "n");
	acre_pack_natural(p, UINT64_MAX);
	acre_pack_text(p, "f");
	acre_pack_float(p, -1.0 / 0.0);
	r = acre_pack_end(p, &value);
	if (r >= 0)
		r = acre_return(ctx, acre_any, value);
	acre_pack_free(p);
	return r;
}

/* Its result comes only once nobody sends any more. */
ACRE_CONTEXT(sum, acre_nil)
{
	struct acre_int item;
	int64_t sum = 0;
	int r;

	while ((r = acre_recv(ctx, acre_int, &item)) > 0)
		sum += item.value;
	return r < 0 ? r : acre_return(ctx, acre_int, .value = sum);
}

static int with_callee(int (*body)(void))
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "callee");
		assert_ok(r);
		r = body();
		acre_nursery_cancel(&n);
	}
	return r;
}

#define TEST_CALLEE(name)                         \
	static int name##_here_(void);            \
	TEST_FOUND(name)                          \
	{                                         \
		return with_callee(name##_here_); \
	}                                         \
	static int name##_here_(void)

/* stdout is this, and nothing was said on stderr. */
#define assert_acre_prints(text, ...)                   \
	do {                                            \
		assert_int_equal(acre(__VA_ARGS__), 0); \
		assert_string_equal(out, (text));       \
		assert_string_equal(err, "");           \
	} while (0)

/*
 * Calls.
 */

TEST_CALLEE(a_result_is_a_line_of_json)
{
	char address[ACRE_ADDRESS_SIZE];

	assert_acre_prints("42\n", "call callee main.add '{\"a\": 40, \"b\": 2}'");
	assert_acre_prints("null\n", "call callee main.nothing");
	assert_int_equal(acre_query("callee", address), 1);
	assert_acre_prints("10\n", "call %s main.ten null", address);
	assert_acre_prints("10\n", "call callee main.ten --at %s --deadline 30",
			   registrar_here());
	return 0;
}

TEST_CALLEE(what_json_lacks_goes_both_ways)
{
	static const char odd[] = "{\"$map\":[[1,\"one\"],[\"b\",{\"$bytes\":\"AP8Q\"}],"
				  "[\"n\",{\"$natural\":\"18446744073709551615\"}],"
				  "[\"f\",{\"$float\":\"-inf\"}]]}";
	char line[512];

	snprintf(line, sizeof line, "%s\n", odd);
	assert_acre_prints(line, "call callee main.odd");
	snprintf(line, sizeof line,
		 "{\"x\":%s,\"y\":[true,null,-1.5,\"\\u0000\\u00fc\"]}", odd);
	assert_int_equal(acre("stream callee main.echo '%s' -r </dev/null", line), 0);
	assert_text_has(out, odd);
	assert_text_has(out, "\"y\":[true,null,-1.5,\"\\u0000\xc3\xbc\"]}\n");
	return 0;
}

TEST_CALLEE(a_call_that_fails_is_told)
{
	assert_acre_tells(1, "acre call: main.no_such of callee: ",
			  "call callee main.no_such");
	assert_text_has(err, "; look for the name in its ACRE_CONTEXTs");
	assert_acre_tells(1, "; choose another namespace, or let it expose",
			  "call callee x.ten");
	assert_acre_tells(1, "; give an object with the keys that it takes",
			  "call callee main.add '{\"a\": 1}'");
	assert_acre_tells(1, "main.sleeps_for_ever of callee has not ended within 0.1 s",
			  "call callee main.sleeps_for_ever --deadline 0.1");
	assert_acre_tells(3, "acre call: nobody is registered as x", "call x main.ten");
	assert_acre_tells(3, "acre call: nobody listens at /unix/x/y",
			  "call /unix/x/y main.ten");
	assert_int_equal(acre("call callee main.fails_with_assert '{\"value\": 0}'"), 1);
	assert_text_has(
		err,
		"acre call: main.fails_with_assert of callee has failed; its story:\n");
	assert_text_has(err, "T_ASSERT");
	assert_text_has(err, "assert 0");
	assert_string_equal(out, "");
	return 0;
}

TEST_TREE(wrong_arguments_are_told)
{
	static const struct {
		const char *arguments, *told;
	} wrong[] = {
		{ "", "expected an actor, and what to call" },
		{ "x", "expected what to call" },
		{ "x f", "expected NAMESPACE.FUNCTION, such as main.f" },
		{ "x .f", "expected NAMESPACE.FUNCTION, such as main.f, not \".f\"" },
		{ "x main.",
		  "expected NAMESPACE.FUNCTION, such as main.add, not \"main.\"" },
		{ "'' main.f", "expected an actor, came \"\"" },
		{ "x main.f '{'", "the argument is no JSON: at byte 1" },
		{ "x main.f 1", "arguments are an object" },
		{ "x main.f '[]' ", "arguments are an object" },
		{ "x main.f '{\"a\": 1, \"a\": 2}'", "no JSON" },
		{ "x main.f '{\"a\": {\"$bytes\": 1}}'", "a $key of the argument" },
		{ "x main.f '{\"a\": {\"$natural\": \"-1\"}}'",
		  "a $key of the argument" },
		{ "x main.f '{\"a\": {\"$float\": \"x\"}}'", "a $key of the argument" },
		{ "x main.f '{\"a\": {\"$map\": [[1]]}}'", "a $key of the argument" },
		{ "x main.f null 2", "expected one JSON value" },
		{ "x main.f -d 0", "the deadline is a number of seconds" },
		{ "x main.f -d 1e99", "above 0, at most 4000000000, not 1e99" },
		{ "x main.f -d soon", "the deadline is a number of seconds" },
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_acre_tells(2, wrong[i].told, "call %s", wrong[i].arguments);
		assert_acre_tells(2, wrong[i].told, "stream %s", wrong[i].arguments);
	}
	return 0;
}

/*
 * Streams.
 */

TEST_CALLEE(items_are_lines_both_ways)
{
	assert_acre_prints("1\n2\n3\n", "stream callee main.count_to '{\"value\": 3}'");
	assert_int_equal(run_script(
				 "printf '1\\n \\n{\"a\": [2]}\\n\"last\"' |"
				 "$ACRE stream callee main.echo '{\"given\": 0}' -f -r"),
			 0);
	assert_string_equal(out,
			    "{\"given\":0}\n1\n{\"a\":[2]}\n\"last\"\n{\"given\":0}\n");
	assert_string_equal(err, "");
	return 0;
}

TEST_CALLEE(many_items_pass_at_the_pace_of_the_slowest)
{
	assert_int_equal(run_script("seq 100000 | $ACRE stream callee main.echo |"
				    "tail -n 1"),
			 0);
	assert_string_equal(out, "100000\n");
	assert_int_equal(run_script("$ACRE stream callee main.count_to '{\"value\": "
				    "1000000000}' | head -n 2"),
			 0);
	assert_string_equal(out, "1\n2\n");
	return 0;
}

/* Nobody sends to a function that is called; a stream has an end where stdin has one, or is none. */
TEST_CALLEE(who_reads_until_the_end_sees_it)
{
	static const char *const from[] = { "printf '1\\n2\\n' |", "printf '1\\n2' |" };

	assert_acre_prints("0\n", "call callee main.sum");
	for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
		char script[128];

		snprintf(script, sizeof script, "%s $ACRE stream callee main.sum -r",
			 from[i]);
		assert_int_equal(run_script(script), 0);
		assert_string_equal(out, "3\n");
	}
	assert_acre_prints("0\n", "stream callee main.sum -r </dev/null");
	assert_acre_prints("0\n", "stream callee main.sum -r <&-");
	return 0;
}

/* stdin stays open: the function's end is ours. */
TEST_CALLEE(it_ends_when_the_function_has_ended)
{
	assert_int_equal(
		run_script("mkfifo \"$TMPDIR/f\"; exec 3<> \"$TMPDIR/f\";"
			   "$ACRE stream callee main.count_to '{\"value\": 1}' <&3"),
		0);
	assert_string_equal(out, "1\n");
	return 0;
}

TEST_CALLEE(a_stream_that_fails_is_told)
{
	assert_int_equal(
		run_script("printf '1\\nnonsense\\n' | $ACRE stream callee main.echo"),
		2);
	assert_text_has(err, "acre stream: line 2 of stdin is no JSON value: at byte ");
	assert_text_has(err, ": one value a line\n");
	assert_acre_tells(1, "acre stream: main.no_such of callee: ",
			  "stream callee main.no_such");
	assert_acre_tells(1, "has not ended within 0.1 s and was cancelled",
			  "stream callee main.sleeps_for_ever -d 0.1");
	assert_acre_tells(3, "acre stream: nobody is registered as x",
			  "stream x main.ten");
	assert_int_equal(acre("stream callee main.count_to '{\"value\": 9}' >/dev/full"),
			 1);
	assert_text_has(err, "No space left on device");
	return 0;
}

TEST_CALLEE(a_signal_cancels_the_other_side)
{
	assert_int_equal(run_script("$ACRE stream callee main.echo -f </dev/zero |"
				    "head -c 0; exit 0"),
			 0);
	assert_int_equal(
		run_script("mkfifo \"$TMPDIR/g\"; exec 3<> \"$TMPDIR/g\";"
			   "$ACRE stream callee main.echo -f <&3 >\"$TMPDIR/g.out\" &"
			   "until [ -s \"$TMPDIR/g.out\" ]; do :; done;"
			   "kill -TERM $!; wait $!"),
		143);
	assert_string_equal(err, "");
	return 0;
}
