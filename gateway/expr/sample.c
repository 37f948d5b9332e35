/* sample.c - casts between the types of samples, and the readers of numbers and addresses that they need. */
#include "gateway/expr/sample.h"

#include <arpa/inet.h>
#include <string.h>
#include "gateway/session/exchange.h"
#include "shared/base/buf.h"

bool sample_set_int(struct sample *s, int64_t n)
{
	s->type = SAMPLE_INT;
	s->integer = n;
	return true;
}

bool sample_set_bool(struct sample *s, bool b)
{
	s->type = SAMPLE_BOOL;
	s->boolean = b;
	return true;
}

bool sample_set_text(struct sample *s, struct slice text)
{
	s->type = SAMPLE_STR;
	s->text = text;
	return text.ptr != NULL;
}

bool sample_set_binary(struct sample *s, struct slice bytes)
{
	s->type = SAMPLE_BIN;
	s->text = bytes;
	return bytes.ptr != NULL;
}

bool sample_set_addr(struct sample *s, const struct sockaddr_storage *from)
{
	s->type = SAMPLE_ADDR;
	if (from->ss_family == AF_INET)
		memcpy(&s->addr, from, sizeof(struct sockaddr_in));
	else if (from->ss_family == AF_INET6)
		memcpy(&s->addr, from, sizeof(struct sockaddr_in6));
	else
		return false;
	return true;
}

int64_t sample_text_number(struct slice text, size_t *used)
{
	uint64_t n = 0, most = (uint64_t)INT64_MAX;
	bool negative = false, full = false;
	size_t i = 0;

	if (text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+')) {
		negative = text.ptr[0] == '-';
		i++;
	}
	if (negative)
		most++;
	for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++) {
		unsigned digit = (unsigned)(text.ptr[i] - '0');

		full = full || n > (most - digit) / 10;
		if (!full)
			n = n * 10 + digit;
	}
	if (used != NULL)
		*used = i;
	if (full)
		n = most;
	return negative ? (int64_t)(0 - n) : (int64_t)n;
}

bool sample_text_addr(struct slice text, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *v6 = (void *)out;
	struct sockaddr_in *v4 = (void *)out;
	char copy[INET6_ADDRSTRLEN];

	if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.ptr, '\0', text.len) != NULL)
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	memset(out, 0, sizeof(*v6));
	if (memchr(text.ptr, ':', text.len) != NULL) {
		v6->sin6_family = AF_INET6;
		return inet_pton(AF_INET6, copy, &v6->sin6_addr) == 1;
	}
	v4->sin_family = AF_INET;
	return inet_pton(AF_INET, copy, &v4->sin_addr) == 1;
}

struct slice sample_addr_text(struct exchange *x, const struct sockaddr_storage *a)
{
	const void *bytes = a->ss_family == AF_INET ? (const void *)&((const struct sockaddr_in *)(const void *)a)->sin_addr
						    : (const void *)&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
	char *text = arena_alloc(x->arena, INET6_ADDRSTRLEN);

	if (text == NULL || inet_ntop(a->ss_family, bytes, text, INET6_ADDRSTRLEN) == NULL)
		return SLICE_NONE;
	return slice_str(text);
}

/* ---- to each type ---- */

static bool addr_to_number(const struct sockaddr_storage *a, int64_t *n)
{
	if (a->ss_family != AF_INET)
		return false;
	*n = ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr);
	return true;
}

static bool to_int(struct sample *s)
{
	switch (s->type) {
	case SAMPLE_BOOL:
		return sample_set_int(s, s->boolean);
	case SAMPLE_ADDR: {
		int64_t n;

		return addr_to_number(&s->addr, &n) && sample_set_int(s, n);
	}
	case SAMPLE_STR:
		return s->text.len > 0 && sample_set_int(s, sample_text_number(s->text, NULL));
	default:
		return s->type == SAMPLE_INT;
	}
}

static bool to_bool(struct sample *s)
{
	if (s->type == SAMPLE_BOOL)
		return true;
	return s->type != SAMPLE_ADDR && to_int(s) && sample_set_bool(s, s->integer != 0);
}

