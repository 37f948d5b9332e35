/* resp_test.c - commands, replies, pipelines and faults against a real Redis and pretended ones. */
#include "shared/io/resp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "tests/unit/support/servers.h"

#define MS 1000
#define SECOND (1000 * MS)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* <db> reaches the server through <proxy>. */
struct fixture {
	char url[SERVERS_URL_BYTES];
	struct proxy *proxy;
	struct resp_db *db;
	struct resp_conn *c; /* acquired for the test */
	struct arena *arena;
};

static struct resp_db *open_db(const char *url, size_t connections)
{
	const char *why = NULL;
	struct resp_db *db = resp_db_create(slice_str(url), connections, &why);

	if (db == NULL)
		fail_msg("%s", why);
	return db;
}

static struct resp_conn *take_with_defaults(struct resp_db *db)
{
	struct resp_conn *c;

	for (;;) {
		enum err e;

		/* On a busy machine a verdict may come too late, and the pool is down for a moment. */
		assert_true(resp_db_wait_up(db, 10000));
		e = resp_acquire(db, clock_mono_us() + 10 * SECOND, &c);
		if (e == ERR_OK)
			return c;
		assert_int_equal(e, ERR_UNAVAILABLE);
	}
}

/* For calls that are not about deadlines. */
static struct resp_conn *take(struct resp_db *db)
{
	struct resp_conn *c = take_with_defaults(db);

	resp_set_timeout_ms(c, 5000);
	return c;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->proxy = proxy_for("TEST_REDIS_URL", f->url);
	f->db = open_db(f->url, 2);
	f->arena = arena_create(4096, 64u << 20);
	assert_true(resp_db_wait_up(f->db, 10000));
	f->c = take(f->db);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	resp_release(&f->c);
	proxy_set(f->proxy, PROXY_PASS);
	resp_db_free(&f->db);
	resp_db_free(&f->db); /* once more does nothing */
	proxy_stop(&f->proxy);
	arena_free(&f->arena);
	free(f);
	return 0;
}

/* Splits <command> at spaces and calls it. */
static enum err call(struct fixture *f, const char *command, struct resp_value *v)
{
	struct slice args[16], rest = slice_str(command);
	size_t n = 0;

	while (rest.ptr != NULL && n < COUNT(args))
		args[n++] = slice_cut(&rest, ' ');
	return resp_call(f->c, f->arena, args, n, v);
}

static struct resp_value ask(struct fixture *f, const char *command)
{
	struct resp_value v;

	assert_int_equal(call(f, command, &v), ERR_OK);
	return v;
}

static void assert_text(struct resp_value v, enum resp_type type, const char *text)
{
	assert_int_equal(v.type, type);
	if (!slice_eq(v.text, slice_str(text)))
		fail_msg("got \"%.*s\", expected \"%s\"", SLICE_ARG(v.text), text);
}

static int64_t elapsed_ms(int64_t since_us)
{
	return (clock_mono_us() - since_us) / MS;
}

static bool becomes_down(struct resp_db *db)
{
	int64_t until = clock_mono_us() + 5 * SECOND;

	while (resp_db_is_up(db) && clock_mono_us() < until)
		sched_yield();
	return !resp_db_is_up(db);
}

static void test_urls(void **state)
{
	static const char *const bad[][2] = {
		{ "mysql://127.0.0.1:1/0", "the URL of a Redis begins with redis://" },
		{ "redis://127.0.0.1:1/first", "the path of a Redis URL is the number of a database" },
		{ "redis://127.0.0.1:1/-1", "the path of a Redis URL is the number of a database" },
		{ "nonsense", NULL },
	};
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		why = NULL;
		assert_null(resp_db_create(slice_str(bad[i][0]), 1, &why));
		assert_non_null(why);
		if (bad[i][1] != NULL)
			assert_string_equal(why, bad[i][1]);
	}
}

