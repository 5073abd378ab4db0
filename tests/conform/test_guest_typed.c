/* SPDX-License-Identifier: MIT */
/* test_guest_typed.c - annotations of Python against messages of C, both ways, good and bad. */
#include "conform/guest.h"

#define SPAN(F) F(int64_t, lo) F(int64_t, hi)
ACRE_MSG(span, SPAN)

#define JOB(F)                       \
	F(const char *, name)        \
	F(span, whole, message)      \
	F(span, parts, message_list) \
	F(const char *, tags, map)   \
	F(int32_t, limit, optional)  \
	F(double, weight)
ACRE_MSG(job, JOB)

/* What a job comes to, which its callee finds out. */
#define TALLY(F) F(int64_t, length) F(const char *, text) F(bool, has_all)
ACRE_MSG(tally, TALLY)

/* Fields that an annotation does not have, or has as another type. */
#define ODD_SPAN(F) F(int64_t, lo) F(const char *, hi) F(bool, more)
ACRE_MSG(odd_span, ODD_SPAN)

#define ODD_JOB(F) F(const char *, name) F(odd_span, whole, message)
ACRE_MSG(odd_job, ODD_JOB)

#define WIDE_SPAN(F) F(int64_t, lo) F(int64_t, hi) F(int64_t, extra)
ACRE_MSG(wide_span, WIDE_SPAN)

/*
 * In C: what Python calls.
 */

ACRE_CONTEXT(length, span)
{
	return acre_return(ctx, acre_int, .value = in->hi - in->lo);
}

ACRE_CONTEXT(halves, span)
{
	int64_t mid = (in->lo + in->hi) / 2;
	int r = acre_send(ctx, span, .lo = in->lo, .hi = mid);

	if (r >= 0)
		r = acre_send(ctx, tally, .length = 1, .text = "no span");
	if (r >= 0)
		r = acre_send(ctx, span, .lo = mid, .hi = in->hi);
	return r < 0 ? r : acre_return(ctx, span, .lo = in->lo, .hi = in->hi);
}

ACRE_CONTEXT(nested, job)
{
	return acre_return(ctx, acre_int,
			   .value = in->whole.hi + (int64_t)in->n_parts + in->limit);
}

/*
 * Helpers.
 */

static const char types[] =
	"from __future__ import annotations\n"
	"import acre, dataclasses, enum\n"
	"from typing import Any, Literal, NotRequired, Optional, TypedDict\n"
	"@dataclasses.dataclass\n"
	"class Span:\n"
	"    lo: int\n"
	"    hi: int\n"
	"    def __post_init__(self):\n"
	"        if self.lo > self.hi: raise ValueError('it ends before it begins')\n"
	"@dataclasses.dataclass\n"
	"class Job:\n"
	"    name: str\n"
	"    whole: Span\n"
	"    weight: float\n"
	"    parts: list[Span] = dataclasses.field(default_factory=list)\n"
	"    tags: dict[str, str] = dataclasses.field(default_factory=dict)\n"
	"    limit: Optional[int] = None\n"
	"class Named(TypedDict):\n"
	"    name: str\n"
	"    whole: NotRequired[Span]\n"
	"class Colour(enum.Enum):\n"
	"    RED = 'red'\n"
	"    BLUE = 'blue'\n";

/* The types, and then the text of a test. */
static const char *typed(const char *text)
{
	static char source[8192];

	assert_in_range(snprintf(source, sizeof source, "%s%s", types, text), 1,
			sizeof source - 1);
	return source;
}

/* Its "go" gives a text, in which all that Python has seen is said. */
static int check_typed(const char *text, const char *want)
{
	return check_go(typed(text), want);
}

static int spawn_typed(struct acre_nursery *n, struct acre_actor **ret, const char *text)
{
	return spawn_source(n, ret, typed(text));
}

struct call {
	const struct acre_msg_kind *kind;
	const void *arg;
	const struct acre_msg_kind *returns;
	void *ret; /* texts in it are not to be looked at */
};

static int call_typed(struct acre_actor *a, const char *name, const struct call *call)
{
	struct acre_context *ctx;
	int r = acre_open_named(&ctx, a, "main", name, call->kind, call->arg), closed;

	if (r < 0)
		return r;
	r = acre_result_(ctx, call->returns, call->ret);
	closed = acre_context_close(&ctx, 0);
	return r < 0 || closed >= 0 ? r : closed;
}

/* It said so, and it still serves. */
static void assert_misfit(struct acre_actor *a, int r, const char *says)
{
	assert_remote(r, ACRE_ETYPE);
	assert_text_has(acre_why(r)->message, says);
	assert_int_equal(call_guest(a, "alive", NULL), 1);
}

