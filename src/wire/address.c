/* SPDX-License-Identifier: MIT */
/* address.c - addresses as texts and as pairs of a frame, and back. */
#include "wire/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/panic.h"
#include "base/utf8.h"
#include "base/util.h"

#define CAME_MAX 40 /* bytes of the text that a fault repeats */
#define IP_SIZE	 INET6_ADDRSTRLEN

/*
 * Showing what somebody else wrote.
 */

/* `len` bytes as text for people, all of it or as much as whole characters fit. */
static void show(char *ret, size_t size, const char *bytes, size_t len)
{
	size_t used = 0;

	ret[0] = '\0';
	while (len > 0) {
		size_t n = utf8_valid_len(bytes, size_min(len, 4));
		uint8_t c = (uint8_t)*bytes;
		size_t take = 1;

		if (n > 0 && c >= 0x80)
			while (utf8_valid_len(bytes, take) == 0)
				take++;
		if (used + 5 > size)
			return;
		if (n == 0 || c < 0x20 || c == 0x7f || c == '\\') {
			used += (size_t)snprintf(ret + used, size - used, "\\x%02x", c);
		} else {
			memcpy(ret + used, bytes, take);
			used += take;
			ret[used] = '\0';
		}
		bytes += take;
		len -= take;
	}
}

/*
 * Parsing. A scan stands before the next component; each step takes one, or says what it
 * expected there.
 */

struct scan {
	const char *text;
	size_t len;
	size_t at; /* of the slash before the next component, or len */
	struct address_fault *fault;
};

struct part { /* a component, without its slash */
	const char *p;
	size_t len;
};

static int refuse(const struct scan *s, size_t at, struct part came, const char *expected)
{
	char shown[4 * CAME_MAX + 1];

	show(shown, sizeof shown, came.p, size_min(came.len, CAME_MAX));
	s->fault->at = at;
	snprintf(s->fault->text, sizeof s->fault->text,
		 "at byte %zu: expected %s, came %s%s%s", at, expected,
		 came.len ? "\"" : "nothing", shown,
		 came.len > CAME_MAX ? "...\""
		 : came.len	     ? "\""
				     : "");
	return -EINVAL;
}

static int next(struct scan *s, struct part *ret, const char *expected)
{
	const char *begin = s->text + s->at, *end;

	*ret = (struct part){ begin, 0 };
	if (s->at == s->len)
		return refuse(s, s->at, *ret, expected);
	if (*begin != '/')
		return refuse(s, s->at, (struct part){ begin, s->len - s->at },
			      "an address, which begins with /");
	begin++;
	end = memchr(begin, '/', s->len - s->at - 1);
	ret->p = begin;
	ret->len = end ? (size_t)(end - begin) : s->len - s->at - 1;
	s->at += 1 + ret->len;
	if (ret->len == 0)
		return refuse(s, s->at, *ret, expected);
	return 0;
}

/* Where the component that next() has just taken begins. */
static size_t begin_of(const struct scan *s, struct part p)
{
	return s->at - p.len;
}

static bool part_is(struct part p, const char *word)
{
	return p.len == strlen(word) && memcmp(p.p, word, p.len) == 0;
}

static int word(struct scan *s, const char *expected)
{
	char quoted[16];
	struct part p;
	int r;

	snprintf(quoted, sizeof quoted, "\"%s\"", expected);
	r = next(s, &p, quoted);
	if (r >= 0 && !part_is(p, expected))
		r = refuse(s, begin_of(s, p), p, quoted);
	return r;
}

static bool is_number(struct part p, unsigned max, unsigned *ret)
{
	uint64_t value = 0;

	if (p.len == 0 || p.len > 10 || (p.p[0] == '0' && p.len > 1))
		return false;
	for (size_t i = 0; i < p.len; i++) {
		if (p.p[i] < '0' || p.p[i] > '9')
			return false;
		value = 10 * value + (uint64_t)(p.p[i] - '0');
	}
	*ret = (unsigned)value;
	return value <= max;
}

static int number(struct scan *s, unsigned max, unsigned *ret, const char *expected)
{
	struct part p;
	int r = next(s, &p, expected);

	if (r >= 0 && !is_number(p, max, ret))
		r = refuse(s, begin_of(s, p), p, expected);
	return r;
}

static bool is_ip(int family, struct part p, void *ret)
{
	char text[IP_SIZE];

	if (p.len >= sizeof text || memchr(p.p, '\0', p.len))
		return false;
	memcpy(text, p.p, p.len);
	text[p.len] = '\0';
	return inet_pton(family, text, ret) == 1;
}

static int tcp(struct scan *s, struct address *ret, int family, const char *expected)
{
	struct part p;
	unsigned port = 0;
	int r = next(s, &p, expected);

	if (r >= 0 && !is_ip(family, p, ret->ip6))
		r = refuse(s, begin_of(s, p), p, expected);
	if (r >= 0)
		r = word(s, "tcp");
	if (r >= 0)
		r = number(s, UINT16_MAX, &port, "a port, 0-65535");
	ret->port = (uint16_t)port;
	return r;
}

