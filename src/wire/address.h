/* SPDX-License-Identifier: MIT */
/* address.h - where an actor can be reached: tagged structs, and their texts both ways. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/pack.h"

/*
 * An address says by its kind which transport reaches it. It has four forms: the struct;
 * the text that people and programs exchange, a multiaddr; the pair that frames carry
 * (doc/PROTOCOL.md, A3); and what is shown in reports.
 *
 *	/unix/run/user/1000/acre/worker@4242.sock	path of a socket file
 *	/ip4/127.0.0.1/tcp/1616				port 0: any, for listeners only
 *	/ip6/::1/tcp/1616
 *	/inherited/3					a descriptor of this very process
 *
 * Equal addresses have equal texts, so the registry can look them up by either: a number
 * has no leading zero, a path no empty component, no `.` and no `..`. Paths are UTF-8,
 * since they travel as texts. Abstract sockets are no addresses, every uid reaches them
 * (kernel-facts K58). Names of hosts are none: asking for them takes time and may lie.
 */

/* kind, first word of its multiaddr */
#define ADDRESS_KINDS(K) \
	K(UNIX, "unix")  \
	K(TCP4, "ip4")   \
	K(TCP6, "ip6")   \
	K(INHERITED, "inherited")

#define ADDRESS_ENUM(kind, word) ADDRESS_##kind,
enum address_kind { ADDRESS_NONE, ADDRESS_KINDS(ADDRESS_ENUM) N_ADDRESS };
#undef ADDRESS_ENUM

/* Bytes of a path. sun_path has 108, and its last one is the NUL that libc, netstat and
 * the reference expect there. */
#define ADDRESS_PATH_MAX 107
/* The longest multiaddr, a path's, with its NUL. */
#define ADDRESS_TEXT_SIZE (sizeof "/unix" + ADDRESS_PATH_MAX)
/* A shown path may have each of its bytes as \xNN. */
#define ADDRESS_SHOWN_SIZE (4 * ADDRESS_PATH_MAX + 1)

struct address { /* all zero: none */
	enum address_kind kind;
	uint16_t port; /* TCP4, TCP6 */
	union {
		char path[ADDRESS_PATH_MAX + 1]; /* UNIX: absolute */
		uint8_t ip4[4];			 /* as on the wire */
		uint8_t ip6[16];
		int fd; /* INHERITED; borrowed */
	};
};

/* Why a text is no address; filled in on failure. */
struct address_fault {
	size_t at;	/* byte of the text */
	char text[288]; /* what was expected, what came, where; UTF-8 */
};

/* From a multiaddr. -EINVAL, -ENAMETOOLONG (a path beyond ADDRESS_PATH_MAX). */
int address_parse(struct address *ret, const char *text, size_t len,
		  struct address_fault *fault);
/* From a path alone; the same failures. */
int address_of_path(struct address *ret, const char *path, size_t len,
		    struct address_fault *fault);

/* The multiaddr of an address that is not none; returns `ret`. */
const char *address_text(const struct address *a, char ret[static ADDRESS_TEXT_SIZE]);
/* For people: a path, 127.0.0.1:1616, [::1]:1616. Control characters are escaped, and
 * none is shown as "nowhere". Returns `ret`. */
const char *address_show(const struct address *a, char ret[static ADDRESS_SHOWN_SIZE]);

/* The pair of a frame: [directory, file] or [ip, port]. A writer fails with EINVAL for
 * what has none (none, inherited); a reader, as its own calls do, for what is no
 * address, and then *ret is none. */
void address_pack(struct pack_writer *w, const struct address *a);
void address_unpack(struct pack_reader *r, struct address *ret);

/* < 0, 0, > 0: a total order, in which addresses of a kind are neighbours. */
int address_compare(const struct address *a, const struct address *b);

static inline bool address_is_equal(const struct address *a, const struct address *b)
{
	return address_compare(a, b) == 0;
}

/* How far away it is, for who has the choice: the least is dialled first. */
enum address_distance {
	ADDRESS_OF_THIS_HOST, /* no byte leaves the kernel, and it knows who the peer is */
	ADDRESS_LOOPBACK,     /* this host, but every uid reaches it */
	ADDRESS_REMOTE,
};
enum address_distance address_distance(const struct address *a);
