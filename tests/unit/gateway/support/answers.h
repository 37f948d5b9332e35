/* answers.h - for tests of names: messages of the domain name system, written by another hand than gateway/health/dns.c. Header only. */
#ifndef MOA_TESTS_UNIT_GATEWAY_SUPPORT_ANSWERS_H
#define MOA_TESTS_UNIT_GATEWAY_SUPPORT_ANSWERS_H

#include <arpa/inet.h>
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "shared/base/slice.h"

struct answer {
	uint8_t bytes[8192];
	size_t len;
};

static inline void answer_8(struct answer *a, unsigned n)
{
	assert(a->len < sizeof(a->bytes));
	a->bytes[a->len++] = (uint8_t)n;
}

static inline void answer_16(struct answer *a, unsigned n)
{
	answer_8(a, n >> 8);
	answer_8(a, n & 0xFF);
}

static inline void answer_raw(struct answer *a, const void *data, size_t len)
{
	assert(len <= sizeof(a->bytes) - a->len);
	memcpy(a->bytes + a->len, data, len);
	a->len += len;
}

/* "a.b" without compression; "@12" is a pointer to there, "a@12" a label and a pointer. */
static inline void answer_name(struct answer *a, const char *name)
{
	while (*name != '\0') {
		size_t len = strcspn(name, ".@");

		if (len > 0) {
			answer_8(a, (unsigned)len);
			answer_raw(a, name, len);
		}
		name += len;
		if (*name == '@') {
			uint64_t to;

			if (slice_to_u64(slice_str(name + 1), 0x3FFF, &to))
				answer_16(a, 0xC000 | (unsigned)to);
			return;
		}
		name += *name == '.';
	}
	answer_8(a, 0);
}

/* Header and question. <flags>: 0x8180 for a usual answer. */
static inline void answer_begin(struct answer *a, unsigned id, unsigned flags, const char *name, unsigned type)
{
	a->len = 0;
	answer_16(a, id);
	answer_16(a, flags);
	answer_16(a, 1);
	for (int i = 0; i < 3; i++)
		answer_16(a, 0);
	answer_name(a, name);
	answer_16(a, type);
	answer_16(a, 1);
}

/* A record of the answer section. */
static inline void answer_record(struct answer *a, const char *owner, unsigned type, const void *data, size_t len)
{
	a->bytes[7]++;
	answer_name(a, owner);
	answer_16(a, type);
	answer_16(a, 1);
	answer_16(a, 0);
	answer_16(a, 60);
	answer_16(a, (unsigned)len);
	answer_raw(a, data, len);
}

/* An address: A or AAAA by its form. */
static inline void answer_address(struct answer *a, const char *owner, const char *address)
{
	uint8_t bytes[16];
	int v4 = strchr(address, ':') == NULL;

	if (inet_pton(v4 ? AF_INET : AF_INET6, address, bytes) != 1)
		assert(0);
	answer_record(a, owner, v4 ? 1 : 28, bytes, v4 ? 4 : 16);
}

static inline void answer_alias(struct answer *a, const char *owner, const char *to)
{
	struct answer name = { .len = 0 };

	answer_name(&name, to);
	answer_record(a, owner, 5, name.bytes, name.len);
}

#endif