static int parse_TCP4(struct scan *s, struct address *ret)
{
	return tcp(s, ret, AF_INET, "an address like 127.0.0.1");
}

static int parse_TCP6(struct scan *s, struct address *ret)
{
	return tcp(s, ret, AF_INET6, "an address like ::1, without a scope");
}

static int parse_INHERITED(struct scan *s, struct address *ret)
{
	unsigned fd = 0;
	int r = number(s, INT_MAX, &fd, "the number of a descriptor");

	ret->fd = (int)fd;
	return r;
}

/* Each component is looked at, so that there is one spelling of each place. */
static int components(struct scan *s, struct address *ret)
{
	const size_t begin = s->at, len = s->len - s->at;
	const char *text = s->text + begin;
	struct part p;
	int r = 0;

	do {
		r = next(s, &p, "a component of the path of a socket");
		if (r >= 0 && (part_is(p, ".") || part_is(p, "..")))
			r = refuse(s, begin_of(s, p), p, "a path without . and ..");
		if (r >= 0 && (!utf8_is_valid(p.p, p.len) || memchr(p.p, '\0', p.len)))
			r = refuse(s, begin_of(s, p), p, "a path in UTF-8, without NUL");
	} while (r >= 0 && s->at < s->len);
	if (r < 0)
		return r;
	if (len > ADDRESS_PATH_MAX) {
		s->fault->at = begin;
		snprintf(s->fault->text, sizeof s->fault->text,
			 "at byte %zu: expected a path of at most %d bytes, which is "
			 "what an "
			 "address of the kernel holds, came one of %zu",
			 begin, ADDRESS_PATH_MAX, len);
		return -ENAMETOOLONG;
	}
	memcpy(ret->path, text, len);
	ret->path[len] = '\0';
	return 0;
}

static int parse_UNIX(struct scan *s, struct address *ret)
{
	return components(s, ret);
}

static const struct {
	const char *word;
	int (*parse)(struct scan *s, struct address *ret);
} kinds[] = {
#define AS_ROW(kind, word) [ADDRESS_##kind] = { word, parse_##kind },
	ADDRESS_KINDS(AS_ROW)
#undef AS_ROW
};

static enum address_kind kind_of(struct part p)
{
	for (size_t i = ADDRESS_NONE + 1; i < ARRAY_N(kinds); i++)
		if (part_is(p, kinds[i].word))
			return (enum address_kind)i;
	return ADDRESS_NONE;
}

/* Written to *ret only once it is whole. */
static int finish(struct scan *s, struct address *ret, const struct address *parsed)
{
	if (s->at < s->len)
		return refuse(s, s->at, (struct part){ s->text + s->at, s->len - s->at },
			      "the end of the address");
	*ret = *parsed;
	return 0;
}

int address_parse(struct address *ret, const char *text, size_t len,
		  struct address_fault *fault)
{
	static const char expected[] = "/unix, /ip4, /ip6 or /inherited";
	struct scan s = { text, len, 0, fault };
	struct address a = { 0 };
	struct part p;
	int r = next(&s, &p, expected);

	if (r < 0)
		return r;
	a.kind = kind_of(p);
	if (a.kind == ADDRESS_NONE)
		return refuse(&s, begin_of(&s, p), p, expected);
	r = kinds[a.kind].parse(&s, &a);
	return r < 0 ? r : finish(&s, ret, &a);
}

int address_of_path(struct address *ret, const char *path, size_t len,
		    struct address_fault *fault)
{
	struct scan s = { path, len, 0, fault };
	struct address a = { .kind = ADDRESS_UNIX };
	int r = components(&s, &a);

	return r < 0 ? r : finish(&s, ret, &a);
}

/*
 * Printing.
 */

static const char *ip_text(const struct address *a, char ret[IP_SIZE])
{
	const int family = a->kind == ADDRESS_TCP4 ? AF_INET : AF_INET6;

	CHECK(inet_ntop(family, a->ip6, ret, IP_SIZE));
	return ret;
}

const char *address_text(const struct address *a, char ret[static ADDRESS_TEXT_SIZE])
{
	char ip[IP_SIZE];

	switch (a->kind) {
	case ADDRESS_UNIX:
		snprintf(ret, ADDRESS_TEXT_SIZE, "/unix%s", a->path);
		break;
	case ADDRESS_TCP4:
	case ADDRESS_TCP6:
		snprintf(ret, ADDRESS_TEXT_SIZE, "/%s/%s/tcp/%u", kinds[a->kind].word,
			 ip_text(a, ip), a->port);
		break;
	case ADDRESS_INHERITED:
		snprintf(ret, ADDRESS_TEXT_SIZE, "/inherited/%d", a->fd);
		break;
	case ADDRESS_NONE:
	case N_ADDRESS:
		BUG("an address of no kind (%d) has no text", (int)a->kind);
	}
	return ret;
}

