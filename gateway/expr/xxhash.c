/* xxhash.c - XXH32, XXH64 and XXH3, written from their specification. */
#include "gateway/expr/xxhash.h"

static const uint32_t p32[5] = { 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1 };
static const uint64_t p64[5] = { 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5 };

/* Both read little endian. */
static uint32_t read_32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t read_64(const unsigned char *p)
{
	return read_32(p) | (uint64_t)read_32(p + 4) << 32;
}

static uint32_t turn_32(uint32_t n, int by)
{
	return n << by | n >> (32 - by);
}

static uint64_t turn_64(uint64_t n, int by)
{
	return n << by | n >> (64 - by);
}

/* ---- XXH32 ---- */

static uint32_t round_32(uint32_t lane, uint32_t input)
{
	return turn_32(lane + input * p32[1], 13) * p32[0];
}

uint32_t xxhash_32(struct slice s, uint32_t seed)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	uint32_t lanes[4] = { seed + p32[0] + p32[1], seed + p32[1], seed, seed - p32[0] };
	uint32_t h = seed + p32[4];
	size_t left = s.len;

	for (; left >= 16; left -= 16, p += 16) {
		for (int i = 0; i < 4; i++)
			lanes[i] = round_32(lanes[i], read_32(p + 4 * i));
	}
	if (s.len >= 16)
		h = turn_32(lanes[0], 1) + turn_32(lanes[1], 7) + turn_32(lanes[2], 12) + turn_32(lanes[3], 18);
	h += (uint32_t)s.len;
	for (; left >= 4; left -= 4, p += 4)
		h = turn_32(h + read_32(p) * p32[2], 17) * p32[3];
	for (; left > 0; left--, p++)
		h = turn_32(h + *p * p32[4], 11) * p32[0];
	h = (h ^ h >> 15) * p32[1];
	h = (h ^ h >> 13) * p32[2];
	return h ^ h >> 16;
}

/* ---- XXH64 ---- */

static uint64_t round_64(uint64_t lane, uint64_t input)
{
	return turn_64(lane + input * p64[1], 31) * p64[0];
}

static uint64_t avalanche_64(uint64_t h)
{
	h = (h ^ h >> 33) * p64[1];
	h = (h ^ h >> 29) * p64[2];
	return h ^ h >> 32;
}

uint64_t xxhash_64(struct slice s, uint64_t seed)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	uint64_t lanes[4] = { seed + p64[0] + p64[1], seed + p64[1], seed, seed - p64[0] };
	uint64_t h = seed + p64[4];
	size_t left = s.len;

	for (; left >= 32; left -= 32, p += 32) {
		for (int i = 0; i < 4; i++)
			lanes[i] = round_64(lanes[i], read_64(p + 8 * i));
	}
	if (s.len >= 32) {
		h = turn_64(lanes[0], 1) + turn_64(lanes[1], 7) + turn_64(lanes[2], 12) + turn_64(lanes[3], 18);
		for (int i = 0; i < 4; i++)
			h = (h ^ round_64(0, lanes[i])) * p64[0] + p64[3];
	}
	h += s.len;
	for (; left >= 8; left -= 8, p += 8)
		h = turn_64(h ^ round_64(0, read_64(p)), 27) * p64[0] + p64[3];
	for (; left >= 4; left -= 4, p += 4)
		h = turn_64(h ^ read_32(p) * p64[0], 23) * p64[1] + p64[2];
	for (; left > 0; left--, p++)
		h = turn_64(h ^ *p * p64[4], 11) * p64[0];
	return avalanche_64(h);
}

/* ---- XXH3: each range of lengths has its own way ---- */

#define SECRET_LEN 192
#define STRIPE_LEN 64
#define BLOCK_STRIPES ((SECRET_LEN - STRIPE_LEN) / 8)

static const unsigned char secret[SECRET_LEN] = {
	0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
	0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
	0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
	0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
	0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
	0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
	0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
	0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
	0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
	0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
	0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
	0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
};

static uint64_t avalanche_3(uint64_t h)
{
	h = (h ^ h >> 37) * 0x165667919E3779F9;
	return h ^ h >> 32;
}

