/* SPDX-License-Identifier: MIT */
/* test_auth.c - the tree key: proofs, what was heard before, and its file: promise G23. */
#include "lib/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <acre/error.h>

#include "wire/auth.h"
#include "wire/libcrypto.h"

enum { NOW_US = 1000 * 1000 * 1000 };

/* Without libcrypto there is nothing to be tested. */
static struct auth_key *key_of(uint8_t fill)
{
	uint8_t bytes[AUTH_KEY_SIZE];
	struct auth_key *key;
	int r;

	memset(bytes, fill, sizeof bytes);
	r = auth_key_new(&key, bytes);
	if (acre_is(r, EOPNOTSUPP))
		test_skip("no libcrypto");
	assert_ok(r);
	return key;
}

#ifdef ACRE_HAVE_LIBCRYPTO

/*
 * RFC 4231: the hash that we load is the one that is meant.
 */

static size_t bytes_of(uint8_t *to, const char *hex)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned int byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		to[i] = (uint8_t)byte;
	}
	return n;
}

static void assert_hmac(const uint8_t *key, size_t key_len, const void *text, size_t len,
			const char *expected_hex)
{
	const struct libcrypto *c = libcrypto_load();
	uint8_t expected[32], got[32];

	assert_int_equal(bytes_of(expected, expected_hex), sizeof expected);
	assert_non_null(
		c->HMAC(c->EVP_sha256(), key, (int)key_len, text, len, got, NULL));
	assert_memory_equal(got, expected, sizeof expected);
}

