/* engine_test.c - a whole gateway that is refused memory, descriptors and sockets at each step of an exchange: it answers or closes, holds
 * nothing afterwards, and the next request is served.
 *
 * link: -Wl,--wrap=send,--wrap=sendmsg,--wrap=recv,--wrap=connect,--wrap=socket,--wrap=accept4,--wrap=epoll_ctl,--wrap=pool_take
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/epoll.h>

#include "tests/unit/gateway/support/front.h"

/* --- the system, which can be made to refuse one call --- */

enum call { CALL_NONE, CALL_SEND, CALL_RECV, CALL_CONNECT, CALL_SOCKET, CALL_ACCEPT, CALL_WATCH, CALL_POOL };

static struct front t;
static enum call fails;   /* this one ... */
static unsigned fails_at; /* ... when it is made this often, from 1 ... */
static bool fails_on;     /* and from then on ... */
static int fails_with;    /* ... with this errno */
static unsigned calls;    /* of that kind so far */

ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __real_recv(int fd, void *data, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t len, int flags);
int __real_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __real_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
int __real_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);
void *__real_pool_take(struct pool *p);
void *__wrap_pool_take(struct pool *p);

/* Whether this call is the one; errno is set then. */
static bool refused(enum call call)
{
	if (!t.inside || fails != call)
		return false;
	calls++;
	if (fails_on ? calls < fails_at : calls != fails_at)
		return false;
	errno = fails_with;
	return true;
}

ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
	return refused(CALL_SEND) ? -1 : __real_send(fd, data, len, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	return refused(CALL_SEND) ? -1 : __real_sendmsg(fd, m, flags);
}

ssize_t __wrap_recv(int fd, void *data, size_t len, int flags)
{
	return refused(CALL_RECV) ? -1 : __real_recv(fd, data, len, flags);
}

int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	return refused(CALL_CONNECT) ? -1 : __real_connect(fd, sa, len);
}

int __wrap_socket(int domain, int type, int protocol)
{
	return refused(CALL_SOCKET) ? -1 : __real_socket(domain, type, protocol);
}

int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	return refused(CALL_ACCEPT) ? -1 : __real_accept4(fd, sa, len, flags);
}

int __wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	return op == EPOLL_CTL_ADD && refused(CALL_WATCH) ? -1 : __real_epoll_ctl(epoll_fd, op, fd, event);
}

void *__wrap_pool_take(struct pool *p)
{
	return refused(CALL_POOL) ? NULL : __real_pool_take(p);
}

static int begin(void **state)
{
	(void)state;
	fails = CALL_NONE;
	fails_on = false;
	return 0;
}

/* --- every step --- */

struct exchange_kind {
	const char *name, *request;
	struct front_text text;
};

static const struct exchange_kind kinds[] = {
	{ "GET", FRONT_GET, { .be = " retries 0\n" } },
	{ "POST in chunks", FRONT_POST, { .be = " retries 0\n" } },
	{ "a body that is waited for", FRONT_POST, { .fe = " option http-buffer-request\n", .be = " retries 0\n" } },
	{ "a response that is waited for", FRONT_GET, { .fe = " http-response wait-for-body time 2s\n", .be = " retries 0\n" } },
	{ "an answer of our own", FRONT_GET, { .fe = " http-request return status 200 content-type a/b string ok\n" } },
	{ "variables", FRONT_GET,
	  { .fe = " http-request set-var(txn.a) path\n http-request set-var(sess.b) method\n", .be = " retries 0\n" } },
	{ "rules for the connection", FRONT_GET, { .fe = " tcp-request connection accept\n", .be = " retries 0\n" } },
	{ "no reuse", FRONT_GET, { .be = " http-reuse never\n retries 0\n" } },
	{ "a retry", FRONT_GET, { .be = " retries 1\n timeout connect 20ms\n retry-on all-retryable-errors\n" } },
};

/* What a client may see of a fault: an answer that tells of it, or the end of the connection. Never a wait, and never half a success. */
static bool is_decent(int status)
{
	return status == 0 || status == 200 || status == 400 || status == 500 || status == 502 || status == 503;
}

/* Two requests on one connection while the call number <at> fails. False: so many calls were not made. */
static bool try_fault(const struct exchange_kind *k, enum call call, unsigned at, int with)
{
	int fd = front_connect(&t), status;
	bool reached;

	fails = call;
	fails_at = at;
	fails_with = with;
	calls = 0;
	for (int i = 0; i < 2; i++) {
		front_send(fd, k->request);
		status = front_answer(&t, fd);
		if (!is_decent(status))
			fail_msg("%s: call %d failed with %s at its %u. time: status %d", k->name, call, strerror(with), at, status);
		if (status != 200)
			break;
	}
	reached = calls >= at;
	fails = CALL_NONE;
	close(fd);
	if (!front_settled(&t))
		fail_msg("%s: call %d failed with %s at its %u. time: something is still held", k->name, call, strerror(with), at);
	status = front_ask(&t, k->request);
	if (status != 200)
		fail_msg("%s: call %d failed with %s at its %u. time: the next one got %d", k->name, call, strerror(with), at, status);
	return reached;
}

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* How many steps there are at which this call can fail in an exchange of that kind. */
static unsigned every_step(const struct exchange_kind *k, enum call call, int with)
{
	unsigned at = 1;

	front_open(&t, &k->text);
	assert_int_equal(front_ask(&t, k->request), 200);
	while (try_fault(k, call, at, with))
		assert_true(++at < 100);
	front_close(&t);
	return at - 1;
}