static void test_types_of_replies(void **state)
{
	struct fixture *f = *state;
	struct slice binary[] = { SLICE("SET"), SLICE("resp_test:b"), SLICE("nul\0byte\r\n패션 🛍") };
	struct slice empty[] = { SLICE("SET"), SLICE("resp_test:e"), SLICE("") };
	struct resp_value v;

	ask(f, "DEL resp_test:k resp_test:l resp_test:b resp_test:e resp_test:n");
	assert_text(ask(f, "PING"), RESP_STATUS, "PONG");
	assert_text(ask(f, "SET resp_test:k value"), RESP_STATUS, "OK");
	assert_text(ask(f, "GET resp_test:k"), RESP_STRING, "value");
	assert_int_equal(ask(f, "GET resp_test:none").type, RESP_NIL);
	v = ask(f, "INCRBY resp_test:n -5000000000");
	assert_int_equal(v.type, RESP_INTEGER);
	assert_true(v.integer == -5000000000);
	v = ask(f, "INCR resp_test:k");
	assert_int_equal(v.type, RESP_ERROR);
	assert_true(slice_starts_with(v.text, SLICE_LIT("ERR ")));
	assert_int_equal(resp_call(f->c, f->arena, binary, 3, &v), ERR_OK);
	v = ask(f, "GET resp_test:b");
	assert_true(slice_eq(v.text, binary[2]));
	assert_int_equal(resp_call(f->c, f->arena, empty, 3, &v), ERR_OK);
	assert_text(ask(f, "GET resp_test:e"), RESP_STRING, "");
	v = ask(f, "LRANGE resp_test:none 0 -1");
	assert_int_equal(v.type, RESP_ARRAY);
	assert_int_equal(v.count, 0);
	assert_int_equal(resp_outstanding(f->c), 0);
	assert_false(resp_is_broken(f->c));
}

static void test_nested_arrays(void **state)
{
	struct fixture *f = *state;
	struct slice args[] = { SLICE("EVAL"), SLICE("return {1, {'two', {3, false, {}}, redis.error_reply('ERR x')}, 'five'}"),
				SLICE("0") };
	struct slice deep[] = { SLICE("EVAL"), SLICE("local t = 'x' for i = 1, 7 do t = {t} end return t"), SLICE("0") };
	struct slice deeper[] = { SLICE("EVAL"), SLICE("local t = 'x' for i = 1, 12 do t = {t} end return t"), SLICE("0") };
	struct resp_value v;

	assert_int_equal(resp_call(f->c, f->arena, args, 3, &v), ERR_OK);
	assert_int_equal(v.count, 3);
	assert_int_equal(v.items[0].integer, 1);
	assert_text(v.items[2], RESP_STRING, "five");
	assert_int_equal(v.items[1].type, RESP_ARRAY);
	assert_int_equal(v.items[1].count, 3);
	assert_text(v.items[1].items[0], RESP_STRING, "two");
	assert_text(v.items[1].items[2], RESP_ERROR, "ERR x");
	assert_int_equal(v.items[1].items[1].items[0].integer, 3);
	assert_int_equal(v.items[1].items[1].items[1].type, RESP_NIL);
	assert_int_equal(v.items[1].items[1].items[2].type, RESP_ARRAY);
	assert_int_equal(v.items[1].items[1].items[2].count, 0);
	assert_int_equal(resp_call(f->c, f->arena, deep, 3, &v), ERR_OK);
	for (int i = 0; i < 7; i++) {
		assert_int_equal(v.count, 1);
		v = v.items[0];
	}
	assert_text(v, RESP_STRING, "x");
	assert_int_equal(resp_call(f->c, f->arena, deeper, 3, &v), ERR_UNAVAILABLE); /* refused, not crashed */
	assert_true(resp_is_broken(f->c));
}

static void test_pipeline(void **state)
{
	struct fixture *f = *state;
	struct resp_value v;

	ask(f, "DEL resp_test:n");
	for (int i = 0; i < 1000; i++) {
		struct slice args[] = { SLICE("INCR"), SLICE("resp_test:n") };

		assert_int_equal(resp_send(f->c, args, 2), ERR_OK);
		if (i == 500)
			assert_int_equal(resp_flush(f->c), ERR_OK);
	}
	assert_int_equal(resp_outstanding(f->c), 1000);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(resp_recv(f->c, f->arena, &v), ERR_OK);
		assert_int_equal(v.type, RESP_INTEGER);
		assert_int_equal(v.integer, i + 1);
	}
	assert_int_equal(resp_outstanding(f->c), 0);
	assert_int_equal(resp_flush(f->c), ERR_OK); /* nothing queued */
}

