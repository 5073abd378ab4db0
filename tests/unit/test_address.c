/* SPDX-License-Identifier: MIT */
/* test_address.c - addresses: their texts and pairs, both ways, and what is none. */
#include "wire/address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/test.h"

static struct address parsed(const char *text)
{
	struct address a = { 0 };
	struct address_fault fault = { 0 };

	if (address_parse(&a, text, strlen(text), &fault) < 0)
		fail_msg("%s: %s", text, fault.text);
	return a;
}

static void assert_none(const char *text, size_t len, int r, size_t at, const char *why)
{
	const struct address before = { .kind = ADDRESS_TCP4, .port = 7 };
	struct address a = before;
	struct address_fault fault = { 0 };

	test_note("%s", text);
	assert_int_equal(address_parse(&a, text, len, &fault), r);
	assert_string_equal(fault.text, why);
	assert_int_equal(fault.at, at);
	assert_true(address_is_equal(&a, &before));
}

#define assert_refused(text, at, why) \
	assert_none((text), sizeof(text) - 1, -EINVAL, (at), (why))

TEST(c090_multiaddrs_go_both_ways)
{
	static const struct {
		const char *text;
		enum address_kind kind;
		const char *shown;
	} rows[] = {
		{ "/unix/x", ADDRESS_UNIX, "/x" },
		{ "/unix/run/user/1000/acre/worker@4242.sock", ADDRESS_UNIX,
		  "/run/user/1000/acre/worker@4242.sock" },
		{ "/unix/tcp/unix/ip4", ADDRESS_UNIX, "/tcp/unix/ip4" },
		{ "/unix/with space/\xc3\xa9", ADDRESS_UNIX, "/with space/\xc3\xa9" },
		{ "/unix/...", ADDRESS_UNIX, "/..." },
		{ "/ip4/127.0.0.1/tcp/1616", ADDRESS_TCP4, "127.0.0.1:1616" },
		{ "/ip4/0.0.0.0/tcp/0", ADDRESS_TCP4, "0.0.0.0:0" },
		{ "/ip4/255.255.255.255/tcp/65535", ADDRESS_TCP4,
		  "255.255.255.255:65535" },
		{ "/ip6/::1/tcp/1616", ADDRESS_TCP6, "[::1]:1616" },
		{ "/ip6/::/tcp/0", ADDRESS_TCP6, "[::]:0" },
		{ "/ip6/2001:db8::8:800:200c:417a/tcp/1", ADDRESS_TCP6,
		  "[2001:db8::8:800:200c:417a]:1" },
		{ "/ip6/::ffff:10.0.0.1/tcp/80", ADDRESS_TCP6, "[::ffff:10.0.0.1]:80" },
		{ "/inherited/0", ADDRESS_INHERITED, "inherited descriptor 0" },
		{ "/inherited/2147483647", ADDRESS_INHERITED,
		  "inherited descriptor 2147483647" },
	};
	char text[ADDRESS_TEXT_SIZE], shown[ADDRESS_SHOWN_SIZE];

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		struct address a = parsed(rows[i].text);

		assert_int_equal(a.kind, rows[i].kind);
		assert_string_equal(address_text(&a, text), rows[i].text);
		assert_string_equal(address_show(&a, shown), rows[i].shown);
	}
}

TEST(an_ip_has_one_text_however_it_was_written)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address a = parsed("/ip6/0:0:0:0:0:0:0:1/tcp/5");
	struct address b = parsed("/ip6/2001:DB8::1/tcp/5");

	assert_string_equal(address_text(&a, text), "/ip6/::1/tcp/5");
	assert_string_equal(address_text(&b, text), "/ip6/2001:db8::1/tcp/5");
}