/*
 * From C to Python.
 */

TEST_PYTHON(a_message_of_c_is_a_dataclass_of_python)
{
	const struct span parts[] = { { 1, 2 }, { 2, 5 } };
	const char *keys[] = { "a", "b" }, *tags[] = { "x", "y" };
	const struct job job = { .name = "dig",
				 .whole = { 1, 5 },
				 .n_parts = 2,
				 .parts = parts,
				 .n_tags = 2,
				 .tags_keys = keys,
				 .tags = tags,
				 .weight = 0.5 };
	struct acre_actor *a;
	struct tally got;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = spawn_typed(
			&n, &a,
			"@dataclasses.dataclass\n"
			"class Tally:\n"
			"    length: int\n"
			"    text: str\n"
			"    has_all: bool\n"
			"async def work(job: Job) -> Tally:\n"
			"    assert isinstance(job.whole, Span)\n"
			"    ends = [part.hi for part in job.parts]\n"
			"    ok = (ends == [2, 5] and job.tags == {'a': 'x', 'b': 'y'}\n"
			"          and job.limit is None and job.weight == 0.5)\n"
			"    return Tally(job.whole.hi - job.whole.lo, job.name, ok)\n");
		assert_ok(r);
		r = call_typed(a, "work",
			       &(struct call){ ACRE_KIND(job), &job, ACRE_KIND(tally),
					       &got });
		assert_int_equal(r, 1);
		assert_int_equal(got.length, 4);
		assert_true(got.has_all);
		r = 0;
	}
	return r;
}

TEST_PYTHON(a_message_that_does_not_fit_is_told_to_its_sender)
{
	const struct odd_job odd = { "dig", { .lo = 1, .hi = "two" } };
	const struct span span = { 1, 2 }, backwards = { 2, 1 };
	const struct wide_span wide = { 1, 2, 3 };
	struct acre_actor *a;
	struct acre_int got;
	int r = 0;

#define CALL(name, message, value)                                                 \
	call_typed(a, name,                                                        \
		   &(struct call){ ACRE_KIND(message), value, ACRE_KIND(acre_int), \
				   &got })
	ACRE_NURSERY(n, r) {
		r = spawn_typed(
			&n, &a,
			"def work(job: Job): return 1\n"
			"async def measure(span: Span): return span.hi - span.lo\n"
			"def named(name: str, whole: dict) -> int: return 1\n"
			"def fewer(lo: int) -> int: return lo\n"
			"def more(lo: int, hi: int, step: int) -> int: return lo\n"
			"def any_more(lo: int, **rest: int) -> int: return "
			"sum(rest.values())\n"
			"def alive(): return 1\n");
		assert_ok(r);
		assert_misfit(a, CALL("work", odd_job, &odd),
			      "invalid `argument` msg payload: a value does not match "
			      "type-spec Job.whole.hi: expected int, got str \"two\"");
		assert_misfit(a, CALL("measure", wide_span, &wide),
			      "type-spec Span: unexpected field extra");
		assert_misfit(
			a, CALL("measure", span, &backwards),
			"type-spec Span: cannot be decoded: it ends before it begins");
		assert_misfit(a, CALL("named", span, &span),
			      "type-spec args: no field name");
		assert_misfit(a, CALL("fewer", span, &span),
			      "type-spec args: unexpected field hi");
		assert_misfit(a, CALL("more", span, &span),
			      "type-spec args: no field step");
		assert_int_equal(CALL("any_more", wide_span, &wide), 1);
		assert_int_equal(got.value, 5);
		assert_int_equal(CALL("measure", span, &span), 1);
		assert_int_equal(got.value, 1);
		r = 0;
	}
	return r;
#undef CALL
}

/*
 * From Python to Python.
 */

/* An annotation, a value that does not fit, what is said of it, and a value that fits: each
 * twice, as an argument and as a result. */
