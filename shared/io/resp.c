/* resp.c - Redis over RESP2: pipelined commands, replies read straight into the caller's arena.
 *
 * Of hiredis only connecting and the reply parser are used. Writing and reading are our own, because its write()
 * raises SIGPIPE and its timeouts count for each system call, not for a reply.
 */
#include "shared/io/resp_conn.h"

#include <assert.h>
#include <errno.h>
#include <hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "shared/base/buf.h"
#include "shared/base/clock.h"

#define US_PER_MS 1000
#define REPLY_MS 200
#define READ_BYTES 16384
#define QUEUE_BYTES ((size_t)256 * 1024 * 1024) /* of one pipeline; far above what any caller queues */
#define QUEUE_KEPT_BYTES 65536
#define GREETING_BYTES 4096

struct resp_conn {
	struct resp_db *db;
	bool pooled;
	redisContext *context; /* only for its socket */
	redisReader *reader;
	struct buf queue;      /* commands not yet written */
	size_t outstanding;
	int timeout_ms;
	bool broken;
};

/* ---- replies: the parser calls these and they build values in the arena ---- */

static struct resp_value *place_of(const redisReadTask *task)
{
	struct resp_value *array;

	if (task->parent == NULL)
		return arena_alloc(task->privdata, sizeof(struct resp_value));
	array = task->parent->obj;
	assert(task->idx >= 0 && (size_t)task->idx < array->count);
	return &array->items[task->idx];
}

static void *make_text(const redisReadTask *task, char *text, size_t len)
{
	struct resp_value *v = place_of(task);

	if (v == NULL)
		return NULL;
	v->type = task->type == REDIS_REPLY_ERROR  ? RESP_ERROR :
		  task->type == REDIS_REPLY_STATUS ? RESP_STATUS :
						     RESP_STRING;
	v->text = arena_copy(task->privdata, slice_of(text, len));
	return v->text.ptr == NULL ? NULL : v;
}

static void *make_array(const redisReadTask *task, int count)
{
	struct resp_value *v = place_of(task);

	if (v == NULL)
		return NULL;
	v->type = RESP_ARRAY;
	v->count = (size_t)count;
	v->items = arena_alloc_array(task->privdata, v->count, sizeof(v->items[0]));
	return v->items == NULL ? NULL : v;
}

static void *make_integer(const redisReadTask *task, long long n)
{
	struct resp_value *v = place_of(task);

	if (v == NULL)
		return NULL;
	v->type = RESP_INTEGER;
	v->integer = n;
	return v;
}

static void *make_nil(const redisReadTask *task)
{
	struct resp_value *v = place_of(task);

	if (v != NULL)
		v->type = RESP_NIL;
	return v;
}

static void leave_to_arena(void *value)
{
	(void)value;
}

/* lint: allow-global not const only because the library's parameter is not. */
static redisReplyObjectFunctions value_functions = {
	.createString = make_text,
	.createArray = make_array,
	.createInteger = make_integer,
	.createNil = make_nil,
	.freeObject = leave_to_arena,
};

/* ---- the socket ---- */

static enum err broken(struct resp_conn *c)
{
	c->broken = true;
	return ERR_UNAVAILABLE;
}

/* Waits until the socket is ready for <events>; false at <deadline_us>. */
static bool wait_ready(const struct resp_conn *c, short events, int64_t deadline_us)
{
	struct pollfd p = { .fd = c->context->fd, .events = events };
	int rc;

	do {
		int64_t left = deadline_us - clock_mono_us();

		rc = poll(&p, 1, left <= 0 ? 0 : (int)((left + US_PER_MS - 1) / US_PER_MS));
	} while (rc < 0 && errno == EINTR);
	return rc > 0;
}

enum err resp_flush(struct resp_conn *c)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)c->timeout_ms * US_PER_MS;
	size_t sent = 0;

	if (c->broken)
		return ERR_UNAVAILABLE;
	while (sent < c->queue.len) {
		ssize_t n = send(c->context->fd, c->queue.ptr + sent, c->queue.len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			sent += (size_t)n;
		else if (n < 0 && errno == EINTR)
			continue;
		else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK) || !wait_ready(c, POLLOUT, deadline_us))
			return broken(c);
	}
	if (c->queue.cap > QUEUE_KEPT_BYTES)
		buf_free(&c->queue);
	else
		buf_clear(&c->queue);
	return ERR_OK;
}

