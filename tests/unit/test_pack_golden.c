/* SPDX-License-Identifier: MIT */
/* test_pack_golden.c - writer and reader of msgpack against golden frames. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/test.h"
#include "unit/golden_list.h"
#include "vectors/vectors.h"
#include "wire/pack.h"

/*
 * The frames of doc/PROTOCOL.md, part D, made by hand
 */

static void begin(struct pack_writer *w, size_t n_fields, const char *tag)
{
	pack_map(w, 1 + n_fields);
	pack_cstr(w, "msg_type");
	pack_cstr(w, tag);
}

static void key_text(struct pack_writer *w, const char *key, const char *text)
{
	pack_cstr(w, key);
	pack_cstr(w, text);
}

static void key_bool(struct pack_writer *w, const char *key, bool value)
{
	pack_cstr(w, key);
	pack_bool(w, value);
}

static void key_nil(struct pack_writer *w, const char *key)
{
	pack_cstr(w, key);
	pack_nil(w);
}

static void key_u64(struct pack_writer *w, const char *key, uint64_t value)
{
	pack_cstr(w, key);
	pack_u64(w, value);
}

static void uid(struct pack_writer *w, const char *name, const char *uuid)
{
	pack_array(w, 2);
	pack_cstr(w, name);
	pack_cstr(w, uuid);
}

static void key_uid(struct pack_writer *w, const char *key, const char *name,
		    const char *uuid)
{
	pack_cstr(w, key);
	uid(w, name, uuid);
}

static void tcp(struct pack_writer *w, uint64_t port)
{
	pack_array(w, 2);
	pack_cstr(w, "127.0.0.1");
	pack_u64(w, port);
}

static void aid(struct pack_writer *w, size_t n_fields)
{
	begin(w, n_fields, "Aid");
	key_text(w, "name", "root");
	key_text(w, "uuid", root);
	key_u64(w, "pid", 4242);
	key_bool(w, "is_registrar", true);
	key_bool(w, "is_probe", false);
}

static void v01(struct pack_writer *w)
{
	aid(w, 5);
}

static void runtime_vars(struct pack_writer *w)
{
	pack_map(w, 10);
	key_bool(w, "_is_root", false);
	pack_cstr(w, "_root_mailbox");
	tcp(w, 1616);
	pack_cstr(w, "_root_addrs");
	pack_array(w, 1);
	tcp(w, 1616);
	pack_cstr(w, "_enable_tpts");
	pack_array(w, 1);
	pack_cstr(w, "tcp");
	pack_cstr(w, "_registry_addrs");
	pack_array(w, 1);
	tcp(w, 1616);
	key_bool(w, "_debug_mode", false);
	key_bool(w, "repl_fixture", false);
	key_bool(w, "use_greenback", false);
	key_bool(w, "use_stackscope", false);
	key_bool(w, "_is_infected_aio", false);
}

static void v02(struct pack_writer *w)
{
	begin(w, 5, "SpawnSpec");
	pack_cstr(w, "_parent_main_data");
	pack_map(w, 0);
	pack_cstr(w, "_runtime_vars");
	runtime_vars(w);
	pack_cstr(w, "enable_modules");
	pack_map(w, 1);
	key_text(w, "demo", "/srv/demo.py");
	pack_cstr(w, "reg_addrs");
	pack_array(w, 1);
	tcp(w, 1616);
	key_nil(w, "bind_addrs");
}

static void start(struct pack_writer *w, const char *id, const char *ns, const char *func)
{
	begin(w, 6, "Start");
	key_text(w, "cid", id);
	key_text(w, "ns", ns);
	key_text(w, "func", func);
	pack_cstr(w, "kwargs");
}

static void v03(struct pack_writer *w)
{
	start(w, second, "self", "register_actor");
	pack_map(w, 2);
	key_uid(w, "uid", "child", child);
	pack_cstr(w, "addr");
	tcp(w, 44001);
	key_uid(w, "uid", "child", child);
	key_text(w, "pld_spec", "typing.Any");
}

