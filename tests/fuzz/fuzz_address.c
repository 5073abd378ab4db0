/* SPDX-License-Identifier: MIT */
/* fuzz_address.c - any bytes at all as a multiaddr and as the pair of a frame.
 *
 * A text is refused with a sentence, or it is an address; then its own text is parsed to
 * the same address and is its only text. What can travel is packed and read again. The
 * same bytes are read as a pair, too.
 *
 * The bytes lie in memory of exactly their size, so that AddressSanitizer sees their end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "base/utf8.h"
#include "wire/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The text of an address leads to it, and so does its pair. */
static void go_both_ways(const struct address *a)
{
	char text[ADDRESS_TEXT_SIZE], twice[ADDRESS_TEXT_SIZE], shown[ADDRESS_SHOWN_SIZE];
	struct address_fault fault;
	struct address again;
	struct pack_writer w;
	struct pack_reader r;
	struct buf buf;

	address_text(a, text);
	CHECK(address_parse(&again, text, strlen(text), &fault) == 0);
	CHECK(address_is_equal(a, &again));
	CHECK(strcmp(text, address_text(&again, twice)) == 0);
	address_show(a, shown);
	CHECK(utf8_is_valid(shown, strlen(shown)));
	for (const char *p = shown; *p; p++)
		CHECK((uint8_t)*p >= 0x20 && *p != 0x7f);
	if (a->kind == ADDRESS_INHERITED)
		return;
	buf_init(&buf, 256);
	pack_writer_init(&w, &buf, &wire_limits_default);
	address_pack(&w, a);
	if (pack_writer_result(&w) == 0) { /* else there is no memory */
		pack_reader_init(&r, buf_bytes(&buf), buf_len(&buf),
				 &wire_limits_default);
		address_unpack(&r, &again);
		CHECK(pack_reader_end(&r) == 0);
		CHECK(address_is_equal(a, &again));
	}
	buf_fini(&buf);
}

static void parse(const char *text, size_t len)
{
	struct address_fault fault = { 0 };
	struct address a;
	int r = address_parse(&a, text, len, &fault);
	size_t said;

	if (r == 0) {
		go_both_ways(&a);
		return;
	}
	said = strnlen(fault.text, sizeof fault.text);
	CHECK(r == -EINVAL || r == -ENAMETOOLONG);
	CHECK(said > 0 && said < sizeof fault.text - 1);
	CHECK(utf8_is_valid(fault.text, said));
	CHECK(fault.at <= len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = malloc(size ? size : 1);
	struct pack_reader r;
	struct address a;

	if (!bytes)
		return 0;
	memcpy(bytes, data, size);
	parse(bytes, size);
	pack_reader_init(&r, bytes, size, &wire_limits_default);
	address_unpack(&r, &a);
	CHECK((a.kind == ADDRESS_NONE) == (pack_reader_result(&r) < 0));
	if (a.kind != ADDRESS_NONE)
		go_both_ways(&a);
	free(bytes);
	return 0;
}