const char *address_show(const struct address *a, char ret[static ADDRESS_SHOWN_SIZE])
{
	char ip[IP_SIZE];

	switch (a->kind) {
	case ADDRESS_UNIX:
		show(ret, ADDRESS_SHOWN_SIZE, a->path, strlen(a->path));
		break;
	case ADDRESS_TCP4:
		snprintf(ret, ADDRESS_SHOWN_SIZE, "%s:%u", ip_text(a, ip), a->port);
		break;
	case ADDRESS_TCP6:
		snprintf(ret, ADDRESS_SHOWN_SIZE, "[%s]:%u", ip_text(a, ip), a->port);
		break;
	case ADDRESS_INHERITED:
		snprintf(ret, ADDRESS_SHOWN_SIZE, "inherited descriptor %d", a->fd);
		break;
	case ADDRESS_NONE:
	case N_ADDRESS:
		snprintf(ret, ADDRESS_SHOWN_SIZE, "nowhere");
		break;
	}
	return ret;
}

/*
 * In frames.
 */

void address_pack(struct pack_writer *w, const struct address *a)
{
	char ip[IP_SIZE];
	const char *file;

	switch (a->kind) {
	case ADDRESS_UNIX:
		file = strrchr(a->path, '/') + 1;
		pack_array(w, 2);
		/* the file is in / itself: its directory is not the empty text */
		pack_str(w, a->path, size_max((size_t)(file - 1 - a->path), 1));
		pack_str(w, file, strlen(file));
		break;
	case ADDRESS_TCP4:
	case ADDRESS_TCP6:
		ip_text(a, ip);
		pack_array(w, 2);
		pack_str(w, ip, strlen(ip));
		pack_u64(w, a->port);
		break;
	case ADDRESS_INHERITED:
	case ADDRESS_NONE:
	case N_ADDRESS:
		pack_writer_fail(w, -EINVAL);
		break;
	}
}

/* Directory and file become one path, which must be as good as one that was written. */
static bool join(struct address *ret, struct pack_str dir, struct pack_str file)
{
	char joined[ADDRESS_PATH_MAX + 1];
	struct address_fault fault;
	size_t len = dir.len;

	if (file.len == 0 || memchr(file.s, '/', file.len))
		return false;
	if (len == 1 && dir.s[0] == '/')
		len = 0;
	if (len + 1 + file.len > ADDRESS_PATH_MAX)
		return false;
	memcpy(joined, dir.s, len);
	joined[len] = '/';
	memcpy(joined + len + 1, file.s, file.len);
	return address_of_path(ret, joined, len + 1 + file.len, &fault) >= 0;
}

void address_unpack(struct pack_reader *r, struct address *ret)
{
	const uint8_t *at = r->p;
	struct address a = { 0 };
	struct pack_str first, file;
	size_t n = pack_read_array(r);

	*ret = a;
	if (n != 2) { /* after a fault of its own this one changes nothing */
		pack_reader_refuse(r, at, "an address, a pair", "another array");
		return;
	}
	first = pack_read_str(r);
	if (pack_peek(r) == PACK_STR) {
		file = pack_read_str(r);
		if (!join(&a, first, file))
			pack_reader_refuse(r, at, "directory and name of a socket",
					   "another pair");
	} else {
		const struct part ip = { first.s, first.len };

		a.port = (uint16_t)pack_read_uint(r, UINT16_MAX);
		if (is_ip(AF_INET, ip, a.ip4))
			a.kind = ADDRESS_TCP4;
		else if (is_ip(AF_INET6, ip, a.ip6))
			a.kind = ADDRESS_TCP6;
		else
			pack_reader_refuse(r, at, "an ip and a port", "another pair");
	}
	if (!r->fault)
		*ret = a;
}

/*
 * Comparing.
 */

int address_compare(const struct address *a, const struct address *b)
{
	int order = 0;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	switch (a->kind) {
	case ADDRESS_UNIX:
		return strcmp(a->path, b->path);
	case ADDRESS_TCP4:
		order = memcmp(a->ip4, b->ip4, sizeof a->ip4);
		break;
	case ADDRESS_TCP6:
		order = memcmp(a->ip6, b->ip6, sizeof a->ip6);
		break;
	case ADDRESS_INHERITED:
		return (a->fd > b->fd) - (a->fd < b->fd);
	case ADDRESS_NONE:
	case N_ADDRESS:
		break;
	}
	return order ? order : (a->port > b->port) - (a->port < b->port);
}

enum address_distance address_distance(const struct address *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t one[16] = { [15] = 1 };

	if (a->kind == ADDRESS_TCP4)
		return a->ip4[0] == 127 ? ADDRESS_LOOPBACK : ADDRESS_REMOTE;
	if (a->kind == ADDRESS_TCP6) {
		if (memcmp(a->ip6, one, sizeof one) == 0)
			return ADDRESS_LOOPBACK;
		return memcmp(a->ip6, mapped, sizeof mapped) == 0 && a->ip6[12] == 127
			       ? ADDRESS_LOOPBACK
			       : ADDRESS_REMOTE;
	}
	return ADDRESS_OF_THIS_HOST;
}