static void v04(struct pack_writer *w)
{
	start(w, cid, "demo", "primes");
	pack_map(w, 2);
	key_u64(w, "lo", 0);
	key_u64(w, "hi", 1000);
	key_uid(w, "uid", "root", root);
	key_text(w, "pld_spec", "typing.Any");
}

static void v05(struct pack_writer *w)
{
	begin(w, 2, "StartAck");
	key_text(w, "cid", cid);
	key_text(w, "functype", "context");
}

static void v06(struct pack_writer *w)
{
	begin(w, 2, "Started");
	key_text(w, "cid", cid);
	key_nil(w, "pld");
}

static void v07(struct pack_writer *w)
{
	begin(w, 2, "Yield");
	key_text(w, "cid", cid);
	pack_cstr(w, "pld");
	pack_map(w, 1);
	key_u64(w, "value", 997);
}

static void v08(struct pack_writer *w)
{
	begin(w, 1, "Stop");
	key_text(w, "cid", cid);
}

static void v09(struct pack_writer *w)
{
	begin(w, 2, "Return");
	key_text(w, "cid", cid);
	key_u64(w, "pld", 168);
}

static void v10(struct pack_writer *w)
{
	start(w, second, "self", "_cancel_task");
	pack_map(w, 1);
	key_text(w, "cid", cid);
	key_uid(w, "uid", "root", root);
	key_text(w, "pld_spec", "typing.Any");
}

static void v11(struct pack_writer *w)
{
	begin(w, 11, "Error");
	key_uid(w, "src_uid", "child", child);
	key_text(w, "src_type_str", "ContextCancelled");
	key_text(w, "boxed_type_str", "ContextCancelled");
	pack_cstr(w, "relay_path");
	pack_array(w, 1);
	uid(w, "child", child);
	key_text(w, "message", "asked by root");
	key_text(w, "tb_str", "");
	key_uid(w, "canceller", "root", root);
	key_nil(w, "sender");
	key_text(w, "cid", cid);
	key_nil(w, "_bad_msg");
	key_nil(w, "_bad_msg_as_dict");
}

static void v12(struct pack_writer *w)
{
	begin(w, 2, "CancelAck");
	key_text(w, "cid", second);
	key_bool(w, "pld", true);
}

static void v13(struct pack_writer *w)
{
	begin(w, 11, "Error");
	key_uid(w, "src_uid", "leaf", second);
	key_text(w, "src_type_str", "ValueError");
	key_text(w, "boxed_type_str", "RemoteActorError");
	pack_cstr(w, "relay_path");
	pack_array(w, 2);
	uid(w, "leaf", second);
	uid(w, "child", child);
	key_text(w, "message", "");
	key_text(w, "tb_str", "boxed text\n");
	key_nil(w, "canceller");
	key_nil(w, "sender");
	key_text(w, "cid", cid);
	key_nil(w, "_bad_msg");
	key_nil(w, "_bad_msg_as_dict");
}

static void v14(struct pack_writer *w)
{
	static const char *const features[] = { "cancel", "credit", "remaining", "fds",
						"tree" };

	aid(w, 6);
	pack_cstr(w, "acre");
	pack_map(w, 3);
	key_u64(w, "v", 1);
	pack_cstr(w, "feat");
	pack_array(w, ARRAY_N(features));
	for (size_t i = 0; i < ARRAY_N(features); i++)
		pack_cstr(w, features[i]);
	pack_cstr(w, "credit");
	pack_array(w, 2);
	pack_u64(w, 64);
	pack_u64(w, 1048576);
}

static void v15(struct pack_writer *w)
{
	begin(w, 3, "Credit");
	key_text(w, "cid", cid);
	key_u64(w, "items", 32);
	key_u64(w, "bytes", 524288);
}

static void v16(struct pack_writer *w)
{
	begin(w, 5, "Cancel");
	key_text(w, "cid", cid);
	key_u64(w, "req", 7);
	key_text(w, "reason", "deadline");
	key_uid(w, "canceller", "root", root);
	key_u64(w, "remaining_us", 1600000);
}

static void v17(struct pack_writer *w)
{
	begin(w, 3, "CancelAck");
	key_text(w, "cid", cid);
	key_bool(w, "pld", true);
	key_u64(w, "req", 7);
}

