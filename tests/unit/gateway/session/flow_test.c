/* flow_test.c - one direction of an exchange: framing, input in any pieces, receivers that block at any byte, and beginning again.
 *
 * link: -Wl,--wrap=send,--wrap=sendmsg
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/session/flow.h"

#define ROOM 8192
#define HEAD "HEAD\r\n\r\n"
#define NEXT "GET /next" /* what follows the body in the buffer */
#define UNLIMITED SIZE_MAX

/* --- the receiver: takes <takes> bytes, then no more --- */

static char received[65536];
static size_t received_len, takes;
static int failure;        /* errno of each call, or 0 */
static unsigned interrupts; /* calls that a signal interrupts */
static unsigned sends, gathers;
static bool real;

ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);

static ssize_t refuse(int error)
{
	errno = error;
	return -1;
}

static ssize_t take(const void *data, size_t len)
{
	size_t n = len < takes ? len : takes;

	assert_true(received_len + n <= sizeof(received));
	memcpy(received + received_len, data, n);
	received_len += n;
	if (takes != UNLIMITED)
		takes -= n;
	return (ssize_t)n;
}

/* What each call meets first; 0: it goes on. */
static int obstacle(int flags)
{
	assert_int_equal(flags & (MSG_NOSIGNAL | MSG_DONTWAIT), MSG_NOSIGNAL | MSG_DONTWAIT);
	if (interrupts > 0) {
		interrupts--;
		return EINTR;
	}
	return failure != 0 ? failure : takes == 0 ? EAGAIN : 0;
}

ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
	int error;

	if (real)
		return __real_send(fd, data, len, flags);
	sends++;
	error = obstacle(flags);
	return error != 0 ? refuse(error) : take(data, len);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	ssize_t all = 0;
	int error;

	if (real)
		return __real_sendmsg(fd, m, flags);
	gathers++;
	error = obstacle(flags);
	for (size_t i = 0; error == 0 && i < m->msg_iovlen; i++)
		all += take(m->msg_iov[i].iov_base, m->msg_iov[i].iov_len);
	return error != 0 ? refuse(error) : all;
}

/* --- the sender's buffer --- */

static char memory[ROOM];
static struct buffer in;
static struct flow f;

static int begin(void **state)
{
	(void)state;
	in = (struct buffer){ .data = memory, .size = sizeof(memory) };
	received_len = sends = gathers = interrupts = 0;
	takes = UNLIMITED;
	failure = 0;
	real = false;
	return 0;
}

static void arrive(const char *bytes, size_t len)
{
	assert_true(len <= buffer_room(&in));
	memcpy(in.data + in.end, bytes, len);
	in.end += len;
}

/* A flow of a body framed so, in front of which HEAD goes. */
static void open_flow(enum body_kind kind, uint64_t length, bool to_chunks)
{
	struct http_frame frame = { .kind = kind, .length = length, .has_length = kind == BODY_LENGTH };

	flow_init(&f, &in, &frame, SLICE_LIT(HEAD), to_chunks);
}

static enum flow_result run(void)
{
	return flow_run(&f, -1);
}

static const char *got(void)
{
	received[received_len] = '\0';
	return received;
}

/* What is left in the buffer. */
static const char *left(void)
{
	in.data[in.end] = '\0';
	return in.data + in.begin;
}

/* --- framing --- */

struct shape {
	enum body_kind kind;
	uint64_t length;
	bool to_chunks;
	const char *input, *output;
};

