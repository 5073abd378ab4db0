/* SPDX-License-Identifier: MIT */
/* limits.h - every limit of the wire, with its reason.
 *
 * A peer decides what it sends; the limits decide what that may cost us. Each is checked
 * before anything is read, allocated or begun for it. Beyond a limit a link ends, or one
 * call is refused (doc/PROTOCOL.md, part C), and never the process.
 *
 * All are settable: whoever handles a link holds a struct wire_limits, a copy of the
 * default with its own figures. `frame ctl depth items str ctx` are also the keys under
 * which an Aid tells the other side where ours differ; it keeps to the smaller of both.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* number, name, default, unit, reason */
#define WIRE_LIMITS(L)                                                                   \
	L(FRAME, frame, 16 * 1024 * 1024, "bytes",                                       \
	  "a frame is read into one buffer, so its length prefix asks for that memory")  \
	L(CTL, ctl, 64 * 1024, "bytes",                                                  \
	  "a control frame never waits behind data, so it must be short")                \
	L(HELLO, hello, 4 * 1024, "bytes", "nobody is known before its Aid is read")     \
	L(HELLO_MS, hello_ms, 2 * 1000, "ms",                                            \
	  "a peer that does not introduce itself holds a place of the unadmitted")       \
	L(HELLO_REFERENCE_MS, hello_reference_ms, 10 * 1000, "ms",                       \
	  "a reference peer may be importing modules before it introduces itself")       \
	L(UNADMITTED, unadmitted, 16, "links",                                           \
	  "strangers that connect and wait must not use up our descriptors")             \
	L(DEPTH, depth, 32, "levels",                                                    \
	  "a reader that recurses must not run out of stack")                            \
	L(ITEMS, items, 64 * 1024, "items",                                              \
	  "a count is one word on the wire and an allocation here")                      \
	L(STR, str, 1024 * 1024, "bytes", "what is larger is a stream, not a value")     \
	L(ENDPOINT, endpoint, 128, "bytes", "an endpoint's name is copied into reports") \
	L(CTX, ctx, 1024, "contexts", "each context is a task with a stack")             \
	L(CREDIT_ITEMS, credit_items, 64, "messages",                                    \
	  "items nobody has taken yet wait in memory, each with its own overhead")       \
	L(CREDIT_ITEMS_MAX, credit_items_max, 1024, "messages",                          \
	  "a stream's window may widen, and what waits in it grows old all the same")    \
	L(CREDIT_BYTES, credit_bytes, 1024 * 1024, "bytes",                              \
	  "items nobody has taken yet wait in memory")                                   \
	L(ERROR_TEXT, error_text, 16 * 1024, "bytes",                                    \
	  "a failure's texts are kept and passed on by every hop")                       \
	L(ERROR_NODES, error_nodes, 256, "reports",                                      \
	  "a group of groups could be larger than what failed")                          \
	L(ERROR_DEPTH, error_depth, 16, "levels",                                        \
	  "a chain of causes is printed to a human")                                     \
	L(CANCEL_TEXT, cancel_text, 1024, "bytes",                                       \
	  "a Cancel is a sentence, not a story")                                         \
	L(HOST, host, 255, "bytes", "POSIX has no host name beyond it")                  \
	L(FDS, fds, 4, "descriptors", "each is one of ours before the frame is checked") \
	L(HOPS, hops, 16, "actors", "a call that is passed on in a circle must end")

enum wire_limit {
#define AS_ENUM(number, name, value, unit, reason) WIRE_LIMIT_##number,
	WIRE_LIMITS(AS_ENUM)
#undef AS_ENUM
	N_WIRE_LIMIT
};

struct wire_limits {
#define AS_FIELD(number, name, value, unit, reason) uint32_t name;
	WIRE_LIMITS(AS_FIELD)
#undef AS_FIELD
};

struct wire_limit_row {
	const char *name, *unit, *reason;
	size_t offset; /* of its field in struct wire_limits */
};

extern const struct wire_limits wire_limits_default;
extern const struct wire_limit_row wire_limit_rows[N_WIRE_LIMIT];

/* By number, for whoever sets, sends or prints limits by their name. */
uint32_t wire_limit_value(const struct wire_limits *limits, enum wire_limit number);
void wire_limit_set(struct wire_limits *limits, enum wire_limit number, uint32_t value);