TEST_PYTHON(every_annotation_says_what_does_not_fit)
{
	return check_typed(
		"cases = [\n"
		"('int', None, ': expected int, got nil', -3),\n"
		"('int', True, ': expected int, got bool true', 2**63),\n"
		"('int', -2, None, 2),\n"
		"('float', 'no', ': expected float, got str \"no\"', 1),\n"
		"('str', b'', ': expected str, got bin', 'x'),\n"
		"('bytes', 'no', ': expected bin, got str \"no\"', b'x'),\n"
		"('bool', 1, ': expected bool, got uint 1', True),\n"
		"('None', 1, ': expected nil, got uint 1', None),\n"
		"('Any', 1, None, [None, 'x']),\n"
		"('int | None', 1.5, ': expected int, got float 1.5', None),\n"
		"('Optional[str]', [], ': expected str, got array', 'x'),\n"
		"('int | str', 1.5, ': expected int or str, got float 1.5', 'x'),\n"
		"('list', {}, ': expected array, got map', [1, 'x']),\n"
		"('list[int]', [1, 'no'], '[1]: expected int, got str \"no\"', []),\n"
		"('tuple[int, str]', [1], ': expected an array of 2, got one of 1', (1, "
		"'x')),\n"
		"('tuple[int, ...]', [1, 'no'], '[1]: expected int, got str \"no\"', (1, "
		"2, 3)),\n"
		"('dict', 1, ': expected map, got uint 1', {'a': 1}),\n"
		"('dict[str, list[int]]', {'k': ['no']},\n"
		"  '[\"k\"][0]: expected int, got str \"no\"', {'k': [1]}),\n"
		"('Literal[\"a\", 7]', True, \": expected 'a' or 7, got bool true\", "
		"7),\n"
		"('Colour', 'no', ': expected a value of Colour, got str \"no\"', "
		"Colour.RED),\n"
		"('list[Span]', [{'lo': 1, 'hi': 2}, {'lo': 1}], '[1]: no field hi', "
		"[Span(1, 2)]),\n"
		"('Span | Job', {'lo': 2, 'hi': 1}, ': expected Span or Job, got map', "
		"Span(1, 2)),\n"
		"('complex', 1, ': expected a type that can travel, not complex', "
		"None),\n"
		"]\n"
		"for i, (annotation, bad, says, good) in enumerate(cases):\n"
		"    exec(f'def takes{i}(x: {annotation}): return 1\\n'\n"
		"         f'async def gives{i}(good: bool) -> {annotation}:\\n'\n"
		"         f'    return cases[{i}][3 if good else 1]\\n')\n"
		"def alive(): return 1\n"
		"async def said(worker, name, **arg):\n"
		"    try:\n"
		"        await worker.call(name, **arg)\n"
		"    except acre.Error as e:\n"
		"        return e.cls + str(e)\n"
		"async def go():\n"
		"    async with acre.open_nursery() as nursery:\n"
		"        worker = await nursery.start_actor('worker')\n"
		"        for i, (annotation, bad, says, good) in enumerate(cases):\n"
		"            took = await said(worker, f'takes{i}', x=bad)\n"
		"            gave = await said(worker, f'gives{i}', good=False)\n"
		"            for text in took, gave:\n"
		"                if (text is None) != (says is None): return "
		"f'{annotation}: {text}'\n"
		"                if text and not text.startswith('ACRE_ETYPE'): return "
		"text\n"
		"                if text and not text.endswith(says): return f'{text} != "
		"{says}'\n"
		"            if annotation == 'complex': continue\n"
		"            took = await said(worker, f'takes{i}', x=good)\n"
		"            gave = await said(worker, f'gives{i}', good=True)\n"
		"            if took or gave: return f'{annotation}: {took} {gave}'\n"
		"        return f'{await worker.call(alive)}'\n",
		"1");
}

TEST_PYTHON(dataclasses_travel_and_are_built_where_they_are_wanted)
{
	return check_typed(
		"@acre.context\n"
		"async def echo(ctx: Nobody, span: Span, colour: Colour = Colour.BLUE) "
		"-> Job:\n"
		"    await ctx.started(span)\n"
		"    n = 0\n"
		"    while True:\n"
		"        try:\n"
		"            item = await ctx.receive(Span)\n"
		"        except StopAsyncIteration:\n"
		"            break\n"
		"        except acre.Error as e:\n"
		"            item = Job(str(e)[-25:], span, 0)\n"
		"        await ctx.send(item)\n"
		"    return Job(colour.value, span, 1.5, [span])\n"
		"async def go():\n"
		"    seen = []\n"
		"    async with acre.open_nursery() as nursery:\n"
		"        worker = await nursery.start_actor('worker')\n"
		"        async with worker.open_context(echo, span=Span(1, 2), "
		"items=Span, "
		"returns=Job) as (ctx, first):\n"
		"            await ctx.send(Span(3, 4))\n"
		"            await ctx.send({'lo': 5, 'hi': None})\n"
		"            await ctx.finish()\n"
		"            seen.append(first)\n"
		"            seen.append(await ctx.receive())\n"
		"            seen.append((await ctx.receive(dict))['name'])\n"
		"            async for item in ctx: seen.append(item)\n"
		"            seen.append((await ctx.result()).parts)\n"
		"        seen.append(await worker.call(same, span=Span(7, 8), "
		"returns=Named | Span))\n"
		"        seen.append(await worker.call(same, Span(7, 8), "
		"returns=list[int] | Span))\n"
		"    return '; '.join(str(one) for one in seen)\n"
		"def same(span: Span): return span\n",
		"{'lo': 1, 'hi': 2}; Span(lo=3, hi=4); hi: expected int, got nil; "
		"[Span(lo=1, hi=2)]; Span(lo=7, hi=8); Span(lo=7, hi=8)");
}

