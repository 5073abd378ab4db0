/* SPDX-License-Identifier: MIT */
/* actor_state.c - state that lives in a dialogue: messages change it, and nobody else can see it. */
#include <acre.h>

/* What may be asked of an account: one of these. */
#define AMOUNT(F)  F(int64_t, cents)
#define REQUEST(F) F(amount, pay_in, message_or_null) F(amount, pay_out, message_or_null)
ACRE_MSG(amount, AMOUNT)
ACRE_ONE_OF(request, REQUEST)

/* The balance is a local variable: it begins with the dialogue and ends with it. */
ACRE_CONTEXT(account, acre_nil, .receives = ACRE_PAYLOAD(request),
	     .sends = ACRE_PAYLOAD(acre_int))
{
	struct request request;
	int64_t balance = 0;
	int r = 0;

	while (r >= 0 && (r = acre_recv(ctx, request, &request)) > 0) {
		if (request.pay_in)
			balance += request.pay_in->cents;
		else if (request.pay_out->cents <= balance)
			balance -= request.pay_out->cents;
		else
			return acre_fail(ENOSPC, "there are only %lld cents",
					 (long long)balance);
		r = acre_send(ctx, acre_int, .value = balance);
	}
	return r;
}

/* Pays in, or out what is below 0. */
static int pay(struct acre_context *ctx, int64_t cents)
{
	struct amount in = { cents }, out = { -cents };
	struct acre_int balance;
	int r = cents < 0 ? acre_send(ctx, request, .pay_out = &out)
			  : acre_send(ctx, request, .pay_in = &in);

	if (r >= 0)
		r = acre_recv(ctx, acre_int, &balance);
	if (r > 0)
		printf("the balance is %lld\n", (long long)balance.value);
	return r;
}

ACRE_MAIN()
{
	struct acre_nil nothing = { 0 };
	struct acre_actor *bank;
	int r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &bank, .name = "bank");
		ACRE_OPEN(ctx, r, bank, account, &nothing) {
			r = pay(ctx, 500);
			if (r >= 0)
				r = pay(ctx, -120);
			if (r >= 0)
				r = pay(ctx, -9999);
		}
		if (acre_is(r, ENOSPC)) { /* the account's failure, with its class */
			printf("refused: %s\n", acre_why(r)->message);
			r = 0;
		}
	}
	return r;
}