TEST(c090_other_texts_are_refused_with_what_was_expected_what_came_and_where)
{
	assert_refused(
		"", 0,
		"at byte 0: expected /unix, /ip4, /ip6 or /inherited, came nothing");
	assert_refused(
		"/", 1,
		"at byte 1: expected /unix, /ip4, /ip6 or /inherited, came nothing");
	assert_refused("127.0.0.1:1616", 0,
		       "at byte 0: expected an address, which begins with /, came "
		       "\"127.0.0.1:1616\"");
	assert_refused(
		"/dns4/localhost/tcp/1", 1,
		"at byte 1: expected /unix, /ip4, /ip6 or /inherited, came \"dns4\"");
	assert_refused("/ip4/127.0.0.1/udp/1616", 15,
		       "at byte 15: expected \"tcp\", came \"udp\"");
	assert_refused("/ip6/::1/udp/1616", 9,
		       "at byte 9: expected \"tcp\", came \"udp\"");
	assert_refused("/ip4/127.0.0.1", 14,
		       "at byte 14: expected \"tcp\", came nothing");
	assert_refused("/ip4/::1/tcp/1", 5,
		       "at byte 5: expected an address like 127.0.0.1, came \"::1\"");
	assert_refused("/ip4/127.0.0.01/tcp/1", 5,
		       "at byte 5: expected an address like 127.0.0.1, came "
		       "\"127.0.0.01\"");
	assert_refused("/ip4/1.2.3.4\0/tcp/1", 5,
		       "at byte 5: expected an address like 127.0.0.1, came "
		       "\"1.2.3.4\\x00\"");
	assert_refused("/ip6/fe80::1%eth0/tcp/1", 5,
		       "at byte 5: expected an address like ::1, without a scope, came "
		       "\"fe80::1%eth0\"");
	assert_refused("/ip4/127.0.0.1/tcp/65536", 19,
		       "at byte 19: expected a port, 0-65535, came \"65536\"");
	assert_refused("/ip4/127.0.0.1/tcp/01", 19,
		       "at byte 19: expected a port, 0-65535, came \"01\"");
	assert_refused("/ip4/127.0.0.1/tcp/-1", 19,
		       "at byte 19: expected a port, 0-65535, came \"-1\"");
	assert_refused("/ip4/127.0.0.1/tcp/", 19,
		       "at byte 19: expected a port, 0-65535, came nothing");
	assert_refused("/ip4/127.0.0.1/tcp/1/p2p", 20,
		       "at byte 20: expected the end of the address, came \"/p2p\"");
	assert_refused("/ip4/127.0.0.1/tcp/1/", 20,
		       "at byte 20: expected the end of the address, came \"/\"");
	assert_refused("/inherited/2147483648", 11,
		       "at byte 11: expected the number of a descriptor, came "
		       "\"2147483648\"");
	assert_refused("/ip4/9999999999999999999999999999999999999999999/tcp/1", 5,
		       "at byte 5: expected an address like 127.0.0.1, came "
		       "\"9999999999999999999999999999999999999999...\"");
}

TEST(a_path_has_one_spelling_and_is_a_text)
{
	assert_refused("/unix", 5,
		       "at byte 5: expected a component of the path of a socket, came "
		       "nothing");
	assert_refused("/unix/run/", 10,
		       "at byte 10: expected a component of the path of a socket, came "
		       "nothing");
	assert_refused("/unix//run/x", 6,
		       "at byte 6: expected a component of the path of a socket, came "
		       "nothing");
	assert_refused("/unix/run/../x", 10,
		       "at byte 10: expected a path without . and .., came \"..\"");
	assert_refused("/unix/./x", 6,
		       "at byte 6: expected a path without . and .., came \".\"");
	assert_refused("/unix/a\0b", 6,
		       "at byte 6: expected a path in UTF-8, without NUL, came "
		       "\"a\\x00b\"");
	assert_refused("/unix/\xff\n", 6,
		       "at byte 6: expected a path in UTF-8, without NUL, came "
		       "\"\\xff\\x0a\"");
}