static const struct shape shapes[] = {
	{ BODY_NONE, 0, false, "", HEAD },
	{ BODY_NONE, 0, true, "", HEAD "0\r\n\r\n" },
	{ BODY_LENGTH, 5, false, "hello", HEAD "hello" },
	{ BODY_LENGTH, 5, true, "hello", HEAD "5\r\nhello\r\n0\r\n\r\n" },
	{ BODY_CHUNKED, 0, true, "0\r\n\r\n", HEAD "0\r\n\r\n" },
	{ BODY_CHUNKED, 0, true, "3\r\nabc\r\n02;x=y\r\nde\r\n0\r\nT: v\r\n\r\n", HEAD "5\r\nabcde\r\n0\r\n\r\n" },
	{ BODY_CHUNKED, 0, false, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", HEAD "abcde" },
	/* More chunks than go into one writing. */
	{ BODY_CHUNKED, 0, true, "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n1\r\ne\r\n1\r\nf\r\n1\r\ng\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n",
	  HEAD "8\r\nabcdefgh\r\n1\r\ni\r\n0\r\n\r\n" },
};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static void bodies_are_framed_anew(void **state)
{
	(void)state;
	for (size_t i = 0; i < SHAPES; i++) {
		begin(NULL);
		arrive(shapes[i].input, strlen(shapes[i].input));
		arrive(NEXT, strlen(NEXT));
		open_flow(shapes[i].kind, shapes[i].length, shapes[i].to_chunks);
		assert_int_equal(run(), FLOW_DONE);
		assert_string_equal(got(), shapes[i].output);
		assert_string_equal(left(), NEXT);
		assert_int_equal(f.written, strlen(shapes[i].output));
		assert_false(flow_pending(&f));
	}
}

/* The payload of what was received behind the head: chunks are joined. */
static size_t unchunk(bool chunks, char *out)
{
	const char *at = received + strlen(HEAD), *end = received + received_len;
	size_t len = 0;

	assert_memory_equal(received, HEAD, strlen(HEAD));
	while (at < end) {
		size_t n = chunks ? strtoul(at, (char **)(uintptr_t)&at, 16) : (size_t)(end - at);

		at += chunks ? 2 : 0;
		memcpy(out + len, at, n);
		len += n;
		at += n + (chunks ? 2 : 0);
	}
	assert_ptr_equal(at, end);
	return len;
}

static void it_does_not_matter_in_which_pieces_it_arrives(void **state)
{
	char want[64], have[64];

	(void)state;
	for (size_t i = 0; i < SHAPES; i++) {
		const char *input = shapes[i].input;
		size_t len;

		snprintf(received, sizeof(received), "%s", shapes[i].output);
		received_len = strlen(shapes[i].output);
		len = unchunk(shapes[i].to_chunks, want);
		begin(NULL);
		open_flow(shapes[i].kind, shapes[i].length, shapes[i].to_chunks);
		for (size_t n = 0; n < strlen(input); n++) {
			assert_int_equal(run(), FLOW_INPUT);
			assert_true(n == 0 || f.written >= strlen(HEAD)); /* the head does not wait for the body */
			arrive(input + n, 1);
		}
		assert_int_equal(run(), FLOW_DONE);
		assert_int_equal(unchunk(shapes[i].to_chunks, have), len);
		assert_memory_equal(have, want, len);
		assert_true(buffer_empty(&in));
		assert_int_equal(in.begin, 0); /* its room is free again */
	}
}

static void a_body_may_end_with_its_connection(void **state)
{
	(void)state;
	for (int chunks = 0; chunks < 2; chunks++) {
		begin(NULL);
		open_flow(BODY_UNTIL_CLOSE, 0, chunks);
		arrive("abc", 3);
		assert_true(flow_input_ended(&f)); /* what is there comes first */
		assert_int_equal(run(), FLOW_INPUT);
		assert_false(f.ended);
		assert_true(flow_input_ended(&f));
		assert_int_equal(run(), FLOW_DONE);
		assert_string_equal(got(), chunks ? HEAD "3\r\nabc\r\n0\r\n\r\n" : HEAD "abc");
		assert_true(flow_input_ended(&f));
	}
}

static void others_may_not(void **state)
{
	static const struct {
		enum body_kind kind;
		const char *input;
	} cases[] = { { BODY_LENGTH, "abc" }, { BODY_CHUNKED, "3\r\nabc\r\n" }, { BODY_CHUNKED, "3\r\nab" }, { BODY_CHUNKED, "0\r\n" } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(NULL);
		open_flow(cases[i].kind, 5, true);
		arrive(cases[i].input, strlen(cases[i].input));
		assert_int_equal(run(), FLOW_INPUT);
		assert_false(flow_input_ended(&f));
	}
}

/* --- receivers that take no more --- */

static void it_goes_on_where_it_was_blocked(void **state)
{
	(void)state;
	for (size_t i = 0; i < SHAPES; i++) {
		size_t most = strlen(shapes[i].output);

		for (size_t stop = 0; stop < most; stop++) {
			begin(NULL);
			arrive(shapes[i].input, strlen(shapes[i].input));
			arrive(NEXT, strlen(NEXT));
			open_flow(shapes[i].kind, shapes[i].length, shapes[i].to_chunks);
			takes = stop;
			assert_int_equal(run(), FLOW_BLOCKED);
			assert_int_equal(received_len, stop);
			assert_int_equal(f.written, stop);
			assert_true(flow_pending(&f));
			assert_int_equal(run(), FLOW_BLOCKED); /* asking again changes nothing */
			takes = UNLIMITED;
			assert_int_equal(run(), FLOW_DONE);
			assert_string_equal(got(), shapes[i].output);
			assert_string_equal(left(), NEXT);
		}
	}
}

static void one_byte_at_a_time_is_enough(void **state)
{
	(void)state;
	for (size_t i = 0; i < SHAPES; i++) {
		enum flow_result r;

		begin(NULL);
		arrive(shapes[i].input, strlen(shapes[i].input));
		open_flow(shapes[i].kind, shapes[i].length, shapes[i].to_chunks);
		do {
			takes = 1;
			r = run();
			interrupts = 1;
		} while (r == FLOW_BLOCKED);
		assert_int_equal(r, FLOW_DONE);
		assert_string_equal(got(), shapes[i].output);
	}
}

static void what_arrives_while_it_is_blocked_comes_behind(void **state)
{
	(void)state;
	open_flow(BODY_CHUNKED, 0, true);
	arrive("3\r\nabc\r\n", 8);
	takes = strlen(HEAD) + 4;
	assert_int_equal(run(), FLOW_BLOCKED);
	arrive("2\r\nde\r\n0\r\n\r\n", 12);
	takes = UNLIMITED;
	assert_int_equal(run(), FLOW_DONE);
	assert_string_equal(got(), HEAD "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
}

/* Reads what is there from a real socket. */
static void read_some(int fd)
{
	ssize_t n = recv(fd, received + received_len, sizeof(received) - received_len, MSG_DONTWAIT);

	assert_true(n > 0);
	received_len += (size_t)n;
}

static void a_real_socket_with_little_room(void **state)
{
	int fds[2], least = 1;
	size_t put = 0, all = 30000;
	enum flow_result r = FLOW_INPUT;
	unsigned blocked = 0;

	(void)state;
	real = true;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
	open_flow(BODY_LENGTH, all, false);
	while (r != FLOW_DONE) {
		for (; put < all && buffer_room(&in) > 0; put++)
			arrive(&(char){ (char)('a' + put % 23) }, 1);
		r = flow_run(&f, fds[0]);
		assert_true(r == FLOW_INPUT || r == FLOW_BLOCKED || r == FLOW_DONE);
		blocked += r == FLOW_BLOCKED;
		read_some(fds[1]);
	}
	assert_true(blocked > 3);
	while (received_len < strlen(HEAD) + all)
		read_some(fds[1]);
	for (size_t i = 0; i < all; i++)
		assert_int_equal(received[strlen(HEAD) + i], 'a' + i % 23);
	close(fds[0]);
	close(fds[1]);
}

static void a_receiver_that_is_gone(void **state)
{
	static const int errors[] = { EPIPE, ECONNRESET, ENOBUFS, ENOMEM };

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		begin(NULL);
		arrive("hello", 5);
		open_flow(BODY_LENGTH, 5, false);
		failure = errors[i];
		assert_int_equal(run(), FLOW_BROKEN);
		assert_int_equal(f.written, 0);
	}
}

/* --- how it is written --- */

static void small_messages_go_out_in_one_piece(void **state)
{
	static char large[2000];

	(void)state;
	arrive("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 20);
	open_flow(BODY_CHUNKED, 0, true);
	assert_int_equal(run(), FLOW_DONE);
	assert_int_equal(sends, 1);
	assert_int_equal(gathers, 0);
	for (size_t len = 1024 - strlen(HEAD); len < 1024 - strlen(HEAD) + 2; len++) { /* the most that is joined, and one more */
		begin(NULL);
		memset(large, 'x', sizeof(large));
		arrive(large, len);
		open_flow(BODY_LENGTH, len, false);
		assert_int_equal(run(), FLOW_DONE);
		assert_int_equal(received_len, strlen(HEAD) + len);
		assert_int_equal(sends, len + strlen(HEAD) <= 1024 ? 1 : 0);
		assert_int_equal(gathers, 1 - sends);
	}
}

/* --- bodies that are refused --- */

static void bad_chunks_are_not_passed_on(void **state)
{
	static const char *const bodies[] = { "x\r\n", "3\nabc\r\n", "3\r\nabcd\r\n", "3 \r\nabc\r\n", "3\r\nabc\r\n-1\r\n", "3\r\nabc\r\n0\r\nbad header\r\n\r\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		begin(NULL);
		arrive(bodies[i], strlen(bodies[i]));
		open_flow(BODY_CHUNKED, 0, true);
		assert_int_equal(run(), FLOW_BAD);
		assert_int_equal(received_len, 0); /* not even the head */
		assert_int_equal(f.body.error.status, 400);
		assert_false(flow_abandon(&f));
	}
}

static void a_bad_chunk_behind_good_ones(void **state)
{
	(void)state;
	open_flow(BODY_CHUNKED, 0, true);
	arrive("3\r\nabc\r\n", 8);
	assert_int_equal(run(), FLOW_INPUT);
	arrive("2\r\nde\r\ng\r\n", 10);
	assert_int_equal(run(), FLOW_BAD);
	assert_string_equal(got(), HEAD "3\r\nabc\r\n"); /* no last chunk: the receiver knows that it is not whole */
}

static void more_than_the_limit(void **state)
{
	(void)state;
	for (size_t n = 4; n <= 6; n++) {
		begin(NULL);
		arrive("abcdefgh", n);
		open_flow(BODY_LENGTH, n, false);
		f.limit = 5;
		assert_int_equal(run(), n <= 5 ? FLOW_DONE : FLOW_LARGE);
		assert_int_equal(received_len, n <= 5 ? strlen(HEAD) + n : 0);
	}
	begin(NULL);
	open_flow(BODY_CHUNKED, 0, true);
	f.limit = 5;
	arrive("5\r\nabcde\r\n", 10);
	assert_int_equal(run(), FLOW_INPUT);
	arrive("1\r\nf\r\n", 6);
	assert_int_equal(run(), FLOW_LARGE);
	assert_string_equal(got(), HEAD "5\r\nabcde\r\n");
	begin(NULL);
	open_flow(BODY_CHUNKED, 0, true);
	f.limit = 5;
	arrive("5\r\nabcde\r\n0\r\n\r\n", 15);
	assert_int_equal(run(), FLOW_DONE); /* framing does not count */
}

/* --- beginning again, and giving up --- */

static void a_retry_sends_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < SHAPES; i++) {
		for (size_t stop = 0; stop <= strlen(shapes[i].output); stop++) {
			begin(NULL);
			arrive(shapes[i].input, strlen(shapes[i].input));
			arrive(NEXT, strlen(NEXT));
			open_flow(shapes[i].kind, shapes[i].length, shapes[i].to_chunks);
			f.keep = true;
			takes = stop;
			(void)run();
			assert_true(f.kept);
			received_len = 0;
			takes = UNLIMITED;
			flow_rewind(&f, f.head);
			assert_int_equal(f.payload, 0);
			assert_int_equal(run(), FLOW_DONE);
			assert_string_equal(got(), shapes[i].output);
			assert_true(flow_unkeep(&f));
			assert_string_equal(left(), NEXT);
		}
	}
}