/* Reads what is there into the parser, waiting for it until <deadline_us>. */
static bool read_some(struct resp_conn *c, int64_t deadline_us)
{
	char bytes[READ_BYTES];
	ssize_t n;

	if (!wait_ready(c, POLLIN, deadline_us))
		return false;
	do
		n = recv(c->context->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n > 0 && redisReaderFeed(c->reader, bytes, (size_t)n) == REDIS_OK;
}

/* Redis whose disk takes no writes refuses PING as well, but answers all reads: it is there. */
static bool is_alive(const struct resp_value *v)
{
	return v->type == RESP_STATUS || (v->type == RESP_ERROR && slice_starts_with(v->text, SLICE_LIT("MISCONF")));
}

/* ---- commands ---- */

enum err resp_send(struct resp_conn *c, const struct slice *args, size_t count)
{
	assert(count > 0);
	if (c->broken)
		return ERR_UNAVAILABLE;
	buf_printf(&c->queue, "*%zu\r\n", count);
	for (size_t i = 0; i < count; i++) {
		buf_add_char(&c->queue, '$');
		buf_add_u64(&c->queue, args[i].len);
		buf_add(&c->queue, "\r\n", 2);
		buf_add_slice(&c->queue, args[i]);
		buf_add(&c->queue, "\r\n", 2);
	}
	if (!buf_ok(&c->queue)) {
		c->broken = true; /* half a command is queued */
		return ERR_NO_MEMORY;
	}
	c->outstanding++;
	return ERR_OK;
}

enum err resp_recv(struct resp_conn *c, struct arena *arena, struct resp_value *out)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)c->timeout_ms * US_PER_MS;
	enum err e = c->broken || c->queue.len == 0 ? ERR_OK : resp_flush(c);
	void *reply = NULL;

	memset(out, 0, sizeof(*out));
	if (c->broken || e != ERR_OK)
		return ERR_UNAVAILABLE;
	assert(c->outstanding > 0);
	c->reader->privdata = arena;
	for (;;) {
		if (redisReaderGetReply(c->reader, &reply) != REDIS_OK) {
			/* The rest of the reply is still to come, so the connection is of no use any more. */
			c->broken = true;
			return c->reader->err == REDIS_ERR_OOM ? ERR_NO_MEMORY : ERR_UNAVAILABLE;
		}
		if (reply != NULL)
			break;
		if (!read_some(c, deadline_us))
			return broken(c);
	}
	*out = *(struct resp_value *)reply;
	c->outstanding--;
	return ERR_OK;
}

enum err resp_call(struct resp_conn *c, struct arena *arena, const struct slice *args, size_t count,
		   struct resp_value *out)
{
	enum err e;

	assert(c->outstanding == 0 || c->broken);
	memset(out, 0, sizeof(*out));
	e = resp_send(c, args, count);
	return e == ERR_OK ? resp_recv(c, arena, out) : e;
}

size_t resp_outstanding(const struct resp_conn *c)
{
	return c->outstanding;
}

bool resp_is_broken(const struct resp_conn *c)
{
	return c->broken;
}

void resp_set_timeout_ms(struct resp_conn *c, int ms)
{
	assert(ms > 0);
	c->timeout_ms = ms;
}

/* ---- opening and closing ---- */

void resp_conn_close(struct resp_conn **cc)
{
	struct resp_conn *c = *cc;

	if (c == NULL)
		return;
	if (c->reader != NULL)
		redisReaderFree(c->reader);
	if (c->context != NULL)
		redisFree(c->context);
	buf_free(&c->queue);
	free(c);
	*cc = NULL;
}

static bool connect_to(struct resp_conn *c, const char *address, uint16_t port, int64_t deadline_us, char why[RESP_REFUSAL_BYTES])
{
	int ms = clock_left_ms(deadline_us);
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	if (c->context != NULL)
		redisFree(c->context);
	c->context = redisConnectWithTimeout(address, port, tv);
	/* Nagle's algorithm is switched off by the library's connect. */
	if (c->context != NULL && c->context->err == 0 && redisEnableKeepAlive(c->context) == REDIS_OK)
		return true;
	(void)snprintf(why, RESP_REFUSAL_BYTES, "%s", c->context == NULL ? "out of memory" : c->context->errstr);
	return false;
}