TEST(a_path_fills_what_the_kernel_holds_and_no_more)
{
	char text[256] = "/unix/";
	struct address_fault fault = { 0 };
	char again[ADDRESS_TEXT_SIZE];
	struct address a;

	memset(text + 6, 'x', ADDRESS_PATH_MAX - 1);
	a = parsed(text);
	assert_int_equal(strlen(a.path), ADDRESS_PATH_MAX);
	assert_string_equal(address_text(&a, again), text);

	text[strlen(text)] = 'x';
	assert_int_equal(address_parse(&a, text, strlen(text), &fault), -ENAMETOOLONG);
	assert_int_equal(fault.at, 5);
	assert_string_equal(
		fault.text,
		"at byte 5: expected a path of at most 107 bytes, which is what "
		"an address of the kernel holds, came one of 108");
}

TEST(what_is_shown_has_no_control_characters)
{
	char shown[ADDRESS_SHOWN_SIZE];
	struct address a = parsed("/unix/a\x1b[2J\n\\\x7f");

	assert_string_equal(address_show(&a, shown), "/a\\x1b[2J\\x0a\\x5c\\x7f");
	a = (struct address){ 0 };
	assert_string_equal(address_show(&a, shown), "nowhere");

	a.kind = ADDRESS_UNIX;
	memset(a.path, '\n', ADDRESS_PATH_MAX);
	a.path[0] = '/';
	assert_int_equal(strlen(address_show(&a, shown)), 1 + 4 * (ADDRESS_PATH_MAX - 1));
}

TEST_FAILS(an_address_of_no_kind_has_no_text, "an address of no kind (0) has no text")
{
	char text[ADDRESS_TEXT_SIZE];

	address_text(&(struct address){ 0 }, text);
}

/*
 * Comparing
 */

TEST(the_order_is_total_and_equal_are_only_equal_ones)
{
	static const char *const ordered[] = {
		"/unix/a",
		"/unix/a/b",
		"/unix/b",
		"/ip4/1.2.3.4/tcp/255",
		"/ip4/1.2.3.4/tcp/256",
		"/ip4/127.0.0.1/tcp/1",
		"/ip6/::/tcp/1",
		"/ip6/::/tcp/2",
		"/ip6/::1/tcp/1",
		"/inherited/3",
		"/inherited/4",
	};

	for (size_t i = 0; i < ARRAY_N(ordered); i++)
		for (size_t j = 0; j < ARRAY_N(ordered); j++) {
			struct address a = parsed(ordered[i]), b = parsed(ordered[j]);
			int order = address_compare(&a, &b);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
			assert_int_equal(address_is_equal(&a, &b), i == j);
		}
}

TEST(who_has_the_choice_dials_the_same_host_first)
{
	struct address a[] = {
		parsed("/unix/x"),
		parsed("/ip4/127.3.2.1/tcp/1"),
		parsed("/ip6/::1/tcp/1"),
		parsed("/ip6/::ffff:127.0.0.1/tcp/1"),
		parsed("/ip4/128.0.0.1/tcp/1"),
		parsed("/ip6/::2/tcp/1"),
		parsed("/ip6/::ffff:10.0.0.1/tcp/1"),
	};

	assert_int_equal(address_distance(&a[0]), ADDRESS_OF_THIS_HOST);
	for (int i = 1; i < 4; i++)
		assert_int_equal(address_distance(&a[i]), ADDRESS_LOOPBACK);
	for (int i = 4; i < 7; i++)
		assert_int_equal(address_distance(&a[i]), ADDRESS_REMOTE);
	assert_true(ADDRESS_OF_THIS_HOST < ADDRESS_LOOPBACK);
	assert_true(ADDRESS_LOOPBACK < ADDRESS_REMOTE);
}

/*
 * In frames
 */

#define assert_pair(text, bytes) assert_is_pair((text), (bytes), sizeof(bytes) - 1)

static void assert_is_pair(const char *text, const char *bytes, size_t len)
{
	struct address a = parsed(text), again;
	struct pack_writer w;
	struct pack_reader r;
	struct buf buf;

	buf_init(&buf, 256);
	pack_writer_init(&w, &buf, &wire_limits_default);
	address_pack(&w, &a);
	assert_int_equal(pack_writer_result(&w), 0);
	assert_int_equal(buf_len(&buf), len);
	assert_memory_equal(buf_bytes(&buf), bytes, len);

	pack_reader_init(&r, buf_bytes(&buf), buf_len(&buf), &wire_limits_default);
	address_unpack(&r, &again);
	assert_int_equal(pack_reader_end(&r), 0);
	assert_true(address_is_equal(&a, &again));
	buf_fini(&buf);
}