static void a_full_buffer_gives_up_the_retry(void **state)
{
	(void)state;
	open_flow(BODY_LENGTH, 2 * ROOM, false);
	f.keep = true;
	while (buffer_room(&in) > 0)
		arrive("x", 1);
	assert_int_equal(run(), FLOW_INPUT);
	assert_int_equal(buffer_room(&in), 0);
	assert_true(f.kept);
	assert_true(flow_unkeep(&f));
	assert_int_equal(buffer_room(&in), ROOM);
	assert_false(f.kept);
	assert_false(flow_unkeep(&f)); /* there is nothing more to give up */
	while (buffer_room(&in) > 0)
		arrive("y", 1);
	assert_int_equal(run(), FLOW_DONE);
	assert_int_equal(received_len, strlen(HEAD) + 2 * ROOM);
	assert_int_equal(received[received_len - 1], 'y');
}

static void what_is_not_written_yet_stays(void **state)
{
	(void)state;
	arrive("hello" NEXT, 5 + strlen(NEXT));
	open_flow(BODY_LENGTH, 5, false);
	f.keep = true;
	takes = strlen(HEAD) + 2;
	assert_int_equal(run(), FLOW_BLOCKED);
	assert_true(flow_unkeep(&f));
	assert_int_equal(in.begin, 0);
	takes = UNLIMITED;
	assert_int_equal(run(), FLOW_DONE);
	assert_string_equal(got(), HEAD "hello");
	assert_string_equal(left(), NEXT);
}

