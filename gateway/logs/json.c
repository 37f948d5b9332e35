/* json.c - an exchange as one JSON object. */
#include "gateway/logs/json.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "gateway/model/proxy.h"
#include "gateway/session/exchange.h"
#include "shared/base/clock.h"
#include "shared/base/jsonw.h"

/* Most bytes of what others chose, once it is escaped. The target, at the end, gets what is left: 140 at the least. */
#define METHOD_MOST 16
#define ID_MOST 64
#define NAME_MOST 48
#define TARGET_AROUND (sizeof(",\"target\":\"\"}") - 1)

/* How long the character at the start of <s> is once it is escaped; *bytes: of it. What is no UTF-8 becomes U+FFFD. */
static size_t escaped_len(struct slice s, size_t *bytes)
{
	unsigned char c = (unsigned char)s.ptr[0];

	*bytes = 1;
	if (c >= 0x80) {
		size_t step = slice_utf8_step(s);

		*bytes = step > 0 ? step : 1;
		return step > 0 ? step : 3;
	}
	return c < 0x20 ? 6 : c == '"' || c == '\\' ? 2 : 1;
}

/* How many bytes of <s> to take, whole characters, so that they need at most <most> once they are escaped. */
static size_t fits(struct slice s, size_t most)
{
	size_t len = 0, at = 0, bytes;

	while (at < s.len) {
		len += escaped_len(slice_sub(s, at, s.len), &bytes);
		if (len > most)
			break;
		at += bytes;
	}
	return at;
}

static void text(struct jsonw *w, const char *key, struct slice value, size_t most)
{
	if (value.len == 0)
		return;
	jsonw_key(w, key);
	jsonw_string(w, slice_sub(value, 0, fits(value, most)));
}

static void number(struct jsonw *w, const char *key, uint64_t n)
{
	jsonw_key(w, key);
	jsonw_u64(w, n);
}

/* From one moment to another, when both came. */
static void span(struct jsonw *w, const char *key, int64_t from_us, int64_t to_us)
{
	if (from_us <= 0 || to_us < from_us)
		return;
	jsonw_key(w, key);
	jsonw_double(w, (double)(to_us - from_us) / 1000);
}

static void client(struct jsonw *w, const struct sockaddr_storage *from)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
	bool is_six = from->ss_family == AF_INET6;
	char space[INET6_ADDRSTRLEN];

	if (from->ss_family != AF_INET && !is_six)
		return;
	if (inet_ntop(from->ss_family, is_six ? (const void *)&six->sin6_addr : (const void *)&four->sin_addr, space, sizeof(space)) == NULL)
		return;
	text(w, "client", slice_str(space), sizeof(space));
	number(w, "client_port", ntohs(is_six ? six->sin6_port : four->sin_port));
}

static void request(struct jsonw *w, const struct exchange *x)
{
	text(w, "method", x->request_line[0], METHOD_MOST);
	text(w, "version", x->request_line[2], ID_MOST);
}

static void header(struct jsonw *w, const struct exchange *x, const char *key, struct slice name)
{
	const struct http_field *f = http_field_find(&x->request, name, 0);

	if (f != NULL)
		text(w, key, f->value, ID_MOST);
}

static void route(struct jsonw *w, const struct exchange *x)
{
	text(w, "frontend", x->frontend->name, NAME_MOST);
	if (x->backend != NULL)
		text(w, "backend", x->backend->name, NAME_MOST);
	if (x->server != NULL)
		text(w, "server", x->server->name, NAME_MOST);
}

static void times(struct jsonw *w, const struct exchange_times *t)
{
	span(w, "request_ms", t->first_byte_us, t->request_us);
	span(w, "queue_ms", t->request_us, t->queue_us);
	span(w, "connect_ms", t->queue_us, t->connect_us);
	span(w, "response_ms", t->connect_us, t->response_us);
	span(w, "total_ms", t->first_byte_us, t->end_us);
}

void log_json_write(const struct exchange *x, struct buf *out)
{
	const char state[2] = { x->cause, x->stage };
	size_t start = out->len;
	char when[CLOCK_ISO_LEN + 1];
	struct jsonw w;

	clock_iso(x->t.wall_us, when);
	jsonw_init(&w, out);
	jsonw_object(&w);
	text(&w, "time", slice_str(when), sizeof(when));
	client(&w, exchange_source(x));
	route(&w, x);
	request(&w, x);
	number(&w, "status", (uint64_t)(x->status > 0 ? x->status : 0));
	number(&w, "bytes_in", x->bytes_in);
	number(&w, "bytes_out", x->bytes_out);
	times(&w, &x->t);
	text(&w, "state", slice_of(state, sizeof(state)), sizeof(state));
	if (x->retries > 0)
		number(&w, "retries", x->retries);
	header(&w, x, "request_id", SLICE_LIT("X-Request-Id"));
	header(&w, x, "traceparent", SLICE_LIT("traceparent"));
	text(&w, "target", x->request_line[1], LOG_JSON_MOST - (out->len - start) - TARGET_AROUND);
	jsonw_object_end(&w);
}