TEST(a_frame_has_the_pairs_of_the_reference)
{
	/* this one stands in the golden frame V2 */
	assert_pair("/ip4/127.0.0.1/tcp/1616", "\x92\xa9"
					       "127.0.0.1"
					       "\xcd\x06\x50");
	assert_pair("/ip6/::1/tcp/7", "\x92\xa3"
				      "::1"
				      "\x07");
	assert_pair("/unix/run/acre/a@1.sock", "\x92\xa9/run/acre"
					       "\xa8"
					       "a@1.sock");
	assert_pair("/unix/x", "\x92\xa1/\xa1x");
}

TEST(what_means_nothing_elsewhere_has_no_pair)
{
	struct address inherited = parsed("/inherited/3");
	const struct address *const without[] = { &inherited, &(struct address){ 0 } };
	struct pack_writer w;
	struct buf buf;

	buf_init(&buf, 256);
	for (size_t i = 0; i < ARRAY_N(without); i++) {
		pack_writer_init(&w, &buf, &wire_limits_default);
		address_pack(&w, without[i]);
		assert_int_equal(pack_writer_result(&w), -EINVAL);
		assert_int_equal(buf_len(&buf), 0);
	}
	buf_fini(&buf);
}

#define assert_no_pair(bytes, why) assert_is_no_pair((bytes), sizeof(bytes) - 1, (why))

static void assert_is_no_pair(const char *bytes, size_t len, const char *why)
{
	struct address a = { .kind = ADDRESS_TCP4 };
	struct pack_reader r;
	char text[128];

	pack_reader_init(&r, bytes, len, &wire_limits_default);
	address_unpack(&r, &a);
	assert_true(pack_reader_result(&r) < 0);
	pack_error_text(&r, text, sizeof text);
	assert_string_equal(text, why);
	assert_int_equal(a.kind, ADDRESS_NONE);
}

TEST(other_values_are_no_pair)
{
	assert_no_pair("\xc0", "at byte 0: expected array, got nil");
	assert_no_pair("\x91\xa1x",
		       "at byte 0: expected an address, a pair, got another array");
	assert_no_pair("\x92\x01\x02", "at byte 1: expected str, got uint");
	assert_no_pair("\x92\xa3::1\xce\x00\x01\x00\x00",
		       "at byte 5: expected uint of 0 to 65535, got 65536");
	assert_no_pair("\x92\xa9localhost\x01",
		       "at byte 0: expected an ip and a port, got another pair");
	assert_no_pair("\x92\xa2/x\xa3y/z", "at byte 0: expected directory and name of a "
					    "socket, got another pair");
	assert_no_pair("\x92\xa2/x\xa0", "at byte 0: expected directory and name of a "
					 "socket, got another pair");
	assert_no_pair("\x92\xa5/x/..\xa1y",
		       "at byte 0: expected directory and name of a "
		       "socket, got another pair");
	assert_no_pair("\x92\xa1x\xa1y", "at byte 0: expected directory and name of a "
					 "socket, got another pair");
}

TEST(a_pair_beyond_the_kernels_room_is_none)
{
	char bytes[160] = "\x92\xa2/x\xd9";
	struct pack_reader r;
	struct address a;

	for (size_t len = ADDRESS_PATH_MAX - 3; len <= ADDRESS_PATH_MAX - 2; len++) {
		bytes[5] = (char)len;
		memset(bytes + 6, 'y', len);
		pack_reader_init(&r, bytes, 6 + len, &wire_limits_default);
		address_unpack(&r, &a);
		assert_int_equal(pack_reader_end(&r) == 0, len == ADDRESS_PATH_MAX - 3);
	}
}