/* A head whose slices are in use stands in front of the body: its bytes are never given away. */
static void the_head_in_front_stays(void **state)
{
	(void)state;
	arrive("POST / HTTP/1.1\r\n\r\n", 19);
	in.begin = in.floor = 19;
	arrive("abc", 3);
	open_flow(BODY_LENGTH, 6, false);
	assert_int_equal(run(), FLOW_INPUT);
	assert_int_equal(in.begin, 19);
	assert_int_equal(in.end, 19);
	arrive("def", 3);
	assert_int_equal(run(), FLOW_DONE);
	assert_string_equal(got(), HEAD "abcdef");
	assert_memory_equal(memory, "POST / HTTP/1.1\r\n\r\n", 19);
}

static void an_abandoned_flow_leaves_what_follows(void **state)
{
	(void)state;
	for (size_t stop = 1; stop <= strlen(HEAD) + 5; stop++) {
		begin(NULL);
		arrive("hello" NEXT, 5 + strlen(NEXT));
		open_flow(BODY_LENGTH, 5, false);
		f.keep = true;
		takes = stop;
		(void)run();
		assert_true(flow_abandon(&f));
		assert_false(flow_pending(&f));
		assert_string_equal(left(), NEXT);
	}
	begin(NULL);
	arrive("hell", 4);
	open_flow(BODY_LENGTH, 5, false);
	(void)run();
	assert_false(flow_abandon(&f)); /* its end has not come: what follows is not known */
}

