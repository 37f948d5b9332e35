/* fresh.c - writes alarms over HTTP at a fixed rate and sees when each of them can be read in item_svc's Redis.
 *
 * fresh REDIS_PORT RATE COUNT CONNECTIONS ITEMS ALARM_PORT[,PORT…] USER=TOKEN…
 *
 * The rate is open: write number i is due at start + i / rate, however slow the answers are, and what is
 * late is late from then. Each write sets or takes back one alarm of a random (user, item) that has none under way.
 * The watcher is a connection with client tracking: Redis tells it which user's hash changed, it reads the fields that
 * are awaited, and a write counts as visible when that answer has arrived. So its own delay, one push and one
 * round trip, is part of what is measured; it is measured alone as "watcher".
 * One thread. Prints lines of: name, count, p50, p99, p99.9, max; times in microseconds.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/events/shop.h"
#include "tests/bench/watch.h"

#define USERS_MAX 1024
#define CONNECTIONS_MAX 256
#define PORTS_MAX 8
#define ANSWER_BYTES 4096
#define PROBES 500
#define PROBE_GAP_US 4000
#define GIVE_UP_US 10000000

/* One (user, item): at most one write of it is under way. */
struct pair {
	bool set;           /* as it will be after the write under way, or is */
	bool pending;
	int64_t due_us;
	int64_t answered_us; /* 0: not yet */
	int64_t visible_us;  /* 0: not yet */
};

struct user {
	uint32_t id;
	const char *token;
	char key[64];        /* of its hash in Redis */
};

struct connection {
	int fd;
	struct pair *pair;   /* whose answer is awaited; NULL: idle */
	size_t got;
	char answer[ANSWER_BYTES];
};

struct series {
	const char *name;
	int64_t *us;
	size_t count;
};

struct run {
	struct user users[USERS_MAX];
	size_t user_count;
	size_t items;
	struct pair *pairs;      /* user after user */
	struct connection connections[CONNECTIONS_MAX];
	size_t connection_count;
	struct watch watch;
	int poll_fd, timer_fd;
	uint64_t random;
	int64_t start_us;        /* monotonic, like all times here */
	uint64_t rate;
	size_t count, sent, done, refused;
	struct series answer, visible, total;
};