#define AS_WRITER(name, writer) { "y_" #name, writer },
static const struct {
	const char *name;
	void (*write)(struct pack_writer *w);
} golden[] = { GOLDEN_FRAMES(AS_WRITER) };

TEST(the_writer_makes_the_bytes_of_each_golden_frame)
{
	struct vectors vectors;
	struct pack_writer w;
	struct buf buf;
	uint32_t len = 0;

	vectors_load(&vectors);
	for (size_t i = 0; i < ARRAY_N(golden); i++) {
		const struct vector *v = vectors_find(&vectors, golden[i].name);

		test_note("%s", v->name);
		buf_init(&buf, 4096);
		assert_ok(buf_append(&buf, &len, sizeof len));
		pack_writer_init(&w, &buf, &wire_limits_default);
		golden[i].write(&w);
		assert_ok(pack_writer_result(&w));
		len = htole32((uint32_t)(buf_len(&buf) - sizeof len));
		memcpy(buf_bytes(&buf), &len, sizeof len);

		assert_int_equal(buf_len(&buf), v->len);
		assert_memory_equal(buf_bytes(&buf), v->frame, v->len);
		buf_fini(&buf);
	}
	vectors_free(&vectors);
}

/*
 * The reader on all frames of the folder
 */

static bool is_length_right(const struct vector *v)
{
	uint32_t len;

	memcpy(&len, v->frame, sizeof len);
	return le32toh(len) == v->len - sizeof len;
}

/* The body as one value with nothing behind it. */
static int check_body(const uint8_t *body, size_t len, char *text, size_t size)
{
	struct pack_reader r;
	int result;

	pack_reader_init(&r, body, len, &wire_limits_default);
	pack_skip(&r);
	result = pack_reader_end(&r);
	pack_error_text(&r, text, size);
	return result;
}

TEST(the_reader_accepts_and_refuses_what_it_should)
{
	struct vectors vectors;
	unsigned n_accepted = 0, n_refused = 0;
	char text[200];
	int r;

	vectors_load(&vectors);
	for (size_t i = 0; i < vectors.n; i++) {
		const struct vector *v = &vectors.all[i];

		if (strcmp(v->refused_by, "frame") == 0)
			continue; /* what is left of it never comes here */
		test_note("%s", v->name);
		assert_true(is_length_right(v));
		r = check_body(v->frame + 4, v->len - 4, text, sizeof text);
		test_note("%d %s", r, text);
		if (strcmp(v->refused_by, "pack") == 0) {
			assert_true(r == -EPROTO || r == -EMSGSIZE);
			assert_text_has(text, "at byte ");
			n_refused++;
		} else {
			assert_ok(r);
			assert_string_equal(text, "");
			n_accepted++;
		}
	}
	assert_true(n_accepted >= ARRAY_N(golden) && n_refused >= 5);
	vectors_free(&vectors);
}

TEST(each_beginning_of_a_frame_is_refused_without_a_look_beyond_it)
{
	struct vectors vectors;
	uint8_t *cut;
	char text[200];

	vectors_load(&vectors);
	for (size_t i = 0; i < vectors.n; i++) {
		const struct vector *v = &vectors.all[i];

		for (size_t len = 0; *v->name == 'y' && len < v->len - 4; len++) {
			cut = malloc(len); /* of exactly this size: ASan sees the end */
			memcpy(cut, v->frame + 4, len);
			assert_int_equal(check_body(cut, len, text, sizeof text),
					 -EPROTO);
			free(cut);
		}
	}
	vectors_free(&vectors);
}

TEST(no_change_of_one_byte_makes_the_reader_look_beyond_the_end)
{
	struct vectors vectors;
	char text[200];

	vectors_load(&vectors);
	for (size_t i = 0; i < vectors.n; i++) {
		const struct vector *v = &vectors.all[i];

		for (size_t at = 4; at < v->len; at++)
			for (unsigned change = 1; change < 256; change++) {
				v->frame[at] ^= (uint8_t)change;
				acre_ignore(check_body(v->frame + 4, v->len - 4, text,
						       sizeof text));
				v->frame[at] ^= (uint8_t)change;
			}
	}
	vectors_free(&vectors);
}