static void test_large_values(void **state)
{
	struct fixture *f = *state;
	size_t len = 8u << 20;
	struct slice args[] = { SLICE("SET"), SLICE("resp_test:large"), SLICE_NONE };
	char *bytes = malloc(len);
	struct resp_value v;

	resp_set_timeout_ms(f->c, 10000);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 31 >> 3);
	args[2] = slice_of(bytes, len);
	assert_int_equal(resp_call(f->c, f->arena, args, 3, &v), ERR_OK);
	assert_text(v, RESP_STATUS, "OK");
	v = ask(f, "GET resp_test:large");
	assert_true(slice_eq(v.text, args[2]));
	free(bytes);
	ask(f, "DEL resp_test:large");
}

static void test_reply_beyond_the_arena(void **state)
{
	static const char *const commands[] = { "GET resp_test:k", "LRANGE resp_test:l 0 -1" };
	struct fixture *f = *state;
	struct resp_value v;

	ask(f, "DEL resp_test:k resp_test:l");
	ask(f, "SETRANGE resp_test:k 5000 x");
	for (int i = 0; i < 20; i++)
		ask(f, "RPUSH resp_test:l a b c d e f g h i j");
	for (size_t i = 0; i < 2; i++) {
		struct arena *large = f->arena;

		f->arena = arena_create(256, 256);
		assert_int_equal(call(f, commands[i], &v), ERR_NO_MEMORY);
		arena_free(&f->arena);
		f->arena = large;
		assert_true(resp_is_broken(f->c)); /* the rest of the reply is in the way */
		assert_int_equal(call(f, "PING", &v), ERR_UNAVAILABLE);
		resp_release(&f->c);
		f->c = take(f->db);
		assert_text(ask(f, "PING"), RESP_STATUS, "PONG");
	}
}

/* ---- failures ---- */

static void test_slow_reply(void **state)
{
	struct fixture *f = *state;
	struct resp_value v;
	int64_t begin;

	resp_release(&f->c);
	f->c = take_with_defaults(f->db);
	begin = clock_mono_us();
	assert_int_equal(call(f, "BLPOP resp_test:none 1", &v), ERR_UNAVAILABLE);
	assert_true(elapsed_ms(begin) >= 200 && elapsed_ms(begin) < 900);
	assert_true(resp_is_broken(f->c));
	assert_int_equal(call(f, "PING", &v), ERR_UNAVAILABLE);
	assert_int_equal(resp_flush(f->c), ERR_UNAVAILABLE);
	assert_int_equal(resp_recv(f->c, f->arena, &v), ERR_UNAVAILABLE);
	resp_release(&f->c);
	assert_null(f->c);
	f->c = take(f->db);
	resp_set_timeout_ms(f->c, 3000);
	assert_int_equal(ask(f, "BLPOP resp_test:none 0.4").type, RESP_NIL);
	resp_release(&f->c);
	f->c = take_with_defaults(f->db);
	begin = clock_mono_us();
	assert_int_equal(call(f, "BLPOP resp_test:none 1", &v), ERR_UNAVAILABLE); /* 200 ms again */
	assert_true(elapsed_ms(begin) < 900);
}

static void test_reply_that_drips(void **state)
{
	struct fixture *f = *state;
	struct resp_value v;
	int64_t begin;

	/* The first half of a large reply comes at once, the rest never: what counts is the whole reply. */
	ask(f, "SETRANGE resp_test:k 9000000 x");
	resp_set_timeout_ms(f->c, 300);
	begin = clock_mono_us();
	assert_int_equal(resp_send(f->c, (struct slice[]){ SLICE("GET"), SLICE("resp_test:k") }, 2), ERR_OK);
	assert_int_equal(resp_flush(f->c), ERR_OK);
	proxy_set(f->proxy, PROXY_STALL);
	assert_int_equal(resp_recv(f->c, f->arena, &v), ERR_UNAVAILABLE);
	assert_true(elapsed_ms(begin) < 900);
	proxy_set(f->proxy, PROXY_PASS);
	resp_release(&f->c);
	f->c = take(f->db);
	ask(f, "DEL resp_test:k");
}