/*
 * From Python to C.
 */

TEST_PYTHON(a_dataclass_is_a_message_of_c)
{
	return check_typed(
		"async def go():\n"
		"    parent = await acre.parent()\n"
		"    job = Job('dig', Span(1, 10), 2, [Span(0, 0)] * 2, limit=-1)\n"
		"    n = await parent.call('nested', job, returns=int)\n"
		"    return f\"{n} {await parent.call('length', Span(1, 4))}\"\n",
		"11 3");
}

TEST_PYTHON(c_tells_python_what_does_not_fit)
{
	return check_typed(
		"async def go():\n"
		"    parent = await acre.parent()\n"
		"    try:\n"
		"        await parent.call('nested', Job('', {'lo': 1, 'hi': '2'}, 0))\n"
		"    except acre.Error as e:\n"
		"        assert e.cls == 'ACRE_ETYPE', e.cls\n"
		"        return str(e).partition('type-spec ')[2]\n",
		"job.whole.hi: at byte 21: expected int, got str \"2\"");
}

TEST_PYTHON(what_c_sends_is_looked_at_as_it_comes)
{
	return check_typed(
		"async def go():\n"
		"    parent = await acre.parent()\n"
		"    seen = []\n"
		"    async with parent.open_context('halves', Span(0, 8), items=Span, "
		"returns=Span) as (ctx, _):\n"
		"        while len(seen) < 3:\n"
		"            try:\n"
		"                seen.append(await ctx.receive())\n"
		"            except acre.Error as e:\n"
		"                seen.append(e)\n"
		"        seen.append(await ctx.result())\n"
		"    try:\n"
		"        await parent.call('length', Span(1, 4), returns=str)\n"
		"    except acre.Error as e:\n"
		"        seen.append(f'{e.cls} {e}')\n"
		"    return '; '.join(str(one) for one in seen)\n",
		"Span(lo=0, hi=4); ACRE_ETYPE: invalid `item` msg payload: a value does "
		"not "
		"match type-spec Span: no field lo; Span(lo=4, hi=8); Span(lo=0, hi=8); "
		"ACRE_ETYPE ACRE_ETYPE: invalid `Return` msg payload: a value does not "
		"match "
		"type-spec str: expected str, got uint 3");
}

/* What a function does not handle goes on as it is, over as many actors as there are. */
TEST_PYTHON(a_misfit_keeps_its_class_on_its_way)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(spawn_typed(&n, &a,
				      "async def go():\n"
				      "    parent = await acre.parent()\n"
				      "    return await parent.call('length', Span(1, "
				      "4), returns=Span)\n"
				      "def alive(): return 1\n"));
		assert_misfit(
			a, call_guest(a, "go", NULL),
			"invalid `Return` msg payload: a value does not match type-spec "
			"Span: expected map, got uint 3");
		r = 0;
	}
	return r;
}

/* What it gives must fit what it says, also where C alone reads it. */
TEST_PYTHON(a_result_is_looked_at_before_it_leaves)
{
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		assert_ok(spawn_typed(&n, &a,
				      "def bad() -> Span: return Span(1, '2' and 2.5)\n"
				      "async def worse() -> Job: return None\n"
				      "class Thing: pass\n"
				      "def thing(): return Job('', Thing(), 0)\n"
				      "def kind(): return Span\n"
				      "def round():\n"
				      "    job = Job('', None, 0)\n"
				      "    job.whole = job\n"
				      "    return job\n"
				      "def alive(): return 1\n"));
		assert_misfit(
			a, call_guest(a, "bad", NULL),
			"invalid `Return` msg payload: a value does not match type-spec "
			"Span.hi: expected int, got float 2.5");
		assert_misfit(a, call_guest(a, "worse", NULL),
			      "type-spec Job: expected map, got nil");
		assert_misfit(a, call_guest(a, "thing", NULL),
			      "a value of type Thing does not travel");
		assert_misfit(a, call_guest(a, "kind", NULL),
			      "a value of type type does not travel");
		assert_misfit(a, call_guest(a, "round", NULL), "recursion");
		r = 0;
	}
	return r;
}
