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

/* name, text, whether it goes before data, the limit of its frame. What belongs to a
 * stream keeps its order (an Error or Return may overtake no Yield); a Start goes before
 * data, or a Cancel, which does, could overtake it and would be lost. */
#define MSG_KINDS(K)                             \
	K(AID, "Aid", true, hello)               \
	K(SPAWN_SPEC, "SpawnSpec", true, frame)  \
	K(START, "Start", true, frame)           \
	K(START_ACK, "StartAck", true, ctl)      \
	K(STARTED, "Started", false, frame)      \
	K(YIELD, "Yield", false, frame)          \
	K(STOP, "Stop", false, ctl)              \
	K(RETURN, "Return", false, frame)        \
	K(CANCEL_ACK, "CancelAck", true, ctl)    \
	K(ERROR, "Error", false, ctl)            \
	K(CANCEL, "Cancel", true, ctl)           \
	K(CREDIT, "Credit", true, ctl)

#define MSG_ENUM(name, text, before_data, limit) MSG_##name,
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
extern const char *const msg_features[MSG_N_FEATURES]; /* their names */

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

struct msg_auth { /* see auth.h */
	bool given;
	int64_t time_us;
	struct slice nonce, proof; /* bytes */
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
	struct msg_auth auth;
};

struct msg_spawn_spec {
	struct slice parent_main_data; /* packed map; p NULL: an empty one */
	struct slice runtime_vars;     /* packed map */
	struct slice enable_modules;   /* packed map namespace -> path */
	struct slice reg_addrs;	       /* packed array */
	struct slice bind_addrs;       /* packed array, p NULL: nil */
	struct slice acre;	       /* packed map of ours, p NULL: a reference parent */
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
 * `fault` says which, in UTF-8. */
int msg_read(struct msg *ret, const uint8_t *body, size_t len,
	     const struct wire_limits *limits, struct msg_fault *fault);

/* Appends one frame of that message. -ENOMEM; -EMSGSIZE: beyond a limit, or the
 * buffer's; -EILSEQ, -EINVAL: a text or a packed value is none. Then nothing was
 * appended. Slices that hold packed values must hold exactly one value each. */
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
	enum msg_kind kind;
	struct buf *out; /* borrowed */
	size_t mark;	 /* bytes in it before this frame */
	size_t head;	 /* bytes of the frame before the payload */
};

void msg_begin(struct msg_frame *f, struct buf *out, enum msg_kind kind,
	       struct slice cid);
int msg_end(struct msg_frame *f);

const char *msg_name(enum msg_kind kind);
bool msg_is_before_data(enum msg_kind kind);
/* The kind of that name, MSG_NONE if there is none. */
enum msg_kind msg_kind_of(struct slice name);
/* Most bytes of the body of its frames. */
uint32_t msg_limit(enum msg_kind kind, const struct wire_limits *limits);

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
