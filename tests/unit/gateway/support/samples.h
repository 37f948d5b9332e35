/* samples.h - for tests: samples of each type in one expression. Header only. */
#ifndef MOA_TESTS_UNIT_GATEWAY_SUPPORT_SAMPLES_H
#define MOA_TESTS_UNIT_GATEWAY_SUPPORT_SAMPLES_H

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include "gateway/expr/sample.h"

static inline struct sample sample_of_text(const char *text)
{
	struct sample s = { .type = SAMPLE_STR, .text = slice_str(text) };

	return s;
}

static inline struct sample sample_of_bytes(const char *bytes, size_t len)
{
	struct sample s = { .type = SAMPLE_BIN, .text = slice_of(bytes, len) };

	return s;
}

static inline struct sample sample_of_number(int64_t n)
{
	struct sample s = { .type = SAMPLE_INT, .integer = n };

	return s;
}

static inline struct sample sample_of_bool(bool b)
{
	struct sample s = { .type = SAMPLE_BOOL, .boolean = b };

	return s;
}

static inline struct sample sample_of_address(const char *text)
{
	struct sample s = { .type = SAMPLE_ADDR };
	struct sockaddr_in *in = (struct sockaddr_in *)&s.addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&s.addr;

	s.addr.ss_family = strchr(text, ':') == NULL ? AF_INET : AF_INET6;
	if (inet_pton(s.addr.ss_family, text, s.addr.ss_family == AF_INET ? (void *)&in->sin_addr : (void *)&in6->sin6_addr) != 1)
		abort();
	return s;
}

#endif