/* --- looking at a body before it goes on --- */

static void peeking_changes_nothing(void **state)
{
	static const struct {
		enum body_kind kind;
		uint64_t length;
		const char *input, *body;
		enum http_progress progress;
	} cases[] = {
		{ BODY_NONE, 0, "", "", HTTP_DONE },
		{ BODY_LENGTH, 5, "hello" NEXT, "hello", HTTP_DONE },
		{ BODY_LENGTH, 6, "hello", "hello", HTTP_MORE },
		{ BODY_CHUNKED, 0, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" NEXT, "abcde", HTTP_DONE },
		{ BODY_CHUNKED, 0, "3\r\nabc\r\n2\r\nd", "abcd", HTTP_MORE },
		{ BODY_CHUNKED, 0, "3\r\nabc\r\nx", "abc", HTTP_BAD },
		{ BODY_UNTIL_CLOSE, 0, "abc", "abc", HTTP_MORE },
	};
	struct arena *arena = arena_create(1024, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_frame frame = { .kind = cases[i].kind, .length = cases[i].length };
		struct slice body = SLICE_NONE;
		size_t end = strlen(cases[i].input), len = 0;

		begin(NULL);
		arrive(cases[i].input, end);
		assert_int_equal(flow_measure(&in, &frame, &len), cases[i].progress);
		assert_int_equal(len, strlen(cases[i].body));
		assert_true(flow_peek(&in, &frame, arena, &body));
		assert_true(slice_eq(body, slice_str(cases[i].body)));
		assert_non_null(body.ptr);
		assert_int_equal(in.begin, 0);
		assert_int_equal(in.end, end);
	}
	arena_free(&arena);
}

static void joined_chunks_need_room(void **state)
{
	struct arena *arena = arena_create(64, 64);
	struct http_frame chunked = { .kind = BODY_CHUNKED }, plain = { .kind = BODY_LENGTH, .length = 1000 };
	struct slice body = SLICE_NONE;
	size_t len;

	(void)state;
	arrive("3e8\r\n", 5);
	while (in.end < 900)
		arrive("x", 1);
	assert_int_equal(flow_measure(&in, &chunked, &len), HTTP_MORE);
	assert_int_equal(len, 895);
	assert_false(flow_peek(&in, &chunked, arena, &body)); /* never the bytes as they came: rules would see another body than the server */
	assert_null(body.ptr);
	assert_true(flow_peek(&in, &plain, arena, &body));
	assert_int_equal(body.len, 900);
	arena_free(&arena);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bodies_are_framed_anew),
		TEST(it_does_not_matter_in_which_pieces_it_arrives),
		TEST(a_body_may_end_with_its_connection),
		TEST(others_may_not),
		TEST(it_goes_on_where_it_was_blocked),
		TEST(one_byte_at_a_time_is_enough),
		TEST(what_arrives_while_it_is_blocked_comes_behind),
		TEST(a_real_socket_with_little_room),
		TEST(a_receiver_that_is_gone),
		TEST(small_messages_go_out_in_one_piece),
		TEST(bad_chunks_are_not_passed_on),
		TEST(a_bad_chunk_behind_good_ones),
		TEST(more_than_the_limit),
		TEST(a_retry_sends_the_same),
		TEST(a_full_buffer_gives_up_the_retry),
		TEST(what_is_not_written_yet_stays),
		TEST(the_head_in_front_stays),
		TEST(an_abandoned_flow_leaves_what_follows),
		TEST(peeking_changes_nothing),
		TEST(joined_chunks_need_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