static void test_lost_connection(void **state)
{
	struct fixture *f = *state;
	struct slice ping = SLICE("PING");
	struct resp_value v;

	proxy_trigger(f->proxy, "4711", PROXY_CUT_AFTER);
	assert_int_equal(call(f, "ECHO 4711", &v), ERR_UNAVAILABLE);
	assert_true(resp_is_broken(f->c));
	resp_release(&f->c);
	f->c = take(f->db);
	/* Gone in between. */
	proxy_set(f->proxy, PROXY_AWAY);
	assert_int_equal(call(f, "PING", &v), ERR_UNAVAILABLE);
	proxy_set(f->proxy, PROXY_PASS);
	resp_release(&f->c);
	assert_true(resp_db_wait_up(f->db, 5000));
	f->c = take(f->db);
	assert_int_equal(resp_send(f->c, &ping, 1), ERR_OK);
	/* Closed in between: the first write makes the peer reset, the second must not end the process with SIGPIPE. */
	proxy_hang_up(f->proxy);
	assert_int_equal(resp_flush(f->c), ERR_OK);
	assert_int_equal(resp_send(f->c, &ping, 1), ERR_OK);
	assert_int_equal(resp_flush(f->c), ERR_UNAVAILABLE);
	assert_int_equal(resp_recv(f->c, f->arena, &v), ERR_UNAVAILABLE);
	assert_int_equal(resp_send(f->c, &ping, 1), ERR_UNAVAILABLE);
}

static void test_unread_replies_do_not_reach_the_next_user(void **state)
{
	struct fixture *f = *state;
	struct slice args[] = { SLICE("ECHO"), SLICE("not for you") };

	assert_int_equal(resp_send(f->c, args, 2), ERR_OK);
	assert_int_equal(resp_flush(f->c), ERR_OK);
	resp_release(&f->c);
	for (int i = 0; i < 5; i++) {
		f->c = take(f->db);
		assert_text(ask(f, "ECHO mine"), RESP_STRING, "mine");
		resp_release(&f->c);
	}
}

static void test_quick_restart_fails_nobody(void **state)
{
	struct fixture *f = *state;
	int done = 0;

	resp_release(&f->c);
	for (int i = 0; i < 40; i++) {
		int64_t begin;
		enum err e;

		assert_true(resp_db_wait_up(f->db, 10000));
		proxy_hang_up(f->proxy); /* as a server that was restarted between two requests */
		begin = clock_mono_us();
		e = resp_acquire(f->db, begin + 10 * SECOND, &f->c);
		/* Only a machine too busy to connect within the 100 ms of a verdict is an excuse. */
		assert_true(e == ERR_OK || elapsed_ms(begin) >= 90);
		if (e != ERR_OK)
			continue;
		resp_set_timeout_ms(f->c, 5000);
		assert_text(ask(f, "PING"), RESP_STATUS, "PONG");
		resp_release(&f->c);
		done++;
	}
	assert_true(done >= 10);
}

static void test_frozen_and_away(void **state)
{
	struct fixture *f = *state;
	int64_t begin = clock_mono_us();
	struct resp_conn *c;

	resp_release(&f->c);
	proxy_set(f->proxy, PROXY_STALL);
	assert_true(becomes_down(f->db)); /* without traffic */
	assert_true(elapsed_ms(begin) < 4000);
	begin = clock_mono_us();
	assert_int_equal(resp_acquire(f->db, begin + 60 * SECOND, &c), ERR_UNAVAILABLE);
	assert_true(elapsed_ms(begin) < 5000);
	begin = clock_mono_us();
	assert_int_equal(resp_open(f->db, &c), ERR_UNAVAILABLE);
	assert_null(c);
	assert_true(elapsed_ms(begin) >= 190 && elapsed_ms(begin) < 2000);
	proxy_set(f->proxy, PROXY_PASS);
	assert_true(resp_db_wait_up(f->db, 5000));
	proxy_set(f->proxy, PROXY_AWAY);
	assert_true(becomes_down(f->db));
	assert_int_equal(resp_open(f->db, &c), ERR_UNAVAILABLE);
	proxy_set(f->proxy, PROXY_PASS);
	assert_true(resp_db_wait_up(f->db, 5000));
	f->c = take(f->db);
	assert_text(ask(f, "PING"), RESP_STATUS, "PONG");
}

