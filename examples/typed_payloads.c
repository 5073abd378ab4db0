/* SPDX-License-Identifier: MIT */
/* typed_payloads.c - an endpoint declares what it sends: what fits travels, what does not is refused. */
#include <acre.h>

#define READING(F) F(uint8_t, percent) F(const char *, unit)
ACRE_MSG(reading, READING)

/* The second item is of a type that was not declared. It never leaves this actor: the call that
 * would send it fails, and the dialogue goes on. */
ACRE_CONTEXT(measure, acre_nil, .sends = ACRE_PAYLOAD(reading),
	     .returns = ACRE_PAYLOAD(acre_text))
{
	int r = acre_send(ctx, reading, .percent = 97, .unit = "relative humidity");

	if (r < 0)
		return r;
	r = acre_send(ctx, acre_text, .value = "very humid");
	if (!acre_is(r, ACRE_ETYPE))
		return r < 0 ? r : acre_fail(EPROTO, "that was not to travel");
	return acre_return(ctx, acre_text, .value = acre_why(r)->message);
}

ACRE_MAIN()
{
	struct acre_nil nothing = { 0 };
	struct acre_actor *a;
	struct acre_text refused;
	struct reading item;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "sensor");
		ACRE_OPEN(ctx, r, a, measure, &nothing) {
			while ((r = acre_recv(ctx, reading, &item)) > 0)
				printf("came: %u %% %s\n", item.percent, item.unit);
			if (r >= 0)
				r = acre_result(ctx, acre_text, &refused);
			if (r > 0)
				printf("refused: %s\n", refused.value);
		}
	}
	return r < 0 ? r : 0;
}
