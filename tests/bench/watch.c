/* watch.c - the RESP3 connection that benchmarks watch a Redis with: pushes of client tracking, and the reads they set off. */
#include "tests/bench/watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "shared/base/clock.h"

#define PROBE_KEY "bench:probe"
#define VERSION_LEN 16 /* an entry: 16 digits, then '+' or '-' */

static void die(const char *what)
{
	fprintf(stderr, "watch: %s: %s\n", what, strerror(errno));
	exit(1);
}

int watch_connect(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void send_all(int fd, const char *text, int len)
{
	if (send(fd, text, (size_t)len, MSG_NOSIGNAL) != len)
		die("send to Redis");
}

/* ---- RESP3: a value is a line, and for some kinds what the line counts ---- */

struct value {
	char kind;
	long long number;      /* of the line: an integer, a length or a count; -1 for nothing */
	const char *text;      /* behind the line */
	const char *end;       /* behind the value; of an array: of its head */
};

/* False: it has not arrived whole. */
static bool parse_head(const char *at, const char *end, struct value *v)
{
	const char *line = memchr(at, '\n', (size_t)(end - at));

	if (line == NULL)
		return false;
	*v = (struct value){ .kind = *at, .number = strtoll(at + 1, NULL, 10), .text = line + 1, .end = line + 1 };
	if (v->kind == '_')
		v->number = -1;
	if (v->kind == '$' && v->number >= 0)
		v->end += v->number + 2;
	return v->end <= end;
}

static bool is_group(const struct value *v)
{
	return v->kind == '*' || v->kind == '>' || v->kind == '%';
}

/* Where the value at <at> ends; NULL: it has not arrived whole. */
static const char *skip(const char *at, const char *end)
{
	long long open = 1;

	while (open > 0) {
		struct value v;

		if (!parse_head(at, end, &v))
			return NULL;
		open--;
		if (is_group(&v) && v.number > 0)
			open += v.number * (v.kind == '%' ? 2 : 1);
		at = v.end;
	}
	return at;
}

static void take_push(struct watch *w, const char *at, const char *end)
{
	struct value v;

	parse_head(at, end, &v);         /* >2 */
	parse_head(v.end, end, &v);      /* invalidate */
	parse_head(v.end, end, &v);      /* the keys */
	for (long long i = 0, n = v.number; i < n; i++) {
		struct slice key;

		parse_head(v.end, end, &v);
		key = slice_of(v.text, (size_t)v.number);
		if (slice_eq(key, SLICE_LIT(PROBE_KEY)))
			w->probed = true;
		w->calls.changed(w->calls.ctx, key);
	}
}

static void take_reply(struct watch *w, const char *at, const char *end)
{
	const struct watch_read *r = &w->reads[w->first];
	struct value v;

	if (*at == '-' || w->waiting == 0) {
		fprintf(stderr, "watch: Redis says %.*s\n", (int)strcspn(at, "\r"), at);
		exit(1);
	}
	w->first = (w->first + 1) % WATCH_READS_MAX;
	w->waiting--;
	parse_head(at, end, &v);
	for (size_t i = 0; i < r->count; i++) {
		parse_head(v.end, end, &v);
		w->calls.value(w->calls.ctx, r->tag, r->fields[i], v.number > VERSION_LEN && v.text[VERSION_LEN] == '+');
	}
}

void watch_receive(struct watch *w)
{
	ssize_t n = recv(w->fd, w->bytes + w->got, sizeof(w->bytes) - w->got, 0);
	const char *at = w->bytes, *end, *next;

	if (n <= 0)
		die("Redis closed the connection");
	end = w->bytes + w->got + n;
	for (; at < end && (next = skip(at, end)) != NULL; at = next) {
		if (*at == '>')
			take_push(w, at, end);
		else
			take_reply(w, at, end);
	}
	w->got = (size_t)(end - at);
	memmove(w->bytes, at, w->got);
}

/* ---- asking ---- */

void watch_read(struct watch *w, size_t tag, struct slice key, const uint32_t *fields, size_t count)
{
	struct watch_read *r = &w->reads[(w->first + w->waiting) % WATCH_READS_MAX];
	char text[64 + WATCH_FIELDS_MAX * 32];
	int len = snprintf(text, sizeof(text), "*%zu\r\n$5\r\nHMGET\r\n$%zu\r\n%.*s\r\n", count + 2, key.len, SLICE_ARG(key));

	if (w->waiting == WATCH_READS_MAX)
		die("too many reads");
	r->tag = tag;
	r->count = count;
	for (size_t i = 0; i < count; i++) {
		char field[16];
		int digits = snprintf(field, sizeof(field), "%u", fields[i]);

		r->fields[i] = fields[i];
		len += snprintf(text + len, sizeof(text) - (size_t)len, "$%d\r\n%s\r\n", digits, field);
	}
	w->waiting++;
	send_all(w->fd, text, len);
}

bool watch_reading(const struct watch *w)
{
	return w->waiting > 0;
}

int64_t watch_probe(struct watch *w)
{
	static const char set[] = "SET " PROBE_KEY " 1\r\n";
	const uint32_t field = 1;
	int64_t start_us = clock_mono_us();
	char ok[64];

	w->probed = false;
	send_all(w->probe_fd, set, (int)sizeof(set) - 1);
	while (!w->probed)
		watch_receive(w);
	watch_read(w, 0, SLICE_LIT("bench:none"), &field, 1);
	while (watch_reading(w))
		watch_receive(w);
	start_us = clock_mono_us() - start_us;
	if (recv(w->probe_fd, ok, sizeof(ok), 0) <= 0)
		die("Redis closed the connection");
	return start_us;
}

/* Reads lines until the one that answers CLIENT TRACKING: HELLO's own answer is a map. */
static void await_greeting(struct watch *w)
{
	const char *next = NULL;

	for (int answers = 0; answers < 2;) {
		ssize_t n = recv(w->fd, w->bytes + w->got, sizeof(w->bytes) - w->got, 0);

		if (n <= 0)
			die("Redis closed the connection");
		w->got += (size_t)n;
		while (answers < 2 && (next = skip(w->bytes, w->bytes + w->got)) != NULL) {
			if (w->bytes[0] == '-') {
				fprintf(stderr, "watch: Redis says %.*s\n", (int)strcspn(w->bytes, "\r"), w->bytes);
				exit(1);
			}
			w->got -= (size_t)(next - w->bytes);
			memmove(w->bytes, next, w->got);
			answers++;
		}
	}
}

void watch_open(struct watch *w, uint16_t port, const char *domain, struct watch_calls calls)
{
	char text[256];
	int len = snprintf(text, sizeof(text), "HELLO 3\r\nCLIENT TRACKING ON BCAST PREFIX m1:{%s: PREFIX bench:\r\n", domain);

	w->calls = calls;
	w->first = w->waiting = w->got = 0;
	w->fd = watch_connect(port);
	w->probe_fd = watch_connect(port);
	send_all(w->fd, text, len);
	await_greeting(w);
}
