/* SPDX-License-Identifier: MIT */
/* guest_context.c - contexts of a guest: those that it opens, and those of its functions. */
#include <string.h>

#include <acre/value.h>

#include "actor/context.h"
#include "actor/guest_ask.h"

/* What one answer holds of the items that lie there: a way there and back takes as long as
 * some dozens of them */
#define BATCH_ITEMS 64
#define BATCH_BYTES (256 * 1024)
/* All of them lie there, so that this ends is not a matter of time */
#define BATCH_SHIELD_S 1

static int open_it(struct guest_ask *ask, struct guest_holder *h)
{
	char space[GUEST_NAME_BYTES];
	struct acre_any arg;
	struct acre_actor *a;
	int r = guest_ask_actor(ask, &a);

	if (r >= 0)
		r = guest_ask_function(ask, space, h->name, &arg.value);
	return r < 0 ? r
		     : acre_open_named(&h->context, a, space, h->name,
				       ACRE_KIND(acre_any), &arg);
}

static void pack_any(struct acre_packer *to, int r, const struct acre_any *any)
{
	if (r > 0)
		acre_pack_value(to, any->value);
	else
		acre_pack_nil(to);
}

/* [number, the first value] */
static int give_opened(struct guest_ask *ask, const struct guest_holder *h)
{
	struct acre_any first;
	int r = acre_first(h->context, acre_any, &first);

	if (r < 0)
		return r;
	acre_pack_list(ask->result, 2);
	acre_pack_natural(ask->result, h->number);
	pack_any(ask->result, r, &first);
	return 0;
}

static int hold(struct guest_holder *h, struct guest_ask *ask)
{
	int r = open_it(ask, h);

	if (r < 0) {
		guest_ask_answer(ask, guest_ask_outcome(ask, r));
		return 0;
	}
	guest_holder_begin(h, ask);
	r = give_opened(ask, h);
	guest_ask_answer(ask, r);
	if (r < 0)
		h->is_dropped = true;
	r = guest_holder_wait(h) ? 0 : -ECANCELED;
	guest_holder_expel(h);
	r = acre_context_close(&h->context, r);
	/* that it was cancelled as it was to be is no failure */
	return guest_holder_end(h, h->is_cancelled && acre_is(r, ECANCELED) ? 0 : r);
}

int guest_op_open(struct guest_ask *ask)
{
	return guest_holder_run(ask, hold);
}

int guest_op_started(struct guest_ask *ask)
{
	struct guest_holder *h;
	struct acre_value value;
	int r = guest_holder_of_context(ask, &h);

	if (r >= 0)
		r = guest_ask_value(ask, "value", &value);
	acre_pack_nil(ask->result);
	return r < 0 ? r : acre_started(h->context, acre_any, .value = value);
}

int guest_op_send(struct guest_ask *ask)
{
	struct guest_holder *h;
	struct acre_value value;
	int r = guest_holder_of_context(ask, &h);

	if (r >= 0)
		r = guest_ask_value(ask, "value", &value);
	acre_pack_nil(ask->result);
	return r < 0 ? r : acre_send(h->context, acre_any, .value = value);
}

/* What lies there beside the first: as many as go into one answer. */
static int take_rest(struct acre_context *ctx, struct acre_packer *items, size_t n)
{
	struct acre_any item;
	int r = 1;

	ACRE_SHIELD(acre_secs(BATCH_SHIELD_S), r) {
		while (n-- && r > 0) {
			r = acre_recv(ctx, acre_any, &item);
			pack_any(items, r, &item);
		}
	}
	return r;
}

/* A list of items, one at least, or nil at the end. */
int guest_op_receive(struct guest_ask *ask)
{
	struct guest_holder *h;
	struct acre_any item;
	size_t more;
	int r = guest_holder_of_context(ask, &h);

	if (r >= 0)
		r = acre_recv(h->context, acre_any, &item);
	if (r <= 0) {
		acre_pack_nil(ask->result);
		return r;
	}
	more = size_min(h->context->n_inbox, BATCH_ITEMS - 1);
	if (buf_len(&h->context->inbox) > BATCH_BYTES)
		more = 0;
	acre_pack_list(ask->result, 1 + more);
	pack_any(ask->result, 1, &item);
	return more ? take_rest(h->context, ask->result, more) : 0;
}

int guest_op_finish(struct guest_ask *ask)
{
	struct guest_holder *h;
	int r = guest_holder_of_context(ask, &h);

	acre_pack_nil(ask->result);
	return r < 0 ? r : acre_finish(h->context);
}

int guest_op_result(struct guest_ask *ask)
{
	struct guest_holder *h;
	struct acre_any result;
	int r = guest_holder_of_context(ask, &h);

	if (r >= 0)
		r = acre_result(h->context, acre_any, &result);
	if (r >= 0)
		pack_any(ask->result, r, &result);
	return r;
}

int guest_op_cancel_context(struct guest_ask *ask)
{
	struct guest_holder *h;
	int r = guest_holder_of_context(ask, &h);

	acre_pack_nil(ask->result);
	return r < 0 ? r : acre_context_cancel(h->context);
}
