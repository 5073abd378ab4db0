/* SPDX-License-Identifier: MIT */
/* test_key.c - links over TCP and the tree's key: who is answered, and who is believed: promises G23 and G26, case C091. */
#include "conform/found.h"
#include "conform/root.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "actor/runtime.h"
#include "base/clock.h"
#include "core/fiber.h"
#include "wire/auth.h"
#include "wire/msg.h"

/*
 * The root of these trees listens at a port of TCP. Whoever calls or is called is a bare socket,
 * so that it can be as rude as it likes.
 */

static char key_file[ACRE_ADDRESS_SIZE];

static void choose_key_file(void)
{
	snprintf(key_file, sizeof key_file, "%s/key", test_dir());
}

static int run_at(int (*run)(void), const char *transports, const char *key,
		  const char *registrar, bool signals)
{
	static const char *const exposed[] = { "main", NULL };
	const char *const registrars[] = { registrar, NULL };
	struct tree_body body = { run };

	return acre_run(tree_run_body, &body,
			&(struct acre_run_options){ .expose = exposed,
						    .seed = test_seed(),
						    .signals = signals,
						    .transports = transports,
						    .registrars =
							    registrar ? registrars : NULL,
						    .key_file = key });
}

#define ANY_PORT "/ip4/127.0.0.1/tcp/0"

static int tcp_result(int (*run)(void))
{
	use_backend(NULL);
	setenv("ACRE_TEST_TRANSPORT", "tcp", 1);
	needs_key_if_tcp();
	return run_at(run, "tcp", NULL, ANY_PORT, false);
}