static void test_connection_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct resp_conn *pooled = f->c;

	for (int i = 0; i < 20 && (i == 0 || f->c == NULL); i++) /* more than once only on a busy machine */
		(void)!resp_open(f->db, &f->c);
	assert_non_null(f->c);
	resp_set_timeout_ms(f->c, 5000);
	assert_text(ask(f, "CLIENT SETNAME resp_test"), RESP_STATUS, "OK");
	assert_text(ask(f, "CLIENT GETNAME"), RESP_STRING, "resp_test");
	resp_close(&f->c);
	resp_close(&f->c); /* once more does nothing */
	f->c = pooled;
	assert_text(ask(f, "PING"), RESP_STATUS, "PONG");
}

/* ---- who we are, and which database ---- */

/* The server's URL with <userinfo> in front of the host and <path> behind the port. */
static void url_with(char url[SERVERS_URL_BYTES], const char *userinfo, const char *path)
{
	const char *text = server_url("TEST_REDIS_URL").ptr;
	const char *host = strrchr(text, '@');
	int len;

	host = host == NULL ? text + strlen("redis://") : host + 1;
	len = (int)strcspn(host, "/");
	(void)snprintf(url, SERVERS_URL_BYTES, "redis://%s%.*s%s", userinfo, len, host, path);
}

static void test_account_and_database(void **state)
{
	static const struct {
		const char *userinfo, *path;
		bool welcome;
	} cases[] = {
		{ "resp_tester:se%2Fcret@", "/3", true }, { "resp_tester:wrong@", "/3", false },
		{ "resp_tester:se%2Fcret@", "/999", false }, { ":no-such-password@", "", false },
	};
	struct fixture *f = *state;
	char url[SERVERS_URL_BYTES];

	assert_text(ask(f, "ACL SETUSER resp_tester reset on >se/cret ~* +@all"), RESP_STATUS, "OK");
	ask(f, "DEL resp_test:where");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct resp_conn *first = f->c;
		struct resp_db *db;

		url_with(url, cases[i].userinfo, cases[i].path);
		db = open_db(url, 1);
		assert_int_equal(resp_db_wait_up(db, cases[i].welcome ? 10000 : 300), cases[i].welcome);
		if (cases[i].welcome) {
			f->c = take(db);
			assert_text(ask(f, "ACL WHOAMI"), RESP_STRING, "resp_tester");
			assert_text(ask(f, "SET resp_test:where 3"), RESP_STATUS, "OK");
			resp_release(&f->c);
		}
		f->c = first;
		resp_db_free(&db);
	}
	assert_int_equal(ask(f, "GET resp_test:where").type, RESP_NIL); /* this is database 0 */
	ask(f, "ACL DELUSER resp_tester");
}

static void test_password_alone(void **state)
{
	struct fixture *f = *state;
	struct resp_conn *first = f->c;
	char url[SERVERS_URL_BYTES];
	struct resp_db *db;

	url_with(url, ":p%40ss@", "/0");
	assert_text(ask(f, "CONFIG SET requirepass p@ss"), RESP_STATUS, "OK");
	db = open_db(url, 1);
	assert_true(resp_db_wait_up(db, 5000));
	f->c = take(db);
	assert_text(ask(f, "CONFIG SET requirepass "), RESP_STATUS, "OK");
	resp_release(&f->c);
	f->c = first;
	resp_db_free(&db);
}

/* ---- a pretended server that answers everything with the same bytes ---- */

struct pretender {
	pthread_t thread;
	int listener;
	const char *answer;
	char url[64];
};

static void *pretend(void *arg)
{
	struct pretender *p = arg;
	char bytes[4096];
	int fd;

	/* Until the listener is shut down. */
	while ((fd = accept(p->listener, NULL, NULL)) >= 0) {
		while (recv(fd, bytes, sizeof(bytes), 0) > 0)
			if (send(fd, p->answer, strlen(p->answer), MSG_NOSIGNAL) < 0)
				break;
		close(fd);
	}
	return NULL;
}