/* The halves of the product of 128 bits, one over the other. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 wide;
	wide product = (wide)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t mix_16(const unsigned char *p, const unsigned char *key, uint64_t seed)
{
	return fold(read_64(p) ^ (read_64(key) + seed), read_64(p + 8) ^ (read_64(key + 8) - seed));
}

static uint64_t hash_to_3(const unsigned char *p, size_t len, uint64_t seed)
{
	uint32_t combined = (uint32_t)p[0] << 16 | (uint32_t)p[len / 2] << 24 | p[len - 1] | (uint32_t)len << 8;

	return avalanche_64(combined ^ ((read_32(secret) ^ read_32(secret + 4)) + seed));
}

static uint64_t hash_to_8(const unsigned char *p, size_t len, uint64_t seed)
{
	uint64_t turned = seed ^ (uint64_t)__builtin_bswap32((uint32_t)seed) << 32;
	uint64_t h = read_32(p + len - 4) | (uint64_t)read_32(p) << 32;

	h ^= (read_64(secret + 8) ^ read_64(secret + 16)) - turned;
	h ^= turn_64(h, 49) ^ turn_64(h, 24);
	h *= 0x9FB21C651E98DF25;
	h ^= (h >> 35) + len;
	h *= 0x9FB21C651E98DF25;
	return h ^ h >> 28;
}

static uint64_t hash_to_16(const unsigned char *p, size_t len, uint64_t seed)
{
	uint64_t low = read_64(p) ^ ((read_64(secret + 24) ^ read_64(secret + 32)) + seed);
	uint64_t high = read_64(p + len - 8) ^ ((read_64(secret + 40) ^ read_64(secret + 48)) - seed);

	return avalanche_3(len + __builtin_bswap64(low) + high + fold(low, high));
}

static uint64_t hash_to_128(const unsigned char *p, size_t len, uint64_t seed)
{
	uint64_t h = len * p64[0];

	for (size_t i = 0; i <= (len - 1) / 32; i++) {
		h += mix_16(p + 16 * i, secret + 32 * i, seed);
		h += mix_16(p + len - 16 * (i + 1), secret + 32 * i + 16, seed);
	}
	return avalanche_3(h);
}

static uint64_t hash_to_240(const unsigned char *p, size_t len, uint64_t seed)
{
	uint64_t h = len * p64[0];

	for (size_t i = 0; i < 8; i++)
		h += mix_16(p + 16 * i, secret + 16 * i, seed);
	h = avalanche_3(h);
	for (size_t i = 8; i < len / 16; i++)
		h += mix_16(p + 16 * i, secret + 16 * (i - 8) + 3, seed);
	return avalanche_3(h + mix_16(p + len - 16, secret + 119, seed));
}

static void accumulate(uint64_t lanes[8], const unsigned char *p, const unsigned char *key)
{
	for (int i = 0; i < 8; i++) {
		uint64_t input = read_64(p + 8 * i), keyed = input ^ read_64(key + 8 * i);

		lanes[i ^ 1] += input;
		lanes[i] += (keyed & 0xFFFFFFFF) * (keyed >> 32);
	}
}

static void scramble(uint64_t lanes[8], const unsigned char *key)
{
	for (int i = 0; i < 8; i++)
		lanes[i] = (lanes[i] ^ lanes[i] >> 47 ^ read_64(key + 8 * i)) * p32[0];
}

/* The secret of a seed: words in turn plus and minus the seed. */
static void make_key(unsigned char key[SECRET_LEN], uint64_t seed)
{
	for (int at = 0; at < SECRET_LEN; at += 8) {
		uint64_t word = at % 16 == 0 ? read_64(secret + at) + seed : read_64(secret + at) - seed;

		for (int i = 0; i < 8; i++)
			key[at + i] = (unsigned char)(word >> 8 * i);
	}
}

static uint64_t hash_long(const unsigned char *p, size_t len, uint64_t seed)
{
	uint64_t lanes[8] = { p32[2], p64[0], p64[1], p64[2], p64[3], p32[1], p64[4], p32[0] };
	size_t stripes = (len - 1) / STRIPE_LEN;
	uint64_t h = len * p64[0];
	unsigned char key[SECRET_LEN];

	make_key(key, seed);
	for (size_t i = 0; i < stripes; i++) {
		accumulate(lanes, p + i * STRIPE_LEN, key + 8 * (i % BLOCK_STRIPES));
		if (i % BLOCK_STRIPES == BLOCK_STRIPES - 1)
			scramble(lanes, key + SECRET_LEN - STRIPE_LEN);
	}
	accumulate(lanes, p + len - STRIPE_LEN, key + SECRET_LEN - STRIPE_LEN - 7);
	for (int i = 0; i < 8; i += 2)
		h += fold(lanes[i] ^ read_64(key + 11 + 8 * i), lanes[i + 1] ^ read_64(key + 19 + 8 * i));
	return avalanche_3(h);
}

uint64_t xxhash_3(struct slice s, uint64_t seed)
{
	const unsigned char *p = (const unsigned char *)s.ptr;

	if (s.len == 0)
		return avalanche_64(seed ^ read_64(secret + 56) ^ read_64(secret + 64));
	if (s.len <= 3)
		return hash_to_3(p, s.len, seed);
	if (s.len <= 8)
		return hash_to_8(p, s.len, seed);
	if (s.len <= 16)
		return hash_to_16(p, s.len, seed);
	if (s.len <= 128)
		return hash_to_128(p, s.len, seed);
	if (s.len <= 240)
		return hash_to_240(p, s.len, seed);
	return hash_long(p, s.len, seed);
}