TEST(the_vectors_of_rfc_4231_hold)
{
	static const char long_key[] =
		"Test Using Larger Than Block-Size Key - Hash Key First";
	static const char long_both[] =
		"This is a test using a larger than block-size key and a larger than "
		"block-size data. The key needs to be hashed before being used by the "
		"HMAC algorithm.";
	uint8_t key[131], text[50];

	auth_key_free(key_of(0));
	memset(key, 0x0b, 20);
	assert_hmac(key, 20, "Hi There", 8,
		    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	assert_hmac((const uint8_t *)"Jefe", 4, "what do ya want for nothing?", 28,
		    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof key);
	memset(text, 0xdd, sizeof text);
	assert_hmac(key, 20, text, sizeof text,
		    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	assert_hmac(key, sizeof key, long_key, strlen(long_key),
		    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	assert_hmac(key, sizeof key, long_both, strlen(long_both),
		    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
	for (uint8_t i = 0; i < 25; i++)
		key[i] = (uint8_t)(i + 1);
	memset(text, 0xcd, sizeof text);
	assert_hmac(key, 25, text, sizeof text,
		    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
}

#endif

/*
 * Proofs.
 */

static struct address place(void)
{
	return (struct address){ .kind = ADDRESS_TCP4,
				 .port = 4242,
				 .ip4 = { 127, 0, 0, 1 } };
}

static struct auth_claim claim_at(const struct address *at)
{
	return (struct auth_claim){ .who = { slice_of("ann"), slice_of("uuid-1") },
				    .at = at };
}

TEST(who_has_the_key_is_believed_both_ways)
{
	const struct address at = place();
	struct auth_claim caller = claim_at(&at), callee = claim_at(&at);
	struct auth_hello said, heard, answer, heard_answer;
	struct auth_key *key = key_of(1), *same = key_of(1);
	struct msg_auth m;

	assert_ok(auth_prove(key, &caller, NOW_US, &said));
	m = auth_say(&said);
	assert_int_equal(auth_check(same, &caller, &m, &heard), 0);
	assert_memory_equal(&heard, &said, sizeof said);
	callee.answers = &heard;
	assert_ok(auth_prove(same, &callee, NOW_US, &answer));
	m = auth_say(&answer);
	callee.answers = &said;
	assert_int_equal(auth_check(key, &callee, &m, &heard_answer), 0);
	/* a caller's is no callee's, and the answer to one is none to another */
	m = auth_say(&said);
	assert_int_equal(auth_check(key, &callee, &m, &heard_answer), -EACCES);
	m = auth_say(&answer);
	assert_int_equal(auth_check(key, &caller, &m, &heard), -EACCES);
	assert_ok(auth_prove(key, &caller, NOW_US, &said));
	assert_int_equal(auth_check(key, &callee, &m, &heard_answer), -EACCES);
	auth_key_free(key);
	auth_key_free(same);
}

TEST(g23_another_key_or_claim_is_not_believed)
{
	const struct address at = place();
	struct address elsewhere = at;
	const struct auth_claim claim = claim_at(&at);
	struct auth_claim others[] = { claim, claim, claim, claim };
	struct auth_key *key = key_of(1), *other_key = key_of(2);
	struct auth_hello said, heard;
	struct msg_auth m;

	elsewhere.port++;
	others[0].who.name = slice_of("anna");
	others[1].who.uuid = slice_of("uuid-2");
	others[2].at = &elsewhere;
	/* the same bytes, cut elsewhere */
	others[3].who.name = slice_of("annu");
	others[3].who.uuid = slice_of("uid-1");
	assert_ok(auth_prove(key, &claim, NOW_US, &said));
	m = auth_say(&said);
	assert_int_equal(auth_check(other_key, &claim, &m, &heard), -EACCES);
	for (size_t i = 0; i < ARRAY_N(others); i++)
		assert_int_equal(auth_check(key, &others[i], &m, &heard), -EACCES);
	m.time_us++;
	assert_int_equal(auth_check(key, &claim, &m, &heard), -EACCES);
	auth_key_free(key);
	auth_key_free(other_key);
}

TEST(g23_each_bit_counts_and_so_does_each_length)
{
	const struct address at = place();
	const struct auth_claim claim = claim_at(&at);
	struct auth_key *key = key_of(1);
	struct auth_hello said, changed, heard;
	struct msg_auth m = { .given = false };
	char longest[300];

	assert_int_equal(auth_check(key, &claim, &m, &heard), -EACCES);
	assert_ok(auth_prove(key, &claim, NOW_US, &said));
	for (size_t bit = 0; bit < 8 * sizeof said.proof; bit++) {
		changed = said;
		changed.proof[bit / 8] ^= (uint8_t)(1 << bit % 8);
		m = auth_say(&changed);
		assert_int_equal(auth_check(key, &claim, &m, &heard), -EACCES);
	}
	for (size_t bit = 0; bit < 8 * sizeof said.nonce; bit++) {
		changed = said;
		changed.nonce[bit / 8] ^= (uint8_t)(1 << bit % 8);
		m = auth_say(&changed);
		assert_int_equal(auth_check(key, &claim, &m, &heard), -EACCES);
	}
	for (size_t len = 0; len < AUTH_PROOF_SIZE; len++) {
		m = auth_say(&said);
		m.proof.len = len;
		assert_int_equal(auth_check(key, &claim, &m, &heard), -EACCES);
		m = auth_say(&said);
		m.nonce.len = len == AUTH_NONCE_SIZE ? 0 : len;
		assert_int_equal(auth_check(key, &claim, &m, &heard), -EACCES);
	}
	/* of who has not proved anything yet a name may be as long as its frame */
	memset(longest, 'x', sizeof longest);
	m = auth_say(&said);
	assert_int_equal(auth_check(key,
				    &(struct auth_claim){
					    .who = { { longest, sizeof longest },
						     slice_of("uuid-1") },
					    .at = &at },
				    &m, &heard),
			 -EACCES);
	auth_key_free(key);
}

/*
 * What was heard before.
 */

static struct auth_hello hello_of(uint32_t number, int64_t time_us)
{
	struct auth_hello hello = { .time_us = time_us };

	memcpy(hello.nonce, &number, sizeof number);
	return hello;
}

static int hear(struct auth_heard *heard, uint32_t number, int64_t time_us,
		int64_t now_us)
{
	const struct auth_hello hello = hello_of(number, time_us);

	return auth_hear(heard, &hello, 0, now_us);
}

TEST(g23_a_hello_is_heard_once)
{
	struct auth_heard heard = { .n = 0 };

	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(hear(&heard, i, NOW_US, NOW_US), 0);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(hear(&heard, i, NOW_US, NOW_US + AUTH_WINDOW_US),
				 -EALREADY);
	auth_heard_fini(&heard);
}

TEST(g23_a_hello_is_of_now)
{
	struct auth_heard heard = { .n = 0 };
	struct auth_hello hello = hello_of(1, NOW_US);

	assert_int_equal(hear(&heard, 1, NOW_US - AUTH_WINDOW_US - 1, NOW_US), -ESTALE);
	assert_int_equal(hear(&heard, 1, NOW_US + AUTH_WINDOW_US + 1, NOW_US), -ESTALE);
	assert_int_equal(hear(&heard, 1, INT64_MAX / 2, NOW_US), -ESTALE);
	assert_int_equal(hear(&heard, 1, 0, NOW_US), -ESTALE);
	/* said before we were there: to another one, at our address */
	assert_int_equal(auth_hear(&heard, &hello, NOW_US + 1, NOW_US + 2), -ESTALE);
	assert_int_equal(hear(&heard, 1, NOW_US - AUTH_WINDOW_US, NOW_US), 0);
	assert_int_equal(hear(&heard, 2, NOW_US + AUTH_WINDOW_US, NOW_US), 0);
	/* one of the future is kept for longer */
	assert_int_equal(hear(&heard, 2, NOW_US + AUTH_WINDOW_US,
			      NOW_US + 2 * AUTH_WINDOW_US),
			 -EALREADY);
	/* a clock that was set back keeps nobody out */
	hello = hello_of(3, NOW_US);
	assert_int_equal(auth_hear(&heard, &hello, NOW_US + AUTH_WINDOW_US, NOW_US), 0);
	auth_heard_fini(&heard);
}

TEST(g23_what_is_heard_has_a_limit)
{
	struct auth_heard heard = { .n = 0 };

	for (uint32_t i = 0; i < AUTH_HEARD_MAX; i++)
		assert_int_equal(hear(&heard, i, NOW_US + i, NOW_US), 0);
	assert_int_equal(heard.n, AUTH_HEARD_MAX);
	assert_int_equal(hear(&heard, AUTH_HEARD_MAX, NOW_US, NOW_US), -ENOSPC);
	assert_int_equal(hear(&heard, 0, NOW_US, NOW_US), -EALREADY);
	/* and the oldest make room when they are too old */
	assert_int_equal(hear(&heard, AUTH_HEARD_MAX, NOW_US + AUTH_WINDOW_US,
			      NOW_US + AUTH_WINDOW_US + 11),
			 0);
	assert_int_equal(heard.n, AUTH_HEARD_MAX - 10);
	auth_heard_fini(&heard);
}

/*
 * The key in memory.
 */

/* The flags of its page, as the kernel tells them. */
static void flags_of(const void *page, char *ret, size_t size)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	char line[512];
	unsigned long from, to;
	bool is_it = false;

	assert_non_null(smaps);
	ret[0] = '\0';
	while (fgets(line, sizeof line, smaps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			is_it = from <= (uintptr_t)page && (uintptr_t)page < to;
		else if (is_it && !strncmp(line, "VmFlags:", 8))
			snprintf(ret, size, "%s", line);
	}
	fclose(smaps);
}

TEST(g26_the_key_is_in_no_core_and_in_no_forked_process)
{
	static const uint8_t zeros[AUTH_KEY_SIZE];
	struct auth_key *key = key_of(7);
	char flags[512];
	int status;
	pid_t pid;

	flags_of(key, flags, sizeof flags);
	assert_non_null(strstr(flags, " dd"));
	assert_non_null(strstr(flags, " wf"));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(memcmp(auth_key_bytes(key), zeros, sizeof zeros) != 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	auth_key_free(key);
}

TEST(no_two_keys_are_the_same)
{
	struct auth_key *a = key_of(0), *b = NULL, *c = NULL;

	assert_ok(auth_key_new(&b, NULL));
	assert_ok(auth_key_new(&c, NULL));
	assert_memory_not_equal(auth_key_bytes(b), auth_key_bytes(c), AUTH_KEY_SIZE);
	assert_memory_not_equal(auth_key_bytes(a), auth_key_bytes(b), AUTH_KEY_SIZE);
	auth_key_free(a);
	auth_key_free(b);
	assert_null(auth_key_free(c));
	assert_null(auth_key_free(NULL));
}

/*
 * The key in a file.
 */

static const char *file(const char *name)
{
	static char path[256];

	auth_key_free(key_of(0));
	snprintf(path, sizeof path, "%s/%s", test_dir(), name);
	return path;
}

static void assert_file_refused(const char *path, int class)
{
	struct auth_key *key;

	assert_class(auth_key_of_file(&key, path), class);
	assert_null(key);
}

TEST(a_key_file_is_made_once_and_read_then)
{
	const char *path = file("key");
	struct auth_key *a, *b;
	struct stat st;

	assert_ok(auth_key_of_file(&a, path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, AUTH_KEY_SIZE);
	assert_ok(auth_key_of_file(&b, path));
	assert_memory_equal(auth_key_bytes(a), auth_key_bytes(b), AUTH_KEY_SIZE);
	auth_key_free(a);
	auth_key_free(b);
	report_thread_fini();
}

TEST(g23_a_key_file_that_others_reach_is_refused)
{
	static const mode_t wrong[] = { 0640, 0604, 0620, 0602, 0666 };
	const char *path = file("key");
	struct auth_key *key;
	char link_path[300];

	assert_ok(auth_key_of_file(&key, path));
	auth_key_free(key);
	for (size_t i = 0; i < ARRAY_N(wrong); i++) {
		assert_int_equal(chmod(path, wrong[i]), 0);
		assert_file_refused(path, EPERM);
	}
	assert_int_equal(chmod(path, 0600), 0);
	snprintf(link_path, sizeof link_path, "%s.link", path);
	assert_int_equal(symlink(path, link_path), 0);
	assert_file_refused(link_path, ELOOP);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_file_refused(path, EPERM);
	}
	report_thread_fini();
}

TEST(what_is_no_key_is_refused)
{
	const char *path = file("key");
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, "password\n", 9), 9);
	close(fd);
	assert_file_refused(path, EINVAL);
	assert_file_refused(test_dir(), EISDIR);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_file_refused(path, EPERM);
	assert_file_refused(file("no/such/folder"), ENOENT);
	report_thread_fini();
}

/*
 * In an Aid.
 */

TEST(an_aid_says_what_was_proved)
{
	const struct auth_hello hello = { .nonce = { 1, 2 },
					  .time_us = NOW_US,
					  .proof = { 3 } };
	struct msg m = { .kind = MSG_AID }, read;
	struct msg_fault fault;
	struct buf out;

	m.aid = (struct msg_aid){ .uid = { slice_of("a"), slice_of("b") },
				  .pid = 1,
				  .acre_version = 1,
				  .auth = auth_say(&hello) };
	buf_init(&out, 4096);
	assert_int_equal(msg_write(&out, &m), 0);
	assert_int_equal(msg_read(&read, buf_bytes(&out) + 4, buf_len(&out) - 4,
				  &wire_limits_default, &fault),
			 0);
	assert_true(read.aid.auth.given);
	assert_int_equal(read.aid.auth.time_us, NOW_US);
	assert_int_equal(read.aid.auth.nonce.len, AUTH_NONCE_SIZE);
	assert_memory_equal(read.aid.auth.nonce.p, hello.nonce, AUTH_NONCE_SIZE);
	assert_int_equal(read.aid.auth.proof.len, AUTH_PROOF_SIZE);
	assert_memory_equal(read.aid.auth.proof.p, hello.proof, AUTH_PROOF_SIZE);
	buf_fini(&out);
}

#define AID_WITH_AUTH(auth)                 \
	"\x84\xa8msg_type\xa3"              \
	"Aid\xa4name\xa1n\xa4uuid\xa1u\xa4" \
	"acre\x82"                          \
	"\xa1v\x01\xa4"                     \
	"auth" auth

TEST(what_has_not_the_form_of_a_proof_is_no_aid)
{
	static const struct {
		const char *body;
		size_t len;
		int r;
	} bodies[] = {
#define BODY(auth, r) { AID_WITH_AUTH(auth), sizeof AID_WITH_AUTH(auth) - 1, r }
		BODY("\x93\xc4\x01n\x01\xc4\x01p", 0), /* of no use: its lengths */
		BODY("\x92\xc4\x01n\x01", -EPROTO),
		BODY("\x93\xa1n\x01\xc4\x01p", -EPROTO),
		BODY("\x93\xc4\x01n\xff\xc4\x01p", -EPROTO),
		BODY("\x93\xc4\x01n\x01\xc4\x02p", -EPROTO),
		BODY("\xc0", -EPROTO),
	};

	for (size_t i = 0; i < ARRAY_N(bodies); i++) {
		struct msg_fault fault;
		struct msg m;

		assert_int_equal(msg_read(&m, (const uint8_t *)bodies[i].body,
					  bodies[i].len, &wire_limits_default, &fault),
				 bodies[i].r);
	}
}

TEST(what_is_secret_is_left_in_no_buffer)
{
	static const char secret[] = "a secret of some length", zeros[sizeof secret];
	struct buf b;
	char *at;

	buf_init(&b, 4096);
	b.is_secret = true;
	assert_int_equal(buf_append(&b, secret, sizeof secret), 0);
	assert_int_equal(buf_append(&b, secret, sizeof secret), 0);
	at = (char *)buf_bytes(&b);
	buf_consume(&b, sizeof secret);
	assert_memory_equal(at, zeros, sizeof secret);
	/* larger, and moved to the front: the content stays */
	assert_int_equal(buf_reserve(&b, 2000), 0);
	assert_memory_equal(buf_bytes(&b), secret, sizeof secret);
	at = (char *)buf_bytes(&b);
	buf_consume(&b, sizeof secret);
	assert_memory_equal(at, zeros, sizeof secret);
	buf_fini(&b);
}