static void pretender_start(struct pretender *p, const char *answer)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t size = sizeof(a);

	p->answer = answer;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(p->listener, 8), 0);
	getsockname(p->listener, (struct sockaddr *)&a, &size);
	(void)snprintf(p->url, sizeof(p->url), "redis://127.0.0.1:%u", (unsigned)ntohs(a.sin_port));
	assert_int_equal(pthread_create(&p->thread, NULL, pretend, p), 0);
}

static void pretender_stop(struct pretender *p)
{
	shutdown(p->listener, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->listener);
}

static void test_servers_that_are_not_ready(void **state)
{
	static const char *const answers[] = {
		"-LOADING Redis is loading the dataset in memory\r\n",
		"-NOAUTH Authentication required.\r\n",
		"HTTP/1.1 400 Bad Request\r\n\r\n",
		"$5\r\nhal",     /* never ends */
		":7\r\n",
		"*2147483647\r\n", /* does not fit into any arena */
		"$-7\r\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct pretender p;
		struct resp_conn *c;
		struct resp_db *db;

		pretender_start(&p, answers[i]);
		db = open_db(p.url, 1);
		assert_false(resp_db_wait_up(db, 50));
		assert_int_equal(resp_acquire(db, clock_mono_us() + SECOND, &c), ERR_UNAVAILABLE);
		resp_db_free(&db);
		pretender_stop(&p);
	}
}

/* It refuses PING with all writes, and answers every read. */
static void test_server_whose_disk_is_full(void **state)
{
	struct pretender p;
	struct resp_conn *c;
	struct resp_db *db;
	int64_t begin;

	(void)state;
	pretender_start(&p, "-MISCONF Errors writing to the AOF file: No space left on device\r\n");
	db = open_db(p.url, 1);
	assert_true(resp_db_wait_up(db, 5000));
	for (begin = clock_mono_us(); elapsed_ms(begin) < 2500; usleep(1000)) /* pings are a second apart */
		assert_true(resp_db_is_up(db));
	c = take(db);
	resp_release(&c);
	resp_db_free(&db);
	pretender_stop(&p);
}

static void test_server_that_speaks_out_of_turn(void **state)
{
	struct pretender p;
	struct resp_conn *c;
	struct resp_db *db;

	(void)state;
	pretender_start(&p, "+PONG\r\n+OK\r\n");
	db = open_db(p.url, 1);
	assert_true(resp_db_wait_up(db, 5000));
	/* The second reply would be taken for the answer to somebody's command. */
	assert_int_equal(resp_acquire(db, clock_mono_us() + 50 * MS, &c), ERR_UNAVAILABLE);
	assert_null(c);
	resp_db_free(&db);
	pretender_stop(&p);
}

static void test_errors_are_the_callers(void **state)
{
	static const char *const errors[] = { "READONLY a replica", "OOM no memory left", "MASTERDOWN link", "LOADING data",
					      "NOSCRIPT none" };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(errors); i++) {
		struct slice args[] = { SLICE("EVAL"), SLICE("return redis.error_reply(ARGV[1])"), SLICE("0"),
					slice_str(errors[i]) };
		struct resp_value v;

		assert_int_equal(resp_call(f->c, f->arena, args, 4, &v), ERR_OK);
		assert_text(v, RESP_ERROR, errors[i]);
		assert_false(resp_is_broken(f->c));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		TEST(test_types_of_replies),
		TEST(test_nested_arrays),
		TEST(test_pipeline),
		TEST(test_large_values),
		TEST(test_reply_beyond_the_arena),
		TEST(test_slow_reply),
		TEST(test_reply_that_drips),
		TEST(test_lost_connection),
		TEST(test_unread_replies_do_not_reach_the_next_user),
		TEST(test_quick_restart_fails_nobody),
		TEST(test_frozen_and_away),
		TEST(test_connection_of_its_own),
		TEST(test_account_and_database),
		TEST(test_password_alone),
		cmocka_unit_test(test_servers_that_are_not_ready),
		cmocka_unit_test(test_server_whose_disk_is_full),
		cmocka_unit_test(test_server_that_speaks_out_of_turn),
		TEST(test_errors_are_the_callers),
	};

	server_url("TEST_REDIS_URL"); /* ends the program when it is not there */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
