/* SPDX-License-Identifier: MIT */
/* test_guest_sigint.c - SIGINT to an actor that hosts a linked pair, or to its parent: case C127. */
#include "conform/guest.h"

static const char source[] =
	"import acre, asyncio\n"
	"tasks = []\n"
	"@acre.context\n"
	"async def idles(ctx, background):\n"
	"    if background:\n"
	"        tasks.append(asyncio.create_task(asyncio.sleep(3600)))\n"
	"    await ctx.started()\n"
	"    await asyncio.sleep(3600)\n";

enum {
	TO_CHILD = 1,
	SHIELDED = 2,	/* the host does 0.5 s of work when it is cancelled */
	BACKGROUND = 4, /* the guest has a task that nobody waits for */
	RAISES = 8,	/* the parent, instead of waiting for the context */
	N_VARIANTS = 16
};

static void path_of(char path[64], pid_t pid)
{
	snprintf(path, 64, "/tmp/acre-test-c127-%d", (int)pid);
}

static void remove_file(void *unused)
{
	char path[64];

	(void)unused;
	path_of(path, getpid());
	unlink(path);
}

static int make_file(void)
{
	char path[64];
	FILE *f;

	path_of(path, getpid());
	f = fopen(path, "w");
	if (!f || fclose(f))
		return acre_fail(T_RUNTIME, "%s cannot be made", path);
	return acre_at_end(remove_file, NULL);
}

static int open_idles(struct acre_context **ret, bool background)
{
	struct acre_packer *p = acre_pack_new();
	struct acre_any arg;
	int r;

	acre_pack_map(p, 1);
	acre_pack_text(p, "background");
	acre_pack_bool(p, background);
	r = acre_pack_end(p, &arg.value);
	if (r >= 0)
		r = acre_guest_open(ret, "main", "idles", ACRE_KIND(acre_any), &arg);
	acre_pack_free(p);
	return r;
}

static int work_to_the_end(void)
{
	int r = 0;

	ACRE_SHIELD(acre_secs(1), r)
		for (int i = 0; i < 5 && r >= 0; i++)
			r = acre_sleep(acre_ms(100));
	return r;
}

ACRE_CONTEXT(hosts_and_works, acre_int)
{
	struct acre_context *pair = NULL;
	int r = make_file();

	if (r >= 0)
		r = open_idles(&pair, in->value & BACKGROUND);
	if (r >= 0)
		r = acre_started(ctx, acre_nil);
	if (r >= 0)
		r = acre_result(pair, acre_nil, &nil);
	if (in->value & SHIELDED)
		assert_ok(work_to_the_end());
	return acre_context_close(&pair, r);
}

static int variant;
static char path[64];

/* While the context is open. */
static int interrupt_one(struct acre_context *ctx, struct acre_actor *a)
{
	acre_instant begun = acre_now();
	struct acre_outcome outcome;
	int r;

	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(kill(variant & TO_CHILD ? acre_actor_pid(a) : getpid(), SIGINT),
			 0);
	if (variant & RAISES)
		return acre_fail(EINTR, "by the parent itself");
	r = acre_result(ctx, acre_nil, &nil);
	if (!(variant & TO_CHILD))
		return r;
	outcome = acre_outcome(ctx);
	assert_true(outcome.done);
	assert_class(r, ACRE_ECTXC);
	assert_string_equal(outcome.canceller, "guest");
	assert_true(seconds_since(begun) <= 2);
	return r;
}

static int interrupt(void)
{
	const struct acre_guest guest = { .source = source };
	struct acre_actor *a;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "guest", .backend = "subint_forkserver",
			       .guest = &guest, .sigint = ACRE_SIGINT_CANCEL);
		assert_ok(r);
		path_of(path, acre_actor_pid(a));
		ACRE_OPEN(ctx, r, a, hosts_and_works, &(struct acre_int){ variant })
			r = interrupt_one(ctx, a);
	}
	return r;
}

TEST(c127_sigint_ends_a_pair_and_what_its_actor_cleans_up)
{
	use_python();
	use_backend(NULL);
	for (variant = 0; variant < N_VARIANTS; variant++) {
		bool waits = (variant & TO_CHILD) && !(variant & RAISES);
		int r = tree_result(interrupt, true);

		test_note("variant %d: %s", variant, acre_why(r)->message);
		assert_class(r, waits ? ACRE_ECTXC : EINTR);
		assert_int_equal(access(path, F_OK), -1);
		report_thread_fini();
	}
}
