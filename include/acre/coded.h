/* SPDX-License-Identifier: MIT */
/* coded.h - types of the program's own that travel as a message, by two hooks. */
#ifndef ACRE_CODED_H
#define ACRE_CODED_H

/*
 * A struct that ACRE_MSG cannot describe, say one with a pointer to a function, travels as a
 * message that one hook makes of it and another one takes apart:
 *
 *	struct func_ref {
 *		int (*fn)(int);
 *	};
 *	static int func_encode(const struct func_ref *ref, struct acre_text *ret); // "mod:func"
 *	static int func_decode(const struct acre_text *came, struct func_ref *ret);
 *	ACRE_CODED(func_ref, acre_text, func_encode, func_decode)
 *
 * From then on it is a message like others: acre_send(ctx, func_ref, .fn = twice), an argument,
 * a result, what an endpoint declares, a field F(func_ref, ref, message) of others. Who gets it
 * need not know the type: on the wire there is the message alone.
 *
 * A hook returns 0, or a failure (acre_fail()), which becomes the reason of an ACRE_ETYPE. Where
 * there is no hook (NULL) that is needed, it is ACRE_ETYPE as well: without an encoder for who
 * sends, and nothing was sent; without a decoder for who receives.
 *
 * What an encoder's message points to must stay until the call that sends it returns: it is
 * part of the value, or static. It may be called twice for one value. What a decoder's message
 * points to is gone when it returns: it copies what it needs into its struct, or finds what is
 * meant.
 *
 * The idea is that of msgspec's enc_hook and dec_hook.
 *
 * THREADS: any. FORK: harmless.
 */

#include <errno.h>

#include <acre/msg.h>

ACRE_BEGIN_

/* The message that stands for it has at most so many bytes, as a struct: it lies on the stack
 * of the task. */
#define ACRE_CODED_MAX 256

struct acre_coded_kind {
	struct acre_msg_kind kind; /* first, without fields */
	const struct acre_msg_kind *(*as)(void);
	int (*encode)(const void *value, void *ret);
	int (*decode)(const void *came, void *ret);
};

/* What the calls that the macro makes return for a hook that is NULL. */
#define ACRE_NO_HOOK_ (-ENOSYS)

#define ACRE_CODED(name_, message, encoder, decoder)                                       \
	_Static_assert(sizeof(struct message) <= ACRE_CODED_MAX, "it is too large");       \
	static int name_##_encode_(const void *value, void *ret)                           \
	{                                                                                  \
		int (*const hook)(const struct name_ *, struct message *) = (encoder);     \
		return hook ? hook((const struct name_ *)value, (struct message *)ret)     \
			    : ACRE_NO_HOOK_;                                               \
	}                                                                                  \
	static int name_##_decode_(const void *came, void *ret)                            \
	{                                                                                  \
		int (*const hook)(const struct message *, struct name_ *) = (decoder);     \
		return hook ? hook((const struct message *)came, (struct name_ *)ret)      \
			    : ACRE_NO_HOOK_;                                               \
	}                                                                                  \
	__attribute__((unused)) static const struct acre_msg_kind *name_##_msg_(void)      \
	{                                                                                  \
		static const struct acre_coded_kind coded = {                              \
			.kind = { .name = #name_,                                          \
				  .size = sizeof(struct name_),                            \
				  .form = ACRE_MSG_CODED },                                \
			.as = message##_msg_,                                              \
			.encode = name_##_encode_,                                         \
			.decode = name_##_decode_,                                         \
		};                                                                         \
		return &coded.kind;                                                        \
	}                                                                                  \
	__attribute__((unused)) static inline struct name_ *name_##_ret_(struct name_ *p)  \
	{                                                                                  \
		return p;                                                                  \
	}                                                                                  \
	__attribute__((unused)) static inline const struct name_ *name_##_in_(             \
		const struct name_ *p)                                                     \
	{                                                                                  \
		return p;                                                                  \
	}

ACRE_END_
#endif