static void die(const char *what)
{
	fprintf(stderr, "fresh: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- figures ---- */

static void series_init(struct series *s, const char *name, size_t size)
{
	s->name = name;
	s->count = 0;
	s->us = calloc(size, sizeof(*s->us));
	if (s->us == NULL)
		die("memory");
}

static void series_add(struct series *s, int64_t us)
{
	s->us[s->count++] = us < 0 ? 0 : us;
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void series_print(struct series *s)
{
	if (s->count == 0)
		return;
	qsort(s->us, s->count, sizeof(*s->us), ascending);
	printf("%s %zu %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", s->name, s->count, s->us[s->count / 2],
	       s->us[s->count * 99 / 100], s->us[s->count * 999 / 1000], s->us[s->count - 1]);
}

/* ---- writing ---- */

static struct pair *pick(struct run *r)
{
	size_t pairs = r->user_count * r->items;

	for (;;) {
		struct pair *p;

		r->random ^= r->random << 13;
		r->random ^= r->random >> 7;
		r->random ^= r->random << 17;
		p = &r->pairs[r->random % pairs];
		if (!p->pending)
			return p;
	}
}

static void send_write(struct run *r, struct connection *c, int64_t due_us)
{
	struct pair *p = pick(r);
	size_t index = (size_t)(p - r->pairs);
	const struct user *u = &r->users[index / r->items];
	char body[64], request[512];
	int body_len = snprintf(body, sizeof(body), "{\"item_id\":\"%zu\"}", index % r->items + 1);
	int len;

	*p = (struct pair){ .set = !p->set, .pending = true, .due_us = due_us };
	len = snprintf(request, sizeof(request),
		       "%s / HTTP/1.1\r\nHost: localhost\r\nUSER-TOKEN: %s\r\nContent-Type: application/json\r\n"
		       "Content-Length: %d\r\n\r\n%s", p->set ? "POST" : "DELETE", u->token, body_len, body);
	c->pair = p;
	c->got = 0;
	if (send(c->fd, request, (size_t)len, MSG_NOSIGNAL) != len)
		die("send to alarm_svc");
	r->sent++;
}

static struct connection *idle(struct run *r)
{
	/* In turn, so that writes alternate between the instances. */
	for (size_t i = 0; i < r->connection_count; i++) {
		struct connection *c = &r->connections[(r->sent + i) % r->connection_count];

		if (c->pair == NULL)
			return c;
	}
	return NULL;
}

static int64_t due(const struct run *r, size_t i)
{
	return r->start_us + (int64_t)(i * 1000000 / r->rate);
}

/* Sends all that is due and finds a connection; arms the timer for what comes next. */
static void send_due(struct run *r)
{
	struct itimerspec at = { 0 };
	struct connection *c = NULL;
	int64_t next_us;

	while (r->sent < r->count && due(r, r->sent) <= clock_mono_us() && (c = idle(r)) != NULL)
		send_write(r, c, due(r, r->sent));
	if (r->sent == r->count || idle(r) == NULL)
		return; /* an answer comes first */
	next_us = due(r, r->sent);
	at.it_value = (struct timespec){ .tv_sec = next_us / 1000000, .tv_nsec = next_us % 1000000 * 1000 + 1 };
	if (timerfd_settime(r->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) != 0)
		die("timerfd_settime");
}

static void settle(struct run *r, struct pair *p)
{
	if (p->answered_us == 0 || p->visible_us == 0)
		return;
	p->pending = false;
	r->done++;
	series_add(&r->answer, p->answered_us - p->due_us);
	series_add(&r->visible, p->visible_us - p->answered_us);
	series_add(&r->total, p->visible_us - p->due_us);
}

/* Whether head and body of the answer have arrived. */
static bool is_whole(const struct connection *c)
{
	const char *body = strstr(c->answer, "\r\n\r\n");
	const char *length = strcasestr(c->answer, "\r\nContent-Length:");

	if (body == NULL)
		return false;
	if (length == NULL || length > body)
		die("an answer without Content-Length");
	return c->got >= (size_t)(body + 4 - c->answer) + strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
}

static void take_answer(struct run *r, struct connection *c)
{
	ssize_t n = recv(c->fd, c->answer + c->got, sizeof(c->answer) - 1 - c->got, 0);
	int64_t now_us = clock_mono_us();
	struct pair *p = c->pair;

	if (n <= 0 || p == NULL)
		die("alarm_svc closed the connection");
	c->got += (size_t)n;
	c->answer[c->got] = '\0';
	if (!is_whole(c))
		return;
	c->pair = NULL;
	if (strncmp(c->answer, "HTTP/1.1 20", 11) != 0) { /* done or not: nobody knows, so the pair stays as under way */
		if (r->refused++ == 0)
			fprintf(stderr, "fresh: refused: %.*s\n", (int)strcspn(c->answer, "\r"), c->answer);
		return;
	}
	p->answered_us = now_us;
	settle(r, p);
}

/* ---- watching ---- */

/* Redis said that this user's hash has changed: asks for the fields awaited. */
static void on_changed(void *ctx, struct slice key)
{
	struct run *r = ctx;
	uint32_t items[WATCH_FIELDS_MAX];
	size_t n = 0;

	for (size_t u = 0; u < r->user_count; u++) {
		if (!slice_eq(key, slice_str(r->users[u].key)))
			continue;
		for (size_t i = 0; i < r->items && n < WATCH_FIELDS_MAX; i++) {
			const struct pair *p = &r->pairs[u * r->items + i];

			if (p->pending && p->visible_us == 0)
				items[n++] = (uint32_t)i + 1;
		}
		if (n > 0)
			watch_read(&r->watch, u, key, items, n);
	}
}

static void on_value(void *ctx, size_t user, uint32_t item, bool set)
{
	struct run *r = ctx;
	struct pair *p = &r->pairs[user * r->items + item - 1];

	if (r->start_us == 0) { /* what was there before */
		p->set = set;
	} else if (p->pending && p->visible_us == 0 && p->set == set) {
		p->visible_us = clock_mono_us();
		settle(r, p);
	}
}

/* What the watcher itself takes: from just before a change in Redis to the answer of the read that it sets off. */
static void probe(struct run *r)
{
	struct series s;

	series_init(&s, "watcher", PROBES);
	for (size_t i = 0; i < PROBES; i++) {
		usleep(PROBE_GAP_US); /* as rarely as writes come */
		series_add(&s, watch_probe(&r->watch));
	}
	series_print(&s);
	free(s.us);
}

/* ---- the run ---- */

static void read_states(struct run *r)
{
	for (size_t u = 0; u < r->user_count; u++) {
		for (size_t i = 0; i < r->items; i += WATCH_FIELDS_MAX) {
			uint32_t items[WATCH_FIELDS_MAX];
			size_t n = 0;

			for (; n < WATCH_FIELDS_MAX && i + n < r->items; n++)
				items[n] = (uint32_t)(i + n) + 1;
			watch_read(&r->watch, u, slice_str(r->users[u].key), items, n);
			while (watch_reading(&r->watch))
				watch_receive(&r->watch);
		}
	}
}

static void listen_to(struct run *r, int fd, void *what)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = what };

	if (epoll_ctl(r->poll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
		die("epoll_ctl");
}

static void handle(struct run *r, const struct epoll_event *ev)
{
	uint64_t expired;

	if (ev->data.ptr == &r->watch)
		watch_receive(&r->watch);
	else if (ev->data.ptr == r)
		(void)!read(r->timer_fd, &expired, sizeof(expired));
	else
		take_answer(r, ev->data.ptr);
}

static bool loop(struct run *r)
{
	int64_t heard_us;

	r->start_us = heard_us = clock_mono_us();
	while (r->done + r->refused < r->count) {
		struct epoll_event events[64];
		int n;

		send_due(r);
		n = epoll_wait(r->poll_fd, events, 64, 100);
		for (int i = 0; i < n; i++)
			handle(r, &events[i]);
		if (n > 0)
			heard_us = clock_mono_us();
		if (r->sent == r->count && clock_mono_us() - due(r, r->count) > GIVE_UP_US)
			break;
		if (clock_mono_us() - heard_us > GIVE_UP_US)
			break;
	}
	series_print(&r->answer);
	series_print(&r->visible);
	series_print(&r->total);
	if (r->done < r->count)
		fprintf(stderr, "fresh: of %zu writes %zu were refused, %zu not answered or not seen within 10 s\n", r->count, r->refused,
			r->count - r->done - r->refused);
	return r->done == r->count;
}

static uint64_t number(const char *text, uint64_t most)
{
	uint64_t n;

	if (!slice_to_u64(slice_str(text), most, &n) || n == 0) {
		fprintf(stderr, "fresh: not a number from 1 to %" PRIu64 ": %s\n", most, text);
		exit(2);
	}
	return n;
}

static void add_user(struct run *r, struct arena *a, char *text)
{
	struct user *u = &r->users[r->user_count++];
	char *token = strchr(text, '=');
	struct slice key;

	assert(r->user_count <= USERS_MAX && token != NULL);
	*token = '\0';
	u->id = (uint32_t)number(text, INT32_MAX);
	u->token = token + 1;
	key = shop_alarm_key(a, u->id, 1);
	snprintf(u->key, sizeof(u->key), VIEW_SCHEMA ":{%s:%d}:%u", topic_alarms.domain, (int)topic_partition(&topic_alarms, key), u->id);
}

static void connect_all(struct run *r, const char *ports)
{
	struct slice list = slice_str(ports);
	uint16_t port[PORTS_MAX];
	size_t n = 0;

	while (list.ptr != NULL && n < PORTS_MAX) {
		uint64_t value;

		if (!slice_to_u64(slice_cut(&list, ','), UINT16_MAX, &value))
			die("ports of alarm_svc");
		port[n++] = (uint16_t)value;
	}
	for (size_t i = 0; i < r->connection_count; i++) {
		r->connections[i].fd = watch_connect(port[i % n]);
		listen_to(r, r->connections[i].fd, &r->connections[i]);
	}
}

int main(int argc, char **argv)
{
	static struct run run;
	struct run *r = &run;
	struct arena *a = arena_create(4096, 1 << 20);
	bool good;

	if (argc < 8) {
		fprintf(stderr, "usage: fresh REDIS_PORT RATE COUNT CONNECTIONS ITEMS ALARM_PORT[,PORT...] USER=TOKEN...\n");
		return 2;
	}
	r->rate = number(argv[2], 100000);
	r->count = number(argv[3], 100000000);
	r->connection_count = number(argv[4], CONNECTIONS_MAX);
	r->items = number(argv[5], 10000);
	for (int i = 7; i < argc; i++)
		add_user(r, a, argv[i]);
	r->pairs = calloc(r->user_count * r->items, sizeof(*r->pairs));
	r->random = clock_random() | 1;
	series_init(&r->answer, "answer", r->count);
	series_init(&r->visible, "visible", r->count);
	series_init(&r->total, "total", r->count);
	r->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	r->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (r->pairs == NULL || r->poll_fd < 0 || r->timer_fd < 0)
		die("start");
	watch_open(&r->watch, (uint16_t)number(argv[1], UINT16_MAX), topic_alarms.domain,
		   (struct watch_calls){ .ctx = r, .changed = on_changed, .value = on_value });
	probe(r);
	read_states(r);
	connect_all(r, argv[6]);
	listen_to(r, r->watch.fd, &r->watch);
	listen_to(r, r->timer_fd, r);
	good = loop(r);
	arena_free(&a);
	return good ? 0 : 1;
}
