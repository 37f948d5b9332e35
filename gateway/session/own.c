/* own.c - fields that options add to a request or response, the facts of the consistency token, and the retry budget. */
#include "gateway/session/own.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "gateway/admin/kin.h"
#include "gateway/expr/format.h"
#include "gateway/model/own.h"
#include "gateway/model/proxy.h"
#include "gateway/session/stream.h"
#include "gateway/session/worker.h"
#include "gateway/table/tokens.h"

/* ---- option forwardfor ---- */

static bool in_network(const struct sockaddr_storage *from, const struct forwardfor *f)
{
	const uint8_t *address = from->ss_family == AF_INET ? (const uint8_t *)&((const struct sockaddr_in *)from)->sin_addr
							    : (const uint8_t *)&((const struct sockaddr_in6 *)from)->sin6_addr;
	unsigned whole = f->except_prefix / 8, rest = f->except_prefix % 8;

	if (!f->has_except || f->except_family_bits[0] != (from->ss_family == AF_INET ? 4 : 6))
		return false;
	if (memcmp(address, f->except_family_bits + 1, whole) != 0)
		return false;
	return rest == 0 || ((address[whole] ^ f->except_family_bits[1 + whole]) >> (8 - rest)) == 0;
}

static bool add_forwarded(struct stream *s, const struct forwardfor *f)
{
	const struct sockaddr_storage *from = exchange_source(&s->x);
	char text[INET6_ADDRSTRLEN];
	const void *address = from->ss_family == AF_INET ? (const void *)&((const struct sockaddr_in *)from)->sin_addr
							 : (const void *)&((const struct sockaddr_in6 *)from)->sin6_addr;

	if (!f->on || (from->ss_family != AF_INET && from->ss_family != AF_INET6) || in_network(from, f))
		return true;
	if (f->if_none && http_field_find(&s->x.request, f->header, 0) != NULL)
		return true;
	if (inet_ntop(from->ss_family, address, text, sizeof(text)) == NULL)
		return true;
	return http_field_add(&s->x.request, f->header, arena_copy(s->x.arena, slice_str(text)));
}

/* ---- option trace-context ---- */

static bool hex(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
			return false;
	}
	return s.len > 0;
}

static bool all_zero(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] != '0')
			return false;
	}
	return true;
}

/* version "00", 32 digits of trace, 16 of parent, 2 of flags: W3C Trace Context, 3.2. */
static bool traceparent_valid(struct slice v)
{
	struct slice version = slice_cut(&v, '-'), trace = slice_cut(&v, '-'), parent = slice_cut(&v, '-');

	return version.len == 2 && hex(version) && !slice_eq(version, SLICE_LIT("ff")) && trace.len == 32 && hex(trace) && !all_zero(trace) &&
	       parent.len == 16 && hex(parent) && !all_zero(parent) && v.len >= 2 && hex(slice_sub(v, 0, 2)) &&
	       (v.len == 2 || (v.ptr[2] == '-' && !slice_eq(version, SLICE_LIT("00"))));
}

/* A valid traceparent is passed on; otherwise a new trace begins here. */
static bool add_trace(struct stream *s)
{
	static const struct slice name = SLICE("traceparent");
	struct http_field *f = http_field_find(&s->x.request, name, 0);
	struct worker *w = s->x.worker;
	char text[55], *at;
	struct slice made;

	if (f != NULL && traceparent_valid(f->value) && http_field_find(&s->x.request, name, (unsigned)(f - s->x.request.fields) + 1) == NULL)
		return true;
	http_field_remove_all(&s->x.request, name);
	http_field_remove_all(&s->x.request, SLICE_LIT("tracestate"));
	memcpy(text, "00-", 3);
	at = slice_put_hex(text + 3, worker_random(w), 16);
	at = slice_put_hex(at, worker_random(w) | 1, 16);
	*at++ = '-';
	at = slice_put_hex(at, worker_random(w) | 1, 16);
	memcpy(at, "-01", 3);
	made = arena_copy(s->x.arena, slice_of(text, sizeof(text)));
	return made.ptr != NULL && http_field_add(&s->x.request, name, made);
}

/* ---- consistency-token ---- */

static struct slice token_of(const struct stream *s)
{
	const struct consistency *c = s->x.frontend->consistency;
	const struct http_field *f = c != NULL ? http_field_find(&s->x.request, c->token_header, 0) : NULL;

	return f != NULL ? f->value : SLICE_NONE;
}

/* The next field of that name behind <f>, or the first; NULL: no more. */
static const struct http_field *next_field(const struct http_head *h, struct slice name, const struct http_field *f)
{
	return http_field_find(h, name, f != NULL ? (unsigned)(f - h->fields) + 1 : 0);
}

/* All fields of that name as one list (RFC 9110, 5.2). SLICE_NONE: there is none, or no room for it. */
static struct slice joined(struct stream *s, const struct http_head *h, struct slice name)
{
	const struct http_field *first = next_field(h, name, NULL), *f;
	size_t most = 0, len = 0;
	char *out;

