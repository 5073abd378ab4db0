/* SPDX-License-Identifier: MIT */
/* msg.h - the message kinds of the wire, as structs, and back. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire/limits.h"
#include "wire/pack.h"

/*
 * A frame is a 4-byte little-endian length and one msgpack map whose first key is
 * `msg_type`. msg_read() takes the body of one frame apart into a struct msg whose texts
 * and payloads are borrowed from the frame; the writers append one whole frame, length
 * included, to a buffer. Field names, their order and what is written for an absent value
 * are those of doc/PROTOCOL.md, so that a frame of ours is byte for byte what the
 * reference would have written.
 *
 * Payloads (`pld`, `kwargs`) stay packed here: only the task that receives one knows its
 * type.
 */

/* name, text, whether it goes before data, whether it is held to the limit of a
 * control frame. What belongs to a stream keeps its order (an Error or Return may
 * overtake no Yield); a Start goes before data, or a Cancel, which does, could
 * overtake it and would be lost. */
#define MSG_KINDS(K)                            \
	K(AID, "Aid", true, true)               \
	K(SPAWN_SPEC, "SpawnSpec", true, false) \
	K(START, "Start", true, false)          \
	K(START_ACK, "StartAck", true, true)    \
	K(STARTED, "Started", false, false)     \
	K(YIELD, "Yield", false, false)         \
	K(STOP, "Stop", false, true)            \
	K(RETURN, "Return", false, false)       \
	K(CANCEL_ACK, "CancelAck", true, true)  \
	K(ERROR, "Error", false, true)          \
	K(CANCEL, "Cancel", true, true)         \
	K(CREDIT, "Credit", true, true)

#define MSG_ENUM(name, text, before_data, small) MSG_##name,
enum msg_kind { MSG_NONE, MSG_KINDS(MSG_ENUM) N_MSG };
#undef MSG_ENUM

/* What part B offers, as bits. */
#define MSG_FEATURES(F)     \
	F(CANCEL, "cancel") \
	F(CREDIT, "credit") F(REMAINING, "remaining") F(FDS, "fds") F(TREE, "tree")
#define MSG_FEATURE_BIT(name, text) MSG_BIT_##name,
enum { MSG_FEATURES(MSG_FEATURE_BIT) MSG_N_FEATURES };
#undef MSG_FEATURE_BIT
#define MSG_FEATURE(name) (1u << MSG_BIT_##name)

struct slice { /* borrowed text or packed bytes; p NULL: the value was nil or absent */
	const char *p;
	size_t len;
};

struct uid {
	struct slice name;
	struct slice uuid;
};

struct msg_credit {
	bool given;
	uint64_t items;
	uint64_t bytes;
};

struct msg_aid {
	struct uid uid;
	int64_t pid;	   /* -1: nil */
	bool is_registrar; /* nil counts as true for a probe; see was_nil */
	bool registrar_was_nil;
	bool is_probe;
	uint64_t acre_version; /* 0: a reference peer */
	uint32_t features;     /* of MSG_FEATURES */
	struct msg_credit credit;
	struct slice host;
};

struct msg_spawn_spec {
	struct slice parent_main_data; /* packed map; p NULL: an empty one */
	struct slice runtime_vars;     /* packed map */
	struct slice enable_modules;   /* packed map namespace -> path */
	struct slice reg_addrs;	       /* packed */
	struct slice bind_addrs;       /* packed, p NULL: nil */
	struct slice
		acre; /* packed map of ours (boot parameters), p NULL: a reference parent */
};

struct msg_start {
	struct slice ns;
	struct slice func;
	struct slice kwargs; /* packed map */
	struct uid uid;
	int64_t remaining_us; /* -1: no deadline */
	struct msg_credit credit;
	uint64_t hops;
};

struct msg_cancel {
	uint64_t req;
	struct slice reason;
	struct uid canceller;
	int64_t remaining_us; /* -1: nil */
	struct slice text;
};

/* An Error frame; the plain fields of the reference, and the packed map of ours that
 * tells the whole story. */
struct msg_error {
	struct uid src_uid;
	struct slice src_type;
	struct slice boxed_type;
	struct slice relay_path; /* packed array of uids */
	struct slice message;
	struct slice tb;
	struct uid canceller; /* name.p NULL: nil */
	struct uid sender;
	struct slice bad_msg; /* packed, p NULL: nil */
	struct slice bad_msg_dict;
	struct slice acre; /* packed map, p NULL: absent */
};

struct msg {
	enum msg_kind kind;
	struct slice cid; /* p NULL: nil (Error, Cancel) */
	uint32_t fds;
	struct slice pld; /* packed: Started, Yield, Return */
	union {
		struct msg_aid aid;
		struct msg_spawn_spec spec;
		struct msg_start start;
		struct {
			struct slice functype;
			struct msg_credit credit;
		} start_ack;
		struct {
			bool pld;
			bool has_req;
			uint64_t req;
		} cancel_ack;
		bool stop_left; /* Stop: the sender reads no more either */
		struct msg_error error;
		struct msg_cancel cancel;
		struct msg_credit credit;
	};
};

/* Why a frame was refused: filled in on failure. */
struct msg_fault {
	char text[256]; /* what was expected, what came, where */
};

/* Takes the body of one frame apart. -EPROTO (not this protocol), -EMSGSIZE (a limit);
 * `fault` says which. */
int msg_read(struct msg *ret, const uint8_t *body, size_t len,
	     const struct wire_limits *limits, struct msg_fault *fault);

/* Appends one frame of that message. -ENOMEM, -EMSGSIZE (then nothing was appended).
 * Slices that hold packed values must hold exactly one value each. */
int msg_write(struct buf *out, const struct msg *m);

/*
 * A frame whose payload is made in place, in the room of the queue that it goes into:
 *
 * struct msg_frame f;
 *
 * msg_begin(&f, out, MSG_YIELD, cid); ... one value with f.pack ... r = msg_end(&f);
 * // the length of the payload; on failure nothing was appended
 */
struct msg_frame {
	struct pack_writer pack;
	struct buf *out; /* borrowed */
	size_t mark;	 /* bytes in it before this frame */
	size_t head;	 /* bytes of the frame before the payload */
};

void msg_begin(struct msg_frame *f, struct buf *out, enum msg_kind kind,
	       struct slice cid);
int msg_end(struct msg_frame *f);

const char *msg_name(enum msg_kind kind);
bool msg_is_before_data(enum msg_kind kind);

static inline struct slice slice_of(const char *text)
{
	struct slice s = { text, text ? __builtin_strlen(text) : 0 };

	return s;
}

static inline bool slice_is(struct slice s, const char *text)
{
	return s.p && s.len == __builtin_strlen(text) &&
	       !__builtin_memcmp(s.p, text, s.len);
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && a.p && b.p && !__builtin_memcmp(a.p, b.p, a.len);
}