static bool to_addr(struct sample *s)
{
	if (s->type == SAMPLE_INT) {
		struct sockaddr_in *v4 = (void *)&s->addr;

		memset(v4, 0, sizeof(*v4));
		v4->sin_family = AF_INET;
		v4->sin_addr.s_addr = htonl((uint32_t)s->integer);
	} else if (s->type == SAMPLE_STR) {
		if (!sample_text_addr(s->text, &s->addr))
			return false;
	} else {
		return s->type == SAMPLE_ADDR;
	}
	s->type = SAMPLE_ADDR;
	return true;
}

static struct slice number_text(struct exchange *x, int64_t n)
{
	char space[24];
	struct buf out;

	buf_init_fixed(&out, space, sizeof(space));
	buf_add_i64(&out, n);
	return arena_copy(x->arena, buf_slice(&out));
}

static bool to_text(struct exchange *x, struct sample *s)
{
	switch (s->type) {
	case SAMPLE_BOOL:
		return sample_set_text(s, s->boolean ? SLICE_LIT("1") : SLICE_LIT("0"));
	case SAMPLE_INT:
		return sample_set_text(s, number_text(x, s->integer));
	case SAMPLE_ADDR:
		return sample_set_text(s, sample_addr_text(x, &s->addr));
	case SAMPLE_BIN: {
		/* a text ends at a NUL, so that what is compared and what is written are the same */
		return sample_set_text(s, slice_of(s->text.ptr, slice_find(s->text, '\0')));
	}
	case SAMPLE_METHOD:
	case SAMPLE_STR:
		return sample_set_text(s, s->text);
	default:
		return false;
	}
}

static bool to_binary(struct exchange *x, struct sample *s)
{
	if (s->type == SAMPLE_ADDR) {
		const struct sockaddr_in6 *v6 = (const void *)&s->addr;
		const struct sockaddr_in *v4 = (const void *)&s->addr;
		bool four = s->addr.ss_family == AF_INET;

		return sample_set_binary(s, arena_copy(x->arena, four ? slice_of((const char *)&v4->sin_addr, 4)
								    : slice_of((const char *)&v6->sin6_addr, 16)));
	}
	if (s->type == SAMPLE_INT || s->type == SAMPLE_BOOL) {
		uint64_t n = s->type == SAMPLE_BOOL ? (uint64_t)s->boolean : (uint64_t)s->integer;
		char bytes[8];

		for (int i = 7; i >= 0; i--, n >>= 8)
			bytes[i] = (char)(n & 0xFF);
		return sample_set_binary(s, arena_copy(x->arena, slice_of(bytes, sizeof(bytes))));
	}
	return s->type != SAMPLE_ANY && sample_set_binary(s, s->text);
}

bool sample_cast(struct exchange *x, struct sample *s, enum sample_type to)
{
	if (s->type == to || to == SAMPLE_ANY)
		return true;
	switch (to) {
	case SAMPLE_BOOL:
		return to_bool(s);
	case SAMPLE_INT:
		return to_int(s);
	case SAMPLE_ADDR:
		return to_addr(s);
	case SAMPLE_STR:
		return to_text(x, s);
	case SAMPLE_BIN:
		return to_binary(x, s);
	case SAMPLE_METHOD:
		if (s->type != SAMPLE_STR && s->type != SAMPLE_BIN)
			return false;
		s->type = SAMPLE_METHOD;
		return true;
	default:
		return false;
	}
}

bool sample_castable(enum sample_type from, enum sample_type to)
{
	/* rows: from; columns: to ANY, BOOL, INT, ADDR, STR, BIN, METHOD */
	static const char table[][8] = {
		[SAMPLE_ANY] = "yyyyyyy",    [SAMPLE_BOOL] = "yyy-yy-", [SAMPLE_INT] = "yyyyyy-", [SAMPLE_ADDR] = "y-yyyy-",
		[SAMPLE_STR] = "yyyyyyy",    [SAMPLE_BIN] = "y---yyy",  [SAMPLE_METHOD] = "y---yyy",
	};

	return table[from][to] == 'y';
}

const char *sample_type_name(enum sample_type t)
{
	static const char *const names[] = {
		[SAMPLE_ANY] = "any",       [SAMPLE_BOOL] = "boolean", [SAMPLE_INT] = "integer",   [SAMPLE_ADDR] = "address",
		[SAMPLE_STR] = "string",    [SAMPLE_BIN] = "binary",   [SAMPLE_METHOD] = "method",
	};

	return names[t];
}
