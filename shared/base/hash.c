/* hash.c - CRC-32, SHA-224, SHA-256 and FNV-1a, written from their standards. */
#include "shared/base/hash.h"

#include <string.h>

uint32_t hash_crc32(struct slice s)
{
	/* One entry per half byte: 64 bytes that stay in the cache, where the usual table has 1,024. */
	static const uint32_t table[16] = {
		0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
		0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
	};
	uint32_t crc = 0xFFFFFFFF;

	for (size_t i = 0; i < s.len; i++) {
		crc ^= (unsigned char)s.ptr[i];
		crc = table[crc & 15] ^ (crc >> 4);
		crc = table[crc & 15] ^ (crc >> 4);
	}
	return ~crc;
}

/* SHA-224 and SHA-256, named as in FIPS 180-4: a to h are v[0] to v[7], K the round constants. */
#define SHA_BLOCK 64

static const uint32_t sha_k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotr(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

/* The message schedule: 16 words of the block, then 48 made of those before. */
static void sha_schedule(const unsigned char *block, uint32_t w[64])
{
	for (int i = 0; i < 16; i++) {
		const unsigned char *p = block + 4 * i;

		w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	}
	for (int i = 16; i < 64; i++) {
		uint32_t s0 = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
		uint32_t s1 = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10;

		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
}

static void sha_block(uint32_t state[8], const unsigned char *block)
{
	uint32_t w[64], v[8];

	sha_schedule(block, w);
	memcpy(v, state, sizeof(v));
	for (int i = 0; i < 64; i++) {
		uint32_t s1 = rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25);
		uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
		uint32_t t1 = v[7] + s1 + choice + sha_k[i] + w[i];
		uint32_t s0 = rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22);
		uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);

		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += t1;
		v[0] = t1 + s0 + majority;
	}
	for (int i = 0; i < 8; i++)
		state[i] += v[i];
}

/* The last one or two blocks: what is left of the message, 0x80, zeros, length in bits. */
static void sha_tail(uint32_t state[8], const char *rest, size_t rest_len, uint64_t total_len)
{
	unsigned char tail[2 * SHA_BLOCK] = { 0 };
	size_t len = rest_len + 9 <= SHA_BLOCK ? SHA_BLOCK : 2 * SHA_BLOCK;

	if (rest_len > 0)
		memcpy(tail, rest, rest_len);
	tail[rest_len] = 0x80;
	for (int i = 0; i < 8; i++)
		tail[len - 1 - (size_t)i] = (unsigned char)(total_len * 8 >> 8 * i);
	for (size_t at = 0; at < len; at += SHA_BLOCK)
		sha_block(state, tail + at);
}

/* The first <bytes> of what comes out when <state> is fed with <s>. */
static void sha_run(uint32_t state[8], struct slice s, unsigned char *out, int bytes)
{
	size_t whole = s.len - s.len % SHA_BLOCK;

	for (size_t at = 0; at < whole; at += SHA_BLOCK)
		sha_block(state, (const unsigned char *)s.ptr + at);
	sha_tail(state, s.len == 0 ? NULL : s.ptr + whole, s.len - whole, s.len);
	for (int i = 0; i < bytes; i++)
		out[i] = (unsigned char)(state[i / 4] >> (24 - 8 * (i % 4)));
}

void hash_sha224(struct slice s, unsigned char out[HASH_SHA224_BYTES])
{
	uint32_t state[8] = {
		0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939, 0xffc00b31, 0x68581511, 0x64f98fa7, 0xbefa4fa4,
	};

	sha_run(state, s, out, HASH_SHA224_BYTES);
}

void hash_sha256(struct slice s, unsigned char out[HASH_SHA256_BYTES])
{
	uint32_t state[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	sha_run(state, s, out, HASH_SHA256_BYTES);
}

void hash_sha256_hex(struct slice s, char out[HASH_SHA256_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[HASH_SHA256_BYTES];

	hash_sha256(s, bytes);
	for (int i = 0; i < HASH_SHA256_HEX; i++)
		out[i] = digits[bytes[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
	out[HASH_SHA256_HEX] = '\0';
}

uint64_t hash_fnv64(struct slice s)
{
	uint64_t hash = 0xCBF29CE484222325;

	for (size_t i = 0; i < s.len; i++) {
		hash ^= (unsigned char)s.ptr[i];
		hash *= 0x100000001B3;
	}
	return hash;
}