static void every_kind(enum call call, const int *errors, size_t count)
{
	for (size_t i = 0; i < KINDS; i++) {
		for (size_t e = 0; e < count; e++)
			every_step(&kinds[i], call, errors[e]);
	}
}

static void memory_is_refused_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++)
		assert_true(every_step(&kinds[i], CALL_POOL, ENOMEM) >= 3); /* client, buffer, exchange at least */
}

static void memory_is_refused_from_then_on(void **state)
{
	(void)state;
	fails_on = true;
	for (size_t i = 0; i < KINDS; i++)
		assert_true(every_step(&kinds[i], CALL_POOL, ENOMEM) >= 3);
}

static void sending_fails(void **state)
{
	static const int errors[] = { EPIPE, ECONNRESET, ENOBUFS, EINTR };

	(void)state;
	every_kind(CALL_SEND, errors, 4);
}

static void receiving_fails(void **state)
{
	static const int errors[] = { ECONNRESET, ENOMEM, ETIMEDOUT, EINTR };

	(void)state;
	every_kind(CALL_RECV, errors, 4);
}

static void connecting_fails(void **state)
{
	static const int errors[] = { EADDRNOTAVAIL, ENETUNREACH, EAGAIN, ECONNREFUSED };

	(void)state;
	every_kind(CALL_CONNECT, errors, 4);
}

static void sockets_are_refused(void **state)
{
	static const int errors[] = { EMFILE, ENFILE, ENOBUFS };

	(void)state;
	every_kind(CALL_SOCKET, errors, 3);
}

static void accepting_fails(void **state)
{
	static const int errors[] = { ECONNABORTED, EINTR, EMFILE, ENOBUFS };

	(void)state;
	for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++)
		assert_true(every_step(&kinds[0], CALL_ACCEPT, errors[e]) > 0);
}

static void watching_is_refused(void **state)
{
	static const int errors[] = { ENOSPC, ENOMEM };

	(void)state;
	every_kind(CALL_WATCH, errors, 2);
}

/* --- what logs and counts say of it --- */

static void a_lack_of_memory_is_not_the_servers_fault(void **state)
{
	struct server *s;

	(void)state;
	front_open(&t, &kinds[0].text);
	s = console_server(&t.c, "be", "s");
	fails = CALL_POOL;
	fails_with = ENOMEM;
	for (fails_at = 1; fails_at < 6; fails_at++) { /* client, buffer, exchange, connection, its buffer */
		calls = 0;
		(void)front_ask(&t, FRONT_GET);
	}
	fails = CALL_NONE;
	assert_true(front_settled(&t));
	assert_int_equal(front_worker(&t)->servers[s->index].bad_responses, 0);
	assert_int_equal(atomic_load(&s->errors_in_row), 0);
	front_close(&t);
}

/* --- bodies that are waited for --- */

#define PIECES 1500 /* one byte each: more than the memory of an exchange if each made a new copy of all before it */

/* Byte by byte, each in a round of its own. */
static void trickle(int fd, const char *text)
{
	for (; *text != '\0'; text++) {
		assert_int_equal(send(fd, text, 1, MSG_NOSIGNAL), 1);
		front_turn(&t);
	}
}

static void a_request_in_many_pieces(void **state)
{
	char request[PIECES + 200];
	int fd;

	(void)state;
	front_open(&t, &(struct front_text){ .fe = " option http-buffer-request\n http-request set-header x-body %[req.body,bytes(0,4)]\n" });
	snprintf(request, sizeof(request), "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%0*d\r\n0\r\n\r\n", PIECES,
		 PIECES, 7);
	fd = front_connect(&t);
	trickle(fd, request);
	assert_int_equal(front_answer(&t, fd), 200);
	assert_non_null(strstr(t.last, "x-body: 0000\r\n"));
	close(fd);
	assert_true(front_settled(&t));
	front_close(&t);
}

static void a_response_in_many_pieces(void **state)
{
	char answer[PIECES + 200];
	int fd;

	(void)state;
	front_open(&t, &(struct front_text){ .fe = " http-response wait-for-body time 5s\n http-response set-header x-body %[res.body,bytes(0,4)]\n" });
	t.answer = NULL;
	fd = front_connect(&t);
	front_send(fd, FRONT_GET);
	assert_true(front_await(&t, t.requests == 1));
	snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%0*d\r\n0\r\n\r\n", PIECES, PIECES, 7);
	trickle(t.peers[0].fd, answer);
	assert_true(front_await(&t, recv(fd, t.got, sizeof(t.got), MSG_DONTWAIT | MSG_PEEK) > PIECES));
	t.got[PIECES] = '\0';
	assert_non_null(strstr(t.got, "x-body: 0000\r\n"));
	close(fd);
	assert_true(front_settled(&t));
	front_close(&t);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(memory_is_refused_once),
		TEST(memory_is_refused_from_then_on),
		TEST(sending_fails),
		TEST(receiving_fails),
		TEST(connecting_fails),
		TEST(sockets_are_refused),
		TEST(accepting_fails),
		TEST(watching_is_refused),
		TEST(a_lack_of_memory_is_not_the_servers_fault),
		TEST(a_request_in_many_pieces),
		TEST(a_response_in_many_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
