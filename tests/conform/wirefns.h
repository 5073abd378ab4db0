/* SPDX-License-Identifier: MIT */
/* wirefns.h - the endpoints of the recorded actors, in the namespace in which they are called. */
#pragma once

#include "conform/dialogue.h"

#include "actor/context.h"

#define ADDENDS(F) F(int64_t, a) F(int64_t, b)
ACRE_MSG(addends, ADDENDS)
#define NUMBER(F) F(int64_t, n)
ACRE_MSG(number, NUMBER)
#define HELLO(F) F(int64_t, hello)
ACRE_MSG(hello, HELLO)

ACRE_CONTEXT(add, addends, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = in->a + in->b);
}

ACRE_CONTEXT(fail, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_fail(EINVAL, "%s", "");
}

/* Any item goes back as it came. */
static inline int send_back(struct acre_context *ctx)
{
	struct msg m = { .kind = MSG_YIELD, .cid = context_cid(ctx) };
	uint32_t len;
	int r;

	memcpy(&len, buf_bytes(&ctx->inbox), sizeof len);
	m.pld = (struct slice){ (const char *)buf_bytes(&ctx->inbox) + sizeof len, len };
	r = peer_send(ctx->peer, &m);
	buf_consume(&ctx->inbox, sizeof len + len);
	ctx->n_inbox--;
	return r;
}

ACRE_CONTEXT(echo, number)
{
	int r = acre_started(ctx, hello, in->n);

	while (r >= 0 && (ctx->n_inbox || !ctx->peer_finished))
		r = ctx->n_inbox ? send_back(ctx)
				 : context_wait(ctx, &ctx->recv_waits, WAIT_RECV);
	return r < 0 ? r : acre_return(ctx, acre_text, .value = "echoed");
}

ACRE_CONTEXT(count, number)
{
	int r = acre_started(ctx, acre_nil);

	for (int64_t i = 0; r >= 0 && i < in->n; i++)
		r = acre_send(ctx, acre_int, .value = i);
	if (r >= 0)
		r = acre_stop(ctx);
	return r < 0 ? r : acre_return(ctx, acre_int, .value = in->n);
}

ACRE_CONTEXT(forever, acre_nil)
{
	int r = acre_started(ctx, acre_text, .value = "up");

	return r < 0 ? r : acre_sleep(acre_secs(3600));
}

ACRE_CONTEXT(fail_midway, acre_nil)
{
	int r = acre_started(ctx, acre_text, .value = "ok");

	if (r >= 0)
		r = acre_send(ctx, acre_int, .value = 1);
	if (r >= 0)
		r = acre_stop(ctx);
	return r < 0 ? r : acre_fail(T_VALUE, "%s", "");
}

/* Under the namespace that the recorded client calls. */
static inline void expose_wirefns(void)
{
	static const struct acre_endpoint *const all[] = {
		&add_endpoint_,	  &fail_endpoint_,    &echo_endpoint_,
		&count_endpoint_, &forever_endpoint_, &fail_midway_endpoint_,
	};
	static struct acre_endpoint renamed[ARRAY_N(all)];

	for (size_t i = 0; i < ARRAY_N(all); i++) {
		renamed[i] = *all[i];
		renamed[i].name_space = "wirefns";
		assert_ok(acre_endpoint_register(&renamed[i]));
	}
}