static bool connect_socket(struct resp_conn *c, const struct resp_address *a, int64_t deadline_us,
			   char why[RESP_REFUSAL_BYTES])
{
	struct host_addresses at;
	const char *unknown;

	if (host_find(a->host, deadline_us, &at, &unknown) != ERR_OK) {
		(void)snprintf(why, RESP_REFUSAL_BYTES, "%s", unknown);
		return false;
	}
	for (unsigned i = 0; i < at.count; i++)
		if (connect_to(c, at.list[i], a->port, deadline_us, why))
			return true;
	return false;
}

/* Queues what a new connection says: who we are, which database, and whether the server is ready. */
static bool queue_greeting(struct resp_conn *c, const struct resp_address *a)
{
	struct slice auth[3] = { SLICE_LIT("AUTH"), a->user, a->password };
	struct slice auth_default[2] = { auth[0], a->password };
	struct slice number[2] = { SLICE_LIT("SELECT"), a->number };
	struct slice ping = SLICE_LIT("PING");

	if (a->password.ptr != NULL && a->user.len > 0 && resp_send(c, auth, 3) != ERR_OK)
		return false;
	if (a->password.ptr != NULL && a->user.len == 0 && resp_send(c, auth_default, 2) != ERR_OK)
		return false;
	if (a->number.ptr != NULL && resp_send(c, number, 2) != ERR_OK)
		return false;
	return resp_send(c, &ping, 1) == ERR_OK;
}

static bool greet(struct resp_conn *c, const struct resp_address *a, int64_t deadline_us, char why[RESP_REFUSAL_BYTES])
{
	struct arena *arena = arena_create(GREETING_BYTES, GREETING_BYTES);
	struct resp_value v = { .type = RESP_STATUS };
	enum err e = queue_greeting(c, a) ? ERR_OK : ERR_NO_MEMORY;
	bool alive;

	while (e == ERR_OK && is_alive(&v) && c->outstanding > 0) {
		c->timeout_ms = clock_left_ms(deadline_us);
		e = resp_recv(c, arena, &v);
	}
	alive = e == ERR_OK && is_alive(&v);
	if (e != ERR_OK)
		(void)snprintf(why, RESP_REFUSAL_BYTES, "no answer: %s", err_name(e));
	else if (!alive && v.type == RESP_ERROR)
		(void)snprintf(why, RESP_REFUSAL_BYTES, "%.*s", SLICE_ARG(v.text));
	else if (!alive)
		(void)snprintf(why, RESP_REFUSAL_BYTES, "an answer that is not of Redis");
	arena_free(&arena);
	c->timeout_ms = REPLY_MS;
	return alive;
}

struct resp_conn *resp_conn_open(const struct resp_address *a, struct resp_db *db, bool pooled,
				 char why[RESP_REFUSAL_BYTES])
{
	int64_t deadline_us = clock_mono_us() + REPLY_MS * US_PER_MS;
	struct resp_conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		(void)snprintf(why, RESP_REFUSAL_BYTES, "out of memory");
		return NULL;
	}
	c->db = db;
	c->pooled = pooled;
	buf_init(&c->queue, QUEUE_BYTES);
	c->reader = redisReaderCreateWithFunctions(&value_functions);
	(void)snprintf(why, RESP_REFUSAL_BYTES, "out of memory");
	if (c->reader == NULL || !connect_socket(c, a, deadline_us, why) || !greet(c, a, deadline_us, why))
		resp_conn_close(&c);
	return c;
}

bool resp_conn_ping(struct resp_conn *c)
{
	struct arena *arena = arena_create(GREETING_BYTES, GREETING_BYTES);
	struct slice ping = SLICE_LIT("PING");
	struct resp_value v;
	bool alive = resp_call(c, arena, &ping, 1, &v) == ERR_OK && is_alive(&v);

	arena_free(&arena);
	return alive;
}

bool resp_conn_is_quiet(const struct resp_conn *c)
{
	char byte;

	return c->reader->pos == c->reader->len && recv(c->context->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool resp_conn_reset(struct resp_conn *c)
{
	c->timeout_ms = REPLY_MS;
	return !c->broken && c->outstanding == 0;
}

struct resp_db *resp_conn_db(const struct resp_conn *c)
{
	return c->db;
}

bool resp_conn_is_pooled(const struct resp_conn *c)
{
	return c->pooled;
}