#define TEST_TCP(name)                               \
	static int name##_body_(void);               \
	TEST(name)                                   \
	{                                            \
		assert_ok(tcp_result(name##_body_)); \
		report_thread_fini();                \
	}                                            \
	static int name##_body_(void)

static struct address own_address(void)
{
	return *server_address(&runtime_this->server, 0);
}

static int dial_bare(void)
{
	struct address own = own_address();
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(own.port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

/*
 * What a caller says.
 */

struct said {
	uint8_t bytes[1024];
	size_t len;
};

static struct msg_aid aid_of_rude(void)
{
	return (struct msg_aid){ .uid = { slice_of("rude"), slice_of("4d1e6f3a-0001") },
				 .pid = 1,
				 .is_probe = true,
				 .acre_version = 1 };
}

static struct said write_aid(const struct msg_aid *aid)
{
	struct msg m = { .kind = MSG_AID };
	struct said said;
	struct buf out;

	m.aid = *aid;
	buf_init(&out, sizeof said.bytes);
	assert_int_equal(msg_write(&out, &m), 0);
	said.len = buf_len(&out);
	memcpy(said.bytes, buf_bytes(&out), said.len);
	buf_fini(&out);
	return said;
}

static struct said proved(const struct auth_key *key, int64_t time_us,
			  const struct address *at)
{
	struct msg_aid aid = aid_of_rude();
	const struct auth_claim claim = { .who = aid.uid, .at = at };
	struct auth_hello hello;

	assert_ok(auth_prove(key, &claim, time_us, &hello));
	aid.auth = auth_say(&hello);
	return write_aid(&aid);
}

static struct said proved_now(void)
{
	struct address own = own_address();

	return proved(runtime_this->discovery.key, clock_wall_us(), &own);
}

/* Says it to ourselves; how many bytes come until the other side closes. */
static size_t answered(const struct said *said)
{
	int fd = dial_bare();
	char bytes[4096];
	size_t len = 0;
	ssize_t n;

	assert_int_equal(send(fd, said->bytes, said->len, MSG_NOSIGNAL),
			 (ssize_t)said->len);
	do {
		assert_true(acre_wait_fd(fd, POLLIN) > 0);
		n = read(fd, bytes, sizeof bytes);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	close(fd);
	while (!list_is_empty(&runtime_this->strangers)) /* bound: its link has ended */
		assert_ok(acre_yield());
	assert_int_equal(runtime_this->server.n_unadmitted, 0);
	return len;
}

TEST_TCP(g23_without_a_proof_no_byte_is_answered)
{
	struct msg_aid aid = aid_of_rude();
	struct said said = write_aid(&aid);

	assert_int_equal(answered(&said), 0);
	aid.acre_version = 0; /* as the reference does */
	said = write_aid(&aid);
	assert_int_equal(answered(&said), 0);
	return 0;
}

TEST_TCP(g23_with_another_key_no_byte_is_answered)
{
	struct address own = own_address();
	struct auth_key *other;
	struct said said;

	assert_ok(auth_key_new(&other, NULL));
	said = proved(other, clock_wall_us(), &own);
	auth_key_free(other);
	assert_int_equal(answered(&said), 0);
	return 0;
}

TEST_TCP(g23_a_recorded_hello_is_answered_once)
{
	struct said said = proved_now();

	assert_true(answered(&said) > 64);
	for (int i = 0; i < 3; i++)
		assert_int_equal(answered(&said), 0);
	said = proved_now();
	assert_true(answered(&said) > 64);
	return 0;
}

TEST_TCP(g23_a_hello_of_another_time_or_place_is_not_answered)
{
	const struct auth_key *key = runtime_this->discovery.key;
	const int64_t now = clock_wall_us();
	struct address own = own_address(), other = own;
	struct said said;

	said = proved(key, now - AUTH_WINDOW_US - 1, &own);
	assert_int_equal(answered(&said), 0);
	said = proved(key, now + 2 * AUTH_WINDOW_US, &own);
	assert_int_equal(answered(&said), 0);
	/* recorded by who was there before us */
	said = proved(key, runtime_this->server.listeners[0].since_us - 1, &own);
	assert_int_equal(answered(&said), 0);
	/* passed on by whom somebody has taken for another one */
	other.port++;
	said = proved(key, now, &other);
	assert_int_equal(answered(&said), 0);
	return 0;
}

TEST_TCP(g23_a_hello_that_was_tampered_with_is_not_answered)
{
	struct msg_aid aid = aid_of_rude();
	struct address own = own_address();
	struct auth_claim claim = { .who = aid.uid, .at = &own };
	struct auth_hello hello;
	struct said said;

	assert_ok(
		auth_prove(runtime_this->discovery.key, &claim, clock_wall_us(), &hello));
	aid.auth = auth_say(&hello);
	aid.uid.name = slice_of("rudi");
	said = write_aid(&aid);
	assert_int_equal(answered(&said), 0);
	aid.uid.name = slice_of("rude");
	aid.auth.time_us++;
	said = write_aid(&aid);
	assert_int_equal(answered(&said), 0);
	aid.auth.time_us--;
	aid.auth.proof.len--;
	said = write_aid(&aid);
	assert_int_equal(answered(&said), 0);
	aid.auth.proof.len++;
	hello.proof[0] ^= 1;
	said = write_aid(&aid);
	assert_int_equal(answered(&said), 0);
	hello.proof[0] ^= 1;
	said = write_aid(&aid);
	assert_true(answered(&said) > 64); /* it was right but for that */
	return 0;
}

/*
 * What a caller hears: until it is a proof, the caller says no more.
 */

static int listen_bare(char ret_address[ACRE_ADDRESS_SIZE])
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	snprintf(ret_address, ACRE_ADDRESS_SIZE, "/ip4/127.0.0.1/tcp/%d",
		 ntohs(at.sin_port));
	return fd;
}

struct dialling {
	const char *address;
	int r; /* class of its end */
};

ACRE_TASK(dial_it, struct dialling *d)
{
	struct acre_actor *a;
	int r = acre_dial(&a, d->address);

	d->r = acre_code(r);
	acre_release(&a);
	return 0;
}

/* Answers with its own bytes, or with those that came; what comes then must be the end. */
static void answer_with(int listener, const struct said *answer)
{
	struct said heard;
	uint32_t frame;
	ssize_t n;
	int fd;

	assert_true(acre_wait_fd(listener, POLLIN) > 0);
	fd = accept(listener, NULL, NULL);
	assert_true(acre_wait_fd(fd, POLLIN) > 0);
	n = read(fd, heard.bytes, sizeof heard.bytes);
	assert_true(n > 4);
	heard.len = (size_t)n;
	memcpy(&frame, heard.bytes, sizeof frame);
	assert_int_equal(frame + 4, heard.len); /* one Aid and nothing else */
	answer = answer ? answer : &heard;
	assert_int_equal(send(fd, answer->bytes, answer->len, MSG_NOSIGNAL),
			 (ssize_t)answer->len);
	assert_true(acre_wait_fd(fd, POLLIN) > 0);
	assert_int_equal(read(fd, heard.bytes, sizeof heard.bytes), 0);
	close(fd);
}

static int impostor(const struct said *answer)
{
	char address[ACRE_ADDRESS_SIZE];
	struct dialling d = { .address = address };
	int listener = listen_bare(address), r = 0;

	ACRE_NURSERY(n, r) {
		r = acre_go(&n, dial_it, &d);
		assert_ok(r);
		answer_with(listener, answer);
	}
	close(listener);
	assert_int_equal(d.r, EACCES);
	return r;
}

TEST_TCP(g23_an_impostor_learns_nothing_more)
{
	struct msg_aid aid = aid_of_rude();
	struct said without = write_aid(&aid), of_a_caller = proved_now();
	int r = impostor(&without);

	if (r >= 0)
		r = impostor(&of_a_caller);
	if (r >= 0)
		r = impostor(NULL); /* its own words */
	return r;
}

/*
 * Trees with one key.
 */

ACRE_CONTEXT(whoami, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = getpid());
}

static int be_server(void)
{
	say(own_address().port);
	return acre_sleep(acre_secs(3600));
}

static int run_server(void)
{
	int r = run_at(be_server, "tcp", key_file, ANY_PORT, true);

	report_thread_fini();
	return acre_is(r, EINTR) ? INTERRUPTED : 1;
}

static char server_at[ACRE_ADDRESS_SIZE];
static pid_t server_pid;

/* Whom that address belongs to. */
static int ask(const char *address, struct acre_int *ret_pid)
{
	struct acre_actor *server;
	int r = acre_dial(&server, address);

	if (r >= 0)
		r = acre_call(server, whoami, &nil, acre_int, ret_pid);
	acre_release(&server);
	return r < 0 ? r : 0;
}

static int call_server(void)
{
	struct acre_int pid;
	int r = ask(server_at, &pid);

	if (r >= 0)
		assert_int_equal(pid.value, server_pid);
	return r;
}

ACRE_CONTEXT(ask_at, acre_text, .kind = ACRE_ENDPOINT_ONESHOT)
{
	struct acre_int pid;
	int r = ask(in->value, &pid);

	return r < 0 ? r : acre_return(ctx, acre_int, .value = pid.value);
}

/* A child has the key from its parent. */
static int call_from_a_child(void)
{
	struct acre_actor *a;
	struct acre_int pid;
	int r = call_server();

	if (r < 0)
		return r;
	ACRE_NURSERY(n, r) {
		r = acre_spawn(&n, &a, .name = "child");
		assert_ok(r);
		r = acre_call(a, ask_at, &(struct acre_text){ server_at }, acre_int,
			      &pid);
		assert_int_equal(r, 1);
		assert_int_equal(pid.value, server_pid);
		acre_nursery_cancel(&n);
	}
	return r;
}

TEST(trees_with_one_key_file_call_each_other_and_others_do_not)
{
	struct root server;
	int r;

	use_backend(NULL);
	setenv("ACRE_TEST_TRANSPORT", "tcp", 1);
	needs_key_if_tcp();
	choose_key_file();
	server = root_start(run_server);
	snprintf(server_at, sizeof server_at, "/ip4/127.0.0.1/tcp/%d", hear(&server));
	server_pid = server.pid;
	assert_ok(run_at(call_from_a_child, "tcp", key_file, ANY_PORT, false));
	r = run_at(call_server, "tcp", NULL, ANY_PORT, false);
	assert_class(r, ACRE_ECLOSED); /* not a byte */
	assert_text_has(acre_why(r)->message, "another key");
	assert_class(run_at(call_server, "uds", NULL, NULL, false), EACCES);
	report_thread_fini();
	root_interrupt(&server);
	assert_int_equal(WEXITSTATUS(root_end(&server)), INTERRUPTED);
}

/*
 * C091: what is asked for must agree.
 */

static int not_reached(void)
{
	fail_msg("the root has begun");
	return 0;
}

static void assert_refused(int class, const char *transports, const char *key,
			   const char *registrar, const char *says_what)
{
	int r = run_at(not_reached, transports, key, registrar, false);

	assert_class(r, class);
	assert_text_has(acre_why(r)->message, says_what);
	report_thread_fini();
}

TEST(c091_over_tcp_transports_and_addresses_must_agree)
{
	setenv("ACRE_TEST_TRANSPORT", "tcp", 1);
	needs_key_if_tcp();
	choose_key_file();
	assert_refused(EINVAL, "tcp", NULL, "/unix/run/a.sock", "not among `transports`");
	assert_refused(EINVAL, "uds", key_file, NULL, "key_file is for tcp");
	assert_int_equal(access(key_file, F_OK), -1);
	assert_refused(EOPNOTSUPP, "tcp", NULL, "/ip4/0.0.0.0/tcp/0", "need TLS");
	assert_refused(EOPNOTSUPP, "tcp", NULL, "/ip4/192.0.2.1/tcp/1", "need TLS");
	assert_refused(EISDIR, "tcp", test_dir(), ANY_PORT, "key file");
}

/* Of several addresses the nearest is taken, and each transport has one. */
static int look_at_both(void)
{
	char addresses[4][ACRE_ADDRESS_SIZE], found[ACRE_ADDRESS_SIZE];
	struct acre_actor *self;

	assert_int_equal(acre_self_addresses(addresses, 4), 2);
	assert_int_equal(strncmp(addresses[0], "/unix/", 6), 0);
	assert_int_equal(strncmp(addresses[1], "/ip4/127.0.0.1/tcp/", 19), 0);
	assert_int_equal(acre_query(acre_self_uuid(), found), 1);
	assert_string_equal(found, addresses[0]);
	for (int i = 0; i < 2; i++) {
		assert_ok(acre_dial(&self, addresses[i]));
		assert_string_equal(acre_actor_uuid(self), acre_self_uuid());
		acre_release(&self);
	}
	return 0;
}

TEST(both_transports_at_once)
{
	setenv("ACRE_TEST_TRANSPORT", "tcp", 1);
	needs_key_if_tcp();
	assert_ok(run_at(look_at_both, "uds,tcp", NULL, NULL, false));
	report_thread_fini();
}

/*
 * G26: the key is in its page and nowhere else that a core or a dump would show.
 */

enum { PAGE = 4096 };

/* A page of ours and what is before it, as /proc/self/mem tells: there are guards among them. */
static _Alignas(PAGE) uint8_t seen[2 * PAGE];

static int copies_in_page(int memory, uintptr_t page, const uint8_t *key)
{
	const uint8_t *at = seen, *end;
	ssize_t n = pread(memory, seen, sizeof seen, (off_t)(page - PAGE));
	int count = 0;

	if (n <= 0) /* there is none before it */
		n = pread(memory, seen, PAGE, (off_t)page);
	if (page == (uintptr_t)key || page - PAGE == (uintptr_t)key || n <= 0)
		return 0;
	end = seen + n;
	while ((at = memmem(at, (size_t)(end - at), key, AUTH_KEY_SIZE))) {
		count++;
		at++;
	}
	return count;
}

/* Whether it is in what this process can write to: heap, stacks, environment, arguments. A copy
 * counts twice. */
static int copies_of_key(void)
{
	const uint8_t *key = auth_key_bytes(runtime_this->discovery.key);
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC), n = 0;
	FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t from, to;
	char line[512], mode[8];

	assert_true(maps && memory >= 0);
	while (fgets(line, sizeof line, maps)) {
		assert_int_equal(sscanf(line, "%lx-%lx %7s", &from, &to, mode), 3);
		for (uintptr_t p = from; !strncmp(mode, "rw", 2) && p < to; p += PAGE)
			if (p < (uintptr_t)seen || p >= (uintptr_t)seen + 3 * PAGE)
				n += copies_in_page(memory, p, key);
	}
	fclose(maps);
	close(memory);
	return n;
}

ACRE_CONTEXT(count_copies, acre_nil, .kind = ACRE_ENDPOINT_ONESHOT)
{
	return acre_return(ctx, acre_int, .value = copies_of_key());
}

static int look_for_copies(void)
{
	static uint8_t planted[AUTH_KEY_SIZE]; /* to see that we would see it */
	struct acre_actor *a;
	struct acre_int copies = { -1 };
	int r = 0;

	memcpy(planted, auth_key_bytes(runtime_this->discovery.key), sizeof planted);
	assert_true(copies_of_key() > 0);
	explicit_bzero(planted, sizeof planted);
	ACRE_NURSERY(n, r) {
		for (int i = 0; r >= 0 && i < 2; i++) {
			r = acre_spawn(&n, &a, .name = "child");
			assert_ok(r);
			r = acre_call(a, count_copies, &nil, acre_int, &copies);
			assert_int_equal(r, 1);
			assert_int_equal(copies.value, 0);
			assert_int_equal(copies_of_key(), 0);
		}
		acre_nursery_cancel(&n);
	}
	return r;
}

TEST(g26_the_key_is_nowhere_but_in_its_page)
{
#ifdef FIBER_ANNOTATED
	test_skip("a sanitizer's shadow has too many pages to look at");
#endif
	needs_a_process("actors of one process have a page each");
	assert_ok(tcp_result(look_for_copies));
	report_thread_fini();
}