	if (first == NULL || next_field(h, name, first) == NULL)
		return first != NULL ? first->value : SLICE_NONE;
	for (f = first; f != NULL; f = next_field(h, name, f))
		most += f->value.len + 1;
	out = arena_alloc(s->x.arena, most);
	for (f = first; f != NULL && out != NULL; f = next_field(h, name, f)) {
		memcpy(out + len, f->value.ptr, f->value.len);
		len += f->value.len;
		out[len++] = ',';
	}
	return out != NULL ? slice_of(out, len - 1) : SLICE_NONE;
}

static bool add_facts(struct stream *s)
{
	const struct consistency *c = s->x.frontend->consistency;
	struct slice token = token_of(s), value;
	char facts[TOKENS_VALUE_MOST];
	size_t len;

	if (token.len == 0)
		return true;
	kin_hear(s->x.worker->gateway);
	len = tokens_for_request(s->x.worker->gateway->tokens, token, joined(s, &s->x.request, c->fact_header), loop_now_ms(s->x.worker->loop),
				 facts, sizeof(facts));
	http_field_remove_all(&s->x.request, c->fact_header);
	if (len == 0)
		return true;
	value = arena_copy(s->x.arena, slice_of(facts, len));
	return value.ptr != NULL && http_field_add(&s->x.request, c->fact_header, value);
}

void own_see_response(struct stream *s)
{
	const struct consistency *c = s->x.frontend->consistency;
	struct slice token = token_of(s), made, degraded;

	if (token.len == 0)
		return;
	made = joined(s, &s->x.response, c->fact_header);
	degraded = joined(s, &s->x.response, SLICE_LIT("Degraded"));
	/* Also when it has neither: that too was heard. */
	tokens_of_response(s->x.worker->gateway->tokens, token, made, degraded, loop_now_ms(s->x.worker->loop));
	if (made.len > 0)
		kin_tell(s->x.worker->gateway, token, made);
}

/* ---- all of them ---- */

static bool add_unique_id(struct stream *s)
{
	const struct proxy *f = s->x.frontend;
	struct slice id;

	if (f->unique_id_header.len == 0 || f->unique_id_format == NULL)
		return true;
	id = format_unique_id(&s->x);
	return id.ptr != NULL && http_field_add(&s->x.request, f->unique_id_header, id);
}

bool own_prepare_request(struct stream *s)
{
	struct proxy *f = s->x.frontend, *b = s->x.backend;
	bool ok = add_unique_id(s);

	ok = ok && add_forwarded(s, f->forwardfor.on ? &f->forwardfor : &b->forwardfor);
	if (f->trace_context || b->trace_context)
		ok = ok && add_trace(s);
	if (f->consistency != NULL)
		ok = ok && add_facts(s);
	return ok;
}

void own_finish_response(struct stream *s)
{
	static const struct slice names[3] = { SLICE("RateLimit-Limit"), SLICE("RateLimit-Remaining"), SLICE("RateLimit-Reset") };

	if (s->x.limit_header[0][0] == '\0')
		return;
	for (int i = 0; i < 3; i++)
		http_field_add(&s->x.response, names[i], slice_str(s->x.limit_header[i]));
}

/* ---- retry-budget ---- */

#define FULL_S 10
#define LEAST_FULL 10 /* retries */

static int64_t full_milli(const struct retry_budget *b)
{
	int64_t full = (int64_t)b->least * FULL_S;

	return (full > LEAST_FULL ? full : LEAST_FULL) * 1000;
}

static void add_milli(struct retry_budget *b, int64_t more)
{
	int64_t full = full_milli(b), now = atomic_load_explicit(&b->milli, memory_order_relaxed);

	while (now < full && !atomic_compare_exchange_weak_explicit(&b->milli, &now, now + more < full ? now + more : full,
								    memory_order_relaxed, memory_order_relaxed))
		;
}

void own_pay_retries(struct stream *s)
{
	struct retry_budget *b = s->x.backend->backend.budget;

	if (b != NULL)
		add_milli(b, (int64_t)b->percent * 10);
}

/* What "min" gives for the time since it was last given. */
static void pay_time(struct retry_budget *b, int64_t now_ms)
{
	int64_t filled = atomic_load_explicit(&b->filled_ms, memory_order_relaxed);

	if (now_ms > filled && atomic_compare_exchange_strong(&b->filled_ms, &filled, now_ms)) {
		int64_t passed_ms = filled == 0 || now_ms - filled > FULL_S * 1000 ? FULL_S * 1000 : now_ms - filled;

		add_milli(b, passed_ms * b->least);
	}
}

bool own_may_take_retry(struct stream *s)
{
	struct retry_budget *b = s->x.backend->backend.budget;

	if (b == NULL)
		return true;
	pay_time(b, loop_now_ms(s->x.worker->loop));
	return atomic_load_explicit(&b->milli, memory_order_relaxed) >= 1000;
}

bool own_take_retry(struct stream *s)
{
	struct retry_budget *b = s->x.backend->backend.budget;
	int64_t now;

	if (b == NULL)
		return true;
	now = atomic_load_explicit(&b->milli, memory_order_relaxed);
	while (now >= 1000) {
		if (atomic_compare_exchange_weak(&b->milli, &now, now - 1000))
			return true;
	}
	return false;
}

const char *own_failure_text(int status)
{
	switch (status) {
	case 502:
		return "The server's answer was not understood, or there was none.";
	case 503:
		return "No server could be reached.";
	case 504:
		return "The server did not answer in time.";
	default:
		return NULL;
	}
}
