/* slice_fuzz.c - libFuzzer target: UTF-8 and numbers of slices against slower, plainer readings of the same rules. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Reads one character by the definition of RFC 3629: decode, then ask whether its length is the shortest. */
static size_t utf8_step_plain(const uint8_t *p, size_t len)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t bytes = p[0] < 0x80 ? 1 : (p[0] & 0xE0) == 0xC0 ? 2 : (p[0] & 0xF0) == 0xE0 ? 3 : (p[0] & 0xF8) == 0xF0 ? 4 : 0;
	uint32_t c;

	if (bytes == 0 || bytes > len)
		return 0;
	c = bytes == 1 ? p[0] : p[0] & (0xFFU >> (bytes + 1));
	for (size_t i = 1; i < bytes; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3F);
	}
	if (c < least[bytes] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		return 0;
	return bytes;
}

static void check_utf8(const uint8_t *data, size_t size)
{
	size_t at = 0;

	while (at < size) {
		size_t step = utf8_step_plain(data + at, size - at);

		must(slice_utf8_step(slice_of((const char *)data + at, size - at)) == step);
		if (step == 0)
			break;
		at += step;
	}
	must(slice_is_utf8(slice_of((const char *)data, size)) == (at == size));
}

/* What was read as a number must print as the same text: that holds only for the one canonical form. */
static void check_numbers(struct slice s)
{
	char text[24];
	uint64_t u, again;
	int64_t i;
	uint32_t id;

	if (slice_to_u64(s, UINT64_MAX, &u)) {
		snprintf(text, sizeof(text), "%" PRIu64, u);
		must(slice_eq(s, slice_str(text)));
		must(slice_to_u64(s, u, &again) && again == u);
		must(u == 0 || !slice_to_u64(s, u - 1, &again));
	}
	must(slice_to_id(s, &id) == (slice_to_u64(s, INT32_MAX, &u) && u > 0));
	if (slice_to_i64(s, &i)) {
		snprintf(text, sizeof(text), "%" PRId64, i);
		must(slice_eq(s, slice_str(text)));
	}
}

static void check_cuts(struct slice s)
{
	struct slice rest = s, trimmed = slice_trim(s);
	size_t total = 0, pieces = 0;

	while (rest.ptr != NULL) {
		total += slice_cut(&rest, ',').len;
		pieces++;
	}
	must(s.ptr == NULL || total + pieces - 1 == s.len);
	must(trimmed.len <= s.len && slice_eq(slice_trim(trimmed), trimmed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of exactly this size: reading beyond it is then seen */
	char *copy = size == 0 ? NULL : malloc(size);
	struct slice s = slice_of(copy, size);

	if (copy != NULL)
		memcpy(copy, data, size);
	check_utf8(copy == NULL ? data : (const uint8_t *)copy, s.len);
	check_numbers(s);
	check_cuts(s);
	free(copy);
	return 0;
}
